/* capabilities.h: what is learned for whom, for how long, and what is forgotten first. */
#include "upstream/capabilities.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char url[] = "http://localhost:1/v1";
static struct capabilities capabilities;

static int begin(void **state)
{
    (void)state;
    capabilities_init(&capabilities);
    return 0;
}

static int end(void **state)
{
    (void)state;
    capabilities_clear(&capabilities);
    return 0;
}

static bool allowed(const char *model, const char *what, uint64_t now_ms)
{
    return capabilities_allow(&capabilities, url, model, what, now_ms);
}

static void a_refusal_is_of_one_field_model_and_server(void **state)
{
    (void)state;
    assert_true(allowed("a", "temperature", 5));
    capabilities_refuse(&capabilities, url, "a", "temperature", 5, CAPABILITY_MS);
    assert_false(allowed("a", "temperature", 5));
    assert_true(allowed("a", "max_tokens", 5));
    assert_true(allowed("b", "temperature", 5));
    assert_true(capabilities_allow(&capabilities, "http://other/v1", "a", "temperature", 5));
}

static void it_lasts_a_while(void **state)
{
    (void)state;
    capabilities_refuse(&capabilities, url, "a", "temperature", 1000, 500);
    assert_false(allowed("a", "temperature", 1499));
    assert_true(allowed("a", "temperature", 1500));
    capabilities_refuse(&capabilities, url, "a", "temperature", 2000, 500);
    assert_false(allowed("a", "temperature", 2499));
    assert_int_equal(capabilities.models[0].refusal_count, 1);
}

static void names_are_copied(void **state)
{
    (void)state;
    char model[] = "one";
    capabilities_refuse(&capabilities, url, model, "x", 0, 10);
    model[0] = 'O';
    assert_false(allowed("one", "x", 0));
    assert_true(allowed("One", "x", 0));
}

static void the_model_longest_unused_is_forgotten(void **state)
{
    (void)state;
    char model[32];
    for (int i = 0; i < CAPABILITY_MODELS_MAX; i++) {
        snprintf(model, sizeof(model), "m%d", i);
        capabilities_refuse(&capabilities, url, model, "x", 0, 10);
    }
    assert_false(allowed("m0", "x", 0)); /* which uses it, so that m1 is the oldest */
    capabilities_refuse(&capabilities, url, "new", "x", 0, 10);
    assert_false(allowed("m0", "x", 0));
    assert_true(allowed("m1", "x", 0));
    assert_false(allowed("m2", "x", 0));
    assert_false(allowed("new", "x", 0));
}

static void refusals_are_bounded(void **state)
{
    (void)state;
    static char words[CAPABILITY_REFUSALS_MAX + 1][16];
    for (int i = 0; i <= CAPABILITY_REFUSALS_MAX; i++) {
        snprintf(words[i], sizeof(words[i]), "w%d", i);
        capabilities_refuse(&capabilities, url, "a", words[i], 0, 10);
    }
    assert_false(allowed("a", words[CAPABILITY_REFUSALS_MAX - 1], 0));
    assert_true(allowed("a", words[CAPABILITY_REFUSALS_MAX], 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_refusal_is_of_one_field_model_and_server, begin, end),
        cmocka_unit_test_setup_teardown(it_lasts_a_while, begin, end),
        cmocka_unit_test_setup_teardown(names_are_copied, begin, end),
        cmocka_unit_test_setup_teardown(the_model_longest_unused_is_forgotten, begin, end),
        cmocka_unit_test_setup_teardown(refusals_are_bounded, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
