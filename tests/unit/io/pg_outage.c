/*
 * A database that goes away while it is in use, and comes back.
 */
#include "pg_fixture.h"

static const struct pg_statement sleep_long = {"sleep_long", "SELECT pg_sleep(1000)", 0};

/* They wait for a lock that the admin has, and are over when he gives it back. */
static const struct pg_statement read_slowly = {
    "read_slowly", "SELECT pg_backend_pid(), pg_advisory_xact_lock_shared(1)", 0};
static const struct pg_statement count_up = {
    "count_up", "UPDATE counter SET n = n + 1 RETURNING pg_advisory_xact_lock_shared(1)", 0};

static bool is_waiting(const struct pg_query *query)
{
    char condition[64];
    snprintf(condition, sizeof(condition), "wait_event = 'advisory' AND pid = %d",
             query->connection ? PQbackendPID(query->connection->pq) : 0);
    return backends(condition) > 0;
}

static void begin_slowly(struct pg_query *query, const struct pg_statement *statement,
                         bool read_only)
{
    admin("SELECT pg_advisory_lock(1)");
    start_with(query, statement, NULL, &(struct pg_query_options){.read_only = read_only});
    turn_while(!is_waiting(query));
}

static void go_on(void)
{
    admin("SELECT pg_advisory_unlock(1)");
    finish_all();
}

/* The line breaks, and nothing is said. */
static void cut(struct pg_connection *connection)
{
    shutdown(PQsocket(connection->pq), SHUT_RDWR);
}

/* --- a connection that breaks ----------------------------------------------------------------- */

static void test_broken_while_idle(void **state)
{
    (void)state;
    pool_open(SETTINGS(.size = 1));
    const int pid = pid_now();
    admin("SELECT pg_terminate_backend(%d)", pid);
    while (in_state(PG_IDLE) > 0)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_string_equal(pg_pool_fault(&pool), "the connection to the database broke");
    while (in_state(PG_IDLE) == 0) /* by itself */
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_null(pg_pool_fault(&pool));
    struct pg_query query;
    assert_int_equal(run(&query, &backend_pid, NULL), OK);
    assert_int_equal(query.broken, 0);
    assert_int_not_equal(atoi(PQgetvalue(query.result, 0, 0)), pid);
    pg_query_clear(&query);
}

/* The loop has not heard of it yet: it is noticed all the same, before anything is sent. */
static void test_broken_just_before(void **state)
{
    (void)state;
    struct pg_query query;
    pool_open(SETTINGS(.size = 1));
    for (int i = 0; i < 2; i++) {
        const int pid = pid_now();
        if (i == 0) {
            admin("SELECT pg_terminate_backend(%d)", pid);
            while (backends("application_name = 'personad'") > 0)
                ;
        } else {
            cut(pool.connections[PG_IDLE].newest);
        }
        assert_int_equal(run(&query, &backend_pid, NULL), OK);
        assert_int_not_equal(atoi(PQgetvalue(query.result, 0, 0)), pid);
        pg_query_clear(&query);
    }
}

static void test_terminated_while_busy(void **state)
{
    (void)state;
    struct pg_query read, write;
    admin("CREATE TABLE counter AS SELECT 0 AS n");
    pool_open(SETTINGS(.size = 1));

    begin_slowly(&read, &read_slowly, true);
    admin("SELECT pg_terminate_backend(%d)", PQbackendPID(read.connection->pq));
    go_on();
    assert_int_equal(code_of(&read), OK);
    assert_int_equal(read.broken, 1);
    assert_string_equal(read.sqlstate, "");
    pg_query_clear(&read);

    /* The server has said that it is the end, so the transaction is undone. */
    begin_slowly(&write, &count_up, false);
    admin("SELECT pg_terminate_backend(%d)", PQbackendPID(write.connection->pq));
    finish_all();
    go_on();
    assert_int_equal(code_of(&write), ERR_DATABASE);
    assert_string_equal(write.sqlstate, "57P01");
    assert_false(write.outcome_unknown);
    assert_string_equal(admin("SELECT n FROM counter"), "0");
    pg_query_clear(&write);
    admin("DROP TABLE counter");
}

/* The server's last words came where the commit would have been: it may have been done. */
static void test_terminated_at_the_commit(void **state)
{
    (void)state;
    struct pg_query query;
    static const struct pg_statement insert = {"insert_late", "INSERT INTO late VALUES (1)", 0};
    admin("CREATE TABLE late (n int)");
    admin("CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS "
          "'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END'");
    admin("CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED "
          "FOR EACH ROW EXECUTE FUNCTION late()");
    pool_open(SETTINGS(.size = 1));
    begin_slowly(&query, &insert, false);
    admin("SELECT pg_terminate_backend(%d)", PQbackendPID(query.connection->pq));
    finish_all();
    go_on();
    assert_int_equal(code_of(&query), ERR_DATABASE);
    assert_true(query.outcome_unknown);
    pg_query_clear(&query);
    admin("DROP TABLE late");
    admin("DROP FUNCTION late");
}

static void test_cut_while_busy(void **state)
{
    (void)state;
    struct pg_query read, write;
    admin("CREATE TABLE counter AS SELECT 0 AS n");
    pool_open(SETTINGS(.size = 1));

    begin_slowly(&read, &read_slowly, true);
    cut(read.connection);
    go_on();
    assert_int_equal(code_of(&read), OK);
    assert_int_equal(read.broken, 1);
    pg_query_clear(&read);

    /* What is sent again breaks again. */
    begin_slowly(&read, &read_slowly, true);
    cut(read.connection);
    turn_while(!read.sent_again || !read.sent);
    cut(read.connection);
    finish_all();
    go_on();
    assert_int_equal(code_of(&read), ERR_DATABASE);
    pg_query_clear(&read);

    begin_slowly(&write, &count_up, false);
    cut(write.connection);
    finish_all();
    assert_int_equal(code_of(&write), ERR_DATABASE);
    assert_true(write.outcome_unknown);
    assert_null(write.result);
    pg_query_clear(&write);
    go_on();
    turn_while(strcmp(admin("SELECT n FROM counter"), "1") != 0); /* it is done, as it happens */
    admin("DROP TABLE counter");
}

/* Without the sync nothing counts, so that even a write is sent again. */
static void test_cut_while_values_are_sent(void **state)
{
    (void)state;
    enum { LENGTH = 10 << 20 };
    static const struct pg_statement insert = {"insert", "INSERT INTO texts VALUES (length($1))",
                                               1};
    char *text = malloc(LENGTH + 1), stop[64];
    memset(text, 'x', LENGTH);
    text[LENGTH] = '\0';
    struct pg_query query;
    admin("CREATE TABLE texts (n int)");
    pool_open(SETTINGS(.size = 1));
    snprintf(stop, sizeof(stop), "kill -STOP %d", pid_now());
    assert_int_equal(system(stop), 0);
    start(&query, &insert, VALUES(text));
    turn(20);
    assert_int_equal(query.connection->phase, PG_SENDING);
    cut(query.connection);
    memcpy(strstr(stop, "STOP"), "CONT", 4);
    assert_int_equal(system(stop), 0);
    finish_all();
    assert_int_equal(code_of(&query), OK);
    assert_int_equal(query.broken, 1);
    pg_query_clear(&query);
    free(text);
    assert_string_equal(admin("SELECT count(*) FROM texts WHERE n = %d", LENGTH), "1");
    assert_string_equal(admin("SELECT count(*) FROM texts"), "1");
    admin("DROP TABLE texts");
}

/* --- a server that is stopped ----------------------------------------------------------------- */

static void test_stopped_and_started(void **state)
{
    (void)state;
    struct pg_query busy, waiting, query;
    pool_open(SETTINGS(.size = 1));
    start(&busy, &sleep_long, NULL);
    start(&waiting, &backend_pid, NULL);
    turn_until_asleep();
    cluster_stop("stop --immediate");
    finish_all();
    assert_int_equal(code_of(&busy), ERR_DATABASE);
    assert_true(busy.outcome_unknown);
    assert_int_equal(code_of(&waiting), ERR_DATABASE);
    assert_false(waiting.outcome_unknown);
    pg_query_clear(&busy);
    pg_query_clear(&waiting);
    assert_string_equal(pg_pool_fault(&pool), "the database cannot be reached");

    /* In between all fail at once; the attempts become rarer. */
    for (unsigned failures = pool.failures + 1; failures <= 5; failures++) {
        uint64_t before_ms = 0;
        while (pool.failures < failures) {
            before_ms = loop_now_ms(&loop);
            uv_run(&loop.uv, UV_RUN_ONCE);
        }
        assert_true(pool.retry_timer.expiry_ms >= before_ms + (50u << (failures - 1)));
        assert_true(pool.retry_timer.expiry_ms <= loop_now_ms(&loop) + (100u << (failures - 1)));
    }
    assert_int_equal(run(&query, &backend_pid, NULL), ERR_DATABASE);
    pg_query_clear(&query);

    cluster_start();
    while (pg_pool_fault(&pool))
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(pool.failures, 0);
    assert_true(pid_now() > 0);
}

/* A server that has become a standby is left, for the one that takes writes now. */
static void test_read_only_server(void **state)
{
    (void)state;
    static const struct pg_statement write = {"write", "CREATE TABLE never (n int)", 0};
    struct pg_query query;
    pool_open(
        SETTINGS(.size = 1, .url = url_of("%s&options=-c%%20default_transaction_read_only%%3Don",
                                          cluster.url)));
    const int pid = pid_now();
    assert_int_equal(run(&query, &write, NULL), ERR_DATABASE);
    assert_string_equal(query.sqlstate, "25006");
    pg_query_clear(&query);
    assert_int_not_equal(pid_now(), pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(broken_while_idle),        TEST(broken_just_before), TEST(terminated_while_busy),
        TEST(terminated_at_the_commit), TEST(cut_while_busy),     TEST(cut_while_values_are_sent),
        TEST(stopped_and_started),      TEST(read_only_server),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
