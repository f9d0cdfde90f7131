/* sse.h on any bytes: however the input is split, the same events come, none above the limit. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "upstream/sse.h"

enum { EVENT_MAX = 256 };

/* The events as one string, each with its length in front. */
struct record {
    struct buffer bytes;
    bool done;
    enum err err;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool on_event(const char *data, size_t length, void *context)
{
    struct record *record = context;
    assert(length <= EVENT_MAX);
    assert(data[length] == '\0');
    const bool kept = buffer_append(&record->bytes, &length, sizeof(length)) == OK &&
                      buffer_append(&record->bytes, data, length) == OK;
    assert(kept);
    return length == 0 || data[0] != '!'; /* so that stopping is tried as well */
}

static void read_in_pieces(const char *bytes, size_t size, size_t piece, struct record *out)
{
    *out = (struct record){0};
    buffer_init(&out->bytes, SIZE_MAX / 4);
    struct sse_reader reader;
    sse_init(&reader, EVENT_MAX, on_event, out);
    for (size_t at = 0; at < size; at += piece) {
        /* A copy of its own, so that reading past its end is seen. */
        const size_t length = size - at < piece ? size - at : piece;
        struct buffer part;
        buffer_init(&part, length);
        const enum err err = buffer_append(&part, bytes + at, length);
        assert(err == OK);
        out->err = sse_feed(&reader, part.data, length);
        buffer_clear(&part);
    }
    out->done = reader.done;
    sse_clear(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const size_t piece = 1 + data[0] % 16;
    struct record whole, pieces;
    read_in_pieces((const char *)data + 1, size - 1, size, &whole);
    read_in_pieces((const char *)data + 1, size - 1, piece, &pieces);
    assert(whole.err == pieces.err);
    assert(whole.done == pieces.done);
    assert(whole.bytes.length == pieces.bytes.length);
    assert(whole.bytes.length == 0 ||
           memcmp(whole.bytes.data, pieces.bytes.data, whole.bytes.length) == 0);
    buffer_clear(&whole.bytes);
    buffer_clear(&pieces.bytes);
    return 0;
}
