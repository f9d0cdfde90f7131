/*
 * The gate against a model of it that is written down from the header, without a heap, a list or an
 * event: after each action both must agree on who is inside, who waits, who was turned away and how
 * the breaker stands. Driven by every sequence of a few actions, and by 100,000 random ones.
 */
#include "io/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/io/virtual_loop.h"

enum {
    PASSES = 48,
    REPORTS = 128 * 1024,
    OPEN_MS = 300,
    FATAL_MS = 1000,
    WINDOW_MS = 500,
    FAILURES_MIN = 3,
};

/* --- the model ------------------------------------------------------------------------------ */

enum place { NOWHERE, WAITS, INSIDE, TURNED_AWAY, CANCELLED };

struct model_pass {
    struct gate_rank rank;
    enum place place;
    unsigned long arrival;
};

static struct {
    size_t places;
    struct model_pass passes[PASSES];
    unsigned long arrivals;
    enum gate_state state;
    int probe; /* index; -1: none */
    uint64_t reopen_ms, held_until_ms;
    struct {
        uint64_t at_ms;
        bool failure;
    } reports[REPORTS]; /* all since it closed last */
    size_t report_count;
} model;

static size_t model_count(enum place place, const void *request)
{
    size_t count = 0;
    for (size_t i = 0; i < PASSES; i++) {
        count +=
            model.passes[i].place == place && (!request || model.passes[i].rank.request == request);
    }
    return count;
}

static bool model_may_have_another(const void *request)
{
    if (!request)
        return true;
    const bool others_wait = model_count(WAITS, NULL) > model_count(WAITS, request);
    const size_t share = model.places > 2 ? model.places - 1 : 1;
    return !others_wait || model_count(INSIDE, request) < share;
}

static bool model_before(const struct model_pass *a, const struct model_pass *b)
{
    if (a->rank.age_ns != b->rank.age_ns)
        return a->rank.age_ns < b->rank.age_ns;
    if (a->rank.order != b->rank.order)
        return a->rank.order < b->rank.order;
    return a->arrival < b->arrival;
}

static void model_settle(void)
{
    while (model.held_until_ms <= virtual_now_ms && model_count(INSIDE, NULL) < model.places) {
        struct model_pass *best = NULL;
        for (size_t i = 0; i < PASSES; i++) {
            struct model_pass *pass = &model.passes[i];
            if (pass->place == WAITS && model_may_have_another(pass->rank.request) &&
                (!best || model_before(pass, best)))
                best = pass;
        }
        if (!best)
            return;
        best->place = INSIDE;
    }
}

static void model_look_at_the_clock(void)
{
    if (model.state == GATE_OPEN && virtual_now_ms >= model.reopen_ms)
        model.state = GATE_HALF_OPEN;
}

static void model_enter(int at, struct gate_rank rank)
{
    model.passes[at] = (struct model_pass){rank, WAITS, model.arrivals++};
    if (model.state == GATE_OPEN || (model.state == GATE_HALF_OPEN && model.probe >= 0))
        model.passes[at].place = TURNED_AWAY;
    else if (model.state == GATE_HALF_OPEN)
        model.probe = at;
    model_settle();
}

static void model_open(uint64_t ms)
{
    const uint64_t until = virtual_now_ms + ms;
    if (model.state != GATE_OPEN || until > model.reopen_ms)
        model.reopen_ms = until;
    model.state = GATE_OPEN;
    model.probe = -1;
    for (size_t i = 0; i < PASSES; i++) {
        if (model.passes[i].place == WAITS)
            model.passes[i].place = TURNED_AWAY;
    }
}

static void model_report(int at, enum gate_result result)
{
    if (result == GATE_FATAL) {
        model_open(FATAL_MS);
    } else if (result == GATE_NEUTRAL) {
        return;
    } else if (model.state == GATE_CLOSED) {
        model.reports[model.report_count].at_ms = virtual_now_ms;
        model.reports[model.report_count++].failure = result == GATE_FAILURE;
        size_t failures = 0, all = 0;
        for (size_t i = model.report_count; i-- > 0 && model.report_count - i <= 64;) {
            const bool recent = model.reports[i].at_ms + WINDOW_MS > virtual_now_ms;
            all += recent;
            failures += recent && model.reports[i].failure;
        }
        if (result == GATE_FAILURE && failures >= FAILURES_MIN && 2 * failures >= all)
            model_open(OPEN_MS);
    } else if (model.probe == at && result == GATE_FAILURE) {
        model_open(OPEN_MS);
    } else if (model.probe == at) {
        model.state = GATE_CLOSED;
        model.probe = -1;
        model.report_count = 0;
    }
}

static void model_go(int at, enum place to)
{
    model.passes[at].place = to;
    if (model.probe == at)
        model.probe = -1;
    model_settle();
}

/* --- the world ------------------------------------------------------------------------------ */

static struct {
    struct loop loop;
    struct gate gate;
    struct gate_pass passes[PASSES];
    size_t finishes[PASSES];
    size_t opened, closed, probed, turned_away, moved, probes_moved;
} world;

static struct gate_settings settings(size_t places)
{
    return (struct gate_settings){
        .places = places,
        .failures_min = FAILURES_MIN,
        .failure_share = 0.5,
        .window_ms = WINDOW_MS,
        .open_ms = OPEN_MS,
        .fatal_ms = FATAL_MS,
    };
}

static void begin(const struct gate_settings *gate_settings)
{
    memset(&world, 0, sizeof(world));
    memset(model.passes, 0, sizeof(model.passes));
    model.places = gate_settings->places;
    model.arrivals = 0;
    model.state = GATE_CLOSED;
    model.probe = -1;
    model.reopen_ms = model.held_until_ms = 0;
    model.report_count = 0;
    world.loop = virtual_loop();
    gate_init(&world.gate, &world.loop, "openai", gate_settings);
}

static void on_finish(struct op *op, void *context)
{
    (void)op;
    ++*(size_t *)context;
}

static void start(int at, struct gate_rank rank)
{
    assert_false(world.passes[at].inside);
    world.finishes[at] = 0;
    gate_enter(&world.passes[at], root(&world.loop, on_finish, &world.finishes[at]), &world.gate,
               &rank);
    assert_int_equal(world.finishes[at], 0);
}

static void check_pass(size_t at)
{
    const struct gate_pass *pass = &world.passes[at];
    const enum place place = model.passes[at].place;
    if (place == NOWHERE)
        return;
    assert_int_equal(pass->inside, place == INSIDE);
    assert_int_equal(pass->place > 0, place == WAITS);
    assert_int_equal(world.finishes[at], place == WAITS ? 0 : 1);
    if (place == INSIDE)
        assert_int_equal(op_error(&pass->op)->code, OK);
    if (place == CANCELLED)
        assert_int_equal(op_error(&pass->op)->code, ERR_CANCELLED);
    if (place == TURNED_AWAY)
        assert_int_equal(op_error(&pass->op)->code, ERR_BREAKER_OPEN);
}

static void check(void)
{
    virtual_loop_settle(&world.loop);
    model_look_at_the_clock();
    assert_int_equal(gate_state_now(&world.gate), model.state);
    assert_int_equal(world.gate.taken, model_count(INSIDE, NULL));
    assert_int_equal(world.gate.waiting, model_count(WAITS, NULL));
    assert_true(world.gate.taken <= model.places);
    for (size_t i = 0; i < PASSES; i++) {
        check_pass(i);
        world.turned_away += model.passes[i].place == TURNED_AWAY;
        if (model.passes[i].place == TURNED_AWAY || model.passes[i].place == CANCELLED) {
            gate_leave(&world.passes[i]); /* must not matter */
            model.passes[i].place = NOWHERE;
        }
    }
    assert_true(gate_retry_after(&world.gate) >= 1);
    const bool held = model.held_until_ms > virtual_now_ms;
    assert_int_equal(virtual_timer_count, held && world.gate.waiting > 0);
}

static int find(enum place place, size_t skip)
{
    for (int i = 0; i < PASSES; i++) {
        if (model.passes[i].place == place && skip-- == 0)
            return i;
    }
    return -1;
}

static void act_enter(struct gate_rank rank)
{
    const int at = find(NOWHERE, 0);
    if (at < 0)
        return;
    start(at, rank);
    model_enter(at, rank);
    check();
    world.probed += model.probe == at;
}

/* Someone inside says what came of its call, and goes. */
static void act_leave(size_t skip, enum gate_result result)
{
    const int at = find(INSIDE, skip);
    if (at < 0)
        return;
    const enum gate_state was = model.state;
    gate_report(&world.passes[at], result);
    model_report(at, result);
    check();
    world.opened += was != GATE_OPEN && model.state == GATE_OPEN;
    world.closed += was == GATE_HALF_OPEN && model.state == GATE_CLOSED;
    gate_leave(&world.passes[at]);
    gate_leave(&world.passes[at]); /* twice is once */
    model_go(at, NOWHERE);
    check();
}

/* Someone inside hands its place on. */
static void act_move(size_t skip)
{
    const int from = find(INSIDE, skip), to = find(NOWHERE, 0);
    if (from < 0 || to < 0)
        return;
    memset(&world.passes[to], 0, sizeof(world.passes[to]));
    gate_move(&world.passes[from], &world.passes[to]);
    gate_leave(&world.passes[from]); /* it has nothing left to give */
    assert_int_equal(world.passes[to].entered_ms, world.passes[from].entered_ms);
    world.finishes[to] = 1;
    model.passes[to] = model.passes[from];
    model.passes[to].rank.request = NULL;
    model.passes[from].place = NOWHERE;
    if (model.probe == from)
        model.probe = to;
    check();
    world.moved++;
    world.probes_moved += model.probe == to;
}

static void act_cancel(size_t skip)
{
    const int at = find(WAITS, skip);
    if (at < 0)
        return;
    op_cancel(&world.passes[at].op);
    model_go(at, CANCELLED);
    check();
}

/* Cancelled before it could ask: it was never there. */
static void act_enter_and_cancel(struct gate_rank rank)
{
    const int at = find(NOWHERE, 0);
    if (at < 0)
        return;
    start(at, rank);
    op_cancel(&world.passes[at].op);
    check();
    assert_int_equal(op_error(&world.passes[at].op)->code, ERR_CANCELLED);
}

/* The place is given, the op has not finished yet, and is cancelled: it is inside all the same,
 * until its owner leaves. */
static void act_cancel_when_let_in(struct gate_rank rank)
{
    const int at = find(NOWHERE, 0);
    if (at < 0)
        return;
    const int leaver = find(INSIDE, 0);
    if (leaver < 0 || model.state != GATE_CLOSED || model_count(WAITS, NULL) > 0)
        return;
    start(at, rank);
    model_enter(at, rank);
    virtual_loop_settle(&world.loop);
    if (model.passes[at].place != WAITS)
        return;
    gate_leave(&world.passes[leaver]);
    model_go(leaver, NOWHERE);
    op_cancel(&world.passes[at].op);
    virtual_loop_settle(&world.loop);
    if (model.passes[at].place == INSIDE) {
        assert_true(world.passes[at].inside);
        assert_int_equal(op_error(&world.passes[at].op)->code, ERR_CANCELLED);
        gate_leave(&world.passes[at]);
        model_go(at, NOWHERE);
    } else {
        model_go(at, CANCELLED);
    }
    check();
}

static void act_hold_off(uint64_t ms)
{
    gate_hold_off(&world.gate, ms);
    if (virtual_now_ms + ms > model.held_until_ms)
        model.held_until_ms = virtual_now_ms + ms;
    check();
}

static void act_advance(uint64_t ms)
{
    virtual_loop_advance(&world.loop, ms);
    model_look_at_the_clock();
    model_settle();
    check();
}

/* All go; nobody may be forgotten. */
static void end(void)
{
    act_advance(GATE_HOLD_OFF_MS_MAX);
    while (model_count(INSIDE, NULL) > 0)
        act_leave(0, GATE_NEUTRAL);
    assert_int_equal(world.gate.waiting, 0);
    assert_int_equal(virtual_timer_count, 0);
    gate_clear(&world.gate);
}

/* --- sequences ------------------------------------------------------------------------------ */

static const char requests[8]; /* their addresses are the requests */

static struct gate_rank rank(size_t request, unsigned order)
{
    return (struct gate_rank){&requests[request], 100 + request, order};
}

enum { ACTIONS = 13, LENGTH = 3 };

static void act(size_t action)
{
    switch (action) {
    case 0:
        act_enter(rank(0, 0));
        break;
    case 1:
        act_enter(rank(0, 1));
        break;
    case 2:
        act_enter(rank(1, 0));
        break;
    case 3:
        act_leave(0, GATE_SUCCESS);
        break;
    case 4:
        act_leave(0, GATE_FAILURE);
        break;
    case 5:
        act_leave(1, GATE_NEUTRAL);
        break;
    case 6:
        act_leave(0, GATE_FATAL);
        break;
    case 7:
        act_cancel(0);
        break;
    case 8:
        act_cancel(1);
        break;
    case 9:
        act_cancel_when_let_in(rank(1, 1));
        break;
    case 10:
        act_advance(OPEN_MS / 2);
        break;
    case 11:
        act_move(0);
        break;
    default:
        act_hold_off(OPEN_MS);
        break;
    }
}

/* What has happened before the actions: nothing; all places taken by one request; a failure short
 * of opening with both waiting; half-open. */
static void prepare(size_t past, size_t places)
{
    if (past == 0)
        return;
    for (size_t i = 0; i < places; i++)
        act_enter(rank(0, 0));
    if (past == 1)
        return;
    for (size_t i = 0; i < FAILURES_MIN - (past == 2); i++) {
        act_leave(0, GATE_FAILURE);
        act_enter(rank(0, 1));
    }
    if (past == 2) {
        act_enter(rank(0, 1));
        act_enter(rank(1, 0));
    } else {
        act_advance(OPEN_MS);
    }
}

static void test_every_short_sequence(void **state)
{
    (void)state;
    size_t sequences = 1;
    for (size_t i = 0; i < LENGTH; i++)
        sequences *= ACTIONS;
    for (size_t run = 0; run < 3 * 4 * sequences; run++) {
        const size_t places = 1 + run / sequences / 4;
        const struct gate_settings gate_settings = settings(places);
        begin(&gate_settings);
        prepare(run / sequences % 4, places);
        size_t rest = run % sequences;
        for (size_t i = 0; i < LENGTH; i++, rest /= ACTIONS)
            act(rest % ACTIONS);
        end();
    }
}

static void test_random_walk(void **state)
{
    (void)state;
    srandom(7);
    const struct gate_settings gate_settings = settings(4);
    begin(&gate_settings);
    for (size_t step = 0; step < 100 * 1000; step++) {
        const struct gate_rank who = rank((size_t)random() % 8, (unsigned)random() % 3);
        const size_t any = (size_t)random() % PASSES;
        switch (random() % 17) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
            act_enter(random() % 8 ? who : (struct gate_rank){NULL, who.age_ns, who.order});
            break;
        case 5:
        case 6:
        case 7:
        case 8:
            act_leave(any % 4, random() % 6 ? GATE_SUCCESS : GATE_FAILURE);
            break;
        case 9:
            act_leave(any % 4, GATE_FAILURE);
            break;
        case 10:
            act_leave(any % 4, random() % 100 ? GATE_NEUTRAL : GATE_FATAL);
            break;
        case 11:
            act_cancel(any % 8);
            break;
        case 12:
            act_enter_and_cancel(who);
            break;
        case 13:
            act_cancel_when_let_in(who);
            break;
        case 14:
            act_advance((uint64_t)random() % 100);
            break;
        case 15:
            act_move(any % 4);
            break;
        default:
            if (random() % 50 == 0)
                act_hold_off((uint64_t)random() % 200);
            break;
        }
    }
    /* It was no walk in a corner. */
    assert_true(world.opened > 100);
    assert_true(world.closed > 50);
    assert_true(world.probed > world.closed);
    assert_true(world.turned_away > 1000);
    assert_true(world.moved > 1000);
    assert_true(world.probes_moved > 10);
    end();
}

/* --- by hand -------------------------------------------------------------------------------- */

static void test_ten_thousand_wait_in_order(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    static struct gate_pass passes[MANY];
    static size_t finishes[MANY];
    memset(passes, 0, sizeof(passes));
    memset(finishes, 0, sizeof(finishes));
    const struct gate_settings gate_settings = settings(1);
    begin(&gate_settings);
    srandom(3);
    struct gate_pass first = {0};
    size_t first_finished = 0;
    gate_enter(&first, root(&world.loop, on_finish, &first_finished), &world.gate,
               &(struct gate_rank){NULL, 0, 0});
    for (size_t i = 0; i < MANY; i++) {
        const struct gate_rank who = {NULL, (uint64_t)random() % 2000, (unsigned)random() % 3};
        gate_enter(&passes[i], root(&world.loop, on_finish, &finishes[i]), &world.gate, &who);
    }
    virtual_loop_settle(&world.loop);
    assert_int_equal(world.gate.waiting, MANY);
    for (size_t i = 0; i < MANY; i += 2)
        op_cancel(&passes[i].op);
    virtual_loop_settle(&world.loop);
    assert_int_equal(world.gate.waiting, MANY / 2);

    struct gate_pass *last = &first;
    for (size_t i = 0; i < MANY / 2; i++) {
        gate_leave(last);
        virtual_loop_settle(&world.loop);
        struct gate_pass *pass = world.gate.inside;
        assert_ptr_not_equal(pass, last);
        const struct gate_rank *a = &last->rank, *b = &pass->rank;
        assert_true(
            a->age_ns < b->age_ns || (a->age_ns == b->age_ns && a->order < b->order) ||
            (a->age_ns == b->age_ns && a->order == b->order && last->arrival < pass->arrival));
        last = pass;
    }
    gate_leave(last);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(finishes[i], 1);
    gate_clear(&world.gate);
}

static void test_words_of_a_refusal(void **state)
{
    (void)state;
    const struct gate_settings gate_settings = settings(1);
    begin(&gate_settings);
    for (size_t i = 0; i < FAILURES_MIN; i++) {
        assert_string_equal(gate_state_name(&world.gate), "closed");
        act_enter(rank(0, 0));
        act_leave(0, GATE_FAILURE);
    }
    assert_string_equal(gate_state_name(&world.gate), "open");
    start(0, rank(0, 0));
    virtual_loop_settle(&world.loop);
    assert_string_equal(op_error(&world.passes[0].op)->detail,
                        "openai has failed too often and is given a rest");
    act_advance(OPEN_MS - 1);
    assert_string_equal(gate_state_name(&world.gate), "open");
    act_advance(1);
    assert_string_equal(gate_state_name(&world.gate), "half_open");
    act_enter(rank(0, 0));
    act_leave(0, GATE_FATAL);
    start(0, rank(0, 0));
    virtual_loop_settle(&world.loop);
    assert_string_equal(
        op_error(&world.passes[0].op)->detail,
        "openai refuses our key or has no credit left for it, and is not asked again for a while");
    end();
}

static void test_without_a_breaker(void **state)
{
    (void)state;
    struct gate_settings gate_settings = settings(1);
    gate_settings.failures_min = 0;
    begin(&gate_settings);
    for (size_t i = 0; i < 100; i++) {
        start(0, rank(0, 0));
        virtual_loop_settle(&world.loop);
        assert_true(world.passes[0].inside);
        gate_report(&world.passes[0], i % 2 ? GATE_FAILURE : GATE_FATAL);
        gate_leave(&world.passes[0]);
    }
    assert_string_equal(gate_state_name(&world.gate), "closed");
    end();
}

static void test_share_of_successes(void **state)
{
    (void)state;
    const struct gate_settings gate_settings = settings(1);
    begin(&gate_settings);
    for (size_t i = 0; i < 4; i++) {
        act_enter(rank(0, 0));
        act_leave(0, GATE_SUCCESS);
    }
    for (size_t i = 0; i < 4; i++) { /* 3 of 7 are not half, 4 of 8 are */
        assert_int_equal(world.gate.state, GATE_CLOSED);
        act_enter(rank(0, 0));
        act_leave(0, GATE_FAILURE);
    }
    assert_int_equal(world.gate.state, GATE_OPEN);
    end();
}

/* A call from before it opened still hangs, and has the only place: the probe waits for it, and its
 * late success says nothing. */
static void test_probe_waits_for_a_straggler(void **state)
{
    (void)state;
    const struct gate_settings gate_settings = settings(1);
    begin(&gate_settings);
    act_enter(rank(0, 0));
    const int straggler = find(INSIDE, 0);
    gate_report(&world.passes[straggler], GATE_FATAL);
    model_report(straggler, GATE_FATAL);
    act_advance(FATAL_MS);
    assert_string_equal(gate_state_name(&world.gate), "half_open");
    act_enter(rank(1, 0));
    assert_int_equal(world.gate.waiting, 1);
    const size_t before = world.turned_away;
    act_enter(rank(2, 0));
    assert_int_equal(world.turned_away, before + 1);
    act_leave(0, GATE_SUCCESS);
    assert_string_equal(gate_state_name(&world.gate), "half_open");
    assert_int_equal(world.gate.taken, 1);
    act_leave(0, GATE_SUCCESS); /* the probe's */
    assert_string_equal(gate_state_name(&world.gate), "closed");
    end();
}

/* A wrong key is given a shorter rest than failures here: it does not shorten theirs. */
static void test_fatal_does_not_shorten(void **state)
{
    (void)state;
    struct gate_settings gate_settings = settings(FAILURES_MIN + 1);
    gate_settings.fatal_ms = OPEN_MS / 2;
    begin(&gate_settings);
    for (unsigned i = 0; i <= FAILURES_MIN; i++)
        start((int)i, rank(i, 0));
    virtual_loop_settle(&world.loop);
    for (unsigned i = 0; i <= FAILURES_MIN; i++) {
        gate_report(&world.passes[i], i < FAILURES_MIN ? GATE_FAILURE : GATE_FATAL);
        gate_leave(&world.passes[i]);
    }
    virtual_loop_advance(&world.loop, OPEN_MS - 1);
    assert_string_equal(gate_state_name(&world.gate), "open");
    virtual_loop_advance(&world.loop, 1);
    assert_string_equal(gate_state_name(&world.gate), "half_open");
    gate_clear(&world.gate);
}

static void test_cancelled_probes(void **state)
{
    (void)state;
    const struct gate_settings gate_settings = settings(1);
    begin(&gate_settings);
    act_enter(rank(0, 0));
    act_leave(0, GATE_FATAL);
    act_advance(FATAL_MS);
    act_hold_off(100);
    act_enter(rank(0, 0)); /* waits */
    act_cancel(0);
    assert_string_equal(gate_state_name(&world.gate), "half_open");
    act_enter(rank(1, 0)); /* is the probe now */
    act_advance(100);
    assert_int_equal(world.gate.taken, 1);
    act_leave(0, GATE_NEUTRAL); /* without a verdict */
    assert_string_equal(gate_state_name(&world.gate), "half_open");
    act_enter(rank(2, 0));
    assert_int_equal(world.gate.taken, 1);
    act_leave(0, GATE_FAILURE);
    assert_string_equal(gate_state_name(&world.gate), "open");
    end();
}

/* Its verdict counts when it is said, though the probe stays inside for more calls. */
static void test_probe_stays_inside(void **state)
{
    (void)state;
    for (size_t success = 0; success < 2; success++) {
        const struct gate_settings gate_settings = settings(2);
        begin(&gate_settings);
        act_enter(rank(0, 0));
        act_leave(0, GATE_FATAL);
        act_advance(FATAL_MS);
        act_enter(rank(0, 0));
        const int probe = find(INSIDE, 0);
        const enum gate_result result = success ? GATE_SUCCESS : GATE_FAILURE;
        gate_report(&world.passes[probe], result);
        model_report(probe, result);
        check();
        if (!success)
            act_advance(OPEN_MS);
        act_enter(rank(1, 0));
        assert_int_equal(world.gate.taken, 2);
        end();
    }
}

static void test_share_of_one_request(void **state)
{
    (void)state;
    const struct gate_settings gate_settings = settings(3);
    begin(&gate_settings);
    for (unsigned i = 0; i < 5; i++)
        act_enter(rank(0, i));
    assert_int_equal(model_count(INSIDE, &requests[0]), 3); /* nobody else wants them */
    act_enter(rank(1, 0));
    act_leave(0, GATE_SUCCESS);
    assert_int_equal(model_count(INSIDE, &requests[1]), 1); /* though the other is older */
    act_enter(rank(2, 0));
    act_leave(0, GATE_SUCCESS);
    assert_int_equal(world.gate.taken, 3);
    assert_int_equal(model_count(INSIDE, &requests[0]), 2);
    end();
}

static void test_hold_off(void **state)
{
    (void)state;
    const struct gate_settings gate_settings = settings(2);
    begin(&gate_settings);
    act_hold_off(500);
    act_hold_off(100); /* does not shorten it */
    act_enter(rank(0, 0));
    assert_int_equal(gate_retry_after(&world.gate), 1);
    act_advance(499);
    assert_int_equal(world.gate.taken, 0);
    act_advance(1);
    assert_int_equal(world.gate.taken, 1);

    gate_hold_off(&world.gate, UINT64_MAX);
    assert_int_equal(gate_retry_after(&world.gate), GATE_HOLD_OFF_MS_MAX / 1000);
    model.held_until_ms = virtual_now_ms + GATE_HOLD_OFF_MS_MAX;
    end();
}

static void test_retry_after(void **state)
{
    (void)state;
    const struct gate_settings gate_settings = settings(2);
    begin(&gate_settings);
    assert_int_equal(gate_retry_after(&world.gate), 1);
    for (size_t i = 0; i < 200; i++) { /* the mean comes near 3 s */
        act_enter(rank(0, 0));
        act_advance(3000);
        act_leave(0, GATE_SUCCESS);
    }
    assert_int_equal(gate_retry_after(&world.gate), 1);
    for (size_t i = 0; i < 6; i++)
        act_enter(rank(i, 0));
    assert_int_equal(gate_retry_after(&world.gate), 6 * 3 / 2);
    act_leave(0, GATE_FATAL);
    assert_int_equal(gate_retry_after(&world.gate), 2); /* one still inside: 3 s / 2 places */
    act_advance(FATAL_MS);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_short_sequence),
        cmocka_unit_test(test_random_walk),
        cmocka_unit_test(test_ten_thousand_wait_in_order),
        cmocka_unit_test(test_words_of_a_refusal),
        cmocka_unit_test(test_without_a_breaker),
        cmocka_unit_test(test_share_of_successes),
        cmocka_unit_test(test_probe_waits_for_a_straggler),
        cmocka_unit_test(test_fatal_does_not_shorten),
        cmocka_unit_test(test_cancelled_probes),
        cmocka_unit_test(test_probe_stays_inside),
        cmocka_unit_test(test_share_of_one_request),
        cmocka_unit_test(test_hold_off),
        cmocka_unit_test(test_retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
