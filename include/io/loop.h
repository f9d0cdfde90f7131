/*
 * loop.h: the one event loop, its deferred calls and its timers.
 *
 * Everything asynchronous in personad runs on one thread, in callbacks of this loop. Two tools
 * that libuv lacks are here: calls deferred to "right after what runs now" (how an operation never
 * finishes inside its own start function), and timers that are plain memory: they can be stopped
 * and freed at once, where a uv_timer_t has to be closed and waited for.
 *
 *     struct loop loop;
 *     if (loop_init(&loop) == OK) {
 *         loop_defer(&loop, &task.deferred);       // runs once, before the loop waits again
 *         loop_timer_start(&loop, &task.timer, 500, on_late);
 *         loop_run(&loop);                         // until loop_stop, or nothing is left to do
 *         loop_clear(&loop);
 *     }
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "io/loop_lag.h"

/* A call to come. Lives in its owner; `{.run = f}` is ready for loop_defer. */
struct deferred {
    void (*run)(struct deferred *deferred);
    struct deferred *next;
    bool queued;
};

/* A one-shot timer. Lives in its owner; `{0}` is a stopped one. */
struct loop_timer {
    void (*on_expiry)(struct loop_timer *timer);
    uint64_t expiry_ms; /* in loop time */
    uint64_t started;   /* the loop's count of starts: of two due at once, the earlier goes first */
    size_t place;       /* index in the loop's heap plus one; 0: stopped */
};

struct loop {
    uv_loop_t uv;
    uv_idle_t spin;         /* runs while calls are deferred, so that the loop does not wait */
    uv_prepare_t flush;     /* writes gathered log lines out before each wait */
    uv_timer_t alarm;       /* set to the earliest of `timers` */
    struct deferred *first; /* deferred calls, oldest first */
    struct deferred **last;
    struct deferred round_end;  /* queued by the loop itself behind the calls of this round */
    struct loop_timer **timers; /* binary heap by expiry */
    size_t timer_count;
    size_t timer_capacity;
    uint64_t timer_starts; /* so far */
    struct loop_lag lag;   /* for who starts it */
};

MUST_CHECK enum err loop_init(struct loop *loop);

/* Runs until loop_stop, or until nothing is left that could happen. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Closes what the loop itself holds and lets pending close callbacks run. Asserts that all other
 * handles were closed by their owners. */
void loop_clear(struct loop *loop);

/* Queues one call; nothing happens if it is queued already. */
void loop_defer(struct loop *loop, struct deferred *deferred);

/* Takes a queued call back, so that its owner may be freed. Nothing happens if it is not queued. */
void loop_defer_cancel(struct loop *loop, struct deferred *deferred);

/* (Re)starts a timer; 0 ms means in the next round. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t after_ms,
                      void (*on_expiry)(struct loop_timer *timer));
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

/* Milliseconds on the monotonic clock, as of the start of this round of the loop. */
uint64_t loop_now_ms(const struct loop *loop);

/* From a member back to the struct that holds it. */
#define container_of(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
