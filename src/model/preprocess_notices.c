/*
 * What a line is to the second sweep: filler, a notice, a credit, or none of these.
 *
 * A notice is known by how it begins, and only by beginnings that no story has: "Copyright" alone
 * is not one, "Copyright © 2021 Lake Street" is, "Copyright © 2021 was printed on each page" is
 * not. It goes on for as long as the lines right below it clearly belong to it, since a page may
 * begin with a notice and go on with the case on the very next line.
 */
#include "model/preprocess_parts.h"

#include <string.h>

enum {
    NOTICE_BYTES_MAX = 1500, /* a longer line has more in it than a notice */
    LOOSE_LINES_MAX = 3,     /* taken in for nothing but how they begin */
    WRAPPED_BYTES_MIN = 60,  /* a shorter line was not ended by the page's width */
    CREDIT_OPENING = 300,    /* the author's part is within */
};

static bool is_small(char byte)
{
    return byte >= 'a' && byte <= 'z';
}

static size_t count_digits(struct slice line)
{
    size_t count = 0;
    for (size_t i = 0; i < line.length; i++)
        count += is_digit(line.data[i]);
    return count;
}

struct slice line_unmarked(struct slice line)
{
    while (line.length > 0 && strchr("*_`#> \t", line.data[0]))
        line = from(line, 1);
    while (line.length > 0 && strchr("*_` \t", line.data[line.length - 1]))
        line.length--;
    return line;
}

/* ---- filler ---- */

/* Past blanks and dashes of any kind. */
static size_t skip_dashes(struct slice line, size_t at)
{
    while (at < line.length) {
        if (line.data[at] == ' ' || line.data[at] == '-')
            at++;
        else if (line.length - at >= 3 && memcmp(line.data + at, "\xe2\x80", 2) == 0 &&
                 (unsigned char)line.data[at + 2] >= 0x90 &&
                 (unsigned char)line.data[at + 2] <= 0x95)
            at += 3;
        else
            break;
    }
    return at;
}

static size_t skip_digits(struct slice line, size_t at)
{
    while (at < line.length && is_digit(line.data[at]))
        at++;
    return at;
}

bool line_is_filler(struct slice line)
{
    if (line.length > 40)
        return false; /* nearly always */
    line = line_unmarked(line);
    if (slice_equal(line, slice_of("NO_CONTENT_HERE")))
        return true;
    const size_t dashes = skip_dashes(line, 0);
    const bool page = line_begins_with(from(line, dashes), "page ");
    const size_t start = dashes + (page ? 5 : 0);
    size_t end = skip_digits(line, start);
    if (end == start || end - start > 4 || (dashes == 0 && !page))
        return false;
    const struct slice rest = from(line, end);
    if (page && (line_begins_with(rest, " of ") || line_begins_with(rest, " / ")))
        end = skip_digits(line, end + (rest.data[1] == '/' ? 3 : 4));
    const size_t last = skip_dashes(line, end);
    return last == line.length && (page || last > end);
}

/* ---- copyright and permission ---- */

/* Past the years and what stands between them. */
static size_t skip_years(struct slice line, size_t at)
{
    while (at < line.length) {
        if (is_digit(line.data[at]) || strchr(" ,-&", line.data[at]))
            at++;
        else if (skip_dashes(line, at) > at)
            at = skip_dashes(line, at);
        else
            break;
    }
    return at;
}

/* "Copyright © 2020, 2021 Lake Street School", "© 2021", "(c) 2021 Lake Street". */
static bool is_copyright(struct slice line)
{
    const bool word = line_begins_with(line, "copyright");
    size_t at = word ? 9 : 0;
    while (at < line.length && strchr(" :", line.data[at]))
        at++;
    const bool sign = line_begins_with(from(line, at), "\xc2\xa9");
    const bool letter = line_begins_with(from(line, at), "(c)");
    at += sign ? 2 : letter ? 3 : 0;
    const size_t owner = skip_years(line, at);
    const bool years = count_digits((struct slice){line.data + at, owner - at}) >= 4;
    if (!(sign || ((word || letter) && years) || (word && letter)))
        return word && line.length > 10 && line.data[9] == ' ' &&
               line_contains(line, "all rights reserved");
    /* "... was printed on each page" is a sentence about one. */
    const struct slice rest = from(line, owner);
    return rest.length == 0 || !is_small(rest.data[0]) || line_begins_with(rest, "by ") ||
           line_begins_with(rest, "all rights");
}

/* "For the exclusive use of M. Smith, 2021" */
static bool is_exclusive_use(struct slice line)
{
    if (!line_begins_with(line, "for the exclusive use of ") || line.length > 120)
        return false;
    if (line.data[line.length - 1] == '.')
        line.length--;
    return line.length > 32 && count_digits(from(line, line.length - 4)) == 4 &&
           memcmp(line.data + line.length - 6, ", ", 2) == 0;
}

/* "Purchased by Dana Ruiz on 12 May 2021": a buyer, a date, and nothing more. */
static bool is_receipt(struct slice line)
{
    static const char *const openings[] = {"purchased by",
                                           "this copy was purchased",
                                           "this document was purchased",
                                           "this case was purchased",
                                           "downloaded by",
                                           "licensed to"};
    bool opens = false;
    for (size_t i = 0; i < COUNT(openings); i++)
        opens |= line_begins_with(line, openings[i]);
    if (!opens || line.length > 200)
        return false;
    enum { DATE_BYTES_MAX = 40 };
    for (size_t at = line.length; at-- > 0 && line.length - at < DATE_BYTES_MAX;) {
        const struct slice rest = from(line, at);
        if (line_begins_with(rest, " on "))
            return count_digits(rest) >= 4 && (line_has_month(rest) || count_digits(rest) >= 6);
    }
    return false;
}

/* "No part of this publication may be ..." */
static bool forbids(struct slice line)
{
    static const char *const openings[] = {
        "no part of this ",      "no part may be ",           "this publication may not be ",
        "this case may not be ", "this document may not be ", "this material may not be "};
    static const char *const deeds[] = {"reproduced", "copied",    "stored",      "transmitted",
                                        "digitized",  "digitised", "photocopied", "distributed"};
    bool opens = false;
    for (size_t i = 0; i < COUNT(openings); i++)
        opens |= line_begins_with(line, openings[i]);
    if (!opens)
        return false;
    const struct slice opening = {line.data, line.length < 90 ? line.length : 90};
    if (!line_contains(opening, " may "))
        return false;
    for (size_t i = 0; i < COUNT(deeds); i++)
        if (line_contains(opening, deeds[i]))
            return true;
    return false;
}

bool notice_opens(struct slice line)
{
    static const char *const openings[] = {"this document is authorized for ",
                                           "this document is authorised for ",
                                           "copying or posting is an infringement",
                                           "do not copy or post",
                                           "to order copies or request permission",
                                           "usage permitted only within these parameters",
                                           "educational material supplied by the case cent",
                                           "purchased for use on the "};
    line = line_unmarked(line);
    if (line.length < 6 || line.length > NOTICE_BYTES_MAX)
        return false;
    if (!strchr("cCdDeEfFlLnNpPtTuUaA(\xc2", line.data[0]))
        return false; /* none begins so: nearly always */
    for (size_t i = 0; i < COUNT(openings); i++)
        if (line_begins_with(line, openings[i]))
            return true;
    if (line_begins_with(line, "all rights reserved"))
        return line.length == 19 || strchr(".,;", line.data[19]);
    return is_copyright(line) || forbids(line) || is_receipt(line) || is_exclusive_use(line);
}

/* ---- what follows a notice ---- */

/* How many words of notices stand in the line, two at most. */
static unsigned notice_words(struct slice line)
{
    static const char *const words[] = {
        "copyright",       "permission",  "reproduc",    "photocop",    "rights reserved",
        "infring",         "retrieval",   "transmitted", "without the", "publishing",
        "publication may", "endorsement", "ineffective", "trademark",   "class discussion",
        "order copies",    "www.",        "taught by",   "use only",    "posting"};
    if (line.length > NOTICE_BYTES_MAX)
        line.length = NOTICE_BYTES_MAX;
    unsigned count = memchr(line.data, '@', line.length) != NULL;
    for (size_t i = 0; i < COUNT(words) && count < 2; i++)
        count += line_contains(line, words[i]);
    return count;
}

/* Ends in the middle of something: with a comma, or a word that never is the last. */
static bool is_open_ended(struct slice line)
{
    static const char *const words[] = {" by",  " of", " the", " and", " or",   " in",
                                        " for", " to", " at",  " a",   " from", " with"};
    if (line.data[line.length - 1] == ',')
        return true;
    for (size_t i = 0; i < COUNT(words); i++) {
        const size_t length = strlen(words[i]);
        if (line.length > length && line_begins_with(from(line, line.length - length), words[i]))
            return true;
    }
    return false;
}

bool notice_goes_on(struct notice *notice, struct slice line)
{
    if (strchr("#|", line.data[0]) || line.length > NOTICE_BYTES_MAX)
        return false;
    const struct slice last = notice->last;
    bool quoted = false;
    const bool ended = strchr(".!?", last.data[line_last(last, &quoted)]) != NULL;
    bool goes_on = notice_words(line) >= (ended ? 2 : 1);
    if (!goes_on && !ended && notice->loose < LOOSE_LINES_MAX) {
        const bool wrapped = last.length >= WRAPPED_BYTES_MIN && is_small(line.data[0]);
        goes_on = wrapped || is_open_ended(last);
        notice->loose += goes_on;
    }
    if (goes_on)
        notice->last = line;
    return goes_on;
}

/* ---- credits ---- */

size_t credit_length(const char *text, size_t length)
{
    static const char *const authors[] = {"prepared this case", "wrote this case",
                                          "case was prepared", "case was written"};
    static const char *const by_lines[] = {"prepared by ", "written by "};
    char block[CREDIT_WINDOW];
    size_t end = 0;
    while (end < length && end < CREDIT_WINDOW &&
           !(end > 0 && memcmp(text + end - 1, "\n\n", 2) == 0)) {
        block[end] = text[end] == '\n' ? ' ' : text[end]; /* phrases run over line ends */
        end++;
    }
    const struct slice whole = {block, end};
    const size_t purpose = line_phrase_end(whole, "class discussion");
    if (purpose == 0)
        return 0;
    const struct slice opening = {block, end < CREDIT_OPENING ? end : CREDIT_OPENING};
    for (size_t i = 0; i < COUNT(authors); i++)
        if (line_contains(opening, authors[i]))
            return purpose;
    const struct slice start = line_unmarked(whole);
    for (size_t i = 0; i < COUNT(by_lines); i++)
        if (line_begins_with(start, by_lines[i]))
            return purpose;
    return 0;
}
