/*
 * saved_reply.h: the reply to a request that saved a scenario, for whoever repeats the request: it
 * was saved with the scenario (scenario_draft.h), so that a restart of the server never saves
 * twice.
 *
 *     saved_reply_start(&saved, try(op), &pool, key);
 *     ... // in the next step
 *     if (saved.found) ...               // saved.reply, until saved_reply_clear
 *     saved_reply_clear(&saved);
 *
 * Replies are kept for a day; each look removes those that are older. A database without the table
 * (personad --init-db makes it) has none: that is no failure. Else it fails as pg_pool.h says.
 */
#ifndef STORE_SAVED_REPLY_H
#define STORE_SAVED_REPLY_H

#include "store/scenario_draft.h"
#include "store/scenario_save.h"

struct saved_reply {
    struct op op;
    /* results */
    bool can_save; /* the table is there */
    bool found;
    unsigned char fingerprint[REPLY_KEY_BYTES];
    struct slice degraded, reply; /* X-Degraded, and the body */
    /* private */
    struct pg_pool *pool;
    struct pg_query query;
    char key[HEX_BYTES];
    const char *values[1];
};

void saved_reply_start(struct saved_reply *saved, struct op_link link, struct pg_pool *pool,
                       const unsigned char key[REPLY_KEY_BYTES]);

/* After it has finished. Nothing happens for one that is `{0}`. */
void saved_reply_clear(struct saved_reply *saved);

#endif
