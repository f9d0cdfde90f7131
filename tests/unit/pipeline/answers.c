/*
 * answers.h with a service that is none: who wants the same leaves in any round of the loop, in any
 * order, or asks for it afresh. There is never a call that nobody wants, nobody is left without an
 * answer, and nothing is paid for twice. SHARED_ROUNDS sets how often (2,000).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/answers.h"

enum {
    WANTERS = 5,
    STEPS_MAX = 6, /* rounds of the loop that a call takes */
    WAITING_MAX = 16,
    ROUNDS = 2000,
    FAR_MS = 600 * 1000,
};

static const double CALL_USD = 0.5;

static struct {
    struct loop loop;
    struct services services;
    struct answers answers;
    struct answer wanters[WANTERS];
    bool started[WANTERS], ended[WANTERS];
    uint64_t leave_round[WANTERS], come_round[WANTERS];
    uint64_t round;
    struct op *waiting[WAITING_MAX];
    size_t waiting_count;
    unsigned calls, at_work, finished; /* of the paid service */
    struct gate_rank rank;             /* that a call was told of last */
    uint64_t deadline_ms;
    unsigned changes; /* of terms */
    bool fails, incomplete;
} world;

/* --- a paid service ----------------------------------------------------------------------------
 */

struct slow_call {
    struct op op;
    unsigned left;
};

struct slow_shared {
    struct shared_call call;
    struct slow_call slow;
    bool was_begun;
    char letter;
};

static struct slow_shared *shared_of(struct shared_call *call)
{
    return container_of(call, struct slow_shared, call);
}

/* Waits for a round of the loop, as a network would. */
static enum flow work_on(struct op *op)
{
    struct slow_call *slow = op_cast(op, slow_call);
    if (slow->left == 0)
        return world.fails ? op_fail(op, ERR_UPSTREAM, "the service said no") : FLOW_DONE;
    slow->left--;
    assert_true(world.waiting_count < WAITING_MAX);
    world.waiting[world.waiting_count++] = op;
    op_hold(op);
    return FLOW_AGAIN;
}

/* The network is done with a round. */
static void let_go_on(void)
{
    const size_t count = world.waiting_count;
    world.waiting_count = 0;
    for (size_t i = 0; i < count; i++)
        op_release(world.waiting[i]);
}

static void slow_cancel(struct op *op)
{
    (void)op; /* let_go_on releases it */
}

static void slow_end(struct op *op)
{
    (void)op;
    world.at_work--;
}

static const struct step slow_steps[] = {{"work", work_on}, {0}};
static const struct op_kind slow_op_kind = {"slow", slow_steps, slow_cancel, slow_end};

static void slow_prepare(struct shared_call *call, const void *question)
{
    shared_of(call)->letter = *(const char *)question;
}

static void slow_begin(struct shared_call *call)
{
    struct slow_shared *shared = shared_of(call);
    assert_non_null(call->wanted_by);
    shared->was_begun = true;
    shared->slow.left = 1 + (unsigned)rand() % STEPS_MAX;
    world.calls++;
    world.at_work++;
    op_start(&shared->slow.op, &slow_op_kind, try(&call->op));
}

static void slow_change_terms(struct shared_call *call)
{
    world.changes++;
    world.rank = call->rank;
    world.deadline_ms = call->deadline_ms;
}

static struct cached *slow_take(struct shared_call *call, bool *keep, const struct error **error)
{
    struct slow_shared *shared = shared_of(call);
    *error = op_error(&shared->slow.op);
    if ((*error)->code != OK)
        return NULL;
    world.finished++;
    *keep = !world.incomplete;
    struct cached *value = cached_new(1);
    value->data[0] = (unsigned char)shared->letter;
    return value;
}

static void slow_call_end(struct shared_call *call)
{
    if (shared_of(call)->was_begun)
        bill_add_usage(&call->bill, &(struct token_usage){.prompt = 10, .completion = 1}, CALL_USD);
}

static bool slow_is_usable(const struct answers *answers, const struct cached *value)
{
    (void)answers;
    return value->data[0] != 'x'; /* of which the file is gone */
}

static const struct shared_call_kind slow_kind = {
    .name = "slow",
    .bytes = sizeof(struct slow_shared),
    .prepare = slow_prepare,
    .begin = slow_begin,
    .change_terms = slow_change_terms,
    .take = slow_take,
    .end = slow_call_end,
    .is_usable = slow_is_usable,
};

/* --- those who want it -------------------------------------------------------------------------
 */

static void on_finish(struct op *op, void *context)
{
    struct answer *answer = op_cast(op, answer);
    const size_t i = (size_t)(answer - world.wanters);
    (void)context;
    assert_false(world.ended[i]);
    world.ended[i] = true;
    if (op_error(op)->code == OK)
        assert_non_null(answer->value);
    else
        assert_null(answer->value);
}

static void come(size_t i, char letter, bool fresh)
{
    static char letters[256];
    static unsigned char key[CACHE_KEY_BYTES];
    letters[(unsigned char)letter] = letter;
    key[0] = (unsigned char)letter;
    world.started[i] = true;
    world.ended[i] = false;
    answer_start(&world.wanters[i], root(&world.loop, on_finish, NULL), &world.answers,
                 &(struct answer_wish){
                     .kind = &slow_kind,
                     .question = &letters[(unsigned char)letter],
                     .key = key,
                     .rank = {.request = &world.wanters[i], .age_ns = 100 - i},
                     .deadline_ms = loop_now_ms(&world.loop) + FAR_MS + i,
                     .fresh = fresh,
                 });
}

static void turn(void)
{
    uv_run(&world.loop.uv, UV_RUN_NOWAIT);
    let_go_on();
}

static void run_until_over(void)
{
    bool open = true;
    while (open || world.answers.under_way > 0) {
        turn();
        open = false;
        for (size_t i = 0; i < WANTERS; i++)
            open = open || (world.started[i] && !world.ended[i]);
    }
}

static void forget(void)
{
    for (size_t i = 0; i < WANTERS; i++)
        if (world.started[i])
            answer_clear(&world.wanters[i]);
    memset(world.started, 0, sizeof(world.started));
}

static void begin(size_t bytes_max)
{
    memset(&world, 0, sizeof(world));
    assert_int_equal(loop_init(&world.loop), OK);
    spending_init(&world.services.spending, 0);
    answers_init(&world.answers, &world.loop, &world.services, bytes_max);
}

static void end(void)
{
    forget();
    assert_int_equal(world.at_work, 0);
    assert_int_equal(world.answers.under_way, 0);
    answers_clear(&world.answers);
    loop_clear(&world.loop);
}

static double charged_usd(void)
{
    double sum = 0;
    for (size_t i = 0; i < WANTERS; i++)
        if (world.started[i])
            sum += world.wanters[i].bill.cost_usd;
    return sum;
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void test_one_call_for_all(void **state)
{
    (void)state;
    begin(1 << 20);
    for (size_t i = 0; i < WANTERS; i++)
        come(i, 'a', false);
    run_until_over();
    assert_int_equal(world.calls, 1);
    for (size_t i = 0; i < WANTERS; i++) {
        assert_int_equal(world.wanters[i].value->data[0], 'a');
        assert_int_equal(world.wanters[i].origin, i == 0 ? ANSWER_MADE : ANSWER_SHARED);
        assert_int_equal(world.wanters[i].bill.calls, i == 0 ? 1 : 0);
    }
    forget();
    come(0, 'a', false);
    run_until_over();
    assert_int_equal(world.calls, 1);
    assert_int_equal(world.wanters[0].origin, ANSWER_KEPT);
    end();
}

static void test_fresh_ones_share_nothing_but_are_kept(void **state)
{
    (void)state;
    begin(1 << 20);
    come(0, 'a', false);
    come(1, 'a', true);
    come(2, 'a', true);
    run_until_over();
    assert_int_equal(world.calls, 3);
    assert_true(fabs(charged_usd() - 3 * CALL_USD) < 1e-9);
    forget();
    come(3, 'b', true);
    run_until_over();
    come(4, 'b', false);
    run_until_over();
    assert_int_equal(world.calls, 4);
    assert_int_equal(world.wanters[4].origin, ANSWER_KEPT);
    end();
}

static void test_what_is_less_than_it_should_be_is_not_kept(void **state)
{
    (void)state;
    begin(1 << 20);
    world.incomplete = true;
    come(0, 'a', false);
    come(1, 'a', false);
    run_until_over();
    assert_int_equal(world.wanters[1].value->data[0], 'a');
    forget();
    world.incomplete = false;
    world.fails = true;
    come(0, 'a', false);
    come(1, 'a', false);
    run_until_over();
    assert_int_equal(op_error(&world.wanters[0].op)->code, ERR_UPSTREAM);
    assert_int_equal(op_error(&world.wanters[1].op)->code, ERR_UPSTREAM);
    assert_int_equal(world.calls, 2);
    assert_int_equal(world.answers.cache.count, 0);
    world.fails = false;
    forget();
    come(0, 'x', false); /* kept, but its file goes */
    run_until_over();
    forget();
    come(0, 'x', false);
    run_until_over();
    assert_int_equal(world.wanters[0].origin, ANSWER_MADE);
    end();
}

/* The last of them is the oldest and has the most time. */
static void test_a_call_has_the_terms_of_those_who_want_it(void **state)
{
    (void)state;
    begin(0);
    come(0, 'a', false);
    while (world.calls == 0)
        turn();
    come(1, 'a', false);
    while (world.changes == 0)
        turn();
    assert_ptr_equal(world.rank.request, &world.wanters[1]);
    assert_int_equal(world.deadline_ms, world.wanters[1].wish.deadline_ms);
    op_cancel(&world.wanters[1].op);
    while (world.changes == 1)
        turn();
    assert_ptr_equal(world.rank.request, &world.wanters[0]);
    run_until_over();
    assert_int_equal(op_error(&world.wanters[0].op)->code, OK);
    assert_true(world.wanters[0].bill.cost_usd == CALL_USD);
    end();
}

static void test_who_began_it_leaves_and_another_pays(void **state)
{
    (void)state;
    begin(0);
    come(0, 'a', false);
    come(1, 'a', false);
    while (world.calls == 0)
        turn();
    op_cancel(&world.wanters[0].op);
    run_until_over();
    assert_int_equal(op_error(&world.wanters[0].op)->code, ERR_CANCELLED);
    assert_true(world.wanters[0].bill.cost_usd == 0);
    assert_true(world.wanters[1].bill.cost_usd == CALL_USD);
    assert_true(world.answers.unanswered.cost_usd == 0);
    end();
}

static void one_round(void)
{
    const size_t bytes_max = rand() % 2 ? 1 << 20 : 0;
    begin(bytes_max);
    world.fails = rand() % 8 == 0;
    for (size_t i = 0; i < WANTERS; i++) {
        world.come_round[i] = (uint64_t)rand() % 6;
        world.leave_round[i] = (uint64_t)rand() % 12;
    }
    for (world.round = 0; world.round < 12; world.round++) {
        for (size_t i = 0; i < WANTERS; i++) {
            if (world.round == world.come_round[i])
                come(i, rand() % 4 == 0 ? 'b' : 'a', rand() % 8 == 0);
            else if (world.started[i] && world.round == world.leave_round[i])
                op_cancel(&world.wanters[i].op);
        }
        turn();
        size_t open = 0;
        for (size_t i = 0; i < WANTERS; i++)
            open += world.started[i] && !world.ended[i];
        if (open == 0) { /* a call may still be hearing of it */
            run_until_over();
            assert_int_equal(world.at_work, 0);
        }
    }
    run_until_over();
    for (size_t i = 0; i < WANTERS; i++) {
        const enum err err = op_error(&world.wanters[i].op)->code;
        assert_true(err == OK || err == ERR_CANCELLED || (world.fails && err == ERR_UPSTREAM));
        if (world.leave_round[i] <= world.come_round[i])
            assert_int_not_equal(err, ERR_CANCELLED);
    }
    const double all = charged_usd() + world.answers.unanswered.cost_usd;
    assert_true(fabs(all - CALL_USD * world.calls) < 1e-9);
    assert_true(fabs(world.services.spending.spent_usd - world.answers.unanswered.cost_usd) < 1e-9);
    end();
}

static void test_any_of_them_leave_at_any_time(void **state)
{
    (void)state;
    const char *wanted = getenv("SHARED_ROUNDS");
    const long rounds = wanted ? atol(wanted) : ROUNDS;
    srand(20261124);
    for (long i = 0; i < rounds; i++)
        one_round();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_call_for_all),
        cmocka_unit_test(test_fresh_ones_share_nothing_but_are_kept),
        cmocka_unit_test(test_what_is_less_than_it_should_be_is_not_kept),
        cmocka_unit_test(test_a_call_has_the_terms_of_those_who_want_it),
        cmocka_unit_test(test_who_began_it_leaves_and_another_pays),
        cmocka_unit_test(test_any_of_them_leave_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
