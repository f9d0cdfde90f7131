/*
 * picture_reader.h on any bytes: however the input is split, it says what cJSON and a decoder of
 * whole texts say.
 */
#include "upstream/picture_reader.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURE_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err read_in_pieces(struct picture_reader *reader, const char *bytes, size_t size,
                               size_t piece, cJSON **out)
{
    picture_reader_init(reader, PICTURE_MAX);
    for (size_t at = 0; at < size; at += piece) {
        /* A copy of its own, so that reading past its end is seen. */
        const size_t length = size - at < piece ? size - at : piece;
        char *part = malloc(length);
        assert(part);
        memcpy(part, bytes + at, length);
        const enum err err = picture_reader_feed(reader, part, length);
        assert(err == OK || err == ERR_SYNTAX || err == ERR_LIMIT);
        free(part);
    }
    return picture_reader_end(reader, out);
}

/* The length of what `text` stands for; -1: it is not base64. */
static long decode(const char *text, unsigned char *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t length = strlen(text), plain = strspn(text, alphabet);
    const size_t padding = length - plain;
    if (length % 4 != 0 || padding > 2 || strspn(text + plain, "=") != padding)
        return -1;
    uint32_t bits = 0;
    size_t count = 0;
    for (size_t i = 0; i < plain; i++) {
        bits = bits << 6 | (uint32_t)(strchr(alphabet, text[i]) - alphabet);
        if (i % 4 > 0)
            out[count++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    return (long)count;
}

static bool is_named(const cJSON *item, const char *name)
{
    return item->string && strcmp(item->string, name) == 0;
}

/* What the answer has: ERR_SYNTAX if any text where a picture may be is none, ERR_LIMIT if one is
 * too long, whichever comes first; else the last of them. */
static enum err look_up(const cJSON *root, unsigned char *out, size_t *length)
{
    enum err err = OK;
    for (const cJSON *data = cJSON_IsObject(root) ? root->child : NULL; data; data = data->next) {
        const cJSON *first = is_named(data, "data") && cJSON_IsArray(data) ? data->child : NULL;
        for (const cJSON *item = cJSON_IsObject(first) ? first->child : NULL; item;
             item = item->next) {
            if (!is_named(item, "b64_json") || !cJSON_IsString(item) || err != OK)
                continue;
            const long decoded = decode(item->valuestring, out);
            err = decoded < 0 ? ERR_SYNTAX : decoded > PICTURE_MAX ? ERR_LIMIT : OK;
            *length = decoded > 0 ? (size_t)decoded : 0;
        }
    }
    const cJSON *data = json_array(root, "data");
    if (!data || !data->child || !json_string(data->child, "b64_json", NULL))
        *length = 0;
    return err;
}

static void check_against_whole(const char *bytes, size_t size, const struct picture_reader *reader,
                                enum err read)
{
    cJSON *root = NULL;
    const enum err parsed = json_parse(bytes, size, NULL, &root);
    unsigned char *expected = malloc(size + 1);
    size_t length = 0;
    assert(expected);
    if (parsed != OK) {
        assert(read != OK);
    } else {
        const enum err looked_up = look_up(root, expected, &length);
        assert((looked_up == OK) == (read == OK));
        assert(read != OK || reader->picture.length == length);
        assert(read != OK || length == 0 || memcmp(reader->picture.data, expected, length) == 0);
    }
    free(expected);
    cJSON_Delete(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A name with more NULs in it than its length allows is not found; json_parse drops them. */
    if (size < 2 || size > 16384 || memmem(data, size, "\\u0000", 6))
        return 0;
    const char *bytes = (const char *)data + 1;
    size--;
    struct picture_reader whole, pieces;
    cJSON *whole_root, *pieces_root;
    const enum err whole_err = read_in_pieces(&whole, bytes, size, size, &whole_root);
    const enum err pieces_err =
        read_in_pieces(&pieces, bytes, size, 1 + data[0] % 16, &pieces_root);
    assert(whole_err == pieces_err);
    assert(whole.picture.length == pieces.picture.length);
    assert(whole.picture.length == 0 ||
           memcmp(whole.picture.data, pieces.picture.data, whole.picture.length) == 0);
    assert(whole.document.length == pieces.document.length || whole_err != OK);
    assert(whole_err != OK ||
           memcmp(whole.document.data, pieces.document.data, whole.document.length) == 0);
    check_against_whole(bytes, size, &whole, whole_err);
    cJSON_Delete(whole_root);
    cJSON_Delete(pieces_root);
    picture_reader_clear(&whole);
    picture_reader_clear(&pieces);
    return 0;
}
