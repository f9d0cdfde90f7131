/*
 * The operation core, exhaustively: a tree of operations with every kind of wait in it is run once
 * to count its events (each step, each outside answer), then again for each event and each way to
 * disturb it there: cancel, failure, deadline, a wanter leaving. After every run the same promises
 * must hold.
 */
#include "io/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum disturbance { NOTHING, CANCEL, FAIL, DEADLINE, LEAVE_FIRST, LEAVE_SECOND, LEAVE_BOTH };

static struct {
    struct loop loop;
    enum disturbance disturbance;
    size_t at;     /* event to disturb at, from 1; 0: never */
    size_t events; /* seen so far */
    struct op *target;
    struct op_want *wants[2];
    size_t started, ended, finished_roots;
    struct error root_error;
} world;

/* Called at each event; true when a step should fail here. */
static bool event(void)
{
    if (++world.events != world.at)
        return false;
    switch (world.disturbance) {
    case CANCEL:
        op_cancel(world.target);
        break;
    case DEADLINE:
        op_deadline(world.target, 0, "too late");
        break;
    case LEAVE_FIRST:
    case LEAVE_SECOND:
        op_cancel(&world.wants[world.disturbance == LEAVE_SECOND]->op);
        break;
    case LEAVE_BOTH:
        op_cancel(&world.wants[0]->op);
        op_cancel(&world.wants[1]->op);
        break;
    case FAIL:
        return true;
    case NOTHING:
        break;
    }
    return false;
}

/* --- a leaf: waits for something outside, twice --------------------------------------------- */

struct leaf {
    struct op op;
    struct deferred answer;  /* the outside, answering in the next round */
    struct loop_timer later; /* or after a millisecond */
    bool answered;
};

static void on_answer(struct deferred *deferred)
{
    struct leaf *leaf = container_of(deferred, struct leaf, answer);
    event();
    op_release(&leaf->op);
}

static void on_later(struct loop_timer *timer)
{
    struct leaf *leaf = container_of(timer, struct leaf, later);
    event();
    op_release(&leaf->op);
}

static enum flow leaf_ask(struct op *op)
{
    struct leaf *leaf = op_cast(op, leaf);
    if (event())
        return op_fail(op, ERR_IO, "leaf failed asking");
    op_hold(op);
    leaf->answer = (struct deferred){.run = on_answer};
    loop_defer(&world.loop, &leaf->answer);
    return FLOW_WAIT;
}

static enum flow leaf_sleep(struct op *op)
{
    struct leaf *leaf = op_cast(op, leaf);
    if (event())
        return op_fail(op, ERR_IO, "leaf failed sleeping");
    op_hold(op);
    loop_timer_start(&world.loop, &leaf->later, 1, on_later);
    return FLOW_WAIT;
}

static enum flow leaf_tell(struct op *op)
{
    op_cast(op, leaf)->answered = true;
    return event() ? op_fail(op, ERR_IO, "leaf failed telling") : FLOW_NEXT;
}

/* The outside obeys: a timer at once, a deferred answer when it comes. */
static void leaf_cancel(struct op *op)
{
    struct leaf *leaf = op_cast(op, leaf);
    if (leaf->later.place) {
        loop_timer_stop(&world.loop, &leaf->later);
        op_release(op);
    }
}

static void count_end(struct op *op)
{
    (void)op;
    world.ended++;
}

static const struct step leaf_steps[] = {
    {"ask", leaf_ask}, {"sleep", leaf_sleep}, {"tell", leaf_tell}, {0}};
static const struct op_kind leaf_kind = {"leaf", leaf_steps, leaf_cancel, count_end};

static void leaf_start(struct leaf *leaf, struct op_link link)
{
    memset(leaf, 0, sizeof(*leaf));
    world.started++;
    op_start(&leaf->op, &leaf_kind, link);
}

/* --- a middle: fans out to needed and tried leaves ------------------------------------------ */

struct middle {
    struct op op;
    struct leaf needed[2], tried[2];
    bool collected;
};

static enum flow middle_fan_out(struct op *op)
{
    struct middle *middle = op_cast(op, middle);
    for (size_t i = 0; i < 2; i++) {
        leaf_start(&middle->needed[i], need(op));
        leaf_start(&middle->tried[i], try(op));
    }
    return event() ? op_fail(op, ERR_IO, "middle failed with children at work") : FLOW_WAIT;
}

static enum flow middle_collect(struct op *op)
{
    struct middle *middle = op_cast(op, middle);
    for (size_t i = 0; i < 2; i++) {
        assert_true(op_finished(&middle->needed[i].op));
        assert_int_equal(op_error(&middle->needed[i].op)->code, OK);
        assert_true(op_finished(&middle->tried[i].op));
        assert_true(op_error(&middle->tried[i].op)->code != OK || middle->tried[i].answered);
    }
    middle->collected = true;
    return event() ? op_fail(op, ERR_IO, "middle failed collecting") : FLOW_NEXT;
}

/* Ends with a child still at work, whose result is not wanted. */
static enum flow middle_enough(struct op *op)
{
    struct middle *middle = op_cast(op, middle);
    leaf_start(&middle->tried[0], need(op));
    return event() ? op_fail(op, ERR_IO, "middle failed at the end") : FLOW_DONE;
}

static const struct step middle_steps[] = {
    {"fan_out", middle_fan_out}, {"collect", middle_collect}, {"enough", middle_enough}, {0}};
static const struct op_kind middle_kind = {"middle", middle_steps, NULL, count_end};

/* --- the root -------------------------------------------------------------------------------- */

struct top {
    struct op op;
    struct middle first, second;
};

static void middle_start(struct middle *middle, struct op_link link)
{
    memset(middle, 0, sizeof(*middle));
    world.started++;
    op_start(&middle->op, &middle_kind, link);
    assert_false(op_finished(&middle->op)); /* never inside its own start */
}

static enum flow top_first(struct op *op)
{
    middle_start(&op_cast(op, top)->first, need(op));
    return event() ? op_fail(op, ERR_IO, "top failed first") : FLOW_WAIT;
}

static enum flow top_second(struct op *op)
{
    struct top *top = op_cast(op, top);
    assert_true(top->first.collected);
    middle_start(&top->second, try(op));
    return event() ? op_fail(op, ERR_IO, "top failed second") : FLOW_WAIT;
}

static enum flow top_last(struct op *op)
{
    assert_true(op_finished(&op_cast(op, top)->second.op));
    return event() ? op_fail(op, ERR_IO, "top failed last") : FLOW_NEXT;
}

static const struct step top_steps[] = {
    {"first", top_first}, {"second", top_second}, {"last", top_last}, {0}};
static const struct op_kind top_kind = {"top", top_steps, NULL, count_end};

static void on_top_finish(struct op *op, void *context)
{
    (void)context;
    world.finished_roots++;
    world.root_error = *op_error(op);
    assert_int_equal(op->children_count, 0);
    assert_null(op->children);
    free(op_cast(op, top));
    world.target = NULL;
}

static void begin(enum disturbance disturbance, size_t at)
{
    memset(&world, 0, sizeof(world));
    assert_int_equal(loop_init(&world.loop), OK);
    world.disturbance = disturbance;
    world.at = at;
}

static void run_top(enum disturbance disturbance, size_t at)
{
    begin(disturbance, at);
    struct top *top = calloc(1, sizeof(*top));
    world.target = &top->op;
    world.started++;
    op_start(&top->op, &top_kind, root(&world.loop, on_top_finish, NULL));
    assert_int_equal(world.events, 0);
    loop_run(&world.loop);
    assert_int_equal(world.finished_roots, 1);
    assert_int_equal(world.ended, world.started); /* each one exactly once */
    loop_clear(&world.loop);
}

static size_t count_events(void)
{
    run_top(NOTHING, 0);
    assert_int_equal(world.root_error.code, OK);
    assert_int_equal(world.started, 1 + 2 * 6);
    return world.events;
}

static void test_undisturbed(void **state)
{
    (void)state;
    assert_true(count_events() > 40);
}

static void test_cancel_at_every_event(void **state)
{
    (void)state;
    const size_t events = count_events();
    for (size_t at = 1; at <= events; at++) {
        run_top(CANCEL, at);
        assert_int_equal(world.root_error.code, ERR_CANCELLED);
    }
}

static void test_deadline_at_every_event(void **state)
{
    (void)state;
    const size_t events = count_events();
    size_t hit = 0;
    for (size_t at = 1; at <= events; at++) {
        run_top(DEADLINE, at);
        /* Set within the last rounds, the work may be done before the timer is looked at. */
        if (world.root_error.code == ERR_DEADLINE)
            assert_string_equal(world.root_error.detail, "too late");
        else
            assert_int_equal(world.root_error.code, OK);
        hit += world.root_error.code == ERR_DEADLINE;
    }
    assert_true(hit > events * 3 / 4);
}

static void test_failure_at_every_event(void **state)
{
    (void)state;
    const size_t events = count_events();
    size_t failed = 0;
    for (size_t at = 1; at <= events; at++) {
        run_top(FAIL, at);
        if (world.root_error.code != OK) {
            assert_int_equal(world.root_error.code, ERR_IO);
            assert_true(strstr(world.root_error.detail, " failed "));
            failed++;
        }
    }
    /* The first middle and what it needs are needed, and so are the top's own steps: 3 of the top,
     * 3 of the middle, 3 of each needed leaf. All else is tried, or an answer that cannot fail. */
    assert_int_equal(failed, 3 + 3 + 2 * 3);
}

static void test_cancel_before_the_first_step(void **state)
{
    (void)state;
    begin(NOTHING, 0);
    struct top *top = calloc(1, sizeof(*top));
    op_start(&top->op, &top_kind, root(&world.loop, on_top_finish, NULL));
    op_cancel(&top->op);
    op_stop(&top->op, ERR_IO, "the first reason wins");
    assert_int_equal(world.finished_roots, 0);
    loop_run(&world.loop);
    assert_int_equal(world.finished_roots, 1);
    assert_int_equal(world.events, 0);
    assert_int_equal(world.root_error.code, ERR_CANCELLED);
    loop_clear(&world.loop);
}

/* --- a child started by a parent that is ending --------------------------------------------- */

struct suicidal {
    struct op op;
    struct leaf leaf;
};

static enum flow suicidal_step(struct op *op)
{
    op_cancel(op);
    leaf_start(&op_cast(op, suicidal)->leaf, try(op));
    return FLOW_WAIT;
}

static const struct step suicidal_steps[] = {{"die", suicidal_step}, {0}};
static const struct op_kind suicidal_kind = {"suicidal", suicidal_steps, NULL, NULL};

static void test_child_of_an_ending_parent(void **state)
{
    (void)state;
    begin(NOTHING, 0);
    struct suicidal suicidal;
    op_start(&suicidal.op, &suicidal_kind, root(&world.loop, NULL, NULL));
    loop_run(&world.loop);
    assert_true(op_finished(&suicidal.op));
    assert_int_equal(op_error(&suicidal.op)->code, ERR_CANCELLED);
    assert_int_equal(op_error(&suicidal.leaf.op)->code, ERR_CANCELLED);
    assert_int_equal(world.ended, 1);
    assert_int_equal(world.events, 0); /* no step of the leaf ran */
    loop_clear(&world.loop);
}

/* --- an operation that begins again: at once, then when a child is done, then when a hold is ----
 */

enum { ROUNDS = 4 };

struct repeat {
    struct op op;
    struct leaf asked, awaited;
    struct deferred answer;
    size_t rounds, holds;
};

static void on_repeat_answer(struct deferred *deferred)
{
    struct repeat *repeat = container_of(deferred, struct repeat, answer);
    event();
    repeat->holds--;
    op_release(&repeat->op);
}

static enum flow repeat_ask(struct op *op)
{
    struct repeat *repeat = op_cast(op, repeat);
    repeat->rounds++;
    assert_int_equal(op->children_count, 0); /* of the round before */
    assert_int_equal(repeat->holds, 0);
    leaf_start(&repeat->asked, need(op));
    return event() ? op_fail(op, ERR_IO, "repeat failed asking") : FLOW_WAIT;
}

static enum flow repeat_judge(struct op *op)
{
    struct repeat *repeat = op_cast(op, repeat);
    assert_true(repeat->asked.answered);
    if (repeat->rounds == 2)
        leaf_start(&repeat->awaited, need(op));
    if (repeat->rounds == 3) {
        repeat->holds++;
        op_hold(op);
        repeat->answer = (struct deferred){.run = on_repeat_answer};
        loop_defer(&world.loop, &repeat->answer);
    }
    if (event())
        return op_fail(op, ERR_IO, "repeat failed judging");
    return repeat->rounds < ROUNDS ? FLOW_AGAIN : FLOW_NEXT;
}

static enum flow repeat_tell(struct op *op)
{
    assert_int_equal(op_cast(op, repeat)->rounds, ROUNDS);
    return event() ? op_fail(op, ERR_IO, "repeat failed telling") : FLOW_NEXT;
}

/* What stands outside answers in its own time. */
static void repeat_cancel(struct op *op)
{
    assert_int_equal(op_cast(op, repeat)->holds, 1);
}

static const struct step repeat_steps[] = {
    {"ask", repeat_ask}, {"judge", repeat_judge}, {"tell", repeat_tell}, {0}};
static const struct op_kind repeat_kind = {"repeat", repeat_steps, repeat_cancel, count_end};

static void on_repeat_finish(struct op *op, void *context)
{
    world.finished_roots++;
    world.root_error = *op_error(op);
    assert_int_equal(op->children_count, 0);
    assert_int_equal(op_cast(op, repeat)->holds, 0);
    *(size_t *)context = op_cast(op, repeat)->rounds;
    free(op_cast(op, repeat));
    world.target = NULL;
}

/* The rounds that were begun. */
static size_t run_repeat(enum disturbance disturbance, size_t at)
{
    begin(disturbance, at);
    struct repeat *repeat = calloc(1, sizeof(*repeat));
    size_t rounds = 0;
    world.target = &repeat->op;
    world.started++;
    op_start(&repeat->op, &repeat_kind, root(&world.loop, on_repeat_finish, &rounds));
    loop_run(&world.loop);
    assert_int_equal(world.finished_roots, 1);
    assert_int_equal(world.ended, world.started);
    loop_clear(&world.loop);
    return rounds;
}

static void test_again_at_every_event(void **state)
{
    (void)state;
    assert_int_equal(run_repeat(NOTHING, 0), ROUNDS);
    assert_int_equal(world.root_error.code, OK);
    assert_int_equal(world.started, 1 + ROUNDS + 1);
    const size_t events = world.events;
    assert_true(events > 5 * ROUNDS);

    size_t late = 0, failed = 0, last_round = 0;
    for (size_t at = 1; at <= events; at++) {
        const size_t rounds = run_repeat(CANCEL, at);
        assert_int_equal(world.root_error.code, ERR_CANCELLED);
        assert_true(rounds == last_round || rounds == last_round + 1); /* none after the cancel */
        last_round = rounds;
        run_repeat(DEADLINE, at);
        late += world.root_error.code == ERR_DEADLINE;
        run_repeat(FAIL, at);
        failed += world.root_error.code == ERR_IO;
    }
    assert_int_equal(last_round, ROUNDS);
    assert_true(late > events * 3 / 4);
    /* Its own steps, and three of each leaf; answers from outside cannot fail. */
    assert_int_equal(failed, 2 * ROUNDS + 1 + 3 * (ROUNDS + 1));
}

/* --- wants: two parents share one middle ------------------------------------------------------ */

struct shared {
    struct middle middle;
    bool freed;
};

struct wanter {
    struct op op;
    struct shared *shared;
    struct op_want want;
    bool saw_result;
};

static void shared_free_if_unused(struct shared *shared)
{
    assert_false(shared->freed);
    shared->freed = true;
}

static enum flow wanter_ask(struct op *op)
{
    struct wanter *wanter = op_cast(op, wanter);
    op_want_start(&wanter->want, need(op), &wanter->shared->middle.op);
    return FLOW_WAIT;
}

static enum flow wanter_read(struct op *op)
{
    struct wanter *wanter = op_cast(op, wanter);
    assert_false(wanter->shared->freed);
    wanter->saw_result = wanter->shared->middle.collected;
    return FLOW_NEXT;
}

static void wanter_end(struct op *op)
{
    struct wanter *wanter = op_cast(op, wanter);
    if (wanter->want.shared && op_want_drop(&wanter->want))
        shared_free_if_unused(wanter->shared);
}

static const struct step wanter_steps[] = {{"ask", wanter_ask}, {"read", wanter_read}, {0}};
static const struct op_kind wanter_kind = {"wanter", wanter_steps, NULL, wanter_end};

static void on_shared_finish(struct op *op, void *context)
{
    struct shared *shared = context;
    world.finished_roots++;
    world.root_error = *op_error(op);
    if (op_shared_unused(op))
        shared_free_if_unused(shared);
}

static struct wanter wanters[2];

static void run_shared(enum disturbance disturbance, size_t at)
{
    begin(disturbance, at);
    static struct shared shared;
    memset(&shared, 0, sizeof(shared));
    memset(wanters, 0, sizeof(wanters));
    world.started++;
    op_start(&shared.middle.op, &middle_kind, root(&world.loop, on_shared_finish, &shared));
    world.target = &shared.middle.op;
    for (size_t i = 0; i < 2; i++) {
        wanters[i].shared = &shared;
        op_start(&wanters[i].op, &wanter_kind, root(&world.loop, NULL, NULL));
        world.wants[i] = &wanters[i].want;
    }
    loop_run(&world.loop);
    assert_int_equal(world.finished_roots, 1);
    assert_int_equal(world.ended, world.started);
    assert_true(op_finished(&wanters[0].op)); /* never a wanter without an answer */
    assert_true(op_finished(&wanters[1].op));
    assert_true(shared.freed);
    loop_clear(&world.loop);
}

static size_t count_shared_events(void)
{
    run_shared(NOTHING, 0);
    assert_true(wanters[0].saw_result);
    assert_true(wanters[1].saw_result);
    return world.events;
}

/* The first event comes before the wants exist: op order in the first round. */
enum { FIRST_WITH_WANTS = 2 };

static void test_one_wanter_leaves_at_every_event(void **state)
{
    (void)state;
    const size_t events = count_shared_events();
    for (size_t at = FIRST_WITH_WANTS; at <= events; at++) {
        for (size_t who = 0; who < 2; who++) {
            run_shared(who ? LEAVE_SECOND : LEAVE_FIRST, at);
            assert_int_equal(world.root_error.code, OK); /* the other still wants it */
            assert_true(wanters[!who].saw_result);
            assert_int_equal(op_error(&wanters[who].op)->code, ERR_CANCELLED);
        }
    }
}

static void test_the_last_wanter_leaving_cancels(void **state)
{
    (void)state;
    const size_t events = count_shared_events();
    for (size_t at = FIRST_WITH_WANTS; at <= events; at++) {
        run_shared(LEAVE_BOTH, at);
        assert_int_equal(world.root_error.code, ERR_CANCELLED);
        assert_int_equal(op_error(&wanters[0].op)->code, ERR_CANCELLED);
        assert_int_equal(op_error(&wanters[1].op)->code, ERR_CANCELLED);
    }
}

static void test_shared_failure_goes_to_all_wanters(void **state)
{
    (void)state;
    const size_t events = count_shared_events();
    for (size_t at = 1; at <= events; at++) {
        run_shared(FAIL, at);
        for (size_t i = 0; i < 2; i++)
            assert_int_equal(op_error(&wanters[i].op)->code, world.root_error.code);
    }
}

static void test_want_of_a_finished_root(void **state)
{
    (void)state;
    begin(NOTHING, 0);
    struct shared shared = {0};
    world.started++;
    op_start(&shared.middle.op, &middle_kind, root(&world.loop, NULL, NULL));
    loop_run(&world.loop);

    struct wanter late = {.shared = &shared};
    op_start(&late.op, &wanter_kind, root(&world.loop, NULL, NULL));
    loop_run(&world.loop);
    assert_true(late.saw_result);
    assert_int_equal(op_error(&late.op)->code, OK);
    assert_true(shared.freed);
    loop_clear(&world.loop);
}

/* --- links and small print ------------------------------------------------------------------- */

static void test_log_id_is_handed_down(void **state)
{
    (void)state;
    begin(NOTHING, 0);
    struct suicidal parent;
    struct leaf leaf;
    op_start(&parent.op, &suicidal_kind, root(&world.loop, NULL, NULL));
    parent.op.log_id = "request-1";
    leaf_start(&leaf, try(&parent.op));
    assert_string_equal(leaf.op.log_id, "request-1");
    loop_run(&world.loop);
    assert_true(op_seconds(&parent.op) >= 0);
    loop_clear(&world.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_undisturbed),
        cmocka_unit_test(test_cancel_at_every_event),
        cmocka_unit_test(test_deadline_at_every_event),
        cmocka_unit_test(test_failure_at_every_event),
        cmocka_unit_test(test_cancel_before_the_first_step),
        cmocka_unit_test(test_child_of_an_ending_parent),
        cmocka_unit_test(test_again_at_every_event),
        cmocka_unit_test(test_one_wanter_leaves_at_every_event),
        cmocka_unit_test(test_the_last_wanter_leaving_cancels),
        cmocka_unit_test(test_shared_failure_goes_to_all_wanters),
        cmocka_unit_test(test_want_of_a_finished_root),
        cmocka_unit_test(test_log_id_is_handed_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
