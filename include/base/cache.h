/*
 * cache.h: values by key, for a while, as long as there is room: the least recently used go first.
 *
 *     struct cache cache;
 *     cache_init(&cache, 64u << 20, 30 * 60 * 1000);
 *
 *     struct cached *value = cached_new(length);      // ours
 *     memcpy(value->data, ...);
 *     cache_put(&cache, key, value, now_ms);          // the cache's, too
 *     cached_release(value);
 *
 *     struct cached *found = cache_get(&cache, key, now_ms);      // ours; NULL: it is not there
 *     ...
 *     cached_release(found);
 *
 *     cache_clear(&cache);                            // what others still hold stays theirs
 *
 * Keys are digests: any bytes of them are as good as random. Nobody changes a value that was put.
 */
#ifndef BASE_CACHE_H
#define BASE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CACHE_KEY_BYTES = 32 /* SHA-256 */ };

struct cached {
    struct cached *next;          /* in the bucket */
    struct cached *newer, *older; /* by last use */
    uint64_t until_ms;            /* when it is too old */
    size_t references;            /* the cache's own among them */
    unsigned char key[CACHE_KEY_BYTES];
    size_t length;
    _Alignas(16) unsigned char data[];
};

struct cache {
    size_t bytes_max;
    uint64_t ttl_ms;
    size_t bytes; /* of all values, with what it takes to keep them */
    size_t count;
    struct cached **buckets;
    size_t bucket_count; /* a power of two, or 0 */
    struct cached *newest, *oldest;
};

/* `bytes_max` 0: nothing is ever kept. */
void cache_init(struct cache *cache, size_t bytes_max, uint64_t ttl_ms);
void cache_clear(struct cache *cache);

/* Clocks are the caller's, and never go back. */
struct cached *cache_get(struct cache *cache, const unsigned char key[CACHE_KEY_BYTES],
                         uint64_t now_ms);
/* In the place of what was there. What is longer than the cache is not kept. */
void cache_put(struct cache *cache, const unsigned char key[CACHE_KEY_BYTES], struct cached *value,
               uint64_t now_ms);
void cache_remove(struct cache *cache, const unsigned char key[CACHE_KEY_BYTES]);

/* Room for `length` bytes; running out of memory aborts. */
struct cached *cached_new(size_t length);
struct cached *cached_hold(struct cached *value);
/* NULL is fine. */
void cached_release(struct cached *value);

#endif
