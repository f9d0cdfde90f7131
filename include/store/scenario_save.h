/*
 * scenario_save.h: a finished case study to the rows of a scenario: all or none of them, in one
 * statement.
 *
 *     scenario_save_start(&save, need(op), &pool, &(struct scenario_draft){
 *         .study = &study, .content = text, .files = files, ...}, deadline_ms);
 *     ... // in the next step: save.id
 *     scenario_save_clear(&save);
 *
 *     add rows ──▶ look ──▶ done
 *       ▲            │
 *       └─── rest ───┘ the connection was lost, or the database is not there just now
 *
 * A scenario has a key of its own from the start, and the statement adds nothing where that key is
 * there already. So it can be sent again when nobody knows what became of it, and what was paid for
 * is neither lost nor there twice.
 *
 * With a reply to keep, its key is saved in the same statement; where it is there already, nothing
 * is saved, and it fails with ERR_CONFLICT: somebody else has saved for the same request.
 *
 * Of a longer main text the beginning is kept, and the scenario's log says so. Fails as pg_pool.h
 * says, and with ERR_LIMIT where anything else is longer than scenario_draft.h allows.
 */
#ifndef STORE_SCENARIO_SAVE_H
#define STORE_SCENARIO_SAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "io/pg_pool.h"
#include "store/scenario_draft.h"

enum {
    UNIQUE_ID_BYTES = 26, /* "SC-", then 132 random bits, and a NUL */
    SAVE_VALUE_COUNT = 17,
    HEX_BYTES = 2 + 2 * REPLY_KEY_BYTES + 1, /* "\\x", digits, and a NUL */
};

struct scenario_save {
    struct op op;
    /* results */
    int64_t id;                      /* of the row in scenarios */
    char unique_id[UNIQUE_ID_BYTES]; /* the scenario's own key */
    unsigned tries;
    bool outcome_unknown; /* after a failure: it may have been saved all the same */
    /* private */
    struct pg_pool *pool;
    const struct scenario_draft *draft;
    uint64_t deadline_ms; /* loop time */
    struct arena arena;
    struct scenario_lists lists;
    char user_id[24];
    char key[HEX_BYTES], fingerprint[HEX_BYTES];
    const char *values[SAVE_VALUE_COUNT];
    struct pg_query query;
    struct loop_timer rest;
};

/* `deadline_ms`, in loop time, is when the last try has to be over. */
void scenario_save_start(struct scenario_save *save, struct op_link link, struct pg_pool *pool,
                         const struct scenario_draft *draft, uint64_t deadline_ms);

/* A digest as the database reads it. */
void reply_key_print(const unsigned char bytes[REPLY_KEY_BYTES], char out[HEX_BYTES]);

/* After it has finished. Nothing happens for one that is `{0}`. */
void scenario_save_clear(struct scenario_save *save);

#endif
