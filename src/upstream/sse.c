/*
 * A line that lies whole in what was fed is read where it lies; only the beginning of one that goes
 * on in the next feed is copied. Bytes are looked at once, wherever the input is split.
 */
#include "upstream/sse.h"

#include <assert.h>
#include <string.h>

static const char byte_order_mark[] = "\xEF\xBB\xBF";
static const char last_data[] = "[DONE]";

void sse_init(struct sse_reader *reader, size_t event_bytes_max, sse_event_fn *on_event,
              void *context)
{
    assert(on_event);
    *reader = (struct sse_reader){.on_event = on_event, .context = context};
    buffer_init(&reader->line, event_bytes_max);
    buffer_init(&reader->data, event_bytes_max);
}

void sse_clear(struct sse_reader *reader)
{
    buffer_clear(&reader->line);
    buffer_clear(&reader->data);
}

static enum err end_event(struct sse_reader *reader)
{
    if (!reader->has_data)
        return OK;
    const bool go_on = reader->on_event(reader->data.data ? reader->data.data : "",
                                        reader->data.length, reader->context);
    buffer_reset(&reader->data);
    reader->has_data = false;
    return go_on ? OK : ERR_CANCELLED;
}

static enum err add_data(struct sse_reader *reader, const char *value, size_t length)
{
    const size_t mark = sizeof(last_data) - 1;
    if (!reader->has_data && length >= mark && memcmp(value, last_data, mark) == 0) {
        reader->done = true;
        return OK;
    }
    if (reader->has_data && buffer_append(&reader->data, "\n", 1))
        return ERR_LIMIT;
    reader->has_data = true;
    return buffer_append(&reader->data, value, length);
}

/* A whole line, without its end. */
static enum err take_line(struct sse_reader *reader, const char *line, size_t length)
{
    if (!reader->begun && length >= 3 && memcmp(line, byte_order_mark, 3) == 0) {
        line += 3;
        length -= 3;
    }
    reader->begun = true;
    if (length == 0)
        return end_event(reader);

    const char *colon = memchr(line, ':', length);
    const size_t name_length = colon ? (size_t)(colon - line) : length;
    if (name_length != 4 || memcmp(line, "data", 4) != 0)
        return OK;
    size_t value = colon ? name_length + 1 : length;
    if (value < length && line[value] == ' ')
        value++;
    return add_data(reader, line + value, length - value);
}

/* The end of a line came, `piece` being what of it is in this feed. */
static enum err end_line(struct sse_reader *reader, const char *piece, size_t length)
{
    if (reader->line.length == 0)
        return length <= reader->line.max ? take_line(reader, piece, length) : ERR_LIMIT;
    if (buffer_append(&reader->line, piece, length))
        return ERR_LIMIT;
    const enum err err = take_line(reader, reader->line.data, reader->line.length);
    buffer_reset(&reader->line);
    return err;
}

/* Where `c` is next at or behind `from`: `known`, unless that has been passed. So the input is
 * searched once for each kind of line end, however they are mixed. */
static const char *next(const char *known, const char *from, const char *end, char c)
{
    if (known && known >= from)
        return known;
    const char *found = memchr(from, c, (size_t)(end - from));
    return found ? found : end;
}

static enum err feed(struct sse_reader *reader, const char *bytes, size_t length)
{
    const char *const end = bytes + length;
    const char *cr = NULL, *lf = NULL, *at = bytes;
    while (at < end && !reader->done) {
        if (reader->after_cr && *at == '\n')
            at++;
        reader->after_cr = false;
        cr = next(cr, at, end, '\r');
        lf = next(lf, at, end, '\n');
        const char *line_end = cr < lf ? cr : lf;
        if (line_end == end)
            break;
        reader->after_cr = line_end == cr;
        const enum err err = end_line(reader, at, (size_t)(line_end - at));
        if (err)
            return err;
        at = line_end + 1;
    }
    return reader->done ? OK : buffer_append(&reader->line, at, (size_t)(end - at));
}

enum err sse_feed(struct sse_reader *reader, const char *bytes, size_t length)
{
    if (!reader->ended && !reader->done)
        reader->ended = feed(reader, bytes, length);
    return reader->ended;
}
