/*
 * Roles. A name's role stands near it in one of a few forms, looked for in the first sentences
 * that mention the name; the best rank wins, then the earliest:
 *   1  behind it      "Dana Ruiz, the chief financial officer,"
 *   1  before it      "CFO Dana Ruiz", "head of supply chain Dana Ruiz"
 *   1  before a comma "her deputy, Dana Ruiz,"
 *   2  as predicate   "Ruiz was managing director of Kestrel", "Ruiz had become its chairman"
 *   3  named          "a clerk named Dana Ruiz"
 *   4  a clause       "Dana Ruiz, who ran operations,"
 * "Behind it" also takes any phrase that begins with "a", and for organisations with "the".
 */
#include <string.h>
#include <strings.h>

#include "model/offline_story.h"

enum { SENTENCES_MAX = 40, ROLE_TOKENS = 14, RANK_CLAUSE = 4, RANK_NONE = 9 };

struct finding {
    int rank;
    const char *role;
};

static bool is_article(const struct story *story, const struct token *token)
{
    return token_reads(story, token, "the a an");
}

/* Where a phrase that begins at `at` ends: at a mark, or where a clause begins. A comma before a
 * legal form belongs to a company's name. */
static size_t phrase_end(const struct story *story, const struct sentence *sentence, size_t at)
{
    const size_t start = at;
    for (; at < sentence->count && at < start + ROLE_TOKENS; at++) {
        const struct token *token = &sentence->tokens[at];
        if (token_is_mark(token, ',') && at + 1 < sentence->count &&
            token_has(&sentence->tokens[at + 1], WORD_COMPANY) &&
            (sentence->tokens[at + 1].flags & TOKEN_CAPITAL))
            continue;
        if (token->kind == TOKEN_QUOTE || (token->kind == TOKEN_MARK && token->mark != '&'))
            return at;
        if (token_reads(story, token,
                        "who which whose whom when where while since until after "
                        "before but because as that with had was has is"))
            return at;
        if (token_reads(story, token, "for"))
            for (size_t ahead = at + 1; ahead < sentence->count && ahead < at + 4; ahead++)
                if (token_reads(story, &sentence->tokens[ahead],
                                "hours days weeks months quarters year years decade decades"))
                    return at;
        if (token_reads(story, token, "and") && at + 1 < sentence->count &&
            (token_has(&sentence->tokens[at + 1], WORD_AUXILIARY | WORD_PRONOUN) ||
             (token_has(&sentence->tokens[at + 1], WORD_HUMAN | WORD_SPEECH) &&
              !token_has(&sentence->tokens[at + 1], WORD_ROLE))))
            return at;
    }
    return at;
}

static bool has_role(const struct sentence *sentence, size_t first, size_t end)
{
    for (size_t at = first; at < end; at++)
        if (token_has(&sentence->tokens[at], WORD_ROLE | WORD_KIN))
            return true;
    return false;
}

static bool has_verb(const struct sentence *sentence, size_t first, size_t end)
{
    for (size_t at = first; at < end; at++)
        if (token_has(&sentence->tokens[at], WORD_SPEECH | WORD_HUMAN) &&
            !token_has(&sentence->tokens[at], WORD_ROLE))
            return true;
    return false;
}

static void offer(struct finding *best, int rank, const struct story *story,
                  const struct sentence *sentence, size_t first, size_t end)
{
    while (first < end && (token_has(&sentence->tokens[first], WORD_PRONOUN) ||
                           token_reads(story, &sentence->tokens[first],
                                       "the a an its their our my and now then once already")))
        first++;
    if (first >= end || rank >= best->rank)
        return;
    best->rank = rank;
    best->role = tokens_text(story, sentence, first, end, ROLE_BYTES_MAX);
}

/* "was", "had been", "served as" and the like at `end`, and a role behind it. */
static void look_for_predicate(struct finding *best, const struct story *story,
                               const struct sentence *sentence, size_t end, bool organisation)
{
    size_t at = end;
    bool copula = false, served = false;
    while (at < sentence->count && at < end + 5) {
        const struct token *token = &sentence->tokens[at];
        const bool verb =
            token_reads(story, token, "was") || token_reads(story, token, "is") ||
            token_reads(story, token, "been") || token_reads(story, token, "became") ||
            token_reads(story, token, "remained") || (served && token_reads(story, token, "as"));
        served = token_reads(story, token, "served") || token_reads(story, token, "worked");
        if (!verb && !served && !token_has(token, WORD_AUXILIARY))
            break;
        copula |= verb;
        at++;
    }
    if (!copula)
        return;
    const size_t stop = phrase_end(story, sentence, at);
    const bool role = organisation ? at < stop && is_article(story, &sentence->tokens[at])
                                   : has_role(sentence, at, stop < at + 5 ? stop : at + 5);
    if (role && !has_verb(sentence, at, stop))
        offer(best, 2, story, sentence, at, stop);
}

/* What somebody "who ..." does, up to a mark or a second verb. */
static void offer_clause(struct finding *best, const struct story *story,
                         const struct sentence *sentence, size_t first)
{
    size_t end = first;
    for (; end < sentence->count && end < first + ROLE_TOKENS; end++) {
        const struct token *token = &sentence->tokens[end];
        if (token->kind != TOKEN_WORD && token->kind != TOKEN_NUMBER)
            break;
        if (token_reads(story, token, "and but") && end + 1 < sentence->count &&
            token_has(&sentence->tokens[end + 1], WORD_AUXILIARY | WORD_HUMAN | WORD_SPEECH))
            break;
    }
    if (end > first + 1)
        offer(best, RANK_CLAUSE, story, sentence, first, end);
}

static void look_behind_name(struct finding *best, const struct story *story,
                             const struct sentence *sentence, size_t end, bool organisation)
{
    if (end + 1 >= sentence->count || sentence->tokens[end].kind != TOKEN_MARK ||
        !strchr(",(-", sentence->tokens[end].mark))
        return;
    const size_t first = end + 1;
    if (token_reads(story, &sentence->tokens[first], organisation ? "which" : "who")) {
        look_for_predicate(best, story, sentence, first + 1, organisation);
        offer_clause(best, story, sentence, first + 1);
        return;
    }
    const size_t stop = phrase_end(story, sentence, first);
    const struct token *opening = &sentence->tokens[first];
    const bool indefinite = is_article(story, opening) && !token_reads(story, opening, "the");
    if (organisation || indefinite) {
        if (is_article(story, opening) && stop > first + 1 && !has_verb(sentence, first, stop))
            offer(best, 1, story, sentence, first, stop);
    } else if (has_role(sentence, first, stop) && !has_verb(sentence, first, stop) &&
               (!(opening->flags & TOKEN_CAPITAL) || token_has(opening, WORD_TITLE | WORD_ROLE))) {
        offer(best, 1, story, sentence, first, stop);
    }
}

/* The phrase that ends before `end`: back to a mark, an article, a verb or a preposition before
 * its role. */
static size_t phrase_start(const struct story *story, const struct sentence *sentence, size_t end)
{
    size_t at = end;
    while (at > 0 && end - at < ROLE_TOKENS) {
        const struct token *token = &sentence->tokens[at - 1];
        const bool joins = token_reads(story, token, "of") || token_reads(story, token, "and") ||
                           token_reads(story, token, "for") || token_reads(story, token, "in") ||
                           token_reads(story, token, "the") || token_reads(story, token, "at");
        if (token->kind != TOKEN_WORD ||
            (!joins &&
             token_has(token, WORD_STOP | WORD_ARTICLE | WORD_AUXILIARY | WORD_PRONOUN |
                                  WORD_SPEECH | WORD_HUMAN | WORD_HONORIFIC) &&
             !token_has(token, WORD_TITLE | WORD_ROLE)))
            break;
        if (joins && !has_role(sentence, 0, at - 1))
            break;
        if (token_reads(story, token, "the") && at >= 2 &&
            !token_reads(story, &sentence->tokens[at - 2], "of") &&
            !token_reads(story, &sentence->tokens[at - 2], "at") &&
            !token_reads(story, &sentence->tokens[at - 2], "for"))
            break;
        at--;
    }
    /* What precedes the first role is kept if it qualifies it, not if it is another phrase. */
    size_t role = at;
    while (role < end && !token_has(&sentence->tokens[role], WORD_ROLE | WORD_KIN))
        role++;
    for (size_t i = role; i > at; i--)
        if (token_has(&sentence->tokens[i - 1], WORD_STOP) &&
            !token_has(&sentence->tokens[i - 1], WORD_TITLE))
            return i;
    return at;
}

static void look_before_name(struct finding *best, const struct story *story,
                             const struct sentence *sentence, size_t first)
{
    size_t end = first;
    while (end > 0 && (token_has(&sentence->tokens[end - 1], WORD_HONORIFIC) &&
                       !token_has(&sentence->tokens[end - 1], WORD_TITLE)))
        end--;
    if (end == 0)
        return;
    int rank = 1;
    if (token_is_mark(&sentence->tokens[end - 1], ',')) {
        end--;
    } else if (token_reads(story, &sentence->tokens[end - 1], "named")) {
        end--;
        rank = 3;
    }
    const size_t start = phrase_start(story, sentence, end);
    if (start < end && has_role(sentence, start, end))
        offer(best, rank, story, sentence, start, end);
}

/* What kind of organisation a name says it is: by one of its words. */
static const char *kind_by_name(const char *name)
{
    static const struct {
        const char *word, *role;
    } kinds[] = {{"bank", "Bank"},
                 {"university", "University"},
                 {"hospital", "Hospital"},
                 {"ministry", "Ministry"},
                 {"agency", "Agency"},
                 {"capital", "Investor"},
                 {"foundation", "Foundation"},
                 {"union", "Union"},
                 {"partners", "Partnership"},
                 {"institute", "Institute"}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *at = strcasestr(name, kinds[i].word);
        const char *end = at ? at + strlen(kinds[i].word) : NULL;
        if (at && (*end == '\0' || *end == ' '))
            return kinds[i].role;
    }
    return NULL;
}

static const char *fallback_role(const struct story *story, const struct member *member)
{
    if (!member->is_organisation)
        return "Participant in the case";
    const char *kind = kind_by_name(member->name);
    if (kind)
        return kind;
    const char *title = story->document->title;
    const size_t first_word = strcspn(member->name, " ");
    return strncasecmp(title, member->name, first_word) == 0 ? "Organisation the case is about"
                                                             : "Organisation in the case";
}

struct role member_role(const struct story *story, const struct member *member)
{
    struct finding best = {.rank = RANK_NONE};
    struct sentence sentence;
    for (size_t i = 0; i < member->mention_count && i < SENTENCES_MAX && best.rank > 1; i++) {
        size_t first, end;
        mention_read(story, &story->names->mentions[member->mentions[i]], &sentence, &first, &end);
        if (end == 0)
            continue;
        look_behind_name(&best, story, &sentence, end, member->is_organisation);
        if (!member->is_organisation)
            look_before_name(&best, story, &sentence, first);
        look_for_predicate(&best, story, &sentence, end, member->is_organisation);
    }
    if (!best.role)
        return (struct role){fallback_role(story, member), ROLE_UNKNOWN};
    return (struct role){best.role, best.rank == RANK_CLAUSE ? ROLE_CLAUSE : ROLE_PHRASE};
}
