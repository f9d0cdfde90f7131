#include "pipeline/autofill.h"

#include <string.h>
#include <time.h>

#include "model/default_personas.h"

enum { INPUT_CHARACTERS = 3000 };

static struct services *services_of(const struct autofill *autofill)
{
    return autofill->job.tools->services;
}

static enum flow read_file(struct op *op)
{
    struct autofill *autofill = op_cast(op, autofill);
    parse_files_start(&autofill->files, need(op), &autofill->job, autofill->input, 1);
    return FLOW_WAIT;
}

static enum flow prepare_text(struct op *op)
{
    struct autofill *autofill = op_cast(op, autofill);
    if (!services_of(autofill)->openai)
        return FLOW_NEXT;
    prompt_texts_start(&autofill->texts, need(op), &autofill->job, &autofill->files,
                       INPUT_CHARACTERS);
    return FLOW_WAIT;
}

static enum flow ask(struct op *op)
{
    struct autofill *autofill = op_cast(op, autofill);
    struct services *services = services_of(autofill);
    if (!services->openai)
        return FLOW_NEXT;
    const double estimate = analysis_estimate_usd(&autofill->job, &autofill->texts);
    if (!spending_reserve(&services->spending, &autofill->share, estimate, time(NULL)))
        return op_fail(op, ERR_BUDGET, "What may be spent today is used up: MAX_COST_USD_PER_DAY");
    analysis_start(&autofill->analysis, try(op), &autofill->job, &autofill->texts,
                   ANALYSIS_PERSONAS);
    return FLOW_WAIT;
}

static void fall_back(struct autofill *autofill, const char *why)
{
    struct arena *arena = autofill->job.arena;
    struct key_figure *figures = arena_zalloc(arena, DEFAULT_PERSONA_COUNT, sizeof(*figures));
    memcpy(figures, default_personas, DEFAULT_PERSONA_COUNT * sizeof(*figures));
    autofill->is_fallback = true;
    autofill->study = (struct case_study){
        .title = default_title,
        .student_role = default_student_role,
        .figures = figures,
        .figure_count = DEFAULT_PERSONA_COUNT,
    };
    job_degrade(&autofill->job, DEGRADED_ANALYSIS,
                "The personas are not those of the case, but of any: %s", why);
}

static enum flow adopt(struct op *op)
{
    struct autofill *autofill = op_cast(op, autofill);
    const struct error *error = op_error(&autofill->analysis.op);
    if (!services_of(autofill)->openai)
        fall_back(autofill, "OPENAI_API_KEY is not set");
    else if (error->code != OK)
        fall_back(autofill, error->detail);
    else
        autofill->study = autofill->analysis.study;
    return FLOW_NEXT;
}

/* What was used counts, also where nobody gets the answer. */
static void autofill_end(struct op *op)
{
    struct autofill *autofill = op_cast(op, autofill);
    struct spending *spending = &services_of(autofill)->spending;
    const double cost_usd = autofill->job.bill.cost_usd;
    if (autofill->share.held)
        spending_settle(spending, &autofill->share, cost_usd, time(NULL));
    else
        spending_add(spending, cost_usd, time(NULL));
}

static const struct step autofill_steps[] = {
    {"file", read_file}, {"text", prepare_text}, {"personas", ask}, {"adopt", adopt}, {0}};
static const struct op_kind autofill_kind = {"autofill", autofill_steps, NULL, autofill_end};

void autofill_start(struct autofill *autofill, struct op_link link, struct pipeline_tools *tools,
                    struct arena *arena, const struct input_file *input,
                    const struct gate_rank *rank, uint64_t deadline_ms, bool fresh)
{
    memset(autofill, 0, sizeof(*autofill));
    autofill->input = input;
    job_init(&autofill->job, tools, arena, rank, job_deadline_ms(link.loop, deadline_ms));
    autofill->job.fresh = fresh;
    op_start(&autofill->op, &autofill_kind, link);
}

void autofill_clear(struct autofill *autofill)
{
    if (!autofill->job.tools)
        return;
    parse_files_clear(&autofill->files);
    prompt_texts_clear(&autofill->texts);
}
