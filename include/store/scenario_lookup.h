/*
 * scenario_lookup.h: reads of scenarios that need not be asked of the database each time.
 *
 *     struct scenario_cache cache;
 *     scenario_cache_init(&cache, &loop, &pool, ttl_ms, bytes_max);
 *     ...
 *     scenario_lookup_start(&lookup, need(op), &cache, &question, fresh);
 *     ... // in the next step: lookup.answer->json, lookup.caller
 *     scenario_lookup_clear(&lookup);
 *
 *     kept? ──▶ done
 *       │
 *       └─ no ──▶ the same read is under way? join it ──▶ public? ──▶ done
 *                 else begin it                             └─ no ──▶ read alone ──▶ done
 *
 * The tables are shared with services that write to them, and nobody may see a scenario of their
 * own as it was. So what is kept, for `ttl_ms`, is what everybody sees: answers of which every row
 * is public and no draft. Who joined a read that turns out to be of anything else reads once more,
 * as that read may have begun before what they have just written. A user's lists are read for each
 * who asks. `fresh` neither takes what is kept nor joins.
 *
 * Fails as scenario_read.h says; failures are never kept.
 */
#ifndef STORE_SCENARIO_LOOKUP_H
#define STORE_SCENARIO_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cache.h"
#include "store/scenario_read.h"

enum { ANSWER_ETAG_BYTES = 35 /* 16 bytes in hexadecimal, in quotes, and a NUL */ };

/* The body of a reply; nobody changes it. */
struct scenario_answer {
    bool is_public;
    char etag[ANSWER_ETAG_BYTES]; /* strong: from the bytes */
    size_t length;
    char json[];
};

enum lookup_origin {
    LOOKUP_READ,      /* from the database, for this one */
    LOOKUP_COALESCED, /* somebody else's read */
    LOOKUP_KEPT,
};

struct shared_read;

/* `{0}` until init. */
struct scenario_cache {
    struct loop *loop;
    struct pg_pool *pool;
    struct cache kept;
    struct shared_read *reads; /* under way */
};

void scenario_cache_init(struct scenario_cache *cache, struct loop *loop, struct pg_pool *pool,
                         uint64_t ttl_ms, size_t bytes_max);
bool scenario_cache_busy(const struct scenario_cache *cache);
/* When it is not busy. Nothing happens for one that is `{0}`. */
void scenario_cache_clear(struct scenario_cache *cache);

struct scenario_lookup {
    struct op op;
    /* results, until scenario_lookup_clear */
    const struct scenario_answer *answer;
    enum caller caller;
    enum lookup_origin origin;
    /* private */
    struct cached *cached; /* that the answer is in */
    struct scenario_cache *cache;
    struct scenario_question question;
    bool fresh;
    struct shared_read *shared;
    struct op_want want;
    struct scenario_read alone;
};

void scenario_lookup_start(struct scenario_lookup *lookup, struct op_link link,
                           struct scenario_cache *cache, const struct scenario_question *question,
                           bool fresh);

/* After it has finished. Nothing happens for one that is `{0}`. */
void scenario_lookup_clear(struct scenario_lookup *lookup);

#endif
