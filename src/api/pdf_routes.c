#include "api/pdf_routes.h"

#include <string.h>

#include "api/pdf_request.h"
#include "api/query.h"
#include "base/json.h"
#include "pipeline/autofill.h"

/* Of each stage of some work how long it took, if it was come to. */
struct stage {
    const char *name;
    const struct op *op;
};

static void time_stages(struct request *request, const struct stage *stages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (op_finished(stages[i].op))
            request_timing(request, stages[i].name, op_seconds(stages[i].op));
}

/* --- POST /api/parse-pdf ------------------------------------------------------------------------
 */

struct parse_work {
    struct pdf_request pdf;
    struct parse_pdf parse;
};

static struct parse_pdf *parse_of(struct pdf_request *pdf)
{
    return &container_of(pdf, struct parse_work, pdf)->parse;
}

static struct op *parse_start(struct pdf_request *pdf, struct op_link link)
{
    struct request *request = pdf->request;
    struct parse_pdf *parse = parse_of(pdf);
    parse_pdf_start(parse, link, &request->server->tools,
                    &(struct parse_pdf_task){
                        .arena = &request->arena,
                        .inputs = request->upload->files,
                        .input_count = request->upload->file_count,
                        .rank = pdf->rank,
                        .deadline_ms = pdf->deadline_ms,
                        .base_url = pdf->base_url,
                        .fresh = pdf->fresh,
                        .save = pdf->save,
                        .user_id = request->user_id,
                        .reply = pdf->saved.can_save ? &pdf->reply : NULL,
                    });
    pdf->job = &parse->job;
    return &parse->op;
}

static void parse_print(struct pdf_request *pdf, cJSON *body)
{
    const struct parse_pdf *parse = parse_of(pdf);
    const struct case_study study =
        op_finished(&parse->op) ? parse->study : parse_pdf_addressed(parse);
    json_add_string(body, "status", "completed");
    json_add(body, "ai_result", case_study_json(&study));
}

static void parse_time(struct pdf_request *pdf)
{
    const struct parse_pdf *parse = parse_of(pdf);
    const struct stage stages[] = {
        {"parse", &parse->files.op},
        {"analysis", parse->analysis.job ? &parse->analysis.op : &parse->offline.op},
        {"scenes", &parse->scenes.op},
        {"images", &parse->illustration.op},
        {"db", &parse->saving.op},
    };
    time_stages(pdf->request, stages, sizeof(stages) / sizeof(stages[0]));
}

static int64_t parse_scenario_id(const struct pdf_request *pdf)
{
    return container_of(pdf, const struct parse_work, pdf)->parse.scenario_id;
}

static void parse_clear(struct pdf_request *pdf)
{
    parse_pdf_clear(parse_of(pdf));
}

static const struct pdf_kind parse_kind = {parse_start, parse_print, parse_time, parse_scenario_id,
                                           parse_clear};

void handle_parse_pdf(struct request *request)
{
    bool save;
    query_bool(request, "save_to_db", false, &save);
    if (!pdf_request_check(request))
        return;
    struct parse_work *work = arena_new(&request->arena, struct parse_work);
    pdf_request_run(&work->pdf, request, &parse_kind, save);
}

/* --- POST /api/parse-pdf-fast-autofill ----------------------------------------------------------
 */

struct autofill_work {
    struct pdf_request pdf;
    struct autofill autofill;
};

static struct autofill *autofill_of(struct pdf_request *pdf)
{
    return &container_of(pdf, struct autofill_work, pdf)->autofill;
}

static struct op *autofill_begin(struct pdf_request *pdf, struct op_link link)
{
    struct request *request = pdf->request;
    struct autofill *autofill = autofill_of(pdf);
    autofill_start(autofill, link, &request->server->tools, &request->arena, request->upload->files,
                   &pdf->rank, pdf->deadline_ms, pdf->fresh);
    pdf->job = &autofill->job;
    return &autofill->op;
}

static void autofill_print(struct pdf_request *pdf, cJSON *body)
{
    const struct autofill *autofill = autofill_of(pdf);
    const struct case_study *study = &autofill->study;
    cJSON *personas = json_new_array();
    for (size_t i = 0; i < study->figure_count; i++)
        json_append(personas, key_figure_json(&study->figures[i]));
    json_add_string(body, "status",
                    autofill->is_fallback ? "fast_autofill_fallback" : "fast_autofill_completed");
    json_add_number(body, "processing_time", op_seconds(&pdf->request->op));
    json_add_string(body, "title", study->title);
    json_add_string(body, "student_role", study->student_role);
    json_add(body, "key_figures", cJSON_Duplicate(personas, true));
    json_add(body, "personas", personas);
}

static void autofill_time(struct pdf_request *pdf)
{
    const struct autofill *autofill = autofill_of(pdf);
    const struct stage stages[] = {{"parse", &autofill->files.op},
                                   {"analysis", &autofill->analysis.op}};
    time_stages(pdf->request, stages, sizeof(stages) / sizeof(stages[0]));
}

static void autofill_end(struct pdf_request *pdf)
{
    autofill_clear(autofill_of(pdf));
}

static const struct pdf_kind autofill_kind = {autofill_begin, autofill_print, autofill_time, NULL,
                                              autofill_end};

void handle_fast_autofill(struct request *request)
{
    if (!pdf_request_check(request))
        return;
    struct autofill_work *work = arena_new(&request->arena, struct autofill_work);
    pdf_request_run(&work->pdf, request, &autofill_kind, false);
}
