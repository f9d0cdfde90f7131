/*
 * Who waits stands in a binary heap by rank: requests arrive out of order (a retry keeps its
 * request's age, an upload becomes a chat call when its parse is done), so that a sorted list would
 * be walked for each of them, while a heap with 10,000 waiting takes 14 steps. Every pass knows its
 * index there, so that a cancel takes it out as quickly.
 *
 * Whatever may let somebody in (a newcomer, a place given back, a waiter gone, time) ends in
 * settle(), which goes on until nobody else may enter. So whenever somebody waits, there is a
 * reason.
 */
#include "io/gate.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { QUEUE_MIN = 64 };

static const double mean_weight = 0.1; /* of the newest in the moving mean */

static void settle(struct gate *gate);
static void widen(struct gate_pass *pass);

void gate_init(struct gate *gate, struct loop *loop, const char *name,
               const struct gate_settings *settings)
{
    assert(settings->places > 0);
    assert(settings->failures_min <= GATE_REPORTS_MAX);
    *gate = (struct gate){
        .loop = loop, .name = name, .settings = *settings, .places_full = settings->places};
}

void gate_clear(struct gate *gate)
{
    assert(gate->taken == 0);
    assert(gate->waiting == 0);
    free(gate->queue);
    *gate = (struct gate){0};
}

/* --- the queue ------------------------------------------------------------------------------ */

static bool before(const struct gate_pass *a, const struct gate_pass *b)
{
    if (a->rank.age_ns != b->rank.age_ns)
        return a->rank.age_ns < b->rank.age_ns;
    if (a->rank.order != b->rank.order)
        return a->rank.order < b->rank.order;
    return a->arrival < b->arrival;
}

static void queue_put(struct gate *gate, size_t at, struct gate_pass *pass)
{
    gate->queue[at] = pass;
    pass->place = at + 1;
}

static void queue_rise(struct gate *gate, size_t at)
{
    struct gate_pass *pass = gate->queue[at];
    for (; at > 0 && before(pass, gate->queue[(at - 1) / 2]); at = (at - 1) / 2)
        queue_put(gate, at, gate->queue[(at - 1) / 2]);
    queue_put(gate, at, pass);
}

static void queue_sink(struct gate *gate, size_t at)
{
    struct gate_pass *pass = gate->queue[at];
    for (size_t child; (child = 2 * at + 1) < gate->waiting; at = child) {
        if (child + 1 < gate->waiting && before(gate->queue[child + 1], gate->queue[child]))
            child++;
        if (!before(gate->queue[child], pass))
            break;
        queue_put(gate, at, gate->queue[child]);
    }
    queue_put(gate, at, pass);
}

static void queue_add(struct gate *gate, struct gate_pass *pass)
{
    if (gate->waiting == gate->queue_capacity) {
        gate->queue_capacity = gate->queue_capacity ? 2 * gate->queue_capacity : QUEUE_MIN;
        gate->queue = realloc(gate->queue, gate->queue_capacity * sizeof(struct gate_pass *));
        if (!gate->queue)
            abort();
    }
    gate->queue[gate->waiting] = pass;
    queue_rise(gate, gate->waiting++);
}

static void queue_remove(struct gate *gate, struct gate_pass *pass)
{
    const size_t at = pass->place - 1;
    struct gate_pass *moved = gate->queue[--gate->waiting];
    pass->place = 0;
    if (moved == pass)
        return;
    gate->queue[at] = moved;
    queue_rise(gate, at);
    queue_sink(gate, moved->place - 1);
}

/* The best of those at `at` and below it who are not of `request`; NULL: there is none. Goes below
 * a pass only where it is of that request, which waits with a few dozen calls at most. */
static struct gate_pass *best_of_others(const struct gate *gate, size_t at, const void *request)
{
    if (at >= gate->waiting)
        return NULL;
    if (gate->queue[at]->rank.request != request)
        return gate->queue[at];
    struct gate_pass *left = best_of_others(gate, 2 * at + 1, request);
    struct gate_pass *right = best_of_others(gate, 2 * at + 2, request);
    return !left || (right && before(right, left)) ? right : left;
}

/* --- places --------------------------------------------------------------------------------- */

/* The request that holds its full share, places - 1, and so may have the free one only when nobody
 * else wants it; NULL: there is none. It has all that are taken, as one is free. */
static const void *sated_request(const struct gate *gate)
{
    if (gate->settings.places == 1 || gate->taken + 1 < gate->settings.places)
        return NULL;
    const void *request = gate->inside->rank.request;
    for (const struct gate_pass *pass = gate->inside; pass; pass = pass->next) {
        if (pass->rank.request != request)
            return NULL;
    }
    return request;
}

/* Who gets the free place. */
static struct gate_pass *next_in(const struct gate *gate)
{
    const void *sated = sated_request(gate);
    struct gate_pass *other = sated ? best_of_others(gate, 0, sated) : NULL;
    return other ? other : gate->queue[0];
}

static void inside_add(struct gate *gate, struct gate_pass *pass)
{
    pass->next = gate->inside;
    pass->link = &gate->inside;
    if (pass->next)
        pass->next->link = &pass->next;
    gate->inside = pass;
    gate->taken++;
    pass->inside = true;
}

static void inside_remove(struct gate *gate, struct gate_pass *pass)
{
    pass->inside = false;
    *pass->link = pass->next;
    if (pass->next)
        pass->next->link = pass->link;
    gate->taken--;
}

static void let_in(struct gate *gate, struct gate_pass *pass)
{
    queue_remove(gate, pass);
    inside_add(gate, pass);
    pass->entered_ms = loop_now_ms(gate->loop);
    op_release(&pass->op);
}

static void on_hold_over(struct loop_timer *timer)
{
    settle(container_of(timer, struct gate, timer));
}

static void settle(struct gate *gate)
{
    const uint64_t now = loop_now_ms(gate->loop);
    const bool held = gate->held_until_ms > now;
    while (!held && gate->waiting > 0 && gate->taken < gate->settings.places)
        let_in(gate, next_in(gate));
    if (held && gate->waiting > 0)
        loop_timer_start(gate->loop, &gate->timer, gate->held_until_ms - now, on_hold_over);
    else
        loop_timer_stop(gate->loop, &gate->timer);
}

/* --- the breaker ---------------------------------------------------------------------------- */

enum gate_state gate_state_now(const struct gate *gate)
{
    const bool over = loop_now_ms(gate->loop) >= gate->reopen_ms;
    return gate->state == GATE_OPEN && over ? GATE_HALF_OPEN : gate->state;
}

static enum err refusal(const struct gate *gate, struct error *error)
{
    return error_set(error, ERR_BREAKER_OPEN,
                     gate->fatal ? "%s refuses our key or has no credit left for it, and is not "
                                   "asked again for a while"
                                 : "%s has failed too often and is given a rest",
                     gate->name);
}

/* Turns away all who wait, the probe among them if it does. */
static void breaker_open(struct gate *gate, bool fatal)
{
    const struct gate_settings *settings = &gate->settings;
    const uint64_t until =
        loop_now_ms(gate->loop) + (fatal ? settings->fatal_ms : settings->open_ms);
    if (until > gate->reopen_ms)
        gate->reopen_ms = until;
    gate->state = GATE_OPEN;
    gate->fatal = fatal;
    gate->probe = NULL;

    struct error error;
    const enum err err = refusal(gate, &error);
    while (gate->waiting > 0) {
        struct gate_pass *pass = gate->queue[gate->waiting - 1];
        queue_remove(gate, pass);
        op_stop(&pass->op, err, error.detail);
        op_release(&pass->op);
    }
    settle(gate);
}

static void breaker_close(struct gate *gate)
{
    gate->state = GATE_CLOSED;
    gate->probe = NULL;
    gate->report_count = 0;
}

/* Do the latest reports say that it should open? */
static bool too_many_failures(const struct gate *gate)
{
    const uint64_t now = loop_now_ms(gate->loop);
    const size_t kept =
        gate->report_count < GATE_REPORTS_MAX ? gate->report_count : GATE_REPORTS_MAX;
    size_t counted = 0, failures = 0;
    for (size_t i = 0; i < kept; i++) {
        if (now - gate->reports[i].at_ms >= gate->settings.window_ms)
            continue;
        counted++;
        failures += gate->reports[i].failure;
    }
    return failures >= gate->settings.failures_min &&
           (double)failures >= gate->settings.failure_share * (double)counted;
}

void gate_report(struct gate_pass *pass, enum gate_result result)
{
    assert(pass->inside);
    struct gate *gate = pass->gate;
    if (result == GATE_SUCCESS)
        widen(pass);
    if (gate->settings.failures_min == 0 || result == GATE_NEUTRAL)
        return;
    if (result == GATE_FATAL) {
        breaker_open(gate, true);
    } else if (gate->state == GATE_CLOSED) {
        const size_t at = gate->report_count++ % GATE_REPORTS_MAX;
        gate->reports[at].at_ms = loop_now_ms(gate->loop);
        gate->reports[at].failure = result == GATE_FAILURE;
        if (result == GATE_FAILURE && too_many_failures(gate))
            breaker_open(gate, false);
    } else if (pass == gate->probe) {
        if (result == GATE_SUCCESS)
            breaker_close(gate);
        else
            breaker_open(gate, false);
    }
}

/* --- a pass --------------------------------------------------------------------------------- */

static enum flow pass_ask(struct op *op)
{
    struct gate_pass *pass = op_cast(op, gate_pass);
    struct gate *gate = pass->gate;
    gate->state = gate_state_now(gate);
    if (gate->state == GATE_OPEN || gate->probe) {
        struct error error;
        refusal(gate, &error);
        return op_fail_with(op, &error);
    }
    if (gate->state == GATE_HALF_OPEN)
        gate->probe = pass;
    pass->arrival = gate->arrivals++;
    op_hold(op);
    queue_add(gate, pass);
    settle(gate);
    return FLOW_WAIT;
}

/* It waits, unless breaker_open() has just taken it out and releases it itself. */
static void pass_cancel(struct op *op)
{
    struct gate_pass *pass = op_cast(op, gate_pass);
    struct gate *gate = pass->gate;
    if (pass->place == 0)
        return;
    queue_remove(gate, pass);
    if (gate->probe == pass)
        gate->probe = NULL;
    op_release(op);
    settle(gate);
}

static const struct step pass_steps[] = {{"ask", pass_ask}, {0}};
static const struct op_kind pass_kind = {"gate", pass_steps, pass_cancel, NULL};

void gate_enter(struct gate_pass *pass, struct op_link link, struct gate *gate,
                const struct gate_rank *rank)
{
    *pass = (struct gate_pass){.gate = gate, .rank = *rank};
    op_start(&pass->op, &pass_kind, link);
}

void gate_leave(struct gate_pass *pass)
{
    if (!pass->inside)
        return;
    struct gate *gate = pass->gate;
    inside_remove(gate, pass);
    if (gate->probe == pass)
        gate->probe = NULL;
    const double seconds = (double)(loop_now_ms(gate->loop) - pass->entered_ms) / 1e3;
    gate->mean_seconds += mean_weight * (seconds - gate->mean_seconds);
    settle(gate);
}

void gate_rerank(struct gate_pass *pass, const struct gate_rank *rank)
{
    if (!pass->gate)
        return;
    pass->rank = *rank;
    if (pass->place == 0)
        return;
    queue_rise(pass->gate, pass->place - 1);
    queue_sink(pass->gate, pass->place - 1);
}

void gate_move(struct gate_pass *from, struct gate_pass *to)
{
    assert(from->inside);
    assert(!to->gate);
    struct gate *gate = from->gate;
    *to = (struct gate_pass){.gate = gate, .rank = from->rank, .entered_ms = from->entered_ms};
    to->rank.request = NULL;
    inside_remove(gate, from);
    inside_add(gate, to);
    if (gate->probe == from)
        gate->probe = to;
}

void gate_hold_off(struct gate *gate, uint64_t ms)
{
    const uint64_t until =
        loop_now_ms(gate->loop) + (ms < GATE_HOLD_OFF_MS_MAX ? ms : GATE_HOLD_OFF_MS_MAX);
    if (until > gate->held_until_ms)
        gate->held_until_ms = until;
    settle(gate);
}

unsigned gate_retry_after(const struct gate *gate)
{
    const uint64_t now = loop_now_ms(gate->loop);
    uint64_t until = gate->held_until_ms;
    if (gate->state == GATE_OPEN && gate->reopen_ms > until)
        until = gate->reopen_ms;
    const double closed = until > now ? (double)(until - now) / 1e3 : 0;
    const double ahead =
        (double)(gate->waiting + gate->taken) * gate->mean_seconds / (double)gate->settings.places;
    return (unsigned)ceil(fmax(1, fmax(closed, ahead)));
}

const char *gate_state_name(const struct gate *gate)
{
    static const char *const names[] = {
        [GATE_CLOSED] = "closed", [GATE_OPEN] = "open", [GATE_HALF_OPEN] = "half_open"};
    return names[gate_state_now(gate)];
}

/* --- fewer places for a while --------------------------------------------------------------- */

static void set_places(struct gate *gate, size_t places)
{
    gate->settings.places = places;
    gate->changed_ms = loop_now_ms(gate->loop);
    settle(gate);
}

void gate_narrow(struct gate_pass *pass, enum gate_narrowing by)
{
    assert(pass->inside);
    struct gate *gate = pass->gate;
    const size_t places = gate->settings.places;
    if (by == GATE_AS_IT_IS || places == 1 || pass->entered_ms < gate->changed_ms)
        return;
    set_places(gate, by == GATE_HALF ? places / 2 : places - 1);
}

/* It has succeeded: is it time to give a place back? */
static void widen(struct gate_pass *pass)
{
    struct gate *gate = pass->gate;
    if (gate->settings.places < gate->places_full && pass->entered_ms >= gate->changed_ms &&
        loop_now_ms(gate->loop) - gate->changed_ms >= GATE_WIDEN_MS)
        set_places(gate, gate->settings.places + 1);
}
