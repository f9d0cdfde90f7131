/*
 * op.h: an operation: asynchronous work as a table of steps.
 *
 * A struct that begins with `struct op op` is an operation. Its kind names its steps; the
 * dispatcher runs them in order, each on the loop, and looks at cancel and deadline in between.
 *
 *     struct greeting { struct op op; struct lookup lookup; };
 *
 *     static enum flow look_up(struct op *op)
 *     {
 *         struct greeting *g = op_cast(op, greeting);
 *         lookup_start(&g->lookup, need(op), "name");
 *         return FLOW_WAIT;                   // until every child has finished
 *     }
 *     static const struct step greeting_steps[] = {{"look_up", look_up}, {"say", say}, {0}};
 *     static const struct op_kind greeting_kind = {"greeting", greeting_steps, NULL, NULL};
 *
 *     op_start(&g->op, &greeting_kind, link);
 *
 *                    op_start            step: FLOW_WAIT
 *     (memory) ────────────────▶ READY ───────────────────▶ WAITING
 *                                │ ▲   ◀───────────────────────┘
 *                 FLOW_NEXT ─────┘ │     last child finished, last hold released
 *                                  │
 *      last step, FLOW_DONE, op_fail, a needed child's failure, op_cancel, deadline
 *                                  ▼
 *                               ENDING ── children cancelled, all of them waited for ──▶ FINISHED
 *
 * Promises
 * - An operation finishes exactly once, after its last child, and never inside op_start.
 * - The first reason to end wins; what comes later changes nothing.
 * - Cancel asks, it does not free: each child is asked in turn and finishes with its error.
 * - A needed child's failure fails the parent with the child's error; a tried child's is left in
 *   the child, for the parent's next step to read with op_error.
 * - on_end runs once, when no child is left, before the parent hears of it.
 * An operation's memory belongs to its parent's struct or arena, or for a root to whoever started
 * it, and may go once it has finished (roots: in on_finish).
 */
#ifndef IO_OP_H
#define IO_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/loop.h"

struct op;

/* What a step wants to happen next. */
enum flow {
    FLOW_NEXT,  /* go on with the next step at once */
    FLOW_WAIT,  /* go on with it when no child and no hold is left */
    FLOW_AGAIN, /* begin again with the first step, once no child and no hold is left */
    FLOW_DONE,  /* end here; children still at work are cancelled */
};

typedef enum flow step_fn(struct op *op);

struct step {
    const char *name; /* for logs and timings; NULL ends the table */
    step_fn *run;
};

struct op_kind {
    const char *name;
    const struct step *steps;
    /* Called once when the operation begins to end while it has holds, never inside a step: tell
     * the outside to stop. Each hold must still be released, now or later. NULL where no step
     * takes a hold. */
    void (*on_cancel)(struct op *op);
    /* Gives back what the operation holds (not its memory). May be NULL. */
    void (*on_end)(struct op *op);
};

/* Who hears of the end: made by need(), try() or root(). */
struct op_link {
    struct loop *loop;
    struct op *parent; /* NULL for a root */
    bool needed;
    void (*on_finish)(struct op *op, void *context); /* roots only; may free the operation */
    void *context;
};

enum op_state { OP_NONE, OP_READY, OP_RUNNING, OP_WAITING, OP_FINISHED };

/* Private but for `error`, read through op_error. */
struct op {
    const struct op_kind *kind;
    struct op_link link;
    enum op_state state;
    bool ending;           /* no further step will run */
    bool being_told;       /* on_cancel was called */
    size_t next_step;      /* row of the table to run next */
    size_t children_count; /* started and not finished */
    size_t holds;          /* things outside that will call op_release */
    struct op *children;   /* list through older/newer */
    struct op *older, *newer;
    struct op_want *wants; /* of a shared root: who waits for it */
    size_t references;     /* of a shared root: wants not yet dropped */
    struct error error;    /* why it ended; code OK while it runs and after success */
    struct deferred dispatch;
    struct loop_timer deadline;
    const char *deadline_detail;   /* a static sentence for its error */
    uint64_t started_ns, ended_ns; /* uv_hrtime */
    const char *log_id;            /* the request id, handed down to children; "" for none */
};

#define op_cast(op_, type) ((struct type *)(void *)((char *)(op_)-offsetof(struct type, op)))

struct op_link need(struct op *parent); /* its failure is ours */
struct op_link try(struct op *parent);  /* its failure is ours to look at */
struct op_link root(struct loop *loop, void (*on_finish)(struct op *op, void *context),
                    void *context);

/* Puts the operation to work: its first step runs in the next round of the loop. All fields of
 * `op` are set; what stands around it is the caller's. A child of a parent that is ending is
 * cancelled at once. */
void op_start(struct op *op, const struct op_kind *kind, struct op_link link);

/* Ends the operation with ERR_CANCELLED, or for op_stop with a given reason. Nothing happens if
 * it is ending or has finished. Safe at any moment between op_start and the end of its memory. */
void op_cancel(struct op *op);
void op_stop(struct op *op, enum err code, const char *detail);

/* Ends it with ERR_DEADLINE `after_ms` from now, unless it is done by then. Again: replaces it. */
void op_deadline(struct op *op, uint64_t after_ms, const char *detail);

/* For `return op_fail(...)` in a step. */
enum flow op_fail(struct op *op, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum flow op_fail_with(struct op *op, const struct error *error);

/* For on_end: puts words before the error's detail, such as what was being tried. Nothing happens
 * after success or a cancel. */
void op_reword(struct op *op, const char *before);

/* Something outside (a process, a worker thread, a socket) is at work for this operation: FLOW_WAIT
 * lasts until it was released. */
void op_hold(struct op *op);
void op_release(struct op *op);

bool op_finished(const struct op *op);
bool op_ending(const struct op *op);
/* NULL-safe: `code` is OK after success; valid when finished. */
const struct error *op_error(const struct op *op);
/* From op_start to the end, or to now. */
double op_seconds(const struct op *op);

/*
 * A want: waiting for a root that several share. It is a small operation of its own, which finishes
 * with the shared one's error; when the last want leaves before that, the shared one is cancelled.
 * Wants keep the shared root's memory: its owner learns through `op_shared_unused` in on_finish
 * and op_want_drop when it may free it.
 */
struct op_want {
    struct op op;
    struct op *shared;
    struct op_want *next; /* in the shared root's list while it waits */
    bool waiting;
};

void op_want_start(struct op_want *want, struct op_link link, struct op *shared);

/* When the results are no longer read. True: this was the last one, and the shared root has
 * finished, so its owner may free it now. */
bool op_want_drop(struct op_want *want);

/* No want refers to this root any more? */
bool op_shared_unused(const struct op *shared);

#endif
