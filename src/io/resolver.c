/*
 * A host is one name of the cache: being looked up, with those who wait for it, or known, or both
 * once what is known has expired. The request to libuv is part of it, so a host is only freed when
 * none is under way; that of a resolver that went away meanwhile is an orphan, which its answer
 * frees.
 *
 * libuv lets look-ups have half of its threads, so a few names that hang hold up all others. Known
 * ones they must not: that is what expired addresses are still good for.
 */
#include "io/resolver.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct resolver_host {
    struct resolver *resolver; /* NULL: an orphan */
    struct resolver_host *next;
    char name[RESOLVER_NAME_BYTES];
    struct addresses addresses; /* none: not known yet */
    uint64_t expires_ms;
    bool busy; /* `request` is under way */
    struct lookup *waiting;
    uv_getaddrinfo_t request;
};

struct resolver {
    struct loop *loop;
    uint64_t ttl_ms, stale_ms;
    struct resolver_host *hosts;
    size_t host_count;
    uint64_t queries;
};

/* --- the cache -------------------------------------------------------------------------------- */

/* Takes the host that `link` points to out of the list and frees it. */
static void drop(struct resolver *resolver, struct resolver_host **link)
{
    struct resolver_host *host = *link;
    *link = host->next;
    resolver->host_count--;
    free(host);
}

static void forget(struct resolver_host *host)
{
    struct resolver_host **link = &host->resolver->hosts;
    while (*link != host)
        link = &(*link)->next;
    drop(host->resolver, link);
}

/* Drops the one that expires first. False when all are being looked up. */
static bool make_room(struct resolver *resolver)
{
    if (resolver->host_count < RESOLVER_HOSTS_MAX)
        return true;
    struct resolver_host **oldest = NULL;
    for (struct resolver_host **link = &resolver->hosts; *link; link = &(*link)->next) {
        if (!(*link)->busy && (!oldest || (*link)->expires_ms < (*oldest)->expires_ms))
            oldest = link;
    }
    if (oldest)
        drop(resolver, oldest);
    return oldest != NULL;
}

static struct resolver_host *find(const struct resolver *resolver, const char *name)
{
    struct resolver_host *host = resolver->hosts;
    while (host && strcasecmp(host->name, name) != 0)
        host = host->next;
    return host;
}

static bool is_fresh(const struct resolver_host *host)
{
    return host->addresses.count > 0 && loop_now_ms(host->resolver->loop) < host->expires_ms;
}

/* Fresh, or at least not too old. */
static bool is_known(const struct resolver_host *host)
{
    const struct resolver *resolver = host->resolver;
    return host->addresses.count > 0 &&
           loop_now_ms(resolver->loop) < host->expires_ms + resolver->stale_ms;
}

/* --- asking the system ------------------------------------------------------------------------ */

static void read_addresses(struct addresses *out, const struct addrinfo *list)
{
    *out = (struct addresses){0};
    for (; list && out->count < RESOLVER_ADDRESSES_MAX; list = list->ai_next) {
        const void *address = NULL;
        if (list->ai_family == AF_INET)
            address = &((const struct sockaddr_in *)(const void *)list->ai_addr)->sin_addr;
        else if (list->ai_family == AF_INET6)
            address = &((const struct sockaddr_in6 *)(const void *)list->ai_addr)->sin6_addr;
        if (address && inet_ntop(list->ai_family, address, out->text[out->count], INET6_ADDRSTRLEN))
            out->count++;
    }
}

/* Says the answer that there is no such name, or just that nobody could tell? */
static bool is_gone(int failure)
{
    return failure == UV_EAI_NONAME || failure == UV_EAI_NODATA;
}

static void on_answer(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct resolver_host *host = container_of(request, struct resolver_host, request);
    struct resolver *resolver = host->resolver;
    struct addresses addresses;
    host->busy = false;
    read_addresses(&addresses, list);
    uv_freeaddrinfo(list);
    if (!resolver) {
        free(host);
        return;
    }
    const int failure = status == 0 && addresses.count == 0 ? UV_EAI_NODATA : status;
    while (host->waiting) {
        struct lookup *lookup = host->waiting;
        host->waiting = lookup->next;
        lookup->host = NULL;
        lookup->failure = failure;
        lookup->addresses = addresses;
        op_release(&lookup->op);
    }
    if (failure == 0) {
        host->addresses = addresses;
        host->expires_ms = loop_now_ms(resolver->loop) + resolver->ttl_ms;
    } else if (is_gone(failure) || !is_known(host)) {
        forget(host);
    }
}

/* 0, or libuv's code for what is no name at all. */
static int ask_system(struct resolver_host *host)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct resolver *resolver = host->resolver;
    const int failure =
        uv_getaddrinfo(&resolver->loop->uv, &host->request, on_answer, host->name, NULL, &hints);
    if (failure == 0) {
        host->busy = true;
        resolver->queries++;
    }
    return failure;
}

static struct resolver_host *add(struct resolver *resolver, const char *name)
{
    struct resolver_host *host = calloc(1, sizeof(*host));
    if (!host)
        abort();
    strcpy(host->name, name);
    host->resolver = resolver;
    host->next = resolver->hosts;
    resolver->hosts = host;
    resolver->host_count++;
    return host;
}

/* --- a look-up -------------------------------------------------------------------------------- */

static bool is_address(const char *name)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static enum flow ask(struct op *op)
{
    struct lookup *lookup = op_cast(op, lookup);
    struct resolver *resolver = lookup->resolver;
    if (lookup->failure != 0)
        return FLOW_NEXT;
    if (is_address(lookup->name)) {
        strcpy(lookup->addresses.text[0], lookup->name);
        lookup->addresses.count = 1;
        return FLOW_DONE;
    }
    struct resolver_host *host = find(resolver, lookup->name);
    if (!host) {
        if (!make_room(resolver))
            return op_fail(op, ERR_OVERLOADED, "too many names are being looked up");
        host = add(resolver, lookup->name);
    }
    if (!host->busy && !is_fresh(host))
        lookup->failure = ask_system(host);
    if (lookup->failure != 0) {
        forget(host);
        return FLOW_NEXT;
    }
    if (is_known(host)) {
        lookup->addresses = host->addresses;
        return FLOW_DONE;
    }
    lookup->host = host;
    lookup->next = host->waiting;
    host->waiting = lookup;
    op_hold(op);
    return FLOW_WAIT;
}

static enum flow take(struct op *op)
{
    const struct lookup *lookup = op_cast(op, lookup);
    if (lookup->failure != 0)
        return op_fail(op, ERR_NOT_FOUND, "%s", uv_strerror(lookup->failure));
    return FLOW_NEXT;
}

static void leave(struct op *op)
{
    struct lookup *lookup = op_cast(op, lookup);
    struct lookup **link = &lookup->host->waiting;
    while (*link != lookup)
        link = &(*link)->next;
    *link = lookup->next;
    lookup->host = NULL;
    op_release(op);
}

static const struct step lookup_steps[] = {{"ask", ask}, {"take", take}, {0}};
static const struct op_kind lookup_kind = {"lookup", lookup_steps, leave, NULL};

void lookup_start(struct lookup *lookup, struct op_link link, struct resolver *resolver,
                  const char *name)
{
    memset(lookup, 0, sizeof(*lookup));
    lookup->resolver = resolver;
    const size_t length = strlen(name);
    if (length == 0 || length >= sizeof(lookup->name))
        lookup->failure = UV_EAI_NONAME;
    else
        strcpy(lookup->name, name);
    op_start(&lookup->op, &lookup_kind, link);
}

/* --- the resolver ----------------------------------------------------------------------------- */

struct resolver *resolver_new(struct loop *loop, uint64_t ttl_ms, uint64_t stale_ms)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));
    if (!resolver)
        abort();
    resolver->loop = loop;
    resolver->ttl_ms = ttl_ms;
    resolver->stale_ms = stale_ms;
    return resolver;
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    while (resolver->hosts) {
        struct resolver_host *host = resolver->hosts;
        assert(!host->waiting);
        resolver->hosts = host->next;
        host->resolver = NULL;
        if (host->busy)
            (void)uv_cancel((uv_req_t *)&host->request); /* fails where it runs already */
        else
            free(host);
    }
    free(resolver);
}

uint64_t resolver_queries(const struct resolver *resolver)
{
    return resolver->queries;
}
