#include "store/scenario_lookup.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARE_OF_CACHE = 4 /* an answer that would take more than this part of it is not kept */ };

/* --- answers ---------------------------------------------------------------------------------- */

static void write_etag(struct scenario_answer *answer)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(answer->json, answer->length, digest, NULL, EVP_sha256(), NULL) != 1)
        abort();
    char *to = answer->etag;
    *to++ = '"';
    for (size_t i = 0; i < (ANSWER_ETAG_BYTES - 3) / 2; i++, to += 2)
        snprintf(to, 3, "%02x", digest[i]);
    memcpy(to, "\"", 2);
}

/* What is kept: a struct scenario_answer. */
static struct cached *answer_new(const struct scenario_read *read)
{
    struct cached *cached = cached_new(sizeof(struct scenario_answer) + read->json.length);
    struct scenario_answer *answer = (void *)cached->data;
    answer->is_public = read->is_public;
    answer->length = read->json.length;
    memcpy(answer->json, read->json.data, read->json.length);
    write_etag(answer);
    return cached;
}

static const struct scenario_answer *answer_of(const struct cached *cached)
{
    return (const void *)cached->data;
}

/* --- what is kept ----------------------------------------------------------------------------- */

static bool is_same(const struct scenario_question *a, const struct scenario_question *b)
{
    return a->kind == b->kind && a->id == b->id && a->skip == b->skip && a->limit == b->limit;
}

/* The question itself, after a number that spreads as a digest would. */
static void make_key(const struct scenario_question *question, unsigned char key[CACHE_KEY_BYTES])
{
    const uint64_t numbers[] = {(uint64_t)question->id, (uint64_t)question->skip,
                                (uint64_t)question->limit << 8 | (uint64_t)question->kind};
    uint64_t mixed = 0;
    _Static_assert(sizeof(mixed) + sizeof(numbers) == CACHE_KEY_BYTES, "a key has room for it");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        mixed = (mixed ^ numbers[i]) * UINT64_C(0x9e3779b97f4a7c15);
        mixed ^= mixed >> 32;
    }
    memcpy(key, &mixed, sizeof(mixed));
    memcpy(key + sizeof(mixed), numbers, sizeof(numbers));
}

/* NULL: there is none, or it is too old. */
static struct cached *find(struct scenario_cache *cache, const struct scenario_question *question)
{
    unsigned char key[CACHE_KEY_BYTES];
    make_key(question, key);
    return cache_get(&cache->kept, key, loop_now_ms(cache->loop));
}

static void keep(struct scenario_cache *cache, const struct scenario_question *question,
                 struct cached *cached, uint64_t read_ms)
{
    const struct scenario_answer *answer = answer_of(cached);
    unsigned char key[CACHE_KEY_BYTES];
    make_key(question, key);
    if (answer->is_public && cache->kept.ttl_ms > 0 &&
        answer->length <= cache->kept.bytes_max / SHARE_OF_CACHE)
        cache_put(&cache->kept, key, cached, read_ms);
    else
        cache_remove(&cache->kept, key);
}

/* --- reads that several wait for -------------------------------------------------------------- */

struct shared_read {
    struct scenario_read read;
    struct scenario_cache *cache;
    struct scenario_question question;
    uint64_t began_ms;     /* what it finds is at least of then */
    struct cached *cached; /* NULL after a failure */
    struct shared_read *next;
    bool under_way;
};

static void shared_free(struct shared_read *shared)
{
    cached_release(shared->cached);
    free(shared);
}

static void on_read(struct op *op, void *context)
{
    struct shared_read *shared = context;
    struct scenario_cache *cache = shared->cache;
    struct shared_read **link = &cache->reads;
    while (*link != shared)
        link = &(*link)->next;
    *link = shared->next;
    shared->under_way = false;
    if (op_error(op)->code == OK) {
        shared->cached = answer_new(&shared->read);
        keep(cache, &shared->question, shared->cached, shared->began_ms);
    }
    scenario_read_clear(&shared->read);
    if (op_shared_unused(op))
        shared_free(shared);
}

/* One that nobody waits for any more is being cancelled, and not to be joined. */
static struct shared_read *find_read(struct scenario_cache *cache,
                                     const struct scenario_question *question)
{
    struct shared_read *shared = cache->reads;
    while (shared && (op_ending(&shared->read.op) || !is_same(&shared->question, question)))
        shared = shared->next;
    return shared;
}

static struct shared_read *begin_read(struct scenario_cache *cache,
                                      const struct scenario_question *question)
{
    struct shared_read *shared = calloc(1, sizeof(*shared));
    if (!shared)
        abort();
    shared->cache = cache;
    shared->question = *question;
    shared->began_ms = loop_now_ms(cache->loop);
    shared->under_way = true;
    shared->next = cache->reads;
    cache->reads = shared;
    scenario_read_start(&shared->read, root(cache->loop, on_read, shared), cache->pool, question);
    return shared;
}

/* --- a lookup --------------------------------------------------------------------------------- */

static bool is_for_one(enum scenario_read_kind kind)
{
    return kind == READ_PUBLISHED || kind == READ_DRAFTS || kind == READ_USER;
}

/* Takes over the reference. */
static void take_over(struct scenario_lookup *lookup, struct cached *cached)
{
    lookup->cached = cached;
    lookup->answer = answer_of(cached);
}

static enum flow look(struct op *op)
{
    struct scenario_lookup *lookup = op_cast(op, scenario_lookup);
    struct scenario_cache *cache = lookup->cache;
    if (is_for_one(lookup->question.kind))
        return FLOW_NEXT;
    struct cached *cached = lookup->fresh ? NULL : find(cache, &lookup->question);
    if (cached) {
        take_over(lookup, cached);
        lookup->origin = LOOKUP_KEPT;
        return FLOW_DONE;
    }
    struct shared_read *shared = lookup->fresh ? NULL : find_read(cache, &lookup->question);
    lookup->origin = shared ? LOOKUP_COALESCED : LOOKUP_READ;
    if (!shared)
        shared = begin_read(cache, &lookup->question);
    lookup->shared = shared;
    op_want_start(&lookup->want, try(op), &shared->read.op);
    return FLOW_WAIT;
}

static void leave_shared(struct scenario_lookup *lookup)
{
    struct shared_read *shared = lookup->shared;
    lookup->shared = NULL;
    if (shared && op_want_drop(&lookup->want) && !shared->under_way)
        shared_free(shared);
}

static enum flow judge(struct op *op)
{
    struct scenario_lookup *lookup = op_cast(op, scenario_lookup);
    struct shared_read *shared = lookup->shared;
    if (shared) {
        struct cached *cached = shared->cached;
        const struct error *error = op_error(&lookup->want.op);
        if (cached && (answer_of(cached)->is_public || lookup->origin == LOOKUP_READ)) {
            take_over(lookup, cached_hold(cached));
            return FLOW_DONE;
        }
        if (lookup->origin == LOOKUP_READ)
            return op_fail_with(op, error);
        leave_shared(lookup); /* what they have just written may have been missed, if only just */
    }
    lookup->origin = LOOKUP_READ;
    scenario_read_start(&lookup->alone, need(op), lookup->cache->pool, &lookup->question);
    return FLOW_WAIT;
}

static enum flow take(struct op *op)
{
    struct scenario_lookup *lookup = op_cast(op, scenario_lookup);
    take_over(lookup, answer_new(&lookup->alone));
    lookup->caller = lookup->alone.caller;
    return FLOW_NEXT;
}

static void lookup_end(struct op *op)
{
    struct scenario_lookup *lookup = op_cast(op, scenario_lookup);
    leave_shared(lookup);
    scenario_read_clear(&lookup->alone);
}

static const struct step lookup_steps[] = {{"look", look}, {"judge", judge}, {"take", take}, {0}};
static const struct op_kind lookup_kind = {"scenario_lookup", lookup_steps, NULL, lookup_end};

void scenario_lookup_start(struct scenario_lookup *lookup, struct op_link link,
                           struct scenario_cache *cache, const struct scenario_question *question,
                           bool fresh)
{
    memset(lookup, 0, sizeof(*lookup));
    lookup->cache = cache;
    lookup->question = *question;
    lookup->fresh = fresh;
    op_start(&lookup->op, &lookup_kind, link);
}

void scenario_lookup_clear(struct scenario_lookup *lookup)
{
    cached_release(lookup->cached);
    lookup->cached = NULL;
    lookup->answer = NULL;
}

/* --- its life --------------------------------------------------------------------------------- */

void scenario_cache_init(struct scenario_cache *cache, struct loop *loop, struct pg_pool *pool,
                         uint64_t ttl_ms, size_t bytes_max)
{
    memset(cache, 0, sizeof(*cache));
    cache->loop = loop;
    cache->pool = pool;
    cache_init(&cache->kept, bytes_max, ttl_ms);
}

bool scenario_cache_busy(const struct scenario_cache *cache)
{
    return cache->reads != NULL;
}

void scenario_cache_clear(struct scenario_cache *cache)
{
    assert(!cache->reads);
    cache_clear(&cache->kept);
    memset(cache, 0, sizeof(*cache));
}
