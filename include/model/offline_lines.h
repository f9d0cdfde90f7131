/*
 * offline_lines.h: lines of a text file and what each is; used by the files that make a document
 * of them (offline_lines.c, offline_masthead.c, offline_layout.c) and by no others.
 */
#ifndef MODEL_OFFLINE_LINES_H
#define MODEL_OFFLINE_LINES_H

#include "model/offline_text.h"

enum {
    REPEAT_SLOTS = 8 * 1024,       /* short lines remembered, to know running heads */
    MASTHEAD_BYTES_MAX = 4 * 1024, /* a title page has less */
    CREDIT_BLOCK_BYTES = 1500,     /* as much of a block is looked at for credits */
};

/* What a line is taken for; offline_layout.c says how. */
enum line_kind { LINE_BLANK, LINE_FURNITURE, LINE_TABLE, LINE_HEADING, LINE_PROSE };

/* What counting a line's characters tells. */
struct shape {
    size_t words, capital_words, long_small_words;
    size_t letters, capitals, digits, gaps;
    char first, last; /* the last one that is not a closing quote or emphasis */
    bool quoted;      /* begins or ends with a quotation mark */
};

struct line {
    struct slice text; /* trimmed */
    bool indented;
    bool continues; /* the line goes on in the next piece */
};

struct layout {
    const char *text;
    size_t length, at;
    struct document *document;
    uint32_t *repeats; /* REPEAT_SLOTS pairs: hash, count */
    enum line_kind before;
    bool sentence_ended; /* the last line of prose ended a sentence */
    bool indented;       /* the last line of prose was */
    bool in_masthead;
    bool title_open;   /* the line before was a piece of the title */
    bool title_sure;   /* marked up as such: nothing better will come */
    bool glued;        /* the last line goes on without a space */
    char shouted[256]; /* a first line in capitals: the title if nothing better comes */
};

/* The next line; false at the end of the text. */
bool line_next(struct layout *layout, struct line *out);

struct shape line_shape(struct slice line);
enum line_kind line_kind(struct layout *layout, const struct line *line, const struct shape *shape);

/* Counts a line, so that those that come back are known as running heads. */
void line_count(struct layout *layout, struct slice line);

/* In any case. */
bool line_begins_with(struct slice line, const char *prefix);
bool line_contains(struct slice line, const char *phrase);

/* All in capitals, or no longer word begins small. */
bool shape_is_title(const struct shape *shape);

bool next_is_blank(const struct layout *layout);

/* A heading's words, without marks and numbers. */
struct slice heading_text(struct slice line);

/* ---- the masthead and its credits (offline_masthead.c) ---- */

/* Markdown's front matter, "---" to "---": its title is the title, the rest is dropped. */
void masthead_front_matter(struct layout *layout);

/* A line of the masthead: perhaps the title, or a second line of it. */
void masthead_read(struct layout *layout, struct slice line, const struct shape *shape);

/* Does a block that begins with this line end the masthead? */
bool masthead_ends(const struct layout *layout, struct slice line, const struct shape *shape);

/* Does a block that begins with this line say who made the case? */
bool block_is_credit(const struct layout *layout, struct slice line);

/* Sets a title of at most 255 bytes, or adds to it. */
void title_set(char *title, struct slice text, bool append);

#endif
