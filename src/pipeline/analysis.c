#include "pipeline/analysis.h"

#include <string.h>

#include "base/embedded.h"
#include "upstream/prompt.h"

/* Twelve figures in full are some 4,000 tokens; models that think need as much again. */
enum { WHOLE_TOKENS_MAX = 12000, PERSONAS_TOKENS_MAX = 6000 };

static enum err read_whole(const struct chat_question *question, const char *text, size_t length,
                           struct arena *arena, struct case_study *out,
                           struct answer_faults *faults)
{
    (void)question;
    return answer_read_analysis(text, length, arena, out, faults);
}

static enum err read_personas(const struct chat_question *question, const char *text, size_t length,
                              struct arena *arena, struct case_study *out,
                              struct answer_faults *faults)
{
    (void)question;
    return answer_read_personas(text, length, arena, out, faults);
}

static const struct {
    const char *name, *prompt, *schema;
    chat_reader *read;
    unsigned output_tokens_max;
} extents[] = {
    [ANALYSIS_WHOLE] = {"analysis", prompt_analysis, schema_analysis, read_whole, WHOLE_TOKENS_MAX},
    [ANALYSIS_PERSONAS] = {"personas", prompt_personas, schema_personas, read_personas,
                           PERSONAS_TOKENS_MAX},
};

static void make_question(struct chat_question *question, const struct job *job,
                          const struct prompt_texts *texts, enum analysis_extent extent)
{
    const struct config *config = job->tools->config;
    const char *prompt = extents[extent].prompt;
    struct chat_request *request = &question->request;
    chat_question_init(question, job, texts);
    question->read = extents[extent].read;
    request->name = extents[extent].name;
    request->models = extent == ANALYSIS_WHOLE ? config->analysis_models : config->fast_models;
    request->system = prompt_text(job->arena, prompt, "system", NULL, 0);
    request->user = prompt_text(job->arena, prompt, "user", NULL, 0);
    request->closing = prompt_text(job->arena, prompt, "closing", NULL, 0);
    request->documents = texts->documents + 1;
    request->document_count = texts->count - 1;
    request->schema_name = extents[extent].name;
    request->schema = extents[extent].schema;
    request->output_tokens_max = extents[extent].output_tokens_max;
    request->total_ms = config->analysis_timeout_ms;
}

static enum flow ask(struct op *op)
{
    struct analysis *analysis = op_cast(op, analysis);
    make_question(&analysis->question, analysis->job, analysis->texts, analysis->extent);
    chat_answer_start(&analysis->answer, need(op), analysis->job, &analysis->question);
    return FLOW_WAIT;
}

static enum flow settle(struct op *op)
{
    struct analysis *analysis = op_cast(op, analysis);
    struct arena *arena = analysis->job->arena;
    analysis->model = chat_answer_read(&analysis->answer, &analysis->question, arena,
                                       &analysis->study, &analysis->faults);
    case_study_settle(&analysis->study, arena);
    return FLOW_NEXT;
}

static void analysis_end(struct op *op)
{
    struct analysis *analysis = op_cast(op, analysis);
    chat_answer_end(&analysis->answer, &analysis->question, analysis->job);
}

static const struct step analysis_steps[] = {{"ask", ask}, {"settle", settle}, {0}};
static const struct op_kind analysis_kind = {"analysis", analysis_steps, NULL, analysis_end};

void analysis_start(struct analysis *analysis, struct op_link link, struct job *job,
                    const struct prompt_texts *texts, enum analysis_extent extent)
{
    memset(analysis, 0, sizeof(*analysis));
    analysis->job = job;
    analysis->texts = texts;
    analysis->extent = extent;
    analysis->model = "";
    op_start(&analysis->op, &analysis_kind, link);
}

double analysis_estimate_usd(const struct job *job, const struct prompt_texts *texts)
{
    struct chat_question question;
    make_question(&question, job, texts, ANALYSIS_WHOLE);
    return 2 * chat_estimate_usd(job->tools->services->openai, &question.request);
}
