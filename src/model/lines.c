/* One pass over a line's first bytes counts all that the questions about it need. */
#include "model/lines.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/offline_words.h"

enum {
    SHAPE_BYTES_MAX = 200,  /* as much of a line tells what it is */
    HEADING_BYTES_MAX = 80, /* a longer line is prose */
    HEADING_WORDS_MAX = 12,
    REPEAT_PROBES = 4,
};

/* ---- shape ---- */

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

size_t line_last(struct slice line, bool *quoted)
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
    shape.last = line.data[line_last(line, &shape.quoted)];
    return shape;
}

bool shape_is_title(const struct shape *shape)
{
    return shape->capitals == shape->letters || shape->long_small_words == 0;
}

bool shape_is_heading(const struct shape *shape, struct slice line)
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

/* ---- words ---- */

bool line_begins_with(struct slice line, const char *prefix)
{
    if (line.length < 2 || (line.data[0] | 0x20) != (prefix[0] | 0x20) ||
        (line.data[1] | 0x20) != (prefix[1] | 0x20))
        return false; /* nearly always, and quicker than the call */
    const size_t length = strlen(prefix);
    return line.length >= length && strncasecmp(line.data, prefix, length) == 0;
}

size_t line_phrase_end(struct slice line, const char *phrase)
{
    const size_t length = strlen(phrase);
    for (size_t at = 0; at + length <= line.length; at++)
        if ((line.data[at] | 0x20) == phrase[0] && strncasecmp(line.data + at, phrase, length) == 0)
            return at + length;
    return 0;
}

bool line_has_digit(struct slice line)
{
    for (size_t i = 0; i < line.length; i++)
        if (line.data[i] >= '0' && line.data[i] <= '9')
            return true;
    return false;
}

bool line_has_month(struct slice line)
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

bool line_is_quoted(struct slice line)
{
    return line.length > 0 && is_quote_at(line.data, line.length);
}

/* ---- division ---- */

static enum letter_kind letter_at(struct slice text, size_t at)
{
    unsigned character;
    text_next(text.data + at, text.length - at, &character);
    return letter_fold(character).kind;
}

/* The bytes of the hyphen that `text` ends with: one of ASCII, a soft or a Unicode one. */
static size_t hyphen_at_end(struct slice text)
{
    const char *end = text.data + text.length;
    if (text.length > 1 && end[-1] == '-')
        return 1;
    if (text.length > 2 && memcmp(end - 2, "\xc2\xad", 2) == 0)
        return 2;
    return text.length > 3 && memcmp(end - 3, "\xe2\x80\x90", 3) == 0 ? 3 : 0;
}

size_t line_division(struct slice before, struct slice after)
{
    const size_t hyphen = hyphen_at_end(before);
    if (hyphen == 0 || after.length == 0 || letter_at(after, 0) != LETTER_SMALL)
        return 0;
    before.length -= hyphen;
    const enum letter_kind kind = letter_at(before, utf8_back(before.data, before.length));
    return kind == LETTER_SMALL || kind == LETTER_CAPITAL ? hyphen : 0;
}

/* ---- repeats ---- */

struct repeats *repeats_new(void)
{
    struct repeats *repeats = calloc(1, sizeof(*repeats));
    if (!repeats)
        abort();
    return repeats;
}

void repeats_free(struct repeats *repeats)
{
    free(repeats);
}

struct repeat *repeats_find(struct repeats *repeats, uint32_t hash)
{
    hash |= 1; /* 0 is a free slot's */
    for (unsigned probe = 0; probe < REPEAT_PROBES; probe++) {
        struct repeat *slot = &repeats->slots[(hash + probe) % REPEAT_SLOTS];
        if (slot->hash == 0)
            slot->hash = hash;
        if (slot->hash == hash)
            return slot;
    }
    return NULL;
}
