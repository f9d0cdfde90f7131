/*
 * Sums of doubles are off by less than a millionth of a cent after any day's number of requests.
 * Where that could show it is taken care of: what just fits the limit fits, and what is reserved is
 * nothing at all once nobody holds a share.
 */
#include "upstream/spending.h"

#include <assert.h>
#include <math.h>

enum { DAY_SECONDS = 24 * 60 * 60 };

static const double ROUNDING_USD = 1e-8;

/* Rounded down, also before 1970: a clock that is not set yet may be there. */
static int64_t day_of(int64_t now_s)
{
    return now_s / DAY_SECONDS - (now_s % DAY_SECONDS < 0 ? 1 : 0);
}

/* Known, or NaN. Anything else is a fault of whoever multiplied. */
static bool is_amount(double usd)
{
    return isnan(usd) || (usd >= 0 && isfinite(usd));
}

/* The day is also taken from a clock that was set back: it was wrong before, and would else not
 * begin a new day until it has caught up. */
static void turn_day(struct spending *spending, int64_t now_s)
{
    const int64_t today = day_of(now_s);
    if (today > spending->day)
        spending->spent_usd = 0;
    spending->day = today;
}

static double left(const struct spending *spending)
{
    return spending->limit_usd - spending->spent_usd - spending->reserved_usd;
}

void spending_init(struct spending *spending, double limit_usd)
{
    assert(isfinite(limit_usd));
    assert(limit_usd >= 0);
    *spending = (struct spending){.limit_usd = limit_usd};
}

bool spending_left(struct spending *spending, int64_t now_s)
{
    turn_day(spending, now_s);
    return spending->limit_usd == 0 || left(spending) > ROUNDING_USD;
}

bool spending_reserve(struct spending *spending, struct spending_share *share, double estimate_usd,
                      int64_t now_s)
{
    assert(!share->held);
    assert(is_amount(estimate_usd));
    const double usd = isnan(estimate_usd) ? 0 : estimate_usd;
    if (!spending_left(spending, now_s))
        return false;
    if (spending->limit_usd > 0 && usd > left(spending) + ROUNDING_USD)
        return false;
    *share = (struct spending_share){.usd = usd, .held = true};
    spending->reserved_usd += usd;
    spending->shares++;
    return true;
}

void spending_add(struct spending *spending, double used_usd, int64_t now_s)
{
    assert(is_amount(used_usd));
    turn_day(spending, now_s);
    spending->spent_usd += isnan(used_usd) ? 0 : used_usd;
}

void spending_settle(struct spending *spending, struct spending_share *share, double used_usd,
                     int64_t now_s)
{
    assert(is_amount(used_usd));
    if (!share->held)
        return;
    assert(spending->shares > 0);
    spending->shares--;
    spending->reserved_usd = spending->shares > 0 ? spending->reserved_usd - share->usd : 0;
    spending_add(spending, isnan(used_usd) ? share->usd : used_usd, now_s);
    *share = (struct spending_share){0};
}

unsigned spending_retry_after(int64_t now_s)
{
    return (unsigned)((day_of(now_s) + 1) * DAY_SECONDS - now_s);
}
