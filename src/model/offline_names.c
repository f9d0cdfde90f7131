/*
 * Finding names. The prose is read twice: the first reading only counts how often each word is
 * written small and capitalised, so that the second can tell a sentence's first word ("Price
 * competition ...") from a name. A name is a run of capitalised words, with initials, particles
 * ("van der", "de la", "bin") and what companies have in theirs ("&", ", Inc.", "of").
 *
 * Then the run is trimmed (job titles, "American", a sentence's first word before a given name),
 * and the tokens on both sides are searched for evidence: EVIDENCE_TABLE. No single find decides.
 */
#include "model/offline_names.h"

#include <stdlib.h>
#include <string.h>

#include "model/lines.h"
#include "model/offline_runs.h"

enum {
    CANDIDATE_SLOTS_MIN = 4 * 1024,
    CANDIDATE_SLOTS_MAX = 64 * 1024,
    BYTES_PER_SLOT = 16, /* of text: a new name comes less often than that */
    PROBES_MAX = 32,
    APPOSITION_TOKENS = 9,
    PRONOUN_TOKENS = 16,
};

static void *checked(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

void names_init(struct names *names, size_t text_length)
{
    size_t slot_count = CANDIDATE_SLOTS_MIN;
    while (slot_count < CANDIDATE_SLOTS_MAX && slot_count < text_length / BYTES_PER_SLOT)
        slot_count *= 2;
    *names = (struct names){.slot_count = slot_count};
    names->slots = checked(calloc(slot_count, sizeof(*names->slots)));
}

void names_clear(struct names *names)
{
    free(names->candidates);
    free(names->slots);
    free(names->mentions);
    *names = (struct names){0};
}

/* ---- evidence ---- */

static void find(struct candidate *candidate, enum evidence evidence)
{
    if (candidate->found[evidence] < UINT8_MAX)
        candidate->found[evidence]++;
}

/* A role among the tokens from `at` on, before the phrase ends? */
static bool role_ahead(const struct sentence *sentence, size_t at)
{
    for (size_t i = at; i < sentence->count && i < at + APPOSITION_TOKENS; i++) {
        const struct token *token = &sentence->tokens[i];
        if (token->kind == TOKEN_MARK && token->mark != '-')
            return false;
        if (token_has(token, WORD_SPEECH | WORD_HUMAN) && !token_has(token, WORD_ROLE))
            return false;
        if (token_is_capital(token) && !token_has(token, WORD_TITLE) && i == at)
            return false; /* a list of names */
        if (token_has(token, WORD_ROLE | WORD_KIN))
            return true;
    }
    return false;
}

static bool role_behind(const struct sentence *sentence, size_t before)
{
    for (size_t i = before, seen = 0; i > 0 && seen < APPOSITION_TOKENS; seen++) {
        const struct token *token = &sentence->tokens[--i];
        if (token->kind == TOKEN_MARK && token->mark != '-')
            return false;
        if (token_has(token, WORD_ROLE | WORD_KIN))
            return true;
        if (token_has(token, WORD_SPEECH | WORD_HUMAN))
            return false;
    }
    return false;
}

static void evidence_before(const struct sentence *sentence, const struct run *run,
                            size_t whole_first, struct candidate *candidate)
{
    if (run->honorific)
        find(candidate, EVIDENCE_HONORIFIC);
    if (run->titled)
        find(candidate, EVIDENCE_TITLE);
    if (run->kin)
        find(candidate, EVIDENCE_KIN);
    if (whole_first == 0)
        return;
    const struct token *before = &sentence->tokens[whole_first - 1];
    if (token_is_mark(before, ',') && role_behind(sentence, whole_first - 1))
        find(candidate, EVIDENCE_ROLE);
    if (before->kind != TOKEN_WORD)
        return;
    if (token_has(before, WORD_KIN) && token_is_small(before))
        find(candidate, EVIDENCE_KIN);
    else if (token_has(before, WORD_ROLE) && token_is_small(before) &&
             !(before->flags & TOKEN_POSSESSIVE))
        find(candidate, EVIDENCE_TITLE);
    else if (token_has(before, WORD_SPEECH) && token_is_small(before))
        find(candidate, EVIDENCE_SPEECH);
    else if (token_has(before, WORD_NAMED))
        find(candidate, EVIDENCE_NAMED);
    else if (token_has(before, WORD_WHERE))
        find(candidate, EVIDENCE_WHERE);
    else if (token_has(before, WORD_TOWARDS) && whole_first > 1 &&
             token_has(before - 1, WORD_ACCORDING))
        find(candidate, EVIDENCE_SPEECH);
    else if (token_has(before, WORD_TOWARDS))
        find(candidate, EVIDENCE_TOWARDS);
    else if (token_has(before, WORD_ARTICLE) && !run->honorific && !run->titled)
        find(candidate, EVIDENCE_ARTICLE);
}

/* Behind a comma, a bracket or a dash: an age, "who", or a role. */
static void evidence_apposed(const struct sentence *sentence, size_t mark,
                             struct candidate *candidate)
{
    const struct token *next = &sentence->tokens[mark + 1];
    const bool enclosed = mark + 2 < sentence->count &&
                          strchr(",)", sentence->tokens[mark + 2].mark) &&
                          sentence->tokens[mark + 2].kind == TOKEN_MARK;
    if (next->kind == TOKEN_NUMBER && next->length == 2 && enclosed)
        find(candidate, EVIDENCE_AGE);
    else if (token_has(next, WORD_WHO))
        find(candidate, EVIDENCE_WHO);
    else if (role_ahead(sentence, mark + 1))
        find(candidate, EVIDENCE_ROLE);
}

static void evidence_after(const struct sentence *sentence, const struct run *run,
                           struct candidate *candidate)
{
    const struct token *tokens = sentence->tokens;
    const size_t count = sentence->count;
    for (size_t at = run->end; at < count && at < run->end + PRONOUN_TOKENS; at++)
        if (token_has(&tokens[at], WORD_PRONOUN)) {
            find(candidate, EVIDENCE_PRONOUN);
            break;
        }
    size_t at = run->end;
    if (run->possessive) {
        const bool owns = at < count && tokens[at].kind != TOKEN_MARK &&
                          !token_has(&tokens[at], WORD_STOP | WORD_AUXILIARY);
        find(candidate, owns ? EVIDENCE_OWNS : EVIDENCE_OWN_S);
        if (at < count && token_has(&tokens[at], WORD_KIN))
            find(candidate, EVIDENCE_KIN);
        return;
    }
    if (at >= count)
        return;
    if (tokens[at].kind == TOKEN_NUMBER)
        find(candidate, EVIDENCE_NUMBER);
    if (tokens[at].kind == TOKEN_MARK && strchr(",(-", tokens[at].mark) && at + 1 < count) {
        evidence_apposed(sentence, at, candidate);
        return;
    }
    if (token_is_mark(&tokens[at], ':') && tokens[run->first].flags & TOKEN_FIRST &&
        token_has(&tokens[run->first], WORD_GIVEN))
        find(candidate, EVIDENCE_SPEECH); /* as in a play */
    if (token_has(&tokens[at], WORD_WHO))
        find(candidate, EVIDENCE_WHO);
    const size_t first = at;
    while (at < count && at < first + 3 && token_has(&tokens[at], WORD_AUXILIARY))
        at++;
    if (at >= count || !token_is_small(&tokens[at]))
        return;
    if (token_has(&tokens[at], WORD_SPEECH))
        find(candidate, EVIDENCE_SPEECH);
    else if (token_has(&tokens[at], WORD_HUMAN))
        find(candidate, EVIDENCE_HUMAN);
    else if (at == first &&
             token_has(&tokens[at], WORD_THING | WORD_PLACE_NOUN | WORD_ORGANISATION))
        find(candidate, EVIDENCE_THING);
}

/* ---- candidates ---- */

/* Splits the run into parts at spaces and hyphens, and hashes each. */
static void run_parts(const struct sentence *sentence, const struct run *run, const char *prose,
                      struct candidate *out)
{
    out->key = WORD_HASH_START;
    for (size_t i = run->first; i < run->end; i++) {
        const struct token *token = &sentence->tokens[i];
        if (token->kind != TOKEN_WORD)
            continue;
        const char *word = prose + token->start;
        size_t from = 0;
        for (size_t at = 0; at <= token->length && out->part_count < PARTS_MAX; at++) {
            if (at < token->length && word[at] != '-')
                continue;
            if (at > from) {
                const uint64_t part = word_hash(word + from, at - from);
                out->parts[out->part_count++] = part;
                out->key = (out->key ^ part) * 0x9e3779b97f4a7c15u;
                out->key ^= out->key >> 29;
            }
            from = at + 1;
        }
    }
    out->key = word_hash_end(out->key);
}

static struct candidate *candidate_for(struct names *names, const struct candidate *model)
{
    for (size_t probe = 0; probe < PROBES_MAX; probe++) {
        uint32_t *slot = &names->slots[(model->key + probe) % names->slot_count];
        if (*slot && names->candidates[*slot - 1].key == model->key)
            return &names->candidates[*slot - 1];
        if (*slot)
            continue;
        if (names->candidate_count == CANDIDATES_MAX)
            return NULL;
        if ((names->candidate_count & (names->candidate_count - 1)) == 0) {
            const size_t capacity = names->candidate_count ? names->candidate_count * 2 : 1;
            names->candidates =
                checked(realloc(names->candidates, capacity * sizeof(*names->candidates)));
        }
        struct candidate *candidate = &names->candidates[names->candidate_count];
        *candidate = *model;
        candidate->head = (uint32_t)names->candidate_count++;
        *slot = (uint32_t)names->candidate_count;
        return candidate;
    }
    return NULL;
}

static void add_mention(struct names *names, const struct candidate *candidate,
                        const struct sentence *sentence, uint32_t start, uint32_t end)
{
    if (names->mention_count == MENTIONS_MAX)
        return;
    if (names->mention_count == names->mention_capacity) {
        names->mention_capacity = names->mention_capacity ? names->mention_capacity * 2 : 256;
        names->mentions =
            checked(realloc(names->mentions, names->mention_capacity * sizeof(*names->mentions)));
    }
    names->mentions[names->mention_count++] =
        (struct mention){.candidate = (uint32_t)(candidate - names->candidates),
                         .start = start,
                         .end = end,
                         .sentence_start = sentence->start,
                         .sentence_end = sentence->end};
}

static void add_run(struct names *names, const struct sentence *sentence, const struct run *run,
                    size_t whole_first, const char *prose)
{
    const struct token *first = &sentence->tokens[run->first];
    const struct token *last = &sentence->tokens[run->end - 1];
    const uint32_t end = last->start + last->length;
    struct candidate model = {.start = first->start,
                              .length = end - first->start,
                              .word_count = (uint8_t)(run->end - run->first),
                              .is_company = run->company,
                              .classes_all = ~0u,
                              .first_classes = token_classes(first),
                              .last_classes = token_classes(last)};
    run_parts(sentence, run, prose, &model);
    if (model.part_count == 0)
        return;
    for (const struct token *token = first; token <= last; token++)
        model.classes_all &= token->kind == TOKEN_WORD ? token_classes(token) : ~0u;
    model.shape = (int8_t)run_shape(names->vocabulary, sentence, run, prose);
    struct candidate *candidate = candidate_for(names, &model);
    if (!candidate)
        return;
    candidate->mentions++;
    evidence_before(sentence, run, whole_first, candidate);
    evidence_after(sentence, run, candidate);
    add_mention(names, candidate, sentence, first->start, end);
}

static void names_in_sentence(struct names *names, const struct sentence *sentence,
                              const char *prose)
{
    for (size_t at = 0; at < sentence->count;) {
        if (!run_begins(sentence, at)) {
            at++;
            continue;
        }
        struct run run = run_at(sentence, at);
        const size_t end = run.end;
        if (run.words <= RUN_WORDS_MAX) {
            run_trim(sentence, &run);
            if (run_is_name(sentence, &run))
                add_run(names, sentence, &run, at, prose);
        }
        at = end;
    }
}

static enum err read_all(struct names *names, const struct document *document,
                         struct vocabulary *vocabulary, bool counting, const atomic_bool *cancel)
{
    struct reader reader;
    reader_init(&reader, document, 0, document->length, vocabulary);
    reader.counting = counting;
    struct sentence sentence;
    while (reader_next(&reader, &sentence)) {
        if (cancelled(cancel))
            return ERR_CANCELLED;
        if (!counting)
            names_in_sentence(names, &sentence, document->prose);
    }
    return OK;
}

enum err names_find(struct names *names, const struct document *document,
                    struct vocabulary *vocabulary, const atomic_bool *cancel)
{
    names->vocabulary = vocabulary;
    const enum err err = read_all(names, document, vocabulary, true, cancel);
    return err ? err : read_all(names, document, vocabulary, false, cancel);
}
