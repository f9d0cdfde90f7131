/*
 * Lines: cutting a text into them, counting what they are made of, and deciding from that what each
 * is (the rules stand in offline_layout.c).
 */
#include "model/offline_lines.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
    LINE_BYTES_MAX = 32 * 1024, /* a longer line is read in pieces */
    REPEAT_BYTES = 64,          /* as much of each line is compared */
    SHAPE_BYTES_MAX = 200,      /* as much of a line tells what it is */
    HEADING_BYTES_MAX = 80,     /* a longer line is prose */
    HEADING_WORDS_MAX = 12,
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

static bool is_quote_at(const char *at, size_t left)
{
    return *at == '"' || (left >= 3 && memcmp(at, "\xe2\x80", 2) == 0 &&
                          ((unsigned char)at[2] >= 0x98 && (unsigned char)at[2] <= 0x9f));
}

static size_t utf8_back(const char *text, size_t at)
{
    do
        at--;
    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

/* The last character that says something: behind it stand only quotes, brackets and emphasis. */
static size_t last_character(struct slice line, bool *quoted)
{
    size_t at = line.length;
    while (at > 0) {
        const size_t here = utf8_back(line.data, at);
        const bool quote = is_quote_at(line.data + here, line.length - here);
        if (!quote && !strchr("*_')]`", line.data[here]))
            return here;
        *quoted |= quote;
        at = here;
    }
    return 0;
}

/* A line's characters, for counting: what follows the first byte of a wide one counts as nothing.
 */
enum byte_kind { BYTE_OTHER, BYTE_SMALL, BYTE_CAPITAL, BYTE_DIGIT, BYTE_SPACE, BYTE_WIDE };

static const unsigned char byte_kinds[256] = {
    ['a' ... 'z'] = BYTE_SMALL, ['A' ... 'Z'] = BYTE_CAPITAL, ['0' ... '9'] = BYTE_DIGIT,
    [' '] = BYTE_SPACE,         ['\t'] = BYTE_SPACE,          [0xc0 ... 0xff] = BYTE_WIDE,
};

static enum byte_kind wide_kind(struct slice line, size_t at)
{
    unsigned character;
    text_next(line.data + at, line.length - at, &character);
    const enum letter_kind kind = letter_fold(character).kind;
    return kind == LETTER_SMALL ? BYTE_SMALL : kind == LETTER_CAPITAL ? BYTE_CAPITAL : BYTE_OTHER;
}

struct shape line_shape(struct slice line)
{
    struct shape shape = {0};
    if (line.length == 0)
        return shape;
    size_t word_letters = 0, spaces = 0;
    bool word_capital = false;
    const size_t end = line.length < SHAPE_BYTES_MAX ? line.length : SHAPE_BYTES_MAX;
    for (size_t at = 0; at < end; at++) {
        const unsigned char byte = (unsigned char)line.data[at];
        enum byte_kind kind = byte_kinds[byte];
        if (kind == BYTE_SPACE) {
            spaces += byte == '\t' ? 3 : 1;
            word_letters = 0;
            continue;
        }
        shape.gaps += spaces >= 3;
        spaces = 0;
        if (kind == BYTE_WIDE)
            kind = wide_kind(line, at);
        shape.digits += kind == BYTE_DIGIT;
        if (kind != BYTE_SMALL && kind != BYTE_CAPITAL)
            continue;
        shape.letters++;
        shape.capitals += kind == BYTE_CAPITAL;
        if (word_letters++ == 0) {
            word_capital = kind == BYTE_CAPITAL;
            shape.words++;
            shape.capital_words += word_capital;
        }
        shape.long_small_words += word_letters == 5 && !word_capital;
    }
    shape.first = line.data[0];
    shape.quoted = is_quote_at(line.data, line.length);
    shape.last = line.data[last_character(line, &shape.quoted)];
    return shape;
}

bool line_begins_with(struct slice line, const char *prefix)
{
    if (line.length < 2 || (line.data[0] | 0x20) != (prefix[0] | 0x20) ||
        (line.data[1] | 0x20) != (prefix[1] | 0x20))
        return false; /* nearly always, and quicker than the call */
    const size_t length = strlen(prefix);
    return line.length >= length && strncasecmp(line.data, prefix, length) == 0;
}

bool line_contains(struct slice block, const char *phrase)
{
    const size_t length = strlen(phrase);
    for (size_t at = 0; at + length <= block.length; at++)
        if ((block.data[at] | 0x20) == phrase[0] &&
            strncasecmp(block.data + at, phrase, length) == 0)
            return true;
    return false;
}

/* ---- furniture ---- */

/* Lines that come back count as one although their page number differs: digits are left out. */
static uint32_t *repeat_slot(struct layout *layout, struct slice line)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < line.length && i < REPEAT_BYTES; i++) {
        const unsigned char byte = (unsigned char)line.data[i];
        if (byte_kinds[byte] != BYTE_SPACE && byte_kinds[byte] != BYTE_DIGIT)
            hash = (hash ^ byte) * 16777619u;
    }
    hash |= 1;
    for (unsigned probe = 0; probe < 4; probe++) {
        uint32_t *slot = &layout->repeats[2 * ((hash + probe) % REPEAT_SLOTS)];
        if (slot[0] == 0)
            slot[0] = hash;
        if (slot[0] == hash)
            return slot;
    }
    return NULL;
}

static bool may_repeat(struct slice line)
{
    if (line.length == 0 || line.length > 120 || is_quote_at(line.data, line.length))
        return false;
    bool quoted = false;
    const char last = line.data[last_character(line, &quoted)];
    return !quoted && !strchr(".!?,:;", last);
}

static bool has_digit(struct slice line)
{
    for (size_t i = 0; i < line.length; i++)
        if (line.data[i] >= '0' && line.data[i] <= '9')
            return true;
    return false;
}

static bool is_running_head(struct layout *layout, struct slice line)
{
    if (!may_repeat(line))
        return false;
    const uint32_t *slot = repeat_slot(layout, line);
    return slot && (slot[1] >= 3 || (slot[1] == 2 && has_digit(line)));
}

static bool has_month(struct slice line)
{
    static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (size_t at = 0; at + 3 <= line.length; at++) {
        if (at > 0 && isalpha((unsigned char)line.data[at - 1]))
            continue;
        for (size_t month = 0; month < 36; month += 3)
            if (strncasecmp(line.data + at, months + month, 3) == 0)
                return true;
    }
    return false;
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
            if (line_begins_with(line, openings[i]) && (i < 2 || has_digit(line) || i >= 6))
                return true;
    if (line.length <= 40 && shape->words <= 3 && shape->digits >= 4 && has_month(line))
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

static bool heading_like(struct slice line, const struct shape *shape)
{
    if (line.length > HEADING_BYTES_MAX || shape->words == 0 || shape->words > HEADING_WORDS_MAX)
        return false;
    if (shape->quoted || shape->gaps > 0)
        return false;
    const bool capitals = shape->capitals == shape->letters;
    if (!capitals && memmem(line.data, line.length, ", ", 2))
        return false; /* a list, or a name with its role */
    if (strchr(".,;:-", shape->last) ||
        (strchr("!?", shape->last) && !capitals && shape->words < 2))
        return false;
    return shape->capital_words > 0 || shape->first == '#';
}

bool shape_is_title(const struct shape *shape)
{
    return shape->capitals == shape->letters || shape->long_small_words == 0;
}

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
    if (!heading_like(line, shape))
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
    uint32_t *slot = may_repeat(line) ? repeat_slot(layout, line) : NULL;
    if (slot)
        slot[1]++;
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
