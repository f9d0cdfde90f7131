/*
 * A database that is not there, goes away, comes back, or does not let us in; where it is looked
 * for, and by which settings.
 */
#include <sys/stat.h>

#include "pg_fixture.h"

static const struct pg_statement sleep_long = {"sleep_long", "SELECT pg_sleep(1000)", 0};
static const struct pg_statement nap = {"nap", "SELECT pg_backend_pid(), pg_sleep(0.2)", 0};

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

static void turn_until_asleep(void)
{
    turn_while(backends("wait_event = 'PgSleep'") == 0);
}

/* The line breaks, and nothing is said. */
static void cut(struct pg_connection *connection)
{
    shutdown(PQsocket(connection->pq), SHUT_RDWR);
}

static char *url_of(const char *format, ...)
{
    static char url[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(url, sizeof(url), format, args);
    va_end(args);
    return url;
}

/* --- a connection that breaks ------------------------------------------------------------------
 */

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
    enum { LENGTH = 32 << 20 };
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

/* --- a server that is stopped ------------------------------------------------------------------
 */

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

/* --- a server that does not let us in -----------------------------------------------------------
 */

/* Opens a pool whose database cannot be reached; what a query hears of it. */
static const char *refusal(const char *url)
{
    static char detail[ERROR_DETAIL_BYTES];
    struct pg_query query;
    pool_open(SETTINGS(.size = 2, .url = url, .connect_ms = 2000));
    assert_non_null(pg_pool_fault(&pool));
    assert_int_equal(run(&query, &backend_pid, NULL), ERR_DATABASE);
    snprintf(detail, sizeof(detail), "%s", detail_of(&query));
    assert_string_equal(pg_pool_fault(&pool), detail);
    pg_query_clear(&query);
    pool_close();
    return detail;
}

static void test_refusals(void **state)
{
    (void)state;
    unsigned closed;
    close(listen_somewhere(&closed, 1));
    admin("CREATE ROLE guest LOGIN PASSWORD 'right'");
    const char *const host = "127.0.0.1";
    assert_string_equal(
        refusal(url_of("postgresql://guest:wrong-secret@%s:%u/personad", host, cluster.port)),
        "the database refuses the password (28P01)");
    assert_string_equal(
        refusal(url_of("postgresql://guest:right@%s:%u/nowhere", host, cluster.port)),
        "there is no database of this name (3D000)");
    assert_string_equal(refusal(url_of("postgresql://guest:right@%s:%u/personad", host, closed)),
                        "the database cannot be reached");
    assert_string_equal(refusal("postgresql://guest:right@gone.test/personad"),
                        "the name of the database's host is unknown");
    assert_string_equal(refusal("postgresql:///personad?host=/nowhere"),
                        "the database cannot be reached");
    assert_string_equal(refusal("service=none"), "the database cannot be reached");

    pool_open(SETTINGS(.size = 1, .url = url_of("postgresql://guest:right@local.test:%u/personad",
                                                cluster.port)));
    assert_true(pid_now() > 0);
    pool_close();
    admin("DROP ROLE guest");
}

/* One more is refused while the others work: who waits goes on to wait for those. */
static void test_too_many_connections(void **state)
{
    (void)state;
    struct pg_query queries[6];
    admin("CREATE ROLE guest LOGIN PASSWORD 'right' CONNECTION LIMIT 2");
    pool_open(SETTINGS(.size = 4, .url = url_of("postgresql://guest:right@127.0.0.1:%u/personad",
                                                cluster.port)));
    for (size_t i = 0; i < COUNT(queries); i++)
        start(&queries[i], &nap, NULL);
    finish_all();
    for (size_t i = 0; i < COUNT(queries); i++) {
        assert_int_equal(code_of(&queries[i]), OK);
        pg_query_clear(&queries[i]);
    }
    assert_true(pool.failures > 0);
    assert_null(pg_pool_fault(&pool));
    pool_close();
    turn_while(backends("usename = 'guest'") > 0);
    admin("DROP ROLE guest");
}

/* --- a server that does not answer ---------------------------------------------------------------
 */

/* A port where connecting takes for ever: nobody accepts, and the queue is full. */
struct hole {
    int listener;
    int fillers[4];
    unsigned port;
};

static void hole_open(struct hole *hole)
{
    hole->listener = listen_somewhere(&hole->port, 0);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                        .sin_port = htons((uint16_t)hole->port)};
    for (size_t i = 0; i < COUNT(hole->fillers); i++) {
        hole->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(hole->fillers[i], (const struct sockaddr *)&address, sizeof(address));
    }
}

static void hole_close(const struct hole *hole)
{
    for (size_t i = 0; i < COUNT(hole->fillers); i++)
        close(hole->fillers[i]);
    close(hole->listener);
}

static int ticks;
static struct loop_timer ticker;

static void on_tick(struct loop_timer *timer)
{
    ticks++;
    loop_timer_start(&loop, timer, 5, on_tick);
}

static void test_no_answer(void **state)
{
    (void)state;
    struct hole hole;
    hole_open(&hole);
    struct pg_query query;
    ticks = 0;
    loop_timer_start(&loop, &ticker, 5, on_tick);
    pool_open(SETTINGS(.size = 1, .connect_ms = 200,
                       .url = url_of("postgresql://127.0.0.1:%u/personad", hole.port)));
    assert_int_equal(run(&query, &backend_pid, NULL), ERR_DATABASE);
    assert_string_equal(detail_of(&query), "the database did not answer in time");
    assert_true(ticks >= 10); /* the loop was not held up */
    pg_query_clear(&query);
    loop_timer_stop(&loop, &ticker);
    pool_close();
    hole_close(&hole);
}

static void test_a_name_that_takes_for_ever(void **state)
{
    (void)state;
    struct pg_query query;
    ticks = 0;
    fake_dns_set(false);
    loop_timer_start(&loop, &ticker, 5, on_tick);
    pool_open(SETTINGS(.size = 1, .connect_ms = 200,
                       .url = url_of("postgresql://slow.test:%u/personad", cluster.port)));
    assert_int_equal(run(&query, &backend_pid, NULL), ERR_DATABASE);
    assert_string_equal(detail_of(&query), "the database did not answer in time");
    assert_true(ticks >= 10);
    pg_query_clear(&query);
    loop_timer_stop(&loop, &ticker);
}

/* Cancelled, or stopped, while the connection is being made. */
static void test_leaving_while_connecting(void **state)
{
    (void)state;
    struct hole hole;
    hole_open(&hole);
    for (int names = 0; names < 2; names++) {
        for (int stop = 0; stop < 2; stop++) {
            struct pg_query query;
            fake_dns_set(false);
            pool_open(
                SETTINGS(.size = 1, .url = url_of("postgresql://%s:%u/personad",
                                                  names ? "slow.test" : "127.0.0.1", hole.port)));
            start(&query, &backend_pid, NULL);
            turn(20);
            assert_int_equal(in_state(PG_CONNECTING), 1);
            if (stop)
                pg_pool_stop(&pool);
            else
                op_cancel(&query.op);
            finish_all();
            assert_int_equal(code_of(&query), stop ? ERR_DRAINING : ERR_CANCELLED);
            pg_query_clear(&query);
            pool_close();
            fake_dns_set(true);
        }
    }
    hole_close(&hole);
}

/* --- several hosts
 * -------------------------------------------------------------------------------- */

static void test_several_hosts(void **state)
{
    (void)state;
    struct hole hole;
    unsigned closed;
    close(listen_somewhere(&closed, 1));
    hole_open(&hole);
    const unsigned port = cluster.port;
    const char *const here = cluster.directory;
    char urls[6][256];
    const size_t size = sizeof(urls[0]);
    snprintf(urls[0], size, "host=127.0.0.1,%s port=%u,%u user=personad", here, closed, port);
    snprintf(urls[1], size, "host=127.0.0.1,%s port=%u,%u user=personad", here, hole.port, port);
    snprintf(urls[2], size, "host=gone.test,/nowhere,%s port=%u user=personad", here, port);
    snprintf(urls[3], size, "host=%s port=%u user=personad target_session_attrs=read-write", here,
             port);
    snprintf(urls[4], size, "host=%s,%s port=%u user=personad target_session_attrs=prefer-standby",
             here, here, port);
    snprintf(urls[5], size, "postgresql://personad@/personad?host=/nowhere,%s&port=%u,%u", here,
             closed, port);
    for (size_t i = 0; i < COUNT(urls); i++) {
        pool_open(SETTINGS(.size = 1, .url = urls[i], .connect_ms = 1000));
        assert_true(pid_now() > 0);
        pool_close();
    }
    hole_close(&hole);

    snprintf(urls[0], size, "host=%s port=%u user=personad target_session_attrs=standby", here,
             port);
    assert_string_equal(refusal(urls[0]), "the database cannot be reached");
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

/* --- settings
 * -------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *format, ...)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    va_list args;
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    fclose(file);
}

static void test_service_and_password_files(void **state)
{
    (void)state;
    char services[64], passwords[64];
    snprintf(services, sizeof(services), "%s/services", cluster.directory);
    snprintf(passwords, sizeof(passwords), "%s/passwords", cluster.directory);
    write_file(services, "[ours]\nhost=local.test\nport=%u\nuser=guest\ndbname=personad\n",
               cluster.port);
    write_file(passwords, "local.test:%u:personad:guest:right\n", cluster.port);
    setenv("PGSERVICEFILE", services, 1);
    setenv("PGPASSFILE", passwords, 1);
    admin("CREATE ROLE guest LOGIN PASSWORD 'right'");
    for (int in_environment = 0; in_environment < 2; in_environment++) {
        if (in_environment)
            setenv("PGSERVICE", "ours", 1);
        pool_open(SETTINGS(.size = 1, .url = in_environment ? "" : "postgresql://?service=ours"));
        assert_true(pid_now() > 0);
        assert_int_equal(backends("usename = 'guest'"), 1);
        pool_close();
        turn_while(backends("usename = 'guest'") > 0);
    }
    unsetenv("PGSERVICE");
    unsetenv("PGSERVICEFILE");
    unsetenv("PGPASSFILE");
    admin("DROP ROLE guest");
}

static void test_urls_that_are_none(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "postgresql+asyncpg://user:secret@host/db", "secret",
        "postgresql://user:secret@host:port/db",    "postgresql://user:sec/ret@host/db",
        "postgresql://user:secret@host:99999/db",   "postgresql://user:secret@host/db?nonsense=1",
        "host=a,b port=1,2,3 password=secret",      "host=a,b hostaddr=1.2.3.4 password=secret",
        "host=1,2,3,4,5,6,7,8,9 password=secret",   "postgresql://user:secret%zz@host/db",
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct error error = {0};
        const struct pg_pool_settings settings = {
            .url = urls[i], .size = 1, .connect_ms = 1, .statement_ms = 1};
        assert_int_equal(pg_pool_init(&pool, &loop, &settings, &error), ERR_RANGE);
        assert_true(strlen(error.detail) > 0);
        assert_null(strstr(error.detail, "sec"));
    }
}

static const struct pg_statement echo = {"echo", "SELECT $1::text", 1};

static void make_certificate(void)
{
    char command[512];
    snprintf(command, sizeof(command),
             "cd %s/data && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=local.test "
             "-keyout server.key -out server.crt 2>openssl.log && chmod 600 server.key && "
             "chown --reference=PG_VERSION server.key server.crt",
             cluster.directory);
    assert_int_equal(system(command), 0);
}

static void assert_echo(size_t length)
{
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, 'x', length);
    text[length] = '\0';
    struct pg_query query;
    assert_int_equal(run(&query, &echo, VALUES(text)), OK);
    assert_string_equal(PQgetvalue(query.result, 0, 0), text);
    pg_query_clear(&query);
    free(text);
}

static void test_tls(void **state)
{
    (void)state;
    make_certificate();
    admin("ALTER SYSTEM SET ssl = on");
    admin("SELECT pg_reload_conf()");
    turn_while(strcmp(admin("SHOW ssl"), "on") != 0);
    admin("CREATE ROLE guest LOGIN PASSWORD 'right'");
    pool_open(
        SETTINGS(.size = 1, .url = url_of("postgresql://guest:right@local.test:%u/personad?"
                                          "sslmode=verify-full&sslrootcert=%s/data/server.crt",
                                          cluster.port, cluster.directory)));
    assert_echo(10 << 20);
    assert_true(PQsslInUse(pool.connections[PG_IDLE].newest->pq));
    struct pg_query query;
    start(&query, &sleep_long, NULL);
    turn_until_asleep();
    op_cancel(&query.op);
    finish_all();
    pg_query_clear(&query);
    turn_while(in_state(PG_IDLE) == 0);
    pool_close();
    turn_while(backends("usename = 'guest'") > 0);
    admin("DROP ROLE guest");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(broken_while_idle),
        TEST(broken_just_before),
        TEST(terminated_while_busy),
        TEST(cut_while_busy),
        TEST(cut_while_values_are_sent),
        TEST(stopped_and_started),
        TEST(refusals),
        TEST(too_many_connections),
        TEST(no_answer),
        TEST(a_name_that_takes_for_ever),
        TEST(leaving_while_connecting),
        TEST(several_hosts),
        TEST(read_only_server),
        TEST(service_and_password_files),
        TEST(urls_that_are_none),
        TEST(tls),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
