/*
 * picture_reader.h: an answer with a picture, read as it comes: the picture is decoded at once, and
 * its base64 text is never held.
 *
 *     struct picture_reader reader;
 *     picture_reader_init(&reader, IMAGE_BYTES_MAX);
 *     if (picture_reader_feed(&reader, bytes, length) != OK) ...   // any number of times
 *     cJSON *root;
 *     if (picture_reader_end(&reader, &root) == OK)
 *         ...                              // reader.picture, the answer's other members in root
 *     cJSON_Delete(root);
 *     picture_reader_clear(&reader);
 *
 * The picture is the string at data[0].b64_json, in canonical base64 (RFC 4648 4, with padding),
 * whatever of it is written as an escape. Of repeated members the last counts, as in json.h.
 */
#ifndef UPSTREAM_PICTURE_READER_H
#define UPSTREAM_PICTURE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/json.h"

enum {
    PICTURE_DOCUMENT_MAX = 256 << 10 /* of all but the picture: the longest prompts are half */
};

struct picture_reader {
    struct buffer picture; /* the bytes of it; empty: there is none */
    /* private */
    size_t picture_max;
    struct buffer document;  /* the answer, with "" where the picture's text was */
    enum err ended;          /* what every further feed returns; OK while it goes on */
    bool in_string, escaped; /* within a string that is kept, behind its backslash */
    bool in_picture;         /* within that of the picture */
    bool after_colon;        /* a value is next */
    size_t name, name_end;   /* the latest string that is no value, in `document`, with quotes */
    size_t depth;            /* open brackets */
    size_t on_path;          /* of these, how many lead to data[0]: 0 to 3 */
    bool past_first;         /* the first item of data is over */
    char escape[8];          /* of the picture's text, as a string of its own, until it is whole */
    size_t escape_length;    /* 0: none is open */
    uint32_t bits;           /* of a quantum of four characters */
    unsigned quantum, padding;  /* characters of it so far; those that were '=' */
    unsigned char sextets[256]; /* what a character stands for */
};

void picture_reader_init(struct picture_reader *reader, size_t picture_bytes_max);
void picture_reader_clear(struct picture_reader *reader);

/* ERR_LIMIT: the picture, or the rest, is too large. ERR_SYNTAX: the picture is not in base64. */
MUST_CHECK enum err picture_reader_feed(struct picture_reader *reader, const char *bytes,
                                        size_t length);

/* After the last piece: the document, with data[0].b64_json "" if it is a string. What it is
 * refused for is as above, or as json_parse says; then `out` is NULL. */
MUST_CHECK enum err picture_reader_end(struct picture_reader *reader, cJSON **out);

#endif
