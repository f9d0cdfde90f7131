/* Only what the database cannot know: constants and times are the statement's. */
#include <string.h>

#include "base/json.h"
#include "store/scenario_save.h"

enum {
    MAIN_TEXT_CHARACTERS = 10000, /* of the texts in scenario_files: to look at, not to work with */
    CONTEXT_TEXT_CHARACTERS = 5000,
};

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

static void add_text_or_null(cJSON *object, const char *name, const char *text)
{
    if (text)
        json_add_string(object, name, text);
    else
        json_add_null(object, name);
}

static cJSON *strings_json(const char *const *strings, size_t count)
{
    cJSON *array = json_new_array();
    for (size_t i = 0; i < count; i++)
        if (strings[i])
            json_append_string(array, strings[i]);
    return array;
}

static size_t goal_count(const struct key_figure *figure)
{
    size_t count = 0;
    while (count < GOALS_MAX && figure->goals[count])
        count++;
    return count;
}

static cJSON *persona_json(const struct key_figure *figure, size_t place)
{
    cJSON *json = json_new_object();
    json_add_number(json, "place", (double)place);
    json_add_string(json, "name", text_or_empty(figure->name));
    json_add_string(json, "role", text_or_empty(figure->role));
    json_add_string(json, "background", text_or_empty(figure->background));
    json_add_string(json, "correlation", text_or_empty(figure->correlation));
    json_add(json, "primary_goals", strings_json(figure->goals, goal_count(figure)));
    cJSON *traits = json_add_object(json, "personality_traits");
    for (size_t i = 0; i < TRAIT_COUNT; i++)
        json_add_number(traits, trait_names[i], figure->traits[i]);
    return json;
}

/* The places of those involved, each once. Of figures with one name the first is meant, as whoever
 * reads a name in the reply would take it. */
static cJSON *involved_json(const struct scene *scene, const struct case_study *study)
{
    cJSON *places = json_new_array();
    for (size_t i = 0; i < study->figure_count; i++) {
        bool is_involved = false;
        for (size_t j = 0; j < scene->personas_count && !is_involved; j++)
            is_involved = strcmp(scene->personas_involved[j], study->figures[i].name) == 0;
        for (size_t j = 0; j < i && is_involved; j++)
            is_involved = strcmp(study->figures[j].name, study->figures[i].name) != 0;
        if (is_involved)
            json_append(places, cJSON_CreateNumber((double)i));
    }
    return places;
}

static cJSON *scene_json(const struct scenario_draft *draft, size_t place)
{
    const struct scene *scene = &draft->study->scenes[place];
    cJSON *json = json_new_object();
    json_add_number(json, "place", (double)place);
    json_add_string(json, "title", text_or_empty(scene->title));
    json_add_string(json, "description", text_or_empty(scene->description));
    json_add_string(json, "user_goal", text_or_empty(scene->user_goal));
    json_add_number(json, "scene_order", scene->sequence_order);
    json_add_string(json, "success_metric", text_or_empty(scene->success_metric));
    json_add_string(json, "image_url", draft->image_urls ? draft->image_urls[place] : "");
    add_text_or_null(json, "image_prompt",
                     draft->image_prompts ? draft->image_prompts[place] : NULL);
    json_add(json, "personas", involved_json(scene, draft->study));
    return json;
}

/* What stands behind the last dot of a name; NULL where nothing does. */
static const char *ending(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot[1] ? dot + 1 : NULL;
}

static cJSON *file_json(const struct scenario_file *file, bool is_main, size_t place,
                        struct arena *arena)
{
    const size_t characters = is_main ? MAIN_TEXT_CHARACTERS : CONTEXT_TEXT_CHARACTERS;
    const size_t length = text_cut_characters(file->text.data, file->text.length, characters);
    cJSON *json = json_new_object();
    json_add_number(json, "place", (double)place);
    json_add_string(json, "filename",
                    is_main ? file->name : arena_printf(arena, "context_%s", file->name));
    add_text_or_null(json, "file_type", ending(file->name));
    json_add_number(json, "file_size", (double)file->bytes);
    json_add_string(json, "original_content", arena_strndup(arena, file->text.data, length));
    return json;
}

enum err scenario_draft_json(const struct scenario_draft *draft, struct arena *arena,
                             struct buffer *out)
{
    const struct case_study *study = draft->study;
    cJSON *json = json_new_object();
    json_add_string(json, "title", text_or_empty(study->title));
    json_add_string(json, "description", text_or_empty(study->description));
    json_add_string(json, "student_role", text_or_empty(study->student_role));
    json_add(json, "learning_objectives", strings_json(study->outcomes, OUTCOME_COUNT));
    cJSON *warnings = strings_json(draft->warnings, draft->warning_count);
    if (draft->content.length > SCENARIO_CONTENT_BYTES_MAX)
        json_append_string(warnings, arena_printf(arena, "Of the text the first %d MB were saved",
                                                  SCENARIO_CONTENT_BYTES_MAX >> 20));
    json_add(json, "warnings", warnings);
    cJSON *personas = json_add_array(json, "personas");
    for (size_t i = 0; i < study->figure_count; i++)
        json_append(personas, persona_json(&study->figures[i], i));
    cJSON *scenes = json_add_array(json, "scenes");
    for (size_t i = 0; i < study->scene_count; i++)
        json_append(scenes, scene_json(draft, i));
    cJSON *files = json_add_array(json, "files");
    for (size_t i = 0; i < draft->file_count; i++)
        json_append(files, file_json(&draft->files[i], i == 0, i, arena));
    const enum err err = json_print(json, out);
    cJSON_Delete(json);
    return err;
}
