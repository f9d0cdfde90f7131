/* bill.h: sums of what is known and what is not, and how they are written. */
#include "upstream/bill.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct token_usage usage = {
    .prompt = 12000, .cached = 4000, .completion = 345, .reasoning = 45};

static void check_cost(double cost_usd, const char *expected)
{
    struct bill bill = {0};
    bill_add_cost(&bill, cost_usd);
    char text[BILL_TEXT_BYTES];
    assert_true(bill_cost_text(&bill, text));
    assert_string_equal(text, expected);
}

static void calls_add_up(void **state)
{
    (void)state;
    struct bill bill = {0};
    bill_add_usage(&bill, &usage, 0.01);
    bill_add_usage(&bill, &usage, 0.002);
    bill_add_cost(&bill, 0.000345);
    assert_int_equal(bill.tokens_in, 24000);
    assert_int_equal(bill.tokens_out, 690);
    assert_int_equal(bill.calls, 3);
    assert_false(bill.estimated);
    char text[BILL_TEXT_BYTES];
    assert_true(bill_tokens_text(&bill, text));
    assert_string_equal(text, "24690");
    assert_true(bill_cost_text(&bill, text));
    assert_string_equal(text, "0.012345");
}

static void one_estimate_makes_it_one(void **state)
{
    (void)state;
    struct bill bill = {0};
    bill_add_usage(&bill, &(struct token_usage){.prompt = 5, .estimated = true}, 0);
    bill_add_usage(&bill, &usage, 0);
    assert_true(bill.estimated);
}

static void one_unknown_price_makes_the_cost_unknown(void **state)
{
    (void)state;
    struct bill bill = {0};
    bill_add_usage(&bill, &usage, NAN);
    bill_add_cost(&bill, 1);
    char text[BILL_TEXT_BYTES] = "as before";
    assert_true(isnan(bill.cost_usd));
    assert_false(bill_cost_text(&bill, text));
    assert_string_equal(text, "as before");
    assert_true(bill_tokens_text(&bill, text)); /* these are known */
    assert_string_equal(text, "12345");
}

static void without_a_call_there_is_nothing_to_tell(void **state)
{
    (void)state;
    const struct bill bill = {0};
    char text[BILL_TEXT_BYTES] = "as before";
    assert_false(bill_tokens_text(&bill, text));
    assert_false(bill_cost_text(&bill, text));
    assert_string_equal(text, "as before");
}

static void what_costs_is_never_written_as_nothing(void **state)
{
    (void)state;
    check_cost(0, "0.000000");
    check_cost(1e-300, "0.000001");
    check_cost(0.00000002, "0.000001");
    check_cost(0.0000014, "0.000001");
    check_cost(0.012345, "0.012345");
    check_cost(0.0123456, "0.012346");
    check_cost(1, "1.000000");
    check_cost(1234567.25, "1234567.250000");
}

static void texts_fit(void **state)
{
    (void)state;
    check_cost(1e15, "1000000000000000.000000");
    struct bill bill = {0};
    char text[BILL_TEXT_BYTES];
    bill_add_usage(&bill, &(struct token_usage){.completion = UINT64_MAX}, INFINITY);
    assert_true(bill_tokens_text(&bill, text));
    assert_string_equal(text, "18446744073709551615");
    assert_false(bill_cost_text(&bill, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_add_up),
        cmocka_unit_test(one_estimate_makes_it_one),
        cmocka_unit_test(one_unknown_price_makes_the_cost_unknown),
        cmocka_unit_test(without_a_call_there_is_nothing_to_tell),
        cmocka_unit_test(what_costs_is_never_written_as_nothing),
        cmocka_unit_test(texts_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
