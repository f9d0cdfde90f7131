/*
 * Where the database is looked for, and by which settings; one that does not let us in, or does not
 * answer.
 */
#include <sys/stat.h>

#include "pg_fixture.h"

static const struct pg_statement sleep_long = {"sleep_long", "SELECT pg_sleep(1000)", 0};
static const struct pg_statement nap = {"nap", "SELECT pg_backend_pid(), pg_sleep(0.2)", 0};

/* --- a server that does not let us in --------------------------------------------------------- */

/* Opens a pool whose database cannot be reached; what a query hears of it. */
static const char *refusal(const char *url)
{
    static char detail[ERROR_DETAIL_BYTES];
    struct pg_query query;
    pool_open(SETTINGS(.size = 2, .url = url));
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

/* --- a server that does not answer ------------------------------------------------------------ */

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

static void test_no_answer(void **state)
{
    (void)state;
    struct hole hole;
    hole_open(&hole);
    char urls[2][128];
    snprintf(urls[0], sizeof(urls[0]), "postgresql://127.0.0.1:%u/personad", hole.port);
    snprintf(urls[1], sizeof(urls[1]), "postgresql://slow.test:%u/personad", cluster.port);
    fake_dns_set(false);
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct pg_query query;
        pool_open(SETTINGS(.size = 1, .connect_ms = 100, .url = urls[i]));
        assert_int_equal(run(&query, &backend_pid, NULL), ERR_DATABASE);
        assert_string_equal(detail_of(&query), "the database did not answer in time");
        pg_query_clear(&query);
        pool_close();
    }
    hole_close(&hole);
}

static int ticks;

static void on_tick(struct loop_timer *timer)
{
    ticks++;
    loop_timer_start(&loop, timer, 1, on_tick);
}

/* The loop goes on meanwhile. */
static void tick(void)
{
    struct loop_timer timer = {0};
    ticks = 0;
    on_tick(&timer);
    while (ticks < 10)
        uv_run(&loop.uv, UV_RUN_ONCE);
    loop_timer_stop(&loop, &timer);
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
            tick();
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

/* --- several hosts ---------------------------------------------------------------------------- */

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
        pool_open(SETTINGS(.size = 1, .url = urls[i], .connect_ms = 4000));
        assert_true(pid_now() > 0);
        pool_close();
    }
    hole_close(&hole);

    snprintf(urls[0], size, "host=%s port=%u user=personad target_session_attrs=standby", here,
             port);
    assert_string_equal(refusal(urls[0]), "the database cannot be reached");
}

/* --- settings --------------------------------------------------------------------------------- */

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
        TEST(refusals),           TEST(too_many_connections),
        TEST(no_answer),          TEST(leaving_while_connecting),
        TEST(several_hosts),      TEST(service_and_password_files),
        TEST(urls_that_are_none), TEST(tls),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
