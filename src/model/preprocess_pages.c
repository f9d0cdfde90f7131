/*
 * The first sweep. A page ends at a form feed, or at a line of "---", which is what LlamaParse puts
 * between pages (one that underlines a heading aside).
 *
 * The text is read twice: first to count the lines at the edges of its pages (preprocess_heads.c),
 * then to drop those of them that are running heads, and to join the rest:
 *   a word divided at a line's end is made whole; a compound ("forty-", "Kamau-") keeps its hyphen
 *   a page that breaks a sentence leaves a line feed behind, any other an empty line
 *
 * Without page marks no head is dropped, and the outcome has none; therefore a second run changes
 * nothing.
 */
#include "model/preprocess_parts.h"

#include <string.h>

#include "model/offline_words.h"

enum { COMPOUND_BYTES_MAX = 32 /* of a first part that is looked up */ };

struct source {
    const char *text;
    size_t length, at;
    const atomic_bool *cancel;
    size_t looked; /* where cancel was looked at */
    bool cancelled;
};

/* ---- lines and pages ---- */

/* The next line, which a line feed or a form feed ends. */
static bool read_line(struct source *source, struct slice *out)
{
    if (source->at - source->looked >= CANCEL_BYTES) {
        source->looked = source->at;
        source->cancelled |= cancelled(source->cancel);
    }
    if (source->at >= source->length || source->cancelled)
        return false;
    const char *text = source->text;
    size_t end = source->at;
    while (end < source->length && text[end] != '\n' && text[end] != '\f')
        end++;
    *out = (struct slice){text + source->at, end - source->at};
    source->at = end + (end < source->length);
    return true;
}

static bool is_rule(struct slice trimmed)
{
    return trimmed.length == 3 && memcmp(trimmed.data, "---", 3) == 0;
}

bool line_is_underlinable(struct slice line)
{
    const struct shape shape = line_shape(line);
    return shape.first != '#' && shape_is_heading(&shape, line);
}

/* Is there an empty line or nothing from here on? */
static bool next_is_empty(const struct source *source)
{
    size_t at = source->at;
    while (at < source->length && strchr(" \t\r\v", source->text[at]))
        at++;
    return at == source->length || source->text[at] == '\n' || source->text[at] == '\f';
}

size_t front_matter(const char *text, size_t length)
{
    enum { LINES_MAX = 64 };
    size_t at = 0;
    for (int number = 0; number < LINES_MAX && at < length; number++) {
        const char *feed = memchr(text + at, '\n', length - at);
        const size_t end = feed ? (size_t)(feed - text) : length;
        const struct slice line = slice_trim((struct slice){text + at, end - at});
        const bool rule = is_rule(line);
        if (number == 0 ? !rule : line.length == 0 || memchr(text + at, '\f', end - at))
            return 0;
        if (number > 1 && rule)
            return end;
        if (number > 0 && (rule || !(memchr(line.data, ':', line.length) || text[at] == ' ' ||
                                     (line.data[0] == '-' && number > 1))))
            return 0;
        at = end + 1;
    }
    return 0;
}

/* The next page, up to a form feed, a page mark or the end. */
static bool read_page(struct source *source, struct page *page)
{
    page->number++;
    page->first = page->first && page->lines == 0;
    page->lines = 0;
    page->start = page->end = source->at;
    struct slice line, before = {0};
    bool any = false;
    while (read_line(source, &line)) {
        any = true;
        const bool fed = source->at > page->start && source->text[source->at - 1] == '\f';
        line = slice_trim(line);
        if (is_rule(line) &&
            (before.length == 0 || fed || !next_is_empty(source) || !line_is_underlinable(before)))
            break;
        page->end = source->at;
        if (line.length > 0) {
            if (page->lines < EDGE_LINES)
                page->top[page->lines] = line;
            page->bottom[page->lines++ % EDGE_LINES] = line;
        }
        if (fed)
            break;
        before = line;
    }
    return any;
}

/* ---- joining ---- */

enum parting { PART_LINE, PART_BLANK, PART_PAGE };

struct joiner {
    char *out;
    size_t length;
    size_t line;            /* where the last line begins in `out` */
    bool columns;           /* it has a wide gap */
    const char *source_end; /* of the last line, in the source */
    enum parting parting;   /* what has come since */
};

static bool has_columns(struct slice line)
{
    return memmem(line.data, line.length, "   ", 3) || memchr(line.data, '\t', line.length);
}

static bool is_marked_up(struct slice line)
{
    return line.data[0] == '#' || memchr(line.data, '|', line.length < 200 ? line.length : 200);
}

static enum letter_kind first_letter(struct slice line)
{
    unsigned character;
    text_next(line.data, line.length, &character);
    return letter_fold(character).kind;
}

/* Is the hyphen at the end of `line` one that stays when the word is made whole? A first part of
 * one letter ("e-"), one after another hyphen ("state-of-"), and words that mostly begin compounds.
 */
static bool is_compound(struct slice line)
{
    static const char *const firsts[] = {"twenty",  "thirty", "forty",  "fifty", "sixty",
                                         "seventy", "eighty", "ninety", "self",  "well",
                                         "half",    "high",   "long"};
    const size_t end = line.length - 1;
    if (line.data[end] != '-')
        return false;
    size_t start = end;
    while (start > 0 && end - start < COMPOUND_BYTES_MAX && is_letter(line.data[start - 1]))
        start--;
    const struct slice word = {line.data + start, end - start};
    if (word.length == 1 || (start > 0 && line.data[start - 1] == '-'))
        return true;
    for (size_t i = 0; i < COUNT(firsts); i++)
        if (strlen(firsts[i]) == word.length && line_begins_with(word, firsts[i]))
            return true;
    return false;
}

/* Joins the two parts of a word that is divided between the last line and this one, if it is. */
static bool join_word(struct joiner *joiner, struct slice line)
{
    const struct slice last = {joiner->out + joiner->line, joiner->length - joiner->line};
    if (joiner->columns || has_columns(line) || is_marked_up(last) || is_marked_up(line))
        return false;
    const size_t hyphen = line_division(last, line);
    if (hyphen > 0) {
        joiner->length -= is_compound(last) ? 0 : hyphen;
        return true;
    }
    /* "Kamau-" and "Ndegwa": no syllable begins with a capital. */
    return last.length > 1 && last.data[last.length - 1] == '-' &&
           is_letter(last.data[last.length - 2]) && first_letter(line) == LETTER_CAPITAL;
}

/* Does a page break stand inside a sentence? */
static bool sentence_goes_on(const struct joiner *joiner, struct slice line)
{
    const struct slice last = {joiner->out + joiner->line, joiner->length - joiner->line};
    if (first_letter(line) != LETTER_SMALL || is_marked_up(last) || is_marked_up(line))
        return false;
    const char end = last.data[last.length - 1];
    return end == ',' || is_letter(end) || line_division(last, line) > 0;
}

static void put(struct joiner *joiner, struct slice line)
{
    memcpy(joiner->out + joiner->length, line.data, line.length);
    joiner->length += line.length;
}

/* Adds a line that is not empty. `whole` is the same with the blanks before it. */
static void join_line(struct joiner *joiner, struct slice whole, struct slice line)
{
    bool joined = false;
    if (joiner->length > 0) {
        const bool near = joiner->parting == PART_LINE ||
                          (joiner->parting == PART_PAGE && sentence_goes_on(joiner, line)) ||
                          whole.data - joiner->source_end < 2; /* no longer than the source */
        joined = near && join_word(joiner, line);
        if (!joined)
            put(joiner, (struct slice){"\n\n", near ? 1 : 2});
    }
    if (!joined) {
        joiner->line = joiner->length;
        joiner->columns = false;
    }
    put(joiner, joined ? line : whole);
    joiner->columns |= has_columns(line);
    joiner->source_end = line.data + line.length;
    joiner->parting = PART_LINE;
}

/* "---" that is no page mark stays where a heading is right above it. */
static bool is_underline(const struct joiner *joiner, struct slice line)
{
    const struct slice last = {joiner->out + joiner->line, joiner->length - joiner->line};
    return is_rule(line) && joiner->length > 0 && joiner->parting == PART_LINE &&
           line_is_underlinable(slice_trim(last));
}

static void join_page(struct joiner *joiner, struct source *source, const struct page *page)
{
    struct source lines = *source;
    lines.at = lines.looked = page->start;
    lines.length = page->end;
    struct slice whole;
    while (read_line(&lines, &whole)) {
        const struct slice line = slice_trim(whole);
        if (line.length > 0 && (!is_rule(line) || is_underline(joiner, line))) {
            whole.length = (size_t)(line.data + line.length - whole.data);
            join_line(joiner, whole, line);
        } else if (joiner->parting == PART_LINE) {
            joiner->parting = PART_BLANK;
        }
    }
    joiner->parting = PART_PAGE;
    source->cancelled |= lines.cancelled;
}

/* Line by line as it is, but for the blanks at their ends. */
static void copy_front_matter(struct joiner *joiner, const char *text, size_t length)
{
    struct source lines = {.text = text, .length = length};
    struct slice whole;
    while (read_line(&lines, &whole)) {
        const struct slice line = slice_trim(whole);
        if (line.length == 0)
            continue; /* what a form feed has cut off */
        if (joiner->length > 0)
            put(joiner, slice_of("\n"));
        joiner->line = joiner->length;
        put(joiner, (struct slice){whole.data, (size_t)(line.data + line.length - whole.data)});
    }
    joiner->source_end = text + length;
}

/* ---- the whole ---- */

enum err pages_unite(const char *text, size_t length, const atomic_bool *cancel, char *out,
                     size_t *length_out)
{
    struct joiner joiner = {.out = out};
    size_t start = 0;
    while (start < length && strchr(" \t\n\v\f\r", text[start]))
        start++;
    const size_t front = front_matter(text + start, length - start);
    copy_front_matter(&joiner, text + start, front);
    start = front > 0 ? start + front : 0;

    struct repeats *repeats = repeats_new();
    struct source source = {.text = text, .length = length, .at = start, .cancel = cancel};
    source.cancelled = cancelled(cancel);
    struct page page = {.first = true};
    while (read_page(&source, &page))
        heads_count(repeats, &page);
    source.at = source.looked = start;
    page = (struct page){.first = true};
    while (read_page(&source, &page)) {
        heads_trim(repeats, text, &page);
        join_page(&joiner, &source, &page);
    }
    repeats_free(repeats);
    if (source.cancelled)
        return ERR_CANCELLED;
    *length_out = joiner.length;
    return OK;
}
