/*
 * fake_dns.h: the system's resolver, replaced for the whole test program: names are answered from a
 * table, others do not exist, and "slow.*" ones wait until they are let go. Addresses go through to
 * the real one.
 */
#ifndef TESTS_FAKE_DNS_H
#define TESTS_FAKE_DNS_H

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    const char *addresses[3];
} fake_names[] = {
    {"local.test", {"127.0.0.1"}},  {"both.test", {"127.0.0.1", "::1"}},
    {"private.test", {"10.1.2.3"}}, {"mixed.test", {"203.0.114.1", "127.0.0.1"}},
    {"slow.test", {"127.0.0.1"}},   {"slow.gone.test", {NULL}},
};

static struct {
    atomic_uint asked;
    atomic_uint held; /* threads that wait */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    atomic_int failure; /* what everybody gets; 0: the table's answers */
    bool open;
} fake_dns = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void fake_dns_set(bool open)
{
    pthread_mutex_lock(&fake_dns.mutex);
    fake_dns.open = open;
    pthread_cond_broadcast(&fake_dns.changed);
    pthread_mutex_unlock(&fake_dns.mutex);
}

static void fake_dns_wait(void)
{
    pthread_mutex_lock(&fake_dns.mutex);
    atomic_fetch_add(&fake_dns.held, 1);
    while (!fake_dns.open)
        pthread_cond_wait(&fake_dns.changed, &fake_dns.mutex);
    atomic_fetch_sub(&fake_dns.held, 1);
    pthread_mutex_unlock(&fake_dns.mutex);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    struct addrinfo numeric = hints ? *hints : (struct addrinfo){0};
    numeric.ai_flags |= AI_NUMERICHOST;
    if (!name || real(name, service, &numeric, out) == 0)
        return name ? 0 : EAI_NONAME;

    atomic_fetch_add(&fake_dns.asked, 1);
    if (strncmp(name, "slow.", 5) == 0)
        fake_dns_wait();
    struct addrinfo **end = out;
    *out = NULL;
    if (atomic_load(&fake_dns.failure) != 0)
        return atomic_load(&fake_dns.failure);
    for (size_t i = 0; i < sizeof(fake_names) / sizeof(fake_names[0]); i++) {
        for (size_t k = 0; strcasecmp(name, fake_names[i].name) == 0 && k < 3; k++) {
            if (!fake_names[i].addresses[k] ||
                real(fake_names[i].addresses[k], service, &numeric, end) != 0)
                break;
            while (*end)
                end = &(*end)->ai_next;
        }
    }
    return *out ? 0 : EAI_NONAME;
}

#endif
