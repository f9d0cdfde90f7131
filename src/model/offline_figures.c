/*
 * A key figure from the sentences that name it.
 *
 * Background: the first of them, told rather than said, as many as fit. Goals: what follows a verb
 * of wanting ("wanted to keep ...", "asked for ...", "insisted that ..."), turned into an
 * infinitive by adding as little as possible; where the text tells none, what the role stands for.
 * Traits: 5, and one more for each word in those sentences that belongs to the trait's family, up
 * to 10.
 */
#include <string.h>

#include "model/offline_story.h"

enum {
    TRAIT_BASE = 5,
    GOAL_REACH = 12, /* tokens between a name and its verb of wanting */
    GOAL_TOKENS_MAX = 24,
    GOALS_FOUND_MAX = 3,
    SENTENCES_MAX = 64,
};

/* ---- background ---- */

static struct slice sentence_slice(const struct story *story, const struct mention *mention)
{
    return slice_trim((struct slice){story->document->prose + mention->sentence_start,
                                     mention->sentence_end - mention->sentence_start});
}

/* Begins inside or with a quotation, or breaks off in one. */
static bool is_spoken(struct slice sentence)
{
    int open = 0;
    bool straight = false;
    for (size_t at = 0; at < sentence.length;) {
        unsigned character;
        const size_t bytes = text_next(sentence.data + at, sentence.length - at, &character);
        const bool quote = character == '"' || character == 0x201c || character == 0xab;
        if (quote && at == 0)
            return true;
        straight ^= character == '"';
        open +=
            (character == 0x201c || character == 0xab) - (character == 0x201d || character == 0xbb);
        at += bytes;
    }
    return open != 0 || straight;
}

static size_t add_sentences(const struct story *story, const struct member *member, bool spoken,
                            char *out, size_t used)
{
    uint32_t last_start = UINT32_MAX;
    for (size_t i = 0; i < member->mention_count; i++) {
        const struct mention *mention = &story->names->mentions[member->mentions[i]];
        const struct slice sentence = sentence_slice(story, mention);
        if (mention->sentence_start == last_start || is_spoken(sentence) != spoken)
            continue;
        last_start = mention->sentence_start;
        size_t length = sentence.length;
        if (used == 0 && length > BACKGROUND_BYTES_MAX - 3) {
            length = text_cut(sentence.data, length, BACKGROUND_BYTES_MAX - 3);
            while (length > 0 && sentence.data[length - 1] != ' ')
                length--;
            memcpy(out, sentence.data, length);
            memcpy(out + length, "...", 3);
            return length + 3;
        }
        if (used + (used > 0) + length > BACKGROUND_BYTES_MAX)
            break;
        if (used > 0)
            out[used++] = ' ';
        memcpy(out + used, sentence.data, length);
        used += length;
    }
    return used;
}

static const char *background(const struct story *story, const struct member *member)
{
    char out[BACKGROUND_BYTES_MAX + 1];
    size_t used = add_sentences(story, member, false, out, 0);
    if (used == 0)
        used = add_sentences(story, member, true, out, 0);
    return arena_strndup(story->arena, out, used);
}

/* ---- goals ---- */

/* Where the object of wanting ends: at the end of its clause. A comma ends it unless it parts the
 * items of a list. */
static size_t goal_end(const struct sentence *sentence, size_t at)
{
    const size_t start = at;
    for (; at < sentence->count && at < start + GOAL_TOKENS_MAX; at++) {
        const struct token *token = &sentence->tokens[at];
        if (token->kind == TOKEN_WORD || token->kind == TOKEN_NUMBER)
            continue;
        if (token_is_mark(token, ',') && at + 1 < sentence->count) {
            const struct token *next = &sentence->tokens[at + 1];
            if (next->kind == TOKEN_WORD &&
                (!token_has(next, WORD_STOP) || token_has(next, WORD_ARTICLE)))
                continue;
        }
        if (token->kind == TOKEN_MARK && strchr("&%$", token->mark))
            continue;
        break;
    }
    return at;
}

/* A verb of wanting and what follows it, as a goal; NULL if it is none. */
static const char *goal_at(const struct story *story, const struct sentence *sentence, size_t verb)
{
    const struct token *tokens = sentence->tokens;
    if (verb + 2 >= sentence->count)
        return NULL;
    if (verb > 0 && token_reads(story, &tokens[verb - 1], "been was were"))
        return NULL; /* what others wanted */
    const bool negated = verb > 0 && token_reads(story, &tokens[verb - 1], "not never");
    const bool against = token_reads(story, &tokens[verb], "opposed opposes");
    const struct token *next = &tokens[verb + 1];
    const char *opening;
    size_t first = verb + 2;
    if (token_reads(story, next, "to"))
        opening = negated ? "Avoid having to" : "";
    else if (token_reads(story, next, "that"))
        opening = negated ? "Not accept that" : "See to it that";
    else if (token_reads(story, next, "for on"))
        opening = negated ? "Do without" : "Obtain";
    else if (token_has(next, WORD_ARTICLE) &&
             !token_reads(story, &tokens[verb],
                          "argued argues asked tried pushed pressed promised")) {
        opening = negated || against ? "Prevent" : "Secure";
        first = verb + 1;
    } else {
        return NULL;
    }
    const size_t end = goal_end(sentence, first);
    if (end < first + 2)
        return NULL;
    const char *rest = tokens_text(story, sentence, first, end, GOAL_BYTES_MAX);
    return capitalised(story->arena,
                       *opening ? arena_printf(story->arena, "%s %s", opening, rest) : rest);
}

static size_t goals_in_text(const struct story *story, const struct member *member,
                            const char *goals[GOALS_MAX])
{
    size_t count = 0;
    uint32_t last_start = UINT32_MAX;
    struct sentence sentence;
    for (size_t i = 0; i < member->mention_count && i < SENTENCES_MAX; i++) {
        const struct mention *mention = &story->names->mentions[member->mentions[i]];
        if (mention->sentence_start == last_start)
            continue;
        last_start = mention->sentence_start;
        size_t first, end;
        mention_read(story, mention, &sentence, &first, &end);
        for (size_t at = end; at < sentence.count && at < end + GOAL_REACH; at++) {
            if (sentence.tokens[at].kind != TOKEN_WORD && !token_is_mark(&sentence.tokens[at], ','))
                break;
            if (!token_has(&sentence.tokens[at], WORD_WANT) ||
                sentence.tokens[at].flags & TOKEN_CAPITAL)
                continue;
            const char *goal = goal_at(story, &sentence, at);
            if (goal && count < GOALS_FOUND_MAX)
                goals[count++] = goal;
            break;
        }
    }
    return count;
}

/* What a role is there for: the part behind an early "of", else the role itself. */
static const char *goal_of_role(const struct story *story, const struct member *member,
                                struct role role)
{
    if (member->is_organisation || role.form != ROLE_PHRASE)
        return arena_printf(story->arena, "Have the interests of %s count in the decision",
                            member->name);
    const char *domain = strstr(role.text, " of ");
    const char *at = strstr(role.text, " at "), *in = strstr(role.text, " in ");
    if (domain && !(at && at < domain) && !(in && in < domain))
        return arena_printf(story->arena, "Answer for %s when the decision is taken", domain + 4);
    return arena_printf(story->arena, "Bring the view of the %s into the decision", role.text);
}

static void fill_goals(const struct story *story, size_t index, struct role role,
                       struct key_figure *figure)
{
    const struct member *member = &story->cast->members[index];
    size_t count = 0;
    if (index == story->protagonist && story->decision)
        figure->goals[count++] = capitalised(story->arena, story->decision);
    count += goals_in_text(story, member, figure->goals + count);
    if (count < 2)
        figure->goals[count++] = goal_of_role(story, member, role);
    if (count < 2 && member->mention_count > 0) {
        const uint32_t at = story->names->mentions[member->mentions[0]].start;
        const char *heading = heading_above(story, at);
        if (heading)
            figure->goals[count++] =
                arena_printf(story->arena, "See the questions under \"%s\" settled", heading);
    }
}

/* ---- traits ---- */

static void fill_traits(const struct story *story, const struct member *member,
                        int traits[TRAIT_COUNT])
{
    for (int i = 0; i < TRAIT_COUNT; i++)
        traits[i] = TRAIT_BASE;
    uint32_t last_start = UINT32_MAX;
    struct sentence sentence;
    for (size_t i = 0; i < member->mention_count && i < SENTENCES_MAX; i++) {
        const struct mention *mention = &story->names->mentions[member->mentions[i]];
        if (mention->sentence_start == last_start)
            continue;
        last_start = mention->sentence_start;
        size_t first, end;
        mention_read(story, mention, &sentence, &first, &end);
        for (size_t at = 0; at < sentence.count; at++)
            for (int trait = 0; trait < TRAIT_COUNT; trait++)
                if (token_has(&sentence.tokens[at], (uint32_t)WORD_ANALYTICAL << trait) &&
                    traits[trait] < TRAIT_MAX)
                    traits[trait]++;
    }
}

/* ---- what it has to do with the case ---- */

/* A sentence that names both, not too long; `length` 0: none. */
static struct slice shared_sentence(const struct story *story, const struct member *a,
                                    const struct member *b)
{
    for (size_t i = 0, j = 0; i < a->mention_count && j < b->mention_count;) {
        const struct mention *left = &story->names->mentions[a->mentions[i]];
        const struct mention *right = &story->names->mentions[b->mentions[j]];
        if (left->sentence_start == right->sentence_start) {
            const struct slice sentence = sentence_slice(story, left);
            if (sentence.length <= 300 && !is_spoken(sentence))
                return sentence;
        }
        if (left->sentence_start < right->sentence_start)
            i++;
        else
            j++;
    }
    return (struct slice){"", 0};
}

static const char *correlation(const struct story *story, size_t index, struct role role)
{
    struct arena *arena = story->arena;
    const struct member *member = &story->cast->members[index];
    if (index == story->protagonist)
        return arena_printf(arena, "The main character: %s has to %s.", member->name,
                            story->decision ? story->decision : "decide what is to be done");
    const char *who = role.form == ROLE_UNKNOWN
                          ? member->name
                          : arena_printf(arena, "%s (%s)", member->name, role.text);
    if (story->protagonist == SIZE_MAX)
        return arena_printf(arena, "%s plays a part in the case.", who);
    const struct member *main = &story->cast->members[story->protagonist];
    const struct slice shared = shared_sentence(story, member, main);
    if (shared.length > 0)
        return arena_printf(arena, "%s and %s: %.*s", who, main->name, (int)shared.length,
                            shared.data);
    const char *heading =
        member->mention_count > 0
            ? heading_above(story, story->names->mentions[member->mentions[0]].start)
            : NULL;
    if (heading)
        return arena_printf(arena, "%s bears on the decision of %s, above all under \"%s\".", who,
                            main->name, heading);
    return arena_printf(arena, "%s bears on the decision of %s.", who, main->name);
}

struct key_figure member_figure(const struct story *story, size_t index)
{
    const struct member *member = &story->cast->members[index];
    const struct role role = member_role(story, member);
    struct key_figure figure = {.name = member->name,
                                .role = capitalised(story->arena, role.text),
                                .correlation = correlation(story, index, role),
                                .background = background(story, member),
                                .is_main_character = index == story->protagonist,
                                .is_organisation = member->is_organisation};
    fill_goals(story, index, role, &figure);
    fill_traits(story, member, figure.traits);
    return figure;
}
