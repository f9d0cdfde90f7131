/*
 * libpq is in its pipeline mode for good, as only that sends several commands, and a sync behind
 * them, without waiting in between:
 *
 *     [DEALLOCATE ALL] [Parse] Bind, Execute  Sync
 *
 * What is between two syncs is one transaction, so without the sync nothing counts. It is written
 * after everything before it has been written, unless all of it fits in one packet: so it is known
 * whether it was sent.
 *
 * Rows are taken one by one, as libpq would otherwise gather them all before we could say that they
 * are too many. A single row is in memory before its size is known.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/pg_connection.h"

enum {
    PACKET_BYTES = 4096, /* of a statement and its values, that are written at once */
    CANCEL_MS = 5000,    /* for the server to stop what it does */
    TELL_AGAIN_MS = 50,  /* told before it had begun, it takes no notice */
};

/* --- the end of an exchange ------------------------------------------------------------------- */

/* Parts with the query, which waits no longer for what was under way. */
static void let_go(struct pg_connection *connection)
{
    struct pg_query *query = connection->query;
    if (!query)
        return;
    connection->query = NULL;
    query->connection = NULL;
    if (connection->phase != PG_QUIET)
        op_release(&query->op);
}

static void lose(struct pg_connection *connection)
{
    if (connection->query)
        connection->query->lost = connection->phase != PG_QUIET;
    let_go(connection);
    pg_pool_drop(connection, true);
}

static void tell_to_stop(struct pg_connection *connection);

static void on_timer(struct loop_timer *timer)
{
    struct pg_connection *connection = container_of(timer, struct pg_connection, timer);
    struct pg_pool *pool = connection->pool;
    if (connection->state != PG_CANCELLING) {
        pg_pool_drop_idle(pool); /* the check of the one used last was not answered */
        lose(connection);
    } else if (!connection->cancel && loop_now_ms(pool->loop) < connection->give_up_ms) {
        tell_to_stop(connection);
    } else {
        pg_pool_drop(connection, false);
    }
}

/* Is one that nobody waits for any more as good as before? */
static void settle(struct pg_connection *connection)
{
    if (connection->state == PG_CANCELLING && connection->phase == PG_QUIET && !connection->cancel)
        pg_pool_take_back(connection);
}

static void tell_to_stop(struct pg_connection *connection)
{
    struct loop *loop = connection->pool->loop;
    const uint64_t left_ms = connection->give_up_ms - loop_now_ms(loop);
    loop_timer_start(loop, &connection->timer, left_ms, on_timer);
    /* Where the last command has been answered there is nothing to stop. */
    if (connection->command != PG_SYNC && !pg_cancel_start(connection))
        pg_pool_drop(connection, false);
}

void pg_connection_cancelled(struct pg_connection *connection, bool told)
{
    if (!told)
        pg_pool_drop(connection, false);
    else if (connection->phase == PG_QUIET)
        settle(connection);
    else
        loop_timer_start(connection->pool->loop, &connection->timer, TELL_AGAIN_MS, on_timer);
}

/* The exchange goes on without its query. */
static void break_off(struct pg_connection *connection)
{
    let_go(connection);
    pg_connection_move(connection, PG_CANCELLING);
    connection->give_up_ms = loop_now_ms(connection->pool->loop) + CANCEL_MS;
    tell_to_stop(connection);
}

void pg_connection_leave(struct pg_connection *connection)
{
    if (connection->phase == PG_ANSWERING) {
        break_off(connection);
        return;
    }
    const bool clean = connection->phase == PG_QUIET;
    let_go(connection);
    if (clean)
        pg_pool_take_back(connection);
    else
        pg_pool_drop(connection, false); /* half a statement was sent */
}

/* --- results ---------------------------------------------------------------------------------- */

/* Takes over what has arrived. False: the connection has ended; there may be bytes before that. */
static bool consume(struct pg_connection *connection)
{
    PGconn *pq = connection->pq;
    const bool alive = PQconsumeInput(pq);
    for (PGnotify *notify; (notify = PQnotifies(pq));)
        PQfreemem(notify);
    return alive && PQstatus(pq) == CONNECTION_OK;
}

static void take_failure(struct pg_connection *connection, const PGresult *result)
{
    struct pg_query *query = connection->query;
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (!query || query->failure.code != OK ||
        (!sqlstate && PQstatus(connection->pq) != CONNECTION_OK))
        return; /* libpq's words on a lost connection are no answer */
    const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    snprintf(query->sqlstate, sizeof(query->sqlstate), "%s", sqlstate ? sqlstate : "");
    pg_fault_describe(&query->failure, query->sqlstate, "the database refuses the statement");
    query->undone = connection->command != PG_SYNC;
    log_warn(query->op.log_id, "database", "statement=%s sqlstate=%s message=%s",
             query->statement->name, query->sqlstate,
             log_quote(pg_fault_words(words ? words : PQresultErrorMessage(result))));
    if (strcmp(query->sqlstate, "25006") == 0)
        connection->doomed = true; /* another host may be the one that takes writes now */
}

/* Adds the row of `result` to those of the query; true: `result` is kept. */
static bool take_row(struct pg_query *query, PGresult *result)
{
    bool kept = false, ok = true;
    if (!query->result) {
        query->result = result;
        kept = true;
    } else {
        const int row = PQntuples(query->result);
        const int columns = PQnfields(query->result);
        for (int i = 0; i < columns && ok; i++) {
            const bool null = PQgetisnull(result, 0, i);
            ok = PQsetvalue(query->result, row, i, null ? NULL : PQgetvalue(result, 0, i),
                            null ? -1 : PQgetlength(result, 0, i));
        }
    }
    if (!ok)
        error_set(&query->failure, ERR_INTERNAL, "out of memory");
    else if (PQresultMemorySize(query->result) > PG_ROWS_BYTES_MAX)
        error_set(&query->failure, ERR_DATABASE, "the rows have more than %d MB",
                  PG_ROWS_BYTES_MAX >> 20);
    return kept;
}

static void take_result(struct pg_connection *connection, PGresult *result)
{
    struct pg_query *query = connection->query;
    bool kept = false;
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
        connection->phase = PG_QUIET;
        connection->answered_ms = loop_now_ms(connection->pool->loop);
        break;
    case PGRES_PIPELINE_ABORTED: /* for an error that was told before */
        break;
    case PGRES_SINGLE_TUPLE:
        if (query && query->failure.code == OK)
            kept = take_row(query, result);
        break;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
        if (connection->command == PG_PREPARE)
            connection->prepared[connection->prepared_count++] = connection->preparing;
        kept = connection->command == PG_EXECUTE && query && !query->result;
        if (kept)
            query->result = result;
        break;
    default:
        take_failure(connection, result);
        break;
    }
    if (!kept)
        PQclear(result);
}

/* Each command's results end with a NULL; two of them in a row say that libpq has nothing left. */
static void take_results(struct pg_connection *connection)
{
    bool ended = false;
    while (connection->phase == PG_ANSWERING && !PQisBusy(connection->pq)) {
        PGresult *result = PQgetResult(connection->pq);
        if (result) {
            take_result(connection, result);
            ended = false;
            continue;
        }
        if (ended)
            return;
        ended = true;
        if (connection->command < PG_SYNC)
            connection->command++;
        (void)PQsetSingleRowMode(connection->pq); /* refused where it makes no sense */
    }
}

/* --- commands --------------------------------------------------------------------------------- */

/* From now on the commands count. */
static bool put_sync(struct pg_connection *connection)
{
    connection->phase = PG_ANSWERING;
    connection->query->sent = connection->command != PG_SYNC;
    return PQpipelineSync(connection->pq);
}

/* Writes on, the sync where its time has come. False: the connection has ended. */
static bool write_on(struct pg_connection *connection)
{
    int left = PQflush(connection->pq);
    if (left == 0 && connection->phase == PG_SENDING)
        left = put_sync(connection) ? PQflush(connection->pq) : -1;
    return left >= 0 &&
           pg_connection_watch(connection, left > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

void pg_exchange_on_ready(struct pg_connection *connection)
{
    bool alive = consume(connection) && write_on(connection);
    const bool was_answering = connection->phase == PG_ANSWERING;
    take_results(connection);
    const bool answered = was_answering && connection->phase == PG_QUIET;
    struct pg_query *query = connection->query;
    if (answered && query) {
        loop_timer_stop(connection->pool->loop, &connection->timer);
        op_release(&query->op);
    }
    alive = alive && PQstatus(connection->pq) == CONNECTION_OK;
    if (!alive || (connection->doomed && connection->phase == PG_QUIET && !answered))
        lose(connection);
    else if (query && query->failure.code != OK && !*query->sqlstate && !answered)
        break_off(connection); /* we want no more of its rows */
    else
        settle(connection);
}

void pg_connection_check(struct pg_connection *connection)
{
    struct pg_pool *pool = connection->pool;
    connection->command = PG_SYNC;
    if (put_sync(connection) && write_on(connection))
        loop_timer_start(pool->loop, &connection->timer, pool->settings.connect_ms, on_timer);
    else
        lose(connection);
}

static bool is_prepared(const struct pg_connection *connection,
                        const struct pg_statement *statement)
{
    for (size_t i = 0; i < connection->prepared_count; i++) {
        if (connection->prepared[i] == statement)
            return true;
    }
    return false;
}

/* Gives libpq the commands of the query. */
static bool write_commands(struct pg_connection *connection)
{
    struct pg_query *query = connection->query;
    const struct pg_statement *statement = query->statement;
    PGconn *pq = connection->pq;
    bool ok = true;
    query->prepared_before = !connection->stale && is_prepared(connection, statement);
    connection->command = PG_EXECUTE;
    if (!query->prepared_before) {
        connection->command = PG_PREPARE;
        connection->preparing = statement;
        if (connection->stale || connection->prepared_count == PG_STATEMENTS_MAX) {
            connection->command = PG_DEALLOCATE;
            connection->prepared_count = 0;
            connection->stale = false;
            ok = PQsendQueryParams(pq, "DEALLOCATE ALL", 0, NULL, NULL, NULL, NULL, 0);
        }
        ok = ok &&
             PQsendPrepare(pq, statement->name, statement->sql, statement->parameter_count, NULL);
    }
    ok = ok && PQsendQueryPrepared(pq, statement->name, statement->parameter_count, query->values,
                                   NULL, NULL, 0);
    (void)PQsetSingleRowMode(pq);
    return ok;
}

void pg_connection_send(struct pg_connection *connection)
{
    const bool fits = connection->query->bytes <= PACKET_BYTES;
    connection->phase = PG_SENDING;
    bool ok = consume(connection) && !connection->doomed && write_commands(connection);
    if (ok && fits)
        ok = put_sync(connection);
    if (!ok || !write_on(connection))
        lose(connection);
}
