/*
 * Each picture is a head that the seed makes and a tail that is the same for all. The heads have a
 * length divisible by 3, so that the base64 of the tail, which can be long, is made once and
 * copied.
 *
 *     PNG   a palette of two colours | padding, rows of stripes
 *     JPEG  a comment | padding in comments, one grey
 *     WebP  lossless, one colour | padding in a chunk of its own
 */
#include "upsim/pictures.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

enum {
    SIDE = 64,
    COMMENT_MAX = 65533, /* bytes of a JPEG comment */
    FORMATS = 3,
};
#define PICTURE_BYTES_MAX ((size_t)24 << 20) /* ten of them in base64 still fit an answer */

static struct {
    struct buffer bytes, base64;
    size_t size; /* the `bytes` it was made for */
} tails[FORMATS];

static void put(struct buffer *out, const void *bytes, size_t length)
{
    if (buffer_append(out, bytes, length))
        abort(); /* sizes are checked where they come in */
}

static void put_byte(struct buffer *out, unsigned value)
{
    put(out, &(unsigned char){(unsigned char)value}, 1);
}

static void put_32(struct buffer *out, uint32_t value)
{
    put(out,
        (unsigned char[]){(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                          (unsigned char)(value >> 8), (unsigned char)value},
        4);
}

static void put_little_32(struct buffer *out, uint32_t value)
{
    put_32(out, __builtin_bswap32(value));
}

static void put_fill(struct buffer *out, size_t length)
{
    char *end = buffer_reserve(out, length);
    if (!end)
        abort();
    for (size_t i = 0; i < length; i++)
        end[i] = (char)('a' + i % 26);
    out->length += length;
}

/* --- PNG ----------------------------------------------------------------------------------------
 */

static uint32_t crc_of(const void *bytes, size_t length)
{
    static uint32_t table[256];
    for (uint32_t i = 0; i < 256 && table[255] == 0; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
        table[i] = value;
    }
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < length; i++)
        crc = table[(crc ^ ((const unsigned char *)bytes)[i]) & 255] ^ crc >> 8;
    return ~crc;
}

static size_t begin_chunk(struct buffer *out, const char *type)
{
    put_32(out, 0);
    put(out, type, 4);
    return out->length;
}

static void end_chunk(struct buffer *out, size_t start)
{
    const uint32_t length = (uint32_t)(out->length - start);
    const uint32_t big_endian = __builtin_bswap32(length);
    memcpy(out->data + start - 8, &big_endian, 4);
    put_32(out, crc_of(out->data + start - 4, length + 4));
}

/* 8 + 25 + 18 bytes. */
static void png_head(struct buffer *out, uint64_t seed)
{
    put(out, "\x89PNG\r\n\x1a\n", 8);
    size_t start = begin_chunk(out, "IHDR");
    put_32(out, SIDE);
    put_32(out, SIDE);
    put(out, (unsigned char[]){1, 3, 0, 0, 0}, 5); /* a bit a pixel, into a palette */
    end_chunk(out, start);
    start = begin_chunk(out, "PLTE");
    put(out, &seed, 6);
    end_chunk(out, start);
}

static void png_tail(struct buffer *out, size_t padding)
{
    size_t start;
    if (padding > 0) {
        start = begin_chunk(out, "upSm"); /* ancillary, private, safe to copy */
        put_fill(out, padding);
        end_chunk(out, start);
    }
    enum { ROW = 1 + SIDE / 8, ROWS = SIDE * ROW };
    unsigned char rows[ROWS];
    for (size_t y = 0; y < SIDE; y++) {
        memset(rows + y * ROW, y / 8 % 2 ? 0xF0 : 0x0F, ROW);
        rows[y * ROW] = 0; /* no filter */
    }
    uint32_t a = 1, b = 0; /* Adler-32 */
    for (size_t i = 0; i < ROWS; i++) {
        a = (a + rows[i]) % 65521;
        b = (b + a) % 65521;
    }
    start = begin_chunk(out, "IDAT");
    put(out,
        (unsigned char[]){0x78, 0x01, 0x01, ROWS & 255, ROWS >> 8, ~ROWS & 255, ~ROWS >> 8 & 255},
        7); /* zlib, one stored block */
    put(out, rows, ROWS);
    put_32(out, b << 16 | a);
    end_chunk(out, start);
    end_chunk(out, begin_chunk(out, "IEND"));
}

/* --- JPEG ---------------------------------------------------------------------------------------
 */

/* 2 + 4 + 9 bytes. */
static void jpeg_head(struct buffer *out, uint64_t seed)
{
    put(out, (unsigned char[]){0xFF, 0xD8, 0xFF, 0xFE, 0, 11}, 6);
    put(out, &seed, 8);
    put_byte(out, 0);
}

/* One component, all blocks alike: 8 x 8 of them, each a difference of 0 and an end of block but
 * the first, whose difference has 7 bits. */
static void jpeg_tail(struct buffer *out, size_t padding)
{
    while (padding > 0) {
        const size_t piece = padding < COMMENT_MAX ? padding : COMMENT_MAX;
        put(out,
            (unsigned char[]){0xFF, 0xFE, (unsigned char)((piece + 2) >> 8),
                              (unsigned char)(piece + 2)},
            4);
        put_fill(out, piece);
        padding -= piece;
    }
    put(out, (unsigned char[]){0xFF, 0xDB, 0, 67, 0}, 5);
    for (int i = 0; i < 64; i++)
        put_byte(out, 8);
    put(out, (unsigned char[]){0xFF, 0xC0, 0, 11, 8, 0, SIDE, 0, SIDE, 1, 1, 0x11, 0}, 13);
    static const unsigned char dc_lengths[16] = {1, 1}, ac_lengths[16] = {1};
    put(out, (unsigned char[]){0xFF, 0xC4, 0, 21, 0x00}, 5);
    put(out, dc_lengths, 16);
    put(out, (unsigned char[]){0, 7}, 2);
    put(out, (unsigned char[]){0xFF, 0xC4, 0, 20, 0x10}, 5);
    put(out, ac_lengths, 16);
    put_byte(out, 0);
    put(out, (unsigned char[]){0xFF, 0xDA, 0, 8, 1, 1, 0x00, 0, 63, 0}, 10);
    put(out, (unsigned char[]){0xA4, 0}, 2); /* 10 1001000 0: 72 more than the middle grey */
    for (int i = 2; i < 17; i++)
        put_byte(out, 0);
    put(out, (unsigned char[]){0xFF, 0xD9}, 2);
}

/* --- WebP ---------------------------------------------------------------------------------------
 */

struct bits {
    unsigned char bytes[16];
    unsigned count;
};

static void put_bits(struct bits *bits, unsigned value, unsigned count)
{
    for (unsigned i = 0; i < count; i++, bits->count++)
        if (value >> i & 1)
            bits->bytes[bits->count / 8] |= (unsigned char)(1u << bits->count % 8);
}

/* A prefix code with one symbol, which then takes no bits at all. */
static void put_symbol(struct bits *bits, unsigned value)
{
    put_bits(bits, 1, 1); /* simple */
    put_bits(bits, 0, 1); /* one symbol */
    put_bits(bits, 1, 1); /* of 8 bits */
    put_bits(bits, value, 8);
}

static size_t webp_tail_bytes(size_t padding)
{
    return padding > 0 ? 8 + padding + padding % 2 : 0;
}

/* 12 + 8 + 16 bytes. */
static void webp_head(struct buffer *out, uint64_t seed, size_t padding)
{
    struct bits bits = {{0x2F}, 8};
    put_bits(&bits, SIDE - 1, 14);
    put_bits(&bits, SIDE - 1, 14);
    put_bits(&bits, 0, 1 + 3);     /* no alpha; version 0 */
    put_bits(&bits, 0, 1 + 1 + 1); /* no transform, no colour cache, no groups of codes */
    put_symbol(&bits, seed & 255);
    put_symbol(&bits, seed >> 8 & 255);
    put_symbol(&bits, seed >> 16 & 255);
    put_symbol(&bits, 255);
    put_symbol(&bits, 0); /* distances: none occurs */
    put(out, "RIFF", 4);
    put_little_32(out, (uint32_t)(4 + 8 + 16 + webp_tail_bytes(padding)));
    put(out, "WEBPVP8L", 8);
    put_little_32(out, 16);
    bits.bytes[15] = (unsigned char)(seed >> 24); /* behind the last bit: not looked at */
    put(out, bits.bytes, 16);
}

static void webp_tail(struct buffer *out, size_t padding)
{
    if (padding == 0)
        return;
    put(out, "upSm", 4);
    put_little_32(out, (uint32_t)padding);
    put_fill(out, padding + padding % 2);
}

/* --- either -------------------------------------------------------------------------------------
 */

static void make_tail(enum picture_format format, size_t bytes)
{
    struct buffer *tail = &tails[format].bytes;
    if (tail->data && tails[format].size == bytes)
        return;
    buffer_clear(tail);
    buffer_clear(&tails[format].base64);
    buffer_init(tail, PICTURE_BYTES_MAX * 2);
    buffer_init(&tails[format].base64, PICTURE_BYTES_MAX * 4);
    tails[format].size = bytes;
    if (format == PICTURE_PNG)
        png_tail(tail, bytes);
    else if (format == PICTURE_JPEG)
        jpeg_tail(tail, bytes);
    else
        webp_tail(tail, bytes);
    if (tail->length > 0)
        base64_append(&tails[format].base64, tail->data, tail->length);
}

static void make_head(struct buffer *out, enum picture_format format, uint64_t seed, size_t bytes)
{
    if (format == PICTURE_PNG)
        png_head(out, seed);
    else if (format == PICTURE_JPEG)
        jpeg_head(out, seed);
    else
        webp_head(out, seed, bytes);
}

void picture_append(struct buffer *out, enum picture_format format, uint64_t seed, size_t bytes)
{
    if (bytes > PICTURE_BYTES_MAX)
        bytes = PICTURE_BYTES_MAX;
    make_tail(format, bytes);
    make_head(out, format, seed, bytes);
    put(out, tails[format].bytes.data, tails[format].bytes.length);
}

void picture_append_base64(struct buffer *out, enum picture_format format, uint64_t seed,
                           size_t bytes)
{
    if (bytes > PICTURE_BYTES_MAX)
        bytes = PICTURE_BYTES_MAX;
    make_tail(format, bytes);
    struct buffer head;
    buffer_init(&head, 256);
    make_head(&head, format, seed, bytes);
    base64_append(out, head.data, head.length);
    put(out, tails[format].base64.data, tails[format].base64.length);
    buffer_clear(&head);
}

const char *picture_type(enum picture_format format)
{
    static const char *const types[FORMATS] = {"image/png", "image/jpeg", "image/webp"};
    return types[format];
}

void base64_append(struct buffer *out, const void *bytes, size_t length)
{
    char *end = buffer_reserve(out, (length + 2) / 3 * 4 + 1); /* a NUL behind it, too */
    if (!end)
        abort();
    out->length += (size_t)EVP_EncodeBlock((unsigned char *)end, bytes, (int)length);
}

void pictures_clear(void)
{
    for (size_t i = 0; i < FORMATS; i++) {
        buffer_clear(&tails[i].bytes);
        buffer_clear(&tails[i].base64);
    }
}
