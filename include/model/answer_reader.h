/*
 * answer_reader.h: what reading an analysis and reading scenes share: texts by name, faults, and
 * members that nobody asked for. For answer.c and answer_scenes.c alone; see answer.h.
 *
 *     struct answer_reader reader;
 *     cJSON *root;
 *     enum err err = answer_begin(&reader, text, length, arena, &root);
 *     ...
 *     answer_end(&reader, root, faults);
 */
#ifndef MODEL_ANSWER_READER_H
#define MODEL_ANSWER_READER_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "model/answer.h"

struct answer_reader {
    struct arena *arena;
    unsigned found;          /* faults so far, as bits */
    struct buffer complaint; /* about them */
};

/* Finds the JSON. ERR_SYNTAX and NULL: there is none, which is a fault already. */
MUST_CHECK enum err answer_begin(struct answer_reader *reader, const char *text, size_t length,
                                 struct arena *arena, cJSON **root_out);
/* Hands out the faults and frees the rest. */
void answer_end(struct answer_reader *reader, cJSON *root, struct answer_faults *faults);

/* Notes a fault, with a whole sentence about it. That has no words of the answer in it: they may be
 * a document's. Past the limit faults are noted without their sentence. */
void answer_complain(struct answer_reader *reader, enum answer_fault fault, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A copy of `text`, trimmed and cut. */
const char *answer_take(const struct answer_reader *reader, const char *text,
                        size_t characters_max);

/* The same of a member, and of the first of two that has a text; "" if there is none. */
const char *answer_text(const struct answer_reader *reader, const cJSON *object, const char *name,
                        size_t characters_max);
const char *answer_either(const struct answer_reader *reader, const cJSON *object, const char *name,
                          const char *other, size_t characters_max);

/* The text of an array's item, "" if it is none. */
const char *answer_item(const struct answer_reader *reader, const cJSON *item,
                        size_t characters_max);

/* The members other than `members` (NULL-terminated) as the text of an object; NULL: none, or more
 * than ANSWER_EXTRA_BYTES_MAX. */
const char *answer_extra(const struct answer_reader *reader, const cJSON *object,
                         const char *const *members);

/* An array of one of two names, also one level too deep, as in {"analysis": {"key_figures": []}}:
 * then `root` is moved there. */
const cJSON *answer_list(const cJSON **root, const char *name, const char *other);

#endif
