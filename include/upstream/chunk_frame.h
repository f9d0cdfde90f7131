/*
 * chunk_frame.h: the chunks of one stream are alike but for a few characters of content. So what
 * stands around the content is remembered, and of a chunk that has the same around it only the
 * content is parsed: a tenth of the work, thousands of times an answer.
 *
 *     struct chunk_frame frame;
 *     chunk_frame_init(&frame);
 *     struct slice content;
 *     if (chunk_frame_match(&frame, data, length, &content))
 *         ...                                  // all else is as in the chunk before
 *     else if (json_parse(data, length, NULL, &root) == OK && ...)
 *         chunk_frame_learn(&frame, data, length);
 *     chunk_frame_clear(&frame);
 */
#ifndef UPSTREAM_CHUNK_FRAME_H
#define UPSTREAM_CHUNK_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/text.h"

struct chunk_frame {
    struct buffer before; /* up to the opening quote of the content; empty: nothing is known */
    struct buffer after;  /* from behind its closing quote */
    cJSON *content;       /* of the latest match, where it had to be parsed */
};

void chunk_frame_init(struct chunk_frame *frame);
void chunk_frame_clear(struct chunk_frame *frame);

/* Remembers a chunk: a JSON document, by json_parse, that has a string named "content" where the
 * caller looks for it. Nothing is known afterwards if it could be mistaken for another string. */
void chunk_frame_learn(struct chunk_frame *frame, const char *data, size_t length);

/* Does this chunk differ from the remembered one in nothing but its content? That is clean UTF-8,
 * NUL-free, and valid until the next call. False: it is another one, or no JSON. */
bool chunk_frame_match(struct chunk_frame *frame, const char *data, size_t length,
                       struct slice *content_out);

#endif
