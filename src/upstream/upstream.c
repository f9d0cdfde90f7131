/*
 * A try goes through the whole table of steps; the next begins with the first again, at the gate,
 * where the request's age gives it the place it had. Between two tries nothing is held: no place,
 * no response.
 *
 * What a service says about a failure is not ours to repeat: messages quote prompts, and some quote
 * keys. Only its error code and request id go into logs and details, and only if they look like
 * one.
 */
#include "upstream/upstream.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

enum { WORD_BYTES_MAX = 64 /* of a code or an id; known ones have at most 40 */ };

/* --- words ---------------------------------------------------------------------------------- */

/* `text` where it is harmless: a word of a code's characters, without the key in it. Else "". */
static const char *word(const struct upstream *upstream, const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    const size_t length = text ? strspn(text, allowed) : 0;
    if (length == 0 || length > WORD_BYTES_MAX || text[length] != '\0')
        return "";
    return upstream->key && strstr(text, upstream->key) ? "" : text;
}

static void log_try(const struct upstream_call *call, const struct decision *decision)
{
    const struct upstream *upstream = call->upstream;
    const bool quiet = call->kind->is_poll && decision->kind == DECIDE_DONE;
    log_event(quiet ? LOG_DEBUG : LOG_INFO, call->op.log_id, "upstream_call",
              "service=%s call=%s try=%u status=%d fault=%s seconds=%.3f queue=%.3f decision=%s "
              "code=%s x_request_id=%s",
              upstream->name, call->kind->name, call->tries, call->outcome.status,
              http_fault_name(call->outcome.fault), op_seconds(&call->http.op),
              call->held ? 0 : op_seconds(&call->pass.op), decision_name(decision->kind),
              log_quote(word(upstream, call->outcome.code)),
              log_quote(word(upstream, http_call_header(&call->http, "x-request-id"))));
}

/* The code and the id of what came, by which it can be looked up: " (slow_down, request req_1)", or
 * "" where there is neither. */
static void print_reference(const struct upstream_call *call, char *out, size_t size)
{
    const char *code = word(call->upstream, call->outcome.code);
    const char *id = word(call->upstream, http_call_header(&call->http, "x-request-id"));
    if (*code && *id)
        snprintf(out, size, " (%s, request %s)", code, id);
    else if (*code || *id)
        snprintf(out, size, " (%s%s)", *id ? "request " : code, id);
    else
        *out = '\0';
}

/* "openai answered 503 (slow_down)", "openai: connection refused", "openai answered with something
 * else than was asked for (length)". */
static void say_what_came(const struct upstream_call *call, const char *reference, char *out,
                          size_t size)
{
    const struct outcome *outcome = &call->outcome;
    const char *name = call->upstream->name;
    const bool read_by_us = outcome->unusable && outcome->fault == HTTP_FAULT_REFUSED;
    if (outcome->status >= 400)
        snprintf(out, size, "%s answered %d%s", name, outcome->status, reference);
    else if (outcome->fault != HTTP_FAULT_NONE && !read_by_us)
        snprintf(out, size, "%s: %s", name, call->http.fault_text);
    else
        snprintf(out, size, "%s answered with something else than was asked for%s", name,
                 reference);
}

static enum flow fail(struct upstream_call *call, enum err err)
{
    char reference[2 * WORD_BYTES_MAX + 32];
    char what[sizeof(reference) + 128];
    print_reference(call, reference, sizeof(reference));
    say_what_came(call, reference, what, sizeof(what));
    struct op *op = &call->op;
    switch (err) {
    case ERR_UPSTREAM_CONFIG:
        return op_fail(op, err, "%s: check %s", what, call->upstream->key_setting);
    case ERR_QUOTA:
        return op_fail(op, err, "%s: its credits are used up, or a spending limit is reached",
                       what);
    case ERR_RATE_LIMITED:
        return op_fail(op, err, "%s: too many calls for now", what);
    case ERR_REFUSED:
        return op_fail(op, err, "%s: its policy refuses the content%s", call->upstream->name,
                       reference);
    case ERR_UPSTREAM_REQUEST:
        return op_fail(op, err, "%s: it refuses the request", what);
    case ERR_DEADLINE:
        return op_fail(op, err, "%s, and no time is left", what);
    default:
        return op_fail(op, err, "%s", what);
    }
}

/* --- what came of a try --------------------------------------------------------------------- */

static void read_outcome(struct upstream_call *call)
{
    const struct http_call *http = &call->http;
    const char *should_retry = http_call_header(http, "x-should-retry");
    call->outcome = (struct outcome){
        .fault = http->fault,
        .status = http->status,
        .code = "",
        .param = "",
        .message = "",
        .server_wait_ms =
            decide_server_wait_ms(http_call_header(http, "retry-after-ms"),
                                  http_call_header(http, "retry-after"), (int64_t)time(NULL)),
        .should_retry = !should_retry                        ? -1
                        : strcmp(should_retry, "true") == 0  ? 1
                        : strcmp(should_retry, "false") == 0 ? 0
                                                             : -1,
    };
    call->kind->read(call, &call->outcome);
    if (!call->kind->adapt)
        call->outcome.param_is_ours = false;
}

/* Where it stands, as if there were retries and models enough. */
static struct attempt attempt_now(const struct upstream_call *call)
{
    const uint64_t now = loop_now_ms(call->op.link.loop);
    return (struct attempt){
        .service = call->kind->service,
        .tries = call->counted,
        .adaptions = call->adaptions,
        .stale_retried = call->stale_retried,
        .unusable_retried = call->complaining,
        .budget_left = true,
        .next_model = call->kind->next_model != NULL,
        .time_left_ms = call->deadline_ms > now ? call->deadline_ms - now : 0,
        .chance = rand() / (RAND_MAX + 1.0),
    };
}

/* Asks for a retry or another model, and again if there is none. */
static struct decision decide_within_means(struct upstream_call *call)
{
    struct attempt attempt = attempt_now(call);
    const struct decision decision = decide(&call->outcome, &attempt);
    if (decision.kind == DECIDE_RETRY && !decision.fresh_connection)
        attempt.budget_left =
            retry_budget_take(&call->upstream->budget, loop_now_ms(call->op.link.loop));
    if (decision.kind == DECIDE_NEXT_MODEL)
        attempt.next_model = call->kind->next_model && call->kind->next_model(call);
    return decide(&call->outcome, &attempt);
}

bool upstream_call_is_last(const struct upstream_call *call)
{
    const struct outcome unusable = {
        .status = 200, .code = "", .param = "", .message = "", .unusable = true};
    struct attempt attempt = attempt_now(call);
    struct retry_budget budget = call->upstream->budget; /* a copy: nothing is taken */
    attempt.budget_left = retry_budget_take(&budget, loop_now_ms(call->op.link.loop));
    return decide(&unusable, &attempt).kind != DECIDE_RETRY;
}

/* Where the response says that another call like this one would be too much, nobody makes it. */
static void heed_limits(struct upstream_call *call)
{
    const struct {
        const char *limit, *remaining, *reset;
        uint64_t needed;
    } limits[] = {
        {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
         "x-ratelimit-reset-requests", 1},
        {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
         call->tokens > 0 ? call->tokens : 1},
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const uint64_t ms =
            decide_hold_ms(http_call_header(&call->http, limits[i].limit),
                           http_call_header(&call->http, limits[i].remaining),
                           http_call_header(&call->http, limits[i].reset), limits[i].needed);
        if (ms > 0)
            gate_hold_off(&call->upstream->gate, ms);
    }
}

void upstream_report(struct upstream *upstream, struct gate_pass *pass, enum gate_result result,
                     const char *log_id)
{
    const enum gate_state before = gate_state_now(&upstream->gate);
    gate_report(pass, result);
    if (gate_state_now(&upstream->gate) != before)
        log_warn(log_id, "breaker", "service=%s state=%s", upstream->name,
                 gate_state_name(&upstream->gate));
}

static void report(struct upstream_call *call, const struct decision *decision)
{
    struct gate_pass *pass = call->held ? call->held : &call->pass;
    const struct gate *gate = &call->upstream->gate;
    const size_t places = gate->settings.places;
    if (!call->kind->is_poll || decision->report == GATE_FATAL)
        upstream_report(call->upstream, pass, decision->report, call->op.log_id);
    if (!call->kind->is_poll)
        gate_narrow(pass, decision->narrow);
    if (gate->settings.places != places)
        log_warn(call->op.log_id, "places", "service=%s places=%zu of=%zu", call->upstream->name,
                 gate->settings.places, gate->places_full);
}

static void prepare_next(struct upstream_call *call, const struct decision *decision)
{
    call->wait_ms = decision->wait_ms;
    call->fresh = decision->fresh_connection;
    if (decision->fresh_connection) {
        call->stale_retried = true;
        call->counted--;
    } else if (decision->kind == DECIDE_ADAPT) {
        call->adaptions++;
        call->counted--;
    } else if (decision->kind == DECIDE_NEXT_MODEL) { /* which has done nothing wrong yet */
        call->counted = 0;
        call->adaptions = 0;
        call->complaining = false;
    }
    if (decision->complain)
        call->complaining = true;
    if (call->kind->adapt && (decision->kind == DECIDE_ADAPT || decision->complain))
        call->kind->adapt(call, &call->outcome);
}

/* --- steps ---------------------------------------------------------------------------------- */

static enum flow enter(struct op *op)
{
    struct upstream_call *call = op_cast(op, upstream_call);
    if (!call->held)
        gate_enter(&call->pass, need(op), &call->upstream->gate, &call->rank);
    return FLOW_WAIT;
}

static void count_try(struct upstream_call *call)
{
    struct upstream *upstream = call->upstream;
    if (call->tries == 0) {
        upstream->calls++;
        retry_budget_call(&upstream->budget, loop_now_ms(call->op.link.loop));
    } else {
        upstream->retries++;
    }
}

static enum flow send_request(struct op *op)
{
    struct upstream_call *call = op_cast(op, upstream_call);
    if (!call->held)
        call->queue_seconds += op_seconds(&call->pass.op);
    if (!call->kind->is_poll)
        count_try(call);
    call->tries++;
    call->counted++;

    struct http_request request = {0};
    call->kind->build(call, &request);
    request.fresh_connection = call->fresh;
    http_call_start(&call->http, need(op), call->upstream->client, &request);
    return FLOW_WAIT;
}

static enum flow judge(struct op *op)
{
    struct upstream_call *call = op_cast(op, upstream_call);
    read_outcome(call);
    const struct decision decision = decide_within_means(call);
    log_try(call, &decision);
    heed_limits(call);
    report(call, &decision);
    gate_leave(&call->pass);
    switch (decision.kind) {
    case DECIDE_DONE:
        return FLOW_DONE;
    case DECIDE_FAIL:
        return fail(call, decision.fail);
    default:
        prepare_next(call, &decision);
        return FLOW_NEXT;
    }
}

static void on_rested(struct loop_timer *timer)
{
    op_release(&container_of(timer, struct upstream_call, rest)->op);
}

static enum flow rest(struct op *op)
{
    struct upstream_call *call = op_cast(op, upstream_call);
    http_call_clear(&call->http);
    memset(&call->http, 0, sizeof(call->http));
    call->outcome = (struct outcome){.code = "", .param = "", .message = ""};
    if (call->wait_ms > 0) {
        op_hold(op);
        loop_timer_start(op->link.loop, &call->rest, call->wait_ms, on_rested);
    }
    return FLOW_AGAIN;
}

/* Its only hold is the rest. */
static void call_cancel(struct op *op)
{
    struct upstream_call *call = op_cast(op, upstream_call);
    if (call->rest.place == 0)
        return;
    loop_timer_stop(op->link.loop, &call->rest);
    op_release(op);
}

static void call_end(struct op *op)
{
    struct upstream_call *call = op_cast(op, upstream_call);
    gate_leave(&call->pass);
    const enum err err = op_error(op)->code;
    if (err != OK && err != ERR_CANCELLED && !call->kind->is_poll)
        call->upstream->failures++;
}

static const struct step call_steps[] = {
    {"enter", enter}, {"send", send_request}, {"judge", judge}, {"rest", rest}, {0}};
static const struct op_kind call_kind = {"upstream_call", call_steps, call_cancel, call_end};

static void limit_time(struct upstream_call *call)
{
    const uint64_t now = loop_now_ms(call->op.link.loop);
    op_deadline(&call->op, call->deadline_ms > now ? call->deadline_ms - now : 0,
                call->late_detail);
}

static void start(struct upstream_call *call, struct op_link link, uint64_t deadline_ms)
{
    call->deadline_ms = deadline_ms;
    call->outcome = (struct outcome){.code = "", .param = "", .message = ""};
    snprintf(call->late_detail, sizeof(call->late_detail), "%s did not answer in time",
             call->upstream->name);
    op_start(&call->op, &call_kind, link);
    limit_time(call);
}

void upstream_call_start(struct upstream_call *call, struct op_link link,
                         const struct upstream_call_kind *kind, struct upstream *upstream,
                         const struct gate_rank *rank, uint64_t deadline_ms)
{
    memset(call, 0, sizeof(*call));
    call->kind = kind;
    call->upstream = upstream;
    call->rank = *rank;
    start(call, link, deadline_ms);
}

void upstream_call_start_inside(struct upstream_call *call, struct op_link link,
                                const struct upstream_call_kind *kind, struct upstream *upstream,
                                struct gate_pass *held, uint64_t deadline_ms)
{
    assert(held->inside);
    memset(call, 0, sizeof(*call));
    call->kind = kind;
    call->upstream = upstream;
    call->held = held;
    start(call, link, deadline_ms);
}

void upstream_call_set_terms(struct upstream_call *call, const struct gate_rank *rank,
                             uint64_t deadline_ms)
{
    if (!call->kind || op_finished(&call->op))
        return;
    call->rank = *rank;
    call->deadline_ms = deadline_ms;
    gate_rerank(&call->pass, rank);
    limit_time(call);
}

void upstream_call_clear(struct upstream_call *call)
{
    http_call_clear(&call->http);
}
