/* The HTTP front end through real sockets: requests, their answers, and the server's own life. */
#include <fcntl.h>

#include "unit/io/exchange_client.h"

/* --- answers ---------------------------------------------------------------------------------- */

static void test_answers_on_one_connection(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    for (int i = 0; i < 3; i++) {
        client_get(&client, "/now");
        client_write(&client, GET("/end?x=1"));
        client_expect(&client, 200, "GET /end 0 00000000");
        client_write(&client, "DELETE /later HTTP/1.1\r\nHost: h\r\n\r\n");
        client_expect(&client, 200, "DELETE /later 0 00000000");
        client_write(&client, GET("/else"));
        client_expect(&client, 404, NULL);
    }
    assert_int_equal(http_server_connections(world.server), 1);
    assert_int_equal(world.begun, 12);
    end_with_client(&client);
    assert_int_equal(world.sent, 12);
    assert_int_equal(world.gone, 0);
}

static void test_bodies(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 1000, 40 * 1000, 300 * 1000};
    static const char *const paths[] = {"/end", "/later", "/pause"};
    struct client client = begin_with_client();
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
    end_with_client(&client);
    assert_int_equal(world.sent, world.begun);
}

static void test_who_frees_the_body(void **state)
{
    (void)state;
    static const enum reply_body kinds[] = {REPLY_BODY_COPY, REPLY_BODY_STATIC, REPLY_BODY_TAKE};
    for (size_t i = 0; i < 3; i++) {
        struct client client = begin_with_client();
        world.body_kind = kinds[i];
        client_get(&client, "/end");
        client_post(&client, "/early", "x", 1); /* past libmicrohttpd */
        client_expect(&client, 413, "POST /early 0 00000000");
        end_with_client(&client);
    }
}

static void test_head_has_no_body(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    client_write(&client, "HEAD /end HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    client_read_all(&client);
    assert_non_null(strstr(client.input.data, "HTTP/1.1 200 "));
    assert_non_null(strcasestr(client.input.data, "Content-Length: 20\r\n"));
    assert_string_equal(client.input.data + client.input.length - 4, "\r\n\r\n");
    end_with_client(&client);
}

static void test_close_after_the_answer(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    world.close = true;
    client_write(&client, GET("/later"));
    const struct answer result = client_read(&client);
    assert_non_null(strcasestr(result.header, "\r\nConnection: close\r\n"));
    client_expect_end(&client);
    run_until_connections(0);
    end_with_client(&client);
}

/* --- files ------------------------------------------------------------------------------------ */

/* Descriptors are counted at each end. */
static void test_files_are_closed_when_sent(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    world.body_kind = REPLY_BODY_FILE;
    const size_t descriptors = count_descriptors() + 1; /* with the server's end of the line */
    for (int i = 0; i < 3; i++) {
        client_get(&client, "/now");
        client_get(&client, "/later");
        while (world.sent < world.begun)
            run_round();
        assert_int_equal(count_descriptors(), descriptors);
    }
    /* The answer to a body that the client need not send. */
    client_write(&client, "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n"
                          "Expect: 100-continue\r\n\r\n");
    client_expect(&client, 413, "POST /early 0 00000000");
    end_with_client(&client);
}

static void test_a_large_file_arrives_whole(void **state)
{
    (void)state;
    struct client client = begin_with_large_answers(REPLY_BODY_FILE);
    client_write(&client, "GET /later HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    client_read_all(&client);
    assert_true(client.input.length > LARGE && client.input.length < LARGE + 1000);
    end_with_client(&client);
}

static void test_files_nobody_reads_are_closed(void **state)
{
    (void)state;
    static const char *const requests[] = {
        GET("/now"),
        GET("/later"),
        "HEAD /now HTTP/1.1\r\nHost: h\r\n\r\n",
        GET("/now") GET("/later"),
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        for (int leaving = 0; leaving <= LEAVINGS; leaving++) {
            struct client client = begin_with_large_answers(REPLY_BODY_FILE);
            client_write(&client, requests[i]);
            while (world.begun == 0)
                run_round();
            end_by_leaving(&client, leaving);
        }
    }
}

static void test_a_file_nobody_wants_is_dropped(void **state)
{
    (void)state;
    const size_t descriptors = count_descriptors();
    struct reply reply = {.body_kind = REPLY_BODY_FILE};
    put_in_file(&reply, "text");
    reply_drop(&reply);
    assert_int_equal(count_descriptors(), descriptors);
    reply = (struct reply){.body_kind = REPLY_BODY_TAKE, .body = strdup("text")};
    reply_drop(&reply);
    assert_null(reply.body);
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
    struct client client = begin_with_client();
    world.on_headers = look_at_request;
    client_write(&client, "PUT /a%20b/c?x=1&y&z=a+b%26c&x=2 HTTP/1.1\r\nHost: h\r\n"
                          "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc");
    client_expect(&client, 404, NULL);
    /* Absolute form, as to a proxy. */
    client_write(&client, "PUT http://h:80/a%20b/c?x=2&y&z=a+b%26c HTTP/1.1\r\nHost: h\r\n"
                          "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc");
    client_expect(&client, 404, NULL);
    world.on_headers = NULL;
    client_write(&client, GET("http://h"));
    client_expect(&client, 404, "GET / 0 00000000");
    client_write(&client, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(&client, 404, "OPTIONS * 0 00000000");
    assert_int_equal(world.begun, 4);
    end_with_client(&client);
}

static void look_at_chunked(struct exchange *exchange)
{
    assert_true(exchange_body_length(exchange) == UINT64_MAX);
}

static void test_chunked_has_no_length(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    world.on_headers = look_at_chunked;
    client_post_chunked(&client, "/end", "hello", 5, 2);
    client_expect_echo(&client, "/end", "hello", 5);
    end_with_client(&client);
}

/* --- pipelines -------------------------------------------------------------------------------- */

/* clang-format off */
static const char pipeline[] =
    GET("/later")
    POST("/end", "5") "hello"
    GET("/now")
    "POST /pause HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    GET("/end");
/* clang-format on */

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
    struct client client = begin_with_client();
    client_write(&client, pipeline);
    expect_pipeline(&client);
    end_with_client(&client);
    assert_int_equal(world.sent, 5);
}

static void test_requests_cut_at_every_byte(void **state)
{
    (void)state;
    struct client client = begin_with_client();
    for (size_t at = 1; at < strlen(pipeline); at++) {
        assert_true(client_send(&client, pipeline, at));
        for (int round = 0; round < 3; round++)
            run_round();
        client_write(&client, pipeline + at);
        expect_pipeline(&client);
    }
    assert_int_equal(http_server_connections(world.server), 1);
    end_with_client(&client);
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
    struct client client = begin_with_client();
    client_write(&client, GET("/never"));
    run_until_held(1);
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
    client_get(&client, "/now");
    end_with_client(&client);
}

static void test_free_with_connections_open(void **state)
{
    (void)state;
    begin_serving();
    static const char *const texts[] = {
        "",
        "GET /n",
        GET("/now"),
        POST("/end", "100") "abc",
        POST("/stall", "100") "abc",
        POST("/early", "100") "abc",
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
    struct client client = begin_with_client();
    client_write(&client, GET("/never"));
    run_until_held(1);
    answer(world.requests, 200);
    end_before_client(&client);
    assert_int_equal(world.sent, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_on_one_connection),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_who_frees_the_body),
        cmocka_unit_test(test_head_has_no_body),
        cmocka_unit_test(test_close_after_the_answer),
        cmocka_unit_test(test_files_are_closed_when_sent),
        cmocka_unit_test(test_a_large_file_arrives_whole),
        cmocka_unit_test(test_files_nobody_reads_are_closed),
        cmocka_unit_test(test_a_file_nobody_wants_is_dropped),
        cmocka_unit_test(test_reading_the_request),
        cmocka_unit_test(test_chunked_has_no_length),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_requests_cut_at_every_byte),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_address_that_is_none),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_no_new_connections_after_close),
        cmocka_unit_test(test_free_with_connections_open),
        cmocka_unit_test(test_free_right_after_an_answer),
    };
    return cmocka_run_group_tests(tests, exchange_prepare, NULL);
}
