/* What is noted, against what a report says; and that a loop that is held up is seen to be late. */
#include "io/loop_lag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "io/loop.h"

enum { PERIOD_US = LAG_PERIOD_MS * 1000, MINUTE_COUNT = 60 * 1000 / LAG_PERIOD_MS };

static void note(struct loop_lag *lag, size_t times, uint64_t late_us)
{
    for (size_t i = 0; i < times; i++)
        loop_lag_note(lag, late_us);
}

/* Never less than it was, and no more than an eighth above. */
static void assert_near(double ms, double expected_ms)
{
    assert_true(ms >= expected_ms);
    assert_true(ms <= expected_ms * 1.125 + 0.001);
}

static void test_nothing_measured(void **state)
{
    (void)state;
    const struct loop_lag lag = {0};
    const struct lag_report report = loop_lag_report(&lag);
    assert_true(report.p50_ms == 0 && report.p999_ms == 0 && report.max_ms == 0);
}

static void test_quantiles(void **state)
{
    (void)state;
    struct loop_lag lag = {0};
    note(&lag, 500, 100);
    note(&lag, 498, 3000);
    note(&lag, 2, 9000);
    struct lag_report report = loop_lag_report(&lag);
    assert_near(report.p50_ms, 3);
    assert_near(report.p999_ms, 9);
    assert_true(report.max_ms == 9);
    note(&lag, 2000, 100);
    report = loop_lag_report(&lag);
    assert_near(report.p50_ms, 0.1);
    assert_near(report.p999_ms, 3);
    assert_true(report.max_ms == 9);
}

static void test_every_size(void **state)
{
    (void)state;
    for (uint64_t us = 0; us < 60 * 1000 * 1000; us += 1 + us / 7) {
        struct loop_lag lag = {0};
        loop_lag_note(&lag, us);
        assert_true(loop_lag_report(&lag).max_ms == (double)us / 1e3);
        assert_near(loop_lag_report(&lag).p999_ms, (double)us / 1e3);
    }
    struct loop_lag lag = {0};
    loop_lag_note(&lag, UINT64_MAX);
    assert_true(loop_lag_report(&lag).p999_ms > 60e3);
}

/* One long halt is not one among many good moments: all who came meanwhile had to wait. */
static void test_a_halt_counts_by_its_length(void **state)
{
    (void)state;
    struct loop_lag lag = {0};
    note(&lag, 10, 0);
    loop_lag_note(&lag, 20 * PERIOD_US);
    const struct lag_report report = loop_lag_report(&lag);
    assert_true(report.max_ms == 20 * LAG_PERIOD_MS);
    assert_near(report.p50_ms, 5 * LAG_PERIOD_MS); /* 31 in all: 11 at once, then one of each */
}

static void test_old_minutes_are_forgotten(void **state)
{
    (void)state;
    struct loop_lag lag = {0};
    note(&lag, 1, 9000);
    note(&lag, MINUTE_COUNT, 100);
    assert_true(loop_lag_report(&lag).max_ms == 9); /* still the minute before */
    note(&lag, MINUTE_COUNT, 100);
    assert_true(loop_lag_report(&lag).max_ms == 0.1);
}

static void hold_up(struct loop_timer *timer)
{
    (void)timer;
    const uint64_t end = uv_hrtime() + 3 * PERIOD_US * UINT64_C(1000);
    while (uv_hrtime() < end)
        ;
}

static void on_later(struct loop_timer *timer)
{
    (void)timer;
}

static void test_a_loop_that_is_held_up_is_late(void **state)
{
    (void)state;
    struct loop loop;
    struct loop_timer hold = {0}, later = {0};
    assert_int_equal(loop_init(&loop), OK);
    loop_lag_start(&loop.lag);
    loop_timer_start(&loop, &hold, 1, hold_up);
    loop_timer_start(&loop, &later, 5 * LAG_PERIOD_MS, on_later);
    loop_run(&loop); /* to its end: measuring does not keep it running */
    assert_true(loop_lag_report(&loop.lag).max_ms >= LAG_PERIOD_MS);
    loop_clear(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_measured),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_a_halt_counts_by_its_length),
        cmocka_unit_test(test_old_minutes_are_forgotten),
        cmocka_unit_test(test_a_loop_that_is_held_up_is_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
