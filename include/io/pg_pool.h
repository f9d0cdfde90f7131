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
 *     ... while (pg_pool_busy(&pool)) ...
 *     pg_pool_clear(&pool);
 *
 * A query waits for a connection, first come, first served, at most `wait_ms`; it is sent with its
 * preparation, where that is needed, in one pipeline, so that it is always one round trip, and is a
 * transaction of its own. One that is cancelled on the way has finished at once; the server is told
 * to stop by a second connection on a worker thread, and the first is used again when it has.
 *
 *     (opened) ──▶ CONNECTING ──▶ IDLE ◀──▶ BUSY ──▶ CANCELLING ──▶ IDLE
 *                      │           │         │           │
 *                      └───────────┴─────────┴───────────┘ failed, broke off, too old: (closed)
 *
 * The pool tries to have one connection at all times, so that it knows how the database is. While
 * it cannot be reached the pool tries again by itself, after 0.1 s at first and 10 s at last; in
 * between those who wait and those who come fail at once.
 *
 * The URL is libpq's, with all its settings: several hosts, target_session_attrs, service and
 * password files, TLS. Hosts are resolved off the loop. What libpq reads from files (services,
 * passwords, certificates, its own and the authority's) it reads on the loop as it connects: they
 * belong on a local disk. A pooler in between has to keep sessions, and to let `options` pass.
 *
 * A query fails with
 * - ERR_OVERLOADED    no connection came free in time (DB_POOL_TIMEOUT)
 * - ERR_DATABASE      the database cannot be reached, broke off, or refuses the statement;
 *                     `sqlstate` says more, and `outcome_unknown` whether a write may have been
 *                     done all the same
 * - ERR_DEADLINE      statement_timeout, or the query's own
 * - ERR_LIMIT         its values have more than PG_VALUES_BYTES_MAX
 * - ERR_DRAINING      the pool was stopped
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
struct pg_target;
struct resolver;

enum {
    PG_PARAMETERS_MAX = 32,
    PG_STATEMENTS_MAX = 64,         /* prepared on one connection; one more, and all are again */
    PG_VALUES_BYTES_MAX = 16 << 20, /* of a query's; libpq moves all that is left to send with each
                                       packet, so that it takes the square of the time */
    PG_ROWS_BYTES_MAX = 64 << 20,   /* of a query's, in memory */
};

struct pg_pool_settings {
    const char *url;        /* a URL or key=value words, as libpq takes them; "": its environment */
    size_t size;            /* DB_POOL_SIZE: kept open once they were needed */
    size_t overflow;        /* DB_MAX_OVERFLOW: more under load, closed when idle */
    uint64_t wait_ms;       /* DB_POOL_TIMEOUT: for a connection */
    uint64_t recycle_ms;    /* DB_POOL_RECYCLE: none grows older, unless it is busy; 0: any age */
    uint64_t connect_ms;    /* DB_CONNECT_TIMEOUT: for all addresses together */
    uint64_t statement_ms;  /* DB_STATEMENT_TIMEOUT: at the server; a little later we give up too */
    uint64_t check_idle_ms; /* idle for longer: checked before use, and closed when surplus */
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
    PGresult *result;     /* NULL after a failure. Where there are rows, PQntuples counts them, and
                             PQcmdTuples and PQresultStatus say nothing of use */
    char sqlstate[6];     /* of the failure; "" where the server said none */
    bool outcome_unknown; /* it was sent, and the connection broke before it was answered */
    double wait_seconds;  /* for a connection */
    double seconds;       /* at the server, on the wire included */
    /* private */
    struct pg_pool *pool;
    const struct pg_statement *statement;
    const char *const *values; /* text; NULL is SQL's NULL; borrowed until it has finished */
    struct pg_query_options options;
    struct pg_connection *connection; /* that is ours */
    struct pg_query *next, **link;    /* in the queue; link is NULL when not in it */
    bool sent;                        /* so that the server may have done it */
    bool lost;                        /* the connection broke while it was at work for us */
    bool undone;                      /* the server refused it, rather than its commit */
    bool prepared_before;             /* the server's plan was an older one */
    bool prepared_again;
    bool sent_again;      /* on another connection */
    unsigned broken;      /* connections under it */
    size_t bytes;         /* of the statement and its values */
    struct error failure; /* what the server answered */
    struct loop_timer wait_timer;
    uint64_t began_ns; /* to wait; to be sent */
};

enum pg_state { PG_CONNECTING, PG_IDLE, PG_BUSY, PG_CANCELLING, PG_STATE_COUNT };

struct pg_connections {
    struct pg_connection *newest, *oldest; /* by when they came into this state */
    size_t count;
};

struct pg_pool {
    struct loop *loop;
    struct pg_pool_settings settings;
    struct pg_connections connections[PG_STATE_COUNT]; /* their counts are for metrics */
    size_t waiting;                                    /* queries without a connection */
    /* private */
    struct pg_target *target; /* what the URL says */
    struct resolver *resolver;
    struct pg_query *first, **last; /* who waits, oldest first */
    struct error fault; /* why there may be no connection; OK: the latest attempt worked */
    unsigned failures;  /* attempts that failed, one after the other */
    struct loop_timer retry_timer;   /* until it ends no connection is tried */
    struct loop_timer surplus_timer; /* until the oldest idle one is closed */
    size_t cancels;                  /* under way on worker threads */
    bool stopped;
};

/* Is it one that a pool can use? ERR_RANGE: the detail says why not, and has nothing of it. Reads
 * the service file, where the URL names a service. */
MUST_CHECK enum err pg_url_check(const char *url, struct error *error);

/* Connects from the next round of the loop on. Fails as pg_url_check does. */
MUST_CHECK enum err pg_pool_init(struct pg_pool *pool, struct loop *loop,
                                 const struct pg_pool_settings *settings, struct error *error);
/* Those who wait fail; queries under way go on. */
void pg_pool_stop(struct pg_pool *pool);
/* After stop: is anything still open? */
bool pg_pool_busy(const struct pg_pool *pool);
/* When it is not. Nothing happens for one that is `{0}`. */
void pg_pool_clear(struct pg_pool *pool);

/* NULL: the database can be reached, by what was last seen of it. Else why not, for /ready; the
 * pool's until the loop goes on. */
const char *pg_pool_fault(const struct pg_pool *pool);

/* "connecting", "idle", "busy", "cancelling". */
const char *pg_state_name(enum pg_state state);

void pg_query_start(struct pg_query *query, struct op_link link, struct pg_pool *pool,
                    const struct pg_statement *statement, const char *const *values,
                    const struct pg_query_options *options);
/* After it has finished. Nothing happens for one that is `{0}`. */
void pg_query_clear(struct pg_query *query);

#endif
