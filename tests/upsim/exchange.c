/* What handlers do with an exchange: read its request, write its answer. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "upsim/http.h"

const char *exchange_field(const struct exchange *exchange, const char *name)
{
    for (size_t i = 0; i < exchange->field_count; i++)
        if (strcasecmp(exchange->fields[i].name, name) == 0)
            return exchange->fields[i].value;
    return NULL;
}

bool exchange_parameter(const struct exchange *exchange, const char *name, char *out, size_t size)
{
    const size_t name_length = strlen(name);
    for (const char *at = exchange->query; *at;) {
        const size_t length = strcspn(at, "&");
        if (length > name_length && strncmp(at, name, name_length) == 0 && at[name_length] == '=') {
            const size_t value = length - name_length - 1;
            if (value >= size)
                return false;
            memcpy(out, at + name_length + 1, value);
            out[value] = '\0';
            return true;
        }
        at += length + (at[length] == '&');
    }
    return false;
}

enum { GUESS_BYTES = 512 /* most pieces are shorter, and then printed once */ };

static void print_to(struct buffer *out, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    char *end = buffer_reserve(out, GUESS_BYTES);
    const int length = vsnprintf(end, end ? GUESS_BYTES : 0, format, args);
    assert(length >= 0);
    if (end && length >= GUESS_BYTES && (end = buffer_reserve(out, (size_t)length)))
        vsnprintf(end, (size_t)length + 1, format, again);
    if (end)
        out->length += (size_t)length;
    va_end(again);
}

void exchange_head(struct exchange *exchange, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_to(&exchange->head_lines, format, args);
    va_end(args);
}

void exchange_print(struct exchange *exchange, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_to(&exchange->answer, format, args);
    va_end(args);
}

void exchange_append(struct exchange *exchange, const char *bytes, size_t length)
{
    (void)!buffer_append(&exchange->answer, bytes, length);
}

void exchange_string(struct exchange *exchange, const char *text)
{
    (void)!json_print_string(&exchange->answer, text, strlen(text));
}
