/*
 * virtual_loop.h: loop.h's deferred calls and timers with a clock that the test turns. For the one
 * file of a test program, in place of loop.c.
 *
 *     struct loop loop = virtual_loop();
 *     ...
 *     virtual_loop_settle(&loop);        // all that is deferred
 *     virtual_loop_advance(&loop, 500);  // the timers of the next half second, each at its time
 */
#ifndef TEST_VIRTUAL_LOOP_H
#define TEST_VIRTUAL_LOOP_H

#include <stddef.h>
#include <string.h>

#include "io/loop.h"

enum { VIRTUAL_TIMERS_MAX = 64 };

static uint64_t virtual_now_ms;
static struct loop_timer *virtual_timers[VIRTUAL_TIMERS_MAX]; /* running, in no order */
static size_t virtual_timer_count;

static inline struct loop virtual_loop(void)
{
    virtual_now_ms = 1000 * 1000;
    virtual_timer_count = 0;
    return (struct loop){0};
}

void loop_defer(struct loop *loop, struct deferred *deferred)
{
    if (deferred->queued)
        return;
    if (!loop->first)
        loop->last = &loop->first;
    *loop->last = deferred;
    loop->last = &deferred->next;
    deferred->next = NULL;
    deferred->queued = true;
}

void loop_defer_cancel(struct loop *loop, struct deferred *deferred)
{
    if (!deferred->queued)
        return;
    struct deferred **link = &loop->first;
    while (*link != deferred)
        link = &(*link)->next;
    *link = deferred->next;
    if (loop->last == &deferred->next)
        loop->last = link;
    deferred->queued = false;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    (void)loop;
    return virtual_now_ms;
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    if (timer->place == 0)
        return;
    struct loop_timer *moved = virtual_timers[--virtual_timer_count];
    virtual_timers[timer->place - 1] = moved;
    moved->place = timer->place;
    timer->place = 0;
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t after_ms,
                      void (*on_expiry)(struct loop_timer *timer))
{
    loop_timer_stop(loop, timer);
    assert_true(virtual_timer_count < VIRTUAL_TIMERS_MAX);
    timer->on_expiry = on_expiry;
    timer->expiry_ms = virtual_now_ms + after_ms;
    virtual_timers[virtual_timer_count++] = timer;
    timer->place = virtual_timer_count;
}

/* One deferred call, the oldest; false when there is none. */
static inline bool virtual_loop_step(struct loop *loop)
{
    struct deferred *call = loop->first;
    if (!call)
        return false;
    loop_defer_cancel(loop, call);
    call->run(call);
    return true;
}

static inline void virtual_loop_settle(struct loop *loop)
{
    while (virtual_loop_step(loop))
        ;
}

/* Fires the first of the timers that are due by `until_ms`, at its time. False: none is. */
static inline bool virtual_loop_fire(struct loop *loop, uint64_t until_ms)
{
    struct loop_timer *first = NULL;
    for (size_t i = 0; i < virtual_timer_count; i++) {
        if (!first || virtual_timers[i]->expiry_ms < first->expiry_ms)
            first = virtual_timers[i];
    }
    if (!first || first->expiry_ms > until_ms)
        return false;
    if (first->expiry_ms > virtual_now_ms)
        virtual_now_ms = first->expiry_ms;
    loop_timer_stop(loop, first);
    first->on_expiry(first);
    return true;
}

static inline void virtual_loop_advance(struct loop *loop, uint64_t ms)
{
    const uint64_t until = virtual_now_ms + ms;
    virtual_loop_settle(loop);
    while (virtual_loop_fire(loop, until))
        virtual_loop_settle(loop);
    virtual_now_ms = until;
}

#endif
