/* error.h: the table is whole, and a sentence too long is cut at a character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"

static void every_error_has_a_word_and_a_status(void **state)
{
    (void)state;
    assert_string_equal(err_word(OK), "ok");
    assert_int_equal(err_status(OK), 200);
    for (int err = OK + 1; err < ERR_COUNT; err++) {
        assert_in_range(err_status((enum err)err), 400, 599);
        assert_in_range(strspn(err_word((enum err)err), "abcdefghijklmnopqrstuvwxyz_"), 2, 32);
        for (int other = OK; other < err; other++)
            assert_string_not_equal(err_word((enum err)err), err_word((enum err)other));
    }
    assert_int_equal(err_status(ERR_LIMIT), 413);
    assert_string_equal(err_word(ERR_UNSUPPORTED), "unsupported_type");
}

static void setting_fills_and_returns(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(error_set(&error, ERR_RANGE, "port %d", 70000), ERR_RANGE);
    assert_int_equal(error.code, ERR_RANGE);
    assert_string_equal(error.detail, "port 70000");
    assert_int_equal(error_set(NULL, ERR_IO, "nobody %s", "asks"), ERR_IO);
}

static void long_sentences_are_cut_at_a_character(void **state)
{
    (void)state;
    for (size_t before = ERROR_DETAIL_BYTES - 8; before < ERROR_DETAIL_BYTES + 2; before++) {
        char text[ERROR_DETAIL_BYTES * 2];
        memset(text, 'a', before);
        strcpy(text + before, "é€🚲é€🚲"); /* every way for the end to fall into a character */
        struct error error = {0};
        assert_int_equal(error_set(&error, ERR_IO, "%s", text), ERR_IO);
        const size_t length = strlen(error.detail);
        assert_in_range(length, ERROR_DETAIL_BYTES - 5, ERROR_DETAIL_BYTES - 1);
        assert_memory_equal(error.detail, text, length);
        assert_true(text_is_clean(error.detail, length));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_word_and_a_status),
        cmocka_unit_test(setting_fills_and_returns),
        cmocka_unit_test(long_sentences_are_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
