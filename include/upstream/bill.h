/*
 * bill.h: what one request has used so far, over all its calls.
 *
 *     struct bill bill = {0};
 *     bill_add_usage(&bill, &usage, cost_usd);             // a chat, a picture that says its
 * tokens bill_add_cost(&bill, prices_cost_each(&prices, "llamaparse", PRICE_PAGE, job.pages));
 *
 *     char text[BILL_TEXT_BYTES];
 *     if (bill_tokens_text(&bill, text)) ...               // X-AI-Tokens: 12345
 *     if (bill_cost_text(&bill, text)) ...                 // X-AI-Cost-USD: 0.012345
 *
 * Once one price is not known (NaN) the sum is not, either: a part of a cost would pass for all
 * of it.
 */
#ifndef UPSTREAM_BILL_H
#define UPSTREAM_BILL_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/prices.h"

enum { BILL_TEXT_BYTES = 32 /* of a header's value, with its NUL */ };

/* `{0}`: nothing was used yet. */
struct bill {
    uint64_t tokens_in, tokens_out;
    bool estimated;  /* some of the tokens were not counted by the service */
    double cost_usd; /* NaN: a price is unknown */
    unsigned calls;  /* that were added */
};

/* Costs are NaN or at least 0. */
void bill_add_usage(struct bill *bill, const struct token_usage *usage, double cost_usd);

/* For what has no tokens: pages, some pictures. Nothing was paid for a repeat from a cache: 0. */
void bill_add_cost(struct bill *bill, double cost_usd);

/* All that is on another one. */
void bill_add(struct bill *bill, const struct bill *other);

/* All tokens, in and out, as a decimal number. False: no call was made, so there is nothing to
 * tell; `out` is untouched. */
bool bill_tokens_text(const struct bill *bill, char out[BILL_TEXT_BYTES]);

/* US dollars with six decimals; what costs less than a millionth of one is written as a millionth,
 * never as nothing. False: not known, or no call was made. */
bool bill_cost_text(const struct bill *bill, char out[BILL_TEXT_BYTES]);

#endif
