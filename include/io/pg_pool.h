/*
 * pg_pool.h: PostgreSQL without a blocking call: a pool of connections, one statement at a time on
 * each, prepared there once.
 *
 *     struct pg_pool pool;
 *     if (pg_pool_init(&pool, &loop, &settings, &error) != OK) ...   // wrong DATABASE_URL
 *
 *     static const struct pg_statement find = {"find", "SELECT ... WHERE id = $1", 1};
 *     pg_query_start(&query, try(op), &pool, &find, values, &options);
 *     ... // in the next step
 *     if (op_error(&query.op)->code == OK)
 *         ... PQgetvalue(query.result, 0, 0) ...
 *     pg_query_clear(&query);
 *
 *     pg_pool_stop(&pool);        // at the end: connections are closed once they are free
 *     pg_pool_clear(&pool);
 *
 * A query waits for a connection, first come, first served, at most `wait_ms`; it is sent with its
 * preparation, where that is needed, in one pipeline, so that it is always one round trip. One that
 * is cancelled on the way is broken off at the server, by a second connection on a worker thread.
 *
 *     DOWN ──▶ CONNECTING ──▶ IDLE ◀──▶ BUSY ──▶ (CANCELLING) ──▶ IDLE
 *      ▲            │           │         │
 *      └────────────┴───────────┴─────────┘ failed, closed by the server, too old
 *
 * Fails with
 * - ERR_OVERLOADED    no connection came free in time (DB_POOL_TIMEOUT)
 * - ERR_DATABASE      the database cannot be reached, broke off, or refuses the statement;
 * `sqlstate` says more, and `outcome_unknown` whether a write may have been done all the same
 * - ERR_DEADLINE      statement_timeout, or the query's own
 * Details name the kind of fault and its SQLSTATE, never the URL, a value or a row: the server's
 * own words go to the log alone.
 */
#ifndef IO_PG_POOL_H
#define IO_PG_POOL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/op.h"

struct pg_connection;

enum {
    PG_PARAMETERS_MAX = 32,
    PG_STATEMENTS_MAX = 64, /* prepared on one connection */
};

struct pg_pool_settings {
    const char *url;       /* a URL or key=value words, as libpq takes them; "" with PGSERVICE... */
    size_t size;           /* DB_POOL_SIZE: kept open once they were needed */
    size_t overflow;       /* DB_MAX_OVERFLOW: more under load, closed when idle */
    uint64_t wait_ms;      /* DB_POOL_TIMEOUT: for a connection */
    uint64_t recycle_ms;   /* DB_POOL_RECYCLE: none grows older */
    uint64_t connect_ms;   /* DB_CONNECT_TIMEOUT: for all addresses together */
    uint64_t statement_ms; /* DB_STATEMENT_TIMEOUT: at the server; a little later we give up too */
    uint64_t check_idle_ms; /* idle for longer: checked before use */
};

/* Static text. `name` is unique in the process. */
struct pg_statement {
    const char *name;
    const char *sql;
    int parameter_count;
};

struct pg_query_options {
    uint64_t deadline_ms; /* loop time; 0: none beside the statement's own */
    bool read_only; /* may be sent again by itself on another connection, once, where the first
                       one broke */
};

struct pg_query {
    struct op op;
    /* results */
    PGresult *result;     /* rows; NULL after a failure */
    char sqlstate[6];     /* of the failure; "" where the server said none */
    bool outcome_unknown; /* it was sent, and the connection broke before it was answered */
    double wait_seconds;  /* for a connection */
    double seconds;       /* at the server, on the wire included */
    /* private */
    struct pg_pool *pool;
    const struct pg_statement *statement;
    const char *const *values; /* text; NULL is SQL's NULL; borrowed until it has finished */
    struct pg_query_options options;
    struct pg_connection *connection;
    struct pg_query *next; /* in the queue */
    bool queued;
};

struct pg_pool {
    struct loop *loop;
    struct pg_pool_settings settings;
    size_t open, busy, waiting; /* for /ready and metrics */
    /* private: to be filled in */
};

/* Does not connect yet. ERR_RANGE: the URL is not one (the detail has no password in it). */
MUST_CHECK enum err pg_pool_init(struct pg_pool *pool, struct loop *loop,
                                 const struct pg_pool_settings *settings, struct error *error);
void pg_pool_stop(struct pg_pool *pool);
bool pg_pool_busy(const struct pg_pool *pool); /* after stop: is anything still open? */
void pg_pool_clear(struct pg_pool *pool);

/* Is the database known to be reachable, by what was last seen? Else why not, for /ready; static or
 * the pool's. NULL: it is. */
const char *pg_pool_fault(const struct pg_pool *pool);

void pg_query_start(struct pg_query *query, struct op_link link, struct pg_pool *pool,
                    const struct pg_statement *statement, const char *const *values,
                    const struct pg_query_options *options);
/* After it has finished. Nothing happens for one that is `{0}`. */
void pg_query_clear(struct pg_query *query);

#endif
