/*
 * answers.h: one paid call, many who want its answer: those who come while it is under way wait for
 * it, those who come later are given what is kept.
 *
 *     struct answers answers;                                            // once
 *     answers_init(&answers, &loop, &services, bytes_max);
 *
 *     answer_start(&picture->answer, try(op), &answers, &(struct answer_wish){
 *         .kind = &picture_call_kind, .question = &question, .key = key,
 *         .rank = rank, .deadline_ms = deadline_ms});
 *     ... // in the next step: picture->answer.value
 *     answer_clear(&picture->answer);
 *
 *     answer:  kept? ──▶ done
 *                │
 *                └─ no ──▶ somebody asks just that? join them ──┬──▶ done, or failed as the call
 *                          else begin the call ────────────────┘
 *
 * A call is a root operation with an arena of its own. It is cancelled when the last who wants its
 * answer leaves. At the gate it is as old as the oldest of them, and it has until the latest of
 * their deadlines; each leaves at their own. What it cost is charged once: to whoever began it, or
 * if they have left to another; if nobody is left it counts for the day's spending all the same,
 * and the log says so. Its failure is everybody's, and is not kept; nor is an answer that is less
 * than it should be.
 *
 * The key is a digest of all that shapes the answer (answer_key.h), so that there is no way to the
 * answer of another question.
 */
#ifndef PIPELINE_ANSWERS_H
#define PIPELINE_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cache.h"
#include "io/gate.h"
#include "upstream/bill.h"
#include "upstream/services.h"

enum {
    ANSWERS_TTL_MS = 30 * 60 * 1000,
    ANSWERS_BUCKETS = 256, /* of the calls that are under way */
};

struct shared_call;

/* `{0}` until init. */
struct answers {
    struct loop *loop;
    struct services *services;
    struct cache cache;
    struct shared_call *calls[ANSWERS_BUCKETS]; /* under way, that others may join */
    size_t under_way;                           /* all of them, also those not to be joined */
    /* since the start, for metrics */
    uint64_t kept, shared, made; /* how answers came */
    struct bill unanswered;      /* that nobody was left to be charged for */
};

void answers_init(struct answers *answers, struct loop *loop, struct services *services,
                  size_t bytes_max);
/* When none is under way. Nothing happens for one that is `{0}`. */
void answers_clear(struct answers *answers);

/* --- the calls ---------------------------------------------------------------------------------
 */

/* What a kind of call does. Its struct begins with a struct shared_call. */
struct shared_call_kind {
    const char *name; /* "chat_answer" */
    size_t bytes;     /* of the struct */
    /* Copies what is needed of a question, which is gone afterwards. */
    void (*prepare)(struct shared_call *call, const void *question);
    /* Starts the call as a tried child of call->op. */
    void (*begin)(struct shared_call *call);
    /* `rank` and `deadline_ms` have changed: tells the child. */
    void (*change_terms)(struct shared_call *call);
    /* The child has finished: a new value, and in `keep` whether it is all it should be; or NULL,
     * and `error` is the child's. */
    struct cached *(*take)(struct shared_call *call, bool *keep, const struct error **error);
    /* In the end, whether it was begun or not: adds what was used to call->bill, sets
     * call->queue_seconds, and gives back what is held. */
    void (*end)(struct shared_call *call);
    /* Is a value that was kept still of use? NULL: always. */
    bool (*is_usable)(const struct answers *answers, const struct cached *value);
};

struct answer;

struct shared_call {
    struct op op;
    const struct shared_call_kind *kind;
    struct answers *answers;
    struct shared_call *next; /* in the bucket */
    unsigned char key[CACHE_KEY_BYTES];
    bool may_be_joined;
    bool begun;
    struct arena arena;
    struct gate_rank rank;
    uint64_t deadline_ms;
    struct answer *wanted_by; /* whoever began it first */
    struct bill bill;
    double queue_seconds;
    struct cached *value;
};

/* --- those who want one ------------------------------------------------------------------------
 */

enum answer_origin {
    ANSWER_NONE,   /* it ended before it was looked for */
    ANSWER_KEPT,   /* no call was needed */
    ANSWER_SHARED, /* another's call was joined */
    ANSWER_MADE,   /* a call was begun */
};

struct answer_wish {
    const struct shared_call_kind *kind;
    const void *question; /* as the kind has it; borrowed until the answer has finished */
    const unsigned char *key;
    struct gate_rank rank;
    uint64_t deadline_ms; /* loop time */
    bool fresh;           /* neither what is kept nor others' calls will do */
};

struct answer {
    struct op op;
    /* results */
    struct cached *value; /* after success, until answer_clear */
    enum answer_origin origin;
    struct bill bill; /* what is charged for it, also after a failure */
    double queue_seconds;
    /* private */
    struct answers *answers;
    struct answer_wish wish;
    unsigned char key[CACHE_KEY_BYTES];
    struct shared_call *call;
    struct op_want want;
    struct answer *next, **link; /* of those who want the same */
    bool has_deadline;           /* of its own, as the call's is later */
};

void answer_start(struct answer *answer, struct op_link link, struct answers *answers,
                  const struct answer_wish *wish);

/* After it has finished. Nothing happens for one that is `{0}`. */
void answer_clear(struct answer *answer);

#endif
