/*
 * Bytes of files go straight from libmicrohttpd's buffer into the spool; names and small texts into
 * the request's arena. Repeated fields behave as in the old framework: the last `file` wins,
 * whether it came as a file or as a text.
 */
#include "api/upload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/urlencoded.h"
#include "base/text.h"

/* --- parts -------------------------------------------------------------------------------------
 */

static bool is_context(const struct upload *upload, const char *name)
{
    return upload->form->context_name && strcmp(name, upload->form->context_name) == 0;
}

static void drop_main(struct upload *upload)
{
    spool_file_free(upload->files[0].file);
    upload->files[0] = (struct input_file){0};
}

/* A text that came after the file of its name hides it, and the other way round. */
static void drop_texts(struct upload *upload, const char *name)
{
    for (struct upload_text **link = &upload->texts; *link;) {
        if (strcmp((*link)->name, name) == 0)
            *link = (*link)->next;
        else
            link = &(*link)->next;
    }
}

static enum err on_part(void *context, const struct multipart_part *part, struct error *error)
{
    (void)error;
    struct upload *upload = context;
    upload->part_file = (struct input_file){0};
    upload->part_name = NULL;
    if (!part->filename) {
        upload->part_name = arena_strdup(upload->arena, part->name);
        buffer_reset(&upload->part_value);
        return OK;
    }
    upload->part_is_main = strcmp(part->name, upload->form->file_name) == 0;
    if (upload->part_is_main || is_context(upload, part->name)) {
        upload->part_file.name = arena_strdup(upload->arena, part->filename);
        upload->part_file.content_type = arena_strdup(upload->arena, part->content_type);
        upload->part_file.file = spool_file_new(upload->spool, upload->body_bytes);
    }
    return OK;
}

static enum err on_data(void *context, const char *bytes, size_t length, struct error *error)
{
    struct upload *upload = context;
    if (upload->part_file.file) {
        spool_file_append(upload->part_file.file, bytes, length);
        if (upload->part_file.file->error.code != OK) {
            *error = upload->part_file.file->error;
            return error->code;
        }
        return OK;
    }
    const size_t room = UPLOAD_TEXT_KEPT - upload->part_value.length;
    if (upload->part_name)
        return buffer_append(&upload->part_value, bytes, length < room ? length : room);
    return OK;
}

static void keep_file(struct upload *upload)
{
    spool_file_finish(upload->part_file.file);
    if (upload->part_is_main) {
        drop_main(upload);
        drop_texts(upload, upload->form->file_name);
        upload->files[0] = upload->part_file;
    } else {
        upload->context_fields++;
        upload->files[upload->file_count++] = upload->part_file;
    }
    upload->part_file = (struct input_file){0};
}

static const char *clean_value(struct upload *upload)
{
    const struct buffer *value = &upload->part_value;
    struct buffer clean;
    buffer_init(&clean, UPLOAD_TEXT_KEPT);
    const enum err err = text_clean(value->data, value->length, &clean);
    assert(err == OK || err == ERR_LIMIT); /* replacements made it longer: cut at a character */
    (void)err;
    const char *copy = arena_strndup(upload->arena, clean.data, clean.length);
    buffer_clear(&clean);
    return copy;
}

static void keep_text(struct upload *upload, const char *name)
{
    const bool context = is_context(upload, name);
    if (context)
        upload->context_fields++;
    if (strcmp(name, upload->form->file_name) == 0) {
        drop_main(upload);
        drop_texts(upload, name);
    }
    if (upload->text_count == UPLOAD_TEXTS_MAX)
        return;
    upload->text_count++;
    struct upload_text *text = arena_new(upload->arena, struct upload_text);
    text->name = name;
    text->value = clean_value(upload);
    text->index = context ? upload->context_fields - 1 : 0;
    text->next = upload->texts;
    upload->texts = text;
}

static enum err on_part_end(void *context, struct error *error)
{
    (void)error;
    struct upload *upload = context;
    if (upload->part_file.file)
        keep_file(upload);
    else if (upload->part_name)
        keep_text(upload, upload->part_name);
    return OK;
}

static const struct multipart_sink sink = {on_part, on_data, on_part_end};

static enum err on_field(void *context, const char *name, const char *value, struct error *error)
{
    (void)error;
    struct upload *upload = context;
    const size_t length = strlen(value);
    buffer_reset(&upload->part_value);
    const enum err err = buffer_append(&upload->part_value, value,
                                       length < UPLOAD_TEXT_KEPT ? length : UPLOAD_TEXT_KEPT);
    if (err == OK)
        keep_text(upload, arena_strdup(upload->arena, name));
    return err;
}

/* --- the upload ----------------------------------------------------------------------------------
 */

static bool media_type_is(const char *content_type, const char *type)
{
    const size_t length = strcspn(content_type, "; \t");
    return length == strlen(type) && strncasecmp(content_type, type, length) == 0;
}

enum err upload_new(struct spool *spool, const struct config *config, struct arena *arena,
                    const char *content_type, uint64_t body_bytes, const struct upload_form *form,
                    struct error *error, struct upload **out)
{
    struct upload *upload = arena_new(arena, struct upload);
    upload->spool = spool;
    upload->config = config;
    upload->arena = arena;
    upload->form = form;
    upload->body_bytes = body_bytes;
    upload->kind = UPLOAD_NO_FORM;
    upload->file_count = 1;
    upload->files = arena_zalloc(arena, (size_t)config->files_max + 1, sizeof(*upload->files));
    buffer_init(&upload->part_value, UPLOAD_TEXT_KEPT);
    buffer_init(&upload->body, config->field_bytes_max);

    if (media_type_is(content_type, "multipart/form-data")) {
        char boundary[MULTIPART_BOUNDARY_BYTES + 1];
        const enum err err = multipart_boundary(content_type, boundary, error);
        if (err != OK)
            return err;
        const struct multipart_limits limits = {
            .files = (size_t)config->files_max,
            .fields = (size_t)config->fields_max,
            .file_bytes = config->file_bytes_max,
            .field_bytes = config->field_bytes_max,
        };
        multipart_init(&upload->parser, boundary, &limits, &sink, upload);
        upload->kind = UPLOAD_MULTIPART;
    } else if (media_type_is(content_type, "application/x-www-form-urlencoded")) {
        upload->kind = UPLOAD_URLENCODED;
    }
    *out = upload;
    return OK;
}

void upload_free(struct upload *upload)
{
    if (!upload)
        return;
    if (upload->kind == UPLOAD_MULTIPART)
        multipart_clear(&upload->parser);
    buffer_clear(&upload->body);
    buffer_clear(&upload->part_value);
    spool_file_free(upload->part_file.file);
    for (size_t i = 0; i < upload->file_count; i++)
        spool_file_free(upload->files[i].file);
}

bool upload_room(const struct upload *upload, struct spool_waiter *waiter, size_t length,
                 struct spool_file **file_out)
{
    *file_out = upload->part_file.file;
    return upload->kind != UPLOAD_MULTIPART ||
           spool_room(upload->spool, waiter, upload->part_file.file, length);
}

enum err upload_feed(struct upload *upload, const char *bytes, size_t length, struct error *error)
{
    switch (upload->kind) {
    case UPLOAD_MULTIPART:
        return multipart_feed(&upload->parser, bytes, length, error);
    case UPLOAD_URLENCODED:
        if (buffer_append(&upload->body, bytes, length) != OK)
            return error_set(error, ERR_SYNTAX, "Part exceeded maximum size of %zuKB.",
                             upload->config->field_bytes_max >> 10);
        return OK;
    case UPLOAD_NO_FORM:
        break;
    }
    return OK;
}

enum err upload_end(struct upload *upload, struct error *error)
{
    switch (upload->kind) {
    case UPLOAD_MULTIPART:
        /* What a client cut off is dropped; whether that is a fault depends on what is missing. */
        if (multipart_finish(&upload->parser, error) != OK) {
            upload->incomplete = true;
            spool_file_free(upload->part_file.file);
            upload->part_file = (struct input_file){0};
        }
        return OK;
    case UPLOAD_URLENCODED:
        return urlencoded_parse(upload->body.data ? upload->body.data : "", upload->body.length,
                                (size_t)upload->config->fields_max, error, on_field, upload);
    case UPLOAD_NO_FORM:
        break;
    }
    return OK;
}

const struct upload_text *upload_text(const struct upload *upload, const char *name)
{
    const struct upload_text *text = upload->texts;
    while (text && strcmp(text->name, name) != 0)
        text = text->next;
    return text;
}

struct spool_file *upload_unsettled(const struct upload *upload)
{
    for (size_t i = 0; i < upload->file_count; i++) {
        struct spool_file *file = upload->files[i].file;
        if (file && !spool_file_settled(file))
            return file;
    }
    return NULL;
}
