/* Heads and chunks are taken apart in place: a request's strings live in its connection's buffers.
 */
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "upsim/http.h"

enum { CHUNK_LINE_MAX = 256 /* of a chunk's size or of a trailer */ };

/* The end of the line at `at`, made a NUL; the start of the next one. */
static char *cut_line(char *at)
{
    char *end = strstr(at, "\r\n");
    assert(end);
    *end = '\0';
    return end + 2;
}

static int parse_request_line(char *line, struct exchange *out, bool *keep_alive_out)
{
    char *target = strchr(line, ' ');
    if (!target || target == line)
        return 400;
    *target++ = '\0';
    char *version = strchr(target, ' ');
    if (!version || target[0] != '/')
        return 400;
    *version++ = '\0';
    if (strncmp(version, "HTTP/1.", 7) != 0)
        return 505;
    *keep_alive_out = strcmp(version, "HTTP/1.0") != 0;
    char *query = strchr(target, '?');
    if (query)
        *query++ = '\0';
    out->method = line;
    out->path = target;
    out->query = query ? query : "";
    return 0;
}

static int parse_field(char *line, struct exchange *out)
{
    char *value = strchr(line, ':');
    if (!value || value == line)
        return 400;
    if (out->field_count == HTTP_FIELDS_MAX)
        return 431;
    *value++ = '\0';
    value += strspn(value, " \t");
    size_t length = strlen(value);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        value[--length] = '\0';
    out->fields[out->field_count++] = (struct http_field){line, value};
    return 0;
}

static int read_framing(const struct exchange *exchange, struct http_framing *framing)
{
    const char *encoding = exchange_field(exchange, "Transfer-Encoding");
    const char *length = exchange_field(exchange, "Content-Length");
    if (encoding && (length || strcasecmp(encoding, "chunked") != 0))
        return 400;
    framing->chunked = encoding != NULL;
    if (length) {
        char *end;
        const unsigned long long bytes = strtoull(length, &end, 10);
        if (!isdigit((unsigned char)length[0]) || *end)
            return 400;
        if (bytes > HTTP_BODY_BYTES_MAX)
            return 413;
        framing->length = (size_t)bytes;
    }
    const char *connection = exchange_field(exchange, "Connection");
    if (connection && strcasecmp(connection, "close") == 0)
        framing->keep_alive = false;
    const char *expect = exchange_field(exchange, "Expect");
    framing->expects_continue = expect && strcasecmp(expect, "100-continue") == 0;
    return 0;
}

int http_head_parse(char *head, size_t length, struct exchange *out, struct http_framing *framing)
{
    if (memchr(head, '\0', length))
        return 400;
    *framing = (struct http_framing){0};
    out->field_count = 0;
    char *next = cut_line(head);
    int fault = parse_request_line(head, out, &framing->keep_alive);
    while (!fault && next[0] != '\r') {
        char *line = next;
        next = cut_line(line);
        fault = parse_field(line, out);
    }
    return fault ? fault : read_framing(out, framing);
}

/* --- chunks -------------------------------------------------------------------------------------
 */

/* The line at `raw`, if all of it is there; its length with CR LF in `length_out`. */
static enum chunk_result whole_line(const struct chunk_decoder *decoder, const char *bytes,
                                    size_t length, size_t *length_out)
{
    const size_t left = length - decoder->raw;
    const char *end = memchr(bytes + decoder->raw, '\n', left);
    if (!end)
        return left > CHUNK_LINE_MAX ? CHUNK_BAD : CHUNK_MORE;
    *length_out = (size_t)(end - (bytes + decoder->raw)) + 1;
    return *length_out >= 2 && end[-1] == '\r' ? CHUNK_DONE : CHUNK_BAD;
}

static enum chunk_result read_size(struct chunk_decoder *decoder, const char *bytes, size_t length)
{
    size_t line = 0;
    const enum chunk_result result = whole_line(decoder, bytes, length, &line);
    if (result != CHUNK_DONE)
        return result;
    char *end;
    const unsigned long long size = strtoull(bytes + decoder->raw, &end, 16);
    if (!isxdigit((unsigned char)bytes[decoder->raw]) || (*end != '\r' && *end != ';') ||
        size > HTTP_BODY_BYTES_MAX - decoder->decoded)
        return CHUNK_BAD;
    decoder->raw += line;
    decoder->left = (size_t)size;
    decoder->state = size > 0 ? CHUNK_DATA : CHUNK_TRAILER;
    return CHUNK_DONE;
}

static enum chunk_result read_data(struct chunk_decoder *decoder, char *bytes, size_t length)
{
    const size_t there = length - decoder->raw;
    const size_t taken = there < decoder->left ? there : decoder->left;
    memmove(bytes + decoder->decoded, bytes + decoder->raw, taken);
    decoder->raw += taken;
    decoder->decoded += taken;
    decoder->left -= taken;
    if (decoder->left > 0)
        return CHUNK_MORE;
    decoder->state = CHUNK_DATA_END;
    return CHUNK_DONE;
}

/* The CR LF after a chunk's data, or a line of the trailer, of which the empty one is the last. */
static enum chunk_result read_line(struct chunk_decoder *decoder, const char *bytes, size_t length)
{
    size_t line = 0;
    const enum chunk_result result = whole_line(decoder, bytes, length, &line);
    if (result != CHUNK_DONE)
        return result;
    decoder->raw += line;
    if (decoder->state == CHUNK_DATA_END) {
        if (line != 2)
            return CHUNK_BAD;
        decoder->state = CHUNK_SIZE;
    } else if (line == 2) {
        decoder->state = CHUNK_OVER;
    }
    return CHUNK_DONE;
}

enum chunk_result chunk_decode(struct chunk_decoder *decoder, struct buffer *bytes)
{
    decoder->raw = decoder->decoded;
    enum chunk_result result = CHUNK_DONE;
    while (result == CHUNK_DONE && decoder->state != CHUNK_OVER) {
        if (decoder->state == CHUNK_SIZE)
            result = read_size(decoder, bytes->data, bytes->length);
        else if (decoder->state == CHUNK_DATA)
            result = read_data(decoder, bytes->data, bytes->length);
        else
            result = read_line(decoder, bytes->data, bytes->length);
    }
    const size_t left = bytes->length - decoder->raw;
    memmove(bytes->data + decoder->decoded, bytes->data + decoder->raw, left);
    bytes->length = decoder->decoded + left;
    bytes->data[bytes->length] = '\0';
    return result;
}
