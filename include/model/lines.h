/*
 * lines.h: what a line of a document's text tells about itself, for all that reads documents line
 * by line: the offline analysis (offline_lines.h) and the cleaning of a text (preprocess.h).
 *
 *     const struct shape shape = line_shape(line);
 *     if (shape_is_heading(&shape, line)) ...
 */
#ifndef MODEL_LINES_H
#define MODEL_LINES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum { REPEAT_SLOTS = 8 * 1024 /* short lines remembered, to know running heads */ };

/* What counting a line's characters tells. */
struct shape {
    size_t words, capital_words, long_small_words;
    size_t letters, capitals, digits, gaps;
    char first, last; /* the last one that is not a closing quote or emphasis */
    bool quoted;      /* begins or ends with a quotation mark */
};

/* The functions below take lines that are trimmed. */

/* Looks at the first 200 bytes and the last character. */
struct shape line_shape(struct slice line);

/* All in capitals, or no longer word begins small. */
bool shape_is_title(const struct shape *shape);

/* Short, with a capital, and without what only sentences and tables have. */
bool shape_is_heading(const struct shape *shape, struct slice line);

/* Where the last character stands that says something: behind it there are only quotes, brackets
 * and emphasis. `quoted` becomes true when a quotation mark is among them. */
size_t line_last(struct slice line, bool *quoted);

/* In any case; `prefix` has two bytes or more, `phrase` no capital at its beginning. */
bool line_begins_with(struct slice line, const char *prefix);
size_t line_phrase_end(struct slice line, const char *phrase); /* 0: it is not there */

static inline bool line_contains(struct slice line, const char *phrase)
{
    return line_phrase_end(line, phrase) > 0;
}

bool line_has_digit(struct slice line);
bool line_has_month(struct slice line); /* or its first three letters */
bool line_is_quoted(struct slice line); /* begins with a quotation mark */

/* Is a word divided between the end of one line and the beginning of the next? Then the bytes of
 * the hyphen it is divided with, else 0: a letter and a hyphen, and small letters to go on with. */
size_t line_division(struct slice before, struct slice after);

/* How often lines came, by their hashes. Looking one up tries a fixed number of places, so that no
 * text can make it slow. */
struct repeat {
    uint32_t hash;  /* 0: free */
    uint32_t count; /* the caller's to raise */
    uint32_t page;  /* the caller's: where it was last counted */
};

struct repeats {
    struct repeat slots[REPEAT_SLOTS];
};

#define REPEAT_HASH_START 2166136261u

static inline uint32_t repeat_hash_add(uint32_t hash, unsigned char byte)
{
    return (hash ^ byte) * 16777619u;
}

/* Zeroed. */
struct repeats *repeats_new(void);
void repeats_free(struct repeats *repeats);

/* The hash's own slot, taken for it now if it has none; NULL: there is no place for it. */
struct repeat *repeats_find(struct repeats *repeats, uint32_t hash);

static inline bool cancelled(const atomic_bool *cancel)
{
    return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}

#endif
