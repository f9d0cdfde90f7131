/*
 * scenario_read.h: scenarios as clients read them: one statement each, and the body of the reply
 * that comes of its rows.
 *
 *     scenario_read_start(&read, need(op), &pool, &(struct scenario_question){
 *         .kind = READ_FULL, .id = 7});
 *     ... // in the next step: read.json
 *     scenario_read_clear(&read);
 *
 * Deleted scenarios are never seen. Whoever knows an id reads that scenario, as in the old service:
 * the front end opens drafts so, also those that nobody owns, right after they were saved. The
 * lists of a user are for that user; `caller` says whether there is one.
 *
 * Fails as pg_pool.h says, and with ERR_NOT_FOUND in the words of the old service.
 */
#ifndef STORE_SCENARIO_READ_H
#define STORE_SCENARIO_READ_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"
#include "io/pg_pool.h"

enum scenario_read_kind {
    READ_FULL,      /* of `id`: with personas and scenes */
    READ_SCENARIO,  /* of `id`: its own columns, and how many personas and scenes */
    READ_PUBLIC,    /* public ones by id, from `skip`, at most `limit` */
    READ_PUBLISHED, /* those that user `id` has published, newest first */
    READ_DRAFTS,    /* and that user's drafts */
    READ_USER,      /* no scenario: only `caller` */
};

enum {
    OWN_SCENARIOS_MAX = 1000,       /* in a user's lists, which have no pages: the newest */
    SCENARIOS_BYTES_MAX = 64 << 20, /* of a scenario with all that is in it, or of a user's list */
};

/* Numbers may be any: what there cannot be is not found. Neither skip nor limit is negative. */
struct scenario_question {
    enum scenario_read_kind kind;
    int64_t id;
    int64_t skip, limit;
};

enum caller { CALLER_UNKNOWN, CALLER_INACTIVE, CALLER_ACTIVE };

struct scenario_read {
    struct op op;
    /* results, until scenario_read_clear */
    struct slice json;  /* "" of READ_USER; an empty list where there is no active user */
    bool is_public;     /* every row is public, and none a draft: false of the lists of a user */
    enum caller caller; /* the user with that id, of the kinds that ask for one */
    /* private */
    struct scenario_question question;
    struct pg_pool *pool;
    struct pg_query query;
    struct buffer text; /* what `json` is of, where it was put together */
    char numbers[2][24];
    const char *values[2];
};

void scenario_read_start(struct scenario_read *read, struct op_link link, struct pg_pool *pool,
                         const struct scenario_question *question);

/* After it has finished. Nothing happens for one that is `{0}`. */
void scenario_read_clear(struct scenario_read *read);

#endif
