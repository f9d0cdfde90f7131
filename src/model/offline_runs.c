/*
 * A name in a sentence: capitalised words with what may stand between them; then its trimming, and
 * what its words tell by themselves (a given name first, initials, particles, endings of family
 * names; against it: words the text also writes small, places, things, words in capitals).
 */
#include "model/offline_runs.h"

#include <string.h>

/* ---- tokens of a name ---- */

bool token_is_capital(const struct token *token)
{
    return token->kind == TOKEN_WORD && (token->flags & TOKEN_CAPITAL);
}

bool token_is_small(const struct token *token)
{
    return token->kind == TOKEN_WORD && !(token->flags & TOKEN_CAPITAL);
}

/* A capital only because a sentence begins: the text writes the word small elsewhere. */
static bool capital_by_place(const struct token *token)
{
    return (token->flags & TOKEN_FIRST) &&
           !token_has(token, WORD_GIVEN | WORD_HONORIFIC | WORD_TITLE) &&
           !(token->flags & (TOKEN_CAPS | TOKEN_INITIAL)) && token->word &&
           token->word->small > 0 && token->word->small >= token->word->capital;
}

static bool may_be_in_name(const struct token *token)
{
    if (!token_is_capital(token))
        return false;
    if (token->flags & TOKEN_INITIAL)
        return true;
    return !token_has(token, WORD_STOP | WORD_TIME) || token_has(token, WORD_HONORIFIC) ||
           (token_has(token, WORD_TIME) && token_has(token, WORD_GIVEN) &&
            !(token->flags & TOKEN_FIRST));
}

static bool is_particle(const struct token *token)
{
    return token_is_small(token) && token_has(token, WORD_PARTICLE);
}

/* Small particles at `at` with a capitalised word behind them: where that word is, or 0. */
static size_t behind_particles(const struct sentence *sentence, size_t at)
{
    size_t next = at;
    while (next < sentence->count && next < at + 3 && is_particle(&sentence->tokens[next]))
        next++;
    if (next == at || next == sentence->count || !may_be_in_name(&sentence->tokens[next]))
        return 0;
    return next;
}

/* What may follow inside a name, at `at`: the first token behind it, or 0. */
static size_t name_goes_on(const struct sentence *sentence, const struct run *run, size_t at)
{
    const struct token *tokens = sentence->tokens;
    if (at >= sentence->count)
        return 0;
    const struct token *last = &tokens[at - 1];
    if (last->flags & TOKEN_POSSESSIVE)
        return tokens[at].kind == TOKEN_WORD && token_is_capital(&tokens[at]) &&
                       token_has(&tokens[at], WORD_ORGANISATION) && token_has(last, WORD_ROLE)
                   ? at + 1
                   : 0;
    if (token_is_capital(&tokens[at]))
        return may_be_in_name(&tokens[at]) ? at + 1 : 0;
    if (token_is_small(&tokens[at]) && token_has(&tokens[at], WORD_COMPANY) && run->words > 0 &&
        !token_has(&tokens[at], WORD_STOP | WORD_THING | WORD_PARTICLE))
        return at + 1;
    const size_t behind = behind_particles(sentence, at);
    if (behind)
        return behind + 1;
    if (token_is_mark(&tokens[at], '&') && at + 1 < sentence->count &&
        token_is_capital(&tokens[at + 1]))
        return at + 2;
    if (token_is_mark(&tokens[at], ',') && at + 1 < sentence->count &&
        token_is_capital(&tokens[at + 1]) && token_has(&tokens[at + 1], WORD_COMPANY) &&
        !token_has(&tokens[at + 1], WORD_PARTICLE))
        return at + 2;
    if (token_has(&tokens[at], WORD_OF) && token_has(last, WORD_ORGANISATION) &&
        at + 1 < sentence->count && token_is_capital(&tokens[at + 1]) &&
        !token_has(&tokens[at + 1], WORD_STOP | WORD_TIME))
        return at + 2; /* University of Leeds */
    return 0;
}

bool run_begins(const struct sentence *sentence, size_t at)
{
    const struct token *token = &sentence->tokens[at];
    if (is_particle(token) && behind_particles(sentence, at))
        return true;
    return may_be_in_name(token) && !capital_by_place(token);
}

struct run run_at(const struct sentence *sentence, size_t first)
{
    struct run run = {.first = first, .end = first};
    const size_t behind = behind_particles(sentence, first);
    run.end = behind ? behind + 1 : first + 1;
    run.words = 1;
    size_t next;
    while ((next = name_goes_on(sentence, &run, run.end)) != 0) {
        run.company |= token_has(&sentence->tokens[run.end], WORD_OF);
        run.words++;
        run.end = next;
        if (token_has(&sentence->tokens[run.end - 1], WORD_COMPANY) &&
            !token_has(&sentence->tokens[run.end - 1], WORD_PARTICLE))
            run.company = true;
    }
    return run;
}

/* ---- trimming ---- */

static bool names_a_thing(const struct token *last)
{
    return token_has(last, WORD_ORGANISATION | WORD_COMPANY | WORD_PLACE_NOUN) &&
           !token_has(last, WORD_GIVEN | WORD_TITLE);
}

static bool is_kin_title(const struct token *token)
{
    return token_has(token, WORD_KIN) && !token_has(token, WORD_GIVEN);
}

void run_trim(const struct sentence *sentence, struct run *run)
{
    const struct token *tokens = sentence->tokens;
    const bool thing = run->company || names_a_thing(&tokens[run->end - 1]);
    while (thing && run->end - run->first > 1 && is_particle(&tokens[run->first]))
        run->first++; /* "director general de Molinos del Ebro S.A." */
    while (run->end - run->first > 1) {
        const struct token *token = &tokens[run->first];
        const struct token *next = token + 1;
        if (token->flags & TOKEN_INITIAL)
            break;
        const bool given = token_has(token, WORD_GIVEN);
        if (token_has(token, WORD_HONORIFIC) && (token->flags & TOKEN_DOTTED || !given) && !thing &&
            !token_has(next, WORD_TITLE))
            run->honorific = true;
        else if (is_kin_title(token) && !thing)
            run->kin = true;
        else if (token_has(token, WORD_TITLE) && !thing && !given)
            run->titled |= token_has(token, WORD_ROLE);
        else if (!given && token_has(token, WORD_PLACE | WORD_STOP | WORD_ARTICLE) && !thing &&
                 token_has(next, WORD_GIVEN | WORD_TITLE | WORD_HONORIFIC))
            ;
        else if (!given && !thing && (token->flags & TOKEN_FIRST) && token_has(next, WORD_GIVEN) &&
                 (run->end - run->first > 2 || token_has(token, WORD_THING | WORD_ROLE)))
            ;
        else
            break;
        run->first++;
    }
    while (run->end - run->first > 1 && token_has(&tokens[run->end - 1], WORD_TITLE | WORD_STOP) &&
           (tokens[run->end - 1].flags & TOKEN_CAPS))
        run->end--;
    run->possessive = tokens[run->end - 1].flags & TOKEN_POSSESSIVE;
}

bool run_is_name(const struct sentence *sentence, const struct run *run)
{
    uint32_t all = ~0u;
    for (size_t at = run->first; at < run->end; at++) {
        const struct token *token = &sentence->tokens[at];
        if (token->kind == TOKEN_WORD && !(token->flags & TOKEN_INITIAL))
            all &= token_classes(token);
    }
    const struct token *first = &sentence->tokens[run->first];
    if (run->end - run->first == 1) {
        if (token_has(first, WORD_STOP | WORD_TIME | WORD_COMPANY) && !run->honorific)
            return false;
        if (first->length < 2 || first->flags & TOKEN_INITIAL)
            return false;
        if (token_has(first,
                      WORD_TITLE | WORD_ROLE | WORD_THING | WORD_HONORIFIC | WORD_PLACE_NOUN) &&
            !token_has(first, WORD_GIVEN) && !run->honorific)
            return false;
        return run->honorific || run->titled || !token_has(first, WORD_PLACE);
    }
    return run->honorific || !(all & (WORD_PLACE | WORD_THING | WORD_TITLE | WORD_TIME));
}

/* ---- what the words say ---- */

/* Endings that family names have and other words seldom. */
static bool looks_like_family_name(const char *word, size_t length)
{
    static const char *const endings[] = {
        "son",  "sen",   "ski",    "ska",     "sky",   "czyk",   "czak", "wicz",  "vich",
        "vic",  "ova",   "enko",   "opoulos", "akis",  "idis",   "ian",  "yan",   "oglu",
        "nen",  "strom", "berg",   "mann",    "stein", "dottir", "ez",   "inho",  "eira",
        "elli", "etti",  "ini",    "ucci",    "ault",  "aux",    "ley",  "worth", "shaw",
        "wala", "swamy", "nathan", "moto",    "mura",  "yama",   "naka", "quist", "gaard",
        "lund", "meyer", "bauer",  "huber",   "auer",  "ungu",   "aga",  "escu",  "iyer"};
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        const size_t ending = strlen(endings[i]);
        if (length > ending + 2 && memcmp(word + length - ending, endings[i], ending) == 0)
            return true;
    }
    return false;
}

static bool begins_as_family_name(const char *word, size_t length)
{
    return length > 4 && (memcmp(word, "Mc", 2) == 0 || memcmp(word, "O'", 2) == 0 ||
                          memcmp(word, "Mac", 3) == 0 || memcmp(word, "Fitz", 4) == 0);
}

static bool is_common_word(const struct token *token)
{
    return token->word && !(token->flags & TOKEN_INITIAL) && token->word->small > 0 &&
           !token_has(token, WORD_GIVEN | WORD_PARTICLE);
}

/* A given name, or begins with one: "Jean-Luc". */
static bool is_given(const struct vocabulary *vocabulary, const struct token *token,
                     const char *prose)
{
    if (token_has(token, WORD_GIVEN))
        return true;
    const char *hyphen = memchr(prose + token->start, '-', token->length);
    if (!hyphen)
        return false;
    const size_t length = (size_t)(hyphen - (prose + token->start));
    const uint64_t hash = word_hash(prose + token->start, length);
    return word_classes(vocabulary_find(vocabulary, hash)) & WORD_GIVEN;
}

int run_shape(const struct vocabulary *vocabulary, const struct sentence *sentence,
              const struct run *run, const char *prose)
{
    const struct token *first = &sentence->tokens[run->first];
    const struct token *last = &sentence->tokens[run->end - 1];
    const bool given = is_given(vocabulary, first, prose);
    if (first == last)
        return (given ? 2 : 0) - (token_has(first, WORD_PLACE) ? 5 : 0) -
               (is_common_word(first) ? 4 : 0) - (first->flags & TOKEN_CAPS ? 4 : 0);
    int shape = given ? 6 : 2;
    if (!given && (first->flags & TOKEN_INITIAL))
        shape += 5;
    if (!given && is_given(vocabulary, last, prose) && run->words < 4)
        shape += 3; /* family name first: "Zhang Wei" */
    if (!given && token_has(first, WORD_PLACE | WORD_PLACE_NOUN | WORD_THING | WORD_ORGANISATION))
        shape -= 4;
    if (looks_like_family_name(prose + last->start, last->length))
        shape += 1;
    if (begins_as_family_name(prose + last->start, last->length))
        shape += 3;
    for (const struct token *token = first; token <= last; token++) {
        if (token_is_mark(token, '&'))
            shape -= 4;
        if (token->kind != TOKEN_WORD)
            continue;
        if (token != first && (token->flags & TOKEN_INITIAL))
            shape += 3;
        if (token != first && token != last && is_particle(token) && token[-1].kind == TOKEN_WORD)
            shape += 2;
        if (token != first && token_has(token, WORD_PLACE) && !token_has(token, WORD_GIVEN))
            shape -= given ? 2 : 3;
        if (token != first && token_has(token, WORD_THING | WORD_PLACE_NOUN | WORD_ORGANISATION))
            shape -= given ? 3 : 5;
        if (is_common_word(token))
            shape -= given ? 1 : 3;
        if (token->flags & TOKEN_CAPS)
            shape -= 2;
    }
    if (run->words > 4)
        shape -= 3;
    return shape < -100 ? -100 : shape;
}
