/*
 * offline_lines.h: lines of a text file and what each is; used by the files that make a document
 * of them (offline_lines.c, offline_masthead.c, offline_layout.c) and by no others.
 */
#ifndef MODEL_OFFLINE_LINES_H
#define MODEL_OFFLINE_LINES_H

#include "model/lines.h"
#include "model/offline_text.h"

enum {
    MASTHEAD_BYTES_MAX = 4 * 1024, /* a title page has less */
    CREDIT_BLOCK_BYTES = 1500,     /* as much of a block is looked at for credits */
};

/* What a line is taken for; offline_layout.c says how. */
enum line_kind { LINE_BLANK, LINE_FURNITURE, LINE_TABLE, LINE_HEADING, LINE_PROSE };

struct line {
    struct slice text; /* trimmed */
    bool indented;
    bool continues; /* the line goes on in the next piece */
};

struct layout {
    const char *text;
    size_t length, at;
    struct document *document;
    struct repeats *repeats;
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

enum line_kind line_kind(struct layout *layout, const struct line *line, const struct shape *shape);

/* Counts a line, so that those that come back are known as running heads. */
void line_count(struct layout *layout, struct slice line);

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
