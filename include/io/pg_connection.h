/*
 * pg_connection.h: what the files of the database pool share. Private to them.
 *
 *     pg_pool.c        who gets a connection; when one is opened, closed, tried again
 *     pg_query.c       the operation: a connection, its check, the statement, what came of it
 *     pg_connection.c  a connection and its socket on the loop
 *     pg_exchange.c    what goes over it: commands there, results back
 *     pg_opening.c     how a connection comes to be: names, addresses, libpq's handshake
 *     pg_cancel.c      telling the server to stop
 *     pg_target.c      what DATABASE_URL says
 *     pg_fault.c       SQLSTATEs in our words
 *
 * A connection is in the list of its state, and moves between these in pg_connection_move alone.
 * While it is BUSY it has a query, and each knows the other; any of the two may leave.
 */
#ifndef IO_PG_CONNECTION_H
#define IO_PG_CONNECTION_H

#include "base/arena.h"
#include "io/pg_pool.h"

struct pg_cancel;
struct pg_opening;
struct pg_watch;

/* --- what the URL says: pg_target.c ----------------------------------------------------------- */

enum {
    PG_HOSTS_MAX = 8,
    PG_WORDS_MAX = 24, /* libpq's settings that we give a value */
};

struct pg_host {
    const char *name;    /* "": the default; begins with / or @: a socket in the file system */
    const char *address; /* "": to be resolved */
    const char *port;
};

struct pg_target {
    struct arena arena;
    struct pg_host hosts[PG_HOSTS_MAX];
    size_t host_count;
    bool prefers_standby; /* no server is refused for being none, when all were asked */
    const char *keywords[PG_WORDS_MAX + 1], *values[PG_WORDS_MAX + 1]; /* the same for all hosts */
    size_t word_count;
};

/* ERR_RANGE as pg_pool_init. */
MUST_CHECK enum err pg_target_new(const struct pg_pool_settings *settings, struct pg_target **out,
                                  struct error *error);
void pg_target_free(struct pg_target *target);
bool pg_host_needs_lookup(const struct pg_host *host);
/* PQconnectStartParams with one host at one address ("": its own); `any`: a standby or not. */
PGconn *pg_target_connect(const struct pg_target *target, const struct pg_host *host,
                          const char *address, bool any);

/* --- a connection: pg_connection.c ------------------------------------------------------------ */

/* How far the exchange is. */
enum pg_phase {
    PG_QUIET,     /* there is none */
    PG_SENDING,   /* commands are on their way, and count for nothing without the sync */
    PG_ANSWERING, /* which has followed; until it comes back */
};

/* Whose results come next: an exchange begins with any of these, and goes on to the last. */
enum pg_command { PG_DEALLOCATE, PG_PREPARE, PG_EXECUTE, PG_SYNC };

struct pg_connection {
    struct pg_pool *pool;
    enum pg_state state;
    struct pg_connection *newer, *older; /* in the list of its state */
    PGconn *pq;                          /* NULL: none just now, while it opens */
    struct pg_watch *watch;              /* of its socket; NULL: not watched */
    struct pg_opening *opening;          /* while CONNECTING */
    struct pg_cancel *cancel;            /* while CANCELLING, until the worker thread is done */
    struct pg_query *query;              /* while BUSY */
    struct loop_timer timer; /* CONNECTING: for an address; IDLE: too old; BUSY: for a check;
                                CANCELLING: for the server to stop */
    uint64_t opened_ms, answered_ms;
    uint64_t give_up_ms; /* CANCELLING: until then it may become IDLE */
    enum pg_phase phase;
    enum pg_command command;
    bool stale;  /* the server may know other statements than we think */
    bool doomed; /* the server said that it ends, or is the wrong one now */
    const struct pg_statement *preparing; /* by the exchange */
    const struct pg_statement *prepared[PG_STATEMENTS_MAX];
    size_t prepared_count;
};

/* Begins to open one. */
struct pg_connection *pg_connection_new(struct pg_pool *pool);
void pg_connection_move(struct pg_connection *connection, enum pg_state state);
/* Closes and frees it, out of any state; its query has been told before. */
void pg_connection_close(struct pg_connection *connection);

/* Watches the socket for UV_READABLE, UV_WRITABLE. False: that is not possible. */
MUST_CHECK bool pg_connection_watch(struct pg_connection *connection, int events);
/* Before libpq may close the socket. */
void pg_connection_unwatch(struct pg_connection *connection);

/* libpq begins to connect; it goes with the connection from now on. False: out of memory. */
MUST_CHECK bool pg_connection_adopt(struct pg_connection *connection, PGconn *pq);
/* libpq has connected. False: it cannot be used. */
MUST_CHECK bool pg_connection_begin(struct pg_connection *connection);

/* --- what goes over it: pg_exchange.c --------------------------------------------------------- */

void pg_exchange_on_ready(struct pg_connection *connection);
/* The two exchanges, for its query, which has a hold until it was answered or is lost. */
void pg_connection_check(struct pg_connection *connection);
void pg_connection_send(struct pg_connection *connection);

/* The query has its answer, or wants none any more. */
void pg_connection_leave(struct pg_connection *connection);
/* The server was told to stop (or could not be told). */
void pg_connection_cancelled(struct pg_connection *connection, bool told);

/* --- the others ------------------------------------------------------------------------------- */

/* pg_opening.c: begins with a connection in the state CONNECTING; ends with pg_pool_opened or
 * pg_pool_not_opened. */
void pg_opening_start(struct pg_connection *connection);
void pg_opening_stop(struct pg_opening *opening);
void pg_opening_on_ready(struct pg_opening *opening);

/* pg_cancel.c: for at most PG_CANCELS_MAX connections at a time; false: there are so many. */
enum { PG_CANCELS_MAX = 4 /* half of the worker threads: where the network is gone, each waits */ };
bool pg_cancel_start(struct pg_connection *connection);
void pg_cancel_forget(struct pg_cancel *cancel); /* its connection is closed */

/* pg_pool.c */
void pg_pool_opened(struct pg_connection *connection);
void pg_pool_not_opened(struct pg_connection *connection, const struct error *error);
/* It has no query any more and may be used again. */
void pg_pool_take_back(struct pg_connection *connection);
/* Closes it, out of any state but CONNECTING. `lost`: it did not end by our will. */
void pg_pool_drop(struct pg_connection *connection, bool lost);
/* The most recently used did not answer: the others will not, either. */
void pg_pool_drop_idle(struct pg_pool *pool);
/* Does a query that comes now have to fail at once? OK: no. */
MUST_CHECK enum err pg_pool_admit(const struct pg_pool *pool, struct error *error);
/* Gives it a connection, by way of pg_query_take, now or later. */
void pg_pool_wait(struct pg_pool *pool, struct pg_query *query);
void pg_pool_wait_no_more(struct pg_pool *pool, struct pg_query *query);

/* pg_query.c */
void pg_query_take(struct pg_query *query, struct pg_connection *connection);

/* pg_fault.c: what a SQLSTATE means. "": `otherwise`, a static sentence. */
enum err pg_fault_describe(struct error *error, const char *sqlstate, const char *otherwise);
/* Of a failed attempt to connect, from libpq's words, as it has it nowhere else; "": none. */
void pg_fault_sqlstate(const PGconn *pq, char out[6]);
/* The first line of libpq's or the server's words, for the log alone; static. */
const char *pg_fault_words(const char *message);

#endif
