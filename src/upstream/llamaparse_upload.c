/*
 * The form is made anew for each try, with the version of the API that is known to be served by
 * then. The file goes from the spool to the wire without a copy.
 *
 * Its name and type are the client's words: they become headers of a part, where a quote or a line
 * end would begin something else. The end of the name is kept, since its extension tells the
 * service what kind of file it is.
 */
#include <assert.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "upstream/llamaparse_parts.h"

enum {
    NAME_BYTES_MAX = 120,
    TYPE_BYTES_MAX = 100,
    CONFIGURATION_BYTES_MAX = 1024,
    UPLOAD_IDLE_MS = 60 * 1000,
    UPLOAD_TOTAL_MS = 600 * 1000, /* the deadline of the job comes sooner */
};

static const char *safe_name(struct arena *arena, const char *name)
{
    const size_t length = strlen(name);
    size_t skipped = length > NAME_BYTES_MAX ? length - NAME_BYTES_MAX : 0;
    while ((name[skipped] & 0xc0) == 0x80) /* not in the middle of a character */
        skipped++;
    if (!name[skipped])
        return "file";
    char *safe = arena_strdup(arena, name + skipped);
    const bool clean = text_is_clean(safe, strlen(safe));
    for (char *at = safe; *at; at++) {
        const unsigned char byte = (unsigned char)*at;
        if (byte < ' ' || byte == 0x7f || strchr("\"\\/", byte) || (byte >= 0x80 && !clean))
            *at = '_';
    }
    return safe;
}

/* NULL: libcurl goes by the extension. */
static const char *safe_type(const char *type)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/+.-_";
    const size_t length = strlen(type);
    return length > 0 && length <= TYPE_BYTES_MAX && strspn(type, allowed) == length ? type : NULL;
}

static const char *print_configuration(struct parse_job *job)
{
    cJSON *root = json_new_object();
    json_add_string(root, "tier", job->parser->settings.tier);
    json_add_string(root, "version", "latest");
    if (!job->parser->settings.cache)
        json_add_bool(root, "disable_cache", true);
    struct buffer out;
    buffer_init(&out, CONFIGURATION_BYTES_MAX);
    const enum err err = json_print(root, &out);
    assert(err == OK); /* a tier is a word of our own settings */
    (void)err;
    const char *text = arena_strdup(&job->arena, out.data);
    buffer_clear(&out);
    cJSON_Delete(root);
    return text;
}

static struct http_part field(const char *name, const char *value)
{
    return (struct http_part){.name = name, .bytes = value, .length = strlen(value)};
}

static size_t fill_parts(struct parse_job *job)
{
    const bool fresh = !job->parser->settings.cache;
    size_t count = 0;
    if (job->remote.version == 2) {
        job->parts[count++] = field("configuration", print_configuration(job));
    } else if (fresh) {
        job->parts[count++] = field("invalidate_cache", "true"); /* takes nothing out of it */
        job->parts[count++] = field("do_not_cache", "true");     /* puts nothing into it */
    }
    job->parts[count++] = (struct http_part){
        .name = "file",
        .filename = safe_name(&job->arena, job->file.name),
        .content_type = safe_type(job->file.content_type),
        .file = job->file.file,
    };
    return count;
}

static void upload_build(struct upstream_call *call, struct http_request *out)
{
    struct parse_job *job = container_of(call, struct parse_job, upload);
    static const char *const paths[] = {
        [1] = "/api/v1/parsing/upload", [2] = "/api/v2/parse/upload"};
    arena_clear(&job->arena); /* of the try before */
    job->remote = (struct remote_job){.version = job->parser->settings.version};
    parse_request(job->parser, &job->arena, "POST", paths[job->remote.version], out);
    out->parts = job->parts;
    out->part_count = fill_parts(job);
    out->limits.idle_ms = UPLOAD_IDLE_MS;
    out->limits.total_ms = UPLOAD_TOTAL_MS;
    out->limits.body_max = LLAMAPARSE_ANSWER_BYTES;
}

static void upload_read(struct upstream_call *call, struct outcome *out)
{
    struct parse_job *job = container_of(call, struct parse_job, upload);
    const struct buffer *body = &call->http.body;
    if (!parse_answered(call))
        return;
    job->remote.begun_ms = loop_now_ms(call->op.link.loop);
    out->unusable = !remote_job_read(&job->remote, body->data, body->length, call->upstream->key);
}

const struct upstream_call_kind parse_upload_kind = {
    .service = SERVICE_PARSE_UPLOAD,
    .name = "upload",
    .build = upload_build,
    .read = upload_read,
};
