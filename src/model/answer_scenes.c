/*
 * A scene is kept as soon as it has a title or a description: what else it lacks, an actor and a
 * referee can do without. The order is the one in which scenes were written: numbers that models
 * give them repeat and skip.
 */
#include "model/answer.h"

#include <string.h>

#include "base/json.h"
#include "model/answer_reader.h"
#include "model/figure_name.h"

enum {
    SCENES_READ_MAX = 100,        /* items looked at, the unusable ones included */
    NAMES_READ_MAX = FIGURES_MAX, /* of a scene */
};

static bool involves(const struct scene *scene, const char *name)
{
    for (size_t i = 0; i < scene->personas_count; i++)
        if (scene->personas_involved[i] == name)
            return true;
    return false;
}

/* A name, or an object that has one. */
static const char *name_in(const cJSON *item)
{
    return cJSON_IsString(item) ? item->valuestring : json_string(item, "name", "");
}

/* An array of names, or one name. */
static void read_names(struct answer_reader *reader, const cJSON *object,
                       const struct figure_names *names, struct scene *scene)
{
    scene->personas_involved =
        arena_zalloc(reader->arena, names->count, sizeof(*scene->personas_involved));
    const cJSON *personas = cJSON_GetObjectItemCaseSensitive(object, "personas_involved");
    const bool several = cJSON_IsArray(personas);
    const cJSON *item = several ? personas->child : personas;
    for (size_t i = 0; item && i < NAMES_READ_MAX; i++, item = several ? item->next : NULL) {
        const struct key_figure *figure = figure_names_find(names, name_in(item), reader->arena);
        if (figure && !involves(scene, figure->name))
            scene->personas_involved[scene->personas_count++] = figure->name;
    }
}

/* False: there is nothing in it. */
static bool read_scene(struct answer_reader *reader, const cJSON *object,
                       const struct figure_names *names, struct scene *out)
{
    static const char *const members[] = {
        "title",          "description",   "personas_involved", "user_goal", "goal",
        "sequence_order", "successMetric", "success_metric",    "image_url", NULL,
    };
    struct scene scene = {
        .title = answer_text(reader, object, "title", ANSWER_NAME_MAX),
        .description = answer_text(reader, object, "description", ANSWER_TEXT_MAX),
        .user_goal = answer_either(reader, object, "user_goal", "goal", ANSWER_TEXT_MAX),
        .success_metric =
            answer_either(reader, object, "success_metric", "successMetric", ANSWER_TEXT_MAX),
        .image_url = "",
    };
    if (!*scene.title && !*scene.description)
        return false;
    scene.extra_json = answer_extra(reader, object, members);
    read_names(reader, object, names, &scene);
    *out = scene;
    return true;
}

static void complain_of(struct answer_reader *reader, const struct scene *scene, size_t index,
                        bool has_cast)
{
    const struct {
        const char *name, *text;
    } texts[] = {{"title", scene->title},
                 {"description", scene->description},
                 {"user_goal", scene->user_goal}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!*texts[i].text)
            answer_complain(reader, ANSWER_SCENE_GAP, "scenes[%zu] has no %s.", index,
                            texts[i].name);
    if (has_cast && scene->personas_count == 0)
        answer_complain(reader, ANSWER_SCENE_ALONE,
                        "scenes[%zu].personas_involved names nobody of the cast.", index);
}

static enum err read_scenes(struct answer_reader *reader, const cJSON *root, size_t scene_count,
                            struct case_study *out)
{
    const cJSON *array = cJSON_IsArray(root) ? root : answer_list(&root, "scenes", "scenes");
    struct scene *scenes = arena_zalloc(reader->arena, scene_count, sizeof(*scenes));
    struct figure_names names;
    figure_names_init(&names, out->figures, out->figure_count, reader->arena);
    size_t count = 0;
    const cJSON *item = array ? array->child : NULL;
    for (size_t i = 0; item && i < SCENES_READ_MAX && count < scene_count; i++, item = item->next) {
        struct scene *scene = &scenes[count];
        if (!read_scene(reader, item, &names, scene))
            continue;
        scene->sequence_order = (int)++count;
        complain_of(reader, scene, i, names.count > 0);
    }
    if (count == 0) {
        answer_complain(reader, ANSWER_NO_SCENES, "The array scenes is missing or empty.");
        return ERR_SYNTAX;
    }
    if (count < scene_count)
        answer_complain(reader, ANSWER_FEW_SCENES, "There are %zu scenes, not %zu.", count,
                        scene_count);
    out->scenes = scenes;
    out->scene_count = count;
    return OK;
}

enum err answer_read_scenes(const char *text, size_t length, size_t scene_count,
                            struct arena *arena, struct case_study *out,
                            struct answer_faults *faults)
{
    struct answer_reader reader;
    cJSON *root;
    enum err err = answer_begin(&reader, text, length, arena, &root);
    if (err == OK && !cJSON_IsObject(root) && !cJSON_IsArray(root)) {
        answer_complain(&reader, ANSWER_WRONG_ROOT, "The JSON has to be one object.");
        err = ERR_SYNTAX;
    }
    if (err == OK)
        err = read_scenes(&reader, root, scene_count, out);
    answer_end(&reader, root, faults);
    return err;
}
