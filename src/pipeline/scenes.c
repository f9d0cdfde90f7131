/* The cast goes into the prompt as a document, since its words come from documents. */
#include "pipeline/scenes.h"

#include <stdio.h>
#include <string.h>

#include "base/embedded.h"
#include "base/json.h"
#include "upstream/prompt.h"

enum {
    OUTPUT_TOKENS_EACH = 1500, /* of a scene: 300 are usual, and models that think need more */
    OUTPUT_TOKENS_MORE = 2000,
    CAST_BYTES_MAX = 4 << 20, /* FIGURES_MAX of them at their longest */
};

static enum err read_answer(const struct chat_question *question, const char *text, size_t length,
                            struct arena *arena, struct case_study *out,
                            struct answer_faults *faults)
{
    *out = *question->study;
    return answer_read_scenes(text, length, question->scene_count, arena, out, faults);
}

/* What the scenes are to be about, as the prompt describes it. */
static const char *print_cast(const struct case_study *study, struct arena *arena)
{
    cJSON *cast = json_new_object();
    json_add_string(cast, "title", study->title);
    json_add_string(cast, "description", study->description);
    json_add_string(cast, "student_role", study->student_role);
    cJSON *figures = json_add_array(cast, "key_figures");
    for (size_t i = 0; i < study->figure_count; i++)
        json_append(figures, key_figure_json(&study->figures[i]));
    struct buffer text;
    buffer_init(&text, CAST_BYTES_MAX);
    const enum err err = json_print(cast, &text);
    cJSON_Delete(cast);
    const char *copy = err == OK ? arena_strndup(arena, text.data, text.length) : NULL;
    buffer_clear(&text);
    return copy;
}

static void make_question(struct scenes *scenes)
{
    struct job *job = scenes->job;
    const struct config *config = job->tools->config;
    struct chat_question *question = &scenes->question;
    struct chat_request *request = &question->request;
    char count[16];
    snprintf(count, sizeof(count), "%d", config->scene_count);
    const struct prompt_value values[] = {{"scene_count", count}};
    chat_question_init(question, job, scenes->texts);
    question->read = read_answer;
    question->study = scenes->study;
    question->scene_count = (size_t)config->scene_count;
    request->name = "scenes";
    request->models = config->scenes_models;
    request->system = prompt_text(job->arena, prompt_scenes, "system", values, 1);
    request->user = prompt_text(job->arena, prompt_scenes, "user", values, 1);
    request->closing = prompt_text(job->arena, prompt_scenes, "closing", values, 1);
    request->documents = scenes->texts->documents;
    request->document_count = scenes->texts->count;
    request->schema_name = "scenes";
    request->schema = schema_scenes;
    request->output_tokens_max =
        OUTPUT_TOKENS_MORE + OUTPUT_TOKENS_EACH * (unsigned)config->scene_count;
    request->total_ms = config->scenes_timeout_ms;
}

static enum flow ask(struct op *op)
{
    struct scenes *scenes = op_cast(op, scenes);
    const char *cast = print_cast(scenes->study, scenes->job->arena);
    if (!cast)
        return op_fail(op, ERR_LIMIT, "the cast is too long for a prompt");
    scenes->texts->documents[0] =
        (struct chat_document){.title = "THE CAST", .text = slice_of(cast)};
    make_question(scenes);
    chat_answer_start(&scenes->answer, need(op), scenes->job, &scenes->question);
    return FLOW_WAIT;
}

static enum flow adopt(struct op *op)
{
    struct scenes *scenes = op_cast(op, scenes);
    struct arena *arena = scenes->job->arena;
    struct case_study study;
    chat_answer_read(&scenes->answer, &scenes->question, arena, &study, &scenes->faults);
    *scenes->study = study;
    case_study_settle(scenes->study, arena);
    return FLOW_NEXT;
}

static void scenes_end(struct op *op)
{
    struct scenes *scenes = op_cast(op, scenes);
    chat_answer_end(&scenes->answer, &scenes->question, scenes->job);
}

static const struct step scenes_steps[] = {{"ask", ask}, {"adopt", adopt}, {0}};
static const struct op_kind scenes_kind = {"scenes", scenes_steps, NULL, scenes_end};

void scenes_start(struct scenes *scenes, struct op_link link, struct job *job,
                  struct prompt_texts *texts, struct case_study *study)
{
    memset(scenes, 0, sizeof(*scenes));
    scenes->job = job;
    scenes->texts = texts;
    scenes->study = study;
    op_start(&scenes->op, &scenes_kind, link);
}
