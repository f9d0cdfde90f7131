/*
 * buffer.h: growing bytes with a stated maximum.
 *
 *     struct buffer out;
 *     buffer_init(&out, 16u << 20);          // never more than 16 MB
 *     if (buffer_append(&out, data, n))      // ERR_LIMIT past the maximum; nothing was added
 *         ...
 *     buffer_clear(&out);
 *
 * `data` is always NUL-terminated once anything was appended (the NUL is not counted in `length`),
 * and may contain NULs. Growing moves it. Running out of memory aborts.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stddef.h>

#include "base/error.h"

struct buffer {
    char *data;      /* NULL until the first append */
    size_t length;   /* bytes in use */
    size_t capacity; /* bytes allocated */
    size_t max;      /* most bytes it will ever hold */
};

void buffer_init(struct buffer *buffer, size_t max);
void buffer_clear(struct buffer *buffer); /* frees; as after buffer_init */
void buffer_reset(struct buffer *buffer); /* empties, keeps the memory */

/* Adds bytes, or nothing and ERR_LIMIT when `max` would be passed. */
MUST_CHECK enum err buffer_append(struct buffer *buffer, const void *bytes, size_t length);
MUST_CHECK enum err buffer_puts(struct buffer *buffer, const char *string);
MUST_CHECK enum err buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for `length` more bytes at the end, to be written there and then counted in by the caller
 * (`buffer->length += n`). NULL when `max` would be passed. */
char *buffer_reserve(struct buffer *buffer, size_t length);

/* Hands the bytes to the caller, who frees them with free(); the buffer is as after buffer_init.
 * Never NULL: an empty buffer gives "". */
char *buffer_take(struct buffer *buffer, size_t *length_out);

#endif
