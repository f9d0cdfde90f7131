/*
 * The loop's deferred calls and timers, each compared with a list kept beside it. Rounds are
 * counted by a check handle, which libuv calls once a round, after it has looked at sockets.
 */
#include "io/loop.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    CALLS = 100,
    CALL_STEPS = 20000,
    TIMERS = 10000,
    TIMER_STEPS = 60000,
    TIMER_MS_MAX = 20,
};

static struct {
    struct loop loop;
    uv_check_t check;
    size_t round;
    unsigned random;
} world;

/* A small generator of our own: the same numbers with every C library. */
static unsigned random_below(unsigned limit)
{
    world.random = world.random * 1664525u + 1013904223u;
    return (world.random >> 8) % limit;
}

static void on_check(uv_check_t *check)
{
    (void)check;
    world.round++;
}

static void begin(void)
{
    memset(&world, 0, sizeof(world));
    world.random = 1;
    assert_int_equal(loop_init(&world.loop), OK);
    uv_check_init(&world.loop.uv, &world.check);
    uv_check_start(&world.check, on_check);
    uv_unref((uv_handle_t *)&world.check);
}

static void end(void)
{
    uv_close((uv_handle_t *)&world.check, NULL);
    loop_clear(&world.loop);
    assert_null(world.loop.first);
    assert_null(world.loop.timers);
}

/* --- deferred calls -------------------------------------------------------------------------- */

struct call {
    struct deferred deferred;
    int number;
    size_t round;                /* in which it ran */
    int times;                   /* it ran */
    void (*then)(struct call *); /* what it does itself; may be NULL */
};

static struct call calls[CALLS];
static int order[CALLS]; /* numbers of those that ran */
static size_t order_length;

static void on_call(struct deferred *deferred)
{
    struct call *call = container_of(deferred, struct call, deferred);
    assert_false(deferred->queued);
    call->times++;
    call->round = world.round;
    assert_true(order_length < CALLS);
    order[order_length++] = call->number;
    if (call->then)
        call->then(call);
}

static void begin_calls(void)
{
    begin();
    memset(calls, 0, sizeof(calls));
    order_length = 0;
    for (int i = 0; i < CALLS; i++)
        calls[i] = (struct call){.deferred = {.run = on_call}, .number = i};
}

static void defer(int number)
{
    loop_defer(&world.loop, &calls[number].deferred);
}

static void cancel(int number)
{
    loop_defer_cancel(&world.loop, &calls[number].deferred);
}

static void assert_order(const int *expected, size_t length)
{
    assert_int_equal(order_length, length);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(order[i], expected[i]);
}

static void test_calls_run_in_order_and_once(void **state)
{
    (void)state;
    begin_calls();
    for (int i = 0; i < CALLS; i++) {
        defer(i);
        defer(i); /* nothing happens */
    }
    assert_int_equal(order_length, 0); /* never inside loop_defer */
    loop_run(&world.loop);
    assert_int_equal(order_length, CALLS);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(order[i], i);
        assert_int_equal(calls[i].round, 0); /* all in the first */
    }
    end();
}

static void defer_again(struct call *call)
{
    if (call->times < 3)
        defer(call->number);
}

static void defer_next(struct call *call)
{
    defer(call->number + 1);
}

static void test_what_a_call_defers_comes_in_the_next_round(void **state)
{
    (void)state;
    begin_calls();
    calls[0].then = defer_next;
    calls[1].then = defer_next;
    calls[5].then = defer_again;
    defer(0);
    defer(5);
    loop_run(&world.loop);
    assert_order((const int[]){0, 5, 1, 5, 2, 5}, 6);
    assert_int_equal(calls[0].round, 0);
    assert_int_equal(calls[1].round, 1);
    assert_int_equal(calls[2].round, 2);
    assert_int_equal(calls[5].round, 2);
    end();
}

static void test_cancel_first_middle_last(void **state)
{
    (void)state;
    static const int lefts[5][4] = {
        {1, 2, 3, 4}, {0, 2, 3, 4}, {0, 1, 3, 4}, {0, 1, 2, 4}, {0, 1, 2, 3}};
    for (int who = 0; who < 5; who++) {
        begin_calls();
        for (int i = 0; i < 5; i++)
            defer(i);
        cancel(who);
        cancel(who); /* nothing happens */
        loop_run(&world.loop);
        assert_order(lefts[who], 4);
        end();
    }
}

static void test_cancelled_can_be_queued_again_at_the_end(void **state)
{
    (void)state;
    begin_calls();
    for (int i = 0; i < 3; i++)
        defer(i);
    cancel(2); /* the end of the list moves back */
    defer(3);
    cancel(0);
    defer(0);
    loop_run(&world.loop);
    assert_order((const int[]){1, 3, 0}, 3);
    end();
}

static void test_all_cancelled(void **state)
{
    (void)state;
    begin_calls();
    for (int i = 0; i < 3; i++)
        defer(i);
    for (int i = 2; i >= 0; i--)
        cancel(i);
    loop_run(&world.loop); /* ends: nothing is left to do */
    assert_int_equal(order_length, 0);
    defer(1);
    loop_run(&world.loop);
    assert_order((const int[]){1}, 1);
    end();
}

static void cancel_others(struct call *call)
{
    (void)call;
    cancel(0); /* itself: not queued any more */
    cancel(1); /* of this round, the next in line */
    cancel(4); /* of this round, the last */
    defer(5);
    defer(6);
    cancel(6); /* of the next round, the last */
    defer(7);
}

static void test_cancel_from_inside_a_round(void **state)
{
    (void)state;
    begin_calls();
    calls[0].then = cancel_others;
    for (int i = 0; i < 5; i++)
        defer(i);
    loop_run(&world.loop);
    assert_order((const int[]){0, 2, 3, 5, 7}, 5);
    assert_int_equal(calls[3].round, 0);
    assert_int_equal(calls[5].round, 1);
    end();
}

static void on_call_that_frees(struct deferred *deferred)
{
    world.round += 1000;
    free(deferred);
}

static void test_a_call_may_free_itself(void **state)
{
    (void)state;
    begin_calls();
    for (int i = 0; i < 3; i++) {
        struct deferred *deferred = calloc(1, sizeof(*deferred));
        deferred->run = on_call_that_frees;
        loop_defer(&world.loop, deferred);
    }
    loop_run(&world.loop);
    assert_true(world.round >= 3000);
    end();
}

static void test_random_calls_against_a_list(void **state)
{
    (void)state;
    begin_calls();
    int reference[CALLS];
    size_t length = 0;
    for (size_t step = 0; step < CALL_STEPS; step++) {
        const int number = (int)random_below(CALLS);
        size_t at = 0;
        while (at < length && reference[at] != number)
            at++;
        if (random_below(2)) {
            defer(number);
            if (at == length)
                reference[length++] = number;
        } else {
            cancel(number);
            if (at < length)
                memmove(&reference[at], &reference[at + 1], (--length - at) * sizeof(int));
        }
        if (random_below(200) == 0) {
            order_length = 0;
            loop_run(&world.loop);
            assert_order(reference, length);
            length = 0;
        }
    }
    end();
}

/* --- stopping -------------------------------------------------------------------------------- */

static void stop_loop(struct call *call)
{
    (void)call;
    loop_stop(&world.loop);
}

static void test_stop_and_run_again(void **state)
{
    (void)state;
    begin_calls();
    calls[0].then = stop_loop;
    calls[1].then = defer_next;
    defer(0);
    defer(1);
    loop_run(&world.loop);
    assert_order((const int[]){0, 1}, 2); /* the round was completed, the next not begun */
    loop_run(&world.loop);
    assert_order((const int[]){0, 1, 2}, 3);
    end();
}

static void test_stop_while_it_does_not_run(void **state)
{
    (void)state;
    begin_calls();
    loop_run(&world.loop);
    loop_stop(&world.loop); /* by somebody who is being taken down */
    end();                  /* closes all the same */
}

/* --- timers ---------------------------------------------------------------------------------- */

struct stopwatch {
    struct loop_timer timer;
    bool expected;  /* it is running by the reference */
    uint64_t due;   /* loop time at which it expires */
    size_t round;   /* in which it did */
    size_t expired; /* times */
};

static struct stopwatch watches[TIMERS];
static uint64_t latest_due; /* of those that expired in this run */
static size_t expired;

static void on_expiry(struct loop_timer *timer)
{
    struct stopwatch *watch = container_of(timer, struct stopwatch, timer);
    assert_true(watch->expected);
    assert_int_equal(timer->place, 0);
    assert_true(loop_now_ms(&world.loop) >= watch->due);
    assert_true(watch->due >= latest_due);
    latest_due = watch->due;
    watch->expected = false;
    watch->round = world.round;
    watch->expired++;
    expired++;
}

static void begin_timers(void)
{
    begin();
    memset(watches, 0, sizeof(watches));
    latest_due = 0;
    expired = 0;
}

static void start_with(size_t which, uint64_t after_ms, void (*callback)(struct loop_timer *))
{
    watches[which].expected = true;
    watches[which].due = loop_now_ms(&world.loop) + after_ms;
    loop_timer_start(&world.loop, &watches[which].timer, after_ms, callback);
}

static void start(size_t which, uint64_t after_ms)
{
    start_with(which, after_ms, on_expiry);
}

static void stop(size_t which)
{
    watches[which].expected = false;
    loop_timer_stop(&world.loop, &watches[which].timer);
}

static void test_timers_expire_in_order(void **state)
{
    (void)state;
    begin_timers();
    for (size_t i = 0; i < TIMERS; i++)
        start(i, random_below(TIMER_MS_MAX));
    assert_int_equal(expired, 0);
    loop_run(&world.loop);
    assert_int_equal(expired, TIMERS);
    assert_int_equal(world.loop.timer_count, 0);
    end();
}

static void test_random_timers_against_a_reference(void **state)
{
    (void)state;
    begin_timers();
    for (size_t step = 0; step < TIMER_STEPS; step++) {
        const size_t which = random_below(TIMERS);
        if (random_below(3))
            start(which, random_below(TIMER_MS_MAX)); /* or starts it again */
        else
            stop(which); /* or nothing, if it does not run */
        if (random_below(2000) == 0) {
            latest_due = 0;
            uv_run(&world.loop.uv, UV_RUN_NOWAIT);
        }
    }
    for (size_t which = 0; which < TIMERS; which += 2) /* however slow this machine is */
        start(which, random_below(TIMER_MS_MAX));
    size_t running = 0;
    for (size_t i = 0; i < TIMERS; i++)
        running += watches[i].expected;
    assert_true(running >= TIMERS / 2);
    assert_int_equal(world.loop.timer_count, running);
    latest_due = 0;
    expired = 0;
    loop_run(&world.loop);
    assert_int_equal(expired, running);
    end();
}

static void test_restarted_timer_counts_from_then(void **state)
{
    (void)state;
    begin_timers();
    start(0, 1);
    start(1, 2);
    start(0, 3); /* later than the other now */
    start(2, 3);
    start(2, 0); /* and earlier */
    loop_run(&world.loop);
    assert_int_equal(expired, 3);
    assert_true(watches[2].round <= watches[1].round);
    assert_true(watches[1].round <= watches[0].round);
    end();
}

static void on_expiry_that_stops(struct loop_timer *timer)
{
    on_expiry(timer);
    for (size_t i = 1; i < 10; i += 2)
        stop(i);
    stop(0); /* itself */
}

static void test_a_timer_stops_others(void **state)
{
    (void)state;
    begin_timers();
    start_with(0, 0, on_expiry_that_stops);
    for (size_t i = 1; i < 10; i++)
        start(i, 1 + i % 3); /* often due in the same round */
    loop_run(&world.loop);
    assert_int_equal(expired, 5);
    for (size_t i = 1; i < 10; i++)
        assert_int_equal(watches[i].expired, i % 2 == 0);
    end();
}

static void on_expiry_that_frees(struct loop_timer *timer)
{
    struct stopwatch *watch = container_of(timer, struct stopwatch, timer);
    on_expiry(timer);
    free(watch);
}

static void test_a_timer_may_free_itself(void **state)
{
    (void)state;
    begin_timers();
    for (uint64_t i = 0; i < 3; i++) {
        struct stopwatch *watch = calloc(1, sizeof(*watch));
        watch->expected = true;
        watch->due = loop_now_ms(&world.loop) + i;
        loop_timer_start(&world.loop, &watch->timer, i, on_expiry_that_frees);
    }
    loop_run(&world.loop);
    assert_int_equal(expired, 3);
    end();
}

static void on_expiry_that_starts_another(struct loop_timer *timer)
{
    on_expiry(timer);
    start(1, 0);
}

static void test_0_ms_in_a_callback_means_the_next_round(void **state)
{
    (void)state;
    begin_timers();
    start_with(0, 0, on_expiry_that_starts_another);
    start(2, 5); /* so that this round would have a place for one more */
    start(3, 5);
    loop_run(&world.loop);
    assert_int_equal(expired, 4);
    assert_int_equal(watches[1].round, watches[0].round + 1);
    end();
}

static void on_expiry_that_starts_again(struct loop_timer *timer)
{
    struct stopwatch *watch = container_of(timer, struct stopwatch, timer);
    on_expiry(timer);
    if (watch->expired < 100)
        start_with(0, 0, on_expiry_that_starts_again);
}

static void test_a_0_ms_timer_that_starts_itself_lets_others_live(void **state)
{
    (void)state;
    begin_timers();
    start_with(0, 0, on_expiry_that_starts_again);
    loop_run(&world.loop);
    assert_int_equal(watches[0].expired, 100);
    assert_true(world.round >= 99); /* sockets were looked at in between */
    end();
}

static void on_expiry_that_ends_the_run(struct loop_timer *timer)
{
    on_expiry(timer);
    loop_stop(&world.loop);
}

static void test_the_longest_timer_is_not_due(void **state)
{
    (void)state;
    begin_timers();
    start_with(0, 1, on_expiry_that_ends_the_run);
    start(1, UINT64_MAX);
    watches[1].due = UINT64_MAX;
    loop_run(&world.loop);
    assert_int_equal(watches[0].expired, 1);
    assert_int_equal(watches[1].expired, 0);
    end();
}

/* --- the end --------------------------------------------------------------------------------- */

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void on_never(struct deferred *deferred)
{
    (void)deferred;
    fail_msg("ran in loop_clear");
}

static void on_never_expiry(struct loop_timer *timer)
{
    (void)timer;
    fail_msg("expired in loop_clear");
}

static void on_closed_handle(uv_handle_t *handle)
{
    free(handle);
}

static void test_clear_leaves_nothing(void **state)
{
    (void)state;
    begin();
    end(); /* libuv opens some descriptors once for the whole process */
    const size_t before = count_descriptors();
    begin();
    struct deferred call = {.run = on_never};
    struct loop_timer timer = {0};
    loop_defer(&world.loop, &call);
    loop_timer_start(&world.loop, &timer, 0, on_never_expiry);
    uv_timer_t *handle = malloc(sizeof(*handle)); /* somebody's, closed but not yet told so */
    uv_timer_init(&world.loop.uv, handle);
    uv_close((uv_handle_t *)handle, on_closed_handle);
    end();
    assert_int_equal(count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_run_in_order_and_once),
        cmocka_unit_test(test_what_a_call_defers_comes_in_the_next_round),
        cmocka_unit_test(test_cancel_first_middle_last),
        cmocka_unit_test(test_cancelled_can_be_queued_again_at_the_end),
        cmocka_unit_test(test_all_cancelled),
        cmocka_unit_test(test_cancel_from_inside_a_round),
        cmocka_unit_test(test_a_call_may_free_itself),
        cmocka_unit_test(test_random_calls_against_a_list),
        cmocka_unit_test(test_stop_and_run_again),
        cmocka_unit_test(test_stop_while_it_does_not_run),
        cmocka_unit_test(test_timers_expire_in_order),
        cmocka_unit_test(test_random_timers_against_a_reference),
        cmocka_unit_test(test_restarted_timer_counts_from_then),
        cmocka_unit_test(test_a_timer_stops_others),
        cmocka_unit_test(test_a_timer_may_free_itself),
        cmocka_unit_test(test_0_ms_in_a_callback_means_the_next_round),
        cmocka_unit_test(test_a_0_ms_timer_that_starts_itself_lets_others_live),
        cmocka_unit_test(test_the_longest_timer_is_not_due),
        cmocka_unit_test(test_clear_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
