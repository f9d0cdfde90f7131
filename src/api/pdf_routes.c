/*
 * A handler checks what the form has, then runs the pipeline as an operation of the request:
 *
 *     who calls ──▶ settle ──▶ claim ──▶ parse ──▶ (reply)
 *                                └─ it has been answered before ─▶ (that reply)
 */
#include "api/pdf_routes.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/query.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "pipeline/parse_pdf.h"
#include "store/saved_reply.h"
#include "store/scenario_read.h"

enum { REPLY_BYTES_MAX = 64 << 20 /* far above what limits on the input allow */ };

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
    const char *rest;     /* the reply behind its scenario's id; NULL: not printed yet */

    /* of a request that has an Idempotency-Key */
    struct idempotent repeat;
    struct saved_reply saved;
    struct saving_reply reply;
    struct cached *kept; /* the reply of the first time; or of this one, kept for the next */
    bool replayed;
};

/* The reply behind its scenario's id. */
static const char *print_rest(struct request *request, const struct case_study *study)
{
    const struct job *job = &((struct pdf_work *)request->work)->parse.job;
    cJSON *body = json_new_object();
    json_add_string(body, "status", "completed");
    json_add(body, "ai_result", case_study_json(study));
    if (job->degraded)
        json_add_bool(body, "degraded", true);
    if (job->warning_count > 0) {
        cJSON *warnings = json_add_array(body, "warnings");
        for (size_t i = 0; i < job->warning_count; i++)
            json_append_string(warnings, job->warnings[i]);
    }
    struct buffer text;
    buffer_init(&text, REPLY_BYTES_MAX);
    const enum err err = json_print(body, &text);
    assert(err == OK); /* limits on what goes into it are far below */
    (void)err;
    cJSON_Delete(body);
    const char *rest = arena_strndup(&request->arena, text.data + 1, text.length - 1);
    buffer_clear(&text);
    return rest;
}

/* To be saved with the scenario, whose id nobody knows yet. */
static const char *print_early(void *context)
{
    struct request *request = context;
    struct pdf_work *work = request->work;
    const struct case_study study = parse_pdf_addressed(&work->parse);
    work->rest = print_rest(request, &study);
    return work->rest;
}

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

static enum flow fail_as_other(struct op *op)
{
    return op_fail(op, ERR_UNPROCESSABLE,
                   "This Idempotency-Key was used for a request with another content");
}

/* Whoever has the key is looked for here before the database is asked, so that of two that come
 * together only one goes on. */
static enum flow claim(struct op *op)
{
    struct request *request = op_cast(op, request);
    struct server *server = request->server;
    struct pdf_work *work = request->work;
    const struct upload *upload = request->upload;
    for (size_t i = 0; i < upload->file_count; i++)
        if (upload->files[i].file->error.code != OK)
            return op_fail_with(op, &upload->files[i].file->error);
    if (!work->repeat.wanted)
        return FLOW_NEXT;
    idempotent_take_content(&work->repeat, request, work->save ? "save_to_db=true" : "");
    switch (idempotency_claim(&server->idempotency, &work->repeat, loop_now_ms(&server->loop),
                              &work->kept)) {
    case IDEMPOTENCY_AT_WORK:
        return op_fail(op, ERR_CONFLICT, "A request with this Idempotency-Key is being worked on");
    case IDEMPOTENCY_OTHER:
        return fail_as_other(op);
    case IDEMPOTENCY_KEPT:
        work->replayed = true;
        return FLOW_DONE;
    case IDEMPOTENCY_CLAIMED:
        break;
    }
    if (work->save)
        saved_reply_start(&work->saved, need(op), &server->tools.store->pool, work->repeat.key);
    return FLOW_WAIT;
}

/* Was it answered before the server was started again, or by another one? */
static enum flow replay(struct op *op)
{
    struct request *request = op_cast(op, request);
    struct server *server = request->server;
    struct pdf_work *work = request->work;
    const struct saved_reply *saved = &work->saved;
    if (!saved->found)
        return FLOW_NEXT;
    if (memcmp(saved->fingerprint, work->repeat.fingerprint, sizeof(saved->fingerprint)) != 0)
        return fail_as_other(op);
    work->kept = idempotency_keep(&server->idempotency, &work->repeat, saved->degraded,
                                  saved->reply, loop_now_ms(&server->loop));
    work->replayed = true;
    return FLOW_DONE;
}

static enum flow parse(struct op *op)
{
    struct request *request = op_cast(op, request);
    const struct upload *upload = request->upload;
    struct pdf_work *work = request->work;
    work->reply =
        (struct saving_reply){work->repeat.key, work->repeat.fingerprint, print_early, request};
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
                        .reply = work->saved.can_save ? &work->reply : NULL,
                    });
    return FLOW_WAIT;
}

static const struct step parse_steps[] = {
    {"who_calls", ask_who_calls}, {"settle", settle}, {"claim", claim},
    {"replay", replay},           {"parse", parse},   {0}};
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

static void tell_job(struct request *request, const struct job *job)
{
    request_header(request, "X-Cache", job->paid ? "miss" : job->shared ? "coalesced" : "hit");
    request->log_more = "";
    if (job->degraded) {
        const char *parts = degraded_names(job->degraded, &request->arena);
        request_header(request, "X-Degraded", parts);
        request->log_more = arena_printf(&request->arena, " degraded=%s", log_quote(parts));
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

/* The body, in the request's arena. Whoever has a key finds it again. */
static struct slice make_body(struct request *request)
{
    struct pdf_work *work = request->work;
    struct arena *arena = &request->arena;
    const int64_t id = work->parse.scenario_id;
    const char *rest = work->rest ? work->rest : print_rest(request, &work->parse.study);
    const char *head = id > 0 ? arena_printf(arena, "{\"scenario_id\":%" PRId64 ",", id)
                              : "{\"scenario_id\":null,";
    const struct slice body = slice_of(arena_printf(arena, "%s%s", head, rest));
    if (work->repeat.claimed) {
        const struct slice degraded = slice_of(degraded_names(work->parse.job.degraded, arena));
        work->kept = idempotency_keep(&request->server->idempotency, &work->repeat, degraded, body,
                                      loop_now_ms(&request->server->loop));
    }
    return body;
}

static void send_body(struct request *request, struct slice body)
{
    char *copy = malloc(body.length);
    if (!copy)
        abort();
    memcpy(copy, body.data, body.length);
    request_reply_json(request, 200, copy, body.length);
}

static void send_kept(struct request *request, const struct cached *cached)
{
    const struct kept_reply *kept = (const void *)cached->data;
    request_header(request, "Idempotent-Replayed", "true");
    request_header(request, "X-Cache", "hit");
    if (*kept->degraded)
        request_header(request, "X-Degraded", arena_strdup(&request->arena, kept->degraded));
    request->log_more = " replayed=true";
    send_body(request, (struct slice){kept->body, kept->length});
}

static void parse_reply(struct request *request)
{
    struct pdf_work *work = request->work;
    if (work->replayed) {
        send_kept(request, work->kept);
        return;
    }
    time_stages(request, &work->parse);
    tell_job(request, &work->parse.job);
    send_body(request, make_body(request));
}

/* Who left, or got an error, has cost something too. Who left and comes again finds what was made.
 */
static void parse_end(struct request *request)
{
    struct pdf_work *work = request->work;
    const struct bill *bill = &work->parse.job.bill;
    char tokens[BILL_TEXT_BYTES], cost[BILL_TEXT_BYTES];
    if (op_error(&work->parse.op)->code != OK && bill_tokens_text(bill, tokens))
        log_info(request->id, "unanswered", "tokens=%s cost_usd=%s", tokens,
                 bill_cost_text(bill, cost) ? cost : "unknown");
    if (op_error(&request->op)->code == OK && work->repeat.claimed && !work->kept)
        (void)make_body(request);
    idempotency_release(&work->repeat);
    cached_release(work->kept);
    saved_reply_clear(&work->saved);
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
    struct error error;
    if (idempotent_read(request, &work->repeat, &error) != OK) {
        request_reply_failure(request, &error);
        return;
    }
    work->save = save;
    work->fresh = request_wants_fresh(request);
    work->base_url = request_base_url(request);
    request->work = work;
    request->runs_on = save;
    request_run(request, &parse_kind, parse_reply, parse_end);
}
