/*
 * What is not the picture is short, and goes into one buffer, to be parsed by json_parse in the
 * end. Until then nothing is checked but what it takes to find the picture: strings, brackets, the
 * names before values. If the answer is no JSON, neither is what is left of it without the
 * picture's text, and json_parse will say so.
 *
 * libcrypto's decoder of base64 would skip blanks and stop at a hyphen, so it is done here.
 */
#include "upstream/picture_reader.h"

#include <assert.h>
#include <string.h>

enum {
    PATH_DEPTH = 3,
    QUANTUM = 4, /* characters that give three bytes */
    SEXTET_BITS = 6,
    NO_SEXTET = 255,
    BLOCK = 4096,        /* characters decoded before there is a look at the limit */
    NAME_BYTES_MAX = 64, /* of one that may be ours, each of its characters an escape */
};

static const char path_brackets[PATH_DEPTH] = {'{', '[', '{'};

void picture_reader_init(struct picture_reader *reader, size_t picture_bytes_max)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    memset(reader, 0, sizeof(*reader));
    reader->picture_max = picture_bytes_max;
    buffer_init(&reader->picture, picture_bytes_max + BLOCK + QUANTUM);
    buffer_init(&reader->document, PICTURE_DOCUMENT_MAX);
    memset(reader->sextets, NO_SEXTET, sizeof(reader->sextets));
    for (int i = 0; alphabet[i]; i++)
        reader->sextets[(unsigned char)alphabet[i]] = (unsigned char)i;
}

void picture_reader_clear(struct picture_reader *reader)
{
    buffer_clear(&reader->picture);
    buffer_clear(&reader->document);
}

static void fail(struct picture_reader *reader, enum err err)
{
    if (reader->ended == OK)
        reader->ended = err;
}

/* ---- the picture ---- */

/* Three bytes, or fewer where there is padding. The room for them was reserved. */
static void end_quantum(struct picture_reader *reader)
{
    struct buffer *out = &reader->picture;
    for (unsigned i = 0; i < QUANTUM - 1 - reader->padding; i++)
        out->data[out->length++] = (char)(reader->bits >> (16 - 8 * i));
    reader->bits = reader->quantum = 0;
    if (out->length > reader->picture_max)
        fail(reader, ERR_LIMIT);
}

static void decode(struct picture_reader *reader, char c)
{
    const unsigned char sextet = reader->sextets[(unsigned char)c];
    const bool is_padding = c == '=' && reader->quantum >= 2;
    const bool is_known = is_padding || sextet != NO_SEXTET;
    if (!is_known || (reader->padding > 0 && !is_padding)) {
        fail(reader, ERR_SYNTAX);
        return;
    }
    reader->padding += is_padding;
    reader->bits = reader->bits << SEXTET_BITS | (is_padding ? 0 : sextet);
    if (++reader->quantum == QUANTUM)
        end_quantum(reader);
}

/* The next character of an escape; a whole one is for json_parse to understand. */
static void read_escape(struct picture_reader *reader, char c)
{
    reader->escape[reader->escape_length++] = c;
    const bool is_long = reader->escape[2] == 'u';
    if (reader->escape_length < (is_long ? 7 : 3))
        return;
    reader->escape[reader->escape_length++] = '"';
    cJSON *string;
    const enum err err = json_parse(reader->escape, reader->escape_length, NULL, &string);
    reader->escape_length = 0;
    if (err != OK) {
        fail(reader, ERR_SYNTAX);
        return;
    }
    for (const char *at = string->valuestring; *at; at++) /* \u0000 is dropped */
        decode(reader, *at);
    cJSON_Delete(string);
}

static void begin_picture(struct picture_reader *reader)
{
    reader->in_picture = true;
    buffer_reset(&reader->picture);
    reader->bits = reader->quantum = reader->padding = 0;
}

/* Its closing quote. */
static void end_picture(struct picture_reader *reader)
{
    reader->in_picture = false;
    if (reader->quantum > 0)
        fail(reader, ERR_SYNTAX);
    else if (buffer_append(&reader->document, "\"", 1) != OK)
        fail(reader, ERR_LIMIT);
}

/* Returns how many bytes it took. */
static size_t read_picture(struct picture_reader *reader, const char *bytes, size_t length)
{
    if (length > BLOCK)
        length = BLOCK;
    const char *room = buffer_reserve(&reader->picture, length + QUANTUM);
    assert(room);
    (void)room;
    size_t i = 0;
    while (i < length && reader->in_picture && reader->ended == OK) {
        const char c = bytes[i++];
        if (reader->escape_length > 0) {
            read_escape(reader, c);
        } else if (c == '\\') {
            memcpy(reader->escape, "\"\\", 2);
            reader->escape_length = 2;
        } else if (c == '"') {
            end_picture(reader);
        } else {
            decode(reader, c);
        }
    }
    return i;
}

/* ---- the rest ---- */

/* Is the latest name this one, however it is written? */
static bool is_named(const struct picture_reader *reader, const char *name)
{
    const char *bytes = reader->document.data + reader->name;
    const size_t length = reader->name_end - reader->name;
    if (length < 2 || length > NAME_BYTES_MAX)
        return false;
    if (!memchr(bytes, '\\', length))
        return length - 2 == strlen(name) && memcmp(bytes + 1, name, length - 2) == 0;
    cJSON *string;
    if (json_parse(bytes, length, NULL, &string) != OK)
        return false;
    const bool result = strcmp(string->valuestring, name) == 0;
    cJSON_Delete(string);
    return result;
}

/* The quote is the last byte of the document. */
static void open_string(struct picture_reader *reader)
{
    if (reader->after_colon && reader->on_path == PATH_DEPTH && reader->depth == PATH_DEPTH &&
        is_named(reader, "b64_json")) {
        begin_picture(reader);
        return;
    }
    reader->in_string = true;
    if (!reader->after_colon)
        reader->name = reader->name_end = reader->document.length - 1;
}

static void read_string(struct picture_reader *reader, char c)
{
    if (reader->escaped) {
        reader->escaped = false;
    } else if (c == '\\') {
        reader->escaped = true;
    } else if (c == '"') {
        reader->in_string = false;
        if (reader->name_end == reader->name)
            reader->name_end = reader->document.length;
    }
}

static bool leads_to_picture(const struct picture_reader *reader, char bracket)
{
    if (reader->depth >= PATH_DEPTH || reader->on_path != reader->depth ||
        bracket != path_brackets[reader->depth])
        return false;
    if (reader->depth == 1)
        return reader->after_colon && is_named(reader, "data");
    return reader->depth == 0 || !reader->past_first;
}

static void open_bracket(struct picture_reader *reader, char bracket)
{
    if (leads_to_picture(reader, bracket)) {
        reader->on_path++;
        reader->past_first = false;
    }
    reader->depth++;
}

static void close_bracket(struct picture_reader *reader)
{
    if (reader->depth > 0)
        reader->depth--;
    if (reader->on_path > reader->depth)
        reader->on_path = reader->depth;
}

static void read_token(struct picture_reader *reader, char c)
{
    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return;
    case '"':
        open_string(reader);
        break;
    case '{':
    case '[':
        open_bracket(reader, c);
        break;
    case '}':
    case ']':
        close_bracket(reader);
        break;
    case ',':
        if (reader->on_path == 2 && reader->depth == 2)
            reader->past_first = true;
        break;
    }
    reader->after_colon = c == ':';
}

static void read_document(struct picture_reader *reader, char c)
{
    if (buffer_append(&reader->document, &c, 1) != OK)
        fail(reader, ERR_LIMIT);
    else if (reader->in_string)
        read_string(reader, c);
    else
        read_token(reader, c);
}

/* ---- both ---- */

enum err picture_reader_feed(struct picture_reader *reader, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length && reader->ended == OK;) {
        if (reader->in_picture)
            i += read_picture(reader, bytes + i, length - i);
        else
            read_document(reader, bytes[i++]);
    }
    return reader->ended;
}

/* Is there one in the document as it was meant in the end? */
static bool has_picture(const cJSON *root)
{
    const cJSON *data = json_array(root, "data");
    return data && data->child && json_string(data->child, "b64_json", NULL);
}

enum err picture_reader_end(struct picture_reader *reader, cJSON **out)
{
    *out = NULL;
    const struct buffer *document = &reader->document;
    enum err err = reader->ended;
    if (err == OK)
        err = document->length > 0 ? json_parse(document->data, document->length, NULL, out)
                                   : ERR_SYNTAX;
    if (err != OK || !has_picture(*out))
        buffer_clear(&reader->picture);
    return err;
}
