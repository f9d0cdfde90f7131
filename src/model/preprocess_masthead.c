/*
 * What stands above a title and is nothing but a masthead: case numbers, revisions, dates,
 * publishers, authors. Only lines that consist of these, and of nothing else.
 */
#include "model/preprocess_parts.h"

#include <string.h>

enum {
    MASTHEAD_LINE_MAX = 200, /* bytes */
    MASTHEAD_PARTS_MAX = 6,  /* of a line, parted by bars or gaps */
};

/* "5-821-044", "9B17M052", "UVA-M-0812": capitals, digits and hyphens, four digits at least; a span
 * of years is none. */
static bool is_case_number(struct slice word)
{
    size_t digits = 0, others = 0;
    if (word.length < 5 || word.length > 16)
        return false;
    for (size_t i = 0; i < word.length; i++) {
        digits += is_digit(word.data[i]);
        others += is_capital(word.data[i]) || word.data[i] == '-';
    }
    const bool years = word.length == 9 && digits == 8 && word.data[4] == '-';
    return digits >= 4 && others >= 1 && digits + others == word.length && !years;
}

/* A case number, perhaps with a word before that says so. */
static bool is_numbered(struct slice part)
{
    static const char *const words[] = {"case number ", "case no. ", "case no ",       "case ",
                                        "reference ",   "ref. ",     "reference no. ", "no. "};
    for (size_t i = 0; i < COUNT(words); i++)
        if (line_begins_with(part, words[i])) {
            part = slice_trim(from(part, strlen(words[i])));
            break;
        }
    return is_case_number(part);
}

static bool is_revision(struct slice part)
{
    if (part.length > 60 || !line_has_digit(part))
        return false;
    return line_begins_with(part, "rev:") || line_begins_with(part, "rev. ") ||
           (line_begins_with(part, "revised ") && line_has_month(part));
}

static bool is_publisher(struct slice part, const struct shape *shape)
{
    static const char *const words[] = {
        "business school",     "school of business",  "school of management",
        "school of economics", "school publishing",   "case collection",
        "case cent",           "case series",         "business press",
        "business review",     "business publishing", "teaching case"};
    if (shape->words > 8 || memchr(part.data, ':', part.length) || !shape_is_heading(shape, part))
        return false;
    if (shape->capitals < shape->letters && shape->words > 5)
        return false;
    for (size_t i = 0; i < COUNT(words); i++)
        if (line_contains(part, words[i]))
            return true;
    return false;
}

/* "ALAN R. WHITMORE" */
static bool is_author(struct slice part, const struct shape *shape)
{
    if (shape->words != 3 || shape->capitals != shape->letters || shape->digits > 0)
        return false;
    const char *initial = memchr(part.data, ' ', part.length);
    const size_t at = initial ? (size_t)(initial - part.data) : part.length;
    return at > 1 && at + 5 < part.length && is_capital(part.data[at + 1]) &&
           part.data[at + 2] == '.' && part.data[at + 3] == ' ';
}

static enum masthead_kind part_kind(struct slice part)
{
    if (is_numbered(part) || is_revision(part))
        return MASTHEAD_SURE;
    const struct shape shape = line_shape(part);
    if (part.length <= 40 && shape.words <= 3 && shape.digits >= 4 && line_has_month(part))
        return MASTHEAD_DATE;
    if (is_publisher(part, &shape))
        return MASTHEAD_PUBLISHER;
    return is_author(part, &shape) ? MASTHEAD_AUTHOR : MASTHEAD_NOT;
}

/* Where the next part of a line ends: before a bar, or a gap of three blanks. */
static size_t part_end(struct slice line)
{
    for (size_t at = 0; at < line.length; at++)
        if (line.data[at] == '|' || line.data[at] == '\t' ||
            (line.length - at > 3 && memcmp(line.data + at, "   ", 3) == 0))
            return at;
    return line.length;
}

enum masthead_kind masthead_kind(struct slice line)
{
    if (line.length > MASTHEAD_LINE_MAX || line.data[0] == '|')
        return MASTHEAD_NOT;
    line = line_unmarked(line);
    enum masthead_kind kind = MASTHEAD_NOT;
    for (int parts = 0; line.length > 0 && parts < MASTHEAD_PARTS_MAX; parts++) {
        const size_t end = part_end(line);
        const struct slice part = slice_trim((struct slice){line.data, end});
        const enum masthead_kind one = part.length > 0 ? part_kind(part) : MASTHEAD_NOT;
        if (one == MASTHEAD_NOT)
            return MASTHEAD_NOT;
        kind = kind == MASTHEAD_SURE || one == MASTHEAD_SURE ? MASTHEAD_SURE : one;
        const size_t next = end < line.length && line.data[end] == '|' ? end + 1 : end;
        line = slice_trim(from(line, next));
    }
    return line.length == 0 ? kind : MASTHEAD_NOT;
}
