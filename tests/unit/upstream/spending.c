/* spending.h: what fits and what does not, unknown costs, and what the clock may do. */
#include "upstream/spending.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { DAY = 86400 };

static const int64_t noon = 20000 * (int64_t)DAY + DAY / 2;

static struct spending with_limit(double usd)
{
    struct spending spending;
    spending_init(&spending, usd);
    return spending;
}

/* Reserves and settles at once. */
static bool spend(struct spending *spending, double estimate, double used, int64_t now_s)
{
    struct spending_share share = {0};
    if (!spending_reserve(spending, &share, estimate, now_s))
        return false;
    assert_true(share.held);
    spending_settle(spending, &share, used, now_s);
    assert_false(share.held);
    return true;
}

static void check_near(double value, double expected)
{
    assert_true(fabs(value - expected) < 1e-9);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct spending spending = with_limit(1);
    struct spending_share first = {0}, second = {0}, third = {0};
    assert_true(spending_reserve(&spending, &first, 0.6, noon));
    assert_false(spending_reserve(&spending, &second, 0.5, noon));
    assert_false(second.held);
    assert_true(spending_left(&spending, noon));
    assert_true(spending_reserve(&spending, &second, 0.4, noon));
    assert_false(spending_left(&spending, noon));
    assert_false(spending_reserve(&spending, &third, 0, noon));
    assert_false(spending_reserve(&spending, &third, NAN, noon));

    spending_settle(&spending, &first, 0.1, noon); /* it was less */
    check_near(spending.spent_usd, 0.1);
    assert_true(spending_reserve(&spending, &third, 0.5, noon));
    spending_settle(&spending, &second, 0.9, noon); /* and this one more */
    check_near(spending.spent_usd, 1.0);
    assert_false(spending_left(&spending, noon));
    spending_settle(&spending, &third, 0, noon);
    assert_false(spending_left(&spending, noon));
}

static void a_request_beyond_the_limit_never_fits(void **state)
{
    (void)state;
    struct spending spending = with_limit(1);
    assert_false(spend(&spending, 1.01, 0, noon));
    assert_true(spend(&spending, 1, 1, noon));
}

static void sums_of_decimals_just_fit(void **state)
{
    (void)state;
    struct spending spending = with_limit(0.3);
    struct spending_share one = {0}, two = {0};
    assert_true(spending_reserve(&spending, &one, 0.1, noon)); /* 0.1 + 0.2 > 0.3, in binary */
    assert_true(spending_reserve(&spending, &two, 0.2, noon));
    assert_false(spending_left(&spending, noon));
    spending_settle(&spending, &one, 0.1, noon);
    spending_settle(&spending, &two, 0.2, noon);
    assert_false(spending_left(&spending, noon));
}

static void many_small_amounts_add_up(void **state)
{
    (void)state;
    struct spending spending = with_limit(1);
    struct spending_share held[100] = {0};
    for (int i = 0; i < 100 * 1000; i++) {
        struct spending_share *share = &held[i % 100];
        spending_settle(&spending, share, 5e-6, noon);
        assert_true(spending_reserve(&spending, share, 7e-6, noon));
    }
    check_near(spending.spent_usd, 99900 * 5e-6);
    check_near(spending.reserved_usd, 100 * 7e-6);
    for (int i = 0; i < 100; i++)
        spending_settle(&spending, &held[i], 5e-6, noon);
    check_near(spending.spent_usd, 0.5);
    assert_true(spending.reserved_usd == 0); /* exactly */
    assert_true(spend(&spending, 0.5, 0.5, noon));
    assert_false(spending_left(&spending, noon));
}

static void without_a_limit_nothing_is_refused(void **state)
{
    (void)state;
    struct spending spending = with_limit(0);
    assert_true(spend(&spending, 1e9, 1e9, noon));
    assert_true(spend(&spending, NAN, NAN, noon));
    assert_true(spending_left(&spending, noon));
    check_near(spending.spent_usd, 1e9); /* it is counted all the same */
}

static void an_unknown_cost_counts_with_its_estimate(void **state)
{
    (void)state;
    struct spending spending = with_limit(1);
    assert_true(spend(&spending, 0.25, NAN, noon));
    check_near(spending.spent_usd, 0.25);
    assert_true(spend(&spending, NAN, 0.25, noon));
    check_near(spending.spent_usd, 0.5);
    assert_true(spend(&spending, NAN, NAN, noon));
    check_near(spending.spent_usd, 0.5);
    assert_true(spending.reserved_usd == 0);
}

static void what_has_no_share_counts_too(void **state)
{
    (void)state;
    struct spending spending = with_limit(1);
    spending_add(&spending, 0.4, noon);
    spending_add(&spending, NAN, noon);
    check_near(spending.spent_usd, 0.4);
    assert_false(spend(&spending, 0.7, 0, noon));
    assert_true(spend(&spending, 0.6, 0, noon));
    spending_add(&spending, 0.1, noon + DAY);
    check_near(spending.spent_usd, 0.1);
}

static void a_share_is_settled_once(void **state)
{
    (void)state;
    struct spending spending = with_limit(1);
    struct spending_share share = {0};
    spending_settle(&spending, &share, 0.5, noon); /* never held */
    assert_true(spending_reserve(&spending, &share, 0.5, noon));
    spending_settle(&spending, &share, 0.4, noon);
    spending_settle(&spending, &share, 0.4, noon);
    check_near(spending.spent_usd, 0.4);
    assert_true(spending_reserve(&spending, &share, 0.6, noon)); /* and can be used again */
    spending_settle(&spending, &share, 0, noon);
}

static void a_new_day_begins_at_nothing(void **state)
{
    (void)state;
    struct spending spending = with_limit(1);
    const int64_t midnight = noon + DAY / 2;
    assert_true(spend(&spending, 1, 1, noon));
    assert_false(spending_left(&spending, midnight - 1));
    assert_true(spending_left(&spending, midnight));
    assert_true(spend(&spending, 1, 1, midnight));
    assert_false(spend(&spending, 0.1, 0.1, midnight + DAY - 1));
    assert_true(spend(&spending, 0.1, 0.1, midnight + 7 * DAY));
}

static void what_is_held_at_midnight_counts_to_the_new_day(void **state)
{
    (void)state;
    struct spending spending = with_limit(1);
    const int64_t tomorrow = noon + DAY;
    struct spending_share late = {0}, share = {0};
    assert_true(spend(&spending, 0.1, 0.1, noon));
    assert_true(spending_reserve(&spending, &late, 0.8, noon));
    assert_false(spending_reserve(&spending, &share, 0.3, tomorrow));
    assert_true(spending_reserve(&spending, &share, 0.2, tomorrow));
    spending_settle(&spending, &late, 0.7, tomorrow);
    check_near(spending.spent_usd, 0.7);
    check_near(spending.reserved_usd, 0.2);
    spending_settle(&spending, &share, 0.2, tomorrow);
    check_near(spending.spent_usd, 0.9);
    assert_true(spending_left(&spending, tomorrow + DAY));
    check_near(spending.spent_usd, 0);
}

static void settling_turns_the_day_itself(void **state)
{
    (void)state;
    struct spending spending = with_limit(1);
    struct spending_share share = {0};
    assert_true(spend(&spending, 0.5, 0.5, noon));
    assert_true(spending_reserve(&spending, &share, 0.5, noon));
    spending_settle(&spending, &share, 0.2, noon + DAY);
    check_near(spending.spent_usd, 0.2);
}

static void a_clock_set_back_forgets_nothing(void **state)
{
    (void)state;
    struct spending spending = with_limit(1);
    assert_true(spend(&spending, 0.9, 0.9, noon));
    assert_false(spend(&spending, 0.2, 0.2, noon - 5));
    assert_false(spend(&spending, 0.2, 0.2, noon - DAY));
    /* it had been years ahead: the next real midnight begins a day all the same */
    spending = with_limit(1);
    assert_true(spend(&spending, 0.9, 0.9, noon + 3000 * (int64_t)DAY));
    assert_false(spend(&spending, 0.2, 0.2, noon));
    assert_true(spend(&spending, 0.2, 0.2, noon + DAY));
}

static void the_next_day_is_that_far(void **state)
{
    (void)state;
    const int64_t midnight = noon + DAY / 2;
    assert_int_equal(spending_retry_after(noon), DAY / 2);
    assert_int_equal(spending_retry_after(midnight - 1), 1);
    assert_int_equal(spending_retry_after(midnight), DAY);
    assert_int_equal(spending_retry_after(0), DAY);
    assert_int_equal(spending_retry_after(-1), 1); /* a clock that was never set */
    assert_int_equal(spending_retry_after(-DAY), DAY);
}

static void a_day_ends_before_1970_too(void **state)
{
    (void)state;
    struct spending spending = with_limit(1);
    assert_true(spend(&spending, 1, 1, -2)); /* from a day 0 that nothing was spent on */
    assert_false(spend(&spending, 1, 1, -1));
    assert_true(spend(&spending, 1, 1, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(a_request_beyond_the_limit_never_fits),
        cmocka_unit_test(sums_of_decimals_just_fit),
        cmocka_unit_test(many_small_amounts_add_up),
        cmocka_unit_test(without_a_limit_nothing_is_refused),
        cmocka_unit_test(an_unknown_cost_counts_with_its_estimate),
        cmocka_unit_test(what_has_no_share_counts_too),
        cmocka_unit_test(a_share_is_settled_once),
        cmocka_unit_test(a_new_day_begins_at_nothing),
        cmocka_unit_test(what_is_held_at_midnight_counts_to_the_new_day),
        cmocka_unit_test(settling_turns_the_day_itself),
        cmocka_unit_test(a_clock_set_back_forgets_nothing),
        cmocka_unit_test(the_next_day_is_that_far),
        cmocka_unit_test(a_day_ends_before_1970_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
