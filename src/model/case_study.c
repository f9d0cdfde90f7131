/* Whoever the student plays is taken out first: after that, each name means one who is left. */
#include "model/case_study.h"

#include <string.h>

#include "base/json.h"
#include "model/figure_name.h"

const char *const trait_names[TRAIT_COUNT] = {"analytical", "creative", "assertive",
                                              "collaborative", "detail_oriented"};

/* ---- who is who ---- */

static bool is_main_character(const struct key_figure *figure, const char *student,
                              struct arena *arena)
{
    if (figure->is_main_character)
        return true;
    return *student && (strcmp(figure_key(figure->name, arena), student) == 0 ||
                        strcmp(figure_key(figure->role, arena), student) == 0);
}

static void remove_main_characters(struct case_study *study, struct arena *arena)
{
    const char *student = figure_key(study->student_role, arena);
    size_t kept = 0;
    for (size_t i = 0; i < study->figure_count; i++)
        if (!is_main_character(&study->figures[i], student, arena))
            study->figures[kept++] = study->figures[i];
    study->figure_count = kept;
}

/* ---- scenes ---- */

static bool involves(const struct scene *scene, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (scene->personas_involved[i] == name)
            return true;
    return false;
}

static void settle_scene(struct scene *scene, size_t index, const struct case_study *study,
                         const struct figure_names *names, struct arena *arena)
{
    size_t kept = 0;
    for (size_t i = 0; i < scene->personas_count; i++) {
        const struct key_figure *figure =
            figure_names_find(names, scene->personas_involved[i], arena);
        if (figure && !involves(scene, kept, figure->name))
            scene->personas_involved[kept++] = figure->name;
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
    struct figure_names names;
    figure_names_init(&names, study->figures, study->figure_count, arena);
    for (size_t i = 0; i < study->scene_count; i++)
        settle_scene(&study->scenes[i], i, study, &names, arena);
}

/* ---- wire form ---- */

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

/* What a model added: it was read once already, so it can be read. */
static void add_extra(cJSON *json, const char *extra_json)
{
    cJSON *extra;
    if (!extra_json || json_parse(extra_json, strlen(extra_json), NULL, &extra) != OK)
        return;
    while (extra->child) {
        cJSON *item = cJSON_DetachItemViaPointer(extra, extra->child);
        if (cJSON_HasObjectItem(json, item->string))
            cJSON_Delete(item);
        else
            json_add(json, item->string, item);
    }
    cJSON_Delete(extra);
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
    add_extra(json, figure->extra_json);
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
    add_extra(json, scene->extra_json);
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
    add_extra(json, study->extra_json);
    return json;
}
