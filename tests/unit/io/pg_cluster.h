/*
 * pg_cluster.h: a PostgreSQL of one's own for a whole test program, and a connection to look at it.
 * It is gone when the program is, however that ends.
 */
#ifndef TESTS_PG_CLUSTER_H
#define TESTS_PG_CLUSTER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PG_CLUSTER   TEST_DATA "/../../scripts/pg-cluster"

static struct {
    char directory[32];
    char url[128];
    unsigned port;
    int guard; /* a pipe: when we are gone, the cluster goes */
    pid_t guardian;
    PGconn *admin;
} cluster;

/* Runs "pg-cluster WORDS DIR"; the first line it prints, if any, in `out`. */
static inline void run_cluster(const char *words, char *out, size_t size)
{
    char command[512];
    snprintf(command, sizeof(command), PG_CLUSTER " %s %s", words, cluster.directory);
    FILE *pipe = popen(command, "re");
    assert_non_null(pipe);
    out[0] = '\0';
    if (fgets(out, (int)size, pipe))
        out[strcspn(out, "\n")] = '\0';
    assert_int_equal(pclose(pipe), 0);
}

static inline void cluster_start(void)
{
    char words[64], url[sizeof(cluster.url)];
    snprintf(words, sizeof(words), "start --no-fsync --port %u", cluster.port);
    run_cluster(words, url, sizeof(url));
    strcpy(cluster.url, url);
    cluster.admin = PQconnectdb(cluster.url);
    assert_int_equal(PQstatus(cluster.admin), CONNECTION_OK);
}

static inline void cluster_stop(const char *words)
{
    char line[16];
    PQfinish(cluster.admin);
    cluster.admin = NULL;
    run_cluster(words, line, sizeof(line));
}

/* A process that stops the cluster when the pipe from us ends, in whatever way we do. */
static inline void start_guardian(void)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    cluster.guardian = fork();
    assert_true(cluster.guardian >= 0);
    if (cluster.guardian == 0) {
        static const char script[] =
            "trap '' INT TERM; read -r line <&0; " PG_CLUSTER " stop --immediate \"$1\" "
            ">/dev/null 2>&1; rm -rf \"$1\"";
        dup2(ends[0], STDIN_FILENO);
        execl("/bin/sh", "sh", "-c", script, "sh", cluster.directory, (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    cluster.guard = ends[1];
}

static inline int listen_somewhere(unsigned *port_out, int backlog)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port_out = ntohs(address.sin_port);
    return fd;
}

/* For the whole program. */
static inline void cluster_begin(void)
{
    static const char *const variables[] = {"PGHOST",     "PGHOSTADDR", "PGPORT",
                                            "PGUSER",     "PGPASSWORD", "PGDATABASE",
                                            "PGPASSFILE", "PGSERVICE",  "PGOPTIONS"};
    for (size_t i = 0; i < COUNT(variables); i++)
        unsetenv(variables[i]);
    strcpy(cluster.directory, "/tmp/pg-test-XXXXXX");
    assert_non_null(mkdtemp(cluster.directory));
    start_guardian();
    close(listen_somewhere(&cluster.port, 1));
    cluster_start();
}

static inline void cluster_end(void)
{
    PQfinish(cluster.admin);
    close(cluster.guard);
    assert_int_equal(waitpid(cluster.guardian, NULL, 0), cluster.guardian);
}

/* Runs SQL from outside; returns the first value, in one of four static slots; "" for none. */
static inline const char *admin(const char *format, ...)
{
    static char slots[4][256];
    static size_t next;
    char sql[1024], *value = slots[next++ % COUNT(slots)];
    va_list args;
    va_start(args, format);
    vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    PGresult *result = PQexec(cluster.admin, sql);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQresultErrorMessage(result));
    snprintf(value, sizeof(slots[0]), "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return value;
}

#endif
