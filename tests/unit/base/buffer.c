/* buffer.h: it grows to its maximum, never past it, and an append is all or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

static void appending(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 100);
    assert_int_equal(buffer_append(&buffer, "a\0b", 3), OK);
    assert_int_equal(buffer_puts(&buffer, "cd"), OK);
    assert_int_equal(buffer_printf(&buffer, "%d-%s", 42, "x"), OK);
    assert_int_equal(buffer.length, 9);
    assert_memory_equal(buffer.data, "a\0bcd42-x", 10); /* with a NUL that is not counted */
    buffer_clear(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.length, 0);
    assert_int_equal(buffer.max, 100);
}

static void appending_nothing(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 0);
    assert_int_equal(buffer_append(&buffer, NULL, 0), OK);
    assert_string_equal(buffer.data, "");
    assert_int_equal(buffer_puts(&buffer, "a"), ERR_LIMIT);
    buffer_clear(&buffer);
}

static void the_maximum_holds(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 5);
    assert_int_equal(buffer_puts(&buffer, "123"), OK);
    assert_int_equal(buffer_puts(&buffer, "456"), ERR_LIMIT);
    assert_string_equal(buffer.data, "123");
    assert_int_equal(buffer_printf(&buffer, "%d", 456), ERR_LIMIT);
    assert_string_equal(buffer.data, "123");
    assert_int_equal(buffer_append(&buffer, "x", SIZE_MAX), ERR_LIMIT);
    assert_int_equal(buffer_printf(&buffer, "%d", 45), OK);
    assert_string_equal(buffer.data, "12345");
    assert_null(buffer_reserve(&buffer, 1));
    buffer_clear(&buffer);
}

static void growing_keeps_what_is_there(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 100000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(buffer_printf(&buffer, "%04d", i), OK);
    assert_int_equal(buffer.length, 40000);
    for (int i = 0; i < 10000; i++) {
        char digits[5] = {0};
        memcpy(digits, buffer.data + i * 4, 4);
        assert_int_equal(atoi(digits), i);
    }
    assert_true(buffer.capacity <= buffer.max);
    buffer_clear(&buffer);
}

static void reserving(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    char *room = buffer_reserve(&buffer, 500);
    assert_non_null(room);
    memset(room, 'r', 500);
    buffer.length += 200; /* less than was asked for */
    assert_int_equal(buffer_puts(&buffer, "!"), OK);
    assert_int_equal(buffer.length, 201);
    assert_string_equal(buffer.data + 199, "r!");
    assert_non_null(buffer_reserve(&buffer, 799));
    assert_null(buffer_reserve(&buffer, 800));
    buffer_clear(&buffer);
}

static void resetting_keeps_the_memory(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    buffer_reset(&buffer); /* before anything is there */
    assert_int_equal(buffer_puts(&buffer, "something"), OK);
    const char *data = buffer.data;
    buffer_reset(&buffer);
    assert_int_equal(buffer.length, 0);
    assert_ptr_equal(buffer.data, data);
    assert_string_equal(buffer.data, "");
    buffer_clear(&buffer);
}

static void taking(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    assert_int_equal(buffer_puts(&buffer, "mine"), OK);
    size_t length = 99;
    char *taken = buffer_take(&buffer, &length);
    assert_string_equal(taken, "mine");
    assert_int_equal(length, 4);
    assert_null(buffer.data);
    assert_int_equal(buffer.capacity, 0);
    free(taken);

    taken = buffer_take(&buffer, &length);
    assert_string_equal(taken, "");
    assert_int_equal(length, 0);
    free(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appending),
        cmocka_unit_test(appending_nothing),
        cmocka_unit_test(the_maximum_holds),
        cmocka_unit_test(growing_keeps_what_is_there),
        cmocka_unit_test(reserving),
        cmocka_unit_test(resetting_keeps_the_memory),
        cmocka_unit_test(taking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
