/* dotenv.h: what a line of `.env` means, and which ones mean nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/dotenv.h"

/* The only line of `text`, which is copied to memory of its very size: not a byte past it is read.
 */
static struct dotenv_line only_line(struct arena *arena, const char *text)
{
    const size_t length = strlen(text);
    char *exact = malloc(length);
    assert_non_null(exact);
    memcpy(exact, text, length);
    struct dotenv dotenv;
    struct dotenv_line line = {0}, another;
    dotenv_init(&dotenv, exact, length, arena);
    assert_true(dotenv_next(&dotenv, &line));
    assert_false(dotenv_next(&dotenv, &another));
    free(exact);
    return line;
}

static void assignments(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *value;
    } cases[] = {
        {"A=b", "A", "b"},
        {"A=", "A", ""},
        {"A_1 = b c ", "A_1", "b c"},
        {"  A\t=\tb\t", "A", "b"},
        {"\357\273\277A=b\r\n", "A", "b"},
        {"export A=b", "A", "b"},
        {"export\t A = b", "A", "b"},
        {"export=b", "export", "b"},
        {"export =b", "export", "b"},
        {"exportA=b", "exportA", "b"},
        {"A=b # comment", "A", "b"},
        {"A=b#c", "A", "b#c"},
        {"A=#c", "A", "#c"},
        {"A= # comment", "A", ""},
        {"A=b=c", "A", "b=c"},
        {"A=it's", "A", "it's"},
        {"A=$HOME \\n", "A", "$HOME \\n"},
        {"A=\" b # c \"", "A", " b # c "},
        {"A=\"b\" # comment", "A", "b"},
        {"A=\"b\"# comment", "A", "b"},
        {"A=\"\\\"\\\\\\n\\x\\\\n\"", "A", "\"\\\n\\x\\n"},
        {"A='b \\n \"c\" # d'", "A", "b \\n \"c\" # d"},
        {"A=''", "A", ""},
        {"A='\\'", "A", "\\"},
        {"A=é", "A", "é"},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct dotenv_line line = only_line(&arena, cases[i].text);
        assert_null(line.fault);
        assert_int_equal(line.number, 1);
        assert_string_equal(line.name, cases[i].name);
        assert_string_equal(line.value, cases[i].value);
    }
    arena_clear(&arena);
}

static void faults(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {"A", "expected NAME=value"},
        {"=b", "expected NAME=value"},
        {"1A=b", "expected NAME=value"},
        {"A B=c", "expected NAME=value"},
        {"A-B=c", "expected NAME=value"},
        {"export", "expected NAME=value"},
        {"export A", "expected NAME=value"},
        {"é=b", "expected NAME=value"},
        {"A=\"b", "the closing quote is missing"},
        {"A=\"b\\\"", "the closing quote is missing"},
        {"A='", "the closing quote is missing"},
        {"A='b'c", "there is something behind the closing quote"},
        {"A=\"b\" c", "there is something behind the closing quote"},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct dotenv_line line = only_line(&arena, cases[i].text);
        assert_non_null(line.fault);
        assert_string_equal(line.fault, cases[i].fault);
        assert_null(line.name);
        assert_null(line.value);
    }
    arena_clear(&arena);
}

static void lines_are_counted(void **state)
{
    (void)state;
    static const char text[] = "# comment\n\n  # another\r\nA=1\n\t\nwrong\nB='x\ny'\nC=3";
    static const int numbers[] = {4, 6, 7, 8, 9};
    static const char *const values[] = {"1", NULL, NULL, NULL, "3"};
    struct arena arena;
    arena_init(&arena);
    struct dotenv dotenv;
    struct dotenv_line line;
    dotenv_init(&dotenv, text, sizeof(text) - 1, &arena);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        assert_true(dotenv_next(&dotenv, &line));
        assert_int_equal(line.number, numbers[i]);
        if (values[i])
            assert_string_equal(line.value, values[i]);
        else
            assert_non_null(line.fault);
    }
    assert_false(dotenv_next(&dotenv, &line));
    arena_clear(&arena);
}

static void nothing_at_all(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct dotenv dotenv;
    struct dotenv_line line;
    dotenv_init(&dotenv, NULL, 0, &arena);
    assert_false(dotenv_next(&dotenv, &line));
    dotenv_init(&dotenv, "\xEF\xBB\xBF", 3, &arena);
    assert_false(dotenv_next(&dotenv, &line));
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assignments),
        cmocka_unit_test(faults),
        cmocka_unit_test(lines_are_counted),
        cmocka_unit_test(nothing_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
