/* Clients of the HTTP front end who leave: at every byte, while they wait, and at random. */
#include "unit/io/exchange_client.h"

enum { HELD = 200, CLIENTS = 40, RANDOM_ROUNDS = 2000 };

/* --- clients who leave ------------------------------------------------------------------------ */

static void test_client_leaves_while_held(void **state)
{
    (void)state;
    for (enum leaving leaving = 0; leaving < LEAVINGS; leaving++) {
        struct client client = begin_with_client();
        client_post(&client, "/never", "hello", 5);
        run_until_held(1);
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
        struct client client = begin_with_client();
        client_write(&client, POST("/stall", "100") "abc");
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
        struct client client = begin_with_client();
        client_write(&client, GET("/never"));
        run_until_held(1);
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
    GET("/now"),
    GET("/later"),
    GET("/never"),
    POST("/end", "9") "some body",
    POST("/early", "9") "some body",
    POST("/middle", "9") "some body",
    "POST /pause HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n0\r\n\r\n",
    POST("/stall", "9") "some body",
    POST("/early-later", "9") "some body",
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
    struct client client = begin_with_client();
    client_write(&client, GET("/never"));
    run_until_held(1);
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
        client_write(&clients[i], GET("/never"));
    }
    run_until_held(HELD);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_leaves_while_held),
        cmocka_unit_test(test_client_leaves_while_paused),
        cmocka_unit_test(test_client_leaves_as_the_answer_comes),
        cmocka_unit_test(test_client_leaves_at_every_byte),
        cmocka_unit_test(test_a_copy_of_the_socket_outlives_the_connection),
        cmocka_unit_test(test_many_held_and_half_of_them_leave),
        cmocka_unit_test(test_random_clients),
    };
    return cmocka_run_group_tests(tests, exchange_prepare, NULL);
}
