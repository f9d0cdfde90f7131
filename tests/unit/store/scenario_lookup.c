/* scenario_lookup.h: what is kept and for how long, who shares a read, and what happens to those
 * who leave. The reads are the test's own: they end when it says so. */
#include "store/scenario_lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "unit/io/virtual_loop.h"

enum { READS = 64, LOOKUPS = 16, TTL_MS = 5000, TEXT_BYTES = 1000, CACHE_BYTES = 8 * TEXT_BYTES };

static struct {
    struct loop loop;
    struct scenario_cache cache;
    struct scenario_read *reads[READS]; /* that have begun, NULL once they have ended */
    size_t read_count;
    bool is_public;
    struct scenario_lookup lookups[LOOKUPS];
    int finished[LOOKUPS];
} world;

/* --- in place of scenario_read.c -------------------------------------------------------------- */

static enum flow hold(struct op *op)
{
    op_hold(op);
    return FLOW_WAIT;
}

static void forget(struct op *op)
{
    for (size_t i = 0; i < world.read_count; i++)
        if (world.reads[i] == op_cast(op, scenario_read))
            world.reads[i] = NULL;
}

static void let_go(struct op *op)
{
    op_release(op);
}

static const struct step read_steps[] = {{"hold", hold}, {0}};
static const struct op_kind read_kind = {"scenario_read", read_steps, let_go, forget};

void scenario_read_start(struct scenario_read *read, struct op_link link, struct pg_pool *pool,
                         const struct scenario_question *question)
{
    memset(read, 0, sizeof(*read));
    read->pool = pool;
    read->question = *question;
    assert_true(world.read_count < READS);
    world.reads[world.read_count++] = read;
    op_start(&read->op, &read_kind, link);
}

void scenario_read_clear(struct scenario_read *read)
{
    free((char *)read->json.data);
    read->json = (struct slice){0};
}

/* Ends a read with a text of that many bytes. */
static void answer(size_t number, char letter, size_t length)
{
    struct scenario_read *read = world.reads[number];
    assert_non_null(read);
    char *bytes = malloc(length);
    assert_non_null(bytes);
    memset(bytes, letter, length);
    read->json = (struct slice){bytes, length};
    read->is_public = world.is_public;
    op_release(&read->op);
    virtual_loop_settle(&world.loop);
}

/* --- lookups ---------------------------------------------------------------------------------- */

static void on_finish(struct op *op, void *context)
{
    (void)op;
    ++*(int *)context;
}

static void look_up(size_t number, int64_t id, bool fresh)
{
    const struct scenario_question question = {.kind = READ_FULL, .id = id};
    world.finished[number] = 0;
    scenario_lookup_start(&world.lookups[number],
                          root(&world.loop, on_finish, &world.finished[number]), &world.cache,
                          &question, fresh);
    virtual_loop_settle(&world.loop);
}

/* It ended well, with a text of this letter, and came from there. */
static void check(size_t number, char letter, enum lookup_origin origin)
{
    struct scenario_lookup *lookup = &world.lookups[number];
    assert_int_equal(world.finished[number], 1);
    assert_int_equal(op_error(&lookup->op)->code, OK);
    assert_int_equal(lookup->answer->json[0], letter);
    assert_int_equal(lookup->origin, origin);
    scenario_lookup_clear(lookup);
}

static int set_up(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    world.loop = virtual_loop();
    world.is_public = true;
    scenario_cache_init(&world.cache, &world.loop, NULL, TTL_MS, CACHE_BYTES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < world.read_count; i++)
        assert_null(world.reads[i]);
    assert_false(scenario_cache_busy(&world.cache));
    scenario_cache_clear(&world.cache);
    return 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void it_is_kept_for_its_time(void **state)
{
    (void)state;
    look_up(0, 7, false);
    virtual_loop_advance(&world.loop, 1000); /* the read takes a second, which counts */
    answer(0, 'a', TEXT_BYTES);
    check(0, 'a', LOOKUP_READ);
    virtual_loop_advance(&world.loop, TTL_MS - 1001);
    look_up(1, 7, false);
    check(1, 'a', LOOKUP_KEPT);
    virtual_loop_advance(&world.loop, 1);
    look_up(2, 7, false);
    answer(1, 'b', TEXT_BYTES);
    check(2, 'b', LOOKUP_READ);
    assert_int_equal(world.cache.kept.count, 1);
}

static void the_least_used_go(void **state)
{
    (void)state;
    for (int64_t id = 0; id < 20; id++) {
        look_up(0, id, false);
        answer(world.read_count - 1, 'a', TEXT_BYTES);
        check(0, 'a', LOOKUP_READ);
        assert_true(world.cache.kept.bytes <= CACHE_BYTES);
        look_up(1, 0, false); /* that one is always in use */
        check(1, 'a', LOOKUP_KEPT);
    }
    assert_in_range(world.cache.kept.count, 5, 8);
    look_up(0, 1, false);
    answer(world.read_count - 1, 'b', TEXT_BYTES);
    check(0, 'b', LOOKUP_READ);
}

static void what_is_too_large_is_not_kept(void **state)
{
    (void)state;
    look_up(0, 1, false);
    answer(0, 'a', CACHE_BYTES);
    check(0, 'a', LOOKUP_READ);
    assert_int_equal(world.cache.kept.count, 0);
}

static void equal_reads_are_one(void **state)
{
    (void)state;
    look_up(0, 8, false);
    for (size_t i = 1; i < LOOKUPS; i++)
        look_up(i, 7, false);
    assert_int_equal(world.read_count, 2);
    answer(0, 'b', TEXT_BYTES);
    answer(1, 'a', TEXT_BYTES);
    check(0, 'b', LOOKUP_READ);
    for (size_t i = 1; i < LOOKUPS; i++)
        check(i, 'a', i == 1 ? LOOKUP_READ : LOOKUP_COALESCED);
}

static void what_is_not_public_is_read_by_each(void **state)
{
    (void)state;
    world.is_public = false;
    look_up(0, 7, false);
    look_up(1, 7, false);
    assert_int_equal(world.read_count, 1);
    answer(0, 'a', TEXT_BYTES);
    check(0, 'a', LOOKUP_READ);
    assert_int_equal(world.read_count, 2);
    answer(1, 'b', TEXT_BYTES);
    check(1, 'b', LOOKUP_READ);
    assert_int_equal(world.cache.kept.count, 0);
}

static void fresh_ones_share_nothing_but_are_kept(void **state)
{
    (void)state;
    look_up(0, 7, false);
    look_up(1, 7, true);
    assert_int_equal(world.read_count, 2);
    answer(0, 'a', TEXT_BYTES);
    answer(1, 'b', TEXT_BYTES);
    check(0, 'a', LOOKUP_READ);
    check(1, 'b', LOOKUP_READ);
    look_up(2, 7, false);
    check(2, 'b', LOOKUP_KEPT);
}

/* The read goes with the last of them, whoever that is. */
static void who_leaves(void **state)
{
    (void)state;
    for (size_t last = 0; last < 3; last++) {
        for (size_t i = 0; i < 3; i++)
            look_up(i, 7, false);
        for (size_t i = 1; i <= 3; i++) {
            assert_non_null(world.reads[last]);
            op_cancel(&world.lookups[(last + i) % 3].op);
            virtual_loop_settle(&world.loop);
        }
        assert_null(world.reads[last]);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(op_error(&world.lookups[i].op)->code, ERR_CANCELLED);
            scenario_lookup_clear(&world.lookups[i]);
        }
        assert_int_equal(world.read_count, last + 1);
    }
}

static void a_failure_is_not_kept(void **state)
{
    (void)state;
    look_up(0, 7, false);
    look_up(1, 7, false);
    op_stop(&world.reads[0]->op, ERR_DATABASE, "gone");
    virtual_loop_settle(&world.loop);
    assert_int_equal(op_error(&world.lookups[0].op)->code, ERR_DATABASE);
    scenario_lookup_clear(&world.lookups[0]);
    answer(1, 'b', TEXT_BYTES); /* the other one has asked for itself */
    check(1, 'b', LOOKUP_READ);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_is_kept_for_its_time),
        TEST(the_least_used_go),
        TEST(what_is_too_large_is_not_kept),
        TEST(equal_reads_are_one),
        TEST(what_is_not_public_is_read_by_each),
        TEST(fresh_ones_share_nothing_but_are_kept),
        TEST(who_leaves),
        TEST(a_failure_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
