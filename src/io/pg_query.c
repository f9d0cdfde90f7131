/*
 * A query owns a connection from pg_query_take to pg_connection_leave, or until it breaks. What
 * goes wrong on the way begins the steps anew where that is safe: on another connection, as long as
 * nothing was sent or nothing can have been changed; on the same one, where the server does not
 * know the statement as it was prepared.
 */
#include <assert.h>
#include <string.h>

#include "io/pg_connection.h"

enum {
    BROKEN_MAX = 3, /* connections that break under one query: the third is no accident */
    STATEMENT_GRACE_MS = 2000, /* the server's own time-out comes first */
};

static const char late[] = "the database did not answer in time";

static void on_waited_long(struct loop_timer *timer)
{
    struct pg_query *query = container_of(timer, struct pg_query, wait_timer);
    op_stop(&query->op, ERR_OVERLOADED, "no connection to the database came free in time");
}

static double seconds_since(uint64_t began_ns)
{
    return (double)(uv_hrtime() - began_ns) / 1e9;
}

static size_t bytes_of(const struct pg_query *query)
{
    size_t bytes = strlen(query->statement->sql);
    for (int i = 0; i < query->statement->parameter_count; i++)
        bytes += query->values[i] ? strlen(query->values[i]) : 0;
    return bytes;
}

static enum flow get_connection(struct op *op)
{
    struct pg_query *query = op_cast(op, pg_query);
    struct pg_pool *pool = query->pool;
    if (query->connection)
        return FLOW_NEXT; /* the second time, to prepare anew */
    query->bytes = bytes_of(query);
    if (query->bytes > PG_VALUES_BYTES_MAX)
        return op_fail(op, ERR_LIMIT, "the values have more than %d MB", PG_VALUES_BYTES_MAX >> 20);
    struct error error;
    if (pg_pool_admit(pool, &error) != OK)
        return op_fail_with(op, &error);
    query->began_ns = uv_hrtime();
    op_hold(op);
    loop_timer_start(pool->loop, &query->wait_timer, pool->settings.wait_ms, on_waited_long);
    pg_pool_wait(pool, query);
    return FLOW_WAIT;
}

void pg_query_take(struct pg_query *query, struct pg_connection *connection)
{
    loop_timer_stop(query->pool->loop, &query->wait_timer);
    query->wait_seconds += seconds_since(query->began_ns);
    query->connection = connection;
    op_release(&query->op);
}

static enum flow check_connection(struct op *op)
{
    struct pg_query *query = op_cast(op, pg_query);
    struct pg_connection *connection = query->connection;
    const uint64_t now = loop_now_ms(query->pool->loop);
    if (!connection || now - connection->answered_ms < query->pool->settings.check_idle_ms)
        return FLOW_NEXT;
    op_hold(op);
    pg_connection_check(connection);
    return FLOW_WAIT;
}

/* Until the statement has been answered: the server's own time-out, unless ours is earlier. */
static void set_deadline(struct pg_query *query)
{
    const uint64_t now = loop_now_ms(query->pool->loop);
    uint64_t after_ms = query->pool->settings.statement_ms + STATEMENT_GRACE_MS;
    const uint64_t own = query->options.deadline_ms;
    if (own != 0 && own < now + after_ms)
        after_ms = own > now ? own - now : 0;
    op_deadline(&query->op, after_ms, late);
}

static enum flow send_statement(struct op *op)
{
    struct pg_query *query = op_cast(op, pg_query);
    query->lost = !query->connection;
    if (query->lost)
        return FLOW_NEXT;
    set_deadline(query);
    query->began_ns = uv_hrtime();
    op_hold(op);
    pg_connection_send(query->connection);
    return FLOW_WAIT;
}

/* --- what came of it -------------------------------------------------------------------------- */

static void forget_answer(struct pg_query *query)
{
    query->sent = false;
    query->undone = false;
    PQclear(query->result);
    query->result = NULL;
    query->failure = (struct error){0};
    query->sqlstate[0] = '\0';
}

static enum flow connection_lost(struct pg_query *query)
{
    const bool harmless = !query->sent || (query->options.read_only && !query->sent_again);
    if (++query->broken < BROKEN_MAX && harmless) {
        query->sent_again |= query->sent;
        forget_answer(query);
        return FLOW_AGAIN;
    }
    if (query->undone) /* it was told before the connection broke */
        return op_fail_with(&query->op, &query->failure);
    query->outcome_unknown = query->sent;
    return op_fail(&query->op, ERR_DATABASE, "the connection to the database broke");
}

/* Is the server's idea of the prepared statement another one than ours? A pooler or somebody's
 * DEALLOCATE took it away, a table has changed, or it was left behind by a cancelled query. */
static bool is_misprepared(const struct pg_query *query)
{
    const char *sqlstate = query->sqlstate;
    if (query->prepared_again)
        return false;
    if (!query->prepared_before)
        return strcmp(sqlstate, "42P05") == 0; /* there is one of this name */
    return strcmp(sqlstate, "26000") == 0 ||   /* there is none of this name */
           strcmp(sqlstate, "0A000") == 0;     /* "cached plan must not change result type" */
}

static enum flow take_answer(struct op *op)
{
    struct pg_query *query = op_cast(op, pg_query);
    query->seconds = query->sent ? seconds_since(query->began_ns) : 0;
    if (query->lost)
        return connection_lost(query);
    if (query->connection && is_misprepared(query)) {
        query->prepared_again = true;
        query->connection->stale = true;
        forget_answer(query);
        return FLOW_AGAIN;
    }
    return query->failure.code == OK ? FLOW_DONE : op_fail_with(op, &query->failure);
}

static void on_cancel(struct op *op)
{
    struct pg_query *query = op_cast(op, pg_query);
    if (query->link) {
        pg_pool_wait_no_more(query->pool, query);
        op_release(op);
    } else if (query->connection) {
        pg_connection_leave(query->connection);
    }
}

static void on_end(struct op *op)
{
    struct pg_query *query = op_cast(op, pg_query);
    loop_timer_stop(query->pool->loop, &query->wait_timer);
    if (query->connection)
        pg_connection_leave(query->connection);
    if (op->error.code != OK) {
        PQclear(query->result);
        query->result = NULL;
    }
}

static const struct step query_steps[] = {{"connection", get_connection},
                                          {"check", check_connection},
                                          {"statement", send_statement},
                                          {"answer", take_answer},
                                          {0}};
static const struct op_kind query_kind = {"pg_query", query_steps, on_cancel, on_end};

void pg_query_start(struct pg_query *query, struct op_link link, struct pg_pool *pool,
                    const struct pg_statement *statement, const char *const *values,
                    const struct pg_query_options *options)
{
    assert(statement->parameter_count <= PG_PARAMETERS_MAX);
    memset(query, 0, sizeof(*query));
    query->pool = pool;
    query->statement = statement;
    query->values = values;
    if (options)
        query->options = *options;
    op_start(&query->op, &query_kind, link);
    const uint64_t now = loop_now_ms(pool->loop);
    const uint64_t deadline = query->options.deadline_ms;
    if (deadline != 0)
        op_deadline(&query->op, deadline > now ? deadline - now : 0, late);
}

void pg_query_clear(struct pg_query *query)
{
    if (!query->pool)
        return;
    assert(op_finished(&query->op));
    PQclear(query->result);
    query->result = NULL;
}
