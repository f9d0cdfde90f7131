/*
 * A deferred call runs in the idle phase of the next round: an active uv_idle_t makes libuv poll
 * without waiting. A round runs the calls queued when it began; what they queue comes in the next,
 * so that sockets are looked at in between.
 */
#include "io/loop.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"

enum { TIMERS_MIN = 64 };

static struct deferred *take_first(struct loop *loop)
{
    struct deferred *call = loop->first;
    loop->first = call->next;
    if (!loop->first)
        loop->last = &loop->first;
    call->next = NULL;
    call->queued = false;
    return call;
}

static void append(struct loop *loop, struct deferred *call)
{
    call->queued = true;
    call->next = NULL;
    *loop->last = call;
    loop->last = &call->next;
}

static void on_spin(uv_idle_t *spin)
{
    struct loop *loop = spin->data;
    append(loop, &loop->round_end);
    for (struct deferred *call; (call = take_first(loop)) != &loop->round_end;)
        call->run(call);
    if (!loop->first)
        uv_idle_stop(&loop->spin);
}

static void on_flush(uv_prepare_t *flush)
{
    (void)flush;
    log_flush();
}

enum err loop_init(struct loop *loop)
{
    *loop = (struct loop){0};
    loop->last = &loop->first;
    if (uv_loop_init(&loop->uv) != 0)
        return ERR_IO;
    uv_idle_init(&loop->uv, &loop->spin);
    loop->spin.data = loop;
    uv_prepare_init(&loop->uv, &loop->flush);
    uv_prepare_start(&loop->flush, on_flush);
    uv_unref((uv_handle_t *)&loop->flush);
    uv_timer_init(&loop->uv, &loop->alarm);
    loop->alarm.data = loop;
    uv_timer_init(&loop->uv, &loop->lag.timer);
    return OK;
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    log_flush();
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

void loop_clear(struct loop *loop)
{
    uv_close((uv_handle_t *)&loop->spin, NULL);
    uv_close((uv_handle_t *)&loop->flush, NULL);
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_close((uv_handle_t *)&loop->lag.timer, NULL);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0)
        ; /* it returns early once where loop_stop came while it did not run */
    const int busy = uv_loop_close(&loop->uv);
    assert(busy == 0);
    (void)busy;
    free(loop->timers);
    *loop = (struct loop){0};
}

void loop_defer(struct loop *loop, struct deferred *deferred)
{
    assert(deferred->run);
    if (deferred->queued)
        return;
    append(loop, deferred);
    uv_idle_start(&loop->spin, on_spin);
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
    deferred->next = NULL;
    deferred->queued = false;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

/* --- timers: a binary heap, each timer knowing its place in it ----------------------------- */

static void heap_put(struct loop *loop, size_t at, struct loop_timer *timer)
{
    loop->timers[at] = timer;
    timer->place = at + 1;
}

/* Of two that are due at once, the one started first. */
static bool is_earlier(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->expiry_ms != b->expiry_ms ? a->expiry_ms < b->expiry_ms : a->started < b->started;
}

static void heap_rise(struct loop *loop, size_t at)
{
    struct loop_timer *timer = loop->timers[at];
    while (at > 0 && is_earlier(timer, loop->timers[(at - 1) / 2])) {
        heap_put(loop, at, loop->timers[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(loop, at, timer);
}

static void heap_sink(struct loop *loop, size_t at)
{
    struct loop_timer *timer = loop->timers[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= loop->timer_count)
            break;
        if (child + 1 < loop->timer_count &&
            is_earlier(loop->timers[child + 1], loop->timers[child]))
            child++;
        if (!is_earlier(loop->timers[child], timer))
            break;
        heap_put(loop, at, loop->timers[child]);
        at = child;
    }
    heap_put(loop, at, timer);
}

static void on_alarm(uv_timer_t *alarm);

/* Sets the alarm to the earliest timer, but not before `least_ms`. Waking early is harmless, so a
 * later one is left alone. */
static void alarm_set(struct loop *loop, uint64_t least_ms)
{
    if (loop->timer_count == 0) {
        uv_timer_stop(&loop->alarm);
        return;
    }
    const uint64_t now = loop_now_ms(loop);
    const uint64_t expiry = loop->timers[0]->expiry_ms;
    const uint64_t after_ms = expiry > now ? expiry - now : 0;
    uv_timer_start(&loop->alarm, on_alarm, after_ms > least_ms ? after_ms : least_ms, 0);
}

static void on_alarm(uv_timer_t *alarm)
{
    struct loop *loop = alarm->data;
    const uint64_t now = loop_now_ms(loop);

    /* Timers started by these callbacks with 0 ms wait for the next round; and the alarm may not be
     * set to 0 ms here, since libuv would ring it again at once, before any socket is looked at. */
    const uint64_t starts = loop->timer_starts;
    while (loop->timer_count > 0) {
        struct loop_timer *timer = loop->timers[0];
        if (timer->expiry_ms > now || timer->started > starts)
            break;
        loop_timer_stop(loop, timer);
        timer->on_expiry(timer);
    }
    alarm_set(loop, 1);
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t after_ms,
                      void (*on_expiry)(struct loop_timer *timer))
{
    loop_timer_stop(loop, timer);
    if (loop->timer_count == loop->timer_capacity) {
        loop->timer_capacity = loop->timer_capacity ? 2 * loop->timer_capacity : TIMERS_MIN;
        loop->timers = realloc(loop->timers, loop->timer_capacity * sizeof(struct loop_timer *));
        if (!loop->timers)
            abort();
    }
    timer->on_expiry = on_expiry;
    const uint64_t now = loop_now_ms(loop);
    timer->expiry_ms = after_ms < UINT64_MAX - now ? now + after_ms : UINT64_MAX;
    timer->started = ++loop->timer_starts;
    loop->timers[loop->timer_count] = timer;
    heap_rise(loop, loop->timer_count++);
    if (loop->timers[0] == timer)
        alarm_set(loop, 0);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    if (timer->place == 0)
        return;
    const size_t at = timer->place - 1;
    struct loop_timer *moved = loop->timers[--loop->timer_count];
    timer->place = 0;
    if (moved != timer) {
        loop->timers[at] = moved;
        heap_rise(loop, at);
        heap_sink(loop, moved->place - 1);
    }
    if (loop->timer_count == 0)
        alarm_set(loop, 0);
}
