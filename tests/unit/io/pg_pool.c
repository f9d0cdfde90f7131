/*
 * Who gets a connection, how many there are and how long; queries that are cancelled, and a pool
 * that is stopped, at each moment of their life.
 */
#include "io/pg_pool.h"

#include "pg_fixture.h"

static const struct pg_statement sleep_long = {"sleep_long", "SELECT pg_sleep(1000)", 0};
static const struct pg_statement wait_lock = {"wait_lock", "SELECT pg_advisory_lock_shared(1)", 0};
static const struct pg_statement next_number = {"next_number", "SELECT nextval('numbers')", 0};

/* Until `count` queries hang on the lock that the admin has. */
static void turn_until_locked(int count)
{
    turn_while(backends("wait_event = 'advisory'") != count);
}

/* So many rounds in which something happens, unless all queries have finished before. */
static void turn_events(int rounds)
{
    while (rounds-- > 0 && unfinished > 0)
        uv_run(&loop.uv, UV_RUN_ONCE);
}

/* --- who gets one ----------------------------------------------------------------------------- */

static void test_first_come_first_served(void **state)
{
    (void)state;
    static struct pg_query queries[50];
    admin("CREATE SEQUENCE numbers");
    pool_open(SETTINGS(.size = 1));
    for (size_t i = 0; i < COUNT(queries); i++)
        start(&queries[i], &next_number, NULL);
    turn(1);
    assert_int_equal(pool.waiting, COUNT(queries));
    finish_all();
    assert_int_equal(pool.waiting, 0);
    for (size_t i = 0; i < COUNT(queries); i++) {
        assert_int_equal(code_of(&queries[i]), OK);
        assert_int_equal(atoi(PQgetvalue(queries[i].result, 0, 0)), i + 1);
        pg_query_clear(&queries[i]);
    }
    admin("DROP SEQUENCE numbers");
}

static void test_as_many_as_allowed(void **state)
{
    (void)state;
    static struct pg_query queries[50];
    pool_open(SETTINGS(.size = 3, .overflow = 1));
    admin("SELECT pg_advisory_lock(1)");
    for (size_t i = 0; i < COUNT(queries); i++)
        start(&queries[i], &wait_lock, NULL);
    turn_until_locked(4);
    assert_int_equal(in_state(PG_BUSY), 4);
    assert_int_equal(pool.waiting, COUNT(queries) - 4);
    admin("SELECT pg_advisory_unlock(1)");
    finish_all();
    for (size_t i = 0; i < COUNT(queries); i++) {
        assert_int_equal(code_of(&queries[i]), OK);
        pg_query_clear(&queries[i]);
    }
    assert_int_equal(in_state(PG_IDLE), 4);
    assert_int_equal(backends("application_name = 'personad'"), 4);
}

/* Opens so many, all idle after. */
static void fill(size_t count)
{
    struct pg_query queries[8];
    admin("SELECT pg_advisory_lock(1)");
    for (size_t i = 0; i < count; i++)
        start(&queries[i], &wait_lock, NULL);
    turn_until_locked((int)count);
    assert_int_equal(in_state(PG_BUSY), count);
    admin("SELECT pg_advisory_unlock(1)");
    finish_all();
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(code_of(&queries[i]), OK);
        pg_query_clear(&queries[i]);
    }
}

static void test_the_last_used_is_used_next(void **state)
{
    (void)state;
    pool_open(SETTINGS(.size = 4));
    fill(4);
    const int pid = pid_now();
    for (int i = 0; i < 8; i++)
        assert_int_equal(pid_now(), pid);
    assert_int_equal(in_state(PG_IDLE), 4);
}

static void test_surplus_is_closed(void **state)
{
    (void)state;
    pool_open(SETTINGS(.size = 2, .overflow = 4, .check_idle_ms = 20));
    fill(6);
    while (in_state(PG_IDLE) > 2)
        uv_run(&loop.uv, UV_RUN_ONCE);
    turn(10);
    assert_int_equal(in_state(PG_IDLE), 2);
    turn_while(backends("application_name = 'personad'") != 2);
}

static void test_waits_so_long_and_no_longer(void **state)
{
    (void)state;
    struct pg_query first, second;
    pool_open(SETTINGS(.size = 1));
    start(&first, &sleep_long, NULL);
    turn_while(in_state(PG_BUSY) == 0);
    const uint64_t wait_ms = pool.settings.wait_ms;
    pool.settings.wait_ms = 50;
    start(&second, &backend_pid, NULL);
    while (!op_finished(&second.op))
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(code_of(&second), ERR_OVERLOADED);
    assert_int_equal(pool.waiting, 0);
    assert_false(op_finished(&first.op));
    pool.settings.wait_ms = wait_ms;
    op_cancel(&first.op);
    finish_all();
    assert_true(pid_now() > 0);
}

/* --- how long they are used ------------------------------------------------------------------- */

static void test_recycled(void **state)
{
    (void)state;
    static const struct pg_statement nap = {"nap", "SELECT pg_backend_pid(), pg_sleep(0.15)", 0};
    pool_open(SETTINGS(.size = 1, .recycle_ms = 50));
    const int busy = atoi(value_of(&nap)); /* lives to its end */
    assert_true(busy > 0);
    const int next = pid_now();
    assert_int_not_equal(next, busy);
    turn_while(backends("application_name = 'personad'") > 0); /* an idle one goes, too */
}

static void test_checked_when_idle_for_long(void **state)
{
    (void)state;
    pool_open(SETTINGS(.size = 2, .check_idle_ms = 1, .connect_ms = 1000));
    fill(2);
    const int pid = pid_now();
    uv_update_time(&loop.uv);
    assert_int_equal(pid_now(), pid);

    /* None of them answers any more, and nothing says so. */
    admin("SELECT count(*) FROM pg_stat_activity"); /* while its memory is warm */
    char stop[128];
    snprintf(stop, sizeof(stop), "pids=\"%s\"; kill -STOP $pids",
             admin("SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE "
                   "application_name = 'personad'"));
    assert_int_equal(system(stop), 0);
    struct pg_query query;
    const enum err err = run(&query, &backend_pid, NULL);
    memcpy(strstr(stop, "STOP"), "CONT", 4);
    assert_int_equal(system(stop), 0);
    assert_int_equal(err, OK);
    assert_int_not_equal(atoi(PQgetvalue(query.result, 0, 0)), pid);
    assert_int_equal(query.broken, 1);
    assert_int_equal(in_state(PG_IDLE), 1); /* the other one was not even tried */
    pg_query_clear(&query);
}

/* --- cancel ----------------------------------------------------------------------------------- */

static void assert_cancelled(struct pg_query *query)
{
    assert_int_equal(code_of(query), ERR_CANCELLED);
    assert_null(query->result);
    assert_false(query->outcome_unknown);
    pg_query_clear(query);
}

static void test_cancel_while_waiting(void **state)
{
    (void)state;
    for (size_t gone = 0; gone < 4; gone++) {
        struct pg_query queries[4];
        pool_open(SETTINGS(.size = 1));
        for (size_t i = 0; i < COUNT(queries); i++)
            start(&queries[i], &backend_pid, NULL);
        turn(1);
        assert_int_equal(pool.waiting, 4);
        op_cancel(&queries[gone].op);
        assert_int_equal(pool.waiting, 3);
        finish_all();
        for (size_t i = 0; i < COUNT(queries); i++) {
            assert_int_equal(code_of(&queries[i]), i == gone ? ERR_CANCELLED : OK);
            pg_query_clear(&queries[i]);
        }
        pool_close();
    }
}

static void test_cancel_at_the_server(void **state)
{
    (void)state;
    struct pg_query query;
    pool_open(SETTINGS(.size = 1));
    const int pid = pid_now();
    start(&query, &sleep_long, NULL);
    turn_while(backends("wait_event = 'PgSleep'") != 1);
    op_cancel(&query.op);
    finish_all(); /* at once */
    assert_cancelled(&query);
    assert_int_equal(in_state(PG_CANCELLING), 1);
    while (in_state(PG_IDLE) == 0)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(backends("wait_event = 'PgSleep'"), 0);
    assert_int_equal(pid_now(), pid);
}

/* Who comes after a cancelled query is not hit by its cancel. */
static void test_cancel_hits_nobody_else(void **state)
{
    (void)state;
    pool_open(SETTINGS(.size = 1));
    const int pid = pid_now();
    for (int i = 0; i < 30; i++) {
        struct pg_query gone, next;
        start(&gone, &sleep_long, NULL);
        turn(i % 7);
        op_cancel(&gone.op);
        start(&next, &backend_pid, NULL);
        finish_all();
        assert_cancelled(&gone);
        assert_int_equal(code_of(&next), OK);
        assert_int_equal(atoi(PQgetvalue(next.result, 0, 0)), pid);
        pg_query_clear(&next);
    }
}

static void test_cancel_among_rows(void **state)
{
    (void)state;
    static const struct pg_statement rows = {
        "rows", "SELECT repeat('x', 10000) FROM generate_series(1, 1000000)", 0};
    struct pg_query query;
    pool_open(SETTINGS(.size = 1));
    const int pid = pid_now();
    start(&query, &rows, NULL);
    turn_while(!query.result || PQntuples(query.result) < 10);
    op_cancel(&query.op);
    finish_all();
    assert_cancelled(&query);
    assert_int_equal(pid_now(), pid);
}

static void test_cancel_while_values_are_sent(void **state)
{
    (void)state;
    enum { LENGTH = 10 << 20 };
    static const struct pg_statement length = {"length", "SELECT length($1)", 1};
    char *text = malloc(LENGTH + 1), stop[64];
    memset(text, 'x', LENGTH);
    text[LENGTH] = '\0';
    struct pg_query query;
    pool_open(SETTINGS(.size = 1));
    const int pid = pid_now();
    snprintf(stop, sizeof(stop), "kill -STOP %d", pid);
    assert_int_equal(system(stop), 0); /* so that it does not read */
    start(&query, &length, VALUES(text));
    turn(20);
    assert_int_equal(query.connection->phase, PG_SENDING);
    op_cancel(&query.op);
    free(text);
    finish_all();
    memcpy(strstr(stop, "STOP"), "CONT", 4);
    assert_int_equal(system(stop), 0);
    assert_cancelled(&query);
    assert_int_not_equal(pid_now(), pid);
}

/* Whatever the moment, the query finishes and the pool goes on. */
static void cancel_after_rounds(bool warm)
{
    static const struct pg_statement some = {
        "some", "SELECT repeat('x', 1000) FROM generate_series(1, 20)", 0};
    struct pg_query query;
    bool late = false;
    for (int rounds = 0; !late; rounds++) {
        pool_open(SETTINGS(.size = 2, .check_idle_ms = warm ? 1 : 0));
        if (warm)
            pid_now();
        start(&query, &some, NULL);
        turn_events(rounds);
        late = op_finished(&query.op);
        op_cancel(&query.op);
        finish_all();
        assert_int_equal(code_of(&query), late ? OK : ERR_CANCELLED);
        assert_int_equal(query.result != NULL, late);
        pg_query_clear(&query);
        if (rounds % 2 == 0)
            assert_true(pid_now() > 0);
        pool_close();
    }
}

static void test_cancel_in_each_round(void **state)
{
    (void)state;
    cancel_after_rounds(false);
    cancel_after_rounds(true);
}

/* More at once than are told to the server: the others' connections are closed. */
static void test_cancel_many(void **state)
{
    (void)state;
    static struct pg_query queries[PG_CANCELS_MAX + 3];
    pool_open(SETTINGS(.size = COUNT(queries)));
    for (size_t i = 0; i < COUNT(queries); i++)
        start(&queries[i], &sleep_long, NULL);
    turn_while(backends("wait_event = 'PgSleep'") != (int)COUNT(queries));
    for (size_t i = 0; i < COUNT(queries); i++)
        op_cancel(&queries[i].op);
    assert_int_equal(pool.cancels, PG_CANCELS_MAX);
    assert_int_equal(in_state(PG_CANCELLING), PG_CANCELS_MAX);
    finish_all();
    for (size_t i = 0; i < COUNT(queries); i++)
        assert_cancelled(&queries[i]);
    while (in_state(PG_IDLE) != PG_CANCELS_MAX)
        uv_run(&loop.uv, UV_RUN_ONCE);
    admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
}

/* --- stop ------------------------------------------------------------------------------------- */

static void test_stop_in_each_round(void **state)
{
    (void)state;
    bool late = false;
    for (int rounds = 0; !late; rounds++) {
        struct pg_query queries[3];
        pool_open(SETTINGS(.size = 1, .overflow = 1));
        for (size_t i = 0; i < COUNT(queries); i++)
            start(&queries[i], &backend_pid, NULL);
        turn_events(rounds);
        late = unfinished == 0;
        pg_pool_stop(&pool);
        finish_all();
        for (size_t i = 0; i < COUNT(queries); i++) {
            const enum err err = code_of(&queries[i]);
            assert_true(err == ERR_DRAINING || err == OK);
            assert_true(!late || err == OK);
            pg_query_clear(&queries[i]);
        }
        struct pg_query query;
        assert_int_equal(run(&query, &backend_pid, NULL), ERR_DRAINING);
        pg_query_clear(&query);
        pool_close();
    }
}

static void test_stop_lets_the_busy_finish(void **state)
{
    (void)state;
    struct pg_query busy, waiting, gone;
    pool_open(SETTINGS(.size = 2));
    admin("SELECT pg_advisory_lock(1)");
    start(&busy, &wait_lock, NULL);
    start(&gone, &wait_lock, NULL);
    start(&waiting, &backend_pid, NULL);
    turn_until_locked(2);
    op_cancel(&gone.op);
    pg_pool_stop(&pool);
    turn(3);
    assert_int_equal(code_of(&gone), ERR_CANCELLED);
    assert_int_equal(code_of(&waiting), ERR_DRAINING);
    assert_false(op_finished(&busy.op));
    assert_true(pg_pool_busy(&pool));
    admin("SELECT pg_advisory_unlock(1)");
    finish_all();
    assert_int_equal(code_of(&busy), OK);
    pg_query_clear(&busy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_come_first_served),     TEST(as_many_as_allowed),
        TEST(the_last_used_is_used_next),  TEST(surplus_is_closed),
        TEST(waits_so_long_and_no_longer), TEST(recycled),
        TEST(checked_when_idle_for_long),  TEST(cancel_while_waiting),
        TEST(cancel_at_the_server),        TEST(cancel_hits_nobody_else),
        TEST(cancel_among_rows),           TEST(cancel_while_values_are_sent),
        TEST(cancel_in_each_round),        TEST(cancel_many),
        TEST(stop_in_each_round),          TEST(stop_lets_the_busy_finish),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
