/* Capacity doubles up to the maximum; one byte beyond it is kept for the terminating NUL. */
#include "base/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 64 };

void buffer_init(struct buffer *buffer, size_t max)
{
    *buffer = (struct buffer){.max = max};
}

void buffer_clear(struct buffer *buffer)
{
    free(buffer->data);
    buffer_init(buffer, buffer->max);
}

void buffer_reset(struct buffer *buffer)
{
    buffer->length = 0;
    if (buffer->data)
        buffer->data[0] = '\0';
}

char *buffer_reserve(struct buffer *buffer, size_t length)
{
    if (length > buffer->max - buffer->length)
        return NULL;
    const size_t needed = buffer->length + length;
    if (needed > buffer->capacity || !buffer->data) {
        size_t capacity = buffer->capacity ? buffer->capacity : CAPACITY_MIN;
        while (capacity < needed)
            capacity *= 2;
        if (capacity > buffer->max)
            capacity = buffer->max;
        char *data = realloc(buffer->data, capacity + 1);
        if (!data)
            abort();
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->length;
}

enum err buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    char *end = buffer_reserve(buffer, length);
    if (!end)
        return ERR_LIMIT;
    if (length > 0)
        memcpy(end, bytes, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return OK;
}

enum err buffer_puts(struct buffer *buffer, const char *string)
{
    return buffer_append(buffer, string, strlen(string));
}

enum err buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    /* Straight to its place: most of the time there is room. */
    const size_t room = buffer->data ? buffer->capacity - buffer->length + 1 : 0;
    char *end = room > 0 ? buffer->data + buffer->length : NULL;
    const int length = vsnprintf(end, room, format, args);
    va_end(args);
    assert(length >= 0);

    if ((size_t)length >= room) {
        if (end)
            *end = '\0';
        end = buffer_reserve(buffer, (size_t)length);
        if (end)
            vsnprintf(end, (size_t)length + 1, format, again);
    }
    va_end(again);
    if (!end)
        return ERR_LIMIT;
    buffer->length += (size_t)length;
    return OK;
}

char *buffer_take(struct buffer *buffer, size_t *length_out)
{
    if (!buffer->data && !buffer_reserve(buffer, 0))
        abort();
    buffer->data[buffer->length] = '\0';
    char *data = buffer->data;
    *length_out = buffer->length;
    buffer_init(buffer, buffer->max);
    return data;
}
