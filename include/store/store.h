/*
 * store.h: the database as this server uses it: the pool of its connections, and whether its tables
 * are as our statements need them. Made from the settings, where DATABASE_URL is set.
 *
 *     struct store store;
 *     if (store_init(&store, &loop, &config, &error) != OK) ...    // error.detail: a setting
 *     ...
 *     store_stop(&store);             // queries under way go on
 *     ... // let the loop go on while store_busy(&store)
 *     store_clear(&store);
 *
 * Tables are looked at as soon as there is a connection, and again from time to time: they are
 * shared with services that may change them. A fault is logged when it comes and when it goes.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>

#include "base/config.h"
#include "io/pg_pool.h"
#include "store/scenario_lookup.h"
#include "store/schema.h"

/* What was seen of the database. */
enum store_state {
    STORE_STARTING, /* nothing yet */
    STORE_READY,
    STORE_FAULTY,
};

struct store {
    struct pg_pool pool;
    struct scenario_cache cache;
    /* private */
    struct schema_check check;
    bool checking;
    bool stopped;
    bool seen;                      /* tables were looked at, or could not be */
    char fault[ERROR_DETAIL_BYTES]; /* of the tables; "" for none */
    struct loop_timer timer;        /* until they are looked at again */
};

/* Is DATABASE_URL one, where it is set? ERR_RANGE, naming the setting. store_init asks too. */
MUST_CHECK enum err store_check(const struct config *config, struct error *error);

/* Nothing has been connected when it returns. */
MUST_CHECK enum err store_init(struct store *store, struct loop *loop, const struct config *config,
                               struct error *error);
void store_stop(struct store *store);
bool store_busy(const struct store *store);
void store_clear(struct store *store);

/* `fault_out`: why it is faulty, for people; valid until the loop goes on. NULL where it is not. */
enum store_state store_state(const struct store *store, const char **fault_out);

/* "starting", "ok", "unavailable". */
const char *store_state_name(enum store_state state);

#endif
