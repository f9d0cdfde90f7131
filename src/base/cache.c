#include "base/cache.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUCKETS_MIN = 64,
    /* malloc's own words before each value, and its share of the buckets: between one and two */
    OVERHEAD_BYTES = 8 + 12,
};

static size_t cost(struct cached *value)
{
    return malloc_usable_size(value) + OVERHEAD_BYTES;
}

static struct cached **bucket_of(const struct cache *cache, const unsigned char *key)
{
    uint64_t number;
    memcpy(&number, key, sizeof(number));
    return &cache->buckets[number & (cache->bucket_count - 1)];
}

/* The link to a key's value, or to where its bucket ends. */
static struct cached **find(const struct cache *cache, const unsigned char *key)
{
    struct cached **link = bucket_of(cache, key);
    while (*link && memcmp((*link)->key, key, CACHE_KEY_BYTES) != 0)
        link = &(*link)->next;
    return link;
}

static void grow(struct cache *cache)
{
    const struct cache before = *cache;
    cache->bucket_count = before.bucket_count ? 2 * before.bucket_count : BUCKETS_MIN;
    cache->buckets = calloc(cache->bucket_count, sizeof(struct cached *));
    if (!cache->buckets)
        abort();
    for (struct cached *value = cache->newest; value; value = value->older) {
        struct cached **bucket = bucket_of(cache, value->key);
        value->next = *bucket;
        *bucket = value;
    }
    free(before.buckets);
}

/* --- by last use -------------------------------------------------------------------------------
 */

static void use_add(struct cache *cache, struct cached *value)
{
    value->newer = NULL;
    value->older = cache->newest;
    if (value->older)
        value->older->newer = value;
    else
        cache->oldest = value;
    cache->newest = value;
}

static void use_remove(struct cache *cache, struct cached *value)
{
    if (value->newer)
        value->newer->older = value->older;
    else
        cache->newest = value->older;
    if (value->older)
        value->older->newer = value->newer;
    else
        cache->oldest = value->newer;
}

/* `link` points to it. */
static void drop(struct cache *cache, struct cached **link)
{
    struct cached *value = *link;
    assert(value);
    *link = value->next;
    use_remove(cache, value);
    cache->bytes -= cost(value);
    cache->count--;
    cached_release(value);
}

/* --- from outside ------------------------------------------------------------------------------
 */

void cache_init(struct cache *cache, size_t bytes_max, uint64_t ttl_ms)
{
    *cache = (struct cache){.bytes_max = bytes_max, .ttl_ms = ttl_ms};
}

void cache_clear(struct cache *cache)
{
    while (cache->oldest)
        drop(cache, find(cache, cache->oldest->key));
    free(cache->buckets);
    cache->buckets = NULL;
    cache->bucket_count = 0;
}

struct cached *cache_get(struct cache *cache, const unsigned char key[CACHE_KEY_BYTES],
                         uint64_t now_ms)
{
    if (cache->count == 0)
        return NULL;
    struct cached **link = find(cache, key);
    struct cached *value = *link;
    if (!value)
        return NULL;
    if (now_ms >= value->until_ms) {
        drop(cache, link);
        return NULL;
    }
    use_remove(cache, value);
    use_add(cache, value);
    return cached_hold(value);
}

void cache_put(struct cache *cache, const unsigned char key[CACHE_KEY_BYTES], struct cached *value,
               uint64_t now_ms)
{
    assert(value->references == 1); /* it is in no cache */
    cache_remove(cache, key);
    const size_t bytes = cost(value);
    if (bytes > cache->bytes_max)
        return;
    while (cache->bytes > cache->bytes_max - bytes) {
        assert(cache->oldest);
        drop(cache, find(cache, cache->oldest->key));
    }
    if (cache->count >= cache->bucket_count)
        grow(cache);
    memcpy(value->key, key, CACHE_KEY_BYTES);
    value->until_ms = now_ms + cache->ttl_ms;
    struct cached **bucket = bucket_of(cache, key);
    value->next = *bucket;
    *bucket = cached_hold(value);
    use_add(cache, value);
    cache->bytes += bytes;
    cache->count++;
}

void cache_remove(struct cache *cache, const unsigned char key[CACHE_KEY_BYTES])
{
    if (cache->count == 0)
        return;
    struct cached **link = find(cache, key);
    if (*link)
        drop(cache, link);
}

struct cached *cached_new(size_t length)
{
    struct cached *value = malloc(sizeof(*value) + length);
    if (!value)
        abort();
    *value = (struct cached){.references = 1, .length = length};
    return value;
}

struct cached *cached_hold(struct cached *value)
{
    value->references++;
    return value;
}

void cached_release(struct cached *value)
{
    if (value && --value->references == 0)
        free(value);
}
