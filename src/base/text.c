/* Validity is libunistring's u8_check; all the rest is counting lead and continuation bytes. */
#include "base/text.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <unistr.h>

enum {
    REPLACEMENT = 0xFFFD,
    CHARACTER_BYTES_MAX = 4, /* of one character in UTF-8 */
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

struct slice slice_of(const char *string)
{
    return (struct slice){string, strlen(string)};
}

bool slice_equal(struct slice a, struct slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

struct slice slice_trim(struct slice slice)
{
    while (slice.length > 0 && is_space(slice.data[0])) {
        slice.data++;
        slice.length--;
    }
    while (slice.length > 0 && is_space(slice.data[slice.length - 1]))
        slice.length--;
    return slice;
}

/* The number of well-formed bytes at the start. */
static size_t well_formed_prefix(const char *bytes, size_t length)
{
    const uint8_t *fault = u8_check((const uint8_t *)bytes, length);
    return fault ? (size_t)(fault - (const uint8_t *)bytes) : length;
}

/* The bytes of the ill-formed sequence at the start: at least 1. */
static size_t ill_formed_prefix(const char *bytes, size_t length)
{
    ucs4_t ignored;
    return (size_t)u8_mbtouc(&ignored, (const uint8_t *)bytes, length);
}

bool text_is_clean(const char *bytes, size_t length)
{
    return length == 0 ||
           (!memchr(bytes, '\0', length) && well_formed_prefix(bytes, length) == length);
}

enum err text_append(struct buffer *out, const char *text, size_t length)
{
    const size_t fits = text_cut(text, length, out->max - out->length);
    const enum err err = buffer_append(out, text, fits);
    return fits < length ? ERR_LIMIT : err;
}

/* Appends well-formed text without its NULs. */
static enum err append_without_nuls(struct buffer *out, const char *text, size_t length)
{
    const char *end = text + length;
    while (text < end) {
        const char *nul = memchr(text, '\0', (size_t)(end - text));
        const char *stop = nul ? nul : end;
        const enum err err = text_append(out, text, (size_t)(stop - text));
        if (err)
            return err;
        text = nul ? nul + 1 : end;
    }
    return OK;
}

enum err text_clean(const char *bytes, size_t length, struct buffer *out)
{
    size_t at = 0;
    while (at < length) {
        const size_t good = well_formed_prefix(bytes + at, length - at);
        enum err err = append_without_nuls(out, bytes + at, good);
        at += good;
        if (!err && at < length) {
            err = text_append(out, "\xEF\xBF\xBD", 3);
            at += ill_formed_prefix(bytes + at, length - at);
        }
        if (err)
            return err;
    }
    return OK;
}

size_t text_cut(const char *text, size_t length, size_t max)
{
    if (length <= max)
        return length;
    size_t end = max;
    while (end > 0 && max - end < CHARACTER_BYTES_MAX - 1 && is_continuation(text[end]))
        end--;
    return end;
}

size_t text_cut_characters(const char *text, size_t length, size_t characters)
{
    size_t seen = 0;
    for (size_t i = 0; i < length; i++) {
        if (is_continuation(text[i]))
            continue;
        if (seen == characters)
            return i;
        seen++;
    }
    return length;
}

size_t text_characters(const char *text, size_t length)
{
    size_t characters = 0;
    for (size_t i = 0; i < length; i++)
        characters += !is_continuation(text[i]);
    return characters;
}

size_t text_next(const char *text, size_t length, unsigned *character_out)
{
    assert(length > 0);
    const unsigned char first = (unsigned char)text[0];
    if (first < 0x80) {
        *character_out = first;
        return 1;
    }
    ucs4_t character;
    const int bytes = u8_mbtoucr(&character, (const uint8_t *)text, length);
    if (bytes <= 0) {
        *character_out = REPLACEMENT;
        return 1;
    }
    *character_out = character;
    return (size_t)bytes;
}

bool text_equal_ignore_case(const char *a, const char *b)
{
    while (*a && to_lower(*a) == to_lower(*b)) {
        a++;
        b++;
    }
    return to_lower(*a) == to_lower(*b);
}
