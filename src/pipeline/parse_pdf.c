/*
 * A model's failure never is the request's: what it would have made is made from the text. Where
 * the analysis is offline the scenes are still asked for, as its failure may have been its own; a
 * service that is down has its breaker open by then, and costs no time.
 */
#include "pipeline/parse_pdf.h"

#include <string.h>
#include <time.h>

#include "base/log.h"
#include "model/figure_name.h"

enum { REPLY_SHARE = 5 /* of the time that is kept for an answer, after the last try to save */ };

static bool failed(const struct op *op)
{
    return op_error(op)->code != OK;
}

static struct services *services_of(const struct parse_pdf *parse)
{
    return parse->job.tools->services;
}

/* --- steps ---------------------------------------------------------------------------------- */

static enum flow read_files(struct op *op)
{
    struct parse_pdf *parse = op_cast(op, parse_pdf);
    parse_files_start(&parse->files, need(op), &parse->job, parse->task.inputs,
                      parse->task.input_count);
    return FLOW_WAIT;
}

static enum flow prepare_texts(struct op *op)
{
    struct parse_pdf *parse = op_cast(op, parse_pdf);
    parse->models_ns = uv_hrtime();
    if (!services_of(parse)->openai)
        return FLOW_NEXT;
    prompt_texts_start(&parse->texts, need(op), &parse->job, &parse->files,
                       parse->job.tools->config->analysis_input_chars);
    return FLOW_WAIT;
}

static enum flow start_offline(struct parse_pdf *parse)
{
    offline_study_start(&parse->offline, need(&parse->op), &parse->job, &parse->files);
    return FLOW_WAIT;
}

static enum flow analyse(struct op *op)
{
    struct parse_pdf *parse = op_cast(op, parse_pdf);
    struct services *services = services_of(parse);
    if (!services->openai)
        return start_offline(parse);
    double estimate = analysis_estimate_usd(&parse->job, &parse->texts);
    if (services->images)
        estimate += images_estimate_usd(services->images) * parse->job.tools->config->scene_count;
    if (!spending_reserve(&services->spending, &parse->share, estimate, time(NULL)))
        return op_fail(op, ERR_BUDGET, "What may be spent today is used up: MAX_COST_USD_PER_DAY");
    analysis_start(&parse->analysis, try(op), &parse->job, &parse->texts, ANALYSIS_WHOLE);
    return FLOW_WAIT;
}

static enum flow mend_analysis(struct op *op)
{
    struct parse_pdf *parse = op_cast(op, parse_pdf);
    if (!services_of(parse)->openai)
        return FLOW_NEXT;
    if (failed(&parse->analysis.op) || parse->analysis.faults.found)
        return start_offline(parse);
    return FLOW_NEXT;
}

/* What the model left open, from the text. */
static void fill_gaps(struct case_study *study, const struct case_study *offline,
                      struct arena *arena)
{
    if (!*study->title)
        study->title = offline->title;
    if (!*study->description)
        study->description = offline->description;
    if (!*study->student_role)
        study->student_role = offline->student_role;
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        if (!study->outcomes[i] || !*study->outcomes[i])
            study->outcomes[i] = offline->outcomes[i];
    case_study_settle(study, arena); /* the student's role may only be known now */
}

static void adopt_analysis(struct parse_pdf *parse)
{
    struct job *job = &parse->job;
    if (!services_of(parse)->openai) {
        parse->study = parse->offline.study;
        job_degrade(job, DEGRADED_ANALYSIS,
                    "The analysis was made from the text: OPENAI_API_KEY is not set");
    } else if (failed(&parse->analysis.op)) {
        parse->study = parse->offline.study;
        job_degrade(job, DEGRADED_ANALYSIS, "The analysis was made from the text: %s",
                    op_error(&parse->analysis.op)->detail);
    } else {
        parse->study = parse->analysis.study;
        parse->model = parse->analysis.model;
        if (parse->analysis.faults.found) {
            fill_gaps(&parse->study, &parse->offline.study, job->arena);
            job_degrade(job, DEGRADED_ANALYSIS, "The model left out a part of the analysis: %s",
                        parse->analysis.faults.complaint);
        }
    }
}

static enum flow write_scenes(struct op *op)
{
    struct parse_pdf *parse = op_cast(op, parse_pdf);
    adopt_analysis(parse);
    if (!services_of(parse)->openai)
        return FLOW_NEXT;
    scenes_start(&parse->scenes, try(op), &parse->job, &parse->texts, &parse->study);
    return FLOW_WAIT;
}

static enum flow mend_scenes(struct op *op)
{
    struct parse_pdf *parse = op_cast(op, parse_pdf);
    if (services_of(parse)->openai && failed(&parse->scenes.op) && !parse->offline.job)
        return start_offline(parse);
    return FLOW_NEXT;
}

/* Offline scenes name the figures that the offline analysis found. */
static void borrow_scenes(struct case_study *study, const struct case_study *offline,
                          struct arena *arena)
{
    struct figure_names names;
    figure_names_init(&names, study->figures, study->figure_count, arena);
    study->scenes = arena_zalloc(arena, offline->scene_count, sizeof(struct scene));
    study->scene_count = offline->scene_count;
    for (size_t i = 0; i < offline->scene_count; i++) {
        struct scene *scene = &study->scenes[i];
        *scene = offline->scenes[i];
        scene->personas_involved = arena_zalloc(arena, scene->personas_count + 1, sizeof(char *));
        scene->personas_count = 0;
        for (size_t j = 0; j < offline->scenes[i].personas_count; j++) {
            const struct key_figure *figure =
                figure_names_find(&names, offline->scenes[i].personas_involved[j], arena);
            if (figure)
                scene->personas_involved[scene->personas_count++] = figure->name;
        }
    }
    case_study_settle(study, arena);
}

static void adopt_scenes(struct parse_pdf *parse)
{
    struct job *job = &parse->job;
    if (!services_of(parse)->openai) {
        job_degrade(job, DEGRADED_SCENES,
                    "The scenes were made from the text: OPENAI_API_KEY is not set");
    } else if (failed(&parse->scenes.op)) {
        borrow_scenes(&parse->study, &parse->offline.study, job->arena);
        job_degrade(job, DEGRADED_SCENES, "The scenes were made from the text: %s",
                    op_error(&parse->scenes.op)->detail);
    } else if (parse->scenes.faults.found) {
        job_degrade(job, DEGRADED_SCENES, "The model left out a part of the scenes: %s",
                    parse->scenes.faults.complaint);
    }
}

static enum flow illustrate(struct op *op)
{
    struct parse_pdf *parse = op_cast(op, parse_pdf);
    adopt_scenes(parse);
    prompt_texts_clear(&parse->texts); /* pictures take long */
    if (!parse->task.save)
        parse_files_clear(&parse->files);
    if (services_of(parse)->images) {
        illustration_start(&parse->illustration, need(op), &parse->job, &parse->study);
        return FLOW_WAIT;
    }
    if (parse->job.tools->config->images) /* else nobody wants any */
        job_degrade(&parse->job, DEGRADED_IMAGES,
                    "The scenes have no pictures: OPENAI_API_KEY is not set");
    return FLOW_NEXT;
}

static enum flow save(struct op *op)
{
    struct parse_pdf *parse = op_cast(op, parse_pdf);
    for (size_t i = 0; i < parse->illustration.count; i++)
        parse->study.scenes[i].image_url = parse->illustration.pictures[i].name;
    log_marker(op->log_id, "[OPTIMIZED] AI pipeline finished in %.1fs",
               (double)(uv_hrtime() - parse->models_ns) / 1e9);
    if (!parse->task.save)
        return FLOW_NEXT;
    const uint64_t reply_ms = (parse->task.deadline_ms - parse->job.deadline_ms) / REPLY_SHARE;
    saving_start(&parse->saving, need(op), &parse->job, &parse->study,
                 &(struct saving_sources){
                     .files = &parse->files,
                     .illustration = &parse->illustration,
                     .base_url = parse->task.base_url,
                     .user_id = parse->task.user_id,
                     .reply = parse->task.reply,
                     .deadline_ms = parse->task.deadline_ms - reply_ms,
                 });
    return FLOW_WAIT;
}

struct case_study parse_pdf_addressed(const struct parse_pdf *parse)
{
    struct arena *arena = parse->job.arena;
    struct case_study study = parse->study;
    study.scenes = arena_zalloc(arena, study.scene_count, sizeof(*study.scenes));
    for (size_t i = 0; i < study.scene_count; i++) {
        study.scenes[i] = parse->study.scenes[i];
        study.scenes[i].image_url =
            image_address(study.scenes[i].image_url, parse->task.base_url, arena);
    }
    return study;
}

/* Clients get addresses, not names. */
static enum flow report(struct op *op)
{
    struct parse_pdf *parse = op_cast(op, parse_pdf);
    if (parse->task.save)
        parse->scenario_id = parse->saving.save.id;
    parse->study = parse_pdf_addressed(parse);
    return FLOW_NEXT;
}

/* What was used counts, also where nobody gets the answer. */
static void parse_pdf_end(struct op *op)
{
    struct parse_pdf *parse = op_cast(op, parse_pdf);
    struct spending *spending = &services_of(parse)->spending;
    if (parse->share.held)
        spending_settle(spending, &parse->share, parse->job.bill.cost_usd, time(NULL));
    else /* pages only */
        spending_add(spending, parse->job.bill.cost_usd, time(NULL));
}

static const struct step parse_pdf_steps[] = {
    {"files", read_files},    {"texts", prepare_texts},
    {"analysis", analyse},    {"mend_analysis", mend_analysis},
    {"scenes", write_scenes}, {"mend_scenes", mend_scenes},
    {"images", illustrate},   {"save", save},
    {"report", report},       {0}};
static const struct op_kind parse_pdf_kind = {"parse_pdf", parse_pdf_steps, NULL, parse_pdf_end};

void parse_pdf_start(struct parse_pdf *parse, struct op_link link, struct pipeline_tools *tools,
                     const struct parse_pdf_task *task)
{
    memset(parse, 0, sizeof(*parse));
    parse->task = *task;
    job_init(&parse->job, tools, task->arena, &task->rank,
             job_deadline_ms(link.loop, task->deadline_ms));
    parse->job.fresh = task->fresh;
    parse->model = "";
    op_start(&parse->op, &parse_pdf_kind, link);
}

void parse_pdf_clear(struct parse_pdf *parse)
{
    if (!parse->job.tools)
        return;
    saving_clear(&parse->saving);
    parse_files_clear(&parse->files);
    prompt_texts_clear(&parse->texts);
    offline_study_clear(&parse->offline);
}
