/* figure_name.h: keys, and how much of a name is looked at. */
#include "model/figure_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

static void keys_are_without_ornament(void **state)
{
    (void)state;
    assert_string_equal(figure_key("Prof. Dr. MAR\xC3\x8D"
                                   "A  Chen!",
                                   &arena),
                        "maria chen");
    assert_string_equal(figure_key("Mr.", &arena), "mr");
    assert_string_equal(figure_key("", &arena), "");
    assert_string_equal(figure_key(NULL, &arena), "");
}

static void a_part_of_a_name_will_do(void **state)
{
    (void)state;
    const struct key_figure figures[] = {{.name = "Maria Chen"}, {.name = "Tom Hill"}};
    struct figure_names names;
    figure_names_init(&names, figures, 2, &arena);
    assert_ptr_equal(figure_names_find(&names, "chen", &arena), &figures[0]);
    assert_ptr_equal(figure_names_find(&names, "Tom Hill, long the CFO", &arena), &figures[1]);
    assert_null(figure_names_find(&names, "Maria Chen and Tom Hill", &arena));
    assert_null(figure_names_find(&names, "Chen Hill", &arena));
}

/* Else a few hundred names of a hundred words each would take seconds. */
static void names_of_many_words_are_compared_as_wholes_only(void **state)
{
    (void)state;
    const struct key_figure figures[] = {{.name = "a a a a a a a a a a a b"},
                                         {.name = "c c c c c c c c c c c c d"}};
    struct figure_names names;
    figure_names_init(&names, figures, 2, &arena);
    assert_ptr_equal(figure_names_find(&names, "b", &arena), &figures[0]);
    assert_null(figure_names_find(&names, "d", &arena));
    assert_ptr_equal(figure_names_find(&names, figures[1].name, &arena), &figures[1]);
    assert_null(figure_names_find(&names, "a a a a a a a a a a a a b b", &arena));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_are_without_ornament),
        TEST(a_part_of_a_name_will_do),
        TEST(names_of_many_words_are_compared_as_wholes_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
