/*
 * URLs taken apart, proxies of the environment, and the table of public addresses.
 */
#include "io/http_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "io/http_client.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct arena arena;

static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host, *port;
        bool https, is_ipv6;
    } rows[] = {
        {"http://a.test", "a.test", "80", false, false},
        {"HTTPS://A.test/path?q#f", "A.test", "443", true, false},
        {"http://a.test:8080/", "a.test", "8080", false, false},
        {"https://[2001:db8::1]:9/", "2001:db8::1", "9", true, true},
        {"https://192.0.2.1/", "192.0.2.1", "443", true, false},
        {"https://name:pass@a.test/", "a.test", "443", true, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_target target = {0};
        assert_int_equal(http_target_parse(&target, &arena, rows[i].url, false), OK);
        assert_string_equal(target.host, rows[i].host);
        assert_string_equal(target.port, rows[i].port);
        assert_int_equal(target.https, rows[i].https);
        assert_int_equal(target.is_ipv6, rows[i].is_ipv6);
        http_target_clear(&target);
    }
    struct http_target none = {0};
    assert_int_equal(http_target_parse(&none, &arena, "https://name:pass@a.test/", true),
                     ERR_SYNTAX);
    assert_int_equal(http_target_parse(&none, &arena, "https://name@a.test/", true), ERR_SYNTAX);
    assert_int_equal(http_target_parse(&none, &arena, "https://:pass@a.test/", true), ERR_SYNTAX);
    assert_int_equal(http_target_parse(&none, &arena, "https://@a.test/", true), ERR_SYNTAX);
    assert_null(none.url);
}

static void test_origins(void **state)
{
    (void)state;
    static const struct {
        const char *from, *location, *host;
        bool same_origin;
    } rows[] = {
        {"https://a.test/x/y", "z", "a.test", true},
        {"https://a.test/x/y", "../../z?q", "a.test", true},
        {"https://a.test/x/y", "//A.TEST:443/z", "A.TEST", true},
        {"https://a.test/x/y", "a b\xff", "a.test", true},
        {"https://a.test/x/y", "//b.test/z", "b.test", false},
        {"https://a.test/x/y", "http://a.test:443/z", "a.test", false},
        {"https://a.test/x/y", "https://a.test:444/z", "a.test", false},
        {"https://a.test/x/y", "https://a.test.b.test/z", "a.test.b.test", false},
        {"https://a.test/x/y", "javascript:1", NULL, false},
        {"https://a.test/x/y", "https://name@b.test/", NULL, false},
        {"https://a.test/x/y", "https://:pass@b.test/", NULL, false},
        {"https://a.test/x/y", "https://@b.test/", NULL, false},
        {"https://a.test/x/y", "file:///etc/passwd", NULL, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_target from = {0}, to = {0};
        assert_int_equal(http_target_parse(&from, &arena, rows[i].from, true), OK);
        const enum err err = http_target_follow(&to, &arena, &from, rows[i].location);
        assert_int_equal(err, rows[i].host ? OK : ERR_SYNTAX);
        if (err == OK)
            assert_string_equal(to.host, rows[i].host);
        assert_int_equal(http_target_same_origin(&from, &to), rows[i].same_origin);
        http_target_clear(&from);
        http_target_clear(&to);
    }
    assert_false(http_target_same_origin(&(struct http_target){0}, &(struct http_target){0}));
}

static void test_proxies(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        bool https;
        const char *host, *port; /* NULL: none */
    } rows[] = {
        {"http_proxy", "http://p.test:3128", false, "p.test", "3128"},
        {"http_proxy", "http://p.test:3128", true, NULL, NULL},
        {"http_proxy", "p.test", false, "p.test", "1080"},
        {"http_proxy", "", false, NULL, NULL},
        {"HTTP_PROXY", "http://p.test:3128", false, NULL, NULL},
        {"https_proxy", "http://name:pass@p.test:3128/", true, "p.test", "3128"},
        {"HTTPS_PROXY", "https://p.test", true, "p.test", "443"},
        {"HTTPS_PROXY", "https://p.test", false, NULL, NULL},
        {"all_proxy", "socks5h://[::1]", true, "::1", "1080"},
        {"ALL_PROXY", "socks5://p.test:9", false, "p.test", "9"},
        {"all_proxy", ":::", false, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_target proxy = {0};
        setenv(rows[i].name, rows[i].value, 1);
        assert_int_equal(http_target_proxy(&proxy, &arena, rows[i].https), rows[i].host != NULL);
        unsetenv(rows[i].name);
        if (rows[i].host) {
            assert_string_equal(proxy.host, rows[i].host);
            assert_string_equal(proxy.port, rows[i].port);
        }
    }
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const is_public[] = {
        "1.1.1.1",         "8.8.8.8",         "9.255.255.255",    "11.0.0.0",
        "100.63.255.255",  "100.128.0.0",     "126.255.255.255",  "128.0.0.0",
        "169.253.255.255", "169.255.0.0",     "172.15.255.255",   "172.32.0.0",
        "192.0.1.0",       "192.167.255.255", "192.169.0.0",      "198.17.255.255",
        "198.20.0.0",      "203.0.112.255",   "203.0.114.0",      "223.255.255.255",
        "2606:4700::1111", "2a00:1450::1",    "2001:200::1",      "2001:db7::1",
        "2001:db9::1",     "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8", "2002:808:808::1"};
    static const char *const is_not[] = {"",
                                         "nonsense",
                                         "8.8.8.8 ",
                                         "8.8.8",
                                         "0.0.0.0",
                                         "0.255.255.255",
                                         "10.0.0.0",
                                         "10.255.255.255",
                                         "100.64.0.0",
                                         "100.127.255.255",
                                         "127.0.0.1",
                                         "127.255.255.255",
                                         "169.254.169.254",
                                         "172.16.0.0",
                                         "172.31.255.255",
                                         "192.0.0.8",
                                         "192.0.2.1",
                                         "192.88.99.1",
                                         "192.168.0.0",
                                         "192.168.255.255",
                                         "198.18.0.0",
                                         "198.19.255.255",
                                         "198.51.100.1",
                                         "203.0.113.255",
                                         "224.0.0.1",
                                         "239.255.255.255",
                                         "240.0.0.1",
                                         "255.255.255.255",
                                         "::",
                                         "::1",
                                         "::8.8.8.8",
                                         "::ffff:10.0.0.1",
                                         "::ffff:127.0.0.1",
                                         "64:ff9b::10.0.0.1",
                                         "64:ff9b:1::808:808",
                                         "100::1",
                                         "2001::1",
                                         "2001:1ff::1",
                                         "2001:db8::1",
                                         "2002:a00:1::1",
                                         "2002:7f00:1::",
                                         "3fff::1",
                                         "4000::1",
                                         "fc00::1",
                                         "fdff::1",
                                         "fe80::1",
                                         "fe80::1%lo",
                                         "fec0::1",
                                         "ff02::1",
                                         "1fff:ffff::1"};
    for (size_t i = 0; i < COUNT(is_public); i++) {
        if (!http_address_is_public(is_public[i]))
            fail_msg("%s", is_public[i]);
    }
    for (size_t i = 0; i < COUNT(is_not); i++) {
        if (http_address_is_public(is_not[i]))
            fail_msg("%s", is_not[i]);
    }
}

static int set_up(void **state)
{
    (void)state;
    static const char *const variables[] = {"http_proxy",  "HTTP_PROXY", "https_proxy",
                                            "HTTPS_PROXY", "all_proxy",  "ALL_PROXY"};
    for (size_t i = 0; i < COUNT(variables); i++)
        unsetenv(variables[i]);
    arena_init(&arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_proxies),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
