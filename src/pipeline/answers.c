/*
 * A call goes when it has finished and nobody's want refers to it any more, whichever is last.
 */
#include "pipeline/answers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

/* --- calls under way ---------------------------------------------------------------------------
 */

static struct shared_call **bucket_of(struct answers *answers, const unsigned char *key)
{
    return &answers->calls[key[0] % ANSWERS_BUCKETS];
}

/* One that is ending has nobody left, or has failed. */
static struct shared_call *find_call(const struct answer *answer)
{
    struct shared_call *call = *bucket_of(answer->answers, answer->key);
    while (call && (op_ending(&call->op) || call->kind != answer->wish.kind ||
                    memcmp(call->key, answer->key, CACHE_KEY_BYTES) != 0))
        call = call->next;
    return call;
}

static void call_free(struct shared_call *call)
{
    call->answers->under_way--;
    cached_release(call->value);
    arena_clear(&call->arena);
    free(call);
}

static void leave_bucket(struct shared_call *call)
{
    struct shared_call **link = bucket_of(call->answers, call->key);
    while (*link != call)
        link = &(*link)->next;
    *link = call->next;
    call->may_be_joined = false;
}

/* Nobody is there to be charged. */
static void charge_nobody(const struct shared_call *call)
{
    char tokens[BILL_TEXT_BYTES], cost[BILL_TEXT_BYTES];
    const struct bill *bill = &call->bill;
    if (!bill_tokens_text(bill, tokens))
        return;
    bill_add(&call->answers->unanswered, bill);
    spending_add(&call->answers->services->spending, bill->cost_usd, time(NULL));
    log_info(call->op.log_id, "unanswered", "call=%s tokens=%s cost_usd=%s", call->kind->name,
             tokens, bill_cost_text(bill, cost) ? cost : "unknown");
}

static enum flow begin_call(struct op *op)
{
    struct shared_call *call = op_cast(op, shared_call);
    call->begun = true;
    call->kind->begin(call);
    return FLOW_WAIT;
}

static enum flow take_value(struct op *op)
{
    struct shared_call *call = op_cast(op, shared_call);
    bool keep = false;
    const struct error *error = NULL;
    call->value = call->kind->take(call, &keep, &error);
    if (!call->value)
        return op_fail_with(op, error);
    if (keep)
        cache_put(&call->answers->cache, call->key, call->value, loop_now_ms(op->link.loop));
    return FLOW_DONE;
}

/* Those who want it have not heard of its end yet. */
static void call_end(struct op *op)
{
    struct shared_call *call = op_cast(op, shared_call);
    if (call->may_be_joined)
        leave_bucket(call);
    call->kind->end(call);
    if (call->wanted_by)
        call->wanted_by->bill = call->bill;
    else
        charge_nobody(call);
}

static void on_call_over(struct op *op, void *context)
{
    (void)context;
    if (op_shared_unused(op))
        call_free(op_cast(op, shared_call));
}

static const struct step call_steps[] = {{"begin", begin_call}, {"take", take_value}, {0}};
static const struct op_kind call_kind = {"shared_call", call_steps, NULL, call_end};

static struct shared_call *new_call(const struct answer *answer)
{
    struct answers *answers = answer->answers;
    const struct answer_wish *wish = &answer->wish;
    struct shared_call *call = calloc(1, wish->kind->bytes);
    if (!call)
        abort();
    call->kind = wish->kind;
    call->answers = answers;
    call->rank = wish->rank;
    call->deadline_ms = wish->deadline_ms;
    memcpy(call->key, answer->key, CACHE_KEY_BYTES);
    arena_init(&call->arena);
    call->kind->prepare(call, wish->question);
    answers->under_way++;
    if (!wish->fresh) {
        struct shared_call **bucket = bucket_of(answers, call->key);
        call->next = *bucket;
        *bucket = call;
        call->may_be_joined = true;
    }
    op_start(&call->op, &call_kind, root(answers->loop, on_call_over, NULL));
    call->op.log_id = arena_strdup(&call->arena, answer->op.log_id);
    return call;
}

/* --- terms -------------------------------------------------------------------------------------
 */

/* Whose deadline is not that of the call leaves at their own. */
static void limit_time(struct answer *answer)
{
    const uint64_t now = loop_now_ms(answer->answers->loop);
    const uint64_t deadline_ms = answer->wish.deadline_ms;
    if (answer->has_deadline || deadline_ms >= answer->call->deadline_ms)
        return;
    answer->has_deadline = true;
    op_deadline(&answer->op, deadline_ms > now ? deadline_ms - now : 0,
                "another request's call did not end in time");
}

static bool is_older(const struct gate_rank *a, const struct gate_rank *b)
{
    return a->age_ns != b->age_ns ? a->age_ns < b->age_ns : a->order < b->order;
}

/* Somebody came or left. */
static void set_terms(struct shared_call *call)
{
    const struct answer *oldest = call->wanted_by;
    uint64_t deadline_ms = call->deadline_ms;
    for (const struct answer *answer = call->wanted_by; answer; answer = answer->next) {
        if (is_older(&answer->wish.rank, &oldest->wish.rank))
            oldest = answer;
        if (answer->wish.deadline_ms > deadline_ms)
            deadline_ms = answer->wish.deadline_ms;
    }
    const struct gate_rank *rank = &oldest->wish.rank;
    const bool is_later = deadline_ms > call->deadline_ms;
    if (!is_later && rank->request == call->rank.request && rank->order == call->rank.order)
        return;
    call->rank = *rank;
    call->deadline_ms = deadline_ms;
    for (struct answer *answer = call->wanted_by; answer && is_later; answer = answer->next)
        limit_time(answer);
    if (call->begun && !op_ending(&call->op))
        call->kind->change_terms(call);
}

/* Whoever began the call stays first. */
static void join(struct answer *answer)
{
    struct shared_call *call = answer->call;
    struct answer **link = call->wanted_by ? &call->wanted_by->next : &call->wanted_by;
    answer->link = link;
    answer->next = *link;
    if (answer->next)
        answer->next->link = &answer->next;
    *link = answer;
    set_terms(call);
    limit_time(answer);
}

static void leave(struct answer *answer)
{
    *answer->link = answer->next;
    if (answer->next)
        answer->next->link = answer->link;
    if (answer->call->wanted_by && !op_finished(&answer->call->op))
        set_terms(answer->call);
}

/* --- an answer ---------------------------------------------------------------------------------
 */

static bool take_kept(struct answer *answer)
{
    struct answers *answers = answer->answers;
    const struct shared_call_kind *kind = answer->wish.kind;
    struct cached *value = cache_get(&answers->cache, answer->key, loop_now_ms(answers->loop));
    if (value && kind->is_usable && !kind->is_usable(answers, value)) {
        cache_remove(&answers->cache, answer->key);
        cached_release(value);
        value = NULL;
    }
    answer->value = value;
    return value != NULL;
}

static enum flow look(struct op *op)
{
    struct answer *answer = op_cast(op, answer);
    if (!answer->wish.fresh && take_kept(answer)) {
        answer->origin = ANSWER_KEPT;
        answer->answers->kept++;
        return FLOW_DONE;
    }
    answer->call = answer->wish.fresh ? NULL : find_call(answer);
    answer->origin = answer->call ? ANSWER_SHARED : ANSWER_MADE;
    if (answer->call) {
        answer->answers->shared++;
    } else {
        answer->answers->made++;
        answer->call = new_call(answer);
    }
    join(answer);
    op_want_start(&answer->want, need(op), &answer->call->op);
    return FLOW_WAIT;
}

static enum flow take(struct op *op)
{
    struct answer *answer = op_cast(op, answer);
    answer->value = cached_hold(answer->call->value);
    return FLOW_DONE;
}

static void answer_end(struct op *op)
{
    struct answer *answer = op_cast(op, answer);
    struct shared_call *call = answer->call;
    if (!call)
        return;
    const double waited = op_seconds(op);
    leave(answer);
    answer->queue_seconds = call->queue_seconds < waited ? call->queue_seconds : waited;
    answer->call = NULL;
    if (op_want_drop(&answer->want))
        call_free(call);
}

static const struct step answer_steps[] = {{"look", look}, {"take", take}, {0}};
static const struct op_kind answer_kind = {"answer", answer_steps, NULL, answer_end};

/* --- from outside ------------------------------------------------------------------------------
 */

void answer_start(struct answer *answer, struct op_link link, struct answers *answers,
                  const struct answer_wish *wish)
{
    memset(answer, 0, sizeof(*answer));
    answer->answers = answers;
    answer->wish = *wish;
    memcpy(answer->key, wish->key, CACHE_KEY_BYTES);
    op_start(&answer->op, &answer_kind, link);
}

void answer_clear(struct answer *answer)
{
    cached_release(answer->value);
    answer->value = NULL;
}

void answers_init(struct answers *answers, struct loop *loop, struct services *services,
                  size_t bytes_max)
{
    memset(answers, 0, sizeof(*answers));
    answers->loop = loop;
    answers->services = services;
    cache_init(&answers->cache, bytes_max, ANSWERS_TTL_MS);
}

void answers_clear(struct answers *answers)
{
    assert(answers->under_way == 0);
    cache_clear(&answers->cache);
}
