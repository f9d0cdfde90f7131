/*
 * The cache and its sharing, against a resolver of the system that answers from a table.
 */
#include "io/resolver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_dns.h"

enum { TTL_MS = 60 * 1000, STALE_MS = 3600 * 1000 };

static struct loop loop;
static struct resolver *resolver;
static size_t unfinished;

static void on_finish(struct op *op, void *context)
{
    (void)op, (void)context;
    if (--unfinished == 0)
        loop_stop(&loop);
}

static void begin(struct lookup *lookup, const char *name)
{
    unfinished++;
    lookup_start(lookup, root(&loop, on_finish, NULL), resolver, name);
}

static enum err look_up(struct lookup *lookup, const char *name)
{
    begin(lookup, name);
    loop_run(&loop);
    assert_true(op_finished(&lookup->op));
    return op_error(&lookup->op)->code;
}

static int set_up(void **state)
{
    (void)state;
    fake_dns_set(true);
    atomic_store(&fake_dns.failure, 0);
    assert_int_equal(loop_init(&loop), OK);
    resolver = resolver_new(&loop, TTL_MS, STALE_MS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    resolver_free(resolver);
    fake_dns_set(true);
    loop_clear(&loop);
    return 0;
}

static void test_answers(void **state)
{
    (void)state;
    struct lookup lookup;
    assert_int_equal(look_up(&lookup, "both.test"), OK);
    assert_int_equal(lookup.addresses.count, 2);
    assert_string_equal(lookup.addresses.text[0], "127.0.0.1");
    assert_string_equal(lookup.addresses.text[1], "::1");
}

static void test_addresses_ask_nobody(void **state)
{
    (void)state;
    static const char *const names[] = {"192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"};
    for (size_t i = 0; i < 3; i++) {
        struct lookup lookup;
        assert_int_equal(look_up(&lookup, names[i]), OK);
        assert_int_equal(lookup.addresses.count, 1);
        assert_string_equal(lookup.addresses.text[0], names[i]);
    }
    assert_int_equal(resolver_queries(resolver), 0);
}

static void test_remembers(void **state)
{
    (void)state;
    struct lookup lookup;
    const unsigned before = atomic_load(&fake_dns.asked);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(look_up(&lookup, i % 2 ? "local.test" : "LOCAL.test"), OK);
        assert_string_equal(lookup.addresses.text[0], "127.0.0.1");
    }
    assert_int_equal(resolver_queries(resolver), 1);
    assert_int_equal(atomic_load(&fake_dns.asked), before + 1);
}

/* With a ttl of 0 addresses have expired as soon as they are known. */
static void begin_anew(uint64_t stale_ms)
{
    resolver_free(resolver);
    resolver = resolver_new(&loop, 0, stale_ms);
}

static void test_forgets_in_time(void **state)
{
    (void)state;
    struct lookup lookup;
    begin_anew(0);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(look_up(&lookup, "local.test"), OK);
        assert_int_equal(resolver_queries(resolver), i);
    }
}

/* A name server that takes its time: nobody waits for it, and it is asked once. */
static void test_expired_addresses_are_used_meanwhile(void **state)
{
    (void)state;
    struct lookup lookup;
    begin_anew(STALE_MS);
    assert_int_equal(look_up(&lookup, "slow.test"), OK);
    fake_dns_set(false);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(look_up(&lookup, "slow.test"), OK);
        assert_string_equal(lookup.addresses.text[0], "127.0.0.1");
        assert_int_equal(resolver_queries(resolver), 2);
    }
    fake_dns_set(true);
    loop_run(&loop); /* until it has answered */
    assert_int_equal(look_up(&lookup, "slow.test"), OK);
    assert_int_equal(resolver_queries(resolver), 3);
}

static void test_failures_are_bridged(void **state)
{
    (void)state;
    struct lookup lookup;
    begin_anew(STALE_MS);
    assert_int_equal(look_up(&lookup, "local.test"), OK);
    atomic_store(&fake_dns.failure, EAI_AGAIN);
    for (uint64_t i = 2; i <= 4; i++) {
        assert_int_equal(look_up(&lookup, "local.test"), OK);
        assert_int_equal(lookup.addresses.count, 1);
        loop_run(&loop);
        assert_int_equal(resolver_queries(resolver), i);
    }
    assert_int_equal(look_up(&lookup, "both.test"), ERR_NOT_FOUND); /* it was never known */

    atomic_store(&fake_dns.failure, EAI_NONAME);
    assert_int_equal(look_up(&lookup, "local.test"), OK);
    loop_run(&loop);
    assert_int_equal(look_up(&lookup, "local.test"), ERR_NOT_FOUND); /* it is gone */
}

/* Too old to be used, and just being asked for. */
static void test_who_waits_for_what_was_too_old(void **state)
{
    (void)state;
    struct lookup lookup;
    begin_anew(0);
    assert_int_equal(look_up(&lookup, "slow.test"), OK);
    fake_dns_set(false);
    begin(&lookup, "slow.test");
    for (size_t round = 0; round < 4; round++)
        uv_run(&loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(unfinished, 1);
    atomic_store(&fake_dns.failure, EAI_AGAIN);
    fake_dns_set(true);
    loop_run(&loop);
    assert_int_equal(op_error(&lookup.op)->code, ERR_NOT_FOUND);
    assert_int_equal(lookup.addresses.count, 0);
}

/* libuv looks few names up at a time. */
static void test_hanging_names_hold_up_no_known_one(void **state)
{
    (void)state;
    enum { MANY = 8 };
    struct lookup hanging[MANY], lookup;
    char name[32];
    begin_anew(STALE_MS);
    assert_int_equal(look_up(&lookup, "local.test"), OK);
    fake_dns_set(false);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "slow.%d.test", i);
        begin(&hanging[i], name);
    }
    begin(&lookup, "local.test");
    for (size_t round = 0; round < 8; round++)
        uv_run(&loop.uv, UV_RUN_NOWAIT);
    assert_true(op_finished(&lookup.op));
    assert_int_equal(op_error(&lookup.op)->code, OK);
    assert_int_equal(unfinished, MANY);
    fake_dns_set(true);
    loop_run(&loop);
}

static void test_failures_are_not_remembered(void **state)
{
    (void)state;
    struct lookup lookup;
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(look_up(&lookup, "gone.test"), ERR_NOT_FOUND);
        assert_true(strlen(op_error(&lookup.op)->detail) > 0);
        assert_int_equal(lookup.addresses.count, 0);
        assert_int_equal(resolver_queries(resolver), i);
    }
}

static void test_names_that_are_none(void **state)
{
    (void)state;
    struct lookup lookup;
    char name[RESOLVER_NAME_BYTES + 1];
    memset(name, 'a', sizeof(name));
    for (size_t length = sizeof(name) - 1; length > 60; length--) {
        name[length] = '\0';
        assert_int_equal(look_up(&lookup, name), ERR_NOT_FOUND);
    }
    assert_int_equal(look_up(&lookup, ""), ERR_NOT_FOUND);
}

static void test_shares(void **state)
{
    (void)state;
    static const char *const names[] = {"slow.test", "slow.gone.test"};
    for (size_t n = 0; n < 2; n++) {
        struct lookup lookups[20];
        const uint64_t before = resolver_queries(resolver);
        fake_dns_set(false);
        for (size_t i = 0; i < 20; i++)
            begin(&lookups[i], names[n]);
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        assert_int_equal(unfinished, 20);
        fake_dns_set(true);
        loop_run(&loop);
        assert_int_equal(resolver_queries(resolver), before + 1);
        for (size_t i = 0; i < 20; i++) {
            assert_int_equal(op_error(&lookups[i].op)->code, n == 0 ? OK : ERR_NOT_FOUND);
            assert_int_equal(lookups[i].addresses.count, n == 0 ? 1 : 0);
        }
    }
}

/* Whoever leaves is gone at once, though the thread still waits; the others get their answer. */
static void test_cancel(void **state)
{
    (void)state;
    static const char *const names[] = {"slow.0.test", "slow.1.test", "slow.2.test"};
    for (size_t gone = 0; gone < 3; gone++) {
        struct lookup lookups[3];
        fake_dns_set(false);
        for (size_t i = 0; i < 3; i++)
            begin(&lookups[i], names[gone]);
        for (size_t round = 0; round < gone; round++)
            uv_run(&loop.uv, UV_RUN_NOWAIT);
        op_cancel(&lookups[gone].op);
        for (size_t round = 0; round < 4; round++)
            uv_run(&loop.uv, UV_RUN_NOWAIT);
        assert_int_equal(op_error(&lookups[gone].op)->code, ERR_CANCELLED);
        assert_true(op_finished(&lookups[gone].op));
        assert_int_equal(unfinished, 2);
        fake_dns_set(true);
        loop_run(&loop);
        assert_int_equal(op_error(&lookups[(gone + 1) % 3].op)->code, ERR_NOT_FOUND);
        assert_int_equal(resolver_queries(resolver), gone + 1);
    }
}

static void test_answer_for_nobody_is_kept(void **state)
{
    (void)state;
    struct lookup lookup;
    fake_dns_set(false);
    begin(&lookup, "slow.test");
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    op_cancel(&lookup.op);
    loop_run(&loop);
    assert_int_equal(op_error(&lookup.op)->code, ERR_CANCELLED);
    memset(&lookup, 0x5a, sizeof(lookup)); /* its memory is its owner's again */

    begin(&lookup, "slow.test"); /* joins the one under way */
    fake_dns_set(true);
    loop_run(&loop);
    assert_int_equal(op_error(&lookup.op)->code, OK);
    assert_int_equal(look_up(&lookup, "slow.test"), OK);
    assert_int_equal(resolver_queries(resolver), 1);
}

/* A look-up outlives the resolver: tear_down lets it go when nobody is there any more. */
static void test_freed_while_asking(void **state)
{
    (void)state;
    struct lookup lookups[2];
    fake_dns_set(false);
    begin(&lookups[0], "slow.test");
    begin(&lookups[1], "slow.gone.test");
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    op_cancel(&lookups[0].op);
    op_cancel(&lookups[1].op);
    loop_run(&loop);
    assert_true(op_finished(&lookups[1].op));
    assert_int_equal(resolver_queries(resolver), 2);
}

static void test_is_bounded(void **state)
{
    (void)state;
    enum { MANY = RESOLVER_HOSTS_MAX + 3 };
    static struct lookup lookups[MANY];
    char name[32];
    assert_int_equal(look_up(&lookups[0], "local.test"), OK);
    fake_dns_set(false);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "slow.%d.test", i);
        begin(&lookups[i], name);
    }
    for (size_t round = 0; round < 4; round++)
        uv_run(&loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(unfinished, RESOLVER_HOSTS_MAX); /* "local.test" made room */
    fake_dns_set(true);
    loop_run(&loop);
    size_t refused = 0;
    for (size_t i = 0; i < MANY; i++) {
        const enum err err = op_error(&lookups[i].op)->code;
        assert_true(err == ERR_OVERLOADED || err == ERR_NOT_FOUND);
        refused += err == ERR_OVERLOADED;
    }
    assert_int_equal(refused, 3);
    assert_int_equal(look_up(&lookups[0], "local.test"), OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(answers),
        TEST(addresses_ask_nobody),
        TEST(remembers),
        TEST(forgets_in_time),
        TEST(expired_addresses_are_used_meanwhile),
        TEST(failures_are_bridged),
        TEST(who_waits_for_what_was_too_old),
        TEST(hanging_names_hold_up_no_known_one),
        TEST(failures_are_not_remembered),
        TEST(names_that_are_none),
        TEST(shares),
        TEST(cancel),
        TEST(answer_for_nobody_is_kept),
        TEST(freed_while_asking),
        TEST(is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
