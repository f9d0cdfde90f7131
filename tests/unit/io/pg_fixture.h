/*
 * pg_fixture.h: what the tests of the database pool share: a PostgreSQL of their own for the whole
 * program, a connection to look at it from outside, a pool on a loop, queries made and waited for.
 * Each test also shows that it leaves no descriptor.
 */
#ifndef TESTS_PG_FIXTURE_H
#define TESTS_PG_FIXTURE_H

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "fake_dns.h"
#include "io/pg_connection.h"
#include "io/work.h"
#include "pg_cluster.h"

#define VALUES(...)   ((const char *const[]){__VA_ARGS__})
#define SETTINGS(...) ((struct pg_pool_settings){__VA_ARGS__}) /* 0: as in pool_open */

static struct loop loop;
static struct pg_pool pool;
static size_t unfinished;
static size_t descriptors_before;

/* --- all tests ------------------------------------------------------------------------------- */

static inline int set_up_all(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    alarm(300); /* rather than to hang for ever */
    work_init_threads();
    assert_int_equal(loop_init(&loop), OK); /* libuv keeps two descriptors of its first loop */
    loop_clear(&loop);
    log_init(LOG_ERROR, LOG_FORMAT_TEXT);
    cluster_begin();
    return 0;
}

static inline int tear_down_all(void **state)
{
    (void)state;
    cluster_end();
    return 0;
}

/* How many of our server processes, the admin's aside, are there for which this is true? */
static inline int backends(const char *condition)
{
    return atoi(admin("SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
                      "backend_type = 'client backend' AND %s",
                      condition));
}

/* --- queries ---------------------------------------------------------------------------------- */

static inline void on_finish(struct op *op, void *context)
{
    (void)op, (void)context;
    if (--unfinished == 0)
        loop_stop(&loop);
}

static inline void start_with(struct pg_query *query, const struct pg_statement *statement,
                              const char *const *values, const struct pg_query_options *options)
{
    unfinished++;
    pg_query_start(query, root(&loop, on_finish, NULL), &pool, statement, values, options);
    assert_false(op_finished(&query->op));
}

static inline void start(struct pg_query *query, const struct pg_statement *statement,
                         const char *const *values)
{
    start_with(query, statement, values, NULL);
}

/* Until all queries have finished. */
static inline void finish_all(void)
{
    if (unfinished > 0)
        loop_run(&loop);
    assert_int_equal(unfinished, 0);
}

static inline enum err run(struct pg_query *query, const struct pg_statement *statement,
                           const char *const *values)
{
    start(query, statement, values);
    finish_all();
    return op_error(&query->op)->code;
}

static inline enum err code_of(const struct pg_query *query)
{
    assert_true(op_finished(&query->op));
    return op_error(&query->op)->code;
}

static inline const char *detail_of(const struct pg_query *query)
{
    return op_error(&query->op)->detail;
}

/* The first value of a query that has none to give and does not fail. */
static inline const char *value_of(const struct pg_statement *statement)
{
    static char value[256];
    struct pg_query query;
    if (run(&query, statement, NULL) != OK)
        fail_msg("%s: %s", statement->sql, detail_of(&query));
    snprintf(value, sizeof(value), "%s", PQgetvalue(query.result, 0, 0));
    pg_query_clear(&query);
    return value;
}

static const struct pg_statement backend_pid = {"backend_pid", "SELECT pg_backend_pid()", 0};

static inline int pid_now(void)
{
    return atoi(value_of(&backend_pid));
}

/* Turns the loop while it says so: for what is seen from outside. */
#define turn_while(condition)                                                                      \
    while (condition)                                                                              \
    uv_run(&loop.uv, UV_RUN_NOWAIT)

static inline void turn(int rounds)
{
    while (rounds-- > 0)
        uv_run(&loop.uv, UV_RUN_NOWAIT);
}

static inline size_t in_state(enum pg_state state)
{
    return pool.connections[state].count;
}

/* In a static buffer. */
static inline char *url_of(const char *format, ...)
{
    static char url[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(url, sizeof(url), format, args);
    va_end(args);
    return url;
}

static inline void turn_until_asleep(void)
{
    turn_while(backends("wait_event = 'PgSleep'") == 0);
}

/* --- a test's world --------------------------------------------------------------------------- */

static inline size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static inline void default_to(uint64_t *value, uint64_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static inline void pool_open(struct pg_pool_settings settings)
{
    struct error error;
    if (!settings.url)
        settings.url = cluster.url;
    default_to(&settings.wait_ms, 20 * 1000);
    default_to(&settings.connect_ms, 20 * 1000);
    default_to(&settings.statement_ms, 20 * 1000);
    default_to(&settings.check_idle_ms, 60 * 1000);
    if (pg_pool_init(&pool, &loop, &settings, &error) != OK)
        fail_msg("%s", error.detail);
}

static inline void pool_close(void)
{
    pg_pool_stop(&pool);
    while (pg_pool_busy(&pool))
        uv_run(&loop.uv, UV_RUN_ONCE);
    pg_pool_clear(&pool);
}

static inline int set_up(void **state)
{
    (void)state;
    fake_dns_set(true);
    descriptors_before = count_descriptors();
    assert_int_equal(loop_init(&loop), OK);
    return 0;
}

/* The admin's connection is no descriptor of ours: it may have been replaced. */
static inline int tear_down(void **state)
{
    (void)state;
    fake_dns_set(true);
    finish_all();
    pool_close();
    loop_clear(&loop);
    assert_int_equal(count_descriptors(), descriptors_before);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

#endif
