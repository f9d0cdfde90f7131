/*
 * prices.h: what a call costs: by tokens used, by picture or by page, at prices from a setting.
 *
 *     struct prices prices;
 *     struct error error;
 *     if (prices_init(&prices, "my-model=0.2/0.8, gpt-4o=2.50/1.25/10", &error) != OK)
 *         ...                                    // error.detail names the entry at fault
 *     double usd = prices_cost(&prices, "gpt-4o-2024-08-06", &usage);
 *     if (isnan(usd))
 *         ...                                    // nobody told us the model's price
 *     usd = prices_cost_each(&prices, "llamaparse", PRICE_PAGE, pages);
 *     prices_clear(&prices);
 *
 * A cost that is not known is NaN, never 0, and so is every sum that has one in it.
 */
#ifndef UPSTREAM_PRICES_H
#define UPSTREAM_PRICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* Prices of 2026-11, as a setting has them. */
extern const char prices_default[];

enum { PRICES_MAX = 200 /* entries: a setting is typed by a person */ };

/* What a price is for; one name may have a price of each kind. */
enum price_unit {
    PRICE_TOKENS,  /* 1M of them */
    PRICE_PICTURE, /* of image models, where the service does not say how many tokens it took */
    PRICE_PAGE,    /* "llamaparse" alone: of a file that was read, at the tier that is set */
};

struct token_usage {
    uint64_t prompt;     /* all of them, the cached ones included */
    uint64_t cached;     /* of the prompt */
    uint64_t completion; /* all of them, the reasoning included */
    uint64_t reasoning;  /* of the completion */
    bool estimated;      /* the service did not say: counted from the text's length */
};

struct prices {
    struct price {
        const char *model;
        enum price_unit unit;
        double input, cached, output; /* USD per 1M tokens; else `input` is USD for each */
    } * models;
    size_t count;
    struct arena arena;
};

/* Today's prices with those of `setting` (NULL: none) above them, with commas between:
 *     model=in/out, model=in/cached/out    USD per 1M tokens
 *     model=in                             the same, for those that give no tokens back
 *     model=usd/picture                    USD for each picture, whatever its size
 *     llamaparse=usd/page                  USD for each page, as "llamaparse=0.0125/page" for a
 *                                          tier of 10 credits
 * ERR_RANGE for anything else; then there is nothing to clear. */
MUST_CHECK enum err prices_init(struct prices *prices, const char *setting, struct error *error);
void prices_clear(struct prices *prices);

/* The cost in USD; NaN when the model's price is unknown. A dated snapshot, such as
 * "gpt-4o-2024-08-06", costs what its name without the date does, unless it has a price itself. */
double prices_cost(const struct prices *prices, const char *model, const struct token_usage *usage);

/* The same for `count` pictures or pages. */
double prices_cost_each(const struct prices *prices, const char *name, enum price_unit unit,
                        uint64_t count);

void token_usage_add(struct token_usage *total, const struct token_usage *more);

/* How many tokens a text of that length has, roughly: English has four bytes or more for each. */
uint64_t token_estimate(size_t bytes);

#endif
