/* cache.h: what is kept, how long, in how much memory, and that values outlive it. */
#include "base/cache.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KB = 1024, TTL_MS = 1000 };

static const unsigned char *key_of(unsigned number)
{
    static unsigned char key[CACHE_KEY_BYTES];
    memset(key, 0, sizeof(key));
    const uint64_t mixed = (number + 1) * 0x9e3779b97f4a7c15u; /* spreads, as a digest would */
    memcpy(key, &mixed, sizeof(mixed));
    memcpy(key + CACHE_KEY_BYTES - sizeof(number), &number, sizeof(number));
    return key;
}

static void put(struct cache *cache, unsigned number, size_t length, uint64_t now_ms)
{
    struct cached *value = cached_new(length);
    memset(value->data, (int)(number & 0xff), length);
    cache_put(cache, key_of(number), value, now_ms);
    cached_release(value);
}

static bool has(struct cache *cache, unsigned number, uint64_t now_ms)
{
    struct cached *value = cache_get(cache, key_of(number), now_ms);
    if (!value)
        return false;
    for (size_t i = 0; i < value->length; i++)
        assert_int_equal(value->data[i], number & 0xff);
    cached_release(value);
    return true;
}

static void test_what_was_put_is_there_until_it_is_too_old(void **state)
{
    (void)state;
    struct cache cache;
    cache_init(&cache, 64 * KB, TTL_MS);
    assert_false(has(&cache, 1, 0));
    put(&cache, 1, 100, 0);
    assert_true(has(&cache, 1, TTL_MS - 1));
    assert_false(has(&cache, 2, 0));
    assert_false(has(&cache, 1, TTL_MS));
    assert_int_equal(cache.count, 0);
    assert_int_equal(cache.bytes, 0);
    cache_clear(&cache);
}

static void test_the_least_recently_used_go_first(void **state)
{
    (void)state;
    struct cache cache;
    cache_init(&cache, 10 * KB, TTL_MS);
    for (unsigned i = 0; i < 9; i++)
        put(&cache, i, KB - 200, 0);
    assert_true(has(&cache, 0, 0));
    put(&cache, 9, 3 * KB, 0);
    assert_true(has(&cache, 0, 0));
    assert_true(has(&cache, 9, 0));
    assert_false(has(&cache, 1, 0));
    assert_true(has(&cache, 8, 0));
    assert_true(cache.bytes <= 10 * KB);
    cache_clear(&cache);
}

static void test_a_new_value_takes_the_place_of_the_old(void **state)
{
    (void)state;
    struct cache cache;
    cache_init(&cache, 64 * KB, TTL_MS);
    put(&cache, 1, 100, 0);
    put(&cache, 1, 300, 500);
    assert_int_equal(cache.count, 1);
    struct cached *value = cache_get(&cache, key_of(1), TTL_MS);
    assert_non_null(value);
    assert_int_equal(value->length, 300);
    cached_release(value);
    cache_remove(&cache, key_of(1));
    cache_remove(&cache, key_of(1));
    assert_false(has(&cache, 1, 500));
    cache_clear(&cache);
}

static void test_what_is_too_long_is_not_kept(void **state)
{
    (void)state;
    struct cache cache;
    cache_init(&cache, 4 * KB, TTL_MS);
    put(&cache, 1, 100, 0);
    put(&cache, 2, 4 * KB, 0);
    assert_false(has(&cache, 2, 0));
    assert_true(has(&cache, 1, 0));
    put(&cache, 1, 4 * KB, 0); /* the old one would be wrong */
    assert_false(has(&cache, 1, 0));
    cache_clear(&cache);
    cache_init(&cache, 0, TTL_MS);
    put(&cache, 1, 1, 0);
    assert_false(has(&cache, 1, 0));
    cache_clear(&cache);
}

static void test_a_value_outlives_the_cache(void **state)
{
    (void)state;
    struct cache cache;
    cache_init(&cache, 64 * KB, TTL_MS);
    put(&cache, 7, 100, 0);
    struct cached *value = cache_get(&cache, key_of(7), 0);
    cache_clear(&cache);
    assert_int_equal(value->data[99], 7);
    cached_release(value);
    cached_release(NULL);
}

/* Against an array that does the same without haste. */
static void test_random_use(void **state)
{
    (void)state;
    enum { NUMBERS = 500, ROUNDS = 20000 };
    static struct {
        bool there;
        uint64_t used, until;
    } model[NUMBERS];
    struct cache cache;
    cache_init(&cache, 100 * KB, TTL_MS);
    srand(20261124);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        const unsigned number = (unsigned)rand() % NUMBERS;
        if (rand() % 2) {
            put(&cache, number, (size_t)(rand() % 2000), round);
            model[number].there = true;
            model[number].used = round;
            model[number].until = round + TTL_MS;
        } else if (has(&cache, number, round)) {
            assert_true(model[number].there && round < model[number].until);
            model[number].used = round;
        } else if (model[number].there && round < model[number].until) {
            model[number].there = false; /* for want of room: nothing older may be left */
            for (const struct cached *value = cache.newest; value; value = value->older) {
                unsigned other;
                memcpy(&other, value->key + CACHE_KEY_BYTES - sizeof(other), sizeof(other));
                assert_true(model[other].used > model[number].used);
            }
        }
        assert_true(cache.bytes <= 100 * KB);
    }
    assert_true(cache.count > 50);
    cache_clear(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_put_is_there_until_it_is_too_old),
        cmocka_unit_test(test_the_least_recently_used_go_first),
        cmocka_unit_test(test_a_new_value_takes_the_place_of_the_old),
        cmocka_unit_test(test_what_is_too_long_is_not_kept),
        cmocka_unit_test(test_a_value_outlives_the_cache),
        cmocka_unit_test(test_random_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
