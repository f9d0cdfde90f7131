/*
 * upstream.h with an HTTP client that answers from a script, on a loop whose clock the test turns:
 * each remedy by itself, then a call that needs most of them, disturbed at each of its events.
 */
#include "upstream/upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "unit/io/virtual_loop.h"

enum { ANSWERS_MAX = 16, ANSWER_MS = 100, OPEN_MS = 30000, FAR_MS = 600 * 1000 };

static const char key[] = "sk-very-secret-0123456789";

struct answer {
    int status;
    enum http_fault fault;
    const char *code;
    const char *headers[4][2];
    bool unusable, param_is_ours;
};

static struct {
    struct loop loop;
    struct upstream upstream;
    struct upstream_call call;
    size_t finishes;
    struct answer script[ANSWERS_MAX];
    size_t script_length;
    /* the HTTP client */
    struct loop_timer answering;
    struct http_call *at_work; /* one at most, as there is one call */
    size_t sent, cleared;
    bool fresh[ANSWERS_MAX], complaining[ANSWERS_MAX];
    /* the service */
    const struct answer *latest;
    bool last[ANSWERS_MAX]; /* said, as the answer was read, that it was the last */
    size_t adapted, models_left, model_changes;
    bool adapted_unusable;
} world;

/* --- the HTTP client ------------------------------------------------------------------------ */

static void on_answer(struct loop_timer *timer)
{
    (void)timer;
    struct http_call *call = world.at_work;
    const struct answer *answer = world.latest;
    world.at_work = NULL;
    call->status = answer->status;
    call->fault = answer->fault;
    if (answer->fault != HTTP_FAULT_NONE)
        snprintf(call->fault_text, sizeof(call->fault_text), "no luck with the wire");
    for (size_t i = 0; i < 4 && answer->headers[i][0]; i++)
        call->response_headers[call->response_header_count++] =
            (struct http_header){answer->headers[i][0], answer->headers[i][1]};
    assert_int_equal(buffer_puts(&call->body, "held memory"), OK);
    op_release(&call->op);
}

static enum flow answer_later(struct op *op)
{
    assert_null(world.at_work);
    world.at_work = op_cast(op, http_call);
    op_hold(op);
    loop_timer_start(&world.loop, &world.answering, ANSWER_MS, on_answer);
    return FLOW_WAIT;
}

static void stop_answering(struct op *op)
{
    loop_timer_stop(&world.loop, &world.answering);
    world.at_work = NULL;
    op_release(op);
}

static const struct step http_steps[] = {{"answer", answer_later}, {0}};
static const struct op_kind http_kind = {"http", http_steps, stop_answering, NULL};

void http_call_start(struct http_call *call, struct op_link link, struct http_client *client,
                     const struct http_request *request)
{
    memset(call, 0, sizeof(*call));
    assert_true(world.sent < world.script_length);
    assert_string_equal(request->url, "made anew");
    call->client = client;
    call->request = *request;
    buffer_init(&call->body, 64);
    world.fresh[world.sent] = request->fresh_connection;
    world.latest = &world.script[world.sent++];
    op_start(&call->op, &http_kind, link);
}

void http_call_clear(struct http_call *call)
{
    if (!call->client)
        return;
    assert_true(op_finished(&call->op));
    buffer_clear(&call->body);
    call->client = NULL;
    world.cleared++;
}

const char *http_call_header(const struct http_call *call, const char *name)
{
    for (size_t i = 0; i < call->response_header_count; i++) {
        if (strcasecmp(call->response_headers[i].name, name) == 0)
            return call->response_headers[i].value;
    }
    return NULL;
}

const char *http_fault_name(enum http_fault fault)
{
    return fault == HTTP_FAULT_NONE ? "none" : "some";
}

/* --- the service ---------------------------------------------------------------------------- */

static void build(struct upstream_call *call, struct http_request *out)
{
    assert_null(call->http.client); /* the response before was cleared */
    world.complaining[world.sent] = call->complaining;
    call->tokens = 1000;
    out->url = "made anew";
}

static void read_answer(struct upstream_call *call, struct outcome *out)
{
    assert_int_equal(out->status, call->http.status);
    assert_string_equal(out->code, "");
    world.last[world.sent - 1] = upstream_call_is_last(call);
    if (world.latest->code)
        out->code = world.latest->code;
    out->message = key;
    out->unusable = world.latest->unusable;
    out->param_is_ours = world.latest->param_is_ours;
}

static void adapt(struct upstream_call *call, const struct outcome *outcome)
{
    assert_ptr_equal(outcome, &call->outcome);
    world.adapted++;
    world.adapted_unusable = outcome->unusable;
}

static bool next_model(struct upstream_call *call)
{
    assert_ptr_equal(call, &world.call);
    if (world.models_left == 0)
        return false;
    world.models_left--;
    world.model_changes++;
    return true;
}

static const struct upstream_call_kind able = {.service = SERVICE_CHAT,
                                               .name = "analysis",
                                               .build = build,
                                               .read = read_answer,
                                               .adapt = adapt,
                                               .next_model = next_model};
static const struct upstream_call_kind plain = {
    .service = SERVICE_CHAT, .name = "analysis", .build = build, .read = read_answer};
static const struct upstream_call_kind poll = {.service = SERVICE_PARSE_POLL,
                                               .name = "poll",
                                               .build = build,
                                               .read = read_answer,
                                               .is_poll = true};

/* --- the world ------------------------------------------------------------------------------ */

static void begin(const struct answer *answers, size_t count)
{
    memset(&world, 0, sizeof(world));
    world.loop = virtual_loop();
    world.upstream = (struct upstream){
        .name = "openai",
        .client = (struct http_client *)&world, /* never looked into */
        .key = key,
        .key_setting = "OPENAI_API_KEY",
    };
    gate_init(&world.upstream.gate, &world.loop, "openai",
              &(struct gate_settings){.places = 1,
                                      .failures_min = GATE_REPORTS_MAX,
                                      .failure_share = 0.5,
                                      .window_ms = 60000,
                                      .open_ms = OPEN_MS,
                                      .fatal_ms = 2 * OPEN_MS});
    assert_true(count <= ANSWERS_MAX);
    for (size_t i = 0; i < count; i++)
        world.script[i] = answers[i];
    world.script_length = count;
}

#define BEGIN(...)                                                                                 \
    begin((const struct answer[]){__VA_ARGS__},                                                    \
          sizeof((const struct answer[]){__VA_ARGS__}) / sizeof(struct answer))

static void on_finish(struct op *op, void *context)
{
    (void)context;
    assert_ptr_equal(op, &world.call.op);
    world.finishes++;
}

static void start(const struct upstream_call_kind *kind, uint64_t deadline_ms)
{
    upstream_call_start(&world.call, root(&world.loop, on_finish, NULL), kind, &world.upstream,
                        &(struct gate_rank){.age_ns = 1}, virtual_now_ms + deadline_ms);
    world.call.op.log_id = "b7";
}

/* Nothing may be left behind, wherever it ended. */
static enum err end(void)
{
    assert_int_equal(world.finishes, 1);
    const enum err err = op_error(&world.call.op)->code;
    assert_null(world.at_work);
    assert_int_equal(virtual_timer_count, 0);
    upstream_call_clear(&world.call);
    upstream_call_clear(&world.call);
    assert_int_equal(world.sent, world.cleared);
    gate_clear(&world.upstream.gate);
    return err;
}

static enum err run(const struct upstream_call_kind *kind)
{
    start(kind, FAR_MS);
    virtual_loop_advance(&world.loop, FAR_MS - 1);
    return end();
}

static const char *detail(void)
{
    return op_error(&world.call.op)->detail;
}

/* Of the answers given, all were asked for. */
static void all_sent(void)
{
    assert_int_equal(world.sent, world.script_length);
}

/* --- each remedy ---------------------------------------------------------------------------- */

static void test_success(void **state)
{
    (void)state;
    BEGIN({.status = 200});
    const uint64_t before = virtual_now_ms;
    start(&able, FAR_MS);
    assert_int_equal(world.sent, 0); /* nothing happens inside start */
    virtual_loop_advance(&world.loop, ANSWER_MS);
    assert_int_equal(virtual_now_ms, before + ANSWER_MS);
    assert_int_equal(end(), OK);
    assert_int_equal(world.upstream.calls, 1);
    assert_int_equal(world.upstream.retries, 0);
    assert_int_equal(world.upstream.failures, 0);
    assert_int_equal(world.upstream.budget.calls, 1);
}

static void test_retries_rest_without_a_place(void **state)
{
    (void)state;
    BEGIN({.status = 500}, {.fault = HTTP_FAULT_RESET}, {.status = 200});
    start(&able, FAR_MS);
    virtual_loop_advance(&world.loop, ANSWER_MS - 1);
    assert_int_equal(world.upstream.gate.taken, 1);
    virtual_loop_advance(&world.loop, 1); /* answered: rests for 375 to 500 ms */
    assert_int_equal(world.upstream.gate.taken, 0);
    assert_int_equal(world.cleared, 1);
    virtual_loop_advance(&world.loop, 374);
    assert_int_equal(world.sent, 1);
    virtual_loop_advance(&world.loop, 126);
    assert_int_equal(world.sent, 2);
    virtual_loop_advance(&world.loop, FAR_MS / 2);
    assert_int_equal(end(), OK);
    all_sent();
    assert_int_equal(world.upstream.calls, 1);
    assert_int_equal(world.upstream.retries, 2);
    assert_int_equal(world.upstream.budget.retries, 2);
    assert_int_equal(world.upstream.failures, 0);
}

static void test_tries_end(void **state)
{
    (void)state;
    BEGIN({.status = 500, .code = "server_error"}, {.status = 500},
          {.status = 503, .code = "slow_down"});
    assert_int_equal(run(&able), ERR_UPSTREAM);
    all_sent();
    assert_string_equal(detail(), "openai answered 503 (slow_down)");
    assert_int_equal(world.upstream.failures, 1);
}

static void test_no_connection(void **state)
{
    (void)state;
    BEGIN({.fault = HTTP_FAULT_CONNECT}, {.fault = HTTP_FAULT_CONNECT},
          {.fault = HTTP_FAULT_CONNECT});
    assert_int_equal(run(&plain), ERR_UPSTREAM);
    assert_string_equal(detail(), "openai: no luck with the wire");
}

static void test_the_servers_wait(void **state)
{
    (void)state;
    BEGIN({.status = 429, .headers = {{"Retry-After-Ms", "2500"}, {"Retry-After", "9"}}},
          {.status = 200});
    start(&able, FAR_MS);
    virtual_loop_advance(&world.loop, ANSWER_MS + 2499);
    assert_int_equal(world.sent, 1);
    virtual_loop_advance(&world.loop, 501);
    assert_int_equal(world.sent, 2);
    virtual_loop_advance(&world.loop, ANSWER_MS);
    assert_int_equal(end(), OK);
}

static void test_too_long_a_wait(void **state)
{
    (void)state;
    BEGIN({.status = 429, .headers = {{"Retry-After", "121"}}});
    assert_int_equal(run(&able), ERR_RATE_LIMITED);
    assert_string_equal(detail(), "openai answered 429: too many calls for now");
}

static void test_told_not_to_retry(void **state)
{
    (void)state;
    BEGIN({.status = 500, .headers = {{"X-Should-Retry", "false"}}});
    assert_int_equal(run(&able), ERR_UPSTREAM);
    BEGIN({.status = 418, .headers = {{"X-Should-Retry", "true"}}}, {.status = 200});
    assert_int_equal(run(&able), OK);
    all_sent();
}

static void test_no_budget(void **state)
{
    (void)state;
    BEGIN({.status = 500});
    world.upstream.budget.since_ms = virtual_now_ms;
    world.upstream.budget.retries = 10;
    assert_int_equal(run(&able), ERR_UPSTREAM);
    assert_int_equal(world.upstream.budget.retries, 10);
}

static void test_stale_connection(void **state)
{
    (void)state;
    BEGIN({.fault = HTTP_FAULT_STALE}, {.status = 500}, {.status = 500},
          {.status = 200}); /* it counted as no try */
    assert_int_equal(run(&able), OK);
    all_sent();
    assert_false(world.fresh[0]);
    assert_true(world.fresh[1]);
    assert_false(world.fresh[2]);
    assert_int_equal(world.upstream.budget.retries, 2);
    assert_int_equal(world.upstream.retries, 3);
}

static void test_adapting(void **state)
{
    (void)state;
    const struct answer field = {.status = 400, .code = "unsupported_value", .param_is_ours = true};
    BEGIN(field, field, field, {.status = 500}, {.status = 500},
          {.status = 200}); /* fields count as no tries */
    assert_int_equal(run(&able), OK);
    all_sent();
    assert_int_equal(world.adapted, 3);
    assert_false(world.adapted_unusable);

    BEGIN(field, field, field, field);
    assert_int_equal(run(&able), ERR_UPSTREAM_REQUEST);
    all_sent();
    assert_int_equal(world.adapted, 3);
    assert_string_equal(detail(),
                        "openai answered 400 (unsupported_value): it refuses the request");

    BEGIN(field);
    assert_int_equal(run(&plain), ERR_UPSTREAM_REQUEST); /* has nothing to adapt */
}

static void test_models(void **state)
{
    (void)state;
    const struct answer missing = {.status = 404, .code = "model_not_found"};
    const struct answer field = {.status = 400, .param_is_ours = true};
    BEGIN(field, {.status = 500}, {.status = 500}, missing, field, field, field, {.status = 500},
          {.status = 500}, {.status = 200});
    world.models_left = 1; /* for which all begins anew */
    assert_int_equal(run(&able), OK);
    all_sent();
    assert_int_equal(world.model_changes, 1);

    BEGIN(missing, missing, missing);
    world.models_left = 2;
    assert_int_equal(run(&able), ERR_UPSTREAM_REQUEST);
    all_sent();
    assert_string_equal(detail(), "openai answered 404 (model_not_found): it refuses the request");

    const struct answer unusable = {.status = 200, .unusable = true};
    BEGIN(unusable, missing, unusable, {.status = 200}); /* nor was the other one's answer */
    world.models_left = 1;
    assert_int_equal(run(&able), OK);
    all_sent();
    assert_true(world.complaining[1]);
    assert_false(world.complaining[2]);
    assert_true(world.complaining[3]);

    BEGIN(missing);
    assert_int_equal(run(&plain), ERR_UPSTREAM_REQUEST);
}

static void test_unusable(void **state)
{
    (void)state;
    BEGIN({.status = 200, .unusable = true}, {.status = 500}, {.status = 200});
    assert_int_equal(run(&able), OK);
    all_sent();
    assert_false(world.complaining[0]);
    assert_true(world.complaining[1]);
    assert_true(world.complaining[2]); /* still the same question */
    assert_int_equal(world.adapted, 1);
    assert_true(world.adapted_unusable);

    BEGIN({.status = 200, .unusable = true}, {.status = 200, .unusable = true});
    assert_int_equal(run(&plain), ERR_UPSTREAM);
    all_sent();
    assert_string_equal(detail(), "openai answered with something else than was asked for");

    BEGIN({.status = 200, .unusable = true},
          {.status = 200, .fault = HTTP_FAULT_REFUSED, .unusable = true, .code = "too_large"});
    assert_int_equal(run(&plain), ERR_UPSTREAM); /* our reader ended it */
    assert_string_equal(detail(),
                        "openai answered with something else than was asked for (too_large)");
    BEGIN({.status = 302});
    assert_int_equal(run(&plain), ERR_UPSTREAM);
    assert_string_equal(detail(), "openai answered with something else than was asked for");
}

/* Whoever judges an answer has to know whether another may come. */
static void test_the_last_answer(void **state)
{
    (void)state;
    const struct answer unusable = {.status = 200, .unusable = true};
    BEGIN(unusable, unusable);
    assert_int_equal(run(&able), ERR_UPSTREAM);
    assert_false(world.last[0]);
    assert_true(world.last[1]);

    BEGIN({.status = 500}, {.status = 500}, unusable); /* no try is left */
    assert_int_equal(run(&able), ERR_UPSTREAM);
    assert_false(world.last[1]);
    assert_true(world.last[2]);

    BEGIN(unusable); /* no retry is left for anybody */
    world.upstream.budget.since_ms = virtual_now_ms;
    world.upstream.budget.retries = 10;
    assert_int_equal(run(&able), ERR_UPSTREAM);
    assert_true(world.last[0]);
    assert_int_equal(world.upstream.budget.retries, 10);

    BEGIN({.fault = HTTP_FAULT_STALE}, {.status = 400, .param_is_ours = true}, {.status = 500},
          unusable, {.status = 200});
    assert_int_equal(run(&able), OK);
    assert_false(world.last[3]);
    assert_true(world.last[4]);
}

static void test_wrong_key(void **state)
{
    (void)state;
    BEGIN({.status = 401, .code = "invalid_api_key"}, {.status = 200});
    assert_int_equal(run(&able), ERR_UPSTREAM_CONFIG);
    assert_string_equal(detail(), "openai answered 401 (invalid_api_key): check OPENAI_API_KEY");

    BEGIN({.status = 402});
    assert_int_equal(run(&able), ERR_QUOTA);
    BEGIN({.status = 400, .code = "moderation_blocked"});
    assert_int_equal(run(&able), ERR_REFUSED);
    assert_string_equal(detail(), "openai: its policy refuses the content (moderation_blocked)");
}

/* By which the service's support can find the request. */
static void test_details_name_the_services_request(void **state)
{
    (void)state;
    BEGIN({.status = 401, .code = "invalid_api_key", .headers = {{"x-request-id", "req_8f"}}});
    assert_int_equal(run(&able), ERR_UPSTREAM_CONFIG);
    assert_string_equal(detail(), "openai answered 401 (invalid_api_key, request req_8f): "
                                  "check OPENAI_API_KEY");
    BEGIN({.status = 402, .headers = {{"X-Request-Id", "req_9"}}});
    assert_int_equal(run(&able), ERR_QUOTA);
    assert_string_equal(detail(), "openai answered 402 (request req_9): its credits are used up, "
                                  "or a spending limit is reached");
    BEGIN({.status = 400, .code = "moderation_blocked", .headers = {{"x-request-id", "req_10"}}});
    assert_int_equal(run(&able), ERR_REFUSED);
    assert_string_equal(detail(), "openai: its policy refuses the content "
                                  "(moderation_blocked, request req_10)");
    BEGIN({.status = 200, .unusable = true, .headers = {{"x-request-id", "req_11"}}});
    world.upstream.budget.since_ms = virtual_now_ms;
    world.upstream.budget.retries = 10;
    assert_int_equal(run(&able), ERR_UPSTREAM);
    assert_string_equal(detail(), "openai answered with something else than was asked for "
                                  "(request req_11)");
}

static void test_breaker(void **state)
{
    (void)state;
    BEGIN({.status = 401}, {.status = 500}, {.status = 200});
    start(&able, FAR_MS);
    virtual_loop_advance(&world.loop, ANSWER_MS);
    assert_string_equal(gate_state_name(&world.upstream.gate), "open");
    upstream_call_clear(&world.call);
    start(&able, FAR_MS);
    virtual_loop_settle(&world.loop);
    assert_int_equal(world.finishes, 2);
    assert_int_equal(op_error(&world.call.op)->code, ERR_BREAKER_OPEN);
    assert_int_equal(world.sent, 1);

    virtual_loop_advance(&world.loop, 2 * OPEN_MS); /* the probe fails, and rests in vain */
    start(&able, FAR_MS);
    virtual_loop_advance(&world.loop, 1000);
    assert_int_equal(op_error(&world.call.op)->code, ERR_BREAKER_OPEN);
    assert_int_equal(world.sent, 2);
    assert_string_equal(gate_state_name(&world.upstream.gate), "open");
    upstream_call_clear(&world.call);

    virtual_loop_advance(&world.loop, OPEN_MS);
    start(&able, FAR_MS);
    virtual_loop_advance(&world.loop, ANSWER_MS);
    assert_string_equal(gate_state_name(&world.upstream.gate), "closed");
    assert_int_equal(world.upstream.failures, 3);
    world.finishes = 1;
    assert_int_equal(end(), OK);
}

static void test_rate_limit_headers(void **state)
{
    (void)state;
    static const struct {
        const char *headers[4][2];
        uint64_t held_ms;
    } said[] = {
        {{{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "1m0.5s"}},
         60000},
        {{{"x-ratelimit-remaining-tokens", "0"}, {"x-ratelimit-reset-tokens", "250ms"}}, 250},
        {{{"x-ratelimit-remaining-tokens", "999"}, {"x-ratelimit-reset-tokens", "250ms"}}, 250},
        {{{"x-ratelimit-remaining-tokens", "1000"}, {"x-ratelimit-reset-tokens", "250ms"}}, 0},
        {{{"x-ratelimit-remaining-tokens", "500"},
          {"x-ratelimit-reset-tokens", "250ms"},
          {"x-ratelimit-limit-tokens", "50500"}},
         3},
        {{{"x-ratelimit-remaining-requests", "1"}, {"x-ratelimit-reset-requests", "250ms"}}, 0},
        {{{"x-ratelimit-remaining-tokens", "0"}}, 0},
        {{{"x-ratelimit-remaining-tokens", "0"}, {"x-ratelimit-reset-tokens", "-1"}}, 0},
    };
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        BEGIN({.status = 200});
        memcpy(world.script[0].headers, said[i].headers, sizeof(said[i].headers));
        start(&able, FAR_MS);
        virtual_loop_advance(&world.loop, ANSWER_MS);
        const uint64_t until = world.upstream.gate.held_until_ms;
        assert_int_equal(until, said[i].held_ms ? virtual_now_ms + said[i].held_ms : 0);
        assert_int_equal(end(), OK);
    }
}

static void test_too_much_for_the_service(void **state)
{
    (void)state;
    BEGIN({.status = 503, .code = "slow_down"}, {.status = 429}, {.status = 200}, {.status = 200});
    gate_clear(&world.upstream.gate);
    gate_init(&world.upstream.gate, &world.loop, "openai", &(struct gate_settings){.places = 9});
    start(&able, FAR_MS);
    virtual_loop_advance(&world.loop, ANSWER_MS);
    assert_int_equal(world.upstream.gate.settings.places, 4);
    virtual_loop_advance(&world.loop, 500 + ANSWER_MS);
    assert_int_equal(world.upstream.gate.settings.places, 3);
    virtual_loop_advance(&world.loop, FAR_MS / 2);
    assert_int_equal(world.finishes, 1);
    assert_int_equal(world.upstream.gate.settings.places, 3);
    upstream_call_clear(&world.call);
    world.finishes = 0;
    start(&able, FAR_MS);
    virtual_loop_advance(&world.loop, ANSWER_MS);
    assert_int_equal(world.upstream.gate.settings.places, 4); /* one comes back */
    assert_int_equal(end(), OK);
    all_sent();
}

/* --- places --------------------------------------------------------------------------------- */

static void nobody_hears(struct op *op, void *context)
{
    (void)op;
    (void)context;
}

static void test_inside_a_place_of_the_callers(void **state)
{
    (void)state;
    BEGIN({.status = 500}, {.status = 401});
    struct gate_pass job;
    gate_enter(&job, root(&world.loop, nobody_hears, NULL), &world.upstream.gate,
               &(struct gate_rank){0});
    virtual_loop_settle(&world.loop);
    upstream_call_start_inside(&world.call, root(&world.loop, on_finish, NULL), &able,
                               &world.upstream, &job, virtual_now_ms + FAR_MS);
    virtual_loop_advance(&world.loop, ANSWER_MS);
    assert_int_equal(world.upstream.gate.taken, 1); /* while it rests */
    virtual_loop_advance(&world.loop, 1000);
    assert_int_equal(world.upstream.gate.taken, 1); /* when it is over */
    assert_string_equal(gate_state_name(&world.upstream.gate), "open");
    assert_true(world.call.queue_seconds == 0);
    gate_leave(&job);
    assert_int_equal(end(), ERR_UPSTREAM_CONFIG);
    all_sent();
}

/* --- disturbed ------------------------------------------------------------------------------ */

static struct gate_pass blocker;

/* A call that waits at the gate, loses a connection, rests, drops a field, changes its model,
 * complains, and gets its answer. */
static void begin_eventful(void)
{
    BEGIN({.fault = HTTP_FAULT_STALE}, {.status = 500}, {.status = 400, .param_is_ours = true},
          {.status = 404, .code = "model_not_found"}, {.status = 200, .unusable = true},
          {.status = 200});
    world.models_left = 1;
    gate_enter(&blocker, root(&world.loop, nobody_hears, NULL), &world.upstream.gate,
               &(struct gate_rank){0});
    virtual_loop_settle(&world.loop);
}

/* The next thing that happens: a deferred call, the blocker's leaving, a timer. */
static bool step(void)
{
    if (virtual_loop_step(&world.loop))
        return true;
    if (blocker.inside) {
        gate_leave(&blocker);
        return true;
    }
    return world.finishes == 0 && virtual_loop_fire(&world.loop, UINT64_MAX);
}

static size_t count_events(void)
{
    begin_eventful();
    start(&able, FAR_MS);
    size_t events = 0;
    while (step())
        events++;
    all_sent();
    assert_int_equal(end(), OK);
    return events;
}

static void test_cancel_at_every_event(void **state)
{
    (void)state;
    const size_t events = count_events();
    assert_true(events > 40);
    size_t cancelled = 0;
    for (size_t at = 0; at < events; at++) {
        begin_eventful();
        start(&able, FAR_MS);
        for (size_t i = 0; i < at; i++)
            step();
        op_cancel(&world.call.op);
        const uint64_t now = virtual_now_ms;
        while (step())
            ;
        assert_int_equal(virtual_now_ms, now); /* at once */
        const enum err err = end();
        assert_true(err == ERR_CANCELLED || (err == OK && at + 2 > events));
        cancelled += err == ERR_CANCELLED;
        assert_int_equal(world.upstream.failures, 0);
    }
    assert_true(cancelled + 2 >= events);
}

static void test_deadline_at_every_moment(void **state)
{
    (void)state;
    begin_eventful();
    start(&able, FAR_MS);
    while (step())
        ;
    const uint64_t whole_ms = virtual_now_ms - 1000 * 1000;
    assert_int_equal(end(), OK);
    size_t without_rest = 0;
    for (uint64_t deadline = 0; deadline + 150 < whole_ms; deadline += 25) {
        begin_eventful();
        start(&able, deadline);
        gate_leave(&blocker);
        virtual_loop_advance(&world.loop, deadline);
        assert_int_equal(world.finishes, 1);
        const enum err err = end();
        /* Where a rest would have gone past it, the reason for the rest. */
        assert_true(err == ERR_DEADLINE || err == ERR_UPSTREAM);
        without_rest += err == ERR_UPSTREAM;
        assert_int_equal(world.upstream.failures, 1);
        if (err == ERR_DEADLINE)
            assert_non_null(strstr(detail(), "openai "));
    }
    assert_true(without_rest > 5);

    BEGIN({.status = 200});
    start(&able, ANSWER_MS / 2);
    virtual_loop_advance(&world.loop, ANSWER_MS);
    assert_int_equal(end(), ERR_DEADLINE);
    assert_string_equal(detail(), "openai did not answer in time");
}

/* --- the log -------------------------------------------------------------------------------- */

static struct {
    FILE *file;
    int real_stderr;
    char lines[64 * 1024];
} logged;

static void log_begin(enum log_level level)
{
    logged.file = tmpfile();
    assert_non_null(logged.file);
    logged.real_stderr = dup(STDERR_FILENO);
    assert_true(dup2(fileno(logged.file), STDERR_FILENO) >= 0);
    log_init(level, LOG_FORMAT_LOGFMT);
}

static const char *log_end(void)
{
    log_flush();
    log_init(LOG_WARN, LOG_FORMAT_TEXT);
    dup2(logged.real_stderr, STDERR_FILENO);
    close(logged.real_stderr);
    const ssize_t length = pread(fileno(logged.file), logged.lines, sizeof(logged.lines) - 1, 0);
    fclose(logged.file);
    assert_true(length >= 0);
    logged.lines[length] = '\0';
    return logged.lines;
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (; (text = strstr(text, what)); text++)
        count++;
    return count;
}

static void test_log(void **state)
{
    (void)state;
    log_begin(LOG_DEBUG);

    BEGIN({.status = 500, .code = "server_error", .headers = {{"x-request-id", "req_8f"}}},
          {.status = 429, .code = key, .headers = {{"x-request-id", key}}},
          {.status = 401, .code = "two words\n", .headers = {{"x-request-id", "a=b\r\n"}}});
    const enum err err = run(&able);

    const char *lines = log_end();
    assert_int_equal(err, ERR_UPSTREAM_CONFIG);
    assert_null(strstr(lines, key));
    assert_null(strstr(detail(), key));
    assert_string_equal(detail(), "openai answered 401: check OPENAI_API_KEY");
    assert_non_null(strstr(lines, "level=info event=upstream_call id=b7 service=openai "
                                  "call=analysis try=1 status=500 fault=none seconds="));
    assert_non_null(strstr(lines, " decision=retry code=server_error x_request_id=req_8f\n"));
    assert_non_null(strstr(lines, "try=2 status=429"));
    assert_non_null(strstr(lines, " decision=retry code=\"\" x_request_id=\"\"\n"));
    assert_non_null(strstr(lines, " decision=fail code=\"\" x_request_id=\"\"\n"));
    assert_non_null(strstr(lines, "level=warn event=breaker id=b7 service=openai state=open\n"));
    assert_int_equal(count_of(lines, "event=upstream_call "), 3); /* one each */
}

/* Once, from a place of the caller's; returns how many lines the log has of it. */
static size_t poll_once(enum log_level level, const struct answer *answer, enum err expected)
{
    begin(answer, 1);
    struct gate_pass job;
    gate_enter(&job, root(&world.loop, nobody_hears, NULL), &world.upstream.gate,
               &(struct gate_rank){0});
    virtual_loop_settle(&world.loop);
    log_begin(level);
    upstream_call_start_inside(&world.call, root(&world.loop, on_finish, NULL), &poll,
                               &world.upstream, &job, virtual_now_ms + FAR_MS);
    virtual_loop_advance(&world.loop, FAR_MS - 1);
    const size_t lines = count_of(log_end(), "event=upstream_call ");
    assert_int_equal(world.upstream.calls, 0);
    assert_int_equal(world.upstream.failures, 0);
    assert_int_equal(world.upstream.budget.calls, 0);
    assert_int_equal(world.upstream.gate.report_count, 0);
    gate_leave(&job);
    assert_int_equal(op_error(&world.call.op)->code, expected);
    return lines;
}

static void test_polls_are_quiet(void **state)
{
    (void)state;
    assert_int_equal(poll_once(LOG_INFO, &(struct answer){.status = 200}, OK), 0);
    assert_int_equal(end(), OK);
    assert_int_equal(poll_once(LOG_DEBUG, &(struct answer){.status = 200}, OK), 1);
    assert_int_equal(end(), OK);
    assert_int_equal(poll_once(LOG_INFO, &(struct answer){.status = 503}, ERR_UPSTREAM), 1);
    assert_int_equal(gate_state_now(&world.upstream.gate), GATE_CLOSED);
    assert_int_equal(end(), ERR_UPSTREAM);
    assert_int_equal(poll_once(LOG_INFO, &(struct answer){.status = 402}, ERR_QUOTA), 1);
    assert_true(world.upstream.gate.fatal); /* what concerns all of them is told at once */
    assert_int_equal(end(), ERR_QUOTA);
}

int main(void)
{
    log_init(LOG_ERROR, LOG_FORMAT_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success),
        cmocka_unit_test(test_retries_rest_without_a_place),
        cmocka_unit_test(test_tries_end),
        cmocka_unit_test(test_no_connection),
        cmocka_unit_test(test_the_servers_wait),
        cmocka_unit_test(test_too_long_a_wait),
        cmocka_unit_test(test_told_not_to_retry),
        cmocka_unit_test(test_no_budget),
        cmocka_unit_test(test_stale_connection),
        cmocka_unit_test(test_adapting),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_unusable),
        cmocka_unit_test(test_the_last_answer),
        cmocka_unit_test(test_wrong_key),
        cmocka_unit_test(test_details_name_the_services_request),
        cmocka_unit_test(test_breaker),
        cmocka_unit_test(test_rate_limit_headers),
        cmocka_unit_test(test_too_much_for_the_service),
        cmocka_unit_test(test_inside_a_place_of_the_callers),
        cmocka_unit_test(test_cancel_at_every_event),
        cmocka_unit_test(test_deadline_at_every_moment),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_polls_are_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
