/*
 * exchange_world.h: an application behind the HTTP front end, for its tests. It does what the path
 * of a request says (see `routes`), and counts: each exchange it was given has to end exactly once.
 *
 *     begin_serving();
 *     ...                  // run_round, sweep; world.sent and so on
 *     end();               // when all clients are gone, so is everything: no descriptor is left
 *
 * The sweep for slow clients comes once a second; here it is made to come at once, and the clocks
 * of exchanges are put back instead of waiting (hence connection.h).
 */
#ifndef TESTS_EXCHANGE_WORLD_H
#define TESTS_EXCHANGE_WORLD_H

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/connection.h"

enum {
    WATCHDOG_S = 300, /* a loop that waits for what never comes is a failure as well */
    HEADER_MAX = 8 * 1024,
    LONG_AGO_MS = 3600 * 1000,
};

/* --- the application -------------------------------------------------------------------------- */

enum behaviour {
    ANSWER_AT_ONCE,      /* in on_headers */
    ANSWER_AT_THE_END,   /* in on_body_end */
    ANSWER_LATER,        /* a millisecond after it */
    ANSWER_NEVER,        /* unless the test does */
    ANSWER_FIRST_PIECE,  /* in on_body */
    PAUSE,               /* takes each piece when it is offered again, a round later */
    PAUSE_FOR_EVER,      /* takes none */
    ANSWER_WHILE_PAUSED, /* takes none, and answers a round later */
};

static const struct {
    const char *path;
    enum behaviour behaviour;
    int status;
} routes[] = {
    {"/now", ANSWER_AT_ONCE, 200},
    {"/end", ANSWER_AT_THE_END, 200},
    {"/later", ANSWER_LATER, 200},
    {"/never", ANSWER_NEVER, 200},
    {"/early", ANSWER_AT_ONCE, 413},
    {"/middle", ANSWER_FIRST_PIECE, 413},
    {"/pause", PAUSE, 200},
    {"/stall", PAUSE_FOR_EVER, 200},
    {"/early-later", ANSWER_WHILE_PAUSED, 413},
};

struct request {
    struct exchange *exchange;
    enum behaviour behaviour;
    int status;
    bool paused, held; /* waits for its resume; has its whole body and waits for its answer */
    uint64_t bytes;    /* of the body */
    uint32_t sum;
    struct deferred next_round;
    struct loop_timer timer;
    struct request *next, **link;
};

static struct {
    struct loop loop;
    struct http_settings settings;
    struct http_server *server;
    struct request *requests; /* not ended */
    size_t descriptors;
    size_t begun, gone, sent, refused, slow;
    size_t held;
    bool over_limit;           /* as the last exchange said */
    enum reply_body body_kind; /* of the answers */
    size_t answer_bytes;       /* of large ones, whatever they are made of; 0: they are small */
    bool close;                /* ends the connection after the answer */
    void (*on_headers)(struct exchange *exchange); /* to look at a request; NULL */
    unsigned random;
} world;

static inline unsigned random_below(unsigned limit)
{
    world.random = world.random * 1664525u + 1013904223u;
    return (world.random >> 8) % limit;
}

static inline uint32_t sum_of(uint32_t sum, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        sum = sum * 31 + (unsigned char)bytes[i];
    return sum;
}

/* A body of these many bytes. */
static inline char *body_of(size_t length)
{
    char *body = malloc(length + 1);
    for (size_t i = 0; i < length; i++)
        body[i] = (char)('a' + (i * 7 + i / 100) % 26);
    body[length] = '\0';
    return body;
}

/* The body in the middle of a file, or of a large one all of it. */
static inline void put_in_file(struct reply *reply, const char *text)
{
    reply->body = NULL;
    reply->file = memfd_create("reply", MFD_CLOEXEC);
    assert_true(reply->file >= 0);
    if (world.answer_bytes > 0) {
        assert_int_equal(ftruncate(reply->file, (off_t)world.answer_bytes), 0);
        reply->body_length = world.answer_bytes;
        return;
    }
    reply->file_offset = 5;
    assert_true(dprintf(reply->file, "12345%s67890", text) > 0);
}

/* Says what was received. The exchange may be over when this returns, and the request with it. */
static inline void answer(struct request *request, int status)
{
    static char fixed[160];
    char text[160];
    const int length = snprintf(
        text, sizeof(text), "%s %s %llu %08x", exchange_method(request->exchange),
        exchange_path(request->exchange), (unsigned long long)request->bytes, request->sum);
    struct reply reply = {.status = status,
                          .body = text,
                          .body_length = (size_t)length,
                          .body_kind = world.body_kind,
                          .close = world.close};
    if (world.body_kind == REPLY_BODY_FILE)
        put_in_file(&reply, text);
    else if (world.answer_bytes > 0)
        reply = (struct reply){.status = status,
                               .body = body_of(world.answer_bytes),
                               .body_length = world.answer_bytes,
                               .body_kind = REPLY_BODY_TAKE};
    else if (world.body_kind == REPLY_BODY_TAKE)
        reply.body = strdup(text);
    else if (world.body_kind == REPLY_BODY_STATIC)
        reply.body = strcpy(fixed, text);
    reply_header(&reply, "Content-Type", "text/plain");
    if (request->held)
        world.held--;
    request->held = false;
    exchange_answer(request->exchange, &reply);
}

static inline void on_next_round(struct deferred *deferred)
{
    struct request *request = container_of(deferred, struct request, next_round);
    if (request->behaviour == ANSWER_WHILE_PAUSED)
        answer(request, request->status);
    else
        exchange_resume_body(request->exchange); /* comes back with paused still set */
}

static inline void on_later(struct loop_timer *timer)
{
    struct request *request = container_of(timer, struct request, timer);
    answer(request, request->status);
}

static inline void on_headers(struct exchange *exchange, void *context)
{
    assert_ptr_equal(context, &world);
    struct request *request = calloc(1, sizeof(*request));
    request->exchange = exchange;
    request->behaviour = ANSWER_AT_THE_END;
    request->status = 404;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(routes[i].path, exchange_path(exchange)) == 0) {
            request->behaviour = routes[i].behaviour;
            request->status = routes[i].status;
        }
    }
    request->next_round.run = on_next_round;
    request->next = world.requests;
    request->link = &world.requests;
    if (request->next)
        request->next->link = &request->next;
    world.requests = request;
    world.begun++;
    world.over_limit = exchange_over_limit(exchange);
    assert_null(exchange_user(exchange));
    exchange_set_user(exchange, request);
    if (world.on_headers)
        world.on_headers(exchange);
    if (request->behaviour == ANSWER_AT_ONCE)
        answer(request, request->status);
}

static inline enum body_flow on_body(struct exchange *exchange, const char *bytes, size_t length)
{
    struct request *request = exchange_user(exchange);
    assert_non_null(request);
    assert_true(length > 0);
    switch (request->behaviour) {
    case ANSWER_FIRST_PIECE:
        answer(request, request->status);
        return BODY_TAKEN;
    case PAUSE:
        request->paused = !request->paused;
        if (request->paused) {
            loop_defer(&world.loop, &request->next_round);
            return BODY_WAIT;
        }
        break;
    case ANSWER_WHILE_PAUSED:
        loop_defer(&world.loop, &request->next_round);
        return BODY_WAIT;
    case PAUSE_FOR_EVER:
        return BODY_WAIT;
    default:
        break;
    }
    request->bytes += length;
    request->sum = sum_of(request->sum, bytes, length);
    return BODY_TAKEN;
}

static inline void on_body_end(struct exchange *exchange)
{
    struct request *request = exchange_user(exchange);
    assert_non_null(request);
    if (request->behaviour == ANSWER_LATER) {
        loop_timer_start(&world.loop, &request->timer, 1, on_later);
    } else if (request->behaviour == ANSWER_NEVER) {
        request->held = true;
        world.held++;
    } else {
        answer(request, request->status);
    }
}

static inline void request_end(struct exchange *exchange)
{
    struct request *request = exchange_user(exchange);
    assert_non_null(request); /* else it has ended before */
    assert_ptr_equal(request->exchange, exchange);
    loop_timer_stop(&world.loop, &request->timer);
    loop_defer_cancel(&world.loop, &request->next_round);
    world.held -= request->held;
    *request->link = request->next;
    if (request->next)
        request->next->link = request->link;
    free(request);
}

static inline void on_gone(struct exchange *exchange)
{
    world.gone++;
    request_end(exchange);
}

static inline void on_sent(struct exchange *exchange)
{
    world.sent++;
    request_end(exchange);
}

static inline void on_slow_body(struct exchange *exchange)
{
    world.slow++;
    answer(exchange_user(exchange), 408);
}

static inline void on_refusal(void *context, int status, const char *detail, struct reply *out)
{
    assert_ptr_equal(context, &world);
    assert_true(strlen(detail) > 0);
    world.refused++;
    out->status = status;
    out->body = "refused";
    out->body_length = strlen(out->body);
    out->body_kind = REPLY_BODY_STATIC;
}

static const struct http_callbacks callbacks = {
    .context = &world,
    .on_headers = on_headers,
    .on_body = on_body,
    .on_body_end = on_body_end,
    .on_gone = on_gone,
    .on_sent = on_sent,
    .on_slow_body = on_slow_body,
    .on_refusal = on_refusal,
};

/* --- the server ------------------------------------------------------------------------------- */

static inline size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static inline void begin(void)
{
    memset(&world, 0, sizeof(world));
    world.random = 3;
    world.settings = (struct http_settings){
        .address = "127.0.0.1",
        .connections_max = 1000,
        .header_bytes_max = HEADER_MAX,
        .idle_timeout_ms = 60 * 1000,
        .header_timeout_ms = 60 * 1000,
        .body_rate_min = 1000,
    };
    world.descriptors = count_descriptors();
    assert_int_equal(loop_init(&world.loop), OK);
}

static inline void serve(void)
{
    struct error error = {0};
    assert_int_equal(
        http_server_new(&world.loop, &world.settings, &callbacks, &error, &world.server), OK);
    assert_true(http_server_port(world.server) > 0);
}

static inline void begin_serving(void)
{
    begin();
    serve();
}

static inline void run_round(void)
{
    uv_run(&world.loop.uv, UV_RUN_NOWAIT);
    size_t live = 0;
    for (const struct request *request = world.requests; request; request = request->next)
        live++;
    assert_int_equal(world.begun, world.gone + world.sent + live);
}

static inline void sweep(void)
{
    loop_timer_start(&world.loop, &world.server->sweep, 0, world.server->sweep.on_expiry);
    run_round();
}

/* Some of those who leave are noticed by a sweep only. */
static inline void run_until_connections(size_t count)
{
    for (size_t round = 1; http_server_connections(world.server) != count; round++) {
        if (round % 8 == 0)
            sweep();
        run_round();
    }
}

static inline void end_serving(void)
{
    http_server_free(world.server);
    assert_null(world.requests);
    assert_int_equal(world.begun, world.gone + world.sent);
    loop_clear(&world.loop);
    assert_int_equal(count_descriptors(), world.descriptors);
}

/* When all clients are gone, so is everything. */
static inline void end(void)
{
    run_until_connections(0);
    assert_null(world.requests);
    end_serving();
}

static inline void run_until_held(size_t count)
{
    while (world.held < count)
        run_round();
}

/* Opens for the whole process what libraries open once. */
static inline int exchange_prepare(void **state)
{
    (void)state;
    alarm(WATCHDOG_S);
    signal(SIGPIPE, SIG_IGN); /* as the server does */
    struct loop loop;
    const enum err err = loop_init(&loop);
    if (err == OK)
        loop_clear(&loop);
    return err;
}

#endif
