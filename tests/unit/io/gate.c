/*
 * A gate and those who pass it: each is an operation that enters, stays until it is let go, and
 * leaves in its on_end, as real ones do. What the gate counts is compared with what is seen.
 */
#include "io/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PLACES = 3, VISITORS = 64, STEPS = 10000, MOMENTS = 12 };

struct visitor {
    struct op op;
    struct gate_pass pass;
    size_t ticket; /* order of arrival */
    bool used;     /* started and not finished */
    bool tried;    /* the pass is a tried child: its failure is not the visitor's */
    bool staying;  /* inside, with a hold */
    bool was_inside;
    struct error error;
};

static struct {
    struct loop loop;
    struct gate gate;
    struct visitor visitors[VISITORS];
    size_t tickets; /* given out */
    size_t inside;
    size_t finished;
    size_t passed; /* came inside */
    unsigned random;
} world;

static unsigned random_below(unsigned limit)
{
    world.random = world.random * 1664525u + 1013904223u;
    return (world.random >> 8) % limit;
}

static enum flow visitor_enter(struct op *op)
{
    struct visitor *visitor = op_cast(op, visitor);
    visitor->ticket = ++world.tickets;
    gate_enter(&visitor->pass, visitor->tried ? try(op) : need(op), &world.gate);
    return FLOW_WAIT;
}

static enum flow visitor_stay(struct op *op)
{
    struct visitor *visitor = op_cast(op, visitor);
    if (op_error(&visitor->pass.op)->code != OK) {
        assert_true(visitor->tried);
        return FLOW_DONE;
    }
    assert_true(visitor->pass.inside);
    for (size_t i = 0; i < VISITORS; i++) { /* nobody was overtaken */
        const struct visitor *other = &world.visitors[i];
        assert_false(other->used && other->pass.queued && other->ticket < visitor->ticket);
    }
    assert_true(++world.inside <= world.gate.places);
    world.passed++;
    visitor->was_inside = visitor->staying = true;
    op_hold(op);
    return FLOW_WAIT;
}

static void go(struct visitor *visitor)
{
    if (!visitor->staying)
        return;
    visitor->staying = false;
    op_release(&visitor->op);
}

static void visitor_cancel(struct op *op)
{
    go(op_cast(op, visitor));
}

static void visitor_end(struct op *op)
{
    struct visitor *visitor = op_cast(op, visitor);
    if (visitor->was_inside)
        world.inside--;
    gate_leave(&visitor->pass);
    gate_leave(&visitor->pass); /* nothing happens */
}

static const struct step visitor_steps[] = {{"enter", visitor_enter}, {"stay", visitor_stay}, {0}};
static const struct op_kind visitor_kind = {"visitor", visitor_steps, visitor_cancel, visitor_end};

static void on_finish(struct op *op, void *context)
{
    (void)context;
    struct visitor *visitor = op_cast(op, visitor);
    visitor->error = *op_error(op);
    visitor->used = false;
    world.finished++;
}

static struct visitor *arrive(bool tried)
{
    for (size_t i = 0; i < VISITORS; i++) {
        struct visitor *visitor = &world.visitors[i];
        if (visitor->used)
            continue;
        *visitor = (struct visitor){.used = true, .tried = tried};
        op_start(&visitor->op, &visitor_kind, root(&world.loop, on_finish, NULL));
        return visitor;
    }
    return NULL;
}

static void begin(size_t places)
{
    memset(&world, 0, sizeof(world));
    world.random = 11;
    assert_int_equal(loop_init(&world.loop), OK);
    gate_init(&world.gate, "test", places);
}

static void run_rounds(size_t rounds)
{
    while (rounds-- > 0)
        uv_run(&world.loop.uv, UV_RUN_NOWAIT);
}

/* What the gate knows is what is. */
static void check_gate(void)
{
    size_t holders = 0, waiting = 0, queue = 0;
    for (size_t i = 0; i < VISITORS; i++) {
        holders += world.visitors[i].used && world.visitors[i].pass.inside;
        waiting += world.visitors[i].used && world.visitors[i].pass.queued;
    }
    for (const struct gate_pass *pass = world.gate.first; pass; pass = pass->next)
        queue++;
    assert_int_equal(world.gate.taken, holders);
    assert_int_equal(world.gate.waiting, waiting);
    assert_int_equal(world.gate.waiting, queue);
    assert_true(world.gate.taken <= world.gate.places);
    assert_true(waiting == 0 || holders == world.gate.places); /* nobody waits at a free place */
}

static void end(void)
{
    loop_run(&world.loop);
    check_gate();
    assert_int_equal(world.gate.taken, 0);
    assert_int_equal(world.gate.waiting, 0);
    assert_int_equal(world.inside, 0);
    loop_clear(&world.loop);
}

/* Lets everybody in who still comes, and out again, until nobody is left. */
static void empty_gate(void)
{
    for (bool any = true; any;) {
        any = false;
        run_rounds(4);
        for (size_t i = 0; i < VISITORS; i++) {
            any |= world.visitors[i].used;
            go(&world.visitors[i]);
        }
    }
}

static void test_in_order_and_never_too_many(void **state)
{
    (void)state;
    begin(PLACES);
    struct visitor *visitors[10];
    for (size_t i = 0; i < 10; i++)
        visitors[i] = arrive(false);
    run_rounds(6);
    assert_int_equal(world.inside, PLACES);
    assert_int_equal(world.gate.waiting, 10 - PLACES);
    for (size_t i = 0; i < 10; i++) {
        assert_true(visitors[i]->staying);
        assert_false(i + PLACES < 10 && visitors[i + PLACES]->staying);
        go(visitors[i]);
        run_rounds(6);
        check_gate();
    }
    assert_int_equal(world.finished, 10);
    end();
}

static void test_one_place(void **state)
{
    (void)state;
    begin(1);
    for (size_t i = 0; i < 20; i++)
        arrive(false);
    empty_gate();
    assert_int_equal(world.passed, 20);
    end();
}

static void test_leaving_without_having_entered(void **state)
{
    (void)state;
    begin(1);
    struct gate_pass none = {0};
    gate_leave(&none);
    arrive(false);
    struct visitor *second = arrive(false);
    run_rounds(6);
    gate_leave(&second->pass); /* waits: nothing happens */
    assert_true(second->pass.queued);
    check_gate();
    empty_gate();
    assert_int_equal(world.passed, 2);
    end();
}

/* Everyone in turn is cancelled at every moment of a day at the gate, in one of three ways. */
enum way { CANCEL_VISITOR, CANCEL_NEEDED_PASS, CANCEL_TRIED_PASS, WAYS };

static void day(size_t who, size_t moment, enum way way)
{
    begin(2);
    struct visitor *visitors[5];
    for (size_t i = 0; i < 5; i++)
        visitors[i] = arrive(way == CANCEL_TRIED_PASS);
    for (size_t now = 0; now < MOMENTS; now++) {
        if (now == moment) {
            if (way == CANCEL_VISITOR)
                op_cancel(&visitors[who]->op);
            else if (visitors[who]->pass.gate)
                op_cancel(&visitors[who]->pass.op);
        }
        run_rounds(1);
        if (now >= 4)
            go(visitors[now - 4 < 5 ? now - 4 : 4]);
        if (now == moment && way == CANCEL_VISITOR)
            op_cancel(&visitors[who]->op); /* also right after somebody made room for it */
        check_gate();
    }
    empty_gate();
    assert_int_equal(world.finished, 5);
    for (size_t i = 0; i < 5; i++) {
        if (i != who) {
            assert_int_equal(visitors[i]->error.code, OK);
            assert_true(visitors[i]->was_inside);
        }
    }
    end();
}

static void test_cancel_at_every_moment(void **state)
{
    (void)state;
    for (size_t who = 0; who < 5; who++)
        for (size_t moment = 0; moment < MOMENTS; moment++)
            for (enum way way = 0; way < WAYS; way++)
                day(who, moment, way);
}

/* The place was handed over, but the one who got it has not heard of it yet. */
static void test_cancel_when_a_place_was_just_given(void **state)
{
    (void)state;
    begin(1);
    struct visitor *first = arrive(false);
    struct visitor *second = arrive(false);
    struct visitor *third = arrive(false);
    run_rounds(6);
    gate_leave(&first->pass); /* early, before its end */
    assert_true(second->pass.inside);
    assert_false(op_finished(&second->pass.op));
    op_cancel(&second->op);
    world.inside--;
    first->was_inside = false;
    run_rounds(6);
    assert_true(third->staying);
    check_gate();
    empty_gate();
    assert_int_equal(second->error.code, ERR_CANCELLED);
    assert_false(second->was_inside);
    end();
}

/* Somebody who is inside, if anybody is. */
static struct visitor *random_insider(void)
{
    const size_t start = random_below(VISITORS);
    for (size_t i = 0; i < VISITORS; i++) {
        struct visitor *visitor = &world.visitors[(start + i) % VISITORS];
        if (visitor->used && visitor->staying)
            return visitor;
    }
    return NULL;
}

static void random_step(void)
{
    struct visitor *visitor = &world.visitors[random_below(VISITORS)];
    struct visitor *insider = random_insider();
    switch (random_below(16)) {
    case 0:
        if (visitor->used)
            op_cancel(&visitor->op);
        break;
    case 1:
        if (visitor->used && visitor->pass.gate)
            op_cancel(&visitor->pass.op);
        break;
    case 2:
        if (insider)
            op_cancel(&insider->op);
        break;
    case 3:
    case 4:
    case 5:
    case 6:
        arrive(random_below(2));
        break;
    case 7:
    case 8:
    case 9:
        if (insider)
            go(insider);
        break;
    default:
        run_rounds(1 + random_below(3));
        break;
    }
}

static void test_random_days(void **state)
{
    (void)state;
    begin(PLACES);
    for (size_t step = 0; step < STEPS; step++) {
        random_step();
        check_gate();
    }
    assert_true(world.passed > STEPS / 10);
    assert_true(world.finished > world.passed); /* some never came inside */
    empty_gate();
    end();
}

static void test_all_leave_at_once(void **state)
{
    (void)state;
    begin(PLACES);
    for (size_t i = 0; i < VISITORS; i++)
        arrive(false);
    run_rounds(6);
    for (size_t i = 0; i < VISITORS; i++)
        op_cancel(&world.visitors[i].op);
    loop_run(&world.loop);
    assert_int_equal(world.finished, VISITORS);
    assert_int_equal(world.passed, PLACES);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order_and_never_too_many),
        cmocka_unit_test(test_one_place),
        cmocka_unit_test(test_leaving_without_having_entered),
        cmocka_unit_test(test_cancel_at_every_moment),
        cmocka_unit_test(test_cancel_when_a_place_was_just_given),
        cmocka_unit_test(test_random_days),
        cmocka_unit_test(test_all_leave_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
