/*
 * Why a match is safe: what is remembered came from a good document, cut at both quotes of one
 * string. With any other good string between, the document is as good, and has the same members.
 *
 * That the string is the one the caller means is sure as well: where no backslash stands outside of
 * it, every name is written as it is, and only one of them is "content".
 */
#include "upstream/chunk_frame.h"

#include <string.h>

enum { FRAME_BYTES_MAX = 4096 /* known ones have some 300; beyond, a chunk is parsed whole */ };

static const char name[] = "\"content\"";

void chunk_frame_init(struct chunk_frame *frame)
{
    buffer_init(&frame->before, FRAME_BYTES_MAX);
    buffer_init(&frame->after, FRAME_BYTES_MAX);
}

void chunk_frame_clear(struct chunk_frame *frame)
{
    buffer_clear(&frame->before);
    buffer_clear(&frame->after);
}

static size_t skip_space(const char *data, size_t length, size_t at)
{
    while (at < length && memchr(" \t\r\n", data[at], 4))
        at++;
    return at;
}

/* Finds `"content": "..."`, the string's quotes included. */
static bool find_string(const char *data, size_t length, size_t *start_out, size_t *end_out)
{
    const char *found = memmem(data, length, name, sizeof(name) - 1);
    if (!found)
        return false;
    size_t at = skip_space(data, length, (size_t)(found - data) + sizeof(name) - 1);
    if (at == length || data[at] != ':')
        return false;
    at = skip_space(data, length, at + 1);
    if (at == length || data[at] != '"')
        return false;
    *start_out = at++;
    while (at < length && data[at] != '"')
        at += data[at] == '\\' ? 2 : 1;
    *end_out = at + 1;
    return at < length;
}

void chunk_frame_learn(struct chunk_frame *frame, const char *data, size_t length)
{
    buffer_reset(&frame->before);
    buffer_reset(&frame->after);
    size_t start, end;
    if (!find_string(data, length, &start, &end))
        return;
    const size_t rest = length - end;
    if (memchr(data, '\\', start) || memchr(data + end, '\\', rest) ||
        memmem(data + end, rest, name, sizeof(name) - 1))
        return;
    if (buffer_append(&frame->after, data + end, rest) != OK ||
        buffer_append(&frame->before, data, start) != OK)
        buffer_reset(&frame->before);
}

cJSON *chunk_frame_match(const struct chunk_frame *frame, const char *data, size_t length)
{
    const struct buffer *before = &frame->before, *after = &frame->after;
    if (before->length == 0 || length < before->length + after->length ||
        memcmp(data, before->data, before->length) != 0 ||
        memcmp(data + length - after->length, after->data, after->length) != 0)
        return NULL;
    cJSON *value;
    if (json_parse(data + before->length, length - before->length - after->length, NULL, &value) !=
        OK)
        return NULL;
    if (cJSON_IsString(value))
        return value;
    cJSON_Delete(value);
    return NULL;
}
