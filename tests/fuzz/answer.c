/*
 * answer.h on any bytes: what is accepted keeps the bounds that the headers state, and what is
 * kept beside it is JSON. The first byte chooses how many scenes are asked for.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "model/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t characters_max)
{
    const size_t length = strlen(text);
    assert(text_is_clean(text, length));
    assert(text_characters(text, length) <= characters_max);
}

static void check_extra(const char *json)
{
    if (!json)
        return;
    assert(strlen(json) <= ANSWER_EXTRA_BYTES_MAX);
    cJSON *root = NULL;
    const enum err err = json_parse(json, strlen(json), NULL, &root);
    assert(err == OK);
    assert(cJSON_IsObject(root));
    cJSON_Delete(root);
}

static void check_faults(enum err err, const struct answer_faults *faults)
{
    assert(err == OK || err == ERR_SYNTAX);
    assert(err == OK || faults->found != 0);
    assert((faults->found != 0) == (faults->complaint[0] != '\0'));
    assert(faults->found < 1u << ANSWER_FAULT_COUNT);
}

static void check_figures(const struct case_study *study)
{
    assert(study->figure_count >= 1);
    assert(study->figure_count <= FIGURES_MAX);
    for (size_t i = 0; i < study->figure_count; i++) {
        const struct key_figure *figure = &study->figures[i];
        assert(figure->name[0] != '\0');
        check_text(figure->name, ANSWER_NAME_MAX);
        check_text(figure->background, ANSWER_TEXT_MAX);
        check_extra(figure->extra_json);
        for (size_t j = 0; j < TRAIT_COUNT; j++)
            assert(figure->traits[j] >= 0 && figure->traits[j] <= TRAIT_MAX);
    }
}

static void check_scenes(const struct case_study *study, size_t asked)
{
    assert(study->scene_count >= 1);
    assert(study->scene_count <= asked);
    for (size_t i = 0; i < study->scene_count; i++) {
        const struct scene *scene = &study->scenes[i];
        assert(scene->sequence_order == (int)i + 1);
        assert(scene->personas_count <= study->figure_count);
        check_text(scene->title, ANSWER_NAME_MAX);
        check_extra(scene->extra_json);
    }
}

/* Printing is part of what has to hold: the reply is made of it. */
static void check_wire_form(struct case_study *study, struct arena *arena)
{
    case_study_settle(study, arena);
    cJSON *json = case_study_json(study);
    struct buffer out;
    buffer_init(&out, SIZE_MAX / 4);
    const enum err err = json_print(json, &out);
    assert(err == OK);
    buffer_clear(&out);
    cJSON_Delete(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const size_t asked = 1 + data[0] % 12;
    const char *text = (const char *)data + 1;
    struct arena arena;
    arena_init(&arena);
    struct case_study study = {0};
    struct answer_faults faults;
    enum err err = answer_read_analysis(text, size - 1, &arena, &study, &faults);
    check_faults(err, &faults);
    if (err == OK)
        check_figures(&study);
    err = answer_read_scenes(text, size - 1, asked, &arena, &study, &faults);
    check_faults(err, &faults);
    if (err == OK)
        check_scenes(&study, asked);
    check_wire_form(&study, &arena);
    arena_clear(&arena);
    return 0;
}
