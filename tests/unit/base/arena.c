/* arena.h: aligned, separate, never moved, and gone at the end (which the sanitizers watch). */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static int begin(void **state)
{
    static struct arena arena;
    arena_init(&arena);
    *state = &arena;
    return 0;
}

static int end(void **state)
{
    arena_clear(*state);
    return 0;
}

static void items_are_aligned_and_apart(void **state)
{
    struct arena *arena = *state;
    enum { COUNT = 500 };
    unsigned char *items[COUNT];
    size_t size = 0;
    for (size_t i = 0; i < COUNT; i++) {
        size = i * 7 % 300;
        items[i] = arena_alloc(arena, size);
        assert_int_equal((uintptr_t)items[i] % alignof(max_align_t), 0);
        memset(items[i], (int)(i % 251), size);
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t at = 0; at < i * 7 % 300; at++)
            assert_int_equal(items[i][at], i % 251);
}

static void empty_items_are_unique(void **state)
{
    struct arena *arena = *state;
    const void *first = arena_alloc(arena, 0);
    const void *second = arena_alloc(arena, 0);
    assert_non_null(first);
    assert_ptr_not_equal(first, second);
}

static void large_items_fit(void **state)
{
    struct arena *arena = *state;
    char *small = arena_strdup(arena, "small");
    char *large = arena_alloc(arena, 1 << 20);
    memset(large, 'x', 1 << 20);
    char *after = arena_strdup(arena, "after");
    assert_string_equal(small, "small");
    assert_string_equal(after, "after");
    assert_true(arena->bytes >= 1 << 20);
}

static void zeroed_items_are_zero(void **state)
{
    struct arena *arena = *state;
    memset(arena_alloc(arena, 600), 0xFF, 600);
    arena_clear(arena); /* the block may come back from malloc as it was */
    struct item {
        int numbers[50];
        char *name;
    };
    const struct item *item = arena_new(arena, struct item);
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(item->numbers[i], 0);
    assert_null(item->name);
    const char *many = arena_zalloc(arena, 10, 30);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(many[i], 0);
}

static void strings_are_copies(void **state)
{
    struct arena *arena = *state;
    char original[] = "original";
    const char *copy = arena_strdup(arena, original);
    const char *part = arena_strndup(arena, original, 4);
    original[0] = 'X';
    assert_string_equal(copy, "original");
    assert_string_equal(part, "orig");
    assert_string_equal(arena_strndup(arena, NULL, 0), "");
    assert_string_equal(arena_printf(arena, "%s-%d", "a", 7), "a-7");
    assert_string_equal(arena_printf(arena, "%s", ""), "");
}

static void clearing_begins_anew(void **state)
{
    struct arena *arena = *state;
    for (int i = 0; i < 1000; i++)
        (void)arena_alloc(arena, 1000);
    assert_true(arena->bytes >= 1000 * 1000);
    arena_clear(arena);
    assert_int_equal(arena->bytes, 0);
    assert_null(arena->newest);
    assert_string_equal(arena_strdup(arena, "again"), "again");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(items_are_aligned_and_apart), TEST(empty_items_are_unique), TEST(large_items_fit),
        TEST(zeroed_items_are_zero),       TEST(strings_are_copies),     TEST(clearing_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
