/*
 * The offline analysis, step by step; each step is a file of its own:
 *   layout    title, headings, prose (offline_layout.c); sentences and tokens (offline_scan.c)
 *   names     capitalised runs and the evidence around them (offline_names.c), with what is known
 * of words in general (offline_words.c, offline_lists.c, offline_given.c) cast      forms of a name
 * merged, people and organisations told from the rest (offline_cast.c) story     who decides what,
 * about what (offline_story.c) figures   roles (offline_roles.c), backgrounds, goals, traits
 * (offline_figures.c) scenes    (offline_scenes.c)
 *
 * The first two read the whole text, at a cost linear in its length; they look at `cancel` and use
 * memory of their own, freed before the end: a copy of the prose and bounded tables. What follows
 * works on at most FIGURES_MAX names and MEMBER_MENTIONS_MAX sentences for each.
 */
#include "model/offline.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "model/offline_story.h"

enum { ORGANISATIONS_MAX = 12 };

/* A text that names nothing as its title is called by how it begins. */
static const char *title_of(const struct document *document, struct arena *arena)
{
    if (document->title[0])
        return arena_strdup(arena, document->title);
    if (document->heading_count > 0)
        return arena_strdup(arena, document->headings[0].text);
    const char *end = memchr(document->prose, '\n', document->length);
    const size_t line = end ? (size_t)(end - document->prose) : document->length;
    const size_t length = text_cut_characters(document->prose, line, 80);
    const struct slice start = slice_trim((struct slice){document->prose, length});
    return start.length > 0 ? arena_strndup(arena, start.data, start.length)
                            : "Business Case Study";
}

/* People all, organisations as many as a case needs, in the cast's order. */
static void limit_organisations(struct cast *cast)
{
    size_t kept = 0, organisations = 0;
    for (size_t i = 0; i < cast->count; i++) {
        organisations += cast->members[i].is_organisation;
        if (!cast->members[i].is_organisation || organisations <= ORGANISATIONS_MAX)
            cast->members[kept++] = cast->members[i];
    }
    cast->count = kept;
}

static void write_study(struct story *story, size_t scene_count, struct case_study *out)
{
    struct arena *arena = story->arena;
    struct case_study study = {.title = title_of(story->document, arena)};
    story_read(story);
    study.description = story_description(story);
    if (!*study.description)
        study.description = study.title;
    study.figure_count = story->cast->count;
    study.figures = arena_zalloc(arena, study.figure_count + 1, sizeof(*study.figures));
    for (size_t i = 0; i < study.figure_count; i++)
        study.figures[i] = member_figure(story, i);
    study.student_role = story->protagonist == SIZE_MAX ? "Business Manager"
                                                        : study.figures[story->protagonist].role;
    story_outcomes(story, &study, study.outcomes);
    story_scenes(story, &study, scene_count);
    *out = study;
}

static enum err analyse_document(const struct document *document,
                                 const struct offline_options *options, struct arena *arena,
                                 struct case_study *out)
{
    struct vocabulary *vocabulary = vocabulary_new(document->length);
    struct names names;
    names_init(&names, document->length);
    const enum err err = names_find(&names, document, vocabulary, options->cancel);
    if (err == OK) {
        struct cast cast;
        cast_choose(&names, document, FIGURES_MAX, arena, &cast);
        limit_organisations(&cast);
        struct story story = {.document = document,
                              .vocabulary = vocabulary,
                              .names = &names,
                              .cast = &cast,
                              .arena = arena};
        write_study(&story, options->scene_count, out);
    }
    names_clear(&names);
    vocabulary_free(vocabulary);
    return err;
}

enum err offline_analyse(const char *text, size_t length, const struct offline_options *options,
                         struct arena *arena, struct case_study *out)
{
    assert(text);
    assert(options);
    struct document document;
    enum err err = document_read(&document, text, length, options->cancel);
    if (err == OK)
        err = analyse_document(&document, options, arena, out);
    document_clear(&document);
    return err;
}
