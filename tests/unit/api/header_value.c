/* What tests/unit/api/multipart.c cannot see from outside: the bounds of single values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/header_value.h"

static void words_are_compared_as_ascii(void **state)
{
    (void)state;
    assert_true(header_is_word(slice_of("FileName*"), "filename*"));
    assert_false(header_is_word(slice_of("filename"), "filename*"));
    assert_false(header_is_word(slice_of("@"), "`")); /* 0x20 apart, as letters of two cases are */
    assert_false(header_is_word((struct slice){"a\0", 2}, "a"));
    assert_true(header_is_word(slice_of(""), ""));
}

static void the_first_parameter_of_a_key_counts(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *expected; /* NULL: none */
        bool quoted;
    } examples[] = {
        {"t; k=a; k=b", "a", false},
        {"t;K = a b \t; x", "a b", false},
        {"t; x=\"; k=1\\\"; k=2\"; k=3", "3", false},
        {"t; x=\"a\"; k=1\"; k=3", "1\"", false},
        {"t; k=\"\"", "", true},
        {"t; k=", "", false},
        {"t; k= \"a;\\\"b", "a;\\\"b", true},
        {"t; kk=1; k; =2;", NULL, false},
        {"k=1", NULL, false},
        {"", NULL, false},
        {";", NULL, false},
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        struct header_parameter found = {.quoted = false};
        const bool there = header_parameter(slice_of(examples[i].value), "k", &found);
        assert_int_equal(there, examples[i].expected != NULL);
        if (!there)
            continue;
        assert_true(slice_equal(found.value, slice_of(examples[i].expected)));
        assert_int_equal(found.quoted, examples[i].quoted);
    }
}

static void nothing_past_the_end_is_read(void **state)
{
    (void)state;
    const struct slice cut = {"t; k=\"a\\\"b\"", 8}; /* ends behind the backslash */
    struct header_parameter found;
    assert_true(header_parameter(cut, "k", &found));
    assert_true(slice_equal(found.value, slice_of("a\\")));
    char out[2];
    assert_int_equal(header_unescape(&found, out), 2);
    assert_memory_equal(out, "a\\", 2);
    assert_false(header_parameter((struct slice){"t; k=1", 4}, "k", &found));
}

static void decoding_stops_at_the_buffers_limit(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 4);
    const struct header_parameter plain = {slice_of("%22abc"), true};
    assert_int_equal(header_decode(&plain, &out), OK);
    assert_string_equal(out.data, "\"abc");
    assert_int_equal(header_decode(&plain, &out), ERR_LIMIT);

    buffer_reset(&out);
    const struct header_parameter latin1 = {slice_of("ISO-8859-1''%E9%e8"), false};
    assert_int_equal(header_decode_extended(&latin1, &out), OK);
    assert_string_equal(out.data, "\xC3\xA9\xC3\xA8");
    assert_int_equal(header_decode_extended(&latin1, &out), ERR_LIMIT);

    const struct header_parameter unknown = {slice_of("utf-16''a"), false};
    assert_int_equal(header_decode_extended(&unknown, &out), ERR_SYNTAX);
    const struct header_parameter bare = {slice_of("utf-8"), false};
    assert_int_equal(header_decode_extended(&bare, &out), ERR_SYNTAX);
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_compared_as_ascii),
        cmocka_unit_test(the_first_parameter_of_a_key_counts),
        cmocka_unit_test(nothing_past_the_end_is_read),
        cmocka_unit_test(decoding_stops_at_the_buffers_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
