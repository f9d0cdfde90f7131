/*
 * resolver.h: host names to addresses, off the loop, remembered for a while.
 *
 *     struct lookup lookup;
 *     lookup_start(&lookup, try(op), resolver, "api.example.com");
 *     ... // in the next step, if op_error(&lookup.op)->code is OK:
 *     lookup.addresses.text[0], lookup.addresses.count
 *
 * Those who ask for the same name at the same time share one look-up. Cancelling never waits: the
 * worker thread that asks the system goes on by itself, and its answer is kept for the next. An
 * address for a name costs nothing and asks nobody. Failures are not remembered.
 *
 * Addresses are fresh for ttl_ms. For another stale_ms they are still given out at once, while the
 * system is asked anew: so neither a slow name server nor a short failure of it is noticed where a
 * name has been in use. What the system says of a name that is gone holds from then on.
 */
#ifndef IO_RESOLVER_H
#define IO_RESOLVER_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "io/op.h"

enum {
    RESOLVER_HOSTS_MAX = 64,     /* names remembered and names being looked up, together */
    RESOLVER_ADDRESSES_MAX = 16, /* of a name; further ones are dropped */
    RESOLVER_NAME_BYTES = 256,   /* longer names do not exist in the DNS */
};

struct resolver;
struct resolver_host;

struct addresses {
    size_t count;
    char text[RESOLVER_ADDRESSES_MAX][INET6_ADDRSTRLEN];
};

/* Fails with ERR_NOT_FOUND and the system's words, or ERR_OVERLOADED when RESOLVER_HOSTS_MAX names
 * are being looked up. */
struct lookup {
    struct op op;
    struct resolver *resolver;
    char name[RESOLVER_NAME_BYTES];
    struct addresses addresses; /* the result, in the system's order of preference */
    /* private */
    struct resolver_host *host; /* while waiting for its answer */
    struct lookup *next;
    int failure; /* libuv's code, 0 for none */
};

struct resolver *resolver_new(struct loop *loop, uint64_t ttl_ms, uint64_t stale_ms);
/* Nobody may wait any more. Look-ups of the system still under way end by themselves, on the loop.
 */
void resolver_free(struct resolver *resolver);

/* Copies `name`. */
void lookup_start(struct lookup *lookup, struct op_link link, struct resolver *resolver,
                  const char *name);

/* How often the system was asked. */
uint64_t resolver_queries(const struct resolver *resolver);

#endif
