/* prices.h: how the setting is read, and that no unknown price ever passes for nothing. */
#include "upstream/prices.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

static double cost(const char *setting, const char *model, struct token_usage usage)
{
    struct prices prices;
    struct error error = {0};
    assert_int_equal(prices_init(&prices, setting, &error), OK);
    assert_string_equal(error.detail, "");
    const double usd = prices_cost(&prices, model, &usage);
    prices_clear(&prices);
    return usd;
}

static const struct token_usage million = {.prompt = 1000000, .completion = 1000000};

static void check_near(double value, double expected)
{
    assert_true(fabs(value - expected) < 1e-9);
}

static void todays_prices_are_there(void **state)
{
    (void)state;
    check_near(cost(NULL, "gpt-6-luna", million), 0.60);
    check_near(cost(NULL, "gpt-4o", million), 12.50);
    check_near(cost(NULL, "text-embedding-3-small", (struct token_usage){.prompt = 500}), 0.00001);
    check_near(
        cost(NULL, "gpt-4o", (struct token_usage){.prompt = 1000, .cached = 400, .completion = 10}),
        (600 * 2.50 + 400 * 1.25 + 10 * 10.0) / 1e6);
}

static void an_unknown_price_is_not_a_number(void **state)
{
    (void)state;
    assert_true(isnan(cost(NULL, "llama3", million)));
    assert_true(isnan(cost(NULL, "", million)));
    assert_true(isnan(cost(NULL, "gpt-4", million)));
    assert_true(isnan(cost("llama3=0/0", "llama33", million)));
    check_near(cost("llama3=0/0", "llama3", million), 0);
}

static void a_snapshot_costs_what_its_name_does(void **state)
{
    (void)state;
    check_near(cost(NULL, "gpt-4o-2024-08-06", million), 12.50);
    check_near(cost(NULL, "gpt-4o-mini-2024-07-18", million), 0.75);
    check_near(cost("gpt-4o-2024-05-13=5/15", "gpt-4o-2024-05-13", million), 20);
    assert_true(isnan(cost(NULL, "gpt-4o-2024-08-0x", million)));
    assert_true(isnan(cost(NULL, "gpt-4o-20240806", million)));
    assert_true(isnan(cost(NULL, "-2024-08-06", million)));
}

static void the_setting_wins(void **state)
{
    (void)state;
    check_near(cost("gpt-4o=1/2/3", "gpt-4o", million), 4);
    check_near(cost("gpt-4o=1/2,gpt-4o=5/6", "gpt-4o", million), 11);
    check_near(cost(" a = .5 / 1. ,, b=2/3/4 ,", "a", million), 1.5);
    check_near(cost("b=2/3/4", "b", (struct token_usage){.prompt = 10, .cached = 10}), 30e-6);
    check_near(cost("b=2/4", "b", (struct token_usage){.prompt = 10, .cached = 10}), 20e-6);
    /* more cached than there were in all is the service's slip, not a negative cost */
    check_near(cost("b=2/3/4", "b", (struct token_usage){.prompt = 10, .cached = 99}), 30e-6);
}

static void other_settings_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "a",       "=1",         "a=",           "a=x",     "a=-1",  "a=1/2/3/4", "a=1//2",
        "a=1/",    "a=1/2/",     "a=inf",        "a=0x10",  "a=1e3", "a=1.2.3",   "a=.",
        "a=1;b=2", "a=10000000", "b=1/2, a=nan", "a=1,5/2", "a=1 2", "a=/2",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct prices prices;
        struct error error = {0};
        assert_int_equal(prices_init(&prices, wrong[i], &error), ERR_RANGE);
        assert_non_null(strstr(error.detail, "is no price"));
    }
}

static void their_number_is_bounded(void **state)
{
    (void)state;
    struct buffer setting;
    buffer_init(&setting, 1 << 16);
    for (int i = 0; i < PRICES_MAX; i++)
        assert_int_equal(buffer_puts(&setting, "a=1,"), OK);
    struct prices prices;
    struct error error = {0};
    assert_int_equal(prices_init(&prices, setting.data, &error), ERR_RANGE);
    assert_string_equal(error.detail, "more than 200 prices");
    buffer_clear(&setting);
}

static void usages_add_up(void **state)
{
    (void)state;
    struct token_usage total = {.prompt = 1, .cached = 2, .completion = 3, .reasoning = 4};
    token_usage_add(&total, &(struct token_usage){10, 20, 30, 40, true});
    assert_int_equal(total.prompt, 11);
    assert_int_equal(total.cached, 22);
    assert_int_equal(total.completion, 33);
    assert_int_equal(total.reasoning, 44);
    assert_true(total.estimated);
    token_usage_add(&total, &(struct token_usage){0});
    assert_true(total.estimated);
    assert_int_equal(token_estimate(400), 101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(todays_prices_are_there),
        cmocka_unit_test(an_unknown_price_is_not_a_number),
        cmocka_unit_test(a_snapshot_costs_what_its_name_does),
        cmocka_unit_test(the_setting_wins),
        cmocka_unit_test(other_settings_are_refused),
        cmocka_unit_test(their_number_is_bounded),
        cmocka_unit_test(usages_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
