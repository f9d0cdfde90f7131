/*
 * preprocess.h: a document's text as a model should read it: without what stands on every page.
 *
 *     struct buffer clean;
 *     buffer_init(&clean, length + 1);
 *     if (preprocess(text, length, &work->cancel, &clean) == OK) ...
 *     size_t cut = preprocess_cut(clean.data, clean.length, 200000);
 *
 * Taken out: what stands above the title and is nothing but numbers, dates, publishers and authors;
 * notices of copyright and permission, and who prepared the case; running heads and page numbers;
 * page marks (form feeds, "---", NO_CONTENT_HERE); the hyphens of words divided at line ends;
 * blanks at line ends, and more than one empty line in a row. Kept: headings, tables, lists,
 * exhibits, emphasis, everything that may be the case itself; in doubt a line stays. Plain text and
 * markdown alike. Pure; a second run changes nothing.
 */
#ifndef MODEL_PREPROCESS_H
#define MODEL_PREPROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* Appends to `out`, never more than `length` bytes and one. `text` is clean UTF-8. `cancel` (which
 * may be NULL) is looked at every 64 KB, or at the end of a longer line: ERR_CANCELLED. ERR_LIMIT:
 * `out` has no room for `length` bytes and one. On failure nothing was appended. */
MUST_CHECK enum err preprocess(const char *text, size_t length, const atomic_bool *cancel,
                               struct buffer *out);

/* How many bytes to keep so that at most `characters_max` characters stay: all, or up to the last
 * end of a paragraph, else of a sentence, else of a word, as long as that is no less than half of
 * the bytes that would fit; else all that fit. */
size_t preprocess_cut(const char *text, size_t length, size_t characters_max);

#endif
