/* Fields are cut first and decoded after, so that an encoded "&" or "=" is never a separator. */
#include "api/urlencoded.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"

/* The value of a hexadecimal digit, or -1. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t urlencoded_unescape(const char *bytes, size_t length, char *out)
{
    size_t decoded = 0;
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];
        if (c == '%' && length - i > 2 && hex_value(bytes[i + 1]) >= 0 &&
            hex_value(bytes[i + 2]) >= 0) {
            c = (char)(hex_value(bytes[i + 1]) << 4 | hex_value(bytes[i + 2]));
            i += 2;
        }
        out[decoded++] = c;
    }
    return decoded;
}

/* Decodes into `out` by way of `scratch`. */
static enum err decode(const char *bytes, size_t length, struct buffer *scratch, struct buffer *out)
{
    buffer_reset(scratch);
    buffer_reset(out);
    enum err err = buffer_append(scratch, bytes, length);
    if (err != OK)
        return err;
    for (size_t i = 0; i < length; i++)
        if (scratch->data[i] == '+')
            scratch->data[i] = ' ';
    const size_t decoded = urlencoded_unescape(scratch->data, length, scratch->data);
    err = text_clean(scratch->data, decoded, out);
    return err == OK ? buffer_append(out, "", 0) : err; /* so that an empty text is "", not NULL */
}

/* Memory that one field after another is decoded in. */
struct field {
    struct buffer scratch;
    struct buffer name;
    struct buffer value;
};

static enum err decode_field(struct field *field, const char *bytes, size_t length)
{
    const char *const equals = memchr(bytes, '=', length);
    const size_t name_length = equals ? (size_t)(equals - bytes) : length;
    const size_t skipped = equals ? name_length + 1 : length;
    const enum err err = decode(bytes, name_length, &field->scratch, &field->name);
    return err == OK ? decode(bytes + skipped, length - skipped, &field->scratch, &field->value)
                     : err;
}

enum err urlencoded_parse(const char *bytes, size_t length, size_t fields_max, struct error *error,
                          enum err (*on_field)(void *context, const char *name, const char *value,
                                               struct error *error),
                          void *context)
{
    assert(length <= SIZE_MAX / 3);
    struct field field; /* cleaning makes of one ill-formed byte the three of U+FFFD */
    buffer_init(&field.scratch, length);
    buffer_init(&field.name, 3 * length);
    buffer_init(&field.value, 3 * length);

    enum err err = OK;
    size_t fields = 0;
    for (size_t at = 0, next; err == OK && at < length; at = next + 1) {
        const char *const ampersand = memchr(bytes + at, '&', length - at);
        next = ampersand ? (size_t)(ampersand - bytes) : length;
        if (next == at)
            continue;
        if (++fields > fields_max)
            err = error_set(error, ERR_SYNTAX, "Too many fields. Maximum number of fields is %zu.",
                            fields_max);
        else
            err = decode_field(&field, bytes + at, next - at);
        if (err == OK)
            err = on_field(context, field.name.data, field.value.data, error);
    }

    buffer_clear(&field.scratch);
    buffer_clear(&field.name);
    buffer_clear(&field.value);
    return err;
}
