/* default_personas.h: four of them, whole, in the order the clients know. */
#include "model/default_personas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void they_are_the_four(void **state)
{
    (void)state;
    static const char *const expected[][2] = {{"Senior Executive", "Executive Leader"},
                                              {"Operations Manager", "Operations Lead"},
                                              {"Financial Analyst", "Finance Professional"},
                                              {"Marketing Director", "Marketing Lead"}};
    for (size_t i = 0; i < DEFAULT_PERSONA_COUNT; i++) {
        assert_string_equal(default_personas[i].name, expected[i][0]);
        assert_string_equal(default_personas[i].role, expected[i][1]);
    }
    assert_string_equal(default_title, "Business Case Study");
    assert_string_equal(default_student_role, "Business Manager");
}

static void each_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < DEFAULT_PERSONA_COUNT; i++) {
        const struct key_figure *persona = &default_personas[i];
        assert_true(strlen(persona->background) > 80);
        assert_true(strlen(persona->correlation) > 40);
        for (int goal = 0; goal < 3; goal++)
            assert_non_null(persona->goals[goal]);
        assert_null(persona->goals[3]);
        for (int trait = 0; trait < TRAIT_COUNT; trait++)
            assert_in_range(persona->traits[trait], 1, TRAIT_MAX);
        assert_false(persona->is_main_character);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_the_four),
        cmocka_unit_test(each_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
