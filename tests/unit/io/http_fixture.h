/*
 * http_fixture.h: what the tests of the HTTP client share: a loop with a server on it
 * (http_peer.h), a client, a spool, names of their own (fake_dns.h); calls made and waited for.
 * Each test also shows that no descriptor is left, and each call that its secret is in no fault's
 * text.
 */
#ifndef TESTS_HTTP_FIXTURE_H
#define TESTS_HTTP_FIXTURE_H

#include <curl/curl.h>
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_dns.h"
#include "http_peer.h"
#include "io/http_client.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
    SPOOL_MEMORY = 8 << 20,
    FILE_BYTES = 1500 * 1000,
};

static struct loop loop;
static struct server server;
static struct http_client *client;
static struct spool spool;
static size_t unfinished;
static size_t descriptors_before;
static char url_slots[8][512];
static size_t next_slot;

static inline size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static inline struct http_client *new_client(void)
{
    return http_client_new(&loop, &(struct http_client_settings){
                                      .connections_max = 16,
                                      .user_agent = "personad-test/1",
                                      .resolve_ttl_ms = 60 * 1000,
                                      .resolve_stale_ms = 3600 * 1000,
                                      .idle_connection_ms = 50 * 1000,
                                  });
}

static inline int set_up(void **state)
{
    (void)state;
    struct error error;
    descriptors_before = count_descriptors();
    fake_dns_set(true);
    assert_int_equal(loop_init(&loop), OK);
    assert_int_equal(spool_init(&spool, &loop, "/tmp", SPOOL_MEMORY, &error), OK);
    server_open(&server, &loop);
    client = new_client();
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    http_client_free(client);
    server_close(&server);
    spool_clear(&spool);
    loop_clear(&loop);
    assert_int_equal(count_descriptors(), descriptors_before);
    return 0;
}

/* --- calls ------------------------------------------------------------------------------------ */

/* On this server, in one of eight static slots. */
static inline const char *at_host(const char *host, const char *path)
{
    char *url = url_slots[next_slot++ % COUNT(url_slots)];
    snprintf(url, sizeof(url_slots[0]), "http://%s:%u%s", host, server.port, path);
    return url;
}

static inline const char *at(const char *path)
{
    return at_host("127.0.0.1", path);
}

static inline struct http_request get_url(const char *url)
{
    return (struct http_request){
        .method = "GET",
        .url = url,
        .headers = {{"Authorization", "Bearer secret-key"}},
        .header_count = 1,
        .limits = {.connect_ms = 20000, .idle_ms = 20000, .total_ms = 60000, .body_max = 8 << 20},
    };
}

static inline struct http_request get(const char *path)
{
    return get_url(at(path));
}

static inline struct http_request post(const char *path, const char *body, size_t length)
{
    struct http_request request = get(path);
    request.method = "POST";
    request.body = body;
    request.body_length = length;
    return request;
}

static inline void on_finish(struct op *op, void *context)
{
    (void)op, (void)context;
    if (--unfinished == 0)
        loop_stop(&loop);
}

static inline void start(struct http_call *call, const struct http_request *request)
{
    unfinished++;
    http_call_start(call, root(&loop, on_finish, NULL), client, request);
    assert_false(op_finished(&call->op));
}

static inline enum http_fault fetch(struct http_call *call, struct http_request request)
{
    start(call, &request);
    loop_run(&loop);
    assert_true(op_finished(&call->op));
    assert_int_equal(op_error(&call->op)->code, OK);
    assert_null(strstr(call->fault_text, "secret"));
    assert_int_equal(call->fault != HTTP_FAULT_NONE, strlen(call->fault_text) > 0);
    return call->fault;
}

/* One whose result does not matter but for its fault. */
static inline enum http_fault fault_of(struct http_request request)
{
    struct http_call call;
    const enum http_fault fault = fetch(&call, request);
    http_call_clear(&call);
    return fault;
}

static inline void fetch_together(struct http_call *calls, size_t count, const char *path)
{
    const struct http_request request = get(path);
    server.barrier = count;
    for (size_t i = 0; i < count; i++)
        start(&calls[i], &request);
    loop_run(&loop);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(calls[i].fault, HTTP_FAULT_NONE);
        http_call_clear(&calls[i]);
    }
}

static inline struct spool_file *spool_bytes(size_t length)
{
    struct spool_file *file = spool_file_new(&spool, UINT64_MAX);
    char piece[SPOOL_PIECE_MAX];
    for (size_t done = 0; done < length;) {
        const size_t count = length - done < sizeof(piece) ? length - done : sizeof(piece);
        for (size_t i = 0; i < count; i++)
            piece[i] = (char)((done + i) * 2654435761u >> 13);
        while (!spool_room(&spool, NULL, file, count))
            uv_run(&loop.uv, UV_RUN_ONCE);
        spool_file_append(file, piece, count);
        done += count;
    }
    spool_file_finish(file);
    while (!spool_file_settled(file))
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(file->error.code, OK);
    return file;
}

static inline struct http_request upload(const char *path, const struct http_part *parts,
                                         size_t count)
{
    struct http_request request = post(path, NULL, 0);
    request.parts = parts;
    request.part_count = count;
    return request;
}

/* --- cancel in each round of the loop --------------------------------------------------------- */

static struct {
    uv_prepare_t prepare;
    size_t rounds, at;
    struct http_call *call;
} disturber;

static inline void on_round(uv_prepare_t *prepare)
{
    (void)prepare;
    if (++disturber.rounds == disturber.at)
        op_cancel(&disturber.call->op);
}

static inline void run_disturbed(struct http_call *call, const struct http_request *request,
                                 size_t when)
{
    disturber.rounds = 0;
    disturber.at = when;
    disturber.call = call;
    uv_prepare_init(&loop.uv, &disturber.prepare);
    uv_prepare_start(&disturber.prepare, on_round);
    start(call, request);
    loop_run(&loop);
    uv_close((uv_handle_t *)&disturber.prepare, NULL);
    uv_run(&loop.uv, UV_RUN_NOWAIT);
}

/* Each time after a request to `warm_url`; NULL: with a client that has no connection. */
static inline void cancel_in_each_round(struct http_request request, const char *warm_url)
{
    struct http_call call;
    enum err err = ERR_CANCELLED;
    size_t when = 0;
    while (err != OK) { /* until it is done before */
        if (warm_url) {
            assert_int_equal(fault_of(get_url(warm_url)), HTTP_FAULT_NONE);
        } else {
            http_client_free(client);
            client = new_client();
        }
        run_disturbed(&call, &request, ++when);
        err = op_error(&call.op)->code;
        assert_true(err == OK || err == ERR_CANCELLED);
        assert_int_equal(call.fault, HTTP_FAULT_NONE);
        http_call_clear(&call);
    }
    assert_true(when > 4);
    assert_int_equal(fault_of(get("/ok")), HTTP_FAULT_NONE);
}

/* --- TLS -------------------------------------------------------------------------------------- */

/* cert.pem and key.pem in `directory`: for local.test, signed by itself. */
static inline void make_certificate(const char *directory)
{
    char command[512];
    snprintf(command, sizeof(command),
             "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
             "-keyout key.pem -out cert.pem -days 2 -subj /CN=local.test "
             "-addext subjectAltName=DNS:local.test 2>/dev/null",
             directory);
    assert_int_equal(system(command), 0);
}

static inline int tear_down_all(void **state)
{
    (void)state;
    curl_global_cleanup();
    return 0;
}

static inline int set_up_all(void **state)
{
    (void)state;
    static const char *const variables[] = {
        "http_proxy", "https_proxy", "HTTPS_PROXY",    "all_proxy",     "ALL_PROXY",
        "no_proxy",   "NO_PROXY",    "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"};
    for (size_t i = 0; i < COUNT(variables); i++)
        unsetenv(variables[i]);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(loop_init(&loop), OK); /* opens what libuv keeps for good */
    loop_clear(&loop);
    http_client_global_init();
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

#endif
