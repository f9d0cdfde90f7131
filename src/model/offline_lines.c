/*
 * Lines: cutting a text into them, and deciding from what they are made of what each is (the rules
 * stand in offline_layout.c).
 */
#include "model/offline_lines.h"

#include <ctype.h>
#include <string.h>

enum {
    LINE_BYTES_MAX = 32 * 1024, /* a longer line is read in pieces */
    REPEAT_BYTES = 64,          /* as much of each line is compared */
};

/* ---- lines ---- */

bool line_next(struct layout *layout, struct line *out)
{
    if (layout->at >= layout->length)
        return false;
    const char *start = layout->text + layout->at;
    const size_t left = layout->length - layout->at;
    const size_t most = left < LINE_BYTES_MAX ? left : LINE_BYTES_MAX;
    const char *end = memchr(start, '\n', most);
    size_t taken;
    out->continues = false;
    if (end) {
        taken = (size_t)(end - start) + 1;
    } else {
        taken = most == left ? most : text_cut(start, left, most);
        out->continues = taken < left;
    }
    layout->at += taken;
    out->indented = *start == ' ' || *start == '\t';
    out->text = slice_trim((struct slice){start, taken});
    return true;
}

/* ---- furniture ---- */

/* Lines that come back count as one although their page number differs: digits are left out. */
static struct repeat *repeat_of(struct layout *layout, struct slice line)
{
    uint32_t hash = REPEAT_HASH_START;
    for (size_t i = 0; i < line.length && i < REPEAT_BYTES; i++) {
        const char byte = line.data[i];
        if (byte != ' ' && byte != '\t' && !(byte >= '0' && byte <= '9'))
            hash = repeat_hash_add(hash, (unsigned char)byte);
    }
    return repeats_find(layout->repeats, hash);
}

static bool may_repeat(struct slice line)
{
    if (line.length == 0 || line.length > 120 || line_is_quoted(line))
        return false;
    bool quoted = false;
    const char last = line.data[line_last(line, &quoted)];
    return !quoted && !strchr(".!?,:;", last);
}

static bool is_running_head(struct layout *layout, struct slice line)
{
    if (!may_repeat(line))
        return false;
    const struct repeat *repeat = repeat_of(layout, line);
    return repeat && (repeat->count >= 3 || (repeat->count == 2 && line_has_digit(line)));
}

static bool is_furniture(struct layout *layout, struct slice line, const struct shape *shape)
{
    static const char *const openings[] = {
        "copyright", "\xc2\xa9",    "(c) ",          "rev. ",
        "rev: ",     "revised ",    "source:",       "sources:",
        "page ",     "http://",     "https://",      "www.",
        "doi:",      "isbn",        "issn",          "all rights reserved",
        "case no",   "case number", "case study no", "reference no",
        "ref. no",   "do not copy", "draft ",        "exhibit ",
        "table ",    "figure "};
    if (line.length > 200)
        return false;
    const bool goes_on = layout->before == LINE_PROSE && !layout->sentence_ended;
    if (goes_on && (strchr(".!?", shape->last) || shape->words > 3))
        return is_running_head(layout, line);
    if (shape->letters == 0)
        return true; /* rules, page numbers, "5-821-044", "* * *" */
    if (shape->letters <= 5 && shape->digits > 0 && shape->words <= 2)
        return true; /* "Case 24-117", "9B17M052" */
    if (strchr(".!?\"", shape->last) == NULL || shape->words <= 16)
        for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++)
            if (line_begins_with(line, openings[i]) && (i < 2 || line_has_digit(line) || i >= 6))
                return true;
    if (line.length <= 40 && shape->words <= 3 && shape->digits >= 4 && line_has_month(line))
        return true; /* a date that stands alone */
    return is_running_head(layout, line);
}

static bool is_table(struct slice line, const struct shape *shape)
{
    if (shape->first == '|' || (line.length < 400 && line.data[line.length - 1] == '|'))
        return true;
    const bool columns = shape->words < 9 || shape->digits >= 4; /* else justified prose */
    if (columns && (shape->gaps >= 2 || (shape->gaps >= 1 && shape->digits >= 2)))
        return true;
    return line.length < 120 && shape->digits >= 6 && shape->digits >= shape->letters;
}

/* ---- headings ---- */

bool next_is_blank(const struct layout *layout)
{
    for (size_t at = layout->at; at < layout->length && at < layout->at + 200; at++) {
        if (layout->text[at] == '\n' || layout->text[at] == '\f')
            return true;
        if (layout->text[at] != ' ' && layout->text[at] != '\t' && layout->text[at] != '\r')
            return false;
    }
    return true;
}

/* A line of setext underlining, "====", that makes the one before a heading. */
static bool next_is_underline(const struct layout *layout)
{
    size_t at = layout->at;
    while (at < layout->length && layout->text[at] == '=')
        at++;
    return at >= layout->at + 3 && (at == layout->length || layout->text[at] == '\n');
}

static bool is_heading(const struct layout *layout, struct slice line, const struct shape *shape)
{
    if (shape->first == '#')
        return shape->words > 0 && line.length < 200;
    if (!shape_is_heading(shape, line))
        return false;
    const bool question = strchr("!?", shape->last) != NULL;
    const bool numbered = isdigit((unsigned char)shape->first);
    if (!numbered && islower((unsigned char)shape->first))
        return false;
    if (strchr("-+>", shape->first) || line_begins_with(line, "\xe2\x80\xa2"))
        return false; /* an item of a list */
    if (next_is_underline(layout))
        return true;
    const bool free_before = layout->before != LINE_PROSE;
    const bool free_after = next_is_blank(layout);
    if (free_before && free_after)
        return !question || shape_is_title(shape);
    return (free_before || layout->sentence_ended) && shape_is_title(shape) && !question &&
           line.length < 60;
}

struct slice heading_text(struct slice line)
{
    while (line.length > 0 && strchr("#*_ ", line.data[0]))
        line = (struct slice){line.data + 1, line.length - 1};
    size_t digits = 0;
    while (digits < line.length && strchr("0123456789.)", line.data[digits]))
        digits++;
    if (digits > 0 && digits < 6 && digits < line.length && line.data[digits] == ' ')
        line = (struct slice){line.data + digits, line.length - digits};
    line = slice_trim(line);
    while (line.length > 0 && strchr("#*_ ", line.data[line.length - 1]))
        line.length--;
    return line;
}

void line_count(struct layout *layout, struct slice line)
{
    struct repeat *repeat = may_repeat(line) ? repeat_of(layout, line) : NULL;
    if (repeat)
        repeat->count++;
}

/* ---- kinds ---- */

enum line_kind line_kind(struct layout *layout, const struct line *line, const struct shape *shape)
{
    if (line->text.length == 0)
        return LINE_BLANK;
    if (layout->glued || line->continues)
        return LINE_PROSE;
    if (is_furniture(layout, line->text, shape))
        return LINE_FURNITURE;
    if (is_table(line->text, shape))
        return LINE_TABLE;
    return is_heading(layout, line->text, shape) ? LINE_HEADING : LINE_PROSE;
}
