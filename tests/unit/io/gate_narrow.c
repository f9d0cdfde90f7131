/* gate.h: places that become fewer when the upstream gets too much, and come back. */
#include "io/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "unit/io/virtual_loop.h"

enum { PASSES = 8, PLACES = 5 };

static struct {
    struct loop loop;
    struct gate gate;
    struct gate_pass passes[PASSES];
} world;

static void nobody_hears(struct op *op, void *context)
{
    (void)op;
    (void)context;
}

static int begin(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    world.loop = virtual_loop();
    gate_init(&world.gate, &world.loop, "openai", &(struct gate_settings){.places = PLACES});
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 0; i < PASSES; i++)
        gate_leave(&world.passes[i]);
    virtual_loop_settle(&world.loop);
    for (size_t i = 0; i < PASSES; i++)
        gate_leave(&world.passes[i]);
    gate_clear(&world.gate);
    return 0;
}

static void enter(size_t index)
{
    gate_enter(&world.passes[index], root(&world.loop, nobody_hears, NULL), &world.gate,
               &(struct gate_rank){0});
    virtual_loop_settle(&world.loop);
}

static void later(uint64_t ms)
{
    virtual_loop_advance(&world.loop, ms);
}

/* A call that enters now, and what comes of it 100 ms later. */
static void call(enum gate_result result, enum gate_narrowing by)
{
    enter(0);
    later(100);
    gate_report(&world.passes[0], result);
    gate_narrow(&world.passes[0], by);
    gate_leave(&world.passes[0]);
}

static size_t places(void)
{
    return world.gate.settings.places;
}

static void fewer_are_let_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < PASSES; i++)
        enter(i);
    assert_int_equal(world.gate.taken, PLACES);
    gate_narrow(&world.passes[0], GATE_HALF);
    assert_int_equal(places(), 2);
    assert_int_equal(world.gate.taken, PLACES); /* who is inside stays */
    for (size_t i = 0; i < 3; i++) {
        gate_leave(&world.passes[i]);
        assert_int_equal(world.gate.taken, PLACES - 1 - i); /* nobody follows */
    }
    gate_leave(&world.passes[3]);
    assert_int_equal(world.gate.taken, 2); /* now somebody does */
    assert_int_equal(world.gate.waiting, 2);
}

static void one_place_remains(void **state)
{
    (void)state;
    static const size_t expected[] = {4, 2, 1, 1, 1};
    call(GATE_NEUTRAL, GATE_AS_IT_IS);
    assert_int_equal(places(), PLACES);
    call(GATE_NEUTRAL, GATE_ONE_LESS);
    assert_int_equal(places(), expected[0]);
    for (size_t i = 1; i < 4; i++) {
        call(GATE_FAILURE, GATE_HALF);
        assert_int_equal(places(), expected[i]);
    }
    call(GATE_NEUTRAL, GATE_ONE_LESS);
    assert_int_equal(places(), expected[4]);
}

static void many_refusals_at_once_count_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        enter(i);
    later(100);
    for (size_t i = 0; i < 4; i++) {
        gate_narrow(&world.passes[i], GATE_HALF);
        gate_leave(&world.passes[i]);
        later(1);
    }
    assert_int_equal(places(), 2);
}

static void successes_bring_them_back_one_by_one(void **state)
{
    (void)state;
    enter(1); /* before it */
    later(100);
    call(GATE_FAILURE, GATE_HALF);
    call(GATE_SUCCESS, GATE_AS_IT_IS);
    assert_int_equal(places(), 2); /* so soon */
    later(GATE_WIDEN_MS);
    gate_report(&world.passes[1], GATE_SUCCESS);
    assert_int_equal(places(), 2);
    for (size_t expected = 3; expected <= PLACES; expected++) {
        call(GATE_NEUTRAL, GATE_AS_IT_IS);
        assert_int_equal(places(), expected - 1);
        call(GATE_SUCCESS, GATE_AS_IT_IS);
        call(GATE_SUCCESS, GATE_AS_IT_IS);
        assert_int_equal(places(), expected);
        later(GATE_WIDEN_MS);
    }
    call(GATE_SUCCESS, GATE_AS_IT_IS);
    assert_int_equal(places(), PLACES); /* no more than there were */
}

static void who_waits_gets_the_place_that_comes_back(void **state)
{
    (void)state;
    call(GATE_NEUTRAL, GATE_HALF);
    for (size_t i = 0; i < 3; i++)
        enter(i);
    assert_int_equal(world.gate.taken, 2);
    later(GATE_WIDEN_MS);
    gate_report(&world.passes[0], GATE_SUCCESS);
    assert_int_equal(world.gate.taken, 3);
    assert_int_equal(world.gate.waiting, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fewer_are_let_in),
        TEST(one_place_remains),
        TEST(many_refusals_at_once_count_once),
        TEST(successes_bring_them_back_one_by_one),
        TEST(who_waits_gets_the_place_that_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
