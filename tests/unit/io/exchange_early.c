/* Answers of the HTTP front end before the body's end. */
#include "unit/io/exchange_client.h"

static const char *const early_paths[] = {"/early", "/middle", "/early-later"};

/* --- small ones ------------------------------------------------------------------------------- */

static void test_continue_is_refused_before_the_body(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    client_write(&client, "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n"
                          "Expect: 100-continue\r\n\r\n");
    client_expect(&client, 413, "POST /early 0 00000000"); /* and no 100 before it */
    client_expect_end(&client);
    end_with_client(&client);
    assert_int_equal(world.sent, 1);
}

static void test_continue(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    client_write(&client, "POST /end HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                          "Expect: 100-continue\r\n\r\n");
    client_expect(&client, 100, NULL);
    client_write(&client, "hello");
    client_expect_echo(&client, "/end", "hello", 5);
    client_get(&client, "/now"); /* it goes on */
    end_with_client(&client);
}

/* A client that writes everything before it reads gets to see the whole answer. */
static void test_early_answer_is_seen(void **state)
{
    (void)state;
    enum { LENGTH = 2 << 20 };
    char *body = body_of(LENGTH);
    for (size_t i = 0; i < 3; i++) {
        for (int chunked = 0; chunked < 2; chunked++) {
            struct client client = begin_with_client();
            if (chunked)
                client_post_chunked(&client, early_paths[i], body, LENGTH, 50000);
            else
                client_post(&client, early_paths[i], body, LENGTH);
            char expected[64];
            snprintf(expected, sizeof(expected), "POST %s 0 00000000", early_paths[i]);
            const struct answer result = client_read(&client);
            assert_int_equal(result.status, 413);
            assert_string_equal(result.body, expected);
            assert_non_null(strcasestr(result.header, "\r\nConnection: close\r\n"));
            client_expect_end(&client);
            end_with_client(&client);
            assert_int_equal(world.sent, 1);
        }
    }
    free(body);
}

static void test_early_answer_to_head_has_no_body(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    client_write(&client, "HEAD /early HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
    client_read_all(&client);
    assert_non_null(strstr(client.input.data, "HTTP/1.1 413 "));
    assert_string_equal(client.input.data + client.input.length - 4, "\r\n\r\n");
    end_with_client(&client);
}

static void test_no_end_of_body_is_waited_for_after_an_answer(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    char *body = body_of(1 << 20);
    client_write(&client, POST("/early", "1000000000"));
    size_t mb = 0;
    while (mb <= 2 * (DISCARD_BYTES_MAX >> 20) && client_send(&client, body, 1 << 20))
        mb++;
    assert_true(mb >= DISCARD_BYTES_MAX >> 20);
    assert_true(mb <= 2 * (DISCARD_BYTES_MAX >> 20)); /* the line was cut */
    free(body);
    run_until_connections(0);
    end_with_client(&client);
}

/* --- large ones ------------------------------------------------------------------------------- */

/* Reads to the end of the connection; the last answer has to be there whole. */
static void client_expect_large_and_end(struct client *client)
{
    client_read_all(client);
    char *body = body_of(LARGE);
    assert_true(client->input.length > LARGE);
    assert_memory_equal(client->input.data + client->input.length - LARGE, body, LARGE);
    free(body);
}

static void test_a_large_early_answer_is_seen_whole(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 40 * 1000, 2 << 20};
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            struct client client = begin_with_large_answers(REPLY_BODY_TAKE);
            char *body = body_of(lengths[j]);
            client_post(&client, early_paths[i], body, lengths[j]);
            free(body);
            client_expect_large_and_end(&client);
            end_with_client(&client);
            assert_int_equal(world.sent, 1);
        }
    }
}

/* The socket is still full of the answer before it. */
static void test_an_early_answer_behind_a_large_one(void **state)
{
    (void)state;
    struct client client = begin_with_large_answers(REPLY_BODY_TAKE);
    client_write(&client, GET("/now") POST("/early", "1") "x");
    client_expect_large_and_end(&client);
    assert_true(client.input.length > 2 * LARGE);
    end_with_client(&client);
    assert_int_equal(world.sent, 2);
}

/* Nor is there room for the refusal of what comes next, nor for an answer to it. */
static void test_a_refusal_behind_a_large_answer(void **state)
{
    (void)state;
    char query[301];
    memset(query, '&', sizeof(query) - 1);
    query[sizeof(query) - 1] = '\0';
    struct client client = begin_with_large_answers(REPLY_BODY_TAKE);
    client_write(&client, GET("/now") "POST /early?");
    client_write(&client, query);
    client_write(&client, " HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nx");
    client_read_all(&client);
    assert_true(client.input.length > LARGE);
    end_with_client(&client);
    assert_int_equal(world.refused, 1);
}

static void test_client_leaves_in_a_large_early_answer(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) { /* the body is in, or not */
        for (int leaving = 0; leaving <= LEAVINGS; leaving++) {
            struct client client = begin_with_large_answers(REPLY_BODY_TAKE);
            client_write(&client, POST("/early", "2") "x");
            if (whole)
                client_write(&client, "y");
            while (world.sent == 0)
                run_round();
            for (int round = 0; round < 4; round++)
                run_round();
            end_by_leaving(&client, leaving);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_continue_is_refused_before_the_body),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_early_answer_is_seen),
        cmocka_unit_test(test_a_large_early_answer_is_seen_whole),
        cmocka_unit_test(test_an_early_answer_behind_a_large_one),
        cmocka_unit_test(test_a_refusal_behind_a_large_answer),
        cmocka_unit_test(test_client_leaves_in_a_large_early_answer),
        cmocka_unit_test(test_early_answer_to_head_has_no_body),
        cmocka_unit_test(test_no_end_of_body_is_waited_for_after_an_answer),
    };
    return cmocka_run_group_tests(tests, exchange_prepare, NULL);
}
