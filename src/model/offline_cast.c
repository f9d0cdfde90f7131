/*
 * From candidates to the cast.
 *
 * Merging: candidates are taken by length of name, then by frequency. Each joins the head (a fuller
 * name met before) whose parts contain its own in order: "Ms. Chen", "Maria", "M. Chen" join "Maria
 * Chen"; "Kamau" joins "Wanjiku Kamau-Ndegwa". Among several, the one that ends the same way wins
 * (a family name), then the one that begins the same way, then the one introduced last before. A
 * name with an honorific never joins a company; one without evidence of a person joins the company
 * first. An index by part keeps this linear: at most HEADS_MAX heads are looked at for a part.
 *
 * Judging: the evidence of all forms is summed up, each kind counted up to its limit. A head is an
 * organisation if it has a legal form or ends in a word like Bank, unless there is strong evidence
 * of a person; a person from PERSON_SCORE on, or SINGLE_SCORE (SINGLE_GIVEN_SCORE for a given
 * name) for a name of one word, which must have strong evidence too. What is neither is nobody.
 */
#include <stdlib.h>
#include <string.h>

#include "model/offline_names.h"

enum {
    PERSON_SCORE = 5,
    SINGLE_SCORE = 7,
    SINGLE_GIVEN_SCORE = 5,
    HEADS_MAX = 8,
    INDEX_SLOTS_MIN = 256,
    INDEX_SLOTS_MAX = 128 * 1024,
    INDEX_SLOTS_EACH = 8, /* per candidate: most have two or three parts */
    PROBES_MAX = 32,
};

struct index_entry {
    uint64_t part; /* 0: none */
    uint32_t heads[HEADS_MAX];
    uint32_t count;
};

struct merger {
    struct names *names;
    struct index_entry *index;
    size_t index_slots; /* a power of two, after the number of candidates: most texts have few */
    uint32_t *order;
    const char *prose;
};

static const int weights[EVIDENCE_COUNT] = {
#define X(name, weight, most) [name] = weight,
    EVIDENCE_TABLE(X)
#undef X
};
static const int limits[EVIDENCE_COUNT] = {
#define X(name, weight, most) [name] = most,
    EVIDENCE_TABLE(X)
#undef X
};

static int context_score(const struct candidate *candidate)
{
    int score = 0;
    for (int i = 0; i < EVIDENCE_COUNT; i++) {
        const int count = candidate->found[i] < limits[i] ? candidate->found[i] : limits[i];
        score += count * weights[i];
    }
    return score;
}

static bool strongly_personal(const struct candidate *candidate)
{
    const uint8_t *found = candidate->found;
    if (candidate->first_classes & WORD_GIVEN && !(candidate->first_classes & WORD_PLACE) &&
        (found[EVIDENCE_ROLE] || found[EVIDENCE_SPEECH] || found[EVIDENCE_HUMAN] > 1 ||
         found[EVIDENCE_KIN]))
        return true;
    return found[EVIDENCE_HONORIFIC] || found[EVIDENCE_TITLE] || found[EVIDENCE_WHO] ||
           found[EVIDENCE_AGE] || found[EVIDENCE_SPEECH] > 1 || found[EVIDENCE_ROLE] > 1 ||
           (found[EVIDENCE_SPEECH] && (found[EVIDENCE_HUMAN] || found[EVIDENCE_ROLE]));
}

static bool looks_like_organisation(const struct candidate *candidate)
{
    if (candidate->is_company)
        return true;
    return candidate->word_count > 1 && (candidate->last_classes & WORD_ORGANISATION) &&
           !(candidate->last_classes & WORD_GIVEN);
}

/* ---- merging ---- */

static struct index_entry *index_entry(const struct merger *merger, uint64_t part)
{
    for (uint64_t probe = 0; probe < PROBES_MAX; probe++) {
        struct index_entry *entry = &merger->index[(part + probe) % merger->index_slots];
        if (entry->part == part || entry->part == 0)
            return entry;
    }
    return NULL;
}

static void index_head(const struct merger *merger, uint32_t head)
{
    const struct candidate *candidate = &merger->names->candidates[head];
    for (size_t i = 0; i < candidate->part_count; i++) {
        struct index_entry *entry = index_entry(merger, candidate->parts[i]);
        if (!entry || entry->count == HEADS_MAX)
            continue;
        entry->part = candidate->parts[i];
        entry->heads[entry->count++] = head;
    }
}

/* Are the parts of `form` among those of `full`, in the same order? */
static bool is_form_of(const struct candidate *form, const struct candidate *full)
{
    size_t at = 0;
    for (size_t i = 0; i < full->part_count && at < form->part_count; i++)
        at += full->parts[i] == form->parts[at];
    return at == form->part_count;
}

/* Is a short form that a company may share used for a person? */
static bool is_used_personally(const struct candidate *form)
{
    const uint8_t *found = form->found;
    return found[EVIDENCE_HONORIFIC] || found[EVIDENCE_KIN] || found[EVIDENCE_TITLE] ||
           found[EVIDENCE_AGE] ||
           4u * (found[EVIDENCE_SPEECH] + found[EVIDENCE_HUMAN]) > form->mentions;
}

/* How well `form` fits `full` as a form of it; 0: not at all. */
static int fit(const struct candidate *form, const struct candidate *full)
{
    if (!is_form_of(form, full))
        return 0;
    const bool organisation = looks_like_organisation(full);
    if (organisation && form->found[EVIDENCE_HONORIFIC])
        return 0;
    const bool same_end = form->parts[form->part_count - 1] == full->parts[full->part_count - 1];
    const bool same_start = form->parts[0] == full->parts[0];
    const bool personal = is_used_personally(form);
    int result = 1 + 4 * same_end + 2 * same_start;
    if (organisation)
        result = personal ? 1 + same_start : 7 + same_start;
    else if (form->word_count > 1 && !same_end && !same_start &&
             !(form->first_classes & WORD_PARTICLE))
        return 0;
    return result;
}

/* Is `full`, rather than `other`, the one that was introduced last before `form` was first used? */
static bool nearer(const struct candidate *form, const struct candidate *full,
                   const struct candidate *other)
{
    const bool before = full->start < form->start, other_before = other->start < form->start;
    if (before != other_before)
        return before;
    return before ? full->start > other->start : full->start < other->start;
}

static uint32_t head_for(const struct merger *merger, const struct candidate *form)
{
    uint32_t best = UINT32_MAX;
    int best_fit = 0;
    const struct index_entry *entry = index_entry(merger, form->parts[form->part_count - 1]);
    for (uint32_t i = 0; entry && entry->part && i < entry->count; i++) {
        const struct candidate *full = &merger->names->candidates[entry->heads[i]];
        const int this_fit = fit(form, full);
        if (this_fit > best_fit || (this_fit == best_fit && this_fit > 0 &&
                                    nearer(form, full, &merger->names->candidates[best]))) {
            best = entry->heads[i];
            best_fit = this_fit;
        }
    }
    return best;
}

static void absorb(struct candidate *head, struct candidate *form, uint32_t head_index)
{
    form->head = head_index;
    head->mentions += form->mentions;
    if (looks_like_organisation(head))
        return;
    for (int i = 0; i < EVIDENCE_COUNT; i++) {
        const int sum = head->found[i] + form->found[i];
        head->found[i] = (uint8_t)(sum > UINT8_MAX ? UINT8_MAX : sum);
    }
    /* People are called by their last name; places and products more often by their first. */
    if (form->part_count == 1 && head->word_count > 1 &&
        form->parts[0] == head->parts[head->part_count - 1])
        head->found[EVIDENCE_SURNAME] = 1;
}

static int by_fullness(const void *a, const void *b, void *candidates)
{
    const struct candidate *left = (const struct candidate *)candidates + *(const uint32_t *)a;
    const struct candidate *right = (const struct candidate *)candidates + *(const uint32_t *)b;
    if (left->part_count != right->part_count)
        return left->part_count > right->part_count ? -1 : 1;
    if (left->mentions != right->mentions)
        return left->mentions > right->mentions ? -1 : 1;
    return left->start < right->start ? -1 : left->start > right->start;
}

static void merge(struct merger *merger)
{
    struct names *names = merger->names;
    for (uint32_t i = 0; i < names->candidate_count; i++)
        merger->order[i] = i;
    qsort_r(merger->order, names->candidate_count, sizeof(*merger->order), by_fullness,
            names->candidates);
    for (size_t i = 0; i < names->candidate_count; i++) {
        struct candidate *candidate = &names->candidates[merger->order[i]];
        const uint32_t head = head_for(merger, candidate);
        if (head == UINT32_MAX)
            index_head(merger, merger->order[i]);
        else
            absorb(&names->candidates[head], candidate, head);
    }
}

/* ---- judging ---- */

enum kind { KIND_NOBODY, KIND_PERSON, KIND_ORGANISATION };

static enum kind judge(const struct candidate *candidate)
{
    const int score = candidate->shape + context_score(candidate);
    const bool strong = strongly_personal(candidate);
    if (looks_like_organisation(candidate)) {
        const bool person = strong && !candidate->is_company &&
                            (candidate->first_classes & WORD_GIVEN) && candidate->word_count == 2;
        return person ? KIND_PERSON : KIND_ORGANISATION;
    }
    if (candidate->part_count > 1 && score >= PERSON_SCORE)
        return KIND_PERSON;
    const int enough = candidate->first_classes & WORD_GIVEN ? SINGLE_GIVEN_SCORE : SINGLE_SCORE;
    if (candidate->part_count == 1 && strong && score >= enough)
        return KIND_PERSON;
    const uint8_t *found = candidate->found;
    const bool acts = found[EVIDENCE_SPEECH] + found[EVIDENCE_TOWARDS] + found[EVIDENCE_OWNS] +
                          found[EVIDENCE_OWN_S] >=
                      2;
    if (candidate->mentions >= 3 && acts && !found[EVIDENCE_WHERE] && !found[EVIDENCE_ARTICLE] &&
        !((candidate->first_classes | candidate->last_classes) & (WORD_PLACE | WORD_PLACE_NOUN)) &&
        candidate->shape > -4 && !(candidate->first_classes & WORD_GIVEN))
        return KIND_ORGANISATION;
    return KIND_NOBODY;
}

static int by_weight(const void *a, const void *b)
{
    const struct member *left = a, *right = b;
    if (left->weight != right->weight)
        return left->weight > right->weight ? -1 : 1;
    return left->candidate < right->candidate ? -1 : left->candidate > right->candidate;
}

static void add_member(struct member *member, const struct merger *merger, uint32_t index,
                       enum kind kind, struct arena *arena)
{
    const struct candidate *candidate = &merger->names->candidates[index];
    member->candidate = index;
    member->is_organisation = kind == KIND_ORGANISATION;
    member->mention_total = candidate->mentions;
    const char *written = merger->prose + candidate->start;
    const bool own_s = 2u * candidate->found[EVIDENCE_OWN_S] > candidate->mentions &&
                       member->is_organisation && strchr("'\xe2", written[candidate->length]);
    const size_t length =
        candidate->length + (own_s ? text_possessive(written + candidate->length) : 0);
    member->name = arena_strndup(arena, written, length);
    /* People are whom one talks to: they count twice. */
    member->weight = (kind == KIND_PERSON ? 2.0 : 1.0) * candidate->mentions;
}

static void collect_mentions(const struct names *names, struct cast *cast, struct arena *arena)
{
    uint32_t *member_of = calloc(names->candidate_count + 1, sizeof(*member_of));
    if (!member_of)
        abort();
    for (size_t i = 0; i < cast->count; i++) {
        struct member *member = &cast->members[i];
        member_of[member->candidate] = (uint32_t)i + 1;
        const size_t most = member->mention_total < MEMBER_MENTIONS_MAX ? member->mention_total
                                                                        : MEMBER_MENTIONS_MAX;
        member->mentions = arena_zalloc(arena, most, sizeof(*member->mentions));
    }
    for (size_t i = 0; i < names->mention_count; i++) {
        const uint32_t head = names->candidates[names->mentions[i].candidate].head;
        if (!member_of[head])
            continue;
        struct member *member = &cast->members[member_of[head] - 1];
        if (member->mention_count < MEMBER_MENTIONS_MAX)
            member->mentions[member->mention_count++] = (uint32_t)i;
    }
    free(member_of);
}

void cast_choose(struct names *names, const struct document *document, size_t most,
                 struct arena *arena, struct cast *out)
{
    struct merger merger = {.names = names, .prose = document->prose};
    merger.index_slots = INDEX_SLOTS_MIN;
    while (merger.index_slots < INDEX_SLOTS_MAX &&
           merger.index_slots < INDEX_SLOTS_EACH * names->candidate_count)
        merger.index_slots *= 2;
    merger.index = calloc(merger.index_slots, sizeof(*merger.index));
    merger.order = calloc(names->candidate_count + 1, sizeof(*merger.order));
    struct member *members = calloc(names->candidate_count + 1, sizeof(*members));
    if (!merger.index || !merger.order || !members)
        abort();
    merge(&merger);

    size_t count = 0;
    for (uint32_t i = 0; i < names->candidate_count; i++) {
        const struct candidate *candidate = &names->candidates[i];
        const enum kind kind = candidate->head == i ? judge(candidate) : KIND_NOBODY;
        if (kind != KIND_NOBODY)
            add_member(&members[count++], &merger, i, kind, arena);
    }
    qsort(members, count, sizeof(*members), by_weight);
    out->count = count < most ? count : most;
    out->members = arena_zalloc(arena, out->count + 1, sizeof(*members));
    memcpy(out->members, members, out->count * sizeof(*members));
    collect_mentions(names, out, arena);
    free(members);
    free(merger.order);
    free(merger.index);
}
