/*
 * How a call ends: each fault, its time-outs, redirects and the addresses that are refused,
 * proxies.
 */
#include "io/http_transfer.h"

#include <sys/resource.h>
#include <unistd.h>

#include "http_fixture.h"

/* --- faults ----------------------------------------------------------------------------------- */

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum http_fault fault;
        int status;
        bool any_byte;
    } rows[] = {
        {"/fin", HTTP_FAULT_RESET, 0, false},
        {"/rst", HTTP_FAULT_RESET, 0, false},
        {"/half-a-line", HTTP_FAULT_RESET, 0, false},
        {"/cut", HTTP_FAULT_CUT, 200, true},
        {"/cut-chunked", HTTP_FAULT_CUT, 200, true},
        {"/reset-within", HTTP_FAULT_RESET, 200, true},
        {"/silence", HTTP_FAULT_IDLE, 0, false},
        {"/pause", HTTP_FAULT_IDLE, 200, true},
        {"/for-ever", HTTP_FAULT_TOTAL, 200, true},
        {"/garbage", HTTP_FAULT_RESET, 0, false},
        {"/announce-much", HTTP_FAULT_TOO_LARGE, 200, true},
        {"/headers/40x1000", HTTP_FAULT_TOO_LARGE, 200, true},
        {"/continue", HTTP_FAULT_TOO_LARGE, 100, true},
        {"/headers/1x200000", HTTP_FAULT_TOO_LARGE, 200, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_call call;
        struct http_request request = get(rows[i].path);
        request.fresh_connection = true;
        if (rows[i].fault == HTTP_FAULT_IDLE)
            request.limits.idle_ms = 30;
        if (rows[i].fault == HTTP_FAULT_TOTAL)
            request.limits.total_ms = 100;
        assert_string_equal(http_fault_name(fetch(&call, request)), http_fault_name(rows[i].fault));
        assert_int_equal(call.status, rows[i].status);
        assert_int_equal(call.any_byte, rows[i].any_byte);
        assert_false(call.reused);
        http_call_clear(&call);
    }
    assert_int_equal(server.requests, COUNT(rows)); /* each just once */
}

static void test_faults_before_a_request(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "nonsense",
                                      "/path",
                                      "ftp://127.0.0.1/",
                                      "file:///etc/passwd",
                                      "http://",
                                      "http://a b/",
                                      "http://h:x/",
                                      "http://a%2fb/",
                                      "http://*/",
                                      "gopher://127.0.0.1/"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(fault_of(get_url(bad[i])), HTTP_FAULT_LOCAL);
    char *longest = malloc(HTTP_CALL_URL_BYTES + 2);
    memset(longest, 'x', HTTP_CALL_URL_BYTES + 1);
    longest[HTTP_CALL_URL_BYTES + 1] = '\0';
    memcpy(longest, "http://127.0.0.1/", 17);
    assert_int_equal(fault_of(get_url(longest)), HTTP_FAULT_LOCAL);
    free(longest);

    static const char *const injections[] = {"a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\r"};
    for (size_t i = 0; i < COUNT(injections); i++) {
        struct http_request request = get("/ok");
        request.headers[0].value = injections[i];
        assert_int_equal(fault_of(request), HTTP_FAULT_LOCAL);
    }
    assert_int_equal(fault_of(get_url("http://gone.test/")), HTTP_FAULT_RESOLVE);
    assert_int_equal(fault_of(get_url("http://local.test./")), HTTP_FAULT_RESOLVE);
    assert_int_equal(server.connections, 0);

    static struct server other; /* whose port is free again */
    server_open(&other, &loop);
    const unsigned port = other.port;
    server_close(&other);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/ok", port);
    assert_int_equal(fault_of(get_url(url)), HTTP_FAULT_CONNECT);
    snprintf(url, sizeof(url), "http://[::1]:%u/ok", port);
    assert_int_equal(fault_of(get_url(url)), HTTP_FAULT_CONNECT);
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/ok", server.port);
    struct http_request request = get_url(url);
    request.limits.connect_ms = 20;
    assert_int_equal(fault_of(request), HTTP_FAULT_CONNECT); /* the handshake never ends */
}

/* Name look-up counts as connecting, and ends while its thread still waits. */
static void test_connect_timeout(void **state)
{
    (void)state;
    fake_dns_set(false);
    struct http_request request = get_url(at_host("slow.test", "/ok"));
    request.limits.connect_ms = 20;
    assert_int_equal(fault_of(request), HTTP_FAULT_CONNECT);
    request.limits.connect_ms = 20000;
    request.limits.total_ms = 20;
    assert_int_equal(fault_of(request), HTTP_FAULT_TOTAL);
    assert_int_equal(http_client_lookups(client), 1);
    fake_dns_set(true);
    request.limits.total_ms = 20000;
    assert_int_equal(fault_of(request), HTTP_FAULT_NONE);
    assert_int_equal(http_client_lookups(client), 1);
}

/* With the last piece of the body, the time is over. */
static bool on_late_data(struct op *op, const char *bytes, size_t length, void *context)
{
    (void)bytes;
    struct http_transfer *transfer = op_cast(op, http_call)->transfer;
    size_t *left = context;
    *left -= length;
    if (*left == 0) {
        transfer->total_until_ms = loop_now_ms(&loop);
        http_call_set_timer(transfer);
    }
    return true;
}

static void test_what_came_whole_is_not_late(void **state)
{
    (void)state;
    size_t left = 5;
    struct http_request request = get("/ok");
    request.on_data = on_late_data;
    request.context = &left;
    assert_int_equal(fault_of(request), HTTP_FAULT_NONE);
    assert_int_equal(left, 0);
}

static void test_no_descriptor_left(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const int next = dup(STDIN_FILENO); /* all below are taken */
    close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)next, before.rlim_max}), 0);
    const enum http_fault fault = fault_of(get("/ok"));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(fault, HTTP_FAULT_LOCAL);
    assert_int_equal(fault_of(get("/ok")), HTTP_FAULT_NONE);
}

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct http_request request = get_url(at_host(i % 2 ? "LOCAL.test" : "local.test", "/ok"));
        request.fresh_connection = true;
        assert_int_equal(fault_of(request), HTTP_FAULT_NONE);
    }
    assert_int_equal(http_client_lookups(client), 1);
    assert_int_equal(server.connections, 5);
    assert_int_equal(fault_of(get_url(at_host("both.test", "/ok"))), HTTP_FAULT_NONE);
}

/* --- redirects and addresses ------------------------------------------------------------------ */

static void test_redirects_are_not_followed(void **state)
{
    (void)state;
    struct http_call call;
    assert_int_equal(fetch(&call, get("/to//ok")), HTTP_FAULT_NONE);
    assert_int_equal(call.status, 302);
    assert_string_equal(http_call_header(&call, "location"), "/ok");
    assert_string_equal(call.body.data, "elsewhere");
    http_call_clear(&call);
    struct http_request request = post("/to//ok", "x", 1);
    request.follow_public = true;
    request.trusted_url = request.url;
    assert_int_equal(fetch(&call, request), HTTP_FAULT_NONE);
    assert_int_equal(call.status, 302); /* a POST never is */
    http_call_clear(&call);
    assert_int_equal(server.requests, 2);
}

static struct http_request get_public(const char *url)
{
    struct http_request request = get_url(url);
    request.follow_public = true;
    request.trusted_url = at_host("local.test", "/v1");
    return request;
}

static void test_redirects_within_the_trusted_origin(void **state)
{
    (void)state;
    struct http_call call;
    for (int i = 0; i <= HTTP_CALL_REDIRECTS; i++) {
        char path[32];
        snprintf(path, sizeof(path), "/down/%d", i);
        struct http_request request = get_public(at_host("local.test", path));
        request.trusted_url = at_host("LOCAL.test", "/v1");
        assert_int_equal(fetch(&call, request), HTTP_FAULT_NONE);
        assert_int_equal(call.status, 200);
        assert_string_equal(call.body.data, "hello"); /* of the last response alone */
        assert_null(http_call_header(&call, "Location"));
        assert_non_null(strstr(server.head.data, "Authorization: Bearer secret-key"));
        http_call_clear(&call);
    }
    assert_int_equal(fetch(&call, get_public(at_host("local.test", "/down/4"))),
                     HTTP_FAULT_REFUSED);
    assert_int_equal(call.status, 307);
    http_call_clear(&call);
    assert_int_equal(server.connections, 1);
    assert_int_equal(fetch(&call, get_public(at_host("local.test", "/status/302"))),
                     HTTP_FAULT_NONE); /* leads nowhere */
    assert_int_equal(call.status, 302);
    http_call_clear(&call);
}

static void test_what_is_not_public_is_refused(void **state)
{
    (void)state;
    static struct server other;
    server_open(&other, &loop);
    char same_host[64], same_address[64], as_https[64];
    snprintf(same_host, sizeof(same_host), "http://local.test:%u/ok", other.port);
    snprintf(same_address, sizeof(same_address), "http://127.0.0.1:%u/ok", server.port);
    snprintf(as_https, sizeof(as_https), "https://local.test:%u/ok", server.port);
    const struct {
        const char *url;
        enum http_fault fault;
    } rows[] = {
        {same_host, HTTP_FAULT_REFUSED},
        {same_address, HTTP_FAULT_REFUSED},
        {as_https, HTTP_FAULT_REFUSED},
        {"http://example.com/", HTTP_FAULT_REFUSED}, /* not https: not even looked up */
        {"https://private.test/", HTTP_FAULT_REFUSED},
        {"https://mixed.test/", HTTP_FAULT_REFUSED}, /* one of its addresses is enough */
        {"https://10.0.0.1/", HTTP_FAULT_REFUSED},
        {"https://169.254.169.254/latest/meta-data", HTTP_FAULT_REFUSED},
        {"https://[::1]/", HTTP_FAULT_REFUSED},
        {"https://[::ffff:127.0.0.1]/", HTTP_FAULT_REFUSED},
        {"https://2130706433/", HTTP_FAULT_REFUSED}, /* 127.0.0.1, as browsers write it */
        {"https://0x7f.1/", HTTP_FAULT_REFUSED},
        {"https://gone.test/", HTTP_FAULT_RESOLVE},
    };
    char location[128];
    for (size_t i = 0; i < COUNT(rows); i++) {
        const size_t requests = server.requests;
        assert_int_equal(fault_of(get_public(rows[i].url)), rows[i].fault);
        assert_int_equal(server.requests, requests);
        snprintf(location, sizeof(location), "/to/%s", rows[i].url);
        assert_int_equal(fault_of(get_public(at_host("local.test", location))), rows[i].fault);
        assert_int_equal(server.requests, requests + 1);
    }
    static const char *const none[] = {"ftp://local.test/", "file:///etc/passwd", "http://", "",
                                       "http://user:pass@local.test/"};
    for (size_t i = 0; i < COUNT(none) - 2; i++) {
        snprintf(location, sizeof(location), "/to/%s", none[i]);
        assert_int_equal(fault_of(get_public(at_host("local.test", location))), HTTP_FAULT_REFUSED);
    }
    for (size_t i = 0; i < COUNT(none); i++)
        assert_int_equal(fault_of(get_public(none[i])), HTTP_FAULT_LOCAL);
    assert_int_equal(other.connections, 0);
    struct http_request request = get_public(at_host("local.test", "/ok"));
    request.trusted_url = NULL;
    assert_int_equal(fault_of(request), HTTP_FAULT_REFUSED);
    server_close(&other);
}

/* --- proxies ---------------------------------------------------------------------------------- */

static void test_proxy(void **state)
{
    (void)state;
    struct http_call call;
    setenv("http_proxy", at_host("local.test", ""), 1);
    setenv("https_proxy", at_host("local.test", ""), 1);
    setenv("no_proxy", "both.test", 1);
    assert_int_equal(fault_of(get_url("http://far.test/ok")), HTTP_FAULT_NONE);
    assert_memory_equal(server.head.data, "GET http://far.test/ok HTTP/1.1\r\n", 33);
    assert_int_equal(http_client_lookups(client), 1); /* of the proxy, not of the host */

    assert_int_equal(fault_of(get_url(at_host("both.test", "/ok"))), HTTP_FAULT_NONE);
    assert_memory_equal(server.head.data, "GET /ok HTTP/1.1\r\n", 18);
    assert_int_equal(http_client_lookups(client), 2);

    assert_int_equal(fetch(&call, get_url("https://far.test/ok")), HTTP_FAULT_CONNECT);
    assert_memory_equal(server.head.data, "CONNECT far.test:443 HTTP/1.1\r\n", 31);
    assert_null(strstr(server.head.data, "secret"));
    assert_int_equal(call.response_header_count, 0);
    http_call_clear(&call);

    setenv("http_proxy", "http://name:secret@gone.test:1", 1);
    assert_int_equal(fault_of(get_url("http://far.test/ok")), HTTP_FAULT_RESOLVE);
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("no_proxy");
}

static void test_proxy_by_ipv6_address(void **state)
{
    (void)state;
    const int ipv6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (ipv6 < 0)
        skip();
    close(ipv6);
    const char *proxy = at_host("[::ffff:127.0.0.1]", "");
    setenv("http_proxy", proxy, 1);
    setenv("https_proxy", proxy, 1);
    setenv("no_proxy", "both.test", 1);
    assert_int_equal(fault_of(get_url("http://far.test/ok")), HTTP_FAULT_NONE);
    assert_memory_equal(server.head.data, "GET http://far.test/ok HTTP/1.1\r\n", 33);
    assert_int_equal(http_client_lookups(client), 0);

    assert_int_equal(fault_of(get_url("http://[2001:db8::1]/ok")), HTTP_FAULT_NONE);
    assert_memory_equal(server.head.data, "GET http://[2001:db8::1]/ok HTTP/1.1\r\n", 38);
    assert_int_equal(fault_of(get_url("https://far.test/ok")), HTTP_FAULT_CONNECT);
    assert_memory_equal(server.head.data, "CONNECT far.test:443 HTTP/1.1\r\n", 31);
    assert_int_equal(http_client_lookups(client), 0);

    assert_int_equal(fault_of(get_url(at_host("both.test", "/ok"))), HTTP_FAULT_NONE);
    assert_memory_equal(server.head.data, "GET /ok HTTP/1.1\r\n", 18);
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("no_proxy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(faults),
        TEST(faults_before_a_request),
        TEST(connect_timeout),
        TEST(what_came_whole_is_not_late),
        TEST(no_descriptor_left),
        TEST(names),
        TEST(redirects_are_not_followed),
        TEST(redirects_within_the_trusted_origin),
        TEST(what_is_not_public_is_refused),
        TEST(proxy),
        TEST(proxy_by_ipv6_address),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
