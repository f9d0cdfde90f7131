#include "pipeline/analysis.h"

#include <string.h>

#include "base/embedded.h"
#include "pipeline/chat_settings.h"
#include "upstream/prompt.h"

/* Twelve figures in full are some 4,000 tokens; models that think need as much again. */
enum { OUTPUT_TOKENS_MAX = 12000 };

static enum err check(struct chat_call *chat, const char **complaint_out)
{
    struct analysis *analysis = chat->request.context;
    struct arena *arena = analysis->job->arena;
    struct answer_faults faults;
    const enum err err = answer_read_analysis(chat->content.data, chat->content.length, arena,
                                              &analysis->study, &faults);
    *complaint_out = faults.complaint;
    if (err != OK)
        return err;
    analysis->answered = true;
    analysis->faults = faults;
    analysis->model = arena_strdup(arena, chat->model);
    return faults.found && !chat_call_is_last(chat) ? ERR_SYNTAX : OK;
}

static struct chat_request make_request(const struct job *job, const struct prompt_texts *texts)
{
    const struct config *config = job->tools->config;
    struct chat_request request = chat_settings(job->tools->services);
    request.name = "analysis";
    request.models = config->analysis_models;
    request.system = prompt_text(job->arena, prompt_analysis, "system", NULL, 0);
    request.user = prompt_text(job->arena, prompt_analysis, "user", NULL, 0);
    request.closing = prompt_text(job->arena, prompt_analysis, "closing", NULL, 0);
    request.documents = texts->documents + 1;
    request.document_count = texts->count - 1;
    request.schema_name = "analysis";
    request.schema = schema_analysis;
    request.output_tokens_max = OUTPUT_TOKENS_MAX;
    request.total_ms = config->analysis_timeout_ms;
    request.check = check;
    return request;
}

static enum flow ask(struct op *op)
{
    struct analysis *analysis = op_cast(op, analysis);
    struct job *job = analysis->job;
    struct chat_request request = make_request(job, analysis->texts);
    request.context = analysis;
    job->asked = true;
    chat_call_start(&analysis->chat, try(op), job->tools->services->openai, &request, &job->rank,
                    job->deadline_ms);
    return FLOW_WAIT;
}

static enum flow settle(struct op *op)
{
    struct analysis *analysis = op_cast(op, analysis);
    if (!analysis->answered)
        return op_fail_with(op, op_error(&analysis->chat.call.op));
    case_study_settle(&analysis->study, analysis->job->arena);
    return FLOW_NEXT;
}

/* Also of a call that failed or was broken off: what was used is to be paid for. */
static void analysis_end(struct op *op)
{
    struct analysis *analysis = op_cast(op, analysis);
    if (!analysis->chat.openai)
        return;
    job_add_chat(&analysis->chat, analysis->job);
    chat_call_clear(&analysis->chat);
}

static const struct step analysis_steps[] = {{"ask", ask}, {"settle", settle}, {0}};
static const struct op_kind analysis_kind = {"analysis", analysis_steps, NULL, analysis_end};

void analysis_start(struct analysis *analysis, struct op_link link, struct job *job,
                    const struct prompt_texts *texts)
{
    memset(analysis, 0, sizeof(*analysis));
    analysis->job = job;
    analysis->texts = texts;
    analysis->model = "";
    op_start(&analysis->op, &analysis_kind, link);
}

double analysis_estimate_usd(const struct job *job, const struct prompt_texts *texts)
{
    const struct chat_request request = make_request(job, texts);
    return 2 * chat_estimate_usd(job->tools->services->openai, &request);
}
