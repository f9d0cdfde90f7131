/*
 * idempotency.h: Idempotency-Key: a request that comes again gets the reply that it got before.
 * (draft-ietf-httpapi-idempotency-key-header-07; Idempotent-Replayed is Stripe's word.)
 *
 *     struct idempotent repeat;
 *     if (idempotent_read(request, &repeat, &error) != OK) ...          // 400
 *     if (repeat.wanted) {
 *         idempotent_take_content(&repeat, request, ...);               // files have settled
 *         switch (idempotency_claim(&server->idempotency, &repeat, now_ms)) ...
 *     }
 *     ... // the work
 *     idempotency_keep(&server->idempotency, &repeat, degraded, body, length, now_ms);    // a 2xx
 *     idempotency_release(&repeat);                                     // in any case
 *
 * A key is that of a caller and a route. Its reply is kept for a day in memory, the least recently
 * used going first where there are more than IDEMPOTENCY_BYTES of them; those of requests that save
 * are in the database as well (store/saved_reply.h). Failures and cancels free the key.
 */
#ifndef API_IDEMPOTENCY_H
#define API_IDEMPOTENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cache.h"
#include "base/error.h"
#include "base/text.h"

struct request;

enum {
    IDEMPOTENCY_KEY_MAX = 255,        /* characters of a key */
    IDEMPOTENCY_BYTES = 16 << 20,     /* of replies in memory */
    IDEMPOTENCY_DEGRADED_BYTES = 128, /* of X-Degraded */
};

/* What a request says of itself. */
struct idempotent {
    bool wanted;                                /* it has a key */
    bool claimed;                               /* the key is ours until it is released */
    unsigned char key[CACHE_KEY_BYTES];         /* caller, route, and the client's own key */
    unsigned char fingerprint[CACHE_KEY_BYTES]; /* content */
    struct idempotent *next, **link;            /* of those at work */
};

/* Keys at work and replies. */
struct idempotency {
    struct cache replies;
    struct idempotent *claims;
};

void idempotency_init(struct idempotency *table);
/* When nobody holds a key. */
void idempotency_clear(struct idempotency *table);

/* ERR_SYNTAX with a sentence: the header cannot be a key. Quoted or bare (RFC 9651, section 3.3.3).
 */
MUST_CHECK enum err idempotent_read(const struct request *request, struct idempotent *out,
                                    struct error *error);

/* Its fingerprint: `query`, then of each part of the form its name, its file's name and the digest
 * of its bytes. Not the body as it came: clients choose a new boundary each time. */
void idempotent_take_content(struct idempotent *repeat, const struct request *request,
                             const char *query);

enum idempotency_state {
    IDEMPOTENCY_CLAIMED, /* go on */
    IDEMPOTENCY_AT_WORK, /* the same request is under way */
    IDEMPOTENCY_OTHER,   /* the key was used with another content */
    IDEMPOTENCY_KEPT,    /* here is the reply */
};

struct kept_reply {
    unsigned char fingerprint[CACHE_KEY_BYTES];
    char degraded[IDEMPOTENCY_DEGRADED_BYTES]; /* X-Degraded; "" */
    size_t length;
    char body[];
};

/* `kept_out`, to be released, is set for IDEMPOTENCY_KEPT: a struct kept_reply. */
enum idempotency_state idempotency_claim(struct idempotency *table, struct idempotent *repeat,
                                         uint64_t now_ms, struct cached **kept_out);

/* By the one who has the key. The reply as it was kept, to be released. */
struct cached *idempotency_keep(struct idempotency *table, const struct idempotent *repeat,
                                struct slice degraded, struct slice body, uint64_t now_ms);

/* Nothing happens for one who has not. */
void idempotency_release(struct idempotent *repeat);

#endif
