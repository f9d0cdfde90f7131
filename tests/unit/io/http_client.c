/*
 * What outlives a call: connections, kept and shared; and that a call can be cancelled in each
 * round of the loop that it takes, with TLS too (openssl s_server).
 */
#include "io/http_client.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_disk.h"
#include "http_fixture.h"

/* --- connections ------------------------------------------------------------------------------ */

static void test_keeps_connections(void **state)
{
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        struct http_call call;
        const enum http_fault fault = fetch(&call, i % 2 ? get("/ok") : post("/echo", "body", 4));
        assert_int_equal(fault, HTTP_FAULT_NONE);
        assert_int_equal(call.reused, i > 0);
        http_call_clear(&call);
    }
    assert_int_equal(server.connections, 1);
    assert_int_equal(http_client_connections(client), 1);
    struct http_request request = get("/ok");
    request.fresh_connection = true;
    assert_int_equal(fault_of(request), HTTP_FAULT_NONE);
    assert_int_equal(server.connections, 2);
    assert_int_equal(http_client_connections(client), 2);
}

/* None waits for another's response, and none is sent behind another. */
static void test_together(void **state)
{
    (void)state;
    struct http_call calls[8];
    for (size_t i = 0; i < 3; i++)
        fetch_together(calls, 8, "/barrier");
    assert_int_equal(server.connections, 8);
    assert_int_equal(server.requests, 24);
}

static size_t client_sockets(size_t *close_on_exec)
{
    size_t count = 0;
    for (int fd = 0; fd < 256; fd++) {
        struct sockaddr_in peer;
        socklen_t length = sizeof(peer);
        if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0 || peer.sin_family != AF_INET ||
            ntohs(peer.sin_port) != server.port)
            continue;
        count++;
        *close_on_exec += (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
    }
    return count;
}

static void test_descriptors_are_close_on_exec(void **state)
{
    (void)state;
    for (int fd = STDERR_FILENO + 1; fd < 256; fd++) { /* libcurl has a pair of its own */
        const int flags = fcntl(fd, F_GETFD);
        assert_true(flags < 0 || flags & FD_CLOEXEC);
    }
    struct http_call calls[4];
    fetch_together(calls, 4, "/barrier");
    size_t close_on_exec = 0;
    assert_int_equal(client_sockets(&close_on_exec), 4);
    assert_int_equal(close_on_exec, 4);
}

/* What a server does to a kept connection, such as to say that it waited too long, and to close. */
static void disturb_idle(struct peer *peer, size_t way)
{
    static const char late[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nlate";
    if (way < 2)
        peer_close(peer, way == 0);
    else
        peer_say(peer, late, way == 2 ? STAY : CLOSE);
}

/* One on which anything happened while nobody used it is not used again: its end would cost a
 * request, its bytes would be taken for the next response. */
static void test_disturbed_while_idle(void **state)
{
    (void)state;
    for (size_t way = 0; way < 4; way++) {
        assert_int_equal(fault_of(get("/ok")), HTTP_FAULT_NONE);
        const size_t requests = server.requests, connections = server.connections;
        disturb_idle(server.peers, way);
        for (size_t round = 0; round < 3; round++)
            uv_run(&loop.uv, UV_RUN_NOWAIT);
        struct http_call call;
        assert_int_equal(fetch(&call, post("/echo", "x", 1)), HTTP_FAULT_NONE);
        assert_int_equal(call.status, 200);
        assert_string_equal(call.body.data, "x");
        assert_false(call.reused);
        http_call_clear(&call);
        assert_int_equal(server.requests, requests + 1);
        assert_int_equal(server.connections, connections + 1);
    }
}

/* Nothing that is kept but not used holds the loop up. */
static void test_idle_connections_end_the_loop(void **state)
{
    (void)state;
    assert_int_equal(fault_of(get("/ok")), HTTP_FAULT_NONE);
    assert_int_equal(server.open, 1);
    uv_unref((uv_handle_t *)&server.listener);
    uv_unref((uv_handle_t *)&server.peers->tcp);
    loop_run(&loop); /* returns */
    assert_int_equal(server.open, 1);
    uv_ref((uv_handle_t *)&server.listener);
    uv_ref((uv_handle_t *)&server.peers->tcp);
}

/* --- cancel in each round of the loop --------------------------------------------------------- */

static void test_cancel_response(void **state)
{
    (void)state;
    cancel_in_each_round(get("/drip/8"), NULL);
    cancel_in_each_round(get("/drip/8"), at("/ok"));
    cancel_in_each_round(get("/length/2000000"), at("/ok"));
}

static void test_cancel_lookup(void **state)
{
    (void)state;
    cancel_in_each_round(get_url(at_host("local.test", "/ok")), NULL);
}

static void test_cancel_upload(void **state)
{
    (void)state;
    struct spool_file *file = spool_bytes(FILE_BYTES);
    const struct http_part part = {.name = "file", .filename = "a.pdf", .file = file};
    cancel_in_each_round(upload("/ok", &part, 1), NULL);
    cancel_in_each_round(upload("/ok", &part, 1), at("/ok"));
    fake_disk_set(true, true);
    cancel_in_each_round(upload("/ok", &part, 1), NULL);
    fake_disk_set(false, false);
    spool_file_free(file);
}

static void test_cancel_redirect(void **state)
{
    (void)state;
    struct http_request request = get("/down/3");
    request.follow_public = true;
    request.trusted_url = at("/");
    cancel_in_each_round(request, NULL);
    cancel_in_each_round(request, at("/ok"));
}

/* --- a connection that ends in each round of the loop ----------------------------------------- */

/* After the sockets were looked at, so that the client may learn of it only when it sends. */
static void on_round_over(uv_check_t *check)
{
    (void)check;
    if (++disturber.rounds == disturber.at && server.peers)
        peer_close(server.peers, true);
}

static void test_stale_is_what_was_not_sent(void **state)
{
    (void)state;
    size_t stale = 0;
    for (size_t when = 1; when < 12; when++) {
        assert_int_equal(fault_of(get("/ok")), HTTP_FAULT_NONE);
        const size_t requests = server.requests;
        struct http_call call;
        const struct http_request request = post("/echo", "x", 1);
        uv_check_t check;
        disturber.rounds = 0;
        disturber.at = when;
        uv_check_init(&loop.uv, &check);
        uv_check_start(&check, on_round_over);
        const enum http_fault fault = fetch(&call, request);
        uv_close((uv_handle_t *)&check, NULL);
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        if (fault == HTTP_FAULT_STALE) {
            assert_true(call.reused);
            assert_int_equal(server.requests, requests);
            stale++;
        } else {
            assert_true(fault == HTTP_FAULT_NONE || fault == HTTP_FAULT_RESET);
        }
        http_call_clear(&call);
    }
    assert_true(stale > 0);
}

/* --- TLS -------------------------------------------------------------------------------------- */

static struct {
    char directory[32];
    char certificate[64];
    pid_t pid;
    unsigned port;
} tls;

/* openssl s_server, with a certificate of its own for local.test. */
static void tls_open(void)
{
    strcpy(tls.directory, "/tmp/http_client.XXXXXX");
    assert_non_null(mkdtemp(tls.directory));
    snprintf(tls.certificate, sizeof(tls.certificate), "%s/cert.pem", tls.directory);
    make_certificate(tls.directory);

    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    tls.pid = fork();
    if (tls.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDOUT_FILENO);
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        if (chdir(tls.directory) == 0)
            execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "cert.pem",
                   "-key", "key.pem", "-www", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *lines = fdopen(ends[0], "r");
    char line[256];
    while (tls.port == 0 && fgets(line, sizeof(line), lines))
        sscanf(line, "ACCEPT 127.0.0.1:%u", &tls.port);
    fclose(lines);
    assert_true(tls.port > 0);
}

static void tls_close(void)
{
    kill(tls.pid, SIGKILL);
    waitpid(tls.pid, NULL, 0);
    char path[64];
    snprintf(path, sizeof(path), "%s/key.pem", tls.directory);
    unlink(path);
    unlink(tls.certificate);
    rmdir(tls.directory);
}

static void test_tls(void **state)
{
    (void)state;
    struct http_call call;
    char url[64], other_name[64];
    tls_open();
    snprintf(url, sizeof(url), "https://local.test:%u/", tls.port);
    snprintf(other_name, sizeof(other_name), "https://both.test:%u/", tls.port);
    assert_int_equal(fetch(&call, get_url(url)), HTTP_FAULT_TLS);
    assert_non_null(strstr(call.fault_text, "certificate"));
    assert_int_equal(call.status, 0);
    http_call_clear(&call);

    static const char *const variables[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    for (size_t i = 0; i < COUNT(variables); i++) {
        http_client_free(client);
        setenv(variables[i], tls.certificate, 1);
        client = new_client();
        assert_int_equal(fetch(&call, get_url(url)), HTTP_FAULT_NONE);
        assert_int_equal(call.status, 200);
        assert_non_null(strstr(call.body.data, "s_server"));
        http_call_clear(&call);
        assert_int_equal(fault_of(get_url(other_name)), HTTP_FAULT_TLS);
        cancel_in_each_round(get_url(url), NULL);
        unsetenv(variables[i]);
    }
    tls_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps_connections),
        TEST(together),
        TEST(descriptors_are_close_on_exec),
        TEST(disturbed_while_idle),
        TEST(idle_connections_end_the_loop),
        TEST(stale_is_what_was_not_sent),
        TEST(cancel_response),
        TEST(cancel_lookup),
        TEST(cancel_upload),
        TEST(cancel_redirect),
        TEST(tls),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
