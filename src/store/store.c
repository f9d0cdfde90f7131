#include "store/store.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

enum {
    CHECK_IDLE_MS = 30 * 1000, /* of a connection; routers forget idle ones after minutes */
    LOOK_SOON_MS = 2 * 1000,   /* between two looks at the tables while something is wrong, */
    LOOK_MS = 60 * 1000,       /* and while all is well */
};

static void look(struct loop_timer *timer);

/* What changed is worth a line. */
static void note(struct store *store, const char *fault)
{
    const bool changed = !store->seen || strcmp(fault, store->fault) != 0;
    store->seen = true;
    snprintf(store->fault, sizeof(store->fault), "%s", fault);
    if (!changed)
        return;
    if (*fault)
        log_error("", "database", "fault=%s", log_quote(fault));
    else
        log_info("", "database", "state=ready");
}

static void on_looked(struct op *op, void *context)
{
    struct store *store = context;
    const struct error *error = op_error(op);
    store->checking = false;
    if (store->stopped)
        return;
    note(store, error->code == OK ? store->check.report.fault : error->detail);
    loop_timer_start(store->pool.loop, &store->timer, *store->fault ? LOOK_SOON_MS : LOOK_MS, look);
}

static void look(struct loop_timer *timer)
{
    struct store *store = container_of(timer, struct store, timer);
    store->checking = true;
    schema_check_start(&store->check, root(store->pool.loop, on_looked, store), &store->pool);
}

enum err store_check(const struct config *config, struct error *error)
{
    struct error fault;
    if (!config->database_url || pg_url_check(config->database_url, &fault) == OK)
        return OK;
    return error_set(error, ERR_RANGE, "DATABASE_URL: %s", fault.detail);
}

enum err store_init(struct store *store, struct loop *loop, const struct config *config,
                    struct error *error)
{
    memset(store, 0, sizeof(*store));
    enum err err = store_check(config, error);
    if (err == OK)
        err = pg_pool_init(&store->pool, loop,
                           &(struct pg_pool_settings){
                               .url = config->database_url,
                               .size = (size_t)config->db_pool_size,
                               .overflow = (size_t)config->db_max_overflow,
                               .wait_ms = config->db_pool_timeout_ms,
                               .recycle_ms = config->db_pool_recycle_ms,
                               .connect_ms = config->db_connect_timeout_ms,
                               .statement_ms = config->db_statement_timeout_ms,
                               .check_idle_ms = CHECK_IDLE_MS,
                           },
                           error);
    if (err != OK)
        return err;
    scenario_cache_init(&store->cache, loop, &store->pool, config->db_cache_ttl_ms,
                        config->db_cache_bytes);
    look(&store->timer);
    return OK;
}

void store_stop(struct store *store)
{
    store->stopped = true;
    loop_timer_stop(store->pool.loop, &store->timer);
    if (store->checking)
        op_cancel(&store->check.op);
    pg_pool_stop(&store->pool);
}

bool store_busy(const struct store *store)
{
    return store->checking || scenario_cache_busy(&store->cache) || pg_pool_busy(&store->pool);
}

void store_clear(struct store *store)
{
    scenario_cache_clear(&store->cache);
    pg_pool_clear(&store->pool);
}

enum store_state store_state(const struct store *store, const char **fault_out)
{
    const char *fault = pg_pool_fault(&store->pool);
    if (!fault && *store->fault)
        fault = store->fault;
    *fault_out = fault;
    return fault ? STORE_FAULTY : store->seen ? STORE_READY : STORE_STARTING;
}

const char *store_state_name(enum store_state state)
{
    static const char *const names[] = {
        [STORE_STARTING] = "starting", [STORE_READY] = "ok", [STORE_FAULTY] = "unavailable"};
    return names[state];
}
