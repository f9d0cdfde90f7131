/*
 * Whatever changes what there is (a query comes, a connection is free, opened or gone, a timer
 * ends) calls settle(), which alone hands out connections and opens more.
 *
 * The connection used last is used next: so those that are too many are not used at all, and are
 * closed after a while. While the database cannot be reached one attempt is made at a time, so that
 * its return is not met by a crowd.
 */
#include "io/pg_pool.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "io/pg_connection.h"
#include "io/resolver.h"

enum {
    RETRY_MS_MIN = 100,
    RETRY_MS_MAX = 10 * 1000,
    RESOLVE_TTL_MS = 5 * 1000, /* a database that moves is soon found where it went */
};

static void settle(struct pg_pool *pool);

/* Connections that work, as far as is known. */
static size_t open_count(const struct pg_pool *pool)
{
    return pool->connections[PG_IDLE].count + pool->connections[PG_BUSY].count +
           pool->connections[PG_CANCELLING].count;
}

static bool has_any(const struct pg_pool *pool)
{
    return open_count(pool) + pool->connections[PG_CONNECTING].count > 0;
}

/* --- who waits -------------------------------------------------------------------------------- */

enum err pg_pool_admit(const struct pg_pool *pool, struct error *error)
{
    if (pool->stopped)
        return error_set(error, ERR_DRAINING, "the server is being stopped");
    if (pool->failures == 0 || has_any(pool))
        return OK;
    *error = pool->fault;
    return error->code;
}

void pg_pool_wait(struct pg_pool *pool, struct pg_query *query)
{
    /* One whose connection broke came before those who wait. */
    struct pg_query **link = query->broken > 0 ? &pool->first : pool->last;
    query->next = *link;
    query->link = link;
    *link = query;
    *(query->next ? &query->next->link : &pool->last) = &query->next;
    pool->waiting++;
    settle(pool);
}

void pg_pool_wait_no_more(struct pg_pool *pool, struct pg_query *query)
{
    *query->link = query->next;
    *(query->next ? &query->next->link : &pool->last) = query->link;
    query->link = NULL;
    pool->waiting--;
}

static void refuse_those_who_wait(struct pg_pool *pool)
{
    struct error error;
    while (pool->first && pg_pool_admit(pool, &error) != OK)
        op_stop(&pool->first->op, error.code, error.detail);
}

/* --- free connections ------------------------------------------------------------------------- */

static void on_too_old(struct loop_timer *timer)
{
    pg_pool_drop(container_of(timer, struct pg_connection, timer), false);
}

static bool has_surplus(const struct pg_pool *pool)
{
    return open_count(pool) > pool->settings.size && pool->connections[PG_IDLE].count > 0;
}

static void on_surplus(struct loop_timer *timer)
{
    struct pg_pool *pool = container_of(timer, struct pg_pool, surplus_timer);
    if (has_surplus(pool))
        pg_pool_drop(pool->connections[PG_IDLE].oldest, false);
}

static void watch_surplus(struct pg_pool *pool)
{
    if (!has_surplus(pool)) {
        loop_timer_stop(pool->loop, &pool->surplus_timer);
        return;
    }
    const uint64_t now = loop_now_ms(pool->loop);
    const uint64_t due =
        pool->connections[PG_IDLE].oldest->answered_ms + pool->settings.check_idle_ms;
    loop_timer_start(pool->loop, &pool->surplus_timer, due > now ? due - now : 0, on_surplus);
}

void pg_pool_take_back(struct pg_connection *connection)
{
    struct pg_pool *pool = connection->pool;
    const uint64_t now = loop_now_ms(pool->loop);
    const uint64_t age_ms = now - connection->opened_ms;
    if (pool->stopped || connection->doomed || age_ms >= pool->settings.recycle_ms) {
        pg_pool_drop(connection, false);
        return;
    }
    pg_connection_move(connection, PG_IDLE);
    loop_timer_start(pool->loop, &connection->timer, pool->settings.recycle_ms - age_ms,
                     on_too_old);
    settle(pool);
}

void pg_pool_drop_idle(struct pg_pool *pool)
{
    while (pool->connections[PG_IDLE].newest)
        pg_connection_close(pool->connections[PG_IDLE].newest);
}

/* --- how the database is ---------------------------------------------------------------------- */

static void on_retry(struct loop_timer *timer)
{
    struct pg_pool *pool = container_of(timer, struct pg_pool, retry_timer);
    if (!has_any(pool))
        pg_connection_new(pool);
    settle(pool);
}

/* Doubled with each failure; half of it is left to chance, so that not all servers come at once. */
static uint64_t retry_ms(unsigned failures)
{
    uint64_t ms = RETRY_MS_MIN;
    while (--failures > 0 && ms < RETRY_MS_MAX)
        ms *= 2;
    if (ms > RETRY_MS_MAX)
        ms = RETRY_MS_MAX;
    return ms / 2 + uv_hrtime() / 1000 % (ms / 2);
}

void pg_pool_opened(struct pg_connection *connection)
{
    struct pg_pool *pool = connection->pool;
    if (pool->failures > 0)
        log_info("", "database", "state=up failures=%u", pool->failures);
    pool->failures = 0;
    pool->fault = (struct error){0};
    pg_pool_take_back(connection);
}

void pg_pool_not_opened(struct pg_connection *connection, const struct error *error)
{
    struct pg_pool *pool = connection->pool;
    pg_connection_close(connection);
    if (pool->stopped)
        return;
    if (++pool->failures == 1)
        log_warn("", "database", "state=down open=%zu detail=%s", open_count(pool),
                 log_quote(error->detail));
    /* To whoever waits it is the database's failure in any case. */
    error_set(&pool->fault, ERR_DATABASE, "%s", error->detail);
    loop_timer_start(pool->loop, &pool->retry_timer, retry_ms(pool->failures), on_retry);
    refuse_those_who_wait(pool);
}

void pg_pool_drop(struct pg_connection *connection, bool lost)
{
    struct pg_pool *pool = connection->pool;
    pg_connection_close(connection);
    if (pool->stopped)
        return;
    if (!has_any(pool) && pool->retry_timer.place == 0) {
        if (lost)
            error_set(&pool->fault, ERR_DATABASE, "the connection to the database broke");
        pool->failures = 0; /* what failed did so while there was this one */
        loop_timer_start(pool->loop, &pool->retry_timer, 0, on_retry);
    }
    settle(pool);
}

/* --- who gets what ---------------------------------------------------------------------------- */

static bool may_open(const struct pg_pool *pool)
{
    const size_t connecting = pool->connections[PG_CONNECTING].count;
    const size_t most = pool->settings.size + pool->settings.overflow;
    return !pool->stopped && pool->retry_timer.place == 0 && connecting < pool->waiting &&
           open_count(pool) + connecting < most && (pool->fault.code == OK || connecting == 0);
}

static void settle(struct pg_pool *pool)
{
    while (pool->first && pool->connections[PG_IDLE].newest) {
        struct pg_query *query = pool->first;
        struct pg_connection *connection = pool->connections[PG_IDLE].newest;
        pg_pool_wait_no_more(pool, query);
        pg_connection_move(connection, PG_BUSY);
        connection->query = query;
        pg_query_take(query, connection);
    }
    while (may_open(pool))
        pg_connection_new(pool);
    watch_surplus(pool);
}

/* --- its life --------------------------------------------------------------------------------- */

enum err pg_pool_init(struct pg_pool *pool, struct loop *loop,
                      const struct pg_pool_settings *settings, struct error *error)
{
    assert(settings->size > 0);
    assert(settings->statement_ms > 0);
    assert(settings->connect_ms > 0);
    struct pg_target *target = NULL;
    const enum err err = pg_target_new(settings, &target, error);
    if (err != OK)
        return err;
    *pool = (struct pg_pool){.loop = loop, .settings = *settings, .target = target};
    pool->settings.url = NULL; /* the target has all of it */
    if (pool->settings.recycle_ms == 0)
        pool->settings.recycle_ms = UINT64_MAX;
    pool->last = &pool->first;
    pool->resolver = resolver_new(loop, RESOLVE_TTL_MS, 0);
    error_set(&pool->fault, ERR_DATABASE, "there is no connection to the database yet");
    loop_timer_start(loop, &pool->retry_timer, 0, on_retry);
    return OK;
}

void pg_pool_stop(struct pg_pool *pool)
{
    if (!pool->loop)
        return;
    pool->stopped = true;
    loop_timer_stop(pool->loop, &pool->retry_timer);
    loop_timer_stop(pool->loop, &pool->surplus_timer);
    refuse_those_who_wait(pool);
    pg_pool_drop_idle(pool);
    while (pool->connections[PG_CANCELLING].newest)
        pg_connection_close(pool->connections[PG_CANCELLING].newest);
    for (struct pg_connection *connection = pool->connections[PG_CONNECTING].newest; connection;
         connection = connection->older)
        pg_opening_stop(connection->opening);
}

bool pg_pool_busy(const struct pg_pool *pool)
{
    return has_any(pool) || pool->cancels > 0;
}

void pg_pool_clear(struct pg_pool *pool)
{
    if (!pool->loop)
        return;
    assert(pool->stopped);
    assert(!pg_pool_busy(pool));
    resolver_free(pool->resolver);
    pg_target_free(pool->target);
    *pool = (struct pg_pool){0};
}

const char *pg_pool_fault(const struct pg_pool *pool)
{
    return pool->fault.code != OK && open_count(pool) == 0 ? pool->fault.detail : NULL;
}

const char *pg_state_name(enum pg_state state)
{
    static const char *const names[] = {[PG_CONNECTING] = "connecting",
                                        [PG_IDLE] = "idle",
                                        [PG_BUSY] = "busy",
                                        [PG_CANCELLING] = "cancelling"};
    return names[state];
}
