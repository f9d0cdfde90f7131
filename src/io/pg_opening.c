/*
 * libpq can try several hosts by itself, but it has no time-out for each when it may not block, so
 * that the first that does not answer would take all the time there is. So we give it one address
 * after the other, each with its share of the time that is left.
 *
 * libpq closes and opens sockets as it goes (another address, TLS or not), often with the number of
 * the one before. So the socket is not watched while libpq works, and asked for anew after.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "io/pg_connection.h"
#include "io/resolver.h"

enum { CANDIDATES_MAX = 32 };

struct candidate {
    const struct pg_host *host;
    const char *address;
    bool any; /* also where the host is no standby */
};

struct pg_opening {
    struct op op;
    struct pg_connection *connection;
    struct lookup lookups[PG_HOSTS_MAX];
    struct candidate candidates[CANDIDATES_MAX];
    size_t candidate_count;
    size_t tried; /* so many of them, the present one included */
    bool connected;
    struct error failure; /* of the latest one tried */
};

static struct pg_target *target_of(const struct pg_opening *opening)
{
    return opening->connection->pool->target;
}

/* --- names ------------------------------------------------------------------------------------ */

static enum flow resolve(struct op *op)
{
    struct pg_opening *opening = op_cast(op, pg_opening);
    const struct pg_target *target = target_of(opening);
    for (size_t i = 0; i < target->host_count; i++) {
        if (pg_host_needs_lookup(&target->hosts[i]))
            lookup_start(&opening->lookups[i], try(op), opening->connection->pool->resolver,
                         target->hosts[i].name);
    }
    return FLOW_WAIT;
}

static void add_candidate(struct pg_opening *opening, const struct pg_host *host,
                          const char *address, bool any)
{
    if (opening->candidate_count < CANDIDATES_MAX)
        opening->candidates[opening->candidate_count++] =
            (struct candidate){.host = host, .address = address, .any = any};
}

static void add_candidates(struct pg_opening *opening, bool any)
{
    const struct pg_target *target = target_of(opening);
    for (size_t i = 0; i < target->host_count; i++) {
        const struct pg_host *host = &target->hosts[i];
        const struct lookup *lookup = &opening->lookups[i];
        if (!pg_host_needs_lookup(host)) {
            add_candidate(opening, host, host->address, any);
            continue;
        }
        if (op_error(&lookup->op)->code != OK) {
            log_debug("", "database", "fault=lookup host=%zu detail=%s", i,
                      log_quote(op_error(&lookup->op)->detail));
            continue;
        }
        for (size_t k = 0; k < lookup->addresses.count; k++)
            add_candidate(opening, host, lookup->addresses.text[k], any);
    }
}

/* --- addresses -------------------------------------------------------------------------------- */

static void try_next(struct pg_opening *opening);

/* Lets go of libpq's connection, if there is one. */
static void hang_up(struct pg_connection *connection)
{
    loop_timer_stop(connection->pool->loop, &connection->timer);
    pg_connection_unwatch(connection);
    PQfinish(connection->pq);
    connection->pq = NULL;
}

static void give_up(struct pg_opening *opening)
{
    struct pg_connection *connection = opening->connection;
    char sqlstate[6];
    pg_fault_sqlstate(connection->pq, sqlstate);
    pg_fault_describe(&opening->failure, sqlstate, "the database cannot be reached");
    /* While it stays away, once is enough. */
    log_event(connection->pool->failures == 0 ? LOG_WARN : LOG_DEBUG, "", "database",
              "fault=connect sqlstate=%s message=%s", sqlstate,
              log_quote(pg_fault_words(PQerrorMessage(connection->pq))));
    hang_up(connection);
    try_next(opening);
}

static void on_address_timeout(struct loop_timer *timer)
{
    struct pg_connection *connection = container_of(timer, struct pg_connection, timer);
    struct pg_opening *opening = connection->opening;
    error_set(&opening->failure, ERR_DATABASE, "the database did not answer in time");
    hang_up(connection);
    try_next(opening);
}

static void try_next(struct pg_opening *opening)
{
    struct pg_connection *connection = opening->connection;
    struct loop *loop = connection->pool->loop;
    if (opening->tried == opening->candidate_count) {
        op_release(&opening->op);
        return;
    }
    const struct candidate *candidate = &opening->candidates[opening->tried++];
    const size_t left = opening->candidate_count - opening->tried;
    const uint64_t now = loop_now_ms(loop);
    const uint64_t end = opening->op.deadline.expiry_ms;
    const uint64_t share_ms = (end > now ? end - now : 0) / (left + 1);
    if (left > 0) /* the last one has until the operation's own deadline */
        loop_timer_start(loop, &connection->timer, share_ms, on_address_timeout);

    if (!pg_connection_adopt(connection, pg_target_connect(target_of(opening), candidate->host,
                                                           candidate->address, candidate->any))) {
        error_set(&opening->failure, ERR_INTERNAL, "out of memory");
        op_release(&opening->op);
        return;
    }
    if (PQstatus(connection->pq) == CONNECTION_BAD || !pg_connection_watch(connection, UV_WRITABLE))
        give_up(opening);
}

void pg_opening_on_ready(struct pg_opening *opening)
{
    struct pg_connection *connection = opening->connection;
    if (opening->connected)
        return; /* the loop has not come to the end of the operation yet */
    pg_connection_unwatch(connection);
    const PostgresPollingStatusType wants = PQconnectPoll(connection->pq);
    bool ok = false;
    if (wants == PGRES_POLLING_READING)
        ok = pg_connection_watch(connection, UV_READABLE);
    else if (wants == PGRES_POLLING_WRITING)
        ok = pg_connection_watch(connection, UV_WRITABLE);
    else if (wants == PGRES_POLLING_OK)
        ok = opening->connected = pg_connection_begin(connection);
    if (!ok)
        give_up(opening);
    if (opening->connected) {
        loop_timer_stop(connection->pool->loop, &connection->timer);
        op_release(&opening->op);
    }
}

static enum flow connect_first(struct op *op)
{
    struct pg_opening *opening = op_cast(op, pg_opening);
    const bool prefers_standby = target_of(opening)->prefers_standby;
    add_candidates(opening, !prefers_standby);
    if (prefers_standby)
        add_candidates(opening, true);
    error_set(&opening->failure, ERR_DATABASE, "the name of the database's host is unknown");
    op_hold(op);
    try_next(opening);
    return FLOW_WAIT;
}

/* --- the operation ---------------------------------------------------------------------------- */

static enum flow conclude(struct op *op)
{
    const struct pg_opening *opening = op_cast(op, pg_opening);
    return opening->connected ? FLOW_DONE : op_fail_with(op, &opening->failure);
}

static void on_cancel(struct op *op)
{
    hang_up(op_cast(op, pg_opening)->connection);
    op_release(op);
}

static const struct step opening_steps[] = {
    {"resolve", resolve}, {"connect", connect_first}, {"conclude", conclude}, {0}};
static const struct op_kind opening_kind = {"pg_opening", opening_steps, on_cancel, NULL};

static void on_finish(struct op *op, void *context)
{
    struct pg_opening *opening = op_cast(op, pg_opening);
    struct pg_connection *connection = context;
    struct error error = *op_error(op);
    free(opening);
    connection->opening = NULL;
    if (error.code == OK)
        pg_pool_opened(connection);
    else
        pg_pool_not_opened(connection, &error);
}

void pg_opening_start(struct pg_connection *connection)
{
    struct pg_opening *opening = calloc(1, sizeof(*opening));
    if (!opening)
        abort();
    opening->connection = connection;
    connection->opening = opening;
    struct pg_pool *pool = connection->pool;
    op_start(&opening->op, &opening_kind, root(pool->loop, on_finish, connection));
    op_deadline(&opening->op, pool->settings.connect_ms, "the database did not answer in time");
}

void pg_opening_stop(struct pg_opening *opening)
{
    op_cancel(&opening->op);
}
