/*
 * header_value.h: what stands behind the colon of a header: `form-data; name="a";
 * filename="b.pdf"`.
 *
 * Reads what browsers and HTTP libraries really send (no space behind a semicolon, values without
 * quotes, Windows paths), in a way that nobody can use to make one value pass for two: what stands
 * between the quotes of one parameter never counts as another.
 *
 *     struct header_parameter filename;
 *     if (header_parameter(value, "filename", &filename))
 *         err = header_decode(&filename, &text);
 */
#ifndef API_HEADER_VALUE_H
#define API_HEADER_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"

/* The most bytes of a value that header_decode and header_decode_extended take. */
enum { HEADER_VALUE_BYTES = 8192 };

struct header_parameter {
    struct slice value; /* without its quotes, escapes as sent */
    bool quoted;
};

/* Without the white space that may stand around a word or value: blanks and tabs. */
struct slice header_trim(struct slice text);

/* ASCII case-insensitive, whatever the locale; `word` is in lower case. */
bool header_is_word(struct slice text, const char *word);

/* The first parameter with that key (in lower case); false if there is none. What is not of the
 * form key=value is passed over. */
bool header_parameter(struct slice value, const char *key, struct header_parameter *out);

/* The value without its backslash escapes into `out`, which has room for `value.length` bytes.
 * Only `\"` and `\\` in a quoted string are escapes: other backslashes belong to Windows paths. */
size_t header_unescape(const struct header_parameter *parameter, char *out);

/* The value of a form's `name` or `filename` appended to `out` as clean text, with backslash
 * escapes and those of the HTML standard (%22 %0D %0A) decoded. ERR_LIMIT when it does not fit. */
MUST_CHECK enum err header_decode(const struct header_parameter *parameter, struct buffer *out);

/* The value of a parameter such as `filename*`, charset'language'text (RFC 5987), appended as clean
 * text; the charset is UTF-8 or ISO-8859-1. ERR_SYNTAX for any other form or charset: go on as if
 * the parameter had not come. ERR_LIMIT when it does not fit. */
MUST_CHECK enum err header_decode_extended(const struct header_parameter *parameter,
                                           struct buffer *out);

#endif
