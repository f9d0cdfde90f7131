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

static struct scenario_answer *answer_new(const struct scenario_read *read)
{
    struct scenario_answer *answer = malloc(sizeof(*answer) + read->json.length);
    if (!answer)
        abort();
    answer->references = 1;
    answer->is_public = read->is_public;
    answer->length = read->json.length;
    memcpy(answer->json, read->json.data, read->json.length);
    write_etag(answer);
    return answer;
}

static void answer_release(struct scenario_answer *answer)
{
    if (answer && --answer->references == 0)
        free(answer);
}

static struct scenario_answer *answer_hold(struct scenario_answer *answer)
{
    answer->references++;
    return answer;
}

/* --- what is kept ----------------------------------------------------------------------------- */

struct cached_answer {
    struct scenario_question question;
    struct scenario_answer *answer;
    uint64_t until_ms; /* loop time */
    struct cached_answer *next;
    struct cached_answer *newer, *older;
};

static bool is_same(const struct scenario_question *a, const struct scenario_question *b)
{
    return a->kind == b->kind && a->id == b->id && a->skip == b->skip && a->limit == b->limit;
}

/* Clients choose the numbers, but a long chain is bounded by what the cache may hold. */
static struct cached_answer **bucket_of(struct scenario_cache *cache,
                                        const struct scenario_question *question)
{
    uint64_t hash = (uint64_t)question->kind;
    const int64_t numbers[] = {question->id, question->skip, question->limit};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        hash = (hash ^ (uint64_t)numbers[i]) * UINT64_C(0x9e3779b97f4a7c15);
    return &cache->buckets[(hash >> 32) % CACHE_BUCKETS];
}

static size_t size_of(const struct cached_answer *cached)
{
    return sizeof(*cached) + sizeof(*cached->answer) + cached->answer->length;
}

static void unlink_by_age(struct scenario_cache *cache, struct cached_answer *cached)
{
    *(cached->newer ? &cached->newer->older : &cache->newest) = cached->older;
    *(cached->older ? &cached->older->newer : &cache->oldest) = cached->newer;
}

static void link_newest(struct scenario_cache *cache, struct cached_answer *cached)
{
    cached->newer = NULL;
    cached->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = cached;
    cache->newest = cached;
}

static void forget(struct scenario_cache *cache, struct cached_answer *cached)
{
    struct cached_answer **link = bucket_of(cache, &cached->question);
    while (*link != cached)
        link = &(*link)->next;
    *link = cached->next;
    unlink_by_age(cache, cached);
    cache->bytes -= size_of(cached);
    cache->count--;
    answer_release(cached->answer);
    free(cached);
}

/* NULL: there is none, or it is too old. */
static struct cached_answer *find(struct scenario_cache *cache,
                                  const struct scenario_question *question)
{
    struct cached_answer *cached = *bucket_of(cache, question);
    while (cached && !is_same(&cached->question, question))
        cached = cached->next;
    if (cached && loop_now_ms(cache->loop) >= cached->until_ms) {
        forget(cache, cached);
        return NULL;
    }
    return cached;
}

static void keep(struct scenario_cache *cache, const struct scenario_question *question,
                 struct scenario_answer *answer, uint64_t read_ms)
{
    struct cached_answer *before = find(cache, question);
    if (before)
        forget(cache, before);
    if (!answer->is_public || cache->ttl_ms == 0 ||
        answer->length > cache->bytes_max / SHARE_OF_CACHE)
        return;
    struct cached_answer *cached = calloc(1, sizeof(*cached));
    if (!cached)
        abort();
    cached->question = *question;
    cached->answer = answer_hold(answer);
    cached->until_ms = read_ms + cache->ttl_ms;
    struct cached_answer **bucket = bucket_of(cache, question);
    cached->next = *bucket;
    *bucket = cached;
    link_newest(cache, cached);
    cache->bytes += size_of(cached);
    cache->count++;
    while (cache->bytes > cache->bytes_max)
        forget(cache, cache->oldest);
}

/* --- reads that several wait for -------------------------------------------------------------- */

struct shared_read {
    struct scenario_read read;
    struct scenario_cache *cache;
    struct scenario_question question;
    uint64_t began_ms;              /* what it finds is at least of then */
    struct scenario_answer *answer; /* NULL after a failure */
    struct shared_read *next;
    bool under_way;
};

static void shared_free(struct shared_read *shared)
{
    answer_release(shared->answer);
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
        shared->answer = answer_new(&shared->read);
        keep(cache, &shared->question, shared->answer, shared->began_ms);
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

static void take_kept(struct scenario_lookup *lookup, struct cached_answer *cached)
{
    unlink_by_age(lookup->cache, cached);
    link_newest(lookup->cache, cached);
    lookup->answer = answer_hold(cached->answer);
    lookup->origin = LOOKUP_KEPT;
}

static enum flow look(struct op *op)
{
    struct scenario_lookup *lookup = op_cast(op, scenario_lookup);
    struct scenario_cache *cache = lookup->cache;
    if (is_for_one(lookup->question.kind))
        return FLOW_NEXT;
    struct cached_answer *cached = lookup->fresh ? NULL : find(cache, &lookup->question);
    if (cached) {
        take_kept(lookup, cached);
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
        struct scenario_answer *answer = shared->answer;
        const struct error *error = op_error(&lookup->want.op);
        if (answer && (answer->is_public || lookup->origin == LOOKUP_READ)) {
            lookup->answer = answer_hold(answer);
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
    lookup->answer = answer_new(&lookup->alone);
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
    answer_release(lookup->answer);
    lookup->answer = NULL;
}

/* --- its life --------------------------------------------------------------------------------- */

void scenario_cache_init(struct scenario_cache *cache, struct loop *loop, struct pg_pool *pool,
                         uint64_t ttl_ms, size_t bytes_max)
{
    memset(cache, 0, sizeof(*cache));
    cache->loop = loop;
    cache->pool = pool;
    cache->ttl_ms = ttl_ms;
    cache->bytes_max = bytes_max;
}

bool scenario_cache_busy(const struct scenario_cache *cache)
{
    return cache->reads != NULL;
}

void scenario_cache_clear(struct scenario_cache *cache)
{
    assert(!cache->reads);
    for (struct cached_answer *cached = cache->newest, *older; cached; cached = older) {
        older = cached->older;
        answer_release(cached->answer);
        free(cached);
    }
    memset(cache, 0, sizeof(*cache));
}
