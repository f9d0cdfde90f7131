/*
 * gate.h: the way to an upstream: N at once, the oldest request first, a queue, a breaker.
 *
 *     struct gate gate;
 *     gate_init(&gate, &loop, "openai", &settings);
 *     gate_enter(&pass, need(op), &gate, &rank);   // finishes when there is a place
 *     ...                                          // the call
 *     gate_report(&pass, GATE_FAILURE);            // what came of it, for the breaker
 *     gate_leave(&pass);                           // in on_end of whoever entered: safe always
 *
 * Order: by the age of the request, its main file before its context files, then first come first
 * served: what has been paid for in part finishes before newer work begins. Nobody is given a place
 * that would make it hold more than max(1, places - 1) of them while another request waits. The
 * queue has no limit of its own: what was admitted is never refused here for its length.
 *
 *              failures of the last window_ms reach the threshold, or GATE_FATAL
 *     CLOSED ──────────────────────────────────────────────────────────▶ OPEN
 *       ▲                                                                 │ open_ms or fatal_ms
 * over │ the probe succeeds                                              ▼
 *       └──────────────────────────────────────────── HALF_OPEN (one probe at a time)
 *                                     the probe fails: OPEN again
 *
 * While the breaker is open or probing, those who wait and those who come fail at once with
 * ERR_BREAKER_OPEN: they have something better to do than to grow old. The probe is the first who
 * comes when the time is over; like anybody it waits for a place. If it leaves without a verdict,
 * the next who comes is the probe. Pure apart from the loop's clock and timers.
 */
#ifndef IO_GATE_H
#define IO_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/op.h"

enum {
    GATE_REPORTS_MAX = 64,            /* the latest ones are what the breaker goes by */
    GATE_HOLD_OFF_MS_MAX = 60 * 1000, /* a provider's limits are per minute: longer is a mistake */
};

enum gate_state { GATE_CLOSED, GATE_OPEN, GATE_HALF_OPEN };

enum gate_result {
    GATE_SUCCESS,
    GATE_FAILURE, /* counts against the breaker */
    GATE_NEUTRAL, /* says nothing of the upstream's health: 400s, a client that left */
    GATE_FATAL,   /* opens it at once, for fatal_ms: no money, a wrong key */
};

struct gate_settings {
    size_t places;
    /* the breaker */
    size_t failures_min;  /* in the window, before it may open; at most GATE_REPORTS_MAX, as no
                             more are kept; 0: there is no breaker */
    double failure_share; /* of all reports in the window that must be failures, such as 0.5 */
    uint64_t window_ms;   /* how long a report counts: BREAKER_WINDOW */
    uint64_t open_ms;     /* BREAKER_OPEN */
    uint64_t fatal_ms;    /* after GATE_FATAL */
};

/* Where somebody stands in the queue. */
struct gate_rank {
    const void *request; /* whose place it is: for the share of one request; NULL: nobody's */
    uint64_t age_ns;     /* when the request began (uv_hrtime): older goes first */
    unsigned order;      /* within the request: 0 the main file, then the others */
};

struct gate_pass;

struct gate {
    struct loop *loop;
    const char *name;
    struct gate_settings settings;
    struct gate_pass *inside; /* who holds a place */
    size_t taken;             /* places that are held */
    struct gate_pass **queue; /* who waits: a binary heap, the best rank first */
    size_t queue_capacity;
    size_t waiting;
    uint64_t arrivals;       /* so far: numbers those who come */
    double mean_seconds;     /* how long a place was held lately: for Retry-After */
    uint64_t held_until_ms;  /* nobody enters before: gate_hold_off */
    struct loop_timer timer; /* for held_until_ms, while somebody waits */

    enum gate_state state;
    struct gate_pass *probe; /* half-open: who tries, waiting or inside; NULL: the next to come */
    bool fatal;              /* what opened it last was GATE_FATAL */
    uint64_t reopen_ms;      /* open: when it lets a probe through */
    struct {
        uint64_t at_ms;
        bool failure;
    } reports[GATE_REPORTS_MAX]; /* a ring */
    size_t report_count;         /* since it closed last; the ring has the latest of them */

    size_t places_full;  /* as they were set; settings.places are those of now: see gate_narrow */
    uint64_t changed_ms; /* when they became fewer or more last */
};

struct gate_pass {
    struct op op;
    struct gate *gate; /* NULL before gate_enter */
    struct gate_rank rank;
    uint64_t arrival;               /* first come, first served among equals */
    size_t place;                   /* index in the queue plus one; 0: does not wait */
    struct gate_pass *next, **link; /* in the gate's list while inside */
    bool inside;
    uint64_t entered_ms;
};

void gate_init(struct gate *gate, struct loop *loop, const char *name,
               const struct gate_settings *settings);
/* Asserts that nobody is inside or waits. */
void gate_clear(struct gate *gate);

void gate_enter(struct gate_pass *pass, struct op_link link, struct gate *gate,
                const struct gate_rank *rank);
/* Gives the place to the next. Nothing happens for a pass that is `{0}`, waits, failed, or has
 * left. */
void gate_leave(struct gate_pass *pass);

/* Another rank than it came with: it waits where that puts it. Nothing happens for a pass that is
 * `{0}`; one inside stays there. */
void gate_rerank(struct gate_pass *pass, const struct gate_rank *rank);

/* Hands the place of somebody inside to `to`, a pass that is `{0}`; `from` has left then. For what
 * goes on when the request it was for is gone: the place counts for no request's share any more. */
void gate_move(struct gate_pass *from, struct gate_pass *to);

/* From somebody inside, once for each call it makes there. While the breaker is not closed only the
 * probe's word counts, and GATE_FATAL: what others say is about the time before. */
void gate_report(struct gate_pass *pass, enum gate_result result);

/* Nobody enters for `ms` from now, at most GATE_HOLD_OFF_MS_MAX: the provider's rate limit is used
 * up. Never shortens what was asked before. */
void gate_hold_off(struct gate *gate, uint64_t ms);

/* Seconds until somebody who came now would get in, as far as can be told; at least 1. */
unsigned gate_retry_after(const struct gate *gate);

/* As a newcomer would find it: an open breaker whose time is over is half-open. */
enum gate_state gate_state_now(const struct gate *gate);
const char *gate_state_name(const struct gate *gate); /* "closed", "open", "half_open" */

/*
 * Places that are not used for a while, as the upstream says that it gets too much. Who is inside
 * stays there; nobody follows until fewer are taken than there are places now. One place always
 * remains. Who entered before the places changed last speaks of the time before, and changes
 * nothing: so one refusal of many calls at once narrows once. A place comes back with a success of
 * one who entered since then, GATE_WIDEN_MS after that change or later.
 */
enum { GATE_WIDEN_MS = 10 * 1000 };

enum gate_narrowing {
    GATE_AS_IT_IS,
    GATE_ONE_LESS,
    GATE_HALF, /* rounded down */
};

/* From somebody inside. */
void gate_narrow(struct gate_pass *pass, enum gate_narrowing by);

#endif
