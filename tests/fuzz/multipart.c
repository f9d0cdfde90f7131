/*
 * Feeds a body whole and in pieces: events and error must be the same. The first four bytes choose
 * the boundary, the limits, the sizes of the pieces and the callback that fails; with a boundary
 * choice past the table the first line of the rest is a Content-Type to take it from.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/multipart.h"
#include "api/urlencoded.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const boundaries[] = {"B", "-", "----WebKitFormBoundaryAbCdEf", "a b--", "\"\\"};
static const struct multipart_limits limits[] = {
    {100, 1000, 1 << 20, 1 << 20}, {1, 2, 8, 4}, {2, 0, 0, 1024}, {0, 3, 64, 2}};

enum { CHOICES = 4 }; /* bytes of them */

/* What was told, as a hash over the data that does not depend on where the data was cut. */
struct events {
    uint64_t hash;
    unsigned calls;   /* but for on_data, whose number may differ */
    unsigned fail_at; /* the call that fails, counted from 1; 0: none */
    bool in_part;
};

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void mix(struct events *events, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        events->hash = (events->hash ^ (uint8_t)bytes[i]) * 0x100000001B3u;
}

static void mix_string(struct events *events, const char *string)
{
    require(text_is_clean(string, strlen(string)));
    require(strlen(string) <= MULTIPART_NAME_BYTES);
    mix(events, string, strlen(string) + 1);
}

static enum err count_call(struct events *events, struct error *error)
{
    return ++events->calls == events->fail_at ? error_set(error, ERR_NO_SPACE, "full") : OK;
}

static enum err on_part(void *context, const struct multipart_part *part, struct error *error)
{
    struct events *events = context;
    require(!events->in_part);
    events->in_part = true;
    mix(events, part->filename ? "F" : "f", 1);
    mix_string(events, part->name);
    mix_string(events, part->filename ? part->filename : "");
    mix_string(events, part->content_type);
    return count_call(events, error);
}

static enum err on_data(void *context, const char *bytes, size_t length, struct error *error)
{
    (void)error;
    struct events *events = context;
    require(events->in_part);
    require(length > 0);
    mix(events, bytes, length);
    return OK;
}

static enum err on_part_end(void *context, struct error *error)
{
    struct events *events = context;
    require(events->in_part);
    events->in_part = false;
    mix(events, "end", 4);
    return count_call(events, error);
}

/* Pieces come from the heap one by one, so that a read past one's end is seen; their sizes go up
 * and down between 1 and `piece`. */
static enum err parse(const char *boundary, const uint8_t *choices, const char *body, size_t length,
                      size_t piece, struct events *events, struct error *error)
{
    static const struct multipart_sink sink = {on_part, on_data, on_part_end};
    struct multipart parser;
    *events = (struct events){.hash = 0xCBF29CE484222325u, .fail_at = choices[3] % 16};
    multipart_init(&parser, boundary, &limits[choices[1] % 4], &sink, events);
    enum err err = OK;
    for (size_t at = 0, round = 0, bytes; err == OK && at < length; at += bytes, round++) {
        bytes = piece < length ? 1 + round * 7 % piece : length;
        bytes = bytes < length - at ? bytes : length - at;
        char *copy = malloc(bytes);
        require(copy != NULL);
        memcpy(copy, body + at, bytes);
        err = multipart_feed(&parser, copy, bytes, error);
        free(copy);
    }
    const enum err finished = multipart_finish(&parser, error);
    require(err == OK || err == finished);
    require(finished == OK || multipart_feed(&parser, "x", 1, NULL) == finished);
    require(finished != OK || !events->in_part);
    multipart_clear(&parser);
    return finished;
}

static enum err on_field(void *context, const char *name, const char *value, struct error *error)
{
    (void)error;
    size_t *fields = context;
    ++*fields;
    require(text_is_clean(name, strlen(name)));
    require(text_is_clean(value, strlen(value)));
    return OK;
}

static void parse_urlencoded(const char *body, size_t length, size_t fields_max)
{
    size_t fields = 0;
    const enum err err = urlencoded_parse(body, length, fields_max, NULL, on_field, &fields);
    require(err == OK || (err == ERR_SYNTAX && fields == fields_max));
    require(fields <= fields_max);
}

/* The boundary of the Content-Type in the first line, which the body then comes behind. */
static const char *first_line_boundary(const char **body, size_t *length, char *boundary)
{
    const char *end = memchr(*body, '\n', *length);
    const size_t line = end ? (size_t)(end - *body) : *length;
    char *content_type = strndup(*body, line);
    require(content_type != NULL);
    const enum err err = multipart_boundary(content_type, boundary, NULL);
    free(content_type);
    if (err != OK)
        return NULL;
    require(strlen(boundary) > 0 && strlen(boundary) <= MULTIPART_BOUNDARY_BYTES);
    const size_t skipped = end ? line + 1 : line;
    *body += skipped;
    *length -= skipped;
    return boundary;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CHOICES)
        return 0;
    const char *body = (const char *)data + CHOICES;
    size_t length = size - CHOICES;
    parse_urlencoded(body, length, data[1]);

    char own[MULTIPART_BOUNDARY_BYTES + 1];
    const size_t choice = data[0] % (sizeof(boundaries) / sizeof(boundaries[0]) + 1);
    const char *boundary = choice < sizeof(boundaries) / sizeof(boundaries[0])
                               ? boundaries[choice]
                               : first_line_boundary(&body, &length, own);
    if (!boundary)
        return 0;

    const size_t pieces[] = {1, 2 + (size_t)data[2]};
    struct events whole;
    struct error whole_error = {0};
    const enum err err = parse(boundary, data, body, length, length, &whole, &whole_error);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct events cut;
        struct error error = {0};
        require(parse(boundary, data, body, length, pieces[i], &cut, &error) == err);
        require(strcmp(error.detail, whole_error.detail) == 0);
        require(cut.hash == whole.hash);
        require(cut.calls == whole.calls);
    }
    return 0;
}
