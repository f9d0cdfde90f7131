/*
 * What looking up, keeping and evicting answers takes, and how much memory a full cache has taken.
 *
 *     bench-cache        prints "name value": operations a second, and memory against the limit
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cache.h"

enum {
    KEYS = 1000 * 1000,
    BYTES_MAX = 64 << 20,
    SHORT_BYTES = 200,
    LONG_BYTES_MAX = 20 * 1000,
    FILLS = 20000,
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The resident set, in bytes. */
static double resident(void)
{
    long pages = 0, all = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%ld %ld", &all, &pages) != 2)
        exit(1);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void make_key(uint64_t number, unsigned char key[CACHE_KEY_BYTES])
{
    for (size_t i = 0; i < CACHE_KEY_BYTES; i += sizeof(number)) { /* as random as a digest */
        number = (number + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
        number ^= number >> 31;
        memcpy(key + i, &number, sizeof(number));
    }
}

static void put(struct cache *cache, uint64_t number, size_t length)
{
    unsigned char key[CACHE_KEY_BYTES];
    make_key(number, key);
    struct cached *value = cached_new(length);
    memset(value->data, 'x', length);
    cache_put(cache, key, value, 0);
    cached_release(value);
}

int main(void)
{
    struct cache cache;
    unsigned char key[CACHE_KEY_BYTES];
    size_t found = 0;

    const double before = resident();
    cache_init(&cache, BYTES_MAX, 1000);
    srand(1);
    for (uint64_t i = 0; i < FILLS; i++)
        put(&cache, KEYS + i, (size_t)rand() % LONG_BYTES_MAX);
    printf("memory_share %.4f\n", (resident() - before) / BYTES_MAX);
    cache_clear(&cache);

    cache_init(&cache, BYTES_MAX, 1000);
    const double start = now();
    for (uint64_t i = 0; i < KEYS; i++) { /* each is looked up, put, and in the end evicted */
        make_key(i, key);
        struct cached *value = cache_get(&cache, key, 0);
        found += value != NULL;
        cached_release(value);
        put(&cache, i, SHORT_BYTES);
    }
    const double seconds = now() - start;
    printf("operations_per_s %.0f\n", (3.0 * KEYS - (double)cache.count - (double)found) / seconds);
    cache_clear(&cache);
    return 0;
}
