/*
 * One statement at a time against a PostgreSQL of its own: values there and back, preparation,
 * failures of statements, limits.
 */
#include "pg_fixture.h"

#include "base/buffer.h"
#include "base/log.h"

static void test_rows(void **state)
{
    (void)state;
    static const struct pg_statement rows = {
        "rows", "SELECT n, nullif(n, 2), 'row ' || n AS text FROM generate_series(1, 3) n", 0};
    struct pg_query query;
    pool_open(SETTINGS(.size = 1));
    assert_int_equal(run(&query, &rows, NULL), OK);
    assert_int_equal(PQntuples(query.result), 3);
    assert_int_equal(PQnfields(query.result), 3);
    assert_string_equal(PQfname(query.result, 2), "text");
    assert_string_equal(PQgetvalue(query.result, 2, 0), "3");
    assert_string_equal(PQgetvalue(query.result, 2, 2), "row 3");
    assert_false(PQgetisnull(query.result, 0, 1));
    assert_true(PQgetisnull(query.result, 1, 1));
    assert_string_equal(query.sqlstate, "");
    assert_true(query.seconds > 0);
    pg_query_clear(&query);

    static const struct pg_statement none = {"none", "SELECT 1 AS one WHERE false", 0};
    assert_int_equal(run(&query, &none, NULL), OK);
    assert_int_equal(PQntuples(query.result), 0);
    assert_string_equal(PQfname(query.result, 0), "one");
    pg_query_clear(&query);

    static const struct pg_statement command = {"command", "CREATE TEMPORARY TABLE t (n int)", 0};
    static const struct pg_statement insert = {"insert",
                                               "INSERT INTO t SELECT generate_series(1, 5)", 0};
    assert_int_equal(run(&query, &command, NULL), OK);
    pg_query_clear(&query);
    assert_int_equal(run(&query, &insert, NULL), OK);
    assert_string_equal(PQcmdTuples(query.result), "5");
    pg_query_clear(&query);
}

static const struct pg_statement echo = {
    "echo", "SELECT $1::text, $2::text, $3::text, length($1::text)", 3};

static void test_values(void **state)
{
    (void)state;
    struct pg_query query;
    pool_open(SETTINGS(.size = 1));
    const char *const *values =
        VALUES("O'Brien \"\\\" $1; DROP TABLE x; --", NULL, "Größe 漢字 \U0001F600 \n\t");
    assert_int_equal(run(&query, &echo, values), OK);
    assert_string_equal(PQgetvalue(query.result, 0, 0), values[0]);
    assert_true(PQgetisnull(query.result, 0, 1));
    assert_string_equal(PQgetvalue(query.result, 0, 2), values[2]);
    pg_query_clear(&query);

    assert_int_equal(run(&query, &echo, VALUES("", "", "")), OK);
    assert_false(PQgetisnull(query.result, 0, 0));
    assert_string_equal(PQgetvalue(query.result, 0, 3), "0");
    pg_query_clear(&query);

    assert_int_equal(run(&query, &echo, VALUES("bad \xff", "", "")), ERR_DATABASE);
    assert_string_equal(query.sqlstate, "22021");
    pg_query_clear(&query);
}

static char *make_text(size_t length)
{
    char *text = malloc(length + 1);
    assert_non_null(text);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)('a' + (i * 2654435761u >> 16) % 26);
    text[length] = '\0';
    return text;
}

static void test_large_values(void **state)
{
    (void)state;
    enum { LENGTH = 10 << 20 };
    struct pg_query query;
    char *text = make_text(LENGTH);
    pool_open(SETTINGS(.size = 1));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run(&query, &echo, VALUES(text, "", "end")), OK);
        assert_int_equal(PQgetlength(query.result, 0, 0), LENGTH);
        assert_memory_equal(PQgetvalue(query.result, 0, 0), text, LENGTH);
        assert_string_equal(PQgetvalue(query.result, 0, 2), "end");
        pg_query_clear(&query);
    }
    free(text);
}

static void test_too_large_values(void **state)
{
    (void)state;
    struct pg_query query;
    char *text = make_text((PG_VALUES_BYTES_MAX / 2) + 1);
    pool_open(SETTINGS(.size = 1));
    assert_int_equal(run(&query, &echo, VALUES(text, text, "")), ERR_LIMIT);
    pg_query_clear(&query);
    free(text);
}

/* --- preparation ------------------------------------------------------------------------------ */

static void test_prepared_once(void **state)
{
    (void)state;
    static const struct pg_statement plans = {
        "plans",
        "SELECT count(*), sum(generic_plans + custom_plans) FROM pg_prepared_statements "
        "WHERE name = $1",
        1};
    struct pg_query query;
    pool_open(SETTINGS(.size = 1));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(run(&query, &echo, VALUES("a", "b", "c")), OK);
        pg_query_clear(&query);
    }
    assert_int_equal(run(&query, &plans, VALUES("echo")), OK);
    assert_string_equal(PQgetvalue(query.result, 0, 0), "1");
    assert_string_equal(PQgetvalue(query.result, 0, 1), "5");
    pg_query_clear(&query);
}

/* In libpq's own record of what is sent (F) and received (B), all F come before all B. */
static void assert_one_round_trip(const char *trace, int syncs)
{
    bool answered = false;
    for (const char *line = trace; *line; line += strcspn(line, "\n") + 1) {
        const char *direction = strchr(line, '\t') + 1;
        syncs -= strncmp(direction, "F\t4\tSync", 8) == 0;
        answered = answered || *direction == 'B';
        assert_false(answered && *direction == 'F');
    }
    assert_true(answered);
    assert_int_equal(syncs, 0);
}

static void test_one_round_trip(void **state)
{
    (void)state;
    pool_open(SETTINGS(.size = 1));
    pid_now();
    PGconn *pq = pool.connections[PG_IDLE].newest->pq;
    for (int prepared = 0; prepared < 2; prepared++) {
        struct pg_query query;
        char *trace = NULL;
        size_t length = 0;
        FILE *file = open_memstream(&trace, &length);
        PQtrace(pq, file);
        assert_int_equal(run(&query, &echo, VALUES("a", "b", "c")), OK);
        PQuntrace(pq);
        fclose(file);
        assert_int_equal(strstr(trace, "Parse") != NULL, !prepared);
        assert_one_round_trip(trace, 1);
        free(trace);
        pg_query_clear(&query);
    }
}

static void test_many_statements(void **state)
{
    (void)state;
    enum { MANY = 2 * PG_STATEMENTS_MAX + 3 };
    static struct pg_statement statements[MANY];
    static char names[MANY][24], sql[MANY][32];
    static const struct pg_statement count = {"count",
                                              "SELECT count(*) FROM pg_prepared_statements", 0};
    pool_open(SETTINGS(.size = 1));
    const int pid = pid_now();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            snprintf(names[i], sizeof(names[i]), "many_%d", i);
            snprintf(sql[i], sizeof(sql[i]), "SELECT %d", i);
            statements[i] = (struct pg_statement){names[i], sql[i], 0};
            assert_int_equal(atoi(value_of(&statements[i])), i);
        }
        assert_in_range(atoi(value_of(&count)), 2, PG_STATEMENTS_MAX);
    }
    assert_int_equal(pid_now(), pid);
}

static void test_tables_that_change(void **state)
{
    (void)state;
    static const struct pg_statement all = {"all", "SELECT * FROM changing", 0};
    struct pg_query query;
    admin("CREATE TABLE changing AS SELECT 1 AS a");
    pool_open(SETTINGS(.size = 1));
    const int pid = pid_now();
    for (int columns = 1; columns <= 3; columns++) {
        assert_int_equal(run(&query, &all, NULL), OK);
        assert_int_equal(PQnfields(query.result), columns);
        pg_query_clear(&query);
        admin("ALTER TABLE changing ADD COLUMN b%d int", columns);
    }
    admin("DROP TABLE changing");
    assert_int_equal(run(&query, &all, NULL), ERR_DATABASE);
    assert_string_equal(query.sqlstate, "42P01");
    pg_query_clear(&query);
    assert_int_equal(pid_now(), pid);
}

static void test_statements_that_vanish(void **state)
{
    (void)state;
    static const struct pg_statement one = {"one", "SELECT 1", 0};
    static const struct pg_statement vanish = {"vanish", "DEALLOCATE one", 0};
    static const struct pg_statement appear = {"appear", "PREPARE two AS SELECT 3", 0};
    static const struct pg_statement two = {"two", "SELECT 2", 0};
    struct pg_query query;
    pool_open(SETTINGS(.size = 1));
    const int pid = pid_now();
    assert_string_equal(value_of(&one), "1");
    assert_int_equal(run(&query, &vanish, NULL), OK);
    pg_query_clear(&query);
    assert_string_equal(value_of(&one), "1");

    assert_int_equal(run(&query, &appear, NULL), OK);
    pg_query_clear(&query);
    assert_string_equal(value_of(&two), "2");
    assert_int_equal(pid_now(), pid);

    /* One that cannot be prepared at all is not tried for ever. */
    static const struct pg_statement wrong = {"wrong", "SELEKT", 0};
    assert_int_equal(run(&query, &wrong, NULL), ERR_DATABASE);
    assert_string_equal(query.sqlstate, "42601");
    pg_query_clear(&query);
    assert_int_equal(pid_now(), pid);
}

/* --- failures --------------------------------------------------------------------------------- */

static void test_errors_leave_the_connection(void **state)
{
    (void)state;
    static const struct {
        struct pg_statement statement;
        const char *sqlstate;
    } cases[] = {
        {{"e1", "SELECT * FROM nowhere", 0}, "42P01"},
        {{"e2", "SELECT nothing FROM pg_class", 0}, "42703"},
        {{"e3", "SELECT 1 / (n - 5000) FROM generate_series(1, 10000) n", 0}, "22012"},
        {{"e4", "INSERT INTO single VALUES ('secret'), ('secret')", 0}, "23505"},
        {{"e5", "INSERT INTO late VALUES ('secret'), ('secret')", 0}, "23505"}, /* at the commit */
        {{"e6", "SELECT 'secret'::int", 0}, "22P02"},
    };
    admin("CREATE TABLE single (t text UNIQUE)");
    admin("CREATE TABLE late (t text UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    pool_open(SETTINGS(.size = 1));
    const int pid = pid_now();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pg_query query;
        assert_int_equal(run(&query, &cases[i].statement, NULL), ERR_DATABASE);
        assert_string_equal(query.sqlstate, cases[i].sqlstate);
        assert_non_null(strstr(detail_of(&query), cases[i].sqlstate));
        assert_null(strstr(detail_of(&query), "secret"));
        assert_null(query.result);
        assert_false(query.outcome_unknown);
        pg_query_clear(&query);
        assert_int_equal(pid_now(), pid);
    }
    assert_string_equal(admin("SELECT count(*) FROM single"), "0");
    assert_string_equal(admin("SELECT count(*) FROM late"), "0");
    admin("DROP TABLE single, late");
}

static void test_too_many_rows(void **state)
{
    (void)state;
    static const struct pg_statement flood = {
        "flood", "SELECT repeat('x', 100000) FROM generate_series(1, 1000000)", 0};
    struct pg_query query;
    pool_open(SETTINGS(.size = 1));
    const int pid = pid_now();
    assert_int_equal(run(&query, &flood, NULL), ERR_DATABASE);
    assert_string_equal(query.sqlstate, "");
    assert_null(query.result);
    assert_false(query.outcome_unknown);
    pg_query_clear(&query);
    assert_int_equal(pid_now(), pid); /* the server was told to stop */
}

static const struct pg_statement sleep_long = {"sleep_long", "SELECT pg_sleep(1000)", 0};

static void test_statement_timeout(void **state)
{
    (void)state;
    struct pg_query query;
    pool_open(SETTINGS(.size = 1, .statement_ms = 500));
    const int pid = pid_now();
    assert_int_equal(run(&query, &sleep_long, NULL), ERR_DEADLINE);
    assert_string_equal(query.sqlstate, "57014");
    pg_query_clear(&query);
    assert_int_equal(pid_now(), pid);
}

static void test_own_deadline(void **state)
{
    (void)state;
    struct pg_query query;
    pool_open(SETTINGS(.size = 1));
    const int pid = pid_now();
    const struct pg_query_options options = {.deadline_ms = loop_now_ms(&loop) + 100};
    start_with(&query, &sleep_long, NULL, &options);
    finish_all();
    assert_int_equal(code_of(&query), ERR_DEADLINE);
    assert_string_equal(query.sqlstate, "");
    pg_query_clear(&query);
    assert_int_equal(pid_now(), pid); /* it is ours again once the server has stopped */
    assert_int_equal(backends("state = 'active'"), 0);
}

static void test_lock_timeout(void **state)
{
    (void)state;
    static const struct pg_statement lock = {"lock", "SELECT pg_advisory_xact_lock(7)", 0};
    struct pg_query query;
    pool_open(SETTINGS(.size = 1, .statement_ms = 1000));
    admin("SELECT pg_advisory_lock(7)");
    assert_int_equal(run(&query, &lock, NULL), ERR_DATABASE);
    assert_string_equal(query.sqlstate, "55P03");
    pg_query_clear(&query);
    admin("SELECT pg_advisory_unlock(7)");
}

/* --- the session ------------------------------------------------------------------------------ */

static void test_session(void **state)
{
    (void)state;
    static const struct pg_statement settings = {
        "settings",
        "SELECT current_setting(name) FROM unnest('{application_name, client_encoding, "
        "statement_timeout, lock_timeout, idle_in_transaction_session_timeout, work_mem}'::text[]) "
        "name",
        0};
    static const char *const expected[] = {"personad", "UTF8", "20s", "10s", "20s", "123kB"};
    char url[256];
    snprintf(url, sizeof(url), "%s&options=-c%%20work_mem%%3D123kB", cluster.url);
    struct pg_query query;
    pool_open(SETTINGS(.size = 1, .url = url));
    assert_int_equal(run(&query, &settings, NULL), OK);
    for (size_t i = 0; i < COUNT(expected); i++)
        assert_string_equal(PQgetvalue(query.result, (int)i, 0), expected[i]);
    pg_query_clear(&query);
}

static void test_notices_are_not_printed(void **state)
{
    (void)state;
    static const struct pg_statement warn = {"warn", "SELECT pg_temp_warn()", 0};
    admin("CREATE FUNCTION pg_temp_warn() RETURNS int LANGUAGE plpgsql AS "
          "'BEGIN RAISE WARNING ''watch out''; RETURN 1; END'");
    pool_open(SETTINGS(.size = 1));
    FILE *file = tmpfile();
    const int before = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    const bool ok = atoi(value_of(&warn)) == 1;
    log_set_level(LOG_DEBUG);
    const bool ok_again = atoi(value_of(&warn)) == 1;
    log_flush();
    log_set_level(LOG_ERROR);
    dup2(before, STDERR_FILENO);
    close(before);
    char said[16384];
    rewind(file);
    said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
    fclose(file);
    admin("DROP FUNCTION pg_temp_warn");
    assert_true(ok && ok_again);
    const char *notice = strstr(said, "watch out");
    assert_non_null(notice);
    assert_null(strstr(notice + 1, "watch out")); /* only in the log, at debug */
    assert_null(strstr(said, "WARNING:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows),
        TEST(values),
        TEST(large_values),
        TEST(too_large_values),
        TEST(prepared_once),
        TEST(one_round_trip),
        TEST(many_statements),
        TEST(tables_that_change),
        TEST(statements_that_vanish),
        TEST(errors_leave_the_connection),
        TEST(too_many_rows),
        TEST(statement_timeout),
        TEST(own_deadline),
        TEST(lock_timeout),
        TEST(session),
        TEST(notices_are_not_printed),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
