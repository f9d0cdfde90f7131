/* The cast goes into the prompt as a document, since its words come from documents. */
#include "pipeline/scenes.h"

#include <stdio.h>
#include <string.h>

#include "base/embedded.h"
#include "base/json.h"
#include "pipeline/chat_settings.h"
#include "upstream/prompt.h"

enum {
    OUTPUT_TOKENS_EACH = 1500, /* of a scene: 300 are usual, and models that think need more */
    OUTPUT_TOKENS_MORE = 2000,
    CAST_BYTES_MAX = 4 << 20, /* FIGURES_MAX of them at their longest */
};

static enum err check(struct chat_call *chat, const char **complaint_out)
{
    struct scenes *scenes = chat->request.context;
    const struct job *job = scenes->job;
    struct answer_faults faults;
    const enum err err = answer_read_scenes(chat->content.data, chat->content.length,
                                            (size_t)job->tools->config->scene_count, job->arena,
                                            &scenes->answer, &faults);
    *complaint_out = faults.complaint;
    if (err != OK)
        return err;
    scenes->answered = true;
    scenes->faults = faults;
    return faults.found && !chat_call_is_last(chat) ? ERR_SYNTAX : OK;
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

static struct chat_request make_request(struct scenes *scenes)
{
    struct job *job = scenes->job;
    const struct config *config = job->tools->config;
    char count[16];
    snprintf(count, sizeof(count), "%d", config->scene_count);
    const struct prompt_value values[] = {{"scene_count", count}};
    struct chat_request request = chat_settings(job->tools->services);
    request.name = "scenes";
    request.models = config->scenes_models;
    request.system = prompt_text(job->arena, prompt_scenes, "system", values, 1);
    request.user = prompt_text(job->arena, prompt_scenes, "user", values, 1);
    request.closing = prompt_text(job->arena, prompt_scenes, "closing", values, 1);
    request.documents = scenes->texts->documents;
    request.document_count = scenes->texts->count;
    request.schema_name = "scenes";
    request.schema = schema_scenes;
    request.output_tokens_max =
        OUTPUT_TOKENS_MORE + OUTPUT_TOKENS_EACH * (unsigned)config->scene_count;
    request.total_ms = config->scenes_timeout_ms;
    request.check = check;
    request.context = scenes;
    return request;
}

static enum flow ask(struct op *op)
{
    struct scenes *scenes = op_cast(op, scenes);
    struct job *job = scenes->job;
    const char *cast = print_cast(scenes->study, job->arena);
    if (!cast)
        return op_fail(op, ERR_LIMIT, "the cast is too long for a prompt");
    scenes->texts->documents[0] =
        (struct chat_document){.title = "THE CAST", .text = slice_of(cast)};
    const struct chat_request request = make_request(scenes);
    job->asked = true;
    scenes->answer = *scenes->study;
    chat_call_start(&scenes->chat, try(op), job->tools->services->openai, &request, &job->rank,
                    job->deadline_ms);
    return FLOW_WAIT;
}

static enum flow adopt(struct op *op)
{
    struct scenes *scenes = op_cast(op, scenes);
    if (!scenes->answered)
        return op_fail_with(op, op_error(&scenes->chat.call.op));
    *scenes->study = scenes->answer;
    case_study_settle(scenes->study, scenes->job->arena);
    return FLOW_NEXT;
}

static void scenes_end(struct op *op)
{
    struct scenes *scenes = op_cast(op, scenes);
    if (!scenes->chat.openai)
        return;
    job_add_chat(&scenes->chat, scenes->job);
    chat_call_clear(&scenes->chat);
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
