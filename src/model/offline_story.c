/*
 * What a text is about: who decides what; its topics; description and outcomes.
 *
 * The protagonist is the person with the most points: one for each mention, more for being named
 * first, in the lead and at the end, and for sentences in which the name is followed by a word of
 * deciding. The decision is the clause behind such a word, in the text's own words ("decide whether
 * ..."), from the lead if it has one.
 */
#include "model/offline_story.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
    LEAD_BYTES = 2000,
    DECIDE_REACH = 12, /* tokens between the name and the word of deciding */
    DECISION_BYTES_MAX = 220,
    WORD_TOPIC_BYTES_MIN = 5,
};

/* ---- small tools ---- */

void mention_read(const struct story *story, const struct mention *mention,
                  struct sentence *sentence, size_t *first, size_t *end)
{
    struct reader reader;
    reader_init(&reader, story->document, mention->sentence_start, mention->sentence_end,
                story->vocabulary);
    *first = *end = 0;
    if (!reader_next(&reader, sentence))
        return;
    for (size_t at = 0; at < sentence->count; at++) {
        const struct token *token = &sentence->tokens[at];
        if (token->start < mention->start)
            *first = at + 1;
        if (token->start < mention->end)
            *end = at + 1;
    }
}

const char *tokens_text(const struct story *story, const struct sentence *sentence, size_t first,
                        size_t end, size_t most)
{
    const struct token *last = &sentence->tokens[end - 1];
    const char *start = story->document->prose + sentence->tokens[first].start;
    size_t whole = last->start + last->length - sentence->tokens[first].start;
    if (last->flags & TOKEN_POSSESSIVE)
        whole += text_possessive(start + whole);
    size_t length = text_cut(start, whole, most);
    if (length < whole)
        while (length > 0 && start[length] != ' ')
            length--;
    while (length > 0 && strchr(" ,;", start[length - 1]))
        length--;
    return arena_strndup(story->arena, start, length);
}

bool token_reads(const struct story *story, const struct token *token, const char *words)
{
    const char *written = story->document->prose + token->start;
    for (const char *word = words; *word;) {
        const size_t length = strcspn(word, " ");
        if (token->length == length && strncasecmp(written, word, length) == 0)
            return true;
        word += length + strspn(word + length, " ");
    }
    return false;
}

const char *capitalised(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    copy[0] = (char)toupper((unsigned char)copy[0]);
    return copy;
}

const char *heading_quoted(const struct story *story, const struct heading *heading)
{
    for (const char *at = heading->text; *at; at++)
        if (*at >= 'a' && *at <= 'z')
            return heading->text;
    char *copy = arena_strdup(story->arena, heading->text);
    for (char *word = copy; *word;) {
        const size_t length = strcspn(word, " ");
        const struct word *known = vocabulary_find(story->vocabulary, word_hash(word, length));
        const bool name = known && known->capital > known->small; /* so the text writes it */
        for (size_t i = word == copy || name; i < length; i++)
            word[i] = (char)tolower((unsigned char)word[i]);
        word += length + strspn(word + length, " ");
    }
    return copy;
}

const char *heading_above(const struct story *story, uint32_t at)
{
    const struct document *document = story->document;
    for (size_t i = document->heading_count; i > 0; i--)
        if (document->headings[i - 1].at <= at)
            return heading_quoted(story, &document->headings[i - 1]);
    return NULL;
}

/* ---- the decision ---- */

static bool decides(const struct sentence *sentence, size_t end, size_t *at_out)
{
    for (size_t at = end; at < sentence->count && at < end + DECIDE_REACH; at++)
        if (token_classes(&sentence->tokens[at]) & WORD_DECIDE &&
            !(sentence->tokens[at].flags & TOKEN_CAPITAL)) {
            *at_out = at;
            return true;
        }
    return false;
}

static double protagonist_points(const struct story *story, const struct member *member)
{
    const size_t length = story->document->length;
    const size_t lead = length < 3 * LEAD_BYTES ? length / 3 : LEAD_BYTES;
    double points = member->mention_total;
    int in_lead = 0, at_end = 0, deciding = 0;
    struct sentence sentence;
    for (size_t i = 0; i < member->mention_count; i++) {
        const struct mention *mention = &story->names->mentions[member->mentions[i]];
        in_lead += mention->start < lead && in_lead < 3;
        at_end += mention->start > length - lead && at_end < 3;
        size_t first, end, at;
        mention_read(story, mention, &sentence, &first, &end);
        deciding += deciding < 3 && decides(&sentence, end, &at);
    }
    return points + 2.0 * in_lead + at_end + 2.0 * deciding;
}

static void find_protagonist(struct story *story)
{
    const struct cast *cast = story->cast;
    size_t earliest = SIZE_MAX;
    uint32_t earliest_at = UINT32_MAX;
    for (size_t i = 0; i < cast->count; i++) {
        const struct member *member = &cast->members[i];
        if (member->is_organisation || member->mention_count == 0)
            continue;
        const uint32_t at = story->names->mentions[member->mentions[0]].start;
        if (at < earliest_at) {
            earliest = i;
            earliest_at = at;
        }
    }
    double best = -1;
    story->protagonist = SIZE_MAX;
    for (size_t i = 0; i < cast->count; i++) {
        if (cast->members[i].is_organisation)
            continue;
        const double points =
            protagonist_points(story, &cast->members[i]) + (i == earliest ? 4.0 : 0.0);
        if (points > best) {
            best = points;
            story->protagonist = i;
        }
    }
}

/* "decide" and its like in this sentence, or any verb before "whether", with what follows. */
static const char *decision_in(const struct story *story, const struct sentence *sentence)
{
    for (size_t at = 1; at + 3 < sentence->count; at++) {
        const struct token *verb = &sentence->tokens[at];
        const bool whether = token_reads(story, verb + 1, "whether") &&
                             !token_has(verb, WORD_PRONOUN) &&
                             token_reads(story, verb - 1, "to must should would could");
        if (!whether && !token_reads(story, verb, "decide choose recommend determine"))
            continue;
        size_t end = at + 1;
        while (end < sentence->count && sentence->tokens[end].kind != TOKEN_QUOTE &&
               (sentence->tokens[end].kind != TOKEN_MARK ||
                !strchr(".;!?:", sentence->tokens[end].mark)))
            end++;
        if (end > at + 3)
            return tokens_text(story, sentence, at, end, DECISION_BYTES_MAX);
    }
    return NULL;
}

static const char *decision_between(const struct story *story, size_t start, size_t end)
{
    struct reader reader;
    reader_init(&reader, story->document, start, end, story->vocabulary);
    struct sentence sentence;
    const char *decision = NULL;
    while (!decision && reader_next(&reader, &sentence))
        decision = decision_in(story, &sentence);
    return decision;
}

/* In a sentence that names the protagonist; else in the lead, or at the end. */
static void find_decision(struct story *story)
{
    if (story->protagonist == SIZE_MAX)
        return;
    const struct member *member = &story->cast->members[story->protagonist];
    struct sentence sentence;
    for (size_t i = 0; i < member->mention_count && !story->decision; i++) {
        size_t first, end;
        mention_read(story, &story->names->mentions[member->mentions[i]], &sentence, &first, &end);
        story->decision = decision_in(story, &sentence);
    }
    const size_t length = story->document->length;
    const size_t lead = length < LEAD_BYTES ? length : LEAD_BYTES;
    if (!story->decision)
        story->decision = decision_between(story, 0, lead);
    if (!story->decision) {
        const char *prose = story->document->prose;
        const char *paragraph = memchr(prose + length - lead, '\n', lead);
        story->decision =
            paragraph ? decision_between(story, (size_t)(paragraph - prose), length) : NULL;
    }
}

/* ---- topics ---- */

static bool is_generic_heading(const char *heading)
{
    static const char *const generic[] = {
        "introduction", "background",         "conclusion", "overview",   "summary",
        "questions",    "discussion",         "appendix",   "references", "notes",
        "exhibit",      "company background", "abstract",   "contents",   "study questions"};
    for (size_t i = 0; i < sizeof(generic) / sizeof(generic[0]); i++)
        if (strncasecmp(heading, generic[i], strlen(generic[i])) == 0)
            return true;
    return false;
}

static void topics_from_headings(struct story *story)
{
    const struct document *document = story->document;
    for (size_t i = 0; i < document->heading_count && story->topic_count < TOPICS_MAX; i++)
        if (!is_generic_heading(document->headings[i].text))
            story->topics[story->topic_count++] = heading_quoted(story, &document->headings[i]);
}

/* Where headings are few, the words the text repeats most. */
static void topics_from_words(struct story *story)
{
    size_t count;
    struct word *words = vocabulary_words(story->vocabulary, &count);
    const struct word *best[TOPICS_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        const struct word *word = &words[i];
        const uint32_t barred = WORD_STOP | WORD_SPEECH | WORD_HUMAN | WORD_AUXILIARY | WORD_WANT |
                                WORD_TIME | WORD_ARTICLE | WORD_PRONOUN;
        if (!word->written || word->length < WORD_TOPIC_BYTES_MIN || word->classes & barred ||
            word->small < 2)
            continue;
        const struct word *moving = word;
        for (size_t place = 0; place < TOPICS_MAX && moving; place++)
            if (!best[place] || moving->small > best[place]->small ||
                (moving->small == best[place]->small && moving->written < best[place]->written)) {
                const struct word *down = best[place];
                best[place] = moving;
                moving = down;
            }
    }
    for (size_t i = 0; i < TOPICS_MAX && best[i] && story->topic_count < TOPICS_MAX; i++)
        story->topics[story->topic_count++] =
            arena_strndup(story->arena, best[i]->written, best[i]->length);
}

void story_read(struct story *story)
{
    find_protagonist(story);
    find_decision(story);
    topics_from_headings(story);
    if (story->topic_count < 3)
        topics_from_words(story);
}

/* ---- description ---- */

const char *story_description(const struct story *story)
{
    const struct document *document = story->document;
    const char *prose = document->prose;
    const size_t most = text_cut_characters(prose, document->length, DESCRIPTION_MAX);
    const size_t least = text_cut_characters(prose, document->length, DESCRIPTION_MIN);
    struct reader reader;
    reader_init(&reader, document, 0, document->length, story->vocabulary);
    struct sentence sentence;
    size_t end = 0;
    uint32_t paragraph = 0;
    while (reader_next(&reader, &sentence) && sentence.end <= most) {
        if (end >= least && sentence.paragraph != paragraph)
            break; /* long enough, and a paragraph ends here */
        paragraph = sentence.paragraph;
        end = sentence.end;
    }
    if (end < least && end < most) { /* one sentence longer than all that is allowed */
        end = most;
        while (end > least && prose[end - 1] != ' ')
            end--;
    }
    const struct slice text = slice_trim((struct slice){prose, end});
    return arena_strndup(story->arena, text.data, text.length);
}

/* ---- outcomes ---- */

static const char *listed(struct arena *arena, const char *const *items, size_t count,
                          const char *quote)
{
    const char *list = "";
    for (size_t i = 0; i < count; i++)
        list = arena_printf(arena, "%s%s%s%s%s", list,
                            i == 0           ? ""
                            : i + 1 == count ? " and "
                                             : ", ",
                            quote, items[i], quote);
    return list;
}

void story_outcomes(const struct story *story, const struct case_study *study,
                    const char *outcomes[OUTCOME_COUNT])
{
    struct arena *arena = story->arena;
    const char *who = story->protagonist == SIZE_MAX
                          ? "whoever has to decide"
                          : story->cast->members[story->protagonist].name;
    const char *title = *study->title ? study->title : "this case";
    const char *names[3];
    size_t name_count = 0;
    for (size_t i = 0; i < study->figure_count && name_count < 3; i++)
        if (!study->figures[i].is_main_character && !study->figures[i].is_organisation)
            names[name_count++] = study->figures[i].name;
    const size_t half = story->topic_count < 2 ? story->topic_count : 2;
    const size_t more = story->topic_count - half < 2 ? story->topic_count - half : 2;

    outcomes[0] = arena_printf(arena,
                               "1. Describe the situation in \"%s\" and say what makes it "
                               "urgent for %s.",
                               title, who);
    outcomes[1] = name_count > 0
                      ? arena_printf(arena, "2. Compare the interests and arguments of %s.",
                                     listed(arena, names, name_count, ""))
                      : "2. Tell apart the interests of those whom the decision concerns.";
    outcomes[2] = half > 0 ? arena_printf(arena,
                                          "3. Analyse what the case says on %s, and which facts "
                                          "are missing.",
                                          listed(arena, story->topics, half, "\""))
                           : "3. Separate the facts of the case from opinions and assumptions.";
    outcomes[3] = more > 0 ? arena_printf(arena,
                                          "4. Weigh the risks and benefits of the alternatives in "
                                          "the light of %s.",
                                          listed(arena, story->topics + half, more, "\""))
                           : "4. Weigh the risks and benefits of the alternatives.";
    outcomes[4] =
        story->decision
            ? arena_printf(arena, "5. Recommend a course of action and defend it: %s.",
                           story->decision)
            : arena_printf(arena, "5. Recommend a course of action to %s and defend it.", who);
}
