/*
 * The HTTP front end through real sockets. Clients live in the same thread: they write and read
 * without waiting, and between that the loop makes a round. The application behind the callbacks
 * does what the path says, and counts: each exchange it was given has to end exactly once.
 *
 * The sweep for slow clients comes once a second; here it is made to come at once, and the clocks
 * of exchanges are put back instead of waiting (hence connection.h).
 */
#include "io/connection.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"

enum {
    WATCHDOG_S = 300, /* a loop that waits for what never comes is a failure as well */
    INPUT_MAX = 1 << 20,
    HEADER_MAX = 8 * 1024,
    HELD = 200,
    CLIENTS = 40,
    RANDOM_ROUNDS = 2000,
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
    bool over_limit;                               /* as the last exchange said */
    enum reply_body body_kind;                     /* of the answers */
    bool close;                                    /* ends the connection after the answer */
    void (*on_headers)(struct exchange *exchange); /* to look at a request; NULL */
    unsigned random;
} world;

static unsigned random_below(unsigned limit)
{
    world.random = world.random * 1664525u + 1013904223u;
    return (world.random >> 8) % limit;
}

static uint32_t sum_of(uint32_t sum, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        sum = sum * 31 + (unsigned char)bytes[i];
    return sum;
}

/* Says what was received. The exchange may be over when this returns, and the request with it. */
static void answer(struct request *request, int status)
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
    if (world.body_kind == REPLY_BODY_TAKE)
        reply.body = strdup(text);
    else if (world.body_kind == REPLY_BODY_STATIC)
        reply.body = strcpy(fixed, text);
    reply_header(&reply, "Content-Type", "text/plain");
    if (request->held)
        world.held--;
    request->held = false;
    exchange_answer(request->exchange, &reply);
}

static void on_next_round(struct deferred *deferred)
{
    struct request *request = container_of(deferred, struct request, next_round);
    if (request->behaviour == ANSWER_WHILE_PAUSED)
        answer(request, request->status);
    else
        exchange_resume_body(request->exchange); /* comes back with paused still set */
}

static void on_later(struct loop_timer *timer)
{
    struct request *request = container_of(timer, struct request, timer);
    answer(request, request->status);
}

static void on_headers(struct exchange *exchange, void *context)
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

static enum body_flow on_body(struct exchange *exchange, const char *bytes, size_t length)
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

static void on_body_end(struct exchange *exchange)
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

static void request_end(struct exchange *exchange)
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

static void on_gone(struct exchange *exchange)
{
    world.gone++;
    request_end(exchange);
}

static void on_sent(struct exchange *exchange)
{
    world.sent++;
    request_end(exchange);
}

static void on_slow_body(struct exchange *exchange)
{
    world.slow++;
    answer(exchange_user(exchange), 408);
}

static void on_refusal(void *context, int status, const char *detail, struct reply *out)
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

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void begin(void)
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

static void serve(void)
{
    struct error error = {0};
    assert_int_equal(
        http_server_new(&world.loop, &world.settings, &callbacks, &error, &world.server), OK);
    assert_true(http_server_port(world.server) > 0);
}

static void begin_serving(void)
{
    begin();
    serve();
}

static void run_round(void)
{
    uv_run(&world.loop.uv, UV_RUN_NOWAIT);
    size_t live = 0;
    for (const struct request *request = world.requests; request; request = request->next)
        live++;
    assert_int_equal(world.begun, world.gone + world.sent + live);
}

static void sweep(void)
{
    loop_timer_start(&world.loop, &world.server->sweep, 0, world.server->sweep.on_expiry);
    run_round();
}

/* Some of those who leave are noticed by a sweep only. */
static void run_until_connections(size_t count)
{
    for (size_t round = 1; http_server_connections(world.server) != count; round++) {
        if (round % 8 == 0)
            sweep();
        run_round();
    }
}

static void end_serving(void)
{
    http_server_free(world.server);
    assert_null(world.requests);
    assert_int_equal(world.begun, world.gone + world.sent);
    loop_clear(&world.loop);
    assert_int_equal(count_descriptors(), world.descriptors);
}

/* When all clients are gone, so is everything. */
static void end(void)
{
    run_until_connections(0);
    assert_null(world.requests);
    end_serving();
}

/* --- clients ---------------------------------------------------------------------------------- */

struct client {
    int fd;
    struct buffer input;
    bool ended; /* nothing more will come in */
};

struct answer {
    int status;
    char header[1024];
    char body[1024];
    size_t body_length;
};

static struct client client_open(void)
{
    struct client client = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)http_server_port(world.server)),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(client.fd >= 0);
    assert_int_equal(connect(client.fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    buffer_init(&client.input, INPUT_MAX);
    return client;
}

static void client_close(struct client *client)
{
    close(client->fd);
    buffer_clear(&client->input);
    client->fd = -1;
}

/* Leaves without a good-bye: the server sees a reset. */
static void client_reset(struct client *client)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    client_close(client);
}

static void client_receive(struct client *client)
{
    char bytes[4096];
    while (!client->ended) {
        const ssize_t count = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN)
            return;
        if (count <= 0)
            client->ended = true;
        else
            assert_int_equal(buffer_append(&client->input, bytes, (size_t)count), OK);
    }
}

/* False where the server does not want it any more. */
static bool client_send(struct client *client, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t count = send(client->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) {
            run_round();
            continue;
        }
        if (count < 0)
            return false;
        bytes += count;
        length -= (size_t)count;
    }
    return true;
}

static void client_write(struct client *client, const char *text)
{
    assert_true(client_send(client, text, strlen(text)));
}

/* Takes one answer off the input; false while it is incomplete. */
static bool take_answer(struct client *client, struct answer *out)
{
    if (client->input.length == 0)
        return false;
    const char *end = strstr(client->input.data, "\r\n\r\n");
    if (!end)
        return false;
    const size_t header = (size_t)(end + 4 - client->input.data);
    assert_true(header < sizeof(out->header));
    memcpy(out->header, client->input.data, header);
    out->header[header] = '\0';
    assert_int_equal(sscanf(out->header, "HTTP/1.1 %d ", &out->status), 1);
    const char *length = strcasestr(out->header, "\r\nContent-Length:");
    out->body_length = length && out->status >= 200 ? strtoul(length + 17, NULL, 10) : 0;
    assert_true(out->body_length < sizeof(out->body));
    if (client->input.length < header + out->body_length)
        return false;
    memcpy(out->body, client->input.data + header, out->body_length);
    out->body[out->body_length] = '\0';
    client->input.length -= header + out->body_length;
    memmove(client->input.data, client->input.data + header + out->body_length,
            client->input.length + 1);
    return true;
}

static struct answer client_read(struct client *client)
{
    struct answer result;
    for (;;) {
        client_receive(client);
        if (take_answer(client, &result))
            return result;
        assert_false(client->ended);
        run_round();
    }
}

/* Reads one answer, which has to have this status and (unless NULL) this body. */
static void client_expect(struct client *client, int status, const char *body)
{
    const struct answer result = client_read(client);
    assert_int_equal(result.status, status);
    if (body)
        assert_string_equal(result.body, body);
}

/* Nothing but the end comes. */
static void client_expect_end(struct client *client)
{
    while (!client->ended) {
        run_round();
        client_receive(client);
    }
    assert_int_equal(client->input.length, 0);
}

/* Runs until whatever came before has been looked at: connections are accepted in their order. */
static void run_past_all_before(void)
{
    struct client last = client_open();
    client_write(&last, "GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(&last, 200, "GET /now 0 00000000");
    client_close(&last);
}

/* A body of these many bytes, and what the application will say of it. */
static char *body_of(size_t length)
{
    char *body = malloc(length + 1);
    for (size_t i = 0; i < length; i++)
        body[i] = (char)('a' + (i * 7 + i / 100) % 26);
    body[length] = '\0';
    return body;
}

static void client_post(struct client *client, const char *path, const char *body, size_t length)
{
    char header[256];
    snprintf(header, sizeof(header), "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
             path, length);
    client_write(client, header);
    assert_true(client_send(client, body, length));
}

static void client_post_chunked(struct client *client, const char *path, const char *body,
                                size_t length, size_t chunk)
{
    char line[256];
    snprintf(line, sizeof(line),
             "POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", path);
    client_write(client, line);
    while (length > 0) {
        const size_t part = length < chunk ? length : chunk;
        snprintf(line, sizeof(line), "%zx\r\n", part);
        client_write(client, line);
        assert_true(client_send(client, body, part));
        client_write(client, "\r\n");
        body += part;
        length -= part;
    }
    client_write(client, "0\r\n\r\n");
}

static void client_expect_echo(struct client *client, const char *path, const char *body,
                               size_t length)
{
    char expected[160];
    snprintf(expected, sizeof(expected), "POST %s %zu %08x", path, length, sum_of(0, body, length));
    client_expect(client, 200, expected);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void test_answers_on_one_connection(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    for (int i = 0; i < 3; i++) {
        client_write(&client, "GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
        client_expect(&client, 200, "GET /now 0 00000000");
        client_write(&client, "GET /end?x=1 HTTP/1.1\r\nHost: h\r\n\r\n");
        client_expect(&client, 200, "GET /end 0 00000000");
        client_write(&client, "DELETE /later HTTP/1.1\r\nHost: h\r\n\r\n");
        client_expect(&client, 200, "DELETE /later 0 00000000");
        client_write(&client, "GET /else HTTP/1.1\r\nHost: h\r\n\r\n");
        client_expect(&client, 404, NULL);
    }
    assert_int_equal(http_server_connections(world.server), 1);
    assert_int_equal(world.begun, 12);
    client_close(&client);
    end();
    assert_int_equal(world.sent, 12);
    assert_int_equal(world.gone, 0);
}

static void test_bodies(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 1000, 40 * 1000, 300 * 1000};
    static const char *const paths[] = {"/end", "/later", "/pause"};
    begin_serving();
    struct client client = client_open();
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        char *body = body_of(lengths[i]);
        for (size_t j = 0; j < 3; j++) {
            client_post(&client, paths[j], body, lengths[i]);
            client_expect_echo(&client, paths[j], body, lengths[i]);
            client_post_chunked(&client, paths[j], body, lengths[i], 7000);
            client_expect_echo(&client, paths[j], body, lengths[i]);
        }
        free(body);
    }
    assert_int_equal(http_server_connections(world.server), 1);
    client_close(&client);
    end();
    assert_int_equal(world.sent, world.begun);
}

static void test_who_frees_the_body(void **state)
{
    (void)state;
    static const enum reply_body kinds[] = {REPLY_BODY_COPY, REPLY_BODY_STATIC, REPLY_BODY_TAKE};
    for (size_t i = 0; i < 3; i++) {
        begin_serving();
        world.body_kind = kinds[i];
        struct client client = client_open();
        client_write(&client, "GET /end HTTP/1.1\r\nHost: h\r\n\r\n");
        client_expect(&client, 200, "GET /end 0 00000000");
        client_post(&client, "/early", "x", 1); /* past libmicrohttpd */
        client_expect(&client, 413, "POST /early 0 00000000");
        client_close(&client);
        end();
    }
}

static void test_head_has_no_body(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    client_write(&client, "HEAD /end HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    while (!client.ended) {
        run_round();
        client_receive(&client);
    }
    assert_non_null(strstr(client.input.data, "HTTP/1.1 200 "));
    assert_non_null(strcasestr(client.input.data, "Content-Length: 20\r\n"));
    assert_string_equal(client.input.data + client.input.length - 4, "\r\n\r\n");
    client_close(&client);
    end();
}

static void test_close_after_the_answer(void **state)
{
    (void)state;
    begin_serving();
    world.close = true;
    struct client client = client_open();
    client_write(&client, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    const struct answer result = client_read(&client);
    assert_non_null(strcasestr(result.header, "\r\nConnection: close\r\n"));
    client_expect_end(&client);
    run_until_connections(0);
    client_close(&client);
    end();
}

/* --- what the application sees ---------------------------------------------------------------- */

static void look_at_request(struct exchange *exchange)
{
    assert_string_equal(exchange_method(exchange), "PUT");
    assert_string_equal(exchange_path(exchange), "/a b/c");
    assert_string_equal(exchange_query(exchange, "x"), "2"); /* the last */
    assert_string_equal(exchange_query(exchange, "y"), "");
    assert_string_equal(exchange_query(exchange, "z"), "a b&c");
    assert_null(exchange_query(exchange, "w"));
    assert_string_equal(exchange_header(exchange, "content-TYPE"), "text/plain");
    assert_null(exchange_header(exchange, "Cookie"));
    assert_int_equal(exchange_body_length(exchange), 3);
    assert_false(exchange_expects_continue(exchange));
    assert_false(exchange_over_limit(exchange));
    assert_true(exchange_started_ns(exchange) > 0);
}

static void test_reading_the_request(void **state)
{
    (void)state;
    begin_serving();
    world.on_headers = look_at_request;
    struct client client = client_open();
    client_write(&client, "PUT /a%20b/c?x=1&y&z=a+b%26c&x=2 HTTP/1.1\r\nHost: h\r\n"
                          "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc");
    client_expect(&client, 404, NULL);
    /* Absolute form, as to a proxy. */
    client_write(&client, "PUT http://h:80/a%20b/c?x=2&y&z=a+b%26c HTTP/1.1\r\nHost: h\r\n"
                          "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc");
    client_expect(&client, 404, NULL);
    world.on_headers = NULL;
    client_write(&client, "GET http://h HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(&client, 404, "GET / 0 00000000");
    client_write(&client, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(&client, 404, "OPTIONS * 0 00000000");
    assert_int_equal(world.begun, 4);
    client_close(&client);
    end();
}

static void look_at_chunked(struct exchange *exchange)
{
    assert_true(exchange_body_length(exchange) == UINT64_MAX);
}

static void test_chunked_has_no_length(void **state)
{
    (void)state;
    begin_serving();
    world.on_headers = look_at_chunked;
    struct client client = client_open();
    client_post_chunked(&client, "/end", "hello", 5, 2);
    client_expect_echo(&client, "/end", "hello", 5);
    client_close(&client);
    end();
}

static void test_one_connection_too_many(void **state)
{
    (void)state;
    begin();
    world.settings.connections_max = 2;
    serve();
    struct client clients[3];
    for (size_t i = 0; i < 3; i++) {
        clients[i] = client_open();
        client_write(&clients[i], "GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
        client_expect(&clients[i], 200, NULL);
        assert_int_equal(world.over_limit, i == 2);
    }
    client_close(&clients[2]);
    run_until_connections(2);
    client_close(&clients[0]);
    run_until_connections(1);
    clients[0] = client_open();
    client_write(&clients[0], "GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(&clients[0], 200, NULL);
    assert_false(world.over_limit);
    client_close(&clients[0]);
    client_close(&clients[1]);
    end();
}

/* --- pipelines -------------------------------------------------------------------------------- */

static const char pipeline[] = "GET /later HTTP/1.1\r\nHost: h\r\n\r\n"
                               "POST /end HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
                               "GET /now HTTP/1.1\r\nHost: h\r\n\r\n"
                               "POST /pause HTTP/1.1\r\nHost: h\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                               "GET /end HTTP/1.1\r\nHost: h\r\n\r\n";

static void expect_pipeline(struct client *client)
{
    client_expect(client, 200, "GET /later 0 00000000");
    client_expect_echo(client, "/end", "hello", 5);
    client_expect(client, 200, "GET /now 0 00000000");
    client_expect_echo(client, "/pause", "hello", 5);
    client_expect(client, 200, "GET /end 0 00000000");
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    client_write(&client, pipeline);
    expect_pipeline(&client);
    client_close(&client);
    end();
    assert_int_equal(world.sent, 5);
}

static void test_requests_cut_at_every_byte(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    for (size_t at = 1; at < strlen(pipeline); at++) {
        assert_true(client_send(&client, pipeline, at));
        for (int round = 0; round < 3; round++)
            run_round();
        client_write(&client, pipeline + at);
        expect_pipeline(&client);
    }
    assert_int_equal(http_server_connections(world.server), 1);
    client_close(&client);
    end();
}

/* --- clients who leave ------------------------------------------------------------------------ */

enum leaving { CLOSE, RESET, HALF_CLOSE, LEAVINGS };

static void client_leave(struct client *client, enum leaving leaving)
{
    if (leaving == RESET) {
        client_reset(client);
        return;
    }
    if (leaving == HALF_CLOSE) {
        shutdown(client->fd, SHUT_WR);
        for (int round = 0; round < 4; round++)
            run_round();
    }
    client_close(client);
}

static void test_client_leaves_while_held(void **state)
{
    (void)state;
    for (enum leaving leaving = 0; leaving < LEAVINGS; leaving++) {
        begin_serving();
        struct client client = client_open();
        client_post(&client, "/never", "hello", 5);
        while (world.held == 0)
            run_round();
        client_leave(&client, leaving);
        while (world.gone == 0)
            run_round();
        end();
        assert_int_equal(world.gone, 1);
        assert_int_equal(world.sent, 0);
    }
}

static void test_client_leaves_while_paused(void **state)
{
    (void)state;
    for (enum leaving leaving = 0; leaving < LEAVINGS; leaving++) {
        begin_serving();
        struct client client = client_open();
        client_write(&client, "POST /stall HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
        while (!world.requests || world.requests->exchange->state != EXCHANGE_PAUSED)
            run_round();
        client_leave(&client, leaving);
        while (world.gone == 0)
            run_round();
        end();
        assert_int_equal(world.gone, 1);
        assert_int_equal(world.sent, 0);
    }
}

/* The answer and the leaving in the same round, in both orders. */
static void test_client_leaves_as_the_answer_comes(void **state)
{
    (void)state;
    for (enum leaving leaving = 0; leaving < LEAVINGS; leaving++) {
        begin_serving();
        struct client client = client_open();
        client_write(&client, "GET /never HTTP/1.1\r\nHost: h\r\n\r\n");
        while (world.held == 0)
            run_round();
        struct request *request = world.requests;
        if (leaving == RESET)
            client_reset(&client);
        else
            client_close(&client);
        answer(request, 200);
        end();
        assert_int_equal(world.sent, 1);
        assert_int_equal(world.gone, 0);
    }
}

static const char *const some_requests[] = {
    "GET /now HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /later HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /never HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST /end HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nsome body",
    "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nsome body",
    "POST /middle HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nsome body",
    "POST /pause HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n0\r\n\r\n",
    "POST /stall HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nsome body",
    "POST /early-later HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nsome body",
    "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\nsome body",
};
enum { SOME_REQUESTS = sizeof(some_requests) / sizeof(some_requests[0]) };

static void test_client_leaves_at_every_byte(void **state)
{
    (void)state;
    for (size_t which = 0; which < SOME_REQUESTS; which++) {
        begin_serving();
        const char *request = some_requests[which];
        size_t connections = 0;
        for (size_t at = 0; at <= strlen(request); at++) {
            for (enum leaving leaving = 0; leaving < LEAVINGS; leaving++) {
                struct client client = client_open();
                assert_true(client_send(&client, request, at));
                if (at % 2) /* half of them leave when all they wrote has been looked at */
                    run_past_all_before();
                client_leave(&client, leaving);
                connections++;
                run_past_all_before();
                run_until_connections(0);
                assert_null(world.requests);
            }
        }
        assert_true(world.begun > connections); /* those that ran past it, and the complete ones */
        end();
    }
}

/* A child that is being started has a copy of every socket for a moment, and closing ours does not
 * end those. */
static void test_a_copy_of_the_socket_outlives_the_connection(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    client_write(&client, "GET /never HTTP/1.1\r\nHost: h\r\n\r\n");
    while (world.held == 0)
        run_round();
    const int copy = fcntl(connection_of(world.requests->exchange)->fd, F_DUPFD_CLOEXEC, 0);
    assert_true(copy >= 0);
    shutdown(client.fd, SHUT_WR);
    run_until_connections(0);
    client_reset(&client); /* an event on the copy: nobody may be told of it */
    run_past_all_before();
    close(copy);
    end();
    assert_int_equal(world.gone, 1);
}

static void test_many_held_and_half_of_them_leave(void **state)
{
    (void)state;
    begin_serving();
    struct client clients[HELD];
    for (size_t i = 0; i < HELD; i++) {
        clients[i] = client_open();
        client_write(&clients[i], "GET /never HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    while (world.held < HELD)
        run_round();
    for (size_t i = 0; i < HELD; i += 2)
        client_leave(&clients[i], i % 4 ? RESET : CLOSE);
    run_until_connections(HELD / 2);
    assert_int_equal(world.gone, HELD / 2);
    assert_int_equal(world.held, HELD / 2);
    for (struct request *request = world.requests, *next; request; request = next) {
        next = request->next;
        answer(request, 200);
    }
    for (size_t i = 1; i < HELD; i += 2)
        client_expect(&clients[i], 200, "GET /never 0 00000000");
    for (size_t i = 1; i < HELD; i += 2)
        client_close(&clients[i]);
    end();
    assert_int_equal(world.sent, HELD / 2);
    assert_int_equal(world.gone, HELD / 2);
}

/* --- requests that are not clean -------------------------------------------------------------- */

static const struct {
    const char *request;
    int status;
} unclean[] = {
    {"POST /end HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 38\r\n\r\nhello"
     "GET /now HTTP/1.1\r\nHost: h\r\n\r\n",
     400},
    {"POST /end HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\nhello", 400},
    {"POST /end HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\n\r\nGET /now HTTP/1.1\r\nHost: h\r\n\r\n",
     400},
    {"POST /end HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
     "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
     400},
    {"POST /end HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
    {"POST /end HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\nhello", 501},
    {"GET /now HTTP/1.1\r\nHost: h\r\nX Y: z\r\n\r\n", 400},
    {"GET /now%00.txt HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET /now?a=%00 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET now HTTP/1.1\r\nHost: h\r\n\r\n", 400},
};

static void test_unclean_requests_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(unclean) / sizeof(unclean[0]); i++) {
        begin_serving();
        struct client client = client_open();
        client_write(&client, unclean[i].request);
        client_expect(&client, unclean[i].status, "refused");
        if (unclean[i].status == 501) { /* its body has no end that we know of */
            world.server->connections->exchange.discard_since_ms -= LONG_AGO_MS;
            sweep();
        }
        client_expect_end(&client); /* nothing of what came behind is taken for a request */
        client_close(&client);
        end();
        assert_int_equal(world.refused, 1);
        assert_int_equal(world.begun, 0);
    }
}

/* The refusal is one connection's, and one request's. */
static void test_clean_requests_before_and_after_an_unclean_one(void **state)
{
    (void)state;
    begin_serving();
    struct client clean = client_open();
    struct client other = client_open();
    client_write(&clean, "GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(&clean, 200, NULL);
    client_write(&other, "GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(&other, 200, NULL);
    client_write(&other, "GET /now%00 HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(&other, 400, "refused");
    client_write(&clean, "GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(&clean, 200, NULL);
    client_close(&clean);
    client_close(&other);
    end();
    assert_int_equal(world.begun, 3);
}

static void test_header_too_large(void **state)
{
    (void)state;
    /* Within libmicrohttpd's memory, and beyond: then it answers by itself. */
    static const size_t lengths[] = {HEADER_MAX + 100, 100 * 1000};
    for (size_t i = 0; i < 2; i++) {
        begin_serving();
        struct client client = client_open();
        char *value = body_of(lengths[i]);
        client_write(&client, "GET /now HTTP/1.1\r\nHost: h\r\nX: ");
        (void)client_send(&client, value, lengths[i]);
        (void)client_send(&client, "\r\n\r\n", 4);
        free(value);
        if (i == 0) {
            client_expect(&client, 431, "refused");
            client_expect_end(&client);
        }
        run_until_connections(0);
        client_close(&client);
        end();
        assert_int_equal(world.begun, 0);
        assert_int_equal(world.refused, i == 0);
    }
}

/* --- answers before the body's end ------------------------------------------------------------ */

static void test_continue_is_refused_before_the_body(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    client_write(&client, "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n"
                          "Expect: 100-continue\r\n\r\n");
    client_expect(&client, 413, "POST /early 0 00000000"); /* and no 100 before it */
    client_expect_end(&client);
    client_close(&client);
    end();
    assert_int_equal(world.sent, 1);
}

static void test_continue(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    client_write(&client, "POST /end HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                          "Expect: 100-continue\r\n\r\n");
    client_expect(&client, 100, NULL);
    client_write(&client, "hello");
    client_expect_echo(&client, "/end", "hello", 5);
    client_write(&client, "GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(&client, 200, NULL); /* it goes on */
    client_close(&client);
    end();
}

/* A client that writes everything before it reads gets to see the whole answer. */
static void test_early_answer_is_seen(void **state)
{
    (void)state;
    static const char *const paths[] = {"/early", "/middle", "/early-later"};
    enum { LENGTH = 2 << 20 };
    char *body = body_of(LENGTH);
    for (size_t i = 0; i < 3; i++) {
        for (int chunked = 0; chunked < 2; chunked++) {
            begin_serving();
            struct client client = client_open();
            if (chunked)
                client_post_chunked(&client, paths[i], body, LENGTH, 50000);
            else
                client_post(&client, paths[i], body, LENGTH);
            char expected[64];
            snprintf(expected, sizeof(expected), "POST %s 0 00000000", paths[i]);
            const struct answer result = client_read(&client);
            assert_int_equal(result.status, 413);
            assert_string_equal(result.body, expected);
            assert_non_null(strcasestr(result.header, "\r\nConnection: close\r\n"));
            client_expect_end(&client);
            client_close(&client);
            end();
            assert_int_equal(world.sent, 1);
        }
    }
    free(body);
}

static void test_no_end_of_body_is_waited_for_after_an_answer(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    char *body = body_of(1 << 20);
    client_write(&client, "POST /early HTTP/1.1\r\nHost: h\r\n"
                          "Content-Length: 1000000000\r\n\r\n");
    size_t mb = 0;
    while (mb <= 2 * (DISCARD_BYTES_MAX >> 20) && client_send(&client, body, 1 << 20))
        mb++;
    assert_true(mb >= DISCARD_BYTES_MAX >> 20);
    assert_true(mb <= 2 * (DISCARD_BYTES_MAX >> 20)); /* the line was cut */
    free(body);
    run_until_connections(0);
    client_close(&client);
    end();
}

/* --- slow clients ----------------------------------------------------------------------------- */

static void test_slow_header_is_cut_off(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    client_write(&client, "GET /now HTTP/1.1\r\nHo");
    run_until_connections(1);
    sweep(); /* the first that sees a byte of it */
    assert_int_equal(world.refused, 0);
    world.server->connections->idle_since_ms -= LONG_AGO_MS;
    sweep();
    client_expect(&client, 408, "refused");
    client_expect_end(&client);
    run_until_connections(0);
    client_close(&client);
    end();
    assert_int_equal(world.refused, 1);
    assert_int_equal(world.begun, 0);
}

/* Its time begins with its first byte, however long nothing had come before. */
static void test_header_after_a_long_silence_is_not_slow(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    client_write(&client, "GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(&client, 200, NULL);
    run_until_connections(1);
    world.server->connections->idle_since_ms -= LONG_AGO_MS;
    sweep(); /* silent: left alone */
    client_write(&client, "GET /now HTTP/1.1\r\nHost: h\r\n");
    run_round();
    sweep(); /* half of it is here */
    client_write(&client, "\r\n");
    client_expect(&client, 200, NULL);
    client_close(&client);
    end();
    assert_int_equal(world.refused, 0);
}

static void test_slow_body_is_told(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    client_write(&client, "POST /end HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc");
    while (!world.requests || world.requests->bytes == 0)
        run_round();
    sweep();
    assert_int_equal(world.slow, 0);
    world.requests->exchange->body_since_ms -= LONG_AGO_MS;
    sweep();
    assert_int_equal(world.slow, 1);
    client_expect(&client, 408, NULL);
    client_close(&client);
    end();
    assert_int_equal(world.sent, 1);
}

/* Time that we made it wait does not count. */
static void test_paused_body_is_not_slow(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    client_write(&client, "POST /stall HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc");
    while (!world.requests || world.requests->exchange->state != EXCHANGE_PAUSED)
        run_round();
    struct exchange *exchange = world.requests->exchange;
    exchange->body_since_ms -= LONG_AGO_MS;
    exchange->paused_at_ms -= LONG_AGO_MS;
    sweep();
    world.requests->behaviour = ANSWER_AT_THE_END;
    exchange_resume_body(exchange);
    sweep();
    client_write(&client, "de");
    client_expect_echo(&client, "/stall", "abcde", 5);
    client_close(&client);
    end();
    assert_int_equal(world.slow, 0);
}

static void test_a_discarded_body_has_its_time(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    client_write(&client, "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc");
    client_expect(&client, 413, NULL);
    sweep();
    assert_int_equal(http_server_connections(world.server), 1);
    world.server->connections->exchange.discard_since_ms -= LONG_AGO_MS;
    sweep();
    client_expect_end(&client);
    run_until_connections(0);
    client_close(&client);
    end();
}

/* --- the server's own life -------------------------------------------------------------------- */

static void test_port_in_use(void **state)
{
    (void)state;
    begin_serving();
    struct http_settings settings = world.settings;
    settings.port = http_server_port(world.server);
    const size_t descriptors = count_descriptors();
    struct http_server *second = NULL;
    struct error error = {0};
    assert_int_equal(http_server_new(&world.loop, &settings, &callbacks, &error, &second),
                     ERR_UNAVAILABLE);
    assert_non_null(strstr(error.detail, "in use"));
    assert_null(second);
    assert_int_equal(count_descriptors(), descriptors);
    end();
}

static void test_address_that_is_none(void **state)
{
    (void)state;
    begin();
    world.settings.address = "localhost";
    struct http_server *server = NULL;
    struct error error = {0};
    const int flags = fcntl(STDIN_FILENO, F_GETFD);
    assert_int_not_equal(http_server_new(&world.loop, &world.settings, &callbacks, &error, &server),
                         OK);
    assert_non_null(strstr(error.detail, "localhost"));
    assert_null(server);
    assert_int_equal(fcntl(STDIN_FILENO, F_GETFD), flags);
    loop_clear(&world.loop);
    assert_int_equal(count_descriptors(), world.descriptors);
}

static void test_ipv6(void **state)
{
    (void)state;
    begin();
    world.settings.address = "::1";
    struct error error = {0};
    const enum err err =
        http_server_new(&world.loop, &world.settings, &callbacks, &error, &world.server);
    if (err != OK) { /* a machine without it says so */
        assert_int_not_equal(error.detail[0], '\0');
        loop_clear(&world.loop);
        return;
    }
    assert_true(http_server_port(world.server) > 0);
    end();
}

static void test_no_new_connections_after_close(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    client_write(&client, "GET /never HTTP/1.1\r\nHost: h\r\n\r\n");
    while (world.held == 0)
        run_round();
    const int port = http_server_port(world.server);
    http_server_close(world.server);
    http_server_close(world.server); /* nothing happens */
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), -1);
    close(fd);
    answer(world.requests, 200); /* what is open goes on */
    client_expect(&client, 200, NULL);
    client_write(&client, "GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(&client, 200, NULL);
    client_close(&client);
    end();
}

static void test_free_with_connections_open(void **state)
{
    (void)state;
    begin_serving();
    static const char *const texts[] = {
        "",
        "GET /n",
        "GET /now HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /end HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc",
        "POST /stall HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc",
        "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc",
    };
    enum { COUNT = sizeof(texts) / sizeof(texts[0]) };
    struct client clients[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        clients[i] = client_open();
        client_write(&clients[i], texts[i]);
    }
    while (world.begun < 4 || http_server_connections(world.server) < COUNT ||
           !world.requests->exchange)
        run_round();
    for (int round = 0; round < 4; round++)
        run_round();
    assert_int_equal(world.sent, 2);
    http_server_free(world.server);
    assert_int_equal(world.gone, 2);
    assert_null(world.requests);
    for (size_t i = 0; i < COUNT; i++)
        client_close(&clients[i]);
    loop_clear(&world.loop);
    assert_int_equal(count_descriptors(), world.descriptors);
    http_server_free(NULL);
}

/* Answered, but its response has not been given to libmicrohttpd yet. */
static void test_free_right_after_an_answer(void **state)
{
    (void)state;
    begin_serving();
    struct client client = client_open();
    client_write(&client, "GET /never HTTP/1.1\r\nHost: h\r\n\r\n");
    while (world.held == 0)
        run_round();
    answer(world.requests, 200);
    http_server_free(world.server);
    assert_int_equal(world.sent, 1);
    assert_null(world.requests);
    client_close(&client);
    loop_clear(&world.loop);
    assert_int_equal(count_descriptors(), world.descriptors);
}

/* --- at random -------------------------------------------------------------------------------- */

struct walker {
    struct client client;
    bool open;
    const char *left; /* of its request, to be sent */
};

static void walk(struct walker *walker)
{
    if (!walker->open) {
        *walker = (struct walker){.client = client_open(), .open = true};
        walker->left = some_requests[random_below(SOME_REQUESTS)];
        return;
    }
    const unsigned what = random_below(16);
    if (what == 0 || walker->client.ended) {
        walker->open = false;
        client_leave(&walker->client, (enum leaving)random_below(HALF_CLOSE));
    } else if (*walker->left) {
        size_t length = 1 + random_below(200);
        if (length > strlen(walker->left))
            length = strlen(walker->left);
        if (client_send(&walker->client, walker->left, length))
            walker->left += length;
        else
            walker->client.ended = true;
    } else {
        struct answer result;
        client_receive(&walker->client);
        while (take_answer(&walker->client, &result))
            assert_true(result.status == 200 || result.status == 413 || result.status == 408);
        if (what < 8) /* the next on the same connection, answered or not */
            walker->left = some_requests[random_below(SOME_REQUESTS)];
    }
}

/* The application answers somebody who waits, or goes on with somebody who is paused. */
static void act(void)
{
    for (struct request *request = world.requests; request; request = request->next) {
        if (random_below(8) != 0)
            continue;
        if (request->held) {
            answer(request, 200);
            return;
        }
        if (request->behaviour == PAUSE_FOR_EVER && request->exchange->state == EXCHANGE_PAUSED) {
            request->behaviour = random_below(2) ? ANSWER_AT_THE_END : ANSWER_WHILE_PAUSED;
            exchange_resume_body(request->exchange);
            return;
        }
    }
}

static void test_random_clients(void **state)
{
    (void)state;
    begin_serving();
    struct walker walkers[CLIENTS] = {0};
    for (size_t round = 0; round < RANDOM_ROUNDS; round++) {
        for (int i = 0; i < 10; i++)
            walk(&walkers[random_below(CLIENTS)]);
        act();
        run_round();
        if (random_below(100) == 0)
            sweep();
    }
    for (size_t i = 0; i < CLIENTS; i++)
        if (walkers[i].open)
            client_close(&walkers[i].client);
    end();
    assert_true(world.sent > RANDOM_ROUNDS / 4);
    assert_true(world.gone > RANDOM_ROUNDS / 20);
}

/* Opens for the whole process what libraries open once. */
static int prepare(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_on_one_connection),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_who_frees_the_body),
        cmocka_unit_test(test_head_has_no_body),
        cmocka_unit_test(test_close_after_the_answer),
        cmocka_unit_test(test_reading_the_request),
        cmocka_unit_test(test_chunked_has_no_length),
        cmocka_unit_test(test_one_connection_too_many),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_requests_cut_at_every_byte),
        cmocka_unit_test(test_client_leaves_while_held),
        cmocka_unit_test(test_client_leaves_while_paused),
        cmocka_unit_test(test_client_leaves_as_the_answer_comes),
        cmocka_unit_test(test_client_leaves_at_every_byte),
        cmocka_unit_test(test_a_copy_of_the_socket_outlives_the_connection),
        cmocka_unit_test(test_many_held_and_half_of_them_leave),
        cmocka_unit_test(test_unclean_requests_are_refused),
        cmocka_unit_test(test_clean_requests_before_and_after_an_unclean_one),
        cmocka_unit_test(test_header_too_large),
        cmocka_unit_test(test_continue_is_refused_before_the_body),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_early_answer_is_seen),
        cmocka_unit_test(test_no_end_of_body_is_waited_for_after_an_answer),
        cmocka_unit_test(test_slow_header_is_cut_off),
        cmocka_unit_test(test_header_after_a_long_silence_is_not_slow),
        cmocka_unit_test(test_slow_body_is_told),
        cmocka_unit_test(test_paused_body_is_not_slow),
        cmocka_unit_test(test_a_discarded_body_has_its_time),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_address_that_is_none),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_no_new_connections_after_close),
        cmocka_unit_test(test_free_with_connections_open),
        cmocka_unit_test(test_free_right_after_an_answer),
        cmocka_unit_test(test_random_clients),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
