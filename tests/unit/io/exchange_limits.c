/* What the HTTP front end refuses: unclean and large requests, slow clients, one too many. */
#include "unit/io/exchange_client.h"

/* --- connections ------------------------------------------------------------------------------ */

static void test_one_connection_too_many(void **state)
{
    (void)state;
    begin();
    world.settings.connections_max = 2;
    serve();
    struct client clients[3];
    for (size_t i = 0; i < 3; i++) {
        clients[i] = client_open();
        client_write(&clients[i], GET("/now"));
        client_expect(&clients[i], 200, NULL);
        assert_int_equal(world.over_limit, i == 2);
    }
    client_close(&clients[2]);
    run_until_connections(2);
    client_close(&clients[0]);
    run_until_connections(1);
    clients[0] = client_open();
    client_write(&clients[0], GET("/now"));
    client_expect(&clients[0], 200, NULL);
    assert_false(world.over_limit);
    client_close(&clients[0]);
    client_close(&clients[1]);
    end();
}

/* --- requests that are not clean -------------------------------------------------------------- */

static const struct {
    const char *request;
    int status;
} unclean[] = {
    {"POST /end HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 38\r\n\r\nhello" GET(
         "/now"),
     400},
    {"POST /end HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\nhello", 400},
    {"POST /end HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\n\r\n" GET("/now"),
     400},
    {"POST /end HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
     "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
     400},
    {"POST /end HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
    {"POST /end HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\nhello", 501},
    {"GET /now HTTP/1.1\r\nHost: h\r\nX Y: z\r\n\r\n", 400},
    {GET("/now%00.txt"), 400},
    {GET("/now?a=%00"), 400},
    {"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {GET("now"), 400},
};

static void test_unclean_requests_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(unclean) / sizeof(unclean[0]); i++) {
        struct client client = begin_with_client();
        client_write(&client, unclean[i].request);
        client_expect(&client, unclean[i].status, "refused");
        if (unclean[i].status == 501) { /* its body has no end that we know of */
            world.server->connections->exchange.discard_since_ms -= LONG_AGO_MS;
            sweep();
        }
        client_expect_end(&client); /* nothing of what came behind is taken for a request */
        end_with_client(&client);
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
    client_get(&clean, "/now");
    client_get(&other, "/now");
    client_write(&other, GET("/now%00"));
    client_expect(&other, 400, "refused");
    client_get(&clean, "/now");
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
        struct client client = begin_with_client();
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
        end_with_client(&client);
        assert_int_equal(world.begun, 0);
        assert_int_equal(world.refused, i == 0);
    }
}

/* --- slow clients ----------------------------------------------------------------------------- */

static void test_slow_header_is_cut_off(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    client_write(&client, "GET /now HTTP/1.1\r\nHo");
    run_until_connections(1);
    sweep(); /* the first that sees a byte of it */
    assert_int_equal(world.refused, 0);
    world.server->connections->idle_since_ms -= LONG_AGO_MS;
    sweep();
    client_expect(&client, 408, "refused");
    client_expect_end(&client);
    run_until_connections(0);
    end_with_client(&client);
    assert_int_equal(world.refused, 1);
    assert_int_equal(world.begun, 0);
}

/* Its time begins with its first byte, however long nothing had come before. */
static void test_header_after_a_long_silence_is_not_slow(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    client_get(&client, "/now");
    run_until_connections(1);
    world.server->connections->idle_since_ms -= LONG_AGO_MS;
    sweep(); /* silent: left alone */
    client_write(&client, "GET /now HTTP/1.1\r\nHost: h\r\n");
    run_round();
    sweep(); /* half of it is here */
    client_write(&client, "\r\n");
    client_expect(&client, 200, NULL);
    end_with_client(&client);
    assert_int_equal(world.refused, 0);
}

static void test_slow_body_is_told(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    client_write(&client, POST("/end", "100000") "abc");
    while (!world.requests || world.requests->bytes == 0)
        run_round();
    sweep();
    assert_int_equal(world.slow, 0);
    world.requests->exchange->body_since_ms -= LONG_AGO_MS;
    sweep();
    assert_int_equal(world.slow, 1);
    client_expect(&client, 408, NULL);
    end_with_client(&client);
    assert_int_equal(world.sent, 1);
}

/* Time that we made it wait does not count. */
static void test_paused_body_is_not_slow(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    client_write(&client, POST("/stall", "5") "abc");
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
    end_with_client(&client);
    assert_int_equal(world.slow, 0);
}

static void test_a_discarded_body_has_its_time(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    client_write(&client, POST("/early", "100000") "abc");
    client_expect(&client, 413, NULL);
    sweep();
    assert_int_equal(http_server_connections(world.server), 1);
    world.server->connections->exchange.discard_since_ms -= LONG_AGO_MS;
    sweep();
    client_expect_end(&client);
    run_until_connections(0);
    end_with_client(&client);
}

/* Answers that no socket's buffers hold: from memory, from a file, before the body's end and after
 * the end of one that was thrown away. */
static const struct {
    const char *request;
    enum reply_body kind;
    enum exchange_state state;
} large_answers[] = {
    {GET("/now"), REPLY_BODY_TAKE, EXCHANGE_ANSWERED},
    {GET("/now"), REPLY_BODY_FILE, EXCHANGE_ANSWERED},
    {POST("/early", "2") "x", REPLY_BODY_TAKE, EXCHANGE_DISCARDING},
    {POST("/early", "2") "xy", REPLY_BODY_TAKE, EXCHANGE_FLUSHING},
};
enum { LARGE_ANSWERS = sizeof(large_answers) / sizeof(large_answers[0]) };

/* As far as the socket takes it, and seen by a sweep. */
static struct client begin_large_answer(size_t which)
{
    struct client client = begin_with_large_answers(large_answers[which].kind);
    world.server->settings.body_rate_min = 1 << 20;
    client_write(&client, large_answers[which].request);
    while (http_server_connections(world.server) == 0 ||
           world.server->connections->exchange.state != large_answers[which].state)
        run_round();
    for (int round = 0; round < 8; round++)
        run_round();
    sweep();
    return client;
}

static void test_an_answer_that_nobody_reads_is_cut_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < LARGE_ANSWERS; i++) {
        struct client client = begin_large_answer(i);
        sweep();
        assert_int_equal(http_server_connections(world.server), 1);
        world.server->connections->exchange.answer_since_ms -= LONG_AGO_MS;
        sweep();
        run_until_connections(0);
        client_receive(&client);
        assert_true(client.input.length < LARGE);
        end_with_client(&client);
        assert_int_equal(world.sent, 1);
    }
}

static void test_an_answer_read_fast_enough_is_not_cut_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < LARGE_ANSWERS; i++) {
        struct client client = begin_large_answer(i);
        const size_t before = client.input.length;
        while (client.input.length < before + (8 << 20)) {
            run_round();
            client_receive(&client);
        }
        world.server->connections->exchange.answer_since_ms -= BODY_GRACE_MS + 500;
        sweep();
        while (client.input.length < LARGE) {
            run_round();
            client_receive(&client);
            assert_false(client.ended && client.input.length < LARGE);
        }
        end_with_client(&client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_connection_too_many),
        cmocka_unit_test(test_unclean_requests_are_refused),
        cmocka_unit_test(test_clean_requests_before_and_after_an_unclean_one),
        cmocka_unit_test(test_header_too_large),
        cmocka_unit_test(test_slow_header_is_cut_off),
        cmocka_unit_test(test_header_after_a_long_silence_is_not_slow),
        cmocka_unit_test(test_slow_body_is_told),
        cmocka_unit_test(test_paused_body_is_not_slow),
        cmocka_unit_test(test_a_discarded_body_has_its_time),
        cmocka_unit_test(test_an_answer_that_nobody_reads_is_cut_off),
        cmocka_unit_test(test_an_answer_read_fast_enough_is_not_cut_off),
    };
    return cmocka_run_group_tests(tests, exchange_prepare, NULL);
}
