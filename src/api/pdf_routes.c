/*
 * A handler checks what the form has, then runs the pipeline as an operation of the request:
 *
 *     who calls ──▶ settle ──▶ parse ──▶ (reply)
 */
#include "api/pdf_routes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/query.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "model/default_personas.h"
#include "pipeline/parse_pdf.h"
#include "store/scenario_read.h"

enum { DEFAULT_REPLY_BYTES_MAX = 64 * 1024 };

/* --- the form -------------------------------------------------------------------------------- */

static void fault_not_a_file(struct request *request, const struct upload_text *text, bool in_list)
{
    cJSON *fault = request_fault(request, "value_error", "body", text->name,
                                 "Value error, Expected UploadFile, received: <class 'str'>",
                                 cJSON_CreateString(text->value));
    if (in_list)
        json_append(cJSON_GetObjectItemCaseSensitive(fault, "loc"),
                    cJSON_CreateNumber((double)text->index));
    json_add_object(json_add_object(fault, "ctx"), "error");
}

/* The oldest first, as the list has them. */
static void fault_context_texts(struct request *request, const struct upload_text *text,
                                const char *name)
{
    if (!text)
        return;
    fault_context_texts(request, text->next, name);
    if (strcmp(text->name, name) == 0)
        fault_not_a_file(request, text, true);
}

/* Query faults come first, as the old framework lists them. */
static void check_form(struct request *request)
{
    const struct upload *upload = request->upload;
    const struct upload_form *form = upload->form;
    const struct upload_text *text = upload_text(upload, form->file_name);
    if (text)
        fault_not_a_file(request, text, false);
    else if (!upload->files[0].file)
        request_fault(request, "missing", "body", form->file_name, "Field required", NULL);
    if (form->context_name)
        fault_context_texts(request, upload->texts, form->context_name);
}

/* --- the work ----------------------------------------------------------------------------------
 */

/* Of one upload. */
struct pdf_work {
    struct scenario_read caller;
    struct parse_pdf parse;
    bool save;
    bool fresh;
    const char *base_url; /* this and the above: asked for while the client is there */
};

/* A token says who somebody was when it was made; where that matters the database says whether they
 * still are. Where it does not, the statement that saves finds out. */
static enum flow ask_who_calls(struct op *op)
{
    struct request *request = op_cast(op, request);
    struct pdf_work *work = request->work;
    struct store *store = request->server->tools.store;
    if (request->server->config->auth_mode != AUTH_REQUIRED || !store)
        return FLOW_NEXT;
    scenario_read_start(&work->caller, need(op), &store->pool,
                        &(struct scenario_question){.kind = READ_USER, .id = request->user_id});
    return FLOW_WAIT;
}

static void on_settled(struct spool_file *file)
{
    struct request *request = file->owner;
    file->on_settled = NULL;
    op_release(&request->op);
}

/* Waits until every file is whole on disk or in memory. */
static enum flow settle(struct op *op)
{
    struct request *request = op_cast(op, request);
    const struct scenario_read *caller = &((struct pdf_work *)request->work)->caller;
    if (op_finished(&caller->op) && caller->caller != CALLER_ACTIVE)
        return op_fail(op, ERR_UNAUTHORIZED, "an inactive or unknown user");
    const struct upload *upload = request->upload;
    for (size_t i = 0; i < upload->file_count; i++) {
        struct spool_file *file = upload->files[i].file;
        if (file && !spool_file_settled(file)) {
            file->owner = request;
            file->on_settled = on_settled;
            op_hold(op);
        }
    }
    return FLOW_WAIT;
}

/* A write that runs ends soon: nothing to stop, but nobody needs to wait for it either. */
static void settle_cancel(struct op *op)
{
    const struct upload *upload = op_cast(op, request)->upload;
    for (size_t i = 0; i < upload->file_count; i++) {
        struct spool_file *file = upload->files[i].file;
        if (file && file->on_settled) {
            file->on_settled = NULL;
            op_release(op);
        }
    }
}

static enum flow parse(struct op *op)
{
    struct request *request = op_cast(op, request);
    const struct upload *upload = request->upload;
    for (size_t i = 0; i < upload->file_count; i++) {
        if (upload->files[i].file->error.code != OK)
            return op_fail_with(op, &upload->files[i].file->error);
    }
    struct pdf_work *work = request->work;
    const uint64_t timeout_ms = request->server->config->request_timeout_ms;
    parse_pdf_start(&work->parse, need(op), &request->server->tools,
                    &(struct parse_pdf_task){
                        .arena = &request->arena,
                        .inputs = upload->files,
                        .input_count = upload->file_count,
                        .rank = {.request = request, .age_ns = op->started_ns},
                        .deadline_ms = request_deadline_ms(request, timeout_ms),
                        .base_url = work->base_url,
                        .fresh = work->fresh,
                        .save = work->save,
                        .user_id = request->user_id,
                    });
    return FLOW_WAIT;
}

static const struct step parse_steps[] = {
    {"who_calls", ask_who_calls}, {"settle", settle}, {"parse", parse}, {0}};
static const struct op_kind parse_kind = {"parse_request", parse_steps, settle_cancel, NULL};

/* What it cost, for the client's headers and the log. */
static void tell_bill(struct request *request, const struct bill *bill)
{
    char tokens[BILL_TEXT_BYTES], cost[BILL_TEXT_BYTES];
    struct arena *arena = &request->arena;
    const bool known = bill_cost_text(bill, cost);
    if (!bill_tokens_text(bill, tokens))
        return;
    request_header(request, "X-AI-Tokens", arena_strdup(arena, tokens));
    if (known)
        request_header(request, "X-AI-Cost-USD", arena_strdup(arena, cost));
    request->log_more =
        arena_printf(arena, "%s tokens=%s%s cost_usd=%s", request->log_more, tokens,
                     bill->estimated ? " estimated=true" : "", known ? cost : "unknown");
}

static void tell_job(struct request *request, const struct job *job, cJSON *body)
{
    request_header(request, "X-Cache", job->paid ? "miss" : job->shared ? "coalesced" : "hit");
    request->log_more = "";
    if (job->degraded) {
        const char *parts = degraded_names(job->degraded, &request->arena);
        json_add_bool(body, "degraded", true);
        request_header(request, "X-Degraded", parts);
        request->log_more = arena_printf(&request->arena, " degraded=%s", log_quote(parts));
    }
    if (job->warning_count > 0) {
        cJSON *warnings = json_add_array(body, "warnings");
        for (size_t i = 0; i < job->warning_count; i++)
            json_append_string(warnings, job->warnings[i]);
    }
    tell_bill(request, &job->bill);
}

static void time_stages(struct request *request, const struct parse_pdf *work)
{
    const struct {
        const char *name;
        const struct op *op;
    } stages[] = {
        {"parse", &work->files.op},
        {"analysis", work->analysis.job ? &work->analysis.op : &work->offline.op},
        {"scenes", &work->scenes.op},
        {"images", &work->illustration.op},
        {"db", &work->saving.op},
    };
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
        if (op_finished(stages[i].op))
            request_timing(request, stages[i].name, op_seconds(stages[i].op));
    request_timing(request, "queue", work->job.queue_seconds);
}

static void parse_reply(struct request *request)
{
    const struct parse_pdf *work = &((struct pdf_work *)request->work)->parse;
    time_stages(request, work);
    cJSON *body = json_new_object();
    json_add_string(body, "status", "completed");
    if (work->scenario_id > 0)
        json_add_number(body, "scenario_id", (double)work->scenario_id);
    else
        json_add_null(body, "scenario_id");
    json_add(body, "ai_result", case_study_json(&work->study));
    tell_job(request, &work->job, body);
    request_reply(request, 200, body);
}

/* Who left, or got an error, has cost something too. */
static void parse_end(struct request *request)
{
    struct pdf_work *work = request->work;
    const struct bill *bill = &work->parse.job.bill;
    char tokens[BILL_TEXT_BYTES], cost[BILL_TEXT_BYTES];
    if (op_error(&work->parse.op)->code != OK && bill_tokens_text(bill, tokens))
        log_info(request->id, "unanswered", "tokens=%s cost_usd=%s", tokens,
                 bill_cost_text(bill, cost) ? cost : "unknown");
    scenario_read_clear(&work->caller);
    parse_pdf_clear(&work->parse);
}

void handle_parse_pdf(struct request *request)
{
    const struct input_file *main_file = &request->upload->files[0];
    bool save;
    query_bool(request, "save_to_db", false, &save);
    check_form(request);
    if (request_reply_faults(request))
        return;
    if (request->upload->incomplete) {
        request_reply_error(request, 400, NULL, "There was an error parsing the body");
        return;
    }
    if (file_kind_of(main_file->name, main_file->content_type) == FILE_UNKNOWN) {
        request_reply_error(request, 400, NULL,
                            "Only PDF, TXT, MD, DOC, and DOCX files are supported for the main "
                            "file.");
        return;
    }
    struct pdf_work *work = arena_new(&request->arena, struct pdf_work);
    work->save = save;
    work->fresh = request_wants_fresh(request);
    work->base_url = request_base_url(request);
    request->work = work;
    request->runs_on = save;
    request_run(request, &parse_kind, parse_reply, parse_end);
}

/* --- the default personas ------------------------------------------------------------------------
 */

/* The reply without its brace and processing time, the same for ever: printed once. */
static struct buffer default_reply;

static void print_default_reply(void)
{
    cJSON *personas = json_new_array();
    for (size_t i = 0; i < DEFAULT_PERSONA_COUNT; i++)
        json_append(personas, key_figure_json(&default_personas[i]));

    cJSON *body = json_new_object();
    json_add_string(body, "title", default_title);
    json_add_string(body, "student_role", default_student_role);
    json_add(body, "key_figures", cJSON_Duplicate(personas, true));
    json_add(body, "personas", personas);
    buffer_init(&default_reply, DEFAULT_REPLY_BYTES_MAX);
    const enum err err = json_print(body, &default_reply);
    assert(err == OK);
    (void)err;
    cJSON_Delete(body);
}

void handle_default_personas(struct request *request)
{
    if (!default_reply.data)
        print_default_reply();
    char head[80];
    const int head_length =
        snprintf(head, sizeof(head), "{\"status\":\"instant_fallback\",\"processing_time\":%.6f,",
                 request_seconds(request));
    const size_t tail_length = default_reply.length - 1; /* without its opening brace */
    char *body = malloc((size_t)head_length + tail_length);
    if (!body)
        abort();
    memcpy(body, head, (size_t)head_length);
    memcpy(body + head_length, default_reply.data + 1, tail_length);
    request_reply_json(request, 200, body, (size_t)head_length + tail_length);
}
