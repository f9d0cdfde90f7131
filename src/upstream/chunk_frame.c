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
    frame->content = NULL;
}

void chunk_frame_clear(struct chunk_frame *frame)
{
    buffer_clear(&frame->before);
    buffer_clear(&frame->after);
    cJSON_Delete(frame->content);
    frame->content = NULL;
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

/* Does it stand for itself: printable ASCII without escapes? */
static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (c < ' ' || c == '"' || c == '\\' || c >= 0x7f)
            return false;
    }
    return true;
}

/* `string` has its quotes, if it is one. */
static bool read_string(struct chunk_frame *frame, struct slice string, struct slice *out)
{
    const struct slice inside = {string.data + 1, string.length - 2};
    if (string.data[0] == '"' && string.data[string.length - 1] == '"' && is_plain(inside)) {
        *out = inside;
        return true;
    }
    cJSON_Delete(frame->content);
    frame->content = NULL;
    if (json_parse(string.data, string.length, NULL, &frame->content) != OK ||
        !cJSON_IsString(frame->content))
        return false;
    *out = slice_of(frame->content->valuestring);
    return true;
}

bool chunk_frame_match(struct chunk_frame *frame, const char *data, size_t length,
                       struct slice *content_out)
{
    const struct buffer *before = &frame->before, *after = &frame->after;
    const size_t around = before->length + after->length;
    if (before->length == 0 || length < around + 2 ||
        memcmp(data, before->data, before->length) != 0 ||
        memcmp(data + length - after->length, after->data, after->length) != 0)
        return false;
    const struct slice string = {data + before->length, length - around};
    return read_string(frame, string, content_out);
}
