/*
 * sse.h: a reader of server-sent events (WHATWG HTML 9.2), fed with the bytes as they come.
 *
 *     struct sse_reader reader;
 *     sse_init(&reader, 1u << 20, on_event, context);
 *     if (sse_feed(&reader, bytes, length) != OK) // any number of times
 *         ...
 *     bool whole = reader.done;
 *     sse_clear(&reader);
 *
 * Lines end in CR, LF or CR LF; a line that begins with ':' is a comment; the `data` lines of an
 * event are joined with LF; an empty line ends the event, and one that has no data is none.
 * `event`, `id` and `retry` are ignored: what the services we read mean by an event stands in its
 * data. Data that begins with "[DONE]" ends the stream, even before its empty line; what follows is
 * ignored. An event that the end of the input cuts off is dropped.
 */
#ifndef UPSTREAM_SSE_H
#define UPSTREAM_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* Called with each event's data, which is valid until it returns, and NUL-terminated. False stops
 * the reading. */
typedef bool sse_event_fn(const char *data, size_t length, void *context);

struct sse_reader {
    bool done; /* "[DONE]" was read */
    /* private */
    struct buffer line; /* the beginning of a line whose end has not come */
    struct buffer data; /* of the event so far */
    bool has_data;      /* a data line, if only an empty one, was read */
    bool after_cr;      /* the last line ended in CR: a LF right behind belongs to it */
    bool begun;         /* the first line, which may begin with a byte order mark, is over */
    enum err ended;     /* what every further feed returns; OK while it goes on */
    sse_event_fn *on_event;
    void *context;
};

/* `event_bytes_max` bounds a line as well as an event's data. */
void sse_init(struct sse_reader *reader, size_t event_bytes_max, sse_event_fn *on_event,
              void *context);
void sse_clear(struct sse_reader *reader);

/* ERR_LIMIT past event_bytes_max, ERR_CANCELLED when on_event said no; and again from then on. */
MUST_CHECK enum err sse_feed(struct sse_reader *reader, const char *bytes, size_t length);

#endif
