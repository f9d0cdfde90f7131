/* Only what the database cannot know: constants and times are the statement's. */
#include <string.h>

#include "base/json.h"
#include "store/scenario_draft.h"

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
    return json;
}

/* What stands behind the last dot of a name; NULL where nothing does. */
static const char *ending(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot[1] ? dot + 1 : NULL;
}

static cJSON *file_json(const struct scenario_file *file, bool is_main, struct arena *arena)
{
    const size_t characters = is_main ? MAIN_TEXT_CHARACTERS : CONTEXT_TEXT_CHARACTERS;
    const size_t length = text_cut_characters(file->text.data, file->text.length, characters);
    cJSON *json = json_new_object();
    json_add_string(json, "filename",
                    is_main ? file->name : arena_printf(arena, "context_%s", file->name));
    add_text_or_null(json, "file_type", ending(file->name));
    json_add_number(json, "file_size", (double)file->bytes);
    json_add_string(json, "original_content", arena_strndup(arena, file->text.data, length));
    return json;
}

/* Of figures with one name the first is meant, as whoever reads a name in the reply would take
 * it. */
static bool is_involved(const struct case_study *study, size_t figure, const struct scene *scene)
{
    const char *name = study->figures[figure].name;
    for (size_t i = 0; i < figure; i++)
        if (strcmp(study->figures[i].name, name) == 0)
            return false;
    for (size_t i = 0; i < scene->personas_count; i++)
        if (strcmp(scene->personas_involved[i], name) == 0)
            return true;
    return false;
}

/* --- lists --------------------------------------------------------------------------------------
 */

static cJSON *personas_json(const struct case_study *study)
{
    cJSON *list = json_new_array();
    for (size_t i = 0; i < study->figure_count; i++)
        json_append(list, persona_json(&study->figures[i], i));
    return list;
}

static cJSON *scenes_json(const struct scenario_draft *draft)
{
    cJSON *list = json_new_array();
    for (size_t i = 0; i < draft->study->scene_count; i++)
        json_append(list, scene_json(draft, i));
    return list;
}

static cJSON *files_json(const struct scenario_draft *draft, struct arena *arena)
{
    cJSON *list = json_new_array();
    for (size_t i = 0; i < draft->file_count; i++)
        json_append(list, file_json(&draft->files[i], i == 0, arena));
    return list;
}

static cJSON *warnings_json(const struct scenario_draft *draft, struct arena *arena)
{
    cJSON *list = strings_json(draft->warnings, draft->warning_count);
    if (draft->content.length > SCENARIO_CONTENT_BYTES_MAX)
        json_append_string(list, arena_printf(arena, "Of the text the first %d MB were saved",
                                              SCENARIO_CONTENT_BYTES_MAX >> 20));
    return list;
}

/* Two arrays as PostgreSQL writes them, of the same length: a scene's place, and that of one who is
 * in it. */
static enum err cast_arrays(const struct scenario_draft *draft, struct buffer *scenes,
                            struct buffer *personas, size_t *count)
{
    const struct case_study *study = draft->study;
    enum err err = buffer_puts(scenes, "{");
    err = err ? err : buffer_puts(personas, "{");
    *count = 0;
    for (size_t i = 0; i < study->scene_count; i++) {
        for (size_t j = 0; j < study->figure_count && err == OK; j++) {
            if (!is_involved(study, j, &study->scenes[i]))
                continue;
            const char *comma = (*count)++ > 0 ? "," : "";
            err = buffer_printf(scenes, "%s%zu", comma, i);
            err = err ? err : buffer_printf(personas, "%s%zu", comma, j);
        }
    }
    err = err ? err : buffer_puts(scenes, "}");
    return err ? err : buffer_puts(personas, "}");
}

/* Takes over `json`. */
static enum err print(cJSON *json, struct buffer *out)
{
    const enum err err = json_print(json, out);
    cJSON_Delete(json);
    return err;
}

/* --- from outside -------------------------------------------------------------------------------
 */

enum err scenario_lists_make(struct scenario_lists *lists, const struct scenario_draft *draft,
                             struct arena *arena)
{
    const struct case_study *study = draft->study;
    cJSON *const values[] = {
        [LIST_OUTCOMES] = strings_json(study->outcomes, OUTCOME_COUNT),
        [LIST_WARNINGS] = warnings_json(draft, arena),
        [LIST_PERSONAS] = personas_json(study),
        [LIST_SCENES] = scenes_json(draft),
        [LIST_FILES] = files_json(draft, arena),
    };
    enum err err = OK;
    for (size_t i = 0; i < LIST_CAST_SCENES; i++) {
        const enum err printed = print(values[i], &lists->texts[i]);
        err = err ? err : printed;
    }
    return err ? err
               : cast_arrays(draft, &lists->texts[LIST_CAST_SCENES],
                             &lists->texts[LIST_CAST_PERSONAS], &lists->cast_count);
}

void scenario_lists_init(struct scenario_lists *lists)
{
    lists->cast_count = 0;
    for (size_t i = 0; i < LIST_COUNT; i++)
        buffer_init(&lists->texts[i], SCENARIO_LIST_BYTES_MAX);
}

void scenario_lists_clear(struct scenario_lists *lists)
{
    for (size_t i = 0; i < LIST_COUNT; i++)
        buffer_clear(&lists->texts[i]);
}
