/*
 *     who calls ──▶ settle ──▶ claim ──▶ work ──▶ (reply)
 *                                └─ it has been answered before ─▶ (that reply)
 */
#include "api/pdf_request.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"

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

/* --- before the work ---------------------------------------------------------------------------
 */

/* A token says who somebody was when it was made; where that matters the database says whether they
 * still are. Where it does not, the statement that saves finds out. */
static enum flow ask_who_calls(struct op *op)
{
    struct request *request = op_cast(op, request);
    struct pdf_request *pdf = request->work;
    struct store *store = request->server->tools.store;
    if (request->server->config->auth_mode != AUTH_REQUIRED || !store)
        return FLOW_NEXT;
    scenario_read_start(&pdf->caller, need(op), &store->pool,
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
    const struct scenario_read *caller = &((struct pdf_request *)request->work)->caller;
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
    struct pdf_request *pdf = request->work;
    const struct upload *upload = request->upload;
    for (size_t i = 0; i < upload->file_count; i++)
        if (upload->files[i].file->error.code != OK)
            return op_fail_with(op, &upload->files[i].file->error);
    if (!pdf->repeat.wanted)
        return FLOW_NEXT;
    idempotent_take_content(&pdf->repeat, request, pdf->save ? "save_to_db=true" : "");
    switch (idempotency_claim(&server->idempotency, &pdf->repeat, loop_now_ms(&server->loop),
                              &pdf->kept)) {
    case IDEMPOTENCY_AT_WORK:
        return op_fail(op, ERR_CONFLICT, "A request with this Idempotency-Key is being worked on");
    case IDEMPOTENCY_OTHER:
        return fail_as_other(op);
    case IDEMPOTENCY_KEPT:
        pdf->replayed = true;
        return FLOW_DONE;
    case IDEMPOTENCY_CLAIMED:
        break;
    }
    if (pdf->save)
        saved_reply_start(&pdf->saved, need(op), &server->tools.store->pool, pdf->repeat.key);
    return FLOW_WAIT;
}

/* Was it answered before the server was started again, or by another one? */
static enum flow replay(struct op *op)
{
    struct request *request = op_cast(op, request);
    struct server *server = request->server;
    struct pdf_request *pdf = request->work;
    const struct saved_reply *saved = &pdf->saved;
    if (!saved->found)
        return FLOW_NEXT;
    if (memcmp(saved->fingerprint, pdf->repeat.fingerprint, sizeof(saved->fingerprint)) != 0)
        return fail_as_other(op);
    pdf->kept = idempotency_keep(&server->idempotency, &pdf->repeat, saved->degraded, saved->reply,
                                 loop_now_ms(&server->loop));
    pdf->replayed = true;
    return FLOW_DONE;
}

/* --- the work ----------------------------------------------------------------------------------
 */

/* The reply behind its scenario's id. */
static const char *print_rest(struct pdf_request *pdf)
{
    const struct job *job = pdf->job;
    assert(job);
    cJSON *body = json_new_object();
    pdf->kind->print(pdf, body);
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
    const char *rest = arena_strndup(&pdf->request->arena, text.data + 1, text.length - 1);
    buffer_clear(&text);
    return rest;
}

/* To be saved with the scenario, whose id nobody knows yet. */
static const char *print_early(void *context)
{
    struct pdf_request *pdf = context;
    pdf->rest = print_rest(pdf);
    return pdf->rest;
}

static enum flow work(struct op *op)
{
    struct request *request = op_cast(op, request);
    struct pdf_request *pdf = request->work;
    pdf->reply = (struct saving_reply){pdf->repeat.key, pdf->repeat.fingerprint, print_early, pdf};
    pdf->rank = (struct gate_rank){.request = request, .age_ns = op->started_ns};
    pdf->deadline_ms = request_deadline_ms(request, request->server->config->request_timeout_ms);
    pdf->op = pdf->kind->start(pdf, need(op));
    return FLOW_WAIT;
}

static const struct step pdf_steps[] = {
    {"who_calls", ask_who_calls}, {"settle", settle}, {"claim", claim},
    {"replay", replay},           {"work", work},     {0}};
static const struct op_kind pdf_kind = {"pdf_request", pdf_steps, settle_cancel, NULL};

/* --- the reply ---------------------------------------------------------------------------------
 */

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

/* The body, in the request's arena. Whoever has a key finds it again. */
static struct slice make_body(struct pdf_request *pdf)
{
    assert(pdf->job);
    struct request *request = pdf->request;
    struct arena *arena = &request->arena;
    const int64_t id = pdf->kind->scenario_id ? pdf->kind->scenario_id(pdf) : 0;
    const char *rest = pdf->rest ? pdf->rest : print_rest(pdf);
    const char *head = "{";
    if (id > 0)
        head = arena_printf(arena, "{\"scenario_id\":%" PRId64 ",", id);
    else if (pdf->kind->scenario_id)
        head = "{\"scenario_id\":null,";
    const struct slice body = slice_of(arena_printf(arena, "%s%s", head, rest));
    if (pdf->repeat.claimed) {
        const struct slice degraded = slice_of(degraded_names(pdf->job->degraded, arena));
        pdf->kept = idempotency_keep(&request->server->idempotency, &pdf->repeat, degraded, body,
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

static void reply(struct request *request)
{
    struct pdf_request *pdf = request->work;
    if (pdf->replayed) {
        send_kept(request, pdf->kept);
        return;
    }
    pdf->kind->time(pdf);
    request_timing(request, "queue", pdf->job->queue_seconds);
    tell_job(request, pdf->job);
    send_body(request, make_body(pdf));
}

/* Who left, or got an error, has cost something too. Who left and comes again finds what was made.
 */
static void end(struct request *request)
{
    struct pdf_request *pdf = request->work;
    const struct bill *bill = pdf->job ? &pdf->job->bill : NULL;
    char tokens[BILL_TEXT_BYTES], cost[BILL_TEXT_BYTES];
    if (bill && op_error(pdf->op)->code != OK && bill_tokens_text(bill, tokens))
        log_info(request->id, "unanswered", "tokens=%s cost_usd=%s", tokens,
                 bill_cost_text(bill, cost) ? cost : "unknown");
    if (op_error(&request->op)->code == OK && pdf->repeat.claimed && !pdf->kept)
        (void)make_body(pdf);
    idempotency_release(&pdf->repeat);
    cached_release(pdf->kept);
    saved_reply_clear(&pdf->saved);
    scenario_read_clear(&pdf->caller);
    pdf->kind->clear(pdf);
}

/* --- from outside ------------------------------------------------------------------------------
 */

bool pdf_request_check(struct request *request)
{
    const struct input_file *main_file = &request->upload->files[0];
    check_form(request);
    if (request_reply_faults(request))
        return false;
    if (request->upload->incomplete) {
        request_reply_error(request, 400, NULL, "There was an error parsing the body");
        return false;
    }
    if (file_kind_of(main_file->name, main_file->content_type) == FILE_UNKNOWN) {
        request_reply_error(request, 400, NULL,
                            "Only PDF, TXT, MD, DOC, and DOCX files are supported for the main "
                            "file.");
        return false;
    }
    return true;
}

void pdf_request_run(struct pdf_request *pdf, struct request *request, const struct pdf_kind *kind,
                     bool save)
{
    struct error error;
    if (idempotent_read(request, &pdf->repeat, &error) != OK) {
        request_reply_failure(request, &error);
        return;
    }
    pdf->kind = kind;
    pdf->request = request;
    pdf->save = save;
    pdf->fresh = request_wants_fresh(request);
    pdf->base_url = request_base_url(request);
    request->work = pdf;
    request->runs_on = save;
    request_run(request, &pdf_kind, reply, end);
}
