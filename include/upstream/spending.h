/*
 * spending.h: how much may be spent a day (UTC): an estimate before each request, the usage after.
 *
 *     struct spending spending;
 *     spending_init(&spending, config->max_cost_usd_per_day);          // 0: no limit
 *     struct spending_share share = {0};
 *     if (!spending_reserve(&spending, &share, estimate_usd, now_s)) ...   // spent: 503
 *     ...
 *     spending_settle(&spending, &share, used_usd, now_s);             // in the end, always
 *
 * A cost that is not known (NaN) counts with its estimate, an estimate that is not known as
 * nothing; whoever sets a limit is told at the start which prices are missing. Whatever was used
 * counts, even where it is more than was reserved.
 *
 * A request counts to the day on which it is settled: what is held at midnight goes over into the
 * new day, so that no cost is ever in no day's sum. A clock that is set back forgets nothing: what
 * was spent counts on. Kept in memory: a restart begins at nothing.
 */
#ifndef UPSTREAM_SPENDING_H
#define UPSTREAM_SPENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spending {
    double limit_usd;    /* a day; 0: none */
    int64_t day;         /* days since 1970 */
    double spent_usd;    /* on that day, settled */
    double reserved_usd; /* of requests at work */
    size_t shares;       /* held: how many these are */
};

/* What a request may use up; `{0}` is none. */
struct spending_share {
    double usd;
    bool held;
};

void spending_init(struct spending *spending, double limit_usd);

/* Is anything left at all? For admission, before an estimate can be made. */
bool spending_left(struct spending *spending, int64_t now_s);

/* False: it would be too much, or nothing is left; then nothing is held. Always true without a
 * limit. */
bool spending_reserve(struct spending *spending, struct spending_share *share, double estimate_usd,
                      int64_t now_s);
/* What was used up without a share, before an estimate could be made; NaN counts as nothing. */
void spending_add(struct spending *spending, double used_usd, int64_t now_s);
/* Nothing happens for a share that is not held. */
void spending_settle(struct spending *spending, struct spending_share *share, double used_usd,
                     int64_t now_s);

/* Seconds until the next day: 1 to 86400. `now_s` is Unix time, here as above. */
unsigned spending_retry_after(int64_t now_s);

#endif
