/*
 * case_study.h: what personad makes of a business case: plain structs, pure functions.
 *
 * Everything a case study points to lives in one arena, which the caller names and clears.
 */
#ifndef MODEL_CASE_STUDY_H
#define MODEL_CASE_STUDY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum {
    TRAIT_COUNT = 5,
    TRAIT_MAX = 10,
    FIGURES_MAX = 40,  /* key figures kept, by weight: more than any form can show */
    GOALS_MAX = 5,     /* primary goals of a figure */
    OUTCOME_COUNT = 5, /* learning outcomes */
};

/* The five traits in wire order: "analytical", "creative", "assertive", "collaborative",
 * "detail_oriented". */
extern const char *const trait_names[TRAIT_COUNT];

/* A person or organisation of the case. */
struct key_figure {
    const char *name; /* the fullest form in the text, without honorific */
    const char *role;
    const char *correlation; /* what the figure has to do with the case */
    const char *background;
    const char *goals[GOALS_MAX]; /* NULL-terminated unless full */
    int traits[TRAIT_COUNT];      /* 0 to TRAIT_MAX, in the order of trait_names */
    bool is_main_character;       /* played by the student: not shown among the personas */
    bool is_organisation;         /* not a person; not part of the wire form */
    const char *extra_json;       /* a JSON object of what a model added; NULL: nothing */
};

struct scene {
    const char *title;
    const char *description;
    const char **personas_involved; /* names from key_figures */
    size_t personas_count;
    const char *user_goal;
    const char *success_metric;
    int sequence_order;     /* 1..n */
    const char *image_url;  /* "" until there is one */
    const char *extra_json; /* as above */
};

struct case_study {
    const char *title;
    const char *description;
    const char *student_role;
    struct key_figure *figures;
    size_t figure_count;
    struct scene *scenes;
    size_t scene_count;
    const char *outcomes[OUTCOME_COUNT]; /* "1. ..." */
    const char *extra_json;              /* as above */
};

/* Takes the main character (flagged, or whose name or role equals student_role, compared as in
 * figure_name.h) out of the figures and every scene; renumbers scenes; sees to it that each scene
 * involves at least one figure when there is one. */
void case_study_settle(struct case_study *study, struct arena *arena);

/* The wire form, `ai_result` of POST /api/parse-pdf/: key_figures and personas are the same list.
 * What a model added stands behind our own members, as far as it has other names. The caller
 * deletes it. */
cJSON *case_study_json(const struct case_study *study);

/* One figure in wire form; the caller deletes it. */
cJSON *key_figure_json(const struct key_figure *figure);

#endif
