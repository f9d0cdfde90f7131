/*
 * Running heads and page numbers: lines at the edges of pages that come back.
 *
 * Of each page the four outermost lines at either edge are counted, each under several keys: as it
 * is, and once for each number in it, with the number left out and its distance to the page's own
 * number in its place. So "Kestrel Mills 3" and "Kestrel Mills 4" on two pages in a row have a key
 * in common, as have "3" and "4"; a column's last number on each page has not. Then the lines of
 * which a key came back are taken off the edges, from the outside inwards.
 *
 * The top of the first page keeps what has no page number: the title often comes back as a running
 * head.
 */
#include "model/preprocess_parts.h"

#include <string.h>

enum {
    EDGE_BYTES_MAX = 120,  /* a longer line is text */
    KEYS_MAX = 5,          /* a line as it is, and by each of its first four numbers */
    NUMBER_DIGITS_MAX = 4, /* of a page number */
};

struct key {
    uint32_t hash;
    uint32_t enough; /* on so many pages it is a running head */
    bool numbered;   /* with a page number left out */
};

/* Exhibits and the like come one a page, too, and are no running heads. */
static bool is_label(struct slice line)
{
    static const char *const words[] = {"exhibit ", "table ",   "figure ", "appendix ", "annex ",
                                        "chapter ", "section ", "part ",   "chart ",    "box "};
    for (size_t i = 0; i < COUNT(words); i++)
        if (line_begins_with(line, words[i]))
            return true;
    return false;
}

/* Hashes the line without blanks, and without the bytes from `start` to `end`. */
static uint32_t hash_without(struct slice line, size_t start, size_t end, uint32_t hash)
{
    for (size_t i = 0; i < line.length; i++)
        if ((i < start || i >= end) && line.data[i] != ' ' && line.data[i] != '\t')
            hash = repeat_hash_add(hash, (unsigned char)line.data[i]);
    return hash;
}

/* Can the number be a page number? It is a small whole one, and stands alone or beside two words at
 * least: one word and a number are a label ("Step 3"). */
static bool is_page_number(struct slice line, const struct shape *shape, size_t start, size_t end)
{
    if (end - start > NUMBER_DIGITS_MAX)
        return false;
    if (start > 0 && (is_letter(line.data[start - 1]) || strchr(".,$%/", line.data[start - 1])))
        return false;
    if (end < line.length && (is_letter(line.data[end]) || line.data[end] == '%' ||
                              (strchr(".,/", line.data[end]) && end + 1 < line.length)))
        return false;
    if (shape->letters > 0)
        return shape->words >= 2 || line_begins_with(line, "page ");
    return shape->digits == end - start && line.length - (end - start) <= 4;
}

static uint32_t number_at(struct slice line, size_t start, size_t end)
{
    uint32_t number = 0;
    for (size_t i = start; i < end; i++)
        number = 10 * number + (uint32_t)(line.data[i] - '0');
    return number;
}

/* The keys under which a line at a page's edge is known; how many there are. */
static size_t edge_keys(struct slice line, const struct page *page, bool at_top,
                        struct key keys[KEYS_MAX])
{
    if (line.length > EDGE_BYTES_MAX || line.data[0] == '|' || line_is_quoted(line) ||
        is_label(line))
        return 0;
    const struct shape shape = line_shape(line);
    const uint32_t start_hash = repeat_hash_add(REPEAT_HASH_START, at_top ? 't' : 'b');
    size_t count = 0;
    if (shape.letters > 0 && shape.gaps < 2)
        keys[count++] =
            (struct key){hash_without(line, 0, 0, start_hash), shape.digits > 0 ? 2 : 3, false};
    for (size_t at = 0; at < line.length && count < KEYS_MAX; at++) {
        if (!is_digit(line.data[at]))
            continue;
        size_t end = at;
        while (end < line.length && is_digit(line.data[end]))
            end++;
        if (is_page_number(line, &shape, at, end)) {
            uint32_t hash = repeat_hash_add(start_hash, 'n');
            uint32_t distance = number_at(line, at, end) - page->number;
            for (int i = 0; i < 4; i++, distance >>= 8)
                hash = repeat_hash_add(hash, (unsigned char)distance);
            keys[count++] = (struct key){hash_without(line, at, end, hash), 2, true};
        }
        at = end;
    }
    return count;
}

static void count_line(struct repeats *repeats, const struct page *page, struct slice line,
                       bool at_top)
{
    struct key keys[KEYS_MAX];
    const size_t count = edge_keys(line, page, at_top, keys);
    for (size_t i = 0; i < count; i++) {
        struct repeat *repeat = repeats_find(repeats, keys[i].hash);
        if (!repeat || repeat->page == page->number)
            continue;
        repeat->page = page->number;
        repeat->count++;
    }
}

void heads_count(struct repeats *repeats, const struct page *page)
{
    for (size_t i = 0; i < page->lines && i < EDGE_LINES; i++) {
        count_line(repeats, page, page->top[i], true);
        count_line(repeats, page, page->bottom[i], false);
    }
}

static bool is_running_head(struct repeats *repeats, const struct page *page, struct slice line,
                            bool at_top)
{
    struct key keys[KEYS_MAX];
    const size_t count = edge_keys(line, page, at_top, keys);
    const bool may_be_title = at_top && page->first;
    for (size_t i = 0; i < count; i++) {
        const struct repeat *repeat = repeats_find(repeats, keys[i].hash);
        if (repeat && repeat->count >= keys[i].enough && (keys[i].numbered || !may_be_title))
            return true;
    }
    return false;
}

void heads_trim(struct repeats *repeats, const char *text, struct page *page)
{
    const size_t edge = page->lines < EDGE_LINES ? page->lines : EDGE_LINES;
    size_t top = 0;
    while (top < edge && is_running_head(repeats, page, page->top[top], true)) {
        const struct slice line = page->top[top++];
        page->start = (size_t)(line.data + line.length - text);
    }
    for (size_t i = 0; i < edge; i++) {
        const struct slice line = page->bottom[(page->lines - 1 - i) % EDGE_LINES];
        const size_t start = (size_t)(line.data - text);
        if (start < page->start || !is_running_head(repeats, page, line, false))
            break;
        page->end = start;
    }
}
