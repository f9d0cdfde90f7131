/*
 * A host is one name of the cache: being looked up, with those who wait for it, or known until it
 * expires. The request to libuv is part of it, so a host is only freed when none is under way; that
 * of a resolver that went away meanwhile is an orphan, which its answer frees.
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
    struct addresses addresses;
    uint64_t expires_ms;
    bool busy; /* `request` is under way */
    struct lookup *waiting;
    uv_getaddrinfo_t request;
};

struct resolver {
    struct loop *loop;
    uint64_t ttl_ms;
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

/* One that is known or being looked up, or NULL. */
static struct resolver_host *find(struct resolver *resolver, const char *name)
{
    const uint64_t now = loop_now_ms(resolver->loop);
    for (struct resolver_host **link = &resolver->hosts; *link; link = &(*link)->next) {
        struct resolver_host *host = *link;
        if (strcasecmp(host->name, name) != 0)
            continue;
        if (host->busy || host->expires_ms > now)
            return host;
        drop(resolver, link);
        return NULL;
    }
    return NULL;
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

static void on_answer(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct resolver_host *host = container_of(request, struct resolver_host, request);
    struct resolver *resolver = host->resolver;
    host->busy = false;
    read_addresses(&host->addresses, list);
    uv_freeaddrinfo(list);
    if (!resolver) {
        free(host);
        return;
    }
    const int failure = status == 0 && host->addresses.count == 0 ? UV_EAI_NODATA : status;
    while (host->waiting) {
        struct lookup *lookup = host->waiting;
        host->waiting = lookup->next;
        lookup->host = NULL;
        lookup->failure = failure;
        lookup->addresses = host->addresses;
        op_release(&lookup->op);
    }
    host->expires_ms = loop_now_ms(resolver->loop) + resolver->ttl_ms;
    if (failure != 0)
        forget(host);
}

/* A host that is being looked up; NULL and libuv's code where that cannot begin. */
static struct resolver_host *ask_system(struct resolver *resolver, const char *name, int *failure)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct resolver_host *host = calloc(1, sizeof(*host));
    if (!host)
        abort();
    *failure = uv_getaddrinfo(&resolver->loop->uv, &host->request, on_answer, name, NULL, &hints);
    if (*failure != 0) { /* no name at all */
        free(host);
        return NULL;
    }
    strcpy(host->name, name);
    host->resolver = resolver;
    host->busy = true;
    host->next = resolver->hosts;
    resolver->hosts = host;
    resolver->host_count++;
    resolver->queries++;
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
    if (host && !host->busy) {
        lookup->addresses = host->addresses;
        return FLOW_DONE;
    }
    if (!host) {
        if (!make_room(resolver))
            return op_fail(op, ERR_OVERLOADED, "too many names are being looked up");
        host = ask_system(resolver, lookup->name, &lookup->failure);
        if (!host)
            return FLOW_NEXT;
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

struct resolver *resolver_new(struct loop *loop, uint64_t ttl_ms)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));
    if (!resolver)
        abort();
    resolver->loop = loop;
    resolver->ttl_ms = ttl_ms;
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
