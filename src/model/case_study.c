/*
 * Names are compared folded and without honorifics, since models drift in case, accents and
 * titles between the places where they write a name.
 */
#include "model/case_study.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

const char *const trait_names[TRAIT_COUNT] = {"analytical", "creative", "assertive",
                                              "collaborative", "detail_oriented"};

/* ---- who is who ---- */

static const char *without_honorific(const char *folded)
{
    static const char *const honorifics[] = {"mr ",        "mrs ",  "ms ",   "miss ",
                                             "dr ",        "prof ", "sir ",  "dame ",
                                             "professor ", "herr ", "frau ", "mx "};
    for (size_t i = 0; i < sizeof(honorifics) / sizeof(honorifics[0]); i++) {
        const size_t length = strlen(honorifics[i]);
        if (strncmp(folded, honorifics[i], length) == 0)
            return without_honorific(folded + length);
    }
    return folded;
}

static const char *folded(const char *text, struct arena *arena)
{
    if (!text)
        return "";
    return without_honorific(text_fold(arena, text, strlen(text)));
}

static bool is_main_character(const struct key_figure *figure, const char *student,
                              struct arena *arena)
{
    if (figure->is_main_character)
        return true;
    return *student && (strcmp(folded(figure->name, arena), student) == 0 ||
                        strcmp(folded(figure->role, arena), student) == 0);
}

static void remove_main_characters(struct case_study *study, struct arena *arena)
{
    const char *student = folded(study->student_role, arena);
    size_t kept = 0;
    for (size_t i = 0; i < study->figure_count; i++)
        if (!is_main_character(&study->figures[i], student, arena))
            study->figures[kept++] = study->figures[i];
    study->figure_count = kept;
}

/* ---- scenes ---- */

/* The figure a scene means by `name`, which must be equal but for spelling; NULL: none. */
static const char *figure_named(const struct case_study *study, const char *const *keys,
                                const char *name, struct arena *arena)
{
    const char *key = folded(name, arena);
    for (size_t i = 0; i < study->figure_count; i++)
        if (*key && strcmp(keys[i], key) == 0)
            return study->figures[i].name;
    return NULL;
}

static bool involves(const struct scene *scene, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (scene->personas_involved[i] == name)
            return true;
    return false;
}

static void settle_scene(struct scene *scene, size_t index, const struct case_study *study,
                         const char *const *keys, struct arena *arena)
{
    size_t kept = 0;
    for (size_t i = 0; i < scene->personas_count; i++) {
        const char *name = figure_named(study, keys, scene->personas_involved[i], arena);
        if (name && !involves(scene, kept, name))
            scene->personas_involved[kept++] = name;
    }
    if (kept == 0 && study->figure_count > 0) {
        /* In turn, so that not all such scenes are with the same figure. */
        scene->personas_involved = arena_zalloc(arena, 1, sizeof(*scene->personas_involved));
        scene->personas_involved[kept++] = study->figures[index % study->figure_count].name;
    }
    scene->personas_count = kept;
    scene->sequence_order = (int)index + 1;
}

void case_study_settle(struct case_study *study, struct arena *arena)
{
    remove_main_characters(study, arena);
    const char **keys = arena_zalloc(arena, study->figure_count, sizeof(*keys));
    for (size_t i = 0; i < study->figure_count; i++)
        keys[i] = folded(study->figures[i].name, arena);
    for (size_t i = 0; i < study->scene_count; i++)
        settle_scene(&study->scenes[i], i, study, keys, arena);
}

/* ---- wire form ---- */

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

cJSON *key_figure_json(const struct key_figure *figure)
{
    cJSON *json = json_new_object();
    json_add_string(json, "name", text_or_empty(figure->name));
    json_add_string(json, "role", text_or_empty(figure->role));
    json_add_string(json, "correlation", text_or_empty(figure->correlation));
    json_add_string(json, "background", text_or_empty(figure->background));
    cJSON *goals = json_add_array(json, "primary_goals");
    for (size_t i = 0; i < GOALS_MAX && figure->goals[i]; i++)
        json_append_string(goals, figure->goals[i]);
    cJSON *traits = json_add_object(json, "personality_traits");
    for (size_t i = 0; i < TRAIT_COUNT; i++)
        json_add_number(traits, trait_names[i], figure->traits[i]);
    json_add_bool(json, "is_main_character", figure->is_main_character);
    return json;
}

static cJSON *figures_json(const struct case_study *study)
{
    cJSON *figures = json_new_array();
    for (size_t i = 0; i < study->figure_count; i++)
        json_append(figures, key_figure_json(&study->figures[i]));
    return figures;
}

static cJSON *scene_json(const struct scene *scene)
{
    cJSON *json = json_new_object();
    json_add_string(json, "title", text_or_empty(scene->title));
    json_add_string(json, "description", text_or_empty(scene->description));
    cJSON *personas = json_add_array(json, "personas_involved");
    for (size_t i = 0; i < scene->personas_count; i++)
        json_append_string(personas, scene->personas_involved[i]);
    json_add_string(json, "user_goal", text_or_empty(scene->user_goal));
    json_add_string(json, "goal", text_or_empty(scene->user_goal));
    json_add_number(json, "sequence_order", scene->sequence_order);
    json_add_string(json, "image_url", text_or_empty(scene->image_url));
    json_add_string(json, "successMetric", text_or_empty(scene->success_metric));
    return json;
}

cJSON *case_study_json(const struct case_study *study)
{
    cJSON *json = json_new_object();
    json_add_string(json, "title", text_or_empty(study->title));
    json_add_string(json, "description", text_or_empty(study->description));
    json_add_string(json, "student_role", text_or_empty(study->student_role));
    json_add(json, "key_figures", figures_json(study));
    json_add(json, "personas", figures_json(study));
    cJSON *scenes = json_add_array(json, "scenes");
    for (size_t i = 0; i < study->scene_count; i++)
        json_append(scenes, scene_json(&study->scenes[i]));
    cJSON *outcomes = json_add_array(json, "learning_outcomes");
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        if (study->outcomes[i])
            json_append_string(outcomes, study->outcomes[i]);
    return json;
}
