/*
 * The scenes of a simulation: briefing of the crisis, investigation, solution, approval.
 *
 * The text is cut into as many parts as there are scenes, and each scene draws on its part: the
 * figures that are named there together, its heading, its sentences. Fewer scenes than four are the
 * first of the progression; with more, the investigation goes on through further parts. The last
 * scene asks those who can approve: a figure whose role speaks of a chair, a board or a bank counts
 * more there.
 */
#include <string.h>
#include <strings.h>

#include "model/offline_story.h"

enum {
    SCENES_MAX = 12,
    INVOLVED_MAX = 4,
    SCENE_TEXT_MIN = 200,
    SCENE_TEXT_MAX = 600,
    PART_SEARCH_BYTES = 8192, /* a paragraph that ends farther away is not near */
};

enum phase { PHASE_BRIEFING, PHASE_INVESTIGATION, PHASE_SOLUTION, PHASE_APPROVAL };

static const char *const phase_names[] = {"Briefing", "Investigation", "Working out a solution",
                                          "Approval"};

struct part {
    uint32_t start, end; /* in the prose */
};

static enum phase phase_of(size_t scene, size_t count)
{
    if (count <= 4)
        return (enum phase)scene;
    if (scene == 0)
        return PHASE_BRIEFING;
    if (scene + 1 == count)
        return PHASE_APPROVAL;
    return scene + 2 == count ? PHASE_SOLUTION : PHASE_INVESTIGATION;
}

/* Behind the next place from `at` on that has one of `bytes`, and `space` behind it if that is set;
 * 0 where there is none, or nothing behind it. */
static size_t behind(const struct document *document, size_t at, const char *bytes, bool space)
{
    const char *prose = document->prose;
    const size_t far = at + PART_SEARCH_BYTES;
    const size_t end = far < document->length ? far : document->length;
    for (; at + 1 + space < end; at++)
        if (strchr(bytes, prose[at]) && prose[at] != '\0' && (!space || prose[at + 1] == ' '))
            return at + 1 + space;
    return 0;
}

/* Where part `index` of `count` begins: at the paragraph nearest behind its share of the text, else
 * at the sentence, the word or the character. */
static uint32_t part_start(const struct document *document, size_t index, size_t count)
{
    if (index == 0)
        return 0;
    const size_t share = document->length / count * index;
    size_t start = behind(document, share, "\n", false);
    if (start == 0)
        start = behind(document, share, ".!?", true);
    if (start == 0)
        start = behind(document, share, " ", false);
    if (start == 0)
        start = text_cut(document->prose, document->length, share);
    return (uint32_t)start;
}

static bool can_approve(const char *role)
{
    static const char *const words[] = {"chair", "board",     "president", "owner",    "investor",
                                        "bank",  "executive", "founder",   "minister", "trustee",
                                        "ceo",   "director",  "partner"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasestr(role, words[i]))
            return true;
    return false;
}

/* How much a figure belongs into a scene: its mentions in the part. */
static double belonging(const struct story *story, const struct case_study *study, size_t figure,
                        struct part part, enum phase phase)
{
    const struct member *member = &story->cast->members[figure];
    double points = 0;
    for (size_t i = 0; i < member->mention_count; i++) {
        const uint32_t at = story->names->mentions[member->mentions[i]].start;
        points += at >= part.start && at < part.end;
    }
    if (phase == PHASE_APPROVAL && can_approve(study->figures[figure].role))
        points += 2;
    return points;
}

static size_t involve(const struct story *story, const struct case_study *study, struct part part,
                      enum phase phase, size_t involved[INVOLVED_MAX])
{
    double points[INVOLVED_MAX] = {0};
    size_t count = 0;
    for (size_t i = 0; i < study->figure_count; i++) {
        if (study->figures[i].is_main_character || study->figures[i].is_organisation)
            continue; /* people are whom one talks to */
        const double mine = belonging(story, study, i, part, phase);
        if (mine <= 0)
            continue;
        size_t place = count < INVOLVED_MAX ? count : INVOLVED_MAX;
        while (place > 0 && points[place - 1] < mine) {
            if (place < INVOLVED_MAX) {
                points[place] = points[place - 1];
                involved[place] = involved[place - 1];
            }
            place--;
        }
        if (place < INVOLVED_MAX) {
            points[place] = mine;
            involved[place] = i;
            count += count < INVOLVED_MAX;
        }
    }
    /* Nobody is named in this part: the weightiest person, or organisation. */
    for (int organisations = 0; organisations < 2; organisations++)
        for (size_t i = 0; count == 0 && i < study->figure_count; i++)
            if (!study->figures[i].is_main_character &&
                study->figures[i].is_organisation == organisations)
                involved[count++] = i;
    return count;
}

/* Where the part first names the figure: at the beginning of that sentence; else its beginning. */
static uint32_t first_named(const struct story *story, size_t figure, struct part part)
{
    const struct member *member = &story->cast->members[figure];
    for (size_t i = 0; i < member->mention_count; i++) {
        const struct mention *mention = &story->names->mentions[member->mentions[i]];
        if (mention->start >= part.start && mention->start < part.end)
            return mention->sentence_start;
    }
    return part.start;
}

static const char *scene_text(const struct story *story, uint32_t start)
{
    struct reader reader;
    reader_init(&reader, story->document, start, story->document->length, story->vocabulary);
    struct sentence sentence;
    uint32_t end = start;
    uint32_t paragraph = 0;
    while (reader_next(&reader, &sentence) && sentence.end - start <= SCENE_TEXT_MAX) {
        if (end - start >= SCENE_TEXT_MIN && sentence.paragraph != paragraph)
            break;
        paragraph = sentence.paragraph;
        end = sentence.end;
    }
    const char *prose = story->document->prose;
    if (end == start)
        end = start +
              (uint32_t)text_cut(prose + start, story->document->length - start, SCENE_TEXT_MAX);
    const struct slice text = slice_trim((struct slice){prose + start, end - start});
    char *copy = arena_strndup(story->arena, text.data, text.length);
    for (char *at = copy; *at; at++)
        if (*at == '\n')
            *at = ' ';
    return copy;
}

static const char *part_topic(const struct story *story, size_t scene, size_t count,
                              struct part part)
{
    const struct document *document = story->document;
    for (size_t i = 0; i < document->heading_count; i++)
        if (document->headings[i].at >= part.start && document->headings[i].at < part.end)
            return heading_quoted(story, &document->headings[i]);
    const char *above = heading_above(story, part.start);
    if (above)
        return above;
    return story->topic_count > 0 ? story->topics[scene * story->topic_count / count] : NULL;
}

static const char *people(const struct story *story, const struct scene *scene)
{
    const char *list = "";
    for (size_t i = 0; i < scene->personas_count; i++)
        list = arena_printf(story->arena, "%s%s%s", list,
                            i == 0                           ? ""
                            : i + 1 == scene->personas_count ? " and "
                                                             : ", ",
                            scene->personas_involved[i]);
    return *list ? list : "those concerned";
}

static void set_goal(const struct story *story, struct scene *scene, enum phase phase)
{
    struct arena *arena = story->arena;
    const char *with = people(story, scene);
    const char *decision = story->decision ? story->decision : "decide what is to be done";
    switch (phase) {
    case PHASE_BRIEFING:
        scene->user_goal = arena_printf(arena,
                                        "Learn from %s what has happened, what is at stake "
                                        "and by when you have to act.",
                                        with);
        scene->success_metric = "The student names the problem, those it concerns and the time "
                                "that is left, with facts from the case.";
        break;
    case PHASE_INVESTIGATION:
        scene->user_goal = arena_printf(arena,
                                        "Question %s: find the facts, figures and interests "
                                        "that bear on the decision.",
                                        with);
        scene->success_metric = arena_printf(
            arena,
            "The student has found at least three facts that matter and can say where %s "
            "stand.",
            with);
        break;
    case PHASE_SOLUTION:
        scene->user_goal = arena_printf(arena,
                                        "Work out at least two alternatives with %s, then "
                                        "%s.",
                                        with, decision);
        scene->success_metric = "The student compares alternatives by cost, risk and effect on "
                                "those concerned, and settles on one with reasons.";
        break;
    case PHASE_APPROVAL:
        scene->user_goal =
            arena_printf(arena, "Present your decision to %s and win their consent.", with);
        scene->success_metric = arena_printf(
            arena,
            "The student answers the objections of %s and leaves with an agreed decision "
            "and next steps.",
            with);
        break;
    }
}

static void fill_scene(const struct story *story, const struct case_study *study, size_t index,
                       size_t count, struct scene *scene)
{
    const enum phase phase = phase_of(index, count);
    const size_t parts = count < 2 ? 2 : count;
    const struct part part = {part_start(story->document, index, parts),
                              part_start(story->document, index + 1, parts)};
    size_t involved[INVOLVED_MAX];
    scene->personas_count = involve(story, study, part, phase, involved);
    scene->personas_involved =
        arena_zalloc(story->arena, scene->personas_count + 1, sizeof(*scene->personas_involved));
    for (size_t i = 0; i < scene->personas_count; i++)
        scene->personas_involved[i] = study->figures[involved[i]].name;

    const char *topic = part_topic(story, index, count, part);
    scene->title = topic ? arena_printf(story->arena, "%s: %s", phase_names[phase], topic)
                         : phase_names[phase];
    const bool from_the_start = phase == PHASE_BRIEFING || scene->personas_count == 0;
    scene->description =
        scene_text(story, from_the_start ? part.start : first_named(story, involved[0], part));
    set_goal(story, scene, phase);
    scene->sequence_order = (int)index + 1;
    scene->image_url = "";
}

void story_scenes(const struct story *story, struct case_study *study, size_t count)
{
    if (count > SCENES_MAX)
        count = SCENES_MAX;
    study->scene_count = count;
    study->scenes = arena_zalloc(story->arena, count + 1, sizeof(*study->scenes));
    for (size_t i = 0; i < count; i++)
        fill_scene(story, study, i, count, &study->scenes[i]);
}
