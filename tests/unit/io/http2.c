/*
 * The client over HTTP/2: nginx in between, which speaks it to the client with TLS, and HTTP/1.1 to
 * the server of the test (http_peer.h). Calls share a connection, and what befalls one of them
 * must not touch the others.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http_fixture.h"

static struct {
    char directory[32];
    char certificate[64];
    char url[64]; /* without a path */
    pid_t pid;
} nginx;

static const char configuration[] = "daemon off;\n"
                                    "master_process off;\n"
                                    "pid nginx.pid;\n"
                                    "error_log /dev/null;\n"
                                    "events {}\n"
                                    "http {\n"
                                    "    access_log off;\n"
                                    "    client_body_temp_path body;\n"
                                    "    proxy_temp_path proxy;\n"
                                    "    fastcgi_temp_path fastcgi;\n"
                                    "    uwsgi_temp_path uwsgi;\n"
                                    "    scgi_temp_path scgi;\n"
                                    "    server {\n"
                                    "        listen 127.0.0.1:%u ssl http2;\n"
                                    "        ssl_certificate cert.pem;\n"
                                    "        ssl_certificate_key key.pem;\n"
                                    "        client_max_body_size 0;\n"
                                    "        location / {\n"
                                    "            proxy_pass http://127.0.0.1:%u;\n"
                                    "            proxy_http_version 1.1;\n"
                                    "            proxy_buffering off;\n"
                                    "            proxy_request_buffering off;\n"
                                    "            add_header X-Protocol $server_protocol always;\n"
                                    "        }\n"
                                    "    }\n"
                                    "}\n";

static struct sockaddr_in local_address(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static unsigned free_port(void)
{
    struct sockaddr_in address = local_address(0);
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static bool accepts(unsigned port)
{
    const struct sockaddr_in address = local_address(port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int result = connect(fd, (const struct sockaddr *)&address, sizeof(address));
    close(fd);
    return result == 0;
}

static void write_configuration(unsigned port)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/nginx.conf", nginx.directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, configuration, port, server.port);
    assert_int_equal(fclose(file), 0);
}

static void nginx_open(void)
{
    const unsigned port = free_port();
    strcpy(nginx.directory, "/tmp/http2.XXXXXX");
    assert_non_null(mkdtemp(nginx.directory));
    snprintf(nginx.certificate, sizeof(nginx.certificate), "%s/cert.pem", nginx.directory);
    snprintf(nginx.url, sizeof(nginx.url), "https://local.test:%u", port);
    make_certificate(nginx.directory);
    write_configuration(port);
    nginx.pid = fork();
    if (nginx.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        execlp("nginx", "nginx", "-p", nginx.directory, "-c", "nginx.conf", (char *)NULL);
        _exit(127);
    }
    while (!accepts(port)) {
        assert_int_equal(waitpid(nginx.pid, NULL, WNOHANG), 0);
        usleep(1000);
    }
}

static void nginx_close(void)
{
    kill(nginx.pid, SIGKILL);
    waitpid(nginx.pid, NULL, 0);
    char command[64];
    snprintf(command, sizeof(command), "rm -r %s", nginx.directory);
    assert_int_equal(system(command), 0);
}

static int set_up_nginx(void **state)
{
    set_up(state);
    nginx_open();
    setenv("CURL_CA_BUNDLE", nginx.certificate, 1);
    http_client_free(client);
    client = new_client();
    return 0;
}

static int tear_down_nginx(void **state)
{
    unsetenv("CURL_CA_BUNDLE");
    nginx_close();
    return tear_down(state);
}

static struct http_request get_secure(const char *path)
{
    char *url = url_slots[next_slot++ % COUNT(url_slots)];
    snprintf(url, sizeof(url_slots[0]), "%s%s", nginx.url, path);
    return get_url(url);
}

static void expect_good(struct http_call *call, struct http_request request)
{
    assert_int_equal(fetch(call, request), HTTP_FAULT_NONE);
    assert_int_equal(call->status, 200);
    assert_string_equal(http_call_header(call, "X-Protocol"), "HTTP/2.0");
}

static void test_certificate_that_nobody_trusts(void **state)
{
    (void)state;
    unsetenv("CURL_CA_BUNDLE");
    http_client_free(client);
    client = new_client();
    assert_int_equal(fault_of(get_secure("/ok")), HTTP_FAULT_TLS);
    assert_int_equal(server.requests, 0);
}

static void test_calls_share_a_connection(void **state)
{
    (void)state;
    enum { CALLS = 4 };
    struct http_call calls[CALLS];
    const struct http_request request = get_secure("/barrier");
    server.barrier = CALLS; /* no answer before all have come */
    for (size_t i = 0; i < CALLS; i++)
        start(&calls[i], &request);
    loop_run(&loop);
    for (size_t i = 0; i < CALLS; i++) {
        assert_int_equal(calls[i].fault, HTTP_FAULT_NONE);
        assert_string_equal(calls[i].body.data, "hello");
        http_call_clear(&calls[i]);
    }
    assert_int_equal(server.requests, CALLS);
    assert_int_equal(http_client_connections(client), 1);
}

static void test_upload(void **state)
{
    (void)state;
    struct spool_file *file = spool_bytes(FILE_BYTES);
    const struct http_part part = {.name = "file", .filename = "a.pdf", .file = file};
    char *expected = malloc(FILE_BYTES);
    for (size_t done = 0; done < FILE_BYTES;)
        done += (size_t)spool_file_read(file, done, expected + done, FILE_BYTES - done);
    for (size_t i = 0; i < 2; i++) {
        struct http_call call;
        struct http_request request = get_secure("/ok");
        request.method = "POST";
        request.parts = &part;
        request.part_count = 1;
        expect_good(&call, request);
        http_call_clear(&call);
        assert_non_null(memmem(server.body.data, server.body.length, expected, FILE_BYTES));
    }
    assert_int_equal(http_client_connections(client), 1);
    free(expected);
    spool_file_free(file);
}

/* --- what befalls one of several -------------------------------------------------------------- */

enum { LONG = 2000000 }; /* bytes of an answer that comes in many pieces */

static const char long_answer[] = "/length/2000000";
static struct http_call other, call;

/* The first piece of one answer is the end of the other call. */
static bool on_data(struct op *op, const char *bytes, size_t length, void *context)
{
    (void)op, (void)bytes;
    *(size_t *)context += length;
    if (!op_finished(&other.op))
        op_cancel(&other.op);
    return true;
}

static void test_cancel_leaves_the_others(void **state)
{
    (void)state;
    static const char *const paths[] = {"/silence", "/pause", "/for-ever"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        size_t length = 0;
        const struct http_request endless = get_secure(paths[i]);
        struct http_request request = get_secure(long_answer);
        request.on_data = on_data;
        request.context = &length;
        start(&other, &endless);
        expect_good(&call, request);
        assert_int_equal(length, LONG);
        assert_int_equal(op_error(&other.op)->code, ERR_CANCELLED);
        http_call_clear(&call);
        http_call_clear(&other);
        assert_int_equal(fault_of(get_secure("/ok")), HTTP_FAULT_NONE);
    }
    assert_int_equal(http_client_connections(client), 1);
}

static void test_cancel_in_each_round(void **state)
{
    (void)state;
    const struct http_request ok = get_secure("/ok");
    cancel_in_each_round(get_secure("/ok"), NULL);
    cancel_in_each_round(get_secure("/ok"), ok.url);
    cancel_in_each_round(get_secure(long_answer), ok.url);
}

/* libcurl would send such a request again, and gives the connection up once the others are over: so
 * how many there are in the end is a matter of timing. */
static void test_reset_of_one(void **state)
{
    (void)state;
    const struct http_request broken = get_secure("/cut");
    for (size_t i = 0; i < 3; i++) {
        start(&other, &broken);
        expect_good(&call, get_secure(long_answer));
        assert_int_equal(call.body.length, LONG);
        assert_string_equal(http_fault_name(other.fault), "reset");
        http_call_clear(&call);
        http_call_clear(&other);
    }
    assert_int_equal(server.requests, 6); /* each just once */
}

#define TEST_NGINX(name) cmocka_unit_test_setup_teardown(test_##name, set_up_nginx, tear_down_nginx)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_NGINX(certificate_that_nobody_trusts),
        TEST_NGINX(calls_share_a_connection),
        TEST_NGINX(upload),
        TEST_NGINX(cancel_leaves_the_others),
        TEST_NGINX(cancel_in_each_round),
        TEST_NGINX(reset_of_one),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
