/*
 * model_watch.h with an HTTP client that answers from a table, on a loop whose clock the test
 * turns, and on a calendar that it turns, too.
 */
#include "upstream/model_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "unit/io/virtual_loop.h"

enum { ANSWER_MS = 100, URLS_MAX = 64, DAY = 86400 };

#define BASE      "https://api.openai.com/v1"
#define NOT_FOUND "{\"error\":{\"message\":\"x\",\"code\":\"model_not_found\"}}"

static const char key[] = "sk-very-secret-0123456789";

static struct {
    struct loop loop;
    struct upstream upstream;
    struct model_watch watch;
    time_t now_s;
    /* what every model is answered */
    int status;
    const char *body;
    enum http_fault fault;
    /* the HTTP client */
    struct loop_timer answering;
    struct http_call *at_work; /* one at most: they are asked about one after the other */
    char urls[URLS_MAX][512];
    size_t sent, cleared;
    char authorization[64]; /* of the latest request; "" */
    FILE *log;
    int real_stderr;
} world;

/* The calendar. */
time_t time(time_t *out)
{
    if (out)
        *out = world.now_s;
    return world.now_s;
}

/* --- the HTTP client ------------------------------------------------------------------------ */

static void on_answer(struct loop_timer *timer)
{
    (void)timer;
    struct http_call *call = world.at_work;
    world.at_work = NULL;
    call->status = world.status;
    call->fault = world.fault;
    assert_int_equal(buffer_puts(&call->body, world.body), OK);
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
    assert_string_equal(request->method, "GET");
    assert_false(request->follow_public); /* no redirect gets to see the key */
    assert_int_equal(request->limits.total_ms, 10000);
    assert_int_equal(request->limits.body_max, 64 * 1024);
    assert_true(world.sent < URLS_MAX);
    snprintf(world.urls[world.sent++], sizeof(world.urls[0]), "%s", request->url);
    world.authorization[0] = '\0';
    for (size_t i = 0; i < request->header_count; i++)
        if (strcmp(request->headers[i].name, "Authorization") == 0)
            snprintf(world.authorization, sizeof(world.authorization), "%s",
                     request->headers[i].value);
    call->client = client;
    buffer_init(&call->body, 64 * 1024);
    op_start(&call->op, &http_kind, link);
}

void http_call_clear(struct http_call *call)
{
    if (!call->client)
        return;
    assert_true(op_finished(&call->op));
    buffer_clear(&call->body);
    world.cleared++;
}

/* --- the world ------------------------------------------------------------------------------ */

static time_t at_date(const char *date)
{
    struct tm tm = {0};
    assert_non_null(strptime(date, "%Y-%m-%d", &tm));
    return timegm(&tm);
}

static int begin(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    world.loop = virtual_loop();
    world.upstream = (struct upstream){
        .name = "openai",
        .client = (struct http_client *)&world, /* never looked into */
        .base_url = BASE,
        .key = key,
    };
    world.now_s = at_date("2026-11-23") + DAY / 2;
    world.status = 200;
    world.body = "{\"id\":\"x\"}";
    world.log = tmpfile();
    assert_non_null(world.log);
    world.real_stderr = dup(STDERR_FILENO);
    assert_true(dup2(fileno(world.log), STDERR_FILENO) >= 0);
    log_init(LOG_INFO, LOG_FORMAT_LOGFMT);
    model_watch_start(&world.watch, &world.loop, &world.upstream);
    return 0;
}

/* What was logged since the last look, without the times, in one static buffer. */
static const char *logged(void)
{
    static char lines[16 * 1024];
    log_flush();
    size_t length = 0;
    char line[4096];
    rewind(world.log);
    while (fgets(line, sizeof(line), world.log)) {
        const char *rest = strchr(line, ' ');
        assert_non_null(rest);
        length += (size_t)snprintf(lines + length, sizeof(lines) - length, "%s", rest + 1);
        assert_true(length < sizeof(lines));
    }
    lines[length] = '\0';
    assert_null(strstr(lines, "secret"));
    assert_int_equal(ftruncate(fileno(world.log), 0), 0);
    lseek(fileno(world.log), 0, SEEK_SET);
    return lines;
}

/* Stops it, if it was not yet; then nothing may be left behind. */
static int end(void **state)
{
    (void)state;
    model_watch_stop(&world.watch);
    virtual_loop_settle(&world.loop);
    assert_int_equal(virtual_timer_count, 0);
    assert_null(world.at_work);
    assert_int_equal(world.sent, world.cleared);
    (void)logged();
    log_init(LOG_WARN, LOG_FORMAT_TEXT);
    dup2(world.real_stderr, STDERR_FILENO);
    close(world.real_stderr);
    fclose(world.log);
    return 0;
}

static void answer(int status, const char *body)
{
    world.status = status;
    world.body = body;
}

/* Lets this round be over, or the next one. */
static void go_round(void)
{
    if (world.sent > 0)
        virtual_loop_advance(&world.loop, MODEL_WATCH_MS);
    virtual_loop_advance(&world.loop, MODEL_WATCH_MODELS_MAX * ANSWER_MS);
}

static const struct watched_model *model(size_t index)
{
    return &world.watch.models[index];
}

static void check(enum model_state state, const char *date, int days_left)
{
    assert_int_equal(model(0)->state, state);
    assert_string_equal(model(0)->shutdown_date, date);
    assert_int_equal(model(0)->days_left, days_left);
}

/* A round with that date, in JSON. */
static void go_round_with(const char *date)
{
    char body[128];
    snprintf(body, sizeof(body), "{\"id\":\"m\",\"object\":\"model\",\"shutdown_date\":%s}", date);
    answer(200, body);
    go_round();
    answer(500, "");
}

/* --- what is asked -------------------------------------------------------------------------- */

static void each_model_is_asked_about_once(void **state)
{
    (void)state;
    model_watch_add(&world.watch, " gpt-4o ,gpt-6-luna,, gpt-4o,");
    model_watch_add(&world.watch, "gpt-6-luna");
    model_watch_add(&world.watch, "");
    assert_int_equal(world.watch.count, 2);
    go_round();
    assert_int_equal(world.sent, 2);
    assert_string_equal(world.urls[0], BASE "/models/gpt-4o");
    assert_string_equal(world.urls[1], BASE "/models/gpt-6-luna");
    assert_string_equal(world.authorization, "Bearer sk-very-secret-0123456789");
    assert_int_equal(model(0)->state, MODEL_SERVED);
    assert_int_equal(model(1)->state, MODEL_SERVED);
    assert_string_equal(logged(), "");
}

static void a_local_server_needs_no_key(void **state)
{
    (void)state;
    world.upstream.key = NULL;
    model_watch_add(&world.watch, "llama3");
    go_round();
    assert_int_equal(world.sent, 1);
    assert_string_equal(world.authorization, "");
}

static void rounds_come_again(void **state)
{
    (void)state;
    model_watch_add(&world.watch, "a, b");
    virtual_loop_advance(&world.loop, 2 * ANSWER_MS);
    assert_int_equal(world.sent, 2);
    virtual_loop_advance(&world.loop, MODEL_WATCH_MS - 1);
    assert_int_equal(world.sent, 2);
    virtual_loop_advance(&world.loop, 1);
    assert_int_equal(world.sent, 3);
    virtual_loop_advance(&world.loop, 2 * ANSWER_MS);
    assert_int_equal(world.sent, 4);
}

static void without_models_nobody_is_asked(void **state)
{
    (void)state;
    virtual_loop_advance(&world.loop, 3 * (uint64_t)MODEL_WATCH_MS);
    assert_int_equal(world.sent, 0);
}

static void names_are_made_safe(void **state)
{
    (void)state;
    model_watch_add(&world.watch, "ft:gpt-4o_x:org::7p, meta/llama/3.1, a/../b");
    assert_int_equal(world.watch.count, 3);
    go_round();
    assert_string_equal(world.urls[0], BASE "/models/ft:gpt-4o_x:org::7p");
    assert_string_equal(world.urls[1], BASE "/models/meta%2Fllama%2F3.1");
    assert_string_equal(world.urls[2], BASE "/models/a%2F..%2Fb");
}

static void other_names_are_left_out(void **state)
{
    (void)state;
    static const char *const names[] = {
        ".",   "..",    "a b",         "a?b", "a#b",   "a%2e",       "a\\b",
        "a@b", "a\x7f", "caf\xC3\xA9", "a;b", "\"a\"", "a\nHost: b",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        model_watch_add(&world.watch, names[i]);
    char name[MODEL_NAME_BYTES + 1] = "";
    memset(name, '/', MODEL_NAME_BYTES);
    model_watch_add(&world.watch, name);
    assert_int_equal(world.watch.count, 0);
    name[MODEL_NAME_BYTES - 1] = '\0';
    model_watch_add(&world.watch, name);
    assert_int_equal(world.watch.count, 1);
    go_round();
    assert_int_equal(strlen(world.urls[0]), strlen(BASE "/models/") + 3 * (MODEL_NAME_BYTES - 1));
}

static void their_number_is_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof(name), "m%d", i);
        model_watch_add(&world.watch, name);
    }
    assert_int_equal(world.watch.count, MODEL_WATCH_MODELS_MAX);
    go_round();
    assert_int_equal(world.sent, MODEL_WATCH_MODELS_MAX);
}

/* --- what is learned ------------------------------------------------------------------------ */

static void a_date_that_is_near_is_warned_of_once(void **state)
{
    (void)state;
    model_watch_add(&world.watch, "gpt-4o");
    go_round_with("\"2027-01-22\"");
    check(MODEL_SERVED, "2027-01-22", 60);
    assert_string_equal(logged(), "");

    world.now_s = at_date("2026-11-24") - 1;
    go_round_with("\"2027-01-22\"");
    check(MODEL_SERVED, "2027-01-22", 60);
    world.now_s++;
    go_round_with("\"2027-01-22\"");
    check(MODEL_ENDING, "2027-01-22", 59);
    assert_string_equal(
        logged(),
        "level=warn event=model model=gpt-4o state=ending shutdown_date=2027-01-22 days_left=59\n");

    world.now_s += DAY;
    go_round_with("\"2027-01-22\"");
    check(MODEL_ENDING, "2027-01-22", 58);
    assert_string_equal(logged(), "");

    world.now_s = at_date("2027-01-24");
    go_round_with("\"2027-01-22\"");
    check(MODEL_ENDING, "2027-01-22", -2); /* it goes on for a while */
    assert_string_equal(logged(), "");

    answer(404, NOT_FOUND);
    go_round();
    check(MODEL_GONE, "2027-01-22", -2);
    assert_string_equal(
        logged(),
        "level=warn event=model model=gpt-4o state=gone shutdown_date=2027-01-22 days_left=-2\n");

    go_round_with("null"); /* after all */
    check(MODEL_SERVED, "", 0);
    assert_string_equal(logged(), "level=info event=model model=gpt-4o state=served\n");
}

static void a_model_that_is_gone_is_warned_of_once(void **state)
{
    (void)state;
    model_watch_add(&world.watch, "gpt-4");
    answer(404, NOT_FOUND);
    go_round();
    check(MODEL_GONE, "", 0);
    assert_string_equal(logged(), "level=warn event=model model=gpt-4 state=gone\n");
    go_round();
    assert_string_equal(logged(), "");
}

static void servers_without_the_route_are_left_alone(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
    } answers[] = {
        {404, ""},
        {404, "404 page not found"},
        {404, "{\"detail\":\"Not Found\"}"},
        {404, "{\"error\":\"no\"}"},
        {404, "{\"error\":null}"},
        {404, "[\"error\"]"},
        {404, "{\"error\":{\"code\":404,\"message\":\"File Not Found\"}}"},
        {405, NOT_FOUND},
        {501, "<html>"},
        {302, ""},
        {200, "<html>index</html>"},
        {200, ""},
        {200, "{}"},
        {200, "[]"},
        {200, "{\"id\":7}"},
        {200, "{\"object\":\"list\",\"data\":[]}"},
        {500, "{\"id\":\"m\"}"},
        {401, "{\"error\":{\"code\":\"invalid_api_key\"}}"},
    };
    model_watch_add(&world.watch, "llama3");
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        answer(answers[i].status, answers[i].body);
        go_round();
        assert_int_equal(world.sent, i + 1);
        check(MODEL_UNKNOWN, "", 0);
    }
    answer(200, "{\"id\":\"m\"}");
    world.fault = HTTP_FAULT_CUT;
    go_round();
    check(MODEL_UNKNOWN, "", 0);
    assert_string_equal(logged(), "");
}

static void what_was_known_stays_without_news(void **state)
{
    (void)state;
    model_watch_add(&world.watch, "gpt-4o");
    go_round_with("\"2027-01-23\"");
    check(MODEL_SERVED, "2027-01-23", 61);
    world.now_s += 10 * DAY;
    answer(503, "");
    go_round();
    check(MODEL_ENDING, "2027-01-23", 51); /* the days go by all the same */
    assert_string_equal(
        logged(),
        "level=warn event=model model=gpt-4o state=ending shutdown_date=2027-01-23 days_left=51\n");
    answer(404, NOT_FOUND);
    go_round();
    answer(404, "");
    go_round();
    check(MODEL_GONE, "2027-01-23", 51);
}

static void dates_are_read_strictly(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\"\"",
        "\"2027-1-22\"",
        "\"2027-01-22T00:00:00Z\"",
        "\"2027/01/22\"",
        "\"2027-13-01\"",
        "\"2027-00-01\"",
        "\"2027-02-29\"",
        "\"2027-02-30\"",
        "\"2027-01-00\"",
        "\"2027-01-32\"",
        "\" 2027-1-22\"",
        "\"+027-01-22\"",
        "\"1969-12-31\"",
        "\"2027-01-22\\n\"",
        "20270122",
        "true",
        "[]",
        "{}",
        "\"soon\"",
        "\"2027-01-2\\u0000\"",
    };
    model_watch_add(&world.watch, "m");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        go_round_with(wrong[i]);
        assert_int_equal(world.sent, i + 1);
        check(MODEL_UNKNOWN, "", 0);
    }
    go_round_with("\"2028-02-29\"");
    check(MODEL_SERVED, "2028-02-29", 463);
    go_round_with("\"9999-12-31\"");
    check(MODEL_SERVED, "9999-12-31", 2912116);
    assert_string_equal(logged(), "");
}

/* --- its end -------------------------------------------------------------------------------- */

static void nothing_happens_after_a_stop_before_the_loop(void **state)
{
    (void)state;
    model_watch_add(&world.watch, "a");
    model_watch_stop(&world.watch);
    model_watch_stop(&world.watch);
    virtual_loop_advance(&world.loop, MODEL_WATCH_MS);
    assert_int_equal(world.sent, 0);
}

/* One deferred call or timer, of the first round and the wait after it. */
static bool step(uint64_t until_ms)
{
    return virtual_loop_step(&world.loop) || virtual_loop_fire(&world.loop, until_ms);
}

static void it_can_be_stopped_at_every_event(void **state)
{
    size_t events = 0, stopped_at_work = 0;
    for (bool was_over = false; !was_over; events++) {
        (void)end(state);
        (void)begin(state);
        model_watch_add(&world.watch, "a,b");
        const uint64_t until_ms = virtual_now_ms + MODEL_WATCH_MS / 2;
        for (size_t i = 0; i < events && !was_over; i++)
            was_over = !step(until_ms);
        stopped_at_work += world.at_work != NULL;
        model_watch_stop(&world.watch);
        const uint64_t now = virtual_now_ms;
        const size_t sent = world.sent;
        while (step(UINT64_MAX))
            ;
        assert_int_equal(virtual_now_ms, now); /* at once, and the loop has nothing left to do */
        assert_int_equal(world.sent, sent);
        assert_int_equal(world.sent, world.cleared);
    }
    assert_true(events > 10);
    assert_int_equal(stopped_at_work, 2); /* in both calls */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(each_model_is_asked_about_once),
        TEST(a_local_server_needs_no_key),
        TEST(rounds_come_again),
        TEST(without_models_nobody_is_asked),
        TEST(names_are_made_safe),
        TEST(other_names_are_left_out),
        TEST(their_number_is_bounded),
        TEST(a_date_that_is_near_is_warned_of_once),
        TEST(a_model_that_is_gone_is_warned_of_once),
        TEST(servers_without_the_route_are_left_alone),
        TEST(what_was_known_stays_without_news),
        TEST(dates_are_read_strictly),
        TEST(nothing_happens_after_a_stop_before_the_loop),
        TEST(it_can_be_stopped_at_every_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
