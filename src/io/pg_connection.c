/*
 * A connection is always watched for reading once it is open: an idle one speaks only when it ends,
 * and that is noticed before somebody uses it.
 */
#include "io/pg_connection.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct pg_watch {
    uv_poll_t poll;
    struct pg_connection *connection;
    int events; /* 0: stopped */
};

/* --- lists ------------------------------------------------------------------------------------ */

static void leave_list(struct pg_connection *connection)
{
    struct pg_connections *list = &connection->pool->connections[connection->state];
    *(connection->newer ? &connection->newer->older : &list->newest) = connection->older;
    *(connection->older ? &connection->older->newer : &list->oldest) = connection->newer;
    list->count--;
}

static void enter_list(struct pg_connection *connection, enum pg_state state)
{
    struct pg_connections *list = &connection->pool->connections[state];
    connection->state = state;
    connection->newer = NULL;
    connection->older = list->newest;
    *(list->newest ? &list->newest->newer : &list->oldest) = connection;
    list->newest = connection;
    list->count++;
}

void pg_connection_move(struct pg_connection *connection, enum pg_state state)
{
    loop_timer_stop(connection->pool->loop, &connection->timer);
    leave_list(connection);
    enter_list(connection, state);
}

struct pg_connection *pg_connection_new(struct pg_pool *pool)
{
    struct pg_connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        abort();
    connection->pool = pool;
    enter_list(connection, PG_CONNECTING);
    pg_opening_start(connection);
    return connection;
}

void pg_connection_close(struct pg_connection *connection)
{
    assert(!connection->query);
    assert(!connection->opening);
    loop_timer_stop(connection->pool->loop, &connection->timer);
    pg_connection_unwatch(connection);
    if (connection->cancel)
        pg_cancel_forget(connection->cancel);
    PQfinish(connection->pq);
    leave_list(connection);
    free(connection);
}

/* --- the socket ------------------------------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct pg_watch *watch = container_of(poll, struct pg_watch, poll);
    if (status < 0)
        watch->events = 0; /* libuv has stopped; what is wrong libpq will find out */
    if (watch->connection->opening)
        pg_opening_on_ready(watch->connection->opening);
    else
        pg_exchange_on_ready(watch->connection);
}

bool pg_connection_watch(struct pg_connection *connection, int events)
{
    struct pg_watch *watch = connection->watch;
    if (!watch) {
        watch = calloc(1, sizeof(*watch));
        if (!watch)
            abort();
        if (uv_poll_init_socket(&connection->pool->loop->uv, &watch->poll,
                                PQsocket(connection->pq)) != 0) {
            free(watch);
            return false;
        }
        watch->connection = connection;
        connection->watch = watch;
    }
    if (watch->events == events)
        return true;
    watch->events = events;
    return uv_poll_start(&watch->poll, events, on_poll) == 0;
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(container_of(handle, struct pg_watch, poll));
}

void pg_connection_unwatch(struct pg_connection *connection)
{
    struct pg_watch *watch = connection->watch;
    if (!watch)
        return;
    connection->watch = NULL;
    uv_poll_stop(&watch->poll);
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

/* What the server says unasked: warnings, and that it ends. */
static void on_notice(void *context, const PGresult *notice)
{
    struct pg_connection *connection = context;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *sqlstate = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
    log_debug("", "database", "notice=%s sqlstate=%s message=%s", severity ? severity : "",
              sqlstate ? sqlstate : "",
              log_quote(pg_fault_words(PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY))));
    if (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
        connection->doomed = true;
}

bool pg_connection_adopt(struct pg_connection *connection, PGconn *pq)
{
    connection->pq = pq;
    connection->doomed = false;
    if (!pq)
        return false;
    PQsetNoticeReceiver(pq, on_notice, connection);
    PQsetErrorVerbosity(pq, PQERRORS_VERBOSE); /* for pg_fault_sqlstate */
    return true;
}

bool pg_connection_begin(struct pg_connection *connection)
{
    connection->opened_ms = connection->answered_ms = loop_now_ms(connection->pool->loop);
    return PQsetnonblocking(connection->pq, 1) == 0 && PQenterPipelineMode(connection->pq) == 1 &&
           pg_connection_watch(connection, UV_READABLE);
}
