/*
 * How text_decode tells what it has. A byte order mark decides at once. Without one, a NUL byte
 * means a binary file, and so do more than CONTROLS_MAX control bytes that make up more than one
 * byte in a hundred; tab, line feed, vertical tab, form feed, carriage return and escape (terminal
 * transcripts) do not count. Well-formed UTF-8 is UTF-8. Ill-formed bytes are damaged UTF-8 if
 * there are more well-formed multi-byte characters than ill-formed sequences, which does not happen
 * by chance in other encodings; else they are Windows-1252. UTF-16 is held to the same measure of
 * controls, NULs and lone surrogates among them.
 */
#include "base/text.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <unistr.h>

enum {
    REPLACEMENT = 0xFFFD,
    CONTROLS_MAX = 4,        /* stray control bytes forgiven in a file of any size */
    CHUNK_BYTES = 4096,      /* gathered on the stack between appends */
    CHARACTER_BYTES_MAX = 4, /* of one character in UTF-8 */
};

/* Characters on their way to a buffer: line ends made LF, NULs dropped. */
struct writer {
    struct buffer *out;
    size_t used; /* bytes of the chunk */
    bool after_cr;
    enum err err; /* the first; then nothing more is written */
    char chunk[CHUNK_BYTES];
};

static void writer_flush(struct writer *writer)
{
    if (!writer->err)
        writer->err = text_append(writer->out, writer->chunk, writer->used);
    writer->used = 0;
}

static void writer_put(struct writer *writer, unsigned character)
{
    const bool second_of_crlf = writer->after_cr && character == '\n';
    writer->after_cr = character == '\r';
    if (second_of_crlf || character == 0)
        return;
    if (writer->used + CHARACTER_BYTES_MAX > CHUNK_BYTES)
        writer_flush(writer);
    if (character == '\r')
        character = '\n';

    char *end = writer->chunk + writer->used;
    if (character < 0x80) {
        *end = (char)character;
        writer->used++;
        return;
    }
    const int bytes = u8_uctomb((uint8_t *)end, character, CHARACTER_BYTES_MAX);
    assert(bytes > 0);
    writer->used += (size_t)bytes;
}

/* A control character that text files have no use for? */
static bool is_control(unsigned character)
{
    const uint32_t usual =
        1u << '\t' | 1u << '\n' | 1u << '\v' | 1u << '\f' | 1u << '\r' | 1u << 27;
    return (character < 0x20 && !(usual >> character & 1)) || character == 0x7F;
}

static bool too_many_controls(size_t controls, size_t characters)
{
    return controls > CONTROLS_MAX && controls > characters / 100;
}

static bool is_binary(const char *bytes, size_t length)
{
    if (memchr(bytes, '\0', length))
        return true;
    size_t controls = 0;
    for (size_t i = 0; i < length; i++)
        controls += is_control((unsigned char)bytes[i]);
    return too_many_controls(controls, length);
}

/* One character of UTF-16 at `at`, which is moved past it. A lone surrogate or half a unit at the
 * end is U+FFFD. */
static unsigned utf16_next(const unsigned char *bytes, size_t length, bool big_endian, size_t *at)
{
    const unsigned char *p = bytes + *at;
    if (length - *at < 2) {
        *at = length;
        return REPLACEMENT;
    }
    *at += 2;
    const unsigned unit = big_endian ? p[0] << 8 | p[1] : p[1] << 8 | p[0];
    if (unit < 0xD800 || unit > 0xDFFF)
        return unit;
    if (unit > 0xDBFF || length - *at < 2)
        return REPLACEMENT;
    const unsigned low = big_endian ? p[2] << 8 | p[3] : p[3] << 8 | p[2];
    if (low < 0xDC00 || low > 0xDFFF)
        return REPLACEMENT;
    *at += 2;
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

static enum err decode_utf16(const char *bytes, size_t length, bool big_endian, struct buffer *out)
{
    const unsigned char *units = (const unsigned char *)bytes;
    size_t controls = 0;
    for (size_t at = 0; at < length;) {
        const unsigned character = utf16_next(units, length, big_endian, &at);
        controls += is_control(character) || character == REPLACEMENT;
    }
    if (too_many_controls(controls, length / 2))
        return ERR_ENCODING;

    struct writer writer = {.out = out};
    for (size_t at = 0; at < length && !writer.err;)
        writer_put(&writer, utf16_next(units, length, big_endian, &at));
    writer_flush(&writer);
    return writer.err;
}

/* The bytes 0x80 to 0x9F, in which alone Windows-1252 differs from Latin-1; the unassigned five
 * are U+FFFD. */
static const uint16_t windows_1252[32] = {
    0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0xFFFD, 0x017D, 0xFFFD, 0xFFFD, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0xFFFD, 0x017E, 0x0178,
};

static enum err decode_windows_1252(const char *bytes, size_t length, struct buffer *out)
{
    struct writer writer = {.out = out};
    for (size_t i = 0; i < length && !writer.err; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        writer_put(&writer, c >= 0x80 && c < 0xA0 ? windows_1252[c - 0x80] : c);
    }
    writer_flush(&writer);
    return writer.err;
}

static enum err decode_damaged_utf8(const char *bytes, size_t length, struct buffer *out)
{
    struct writer writer = {.out = out};
    for (size_t at = 0; at < length && !writer.err;) {
        ucs4_t character;
        at += (size_t)u8_mbtouc(&character, (const uint8_t *)bytes + at, length - at);
        writer_put(&writer, character);
    }
    writer_flush(&writer);
    return writer.err;
}

/* Well-formed UTF-8 without NUL: copied a line at a time where lines end in CR, else whole. */
static enum err decode_utf8(const char *bytes, size_t length, struct buffer *out)
{
    const char *end = bytes + length;
    while (bytes < end) {
        const char *cr = memchr(bytes, '\r', (size_t)(end - bytes));
        const char *stop = cr ? cr : end;
        enum err err = text_append(out, bytes, (size_t)(stop - bytes));
        if (!err && cr)
            err = text_append(out, "\n", 1);
        if (err)
            return err;
        bytes = cr ? cr + 1 : end;
        if (cr && bytes < end && *bytes == '\n')
            bytes++;
    }
    return OK;
}

/* Ill-formed bytes that are mostly UTF-8 all the same? See the top of this file. */
static bool is_damaged_utf8(const char *bytes, size_t length)
{
    size_t multibyte = 0, ill_formed = 0;
    for (size_t at = 0; at < length;) {
        ucs4_t character;
        at += (size_t)u8_mbtouc(&character, (const uint8_t *)bytes + at, length - at);
        multibyte += character >= 0x80 && character != REPLACEMENT;
        ill_formed += character == REPLACEMENT;
    }
    return multibyte > ill_formed;
}

enum err text_decode(const char *bytes, size_t length, struct buffer *out)
{
    if (length >= 2 && memcmp(bytes, "\xFF\xFE", 2) == 0)
        return decode_utf16(bytes + 2, length - 2, false, out);
    if (length >= 2 && memcmp(bytes, "\xFE\xFF", 2) == 0)
        return decode_utf16(bytes + 2, length - 2, true, out);
    const bool marked_utf8 = length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0;
    if (marked_utf8) {
        bytes += 3;
        length -= 3;
    }
    if (length == 0)
        return OK;
    if (is_binary(bytes, length))
        return ERR_ENCODING;
    if (text_is_clean(bytes, length))
        return decode_utf8(bytes, length, out);
    if (marked_utf8 || is_damaged_utf8(bytes, length))
        return decode_damaged_utf8(bytes, length, out);
    return decode_windows_1252(bytes, length, out);
}
