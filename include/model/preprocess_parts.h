/*
 * preprocess_parts.h: the two sweeps over a text, and what a line of it is to them; used by the
 * files that make up preprocess (preprocess*.c) and by no others.
 */
#ifndef MODEL_PREPROCESS_PARTS_H
#define MODEL_PREPROCESS_PARTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "model/lines.h"

enum {
    CANCEL_BYTES = 64 * 1024, /* cancel is looked at as often */
    CREDIT_WINDOW = 700,      /* bytes of a block that are looked at for a credit */
    EDGE_LINES = 4,           /* of a page's top and bottom that may be running heads */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static inline bool is_capital(char byte)
{
    return byte >= 'A' && byte <= 'Z';
}

/* Of a word, as far as bytes tell: beyond ASCII all are. */
static inline bool is_letter(char byte)
{
    return (unsigned char)byte >= 0x80 || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
}

static inline struct slice from(struct slice line, size_t at)
{
    return (struct slice){line.data + at, line.length - at};
}

/* The bytes of Markdown's front matter ("---", lines with a colon, "---") at the start of a text
 * that begins with no empty line, without its last line feed; 0: there is none. */
size_t front_matter(const char *text, size_t length);

/* A line may have "---" below it, which makes it a heading. `line` is trimmed. */
bool line_is_underlinable(struct slice line);

/* ---- first sweep: pages become one text (preprocess_pages.c) ---- */

/* Writes to `out`, which has room for `length` bytes. What comes out has no page marks, no running
 * heads and page numbers at their edges, no divided words, no blanks at line ends, no two empty
 * lines in a row and none at either end, and no line feed at its end. */
MUST_CHECK enum err pages_unite(const char *text, size_t length, const atomic_bool *cancel,
                                char *out, size_t *length_out);

/* ---- running heads (preprocess_heads.c) ---- */

struct page {
    size_t start, end;               /* of its lines in the text */
    uint32_t number;                 /* from 1 */
    bool first;                      /* no text before it */
    size_t lines;                    /* those that are not empty */
    struct slice top[EDGE_LINES];    /* trimmed */
    struct slice bottom[EDGE_LINES]; /* the last one at (lines - 1) % EDGE_LINES */
};

/* Counts the lines at a page's edges. Once it has seen all pages, `heads_trim` takes those of them
 * that are running heads off a page of `text`. */
void heads_count(struct repeats *repeats, const struct page *page);
void heads_trim(struct repeats *repeats, const char *text, struct page *page);

/* ---- second sweep: lines that are no text are dropped (preprocess_lines.c) ---- */

/* In place, on what the first sweep wrote. A dropped line leaves an empty one behind. */
MUST_CHECK enum err lines_drop(char *text, size_t length, const atomic_bool *cancel,
                               size_t *length_out);

/* ---- what a line is to the second sweep (preprocess_notices.c) ----
 * Lines are trimmed and not empty. None of these looks at anything but its arguments. */

/* Without the marks of emphasis, quotation and headings around it. */
struct slice line_unmarked(struct slice line);

/* "Page 3 of 9", "- 12 -", NO_CONTENT_HERE. */
bool line_is_filler(struct slice line);

/* A notice's last line so far. */
struct notice {
    struct slice last;
    unsigned loose; /* lines that were taken in for nothing but how they begin */
};

/* Does a notice of copyright or permission begin with this line? */
bool notice_opens(struct slice line);

/* Is this line, right below, its continuation? Counts it if so. */
bool notice_goes_on(struct notice *notice, struct slice line);

/* Do the lines up to the next empty one say who made the case, and that it is for class discussion?
 * Then how many bytes it takes to say so; else 0. `text` begins with a line. */
size_t credit_length(const char *text, size_t length);

/* ---- mastheads (preprocess_masthead.c) ---- */

enum masthead_kind {
    MASTHEAD_NOT,
    MASTHEAD_PUBLISHER, /* might be a title's words, too */
    MASTHEAD_DATE,
    MASTHEAD_SURE, /* a number or a revision: nothing but a masthead has it */
    MASTHEAD_AUTHOR,
};

/* Of a line near the top, or of all parts of a line in which bars or wide gaps part them. */
enum masthead_kind masthead_kind(struct slice line);

#endif
