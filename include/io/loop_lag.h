/*
 * loop_lag.h: how late the loop is: what somebody waits who comes at any moment, before the loop
 * turns to him.
 *
 *     loop_lag_start(&loop.lag);
 *     ...
 *     const struct lag_report report = loop_lag_report(&loop.lag);    // at any time
 *
 * A timer looks at the clock a hundred times a second. How late it comes counts whatever makes the
 * loop late: a callback that takes long, many that take a little, or a processor that others have.
 */
#ifndef IO_LOOP_LAG_H
#define IO_LOOP_LAG_H

#include <stdint.h>
#include <uv.h>

enum {
    LAG_PERIOD_MS = 10,
    LAG_BUCKETS = 208, /* of microseconds, eight to each power of two, up to two minutes */
};

struct lag_counts {
    uint32_t buckets[LAG_BUCKETS];
    uint32_t count; /* in all of them */
    uint64_t max_us;
};

/* Inside struct loop. */
struct loop_lag {
    uv_timer_t timer;
    uint64_t due_ms;             /* in loop time: when the timer should come */
    struct lag_counts recent[2]; /* of this minute and of the one before */
    uint32_t minute;             /* which of the two is this one's, by its lowest bit */
};

/* Of the last one to two minutes, within an eighth; all 0 where nothing was measured. */
struct lag_report {
    double p50_ms, p999_ms, max_ms;
};

/* Does not keep the loop running. */
void loop_lag_start(struct loop_lag *lag);

struct lag_report loop_lag_report(const struct loop_lag *lag);

/* Notes one that came this much late; it stands for all who came during that time. */
void loop_lag_note(struct loop_lag *lag, uint64_t late_us);

#endif
