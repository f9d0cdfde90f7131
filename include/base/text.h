/*
 * text.h: UTF-8 from a hostile world: validity, decoding, cutting, folding for comparison.
 *
 * Everything inside personad is valid UTF-8 without NUL. What comes from outside passes through
 * text_decode (a file of unknown encoding) or text_clean (something that claims to be UTF-8).
 * Unicode knowledge comes from libunistring; NULs and lone surrogates are dropped or become U+FFFD.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

/* Bytes of text that somebody else owns; not NUL-terminated. */
struct slice {
    const char *data;
    size_t length;
};

/* A slice of a string literal or NUL-terminated string. */
struct slice slice_of(const char *string);
bool slice_equal(struct slice a, struct slice b);
/* Without white space at both ends (ASCII white space and form feeds). */
struct slice slice_trim(struct slice slice);

/* Well-formed by RFC 3629 (no overlong forms, no surrogates) and without NUL? */
bool text_is_clean(const char *bytes, size_t length);

/* Appends `bytes` to `out`: NULs dropped, each ill-formed sequence replaced by one U+FFFD.
 * ERR_LIMIT when out's maximum is reached: then what fitted was appended, cut at a character. */
MUST_CHECK enum err text_clean(const char *bytes, size_t length, struct buffer *out);

/* Appends well-formed text. ERR_LIMIT as above. */
MUST_CHECK enum err text_append(struct buffer *out, const char *text, size_t length);

/* A text file of unknown encoding to clean UTF-8, appended to `out`: UTF-8 with or without BOM,
 * UTF-16 of either order when a BOM says so, else Windows-1252 (the superset of Latin-1 that
 * files in the field are written in). UTF-8 with a few bad bytes stays UTF-8, cleaned as by
 * text_clean. CR LF and CR become LF.
 * ERR_ENCODING when it is no text at all (control bytes that no text file has; nothing is
 * appended); ERR_LIMIT as above. */
MUST_CHECK enum err text_decode(const char *bytes, size_t length, struct buffer *out);

/* The length of the longest prefix of at most `max` bytes that ends between two characters. */
size_t text_cut(const char *text, size_t length, size_t max);

/* The byte length of the first `characters` characters, or `length` if there are fewer. */
size_t text_cut_characters(const char *text, size_t length, size_t characters);

/* The number of characters (code points). */
size_t text_characters(const char *text, size_t length);

/* Decodes one character; returns its bytes (>= 1 if length > 0). Ill-formed: U+FFFD and 1. */
size_t text_next(const char *text, size_t length, unsigned *character_out);

/* A name in the form in which two spellings of it are equal: compatibility-decomposed, case-folded,
 * accents dropped, everything but letters and digits turned to single spaces, trimmed.
 * "María  O'Brien-Chén" gives "maria o brien chen" ("o'brien" equals "o brien"). */
char *text_fold(struct arena *arena, const char *text, size_t length);

/* ASCII case-insensitive comparison, independent of the locale. */
bool text_equal_ignore_case(const char *a, const char *b);

/* The entry of `words` (NULL-terminated) nearest to `word` by edit distance, or NULL when none is
 * within a third of its length: for "did you mean". */
const char *text_nearest(const char *word, const char *const *words);

#endif
