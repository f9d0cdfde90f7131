/* NaN needs no care: it stays NaN in every sum. */
#include "upstream/bill.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const double SHOWN_USD_MIN = 1e-6; /* the last of six decimals */
static const double SHOWN_USD_MAX = 1e15; /* beyond any bill, and its text still fits */

void bill_add_cost(struct bill *bill, double cost_usd)
{
    assert(isnan(cost_usd) || cost_usd >= 0);
    bill->cost_usd += cost_usd;
    bill->calls++;
}

void bill_add_usage(struct bill *bill, const struct token_usage *usage, double cost_usd)
{
    bill->tokens_in += usage->prompt;
    bill->tokens_out += usage->completion;
    bill->estimated = bill->estimated || usage->estimated;
    bill_add_cost(bill, cost_usd);
}

void bill_add(struct bill *bill, const struct bill *other)
{
    bill->tokens_in += other->tokens_in;
    bill->tokens_out += other->tokens_out;
    bill->estimated = bill->estimated || other->estimated;
    bill->cost_usd += other->cost_usd;
    bill->calls += other->calls;
}

bool bill_tokens_text(const struct bill *bill, char out[BILL_TEXT_BYTES])
{
    if (bill->calls == 0)
        return false;
    snprintf(out, BILL_TEXT_BYTES, "%" PRIu64, bill->tokens_in + bill->tokens_out);
    return true;
}

bool bill_cost_text(const struct bill *bill, char out[BILL_TEXT_BYTES])
{
    if (bill->calls == 0 || isnan(bill->cost_usd) || bill->cost_usd > SHOWN_USD_MAX)
        return false;
    const bool is_tiny = bill->cost_usd > 0 && bill->cost_usd < SHOWN_USD_MIN;
    snprintf(out, BILL_TEXT_BYTES, "%.6f", is_tiny ? SHOWN_USD_MIN : bill->cost_usd);
    return true;
}
