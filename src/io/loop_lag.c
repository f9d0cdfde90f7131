/*
 * Counts in buckets need no sorting and no more memory, however long it goes on. Two sets of them
 * take turns, a minute each, so that what a report shows is recent and never of a few moments only.
 */
#include "io/loop_lag.h"

#include <string.h>

enum {
    PERIOD_US = LAG_PERIOD_MS * 1000,
    MINUTE_COUNT = 60 * 1000 / LAG_PERIOD_MS,
    STEP_BITS = 3, /* a power of two is divided into eight */
    STEPS = 1 << STEP_BITS,
};

static unsigned bucket_of(uint64_t us)
{
    if (us < STEPS)
        return (unsigned)us;
    const unsigned shift = 63u - (unsigned)__builtin_clzll(us) - STEP_BITS;
    const unsigned bucket = shift * STEPS + (unsigned)(us >> shift);
    return bucket < LAG_BUCKETS ? bucket : LAG_BUCKETS - 1;
}

/* The least that belongs to the next one. */
static uint64_t bucket_end(unsigned bucket)
{
    if (bucket < STEPS)
        return bucket + 1;
    const unsigned shift = bucket / STEPS - 1;
    return (uint64_t)(STEPS + bucket % STEPS + 1) << shift;
}

static void count(struct loop_lag *lag, uint64_t late_us)
{
    struct lag_counts *now = &lag->recent[lag->minute & 1];
    if (now->count >= MINUTE_COUNT) {
        now = &lag->recent[++lag->minute & 1];
        memset(now, 0, sizeof(*now));
    }
    now->buckets[bucket_of(late_us)]++;
    now->count++;
    if (late_us > now->max_us)
        now->max_us = late_us;
}

void loop_lag_note(struct loop_lag *lag, uint64_t late_us)
{
    count(lag, late_us);
    /* Those who came one period after the other while the loop did not come to it. More than a
     * minute of them would say nothing new. */
    for (int missed = 0; late_us >= PERIOD_US && missed < MINUTE_COUNT; missed++) {
        late_us -= PERIOD_US;
        count(lag, late_us);
    }
}

static double quantile_ms(const struct loop_lag *lag, double share, uint64_t max_us)
{
    const struct lag_counts *a = &lag->recent[0], *b = &lag->recent[1];
    const double wanted = share * ((double)a->count + b->count);
    double seen = 0;
    unsigned bucket = 0;
    for (; bucket < LAG_BUCKETS - 1; bucket++) {
        seen += (double)a->buckets[bucket] + b->buckets[bucket];
        if (seen > wanted)
            break;
    }
    const uint64_t end = bucket_end(bucket);
    return (double)(end < max_us ? end : max_us) / 1e3;
}

struct lag_report loop_lag_report(const struct loop_lag *lag)
{
    const uint64_t a = lag->recent[0].max_us, b = lag->recent[1].max_us;
    const uint64_t max_us = a > b ? a : b;
    return (struct lag_report){
        .p50_ms = quantile_ms(lag, 0.5, max_us),
        .p999_ms = quantile_ms(lag, 0.999, max_us),
        .max_ms = (double)max_us / 1e3,
    };
}

/* The timer is due at a whole millisecond of the loop's time, which is that of uv_hrtime. */
static void on_timer(uv_timer_t *timer)
{
    struct loop_lag *lag = timer->data;
    const uint64_t now_us = uv_hrtime() / 1000;
    const uint64_t due_us = lag->due_ms * 1000;
    loop_lag_note(lag, now_us > due_us ? now_us - due_us : 0);
    lag->due_ms = uv_now(timer->loop) + LAG_PERIOD_MS;
}

void loop_lag_start(struct loop_lag *lag)
{
    lag->timer.data = lag;
    uv_unref((uv_handle_t *)&lag->timer);
    uv_update_time(lag->timer.loop);
    lag->due_ms = uv_now(lag->timer.loop) + LAG_PERIOD_MS;
    uv_timer_start(&lag->timer, on_timer, LAG_PERIOD_MS, LAG_PERIOD_MS);
}
