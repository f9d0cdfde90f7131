/*
 * The second sweep: line by line, in place, for what is kept never outgrows what was read.
 *
 * A dropped line leaves an empty one behind, so that two lines that were apart never come to stand
 * together, and what a line is depends only on itself, on the lines of its block that were dropped
 * right before it, and at the top on the masthead so far. That is why a second run changes nothing.
 *
 * The masthead is what stands at the top and is nothing but numbers, dates, revisions, publishers
 * and authors. It goes when something sure is in it and what follows looks like a title. A
 * publisher below a number, or alone, might be the title, and an author is only believed below a
 * number.
 */
#include "model/preprocess_parts.h"

#include <string.h>

enum { MASTHEAD_BYTES_MAX = 4 * 1024 /* a title page has less */ };

struct masthead {
    size_t start; /* where it begins in what is kept */
    bool over;
    bool sure;   /* a number or a revision is in it */
    bool author; /* the line before was one */
};

struct sweep {
    char *text;
    size_t length;
    size_t at;      /* read so far */
    size_t kept;    /* bytes kept, at the text's start */
    bool parted;    /* the next line kept stands apart from the last */
    bool in_notice; /* the line before was dropped as a part of one */
    struct notice notice;
    size_t credit_until; /* lines that begin before it are a credit */
    size_t discussion;   /* where "discussion" comes next, without which there is no credit */
    struct masthead masthead;
};

static void keep(struct sweep *sweep, struct slice line)
{
    if (sweep->kept > 0) {
        sweep->text[sweep->kept++] = '\n';
        if (sweep->parted)
            sweep->text[sweep->kept++] = '\n';
    }
    memmove(sweep->text + sweep->kept, line.data, line.length);
    sweep->kept += line.length;
    sweep->parted = false;
}

static bool is_title(struct slice line)
{
    const struct shape shape = line_shape(line);
    return shape.first == '#' ? shape.words > 0 : shape_is_heading(&shape, line);
}

/* Is the line a part of the masthead, after what is in it already? */
static bool is_masthead(const struct sweep *sweep, struct slice line)
{
    const struct masthead *masthead = &sweep->masthead;
    if (sweep->kept - masthead->start > MASTHEAD_BYTES_MAX)
        return false;
    switch (masthead_kind(line)) {
    case MASTHEAD_SURE:
    case MASTHEAD_DATE:
        return true;
    case MASTHEAD_PUBLISHER:
        return !masthead->sure;
    case MASTHEAD_AUTHOR:
        return masthead->sure;
    case MASTHEAD_NOT:
        break;
    }
    /* The second author of a block may have no initial. */
    const struct shape shape = line_shape(line);
    return masthead->author && !sweep->parted && shape.capitals == shape.letters &&
           shape.words == 2 && shape.digits == 0;
}

/* Looks at a line that is kept: goes on with the masthead, ends it, or takes it back. */
static void read_masthead(struct sweep *sweep, struct slice line)
{
    struct masthead *masthead = &sweep->masthead;
    if (masthead->over)
        return;
    if (!is_masthead(sweep, line) && masthead->sure && is_title(line)) {
        sweep->kept = masthead->start;
        sweep->parted = true;
        *masthead = (struct masthead){.start = masthead->start};
    }
    if (!is_masthead(sweep, line)) {
        masthead->over = true;
        return;
    }
    const enum masthead_kind kind = masthead_kind(line);
    masthead->sure |= kind == MASTHEAD_SURE;
    masthead->author = kind == MASTHEAD_AUTHOR || kind == MASTHEAD_NOT;
}

/* The bytes of the credit that begins at `start`; 0: none does. */
static size_t credit_at(struct sweep *sweep, size_t start)
{
    const size_t left = sweep->length - start;
    if (sweep->discussion < start) { /* looked for once, for all lines before it */
        const char *found = memmem(sweep->text + start, left, "iscussion", 9);
        sweep->discussion = found ? (size_t)(found - sweep->text) : sweep->length;
    }
    const bool near = sweep->discussion - start < CREDIT_WINDOW;
    return near ? credit_length(sweep->text + start, left) : 0;
}

/* Is the line a part of a notice or a credit? */
static bool is_notice(struct sweep *sweep, struct slice line)
{
    const size_t start = (size_t)(line.data - sweep->text);
    if (start < sweep->credit_until) {
        sweep->notice = (struct notice){.last = line};
        return true;
    }
    if (sweep->in_notice && notice_goes_on(&sweep->notice, line))
        return true;
    bool opens = notice_opens(line);
    const bool block_begins =
        sweep->parted || sweep->kept == sweep->masthead.start || !sweep->masthead.over;
    if (!opens && block_begins) {
        const size_t credit = credit_at(sweep, start);
        sweep->credit_until = start + credit;
        opens = credit > 0;
    }
    if (opens)
        sweep->notice = (struct notice){.last = line};
    return opens;
}

/* A rule that nothing stands above: it was a heading's, and the heading is gone. */
static bool is_left_over(const struct sweep *sweep, struct slice line)
{
    return (sweep->parted || sweep->kept == 0) && slice_equal(line, slice_of("---"));
}

static void read_line(struct sweep *sweep, struct slice whole)
{
    const struct slice line = slice_trim(whole);
    if (line.length == 0) {
        sweep->parted = true;
        sweep->in_notice = false;
        return;
    }
    sweep->in_notice = is_notice(sweep, line);
    if (sweep->in_notice || line_is_filler(line) || is_left_over(sweep, line)) {
        sweep->parted = true;
        return;
    }
    read_masthead(sweep, line);
    keep(sweep, whole);
}

enum err lines_drop(char *text, size_t length, const atomic_bool *cancel, size_t *length_out)
{
    struct sweep sweep = {.text = text, .length = length};
    sweep.kept = front_matter(text, length);
    sweep.at = sweep.kept > 0 ? sweep.kept + 1 : 0;
    sweep.masthead.start = sweep.kept;
    size_t looked = 0;
    while (sweep.at < length) {
        if (sweep.at - looked >= CANCEL_BYTES) {
            looked = sweep.at;
            if (cancelled(cancel))
                return ERR_CANCELLED;
        }
        const char *start = text + sweep.at;
        const char *feed = memchr(start, '\n', length - sweep.at);
        const struct slice whole = {start, feed ? (size_t)(feed - start) : length - sweep.at};
        sweep.at += whole.length + 1;
        read_line(&sweep, whole);
    }
    *length_out = sweep.kept;
    return OK;
}
