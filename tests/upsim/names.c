#include "upsim/names.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "upsim/dice.h"

enum {
    TEXT_BYTES_MAX = 256 * 1024,
    CANDIDATES_MAX = 128, /* different ones; later ones are not names that matter */
    SLOTS = 512,
    WORDS_MAX = 3,     /* in a name; longer runs are firms and headings */
    NO_CAPITAL = 0x20, /* a bit that most characters have, and no first byte of a capital */
};

/* Words that are capitalised and no part of a person's name, by their first letter. */
static const char *const no_names[26] = {
    ['A' - 'A'] = " A Academy According After All Although American An And April Area As"
                  " Associates At August Avenue ",
    ['B' - 'A'] = " Bank Because Before Board Both Business But By ",
    ['C' - 'A'] = " Capital Case Center Centre Chair Chairman Chief City Co College Company"
                  " Context Corporation County Court Crisis ",
    ['D' - 'A'] = " Dear December Decision Department Director Document Dr During ",
    ['E' - 'A'] = " Each East Either Engineer Even Every Exhibit ",
    ['F' - 'A'] = " February Figure Finally Finance Financial Foods For Friday From Fund ",
    ['G' - 'A'] = " General Group ",
    ['H' - 'A'] = " Half He Head Her Here His Holdings Hospital How However ",
    ['I' - 'A'] = " If In Inc Industries Institute International It Its ",
    ['J' - 'A'] = " January July June Just ",
    ['K' - 'A'] = " Key ",
    ['L' - 'A'] = " Lake Last Limited Logistics Ltd ",
    ['M' - 'A'] = " Manager March Market Marketing May Meanwhile Miss Monday More Mr Mrs Ms ",
    ['N' - 'A'] = " National Neither New Next No Nobody North Not November Now ",
    ['O' - 'A'] = " October Of Officer On One Only Operations Options Or Our ",
    ['P' - 'A'] = " Page Partner Partners People Plan President Professor Project ",
    ['R' - 'A'] = " Return River Road ",
    ['S' - 'A'] = " Saint San Saturday School Senior September She Since So Some South State"
                  " Still Street Student Sunday Systems ",
    ['T' - 'A'] = " Table Technologies That The Their Then There They This Those Though Thursday"
                  " To Today Tuesday Twice Two ",
    ['U' - 'A'] = " Under Union United University Until ",
    ['V' - 'A'] = " Vice ",
    ['W' - 'A'] = " We Wednesday West What When Where Which While Who Why With Works ",
    ['Y' - 'A'] = " Yet You Your ",
};

static const char *const invented[NAMES_MAX] = {"Ada Thornquist",  "Bram Okonjo",  "Celia Varga",
                                                "Dario Lindqvist", "Esme Falkner", "Farid Osei"};

struct span {
    const char *at;
    size_t length;
};

struct candidate {
    struct span name;
    unsigned count;
};

struct table {
    struct candidate list[CANDIDATES_MAX];
    size_t count;
    uint16_t slots[SLOTS]; /* index + 1 */
};

static bool is_no_name(struct span word)
{
    char spaced[32] = " ";
    const char c = word.at[0];
    if (c < 'A' || c > 'Z' || !no_names[c - 'A'] || word.length > sizeof(spaced) - 3)
        return false;
    memcpy(spaced + 1, word.at, word.length);
    spaced[word.length + 1] = ' ';
    return strstr(no_names[c - 'A'], spaced);
}

static bool is_ascii_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters that a name's words go on with: also any beyond ASCII, as in "Müller", but not the
 * punctuation of U+2000 and after, but for the apostrophe of "O’Brien". */
static size_t letter_bytes(const char *at, const char *end)
{
    const unsigned char c = (unsigned char)*at;
    if (is_ascii_letter(*at) || c == '-')
        return 1;
    if (c == '\'')
        return at + 1 < end && at[1] >= 'A' && at[1] <= 'Z' ? 1 : 0;
    if (c >= 0xC3 && c <= 0xCA && end - at >= 2)
        return 2;
    if (end - at >= 4 && memcmp(at, "\xE2\x80\x99", 3) == 0 && at[3] >= 'A' && at[3] <= 'Z')
        return 3;
    return 0;
}

static bool is_capital(const char *at, const char *end)
{
    const unsigned char c = (unsigned char)*at;
    return (c >= 'A' && c <= 'Z') || (c == 0xC3 && end - at >= 2 && (unsigned char)at[1] >= 0x80 &&
                                      (unsigned char)at[1] <= 0x9E);
}

static size_t word_bytes(const char *at, const char *end)
{
    const char *start = at;
    size_t step;
    while (at < end && (step = letter_bytes(at, end)) > 0)
        at += step;
    return (size_t)(at - start);
}

/* The whole word has small letters: not "CASE STUDY", not "A". */
static bool has_small_letters(struct span word)
{
    for (size_t i = 1; i < word.length; i++)
        if (word.at[i] >= 'a' && word.at[i] <= 'z')
            return true;
    return false;
}

static void count_name(struct table *table, struct span name)
{
    size_t slot = dice_hash(name.at, name.length) % SLOTS;
    while (table->slots[slot] > 0) {
        struct candidate *known = &table->list[table->slots[slot] - 1];
        if (known->name.length == name.length &&
            memcmp(known->name.at, name.at, name.length) == 0) {
            known->count++;
            return;
        }
        slot = (slot + 1) % SLOTS;
    }
    if (table->count == CANDIDATES_MAX || name.length >= NAME_BYTES)
        return;
    table->list[table->count] = (struct candidate){name, 1};
    table->slots[slot] = (uint16_t)++table->count;
}

/* The run of capitalised words at `at`, of which there is one at least; what follows it. */
static const char *take_run(struct table *table, const char *at, const char *end)
{
    struct span words[WORDS_MAX + 1];
    size_t count = 0, odd = 0;
    bool goes_on = true;
    while (goes_on) {
        const struct span word = {at, word_bytes(at, end)};
        at += word.length;
        goes_on = at + 1 < end && *at == ' ' && is_capital(at + 1, end);
        at += goes_on;
        if (count == 0 && !goes_on)
            return at; /* most are alone: the first words of sentences */
        const bool no_name = !has_small_letters(word) || is_no_name(word);
        if (no_name && count == 0)
            continue; /* "But Maria Lopez" is Maria Lopez */
        if (count <= WORDS_MAX)
            words[count++] = word;
        odd += no_name;
    }
    if (count >= 2 && count <= WORDS_MAX && odd == 0) {
        const struct span last = words[count - 1];
        count_name(table,
                   (struct span){words[0].at, (size_t)(last.at + last.length - words[0].at)});
    }
    return at;
}

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *first = a, *second = b;
    if (first->count != second->count)
        return first->count > second->count ? -1 : 1;
    return first->name.at < second->name.at ? -1 : 1;
}

void names_find(struct names *out, const char *text, size_t length)
{
    struct table table = {.count = 0};
    const char *end = text + (length < TEXT_BYTES_MAX ? length : TEXT_BYTES_MAX);
    for (const char *at = text; at < end;) {
        while (at < end && (*at & NO_CAPITAL))
            at++;
        if (at == end)
            break;
        const bool starts = is_capital(at, end) && (at == text || !is_ascii_letter(at[-1]));
        at = starts ? take_run(&table, at, end) : at + 1;
    }
    qsort(table.list, table.count, sizeof(table.list[0]), compare_candidates);
    out->count = table.count < NAMES_MAX ? table.count : NAMES_MAX;
    for (size_t i = 0; i < out->count; i++)
        snprintf(out->list[i], NAME_BYTES, "%.*s", (int)table.list[i].name.length,
                 table.list[i].name.at);
    if (out->count > 0)
        return;
    out->count = NAMES_MAX;
    for (size_t i = 0; i < NAMES_MAX; i++)
        snprintf(out->list[i], NAME_BYTES, "%s", invented[i]);
}
