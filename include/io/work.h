/*
 * work.h: computation off the loop: an operation that runs a function on a worker thread.
 *
 *     struct count { struct work work; const char *text; size_t words; };
 *     static enum err count(struct work *work, struct error *error) { ... container_of(work, ...) }
 *     work_start(&c.work, need(op), count, length > WORK_INLINE_BYTES);
 *
 * Small work is run on the loop: a thread costs more than it. The function may touch nothing that
 * the loop touches meanwhile, and has an arena of its own; it should look at `cancel` once per
 * some 64 KB and return ERR_CANCELLED.
 */
#ifndef IO_WORK_H
#define IO_WORK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/arena.h"
#include "io/op.h"

enum {
    WORK_INLINE_BYTES = 128 * 1024, /* input up to here takes under 10 ms: not worth a thread */
    WORK_THREADS = 8,               /* libuv's pool, shared with file writes and name look-ups */
};

struct work {
    struct op op;
    enum err (*run)(struct work *work, struct error *error);
    struct arena arena; /* for its results; cleared by work_clear */
    atomic_bool cancel; /* set when it should stop early */
    bool off_loop;
    struct error result; /* of run, until the operation takes it */
    uv_work_t request;
};

/* Sets the size of libuv's thread pool; before the first loop is used. */
void work_init_threads(void);

/* Called on a worker thread: from now on it yields to the loop, which has clients waiting. */
void work_thread_yield(void);

void work_start(struct work *work, struct op_link link,
                enum err (*run)(struct work *work, struct error *error), bool off_loop);

/* After it has finished: frees its arena. Nothing happens for one that is `{0}`. */
void work_clear(struct work *work);

#endif
