/* A later entry for a model wins over an earlier one: the list is searched from its end. */
#include "upstream/prices.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

const char prices_default[] =
    "gpt-6-luna=0.10/0.01/0.50, "
    "gpt-4o=2.50/1.25/10.00, "
    "gpt-4o-mini=0.15/0.075/0.60, "
    "text-embedding-3-small=0.02, "
    "text-embedding-3-large=0.13, "
    "gpt-image-2.6-sunburst=5.00/30.00, "
    "dall-e-3=0.08/picture, "  /* wide ones, which we ask for; square 0.04 */
    "llamaparse=0.00375/page"; /* 3 credits, at 1.25 USD for 1000 */

enum {
    FIELDS_MAX = 3,
    PRICE_BYTES_MAX = 16,
    TOKEN_BYTES = 4,
};

static const double PRICE_MAX = 1e6; /* beyond it somebody has mistaken the unit */
static const double TOKENS_PER_PRICE = 1e6;

/* A plain decimal number. strtod alone would also take "inf", "0x10" and a locale's comma. */
static bool read_price(struct slice text, double *out)
{
    text = slice_trim(text);
    if (text.length == 0 || text.length > PRICE_BYTES_MAX)
        return false;
    double value = 0, place = 0;
    for (size_t i = 0; i < text.length; i++) {
        const char c = text.data[i];
        if (c == '.' && place == 0 && text.length > 1) {
            place = 1;
        } else if (c >= '0' && c <= '9') {
            value = value * 10 + (c - '0');
            place *= 10;
        } else {
            return false;
        }
    }
    *out = place > 0 ? value / place : value;
    return *out <= PRICE_MAX;
}

/* Takes what is before `separator`, or all, off the beginning of `rest`. */
static struct slice take(struct slice *rest, char separator)
{
    const char *end = rest->length > 0 ? memchr(rest->data, separator, rest->length) : NULL;
    const size_t length = end ? (size_t)(end - rest->data) : rest->length;
    const struct slice taken = {rest->data, length};
    const size_t skipped = length + (end ? 1 : 0);
    *rest = (struct slice){rest->data + skipped, rest->length - skipped};
    return slice_trim(taken);
}

/* Takes "/picture" or "/page" off the end. */
static enum price_unit take_unit(struct slice *prices)
{
    static const struct {
        const char *suffix;
        enum price_unit unit;
    } units[] = {{"/picture", PRICE_PICTURE}, {"/page", PRICE_PAGE}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        const size_t length = strlen(units[i].suffix);
        if (prices->length > length &&
            memcmp(prices->data + prices->length - length, units[i].suffix, length) == 0) {
            prices->length -= length;
            return units[i].unit;
        }
    }
    return PRICE_TOKENS;
}

static bool read_entry(struct slice entry, struct arena *arena, struct price *out)
{
    const struct slice model = take(&entry, '=');
    const enum price_unit unit = take_unit(&entry);
    if (model.length == 0 || entry.length == 0 || entry.data[entry.length - 1] == '/')
        return false;
    double fields[FIELDS_MAX];
    size_t count = 0;
    for (bool more = true; more; count++) {
        more = memchr(entry.data, '/', entry.length) != NULL;
        if (count == FIELDS_MAX || !read_price(take(&entry, '/'), &fields[count]))
            return false;
    }
    if (unit != PRICE_TOKENS && count != 1)
        return false;
    *out = (struct price){
        .model = arena_strndup(arena, model.data, model.length),
        .unit = unit,
        .input = fields[0],
        .cached = count == 3 ? fields[1] : fields[0],
        .output = count > 1 ? fields[count - 1] : 0,
    };
    return true;
}

static enum err read_list(struct prices *prices, const char *list, struct error *error)
{
    struct slice rest = slice_of(list);
    while (rest.length > 0) {
        const struct slice entry = take(&rest, ',');
        if (entry.length == 0)
            continue;
        if (prices->count == PRICES_MAX)
            return error_set(error, ERR_RANGE, "more than %d prices", PRICES_MAX);
        if (!read_entry(entry, &prices->arena, &prices->models[prices->count]))
            return error_set(error, ERR_RANGE,
                             "\"%.*s\" is no price: allowed is model=in/cached/out, in USD per 1M "
                             "tokens, or name=usd/picture, or name=usd/page",
                             (int)text_cut(entry.data, entry.length, 80), entry.data);
        prices->count++;
    }
    return OK;
}

enum err prices_init(struct prices *prices, const char *setting, struct error *error)
{
    *prices = (struct prices){0};
    arena_init(&prices->arena);
    prices->models = arena_zalloc(&prices->arena, PRICES_MAX, sizeof(*prices->models));
    enum err err = read_list(prices, prices_default, error);
    if (err == OK && setting)
        err = read_list(prices, setting, error);
    if (err != OK)
        prices_clear(prices);
    return err;
}

void prices_clear(struct prices *prices)
{
    arena_clear(&prices->arena);
    prices->models = NULL;
    prices->count = 0;
}

static const struct price *find_exactly(const struct prices *prices, const char *model,
                                        size_t length, enum price_unit unit)
{
    for (size_t i = prices->count; i > 0; i--) {
        const struct price *price = &prices->models[i - 1];
        if (price->unit == unit && strlen(price->model) == length &&
            memcmp(price->model, model, length) == 0)
            return price;
    }
    return NULL;
}

/* The length of the name without "-YYYY-MM-DD" at its end. */
static size_t undated_length(const char *model)
{
    static const char shape[] = "-dddd-dd-dd";
    const size_t length = strlen(model), date = sizeof(shape) - 1;
    if (length <= date)
        return length;
    for (size_t i = 0; i < date; i++) {
        const char c = model[length - date + i];
        if (shape[i] == 'd' ? c < '0' || c > '9' : c != '-')
            return length;
    }
    return length - date;
}

static const struct price *find(const struct prices *prices, const char *model,
                                enum price_unit unit)
{
    const struct price *price = find_exactly(prices, model, strlen(model), unit);
    return price ? price : find_exactly(prices, model, undated_length(model), unit);
}

double prices_cost(const struct prices *prices, const char *model, const struct token_usage *usage)
{
    const struct price *price = find(prices, model, PRICE_TOKENS);
    if (!price)
        return NAN;
    const uint64_t cached = usage->cached < usage->prompt ? usage->cached : usage->prompt;
    return ((double)(usage->prompt - cached) * price->input + (double)cached * price->cached +
            (double)usage->completion * price->output) /
           TOKENS_PER_PRICE;
}

double prices_cost_each(const struct prices *prices, const char *name, enum price_unit unit,
                        uint64_t count)
{
    assert(unit != PRICE_TOKENS);
    const struct price *price = find(prices, name, unit);
    return price ? (double)count * price->input : NAN;
}

void token_usage_add(struct token_usage *total, const struct token_usage *more)
{
    total->prompt += more->prompt;
    total->cached += more->cached;
    total->completion += more->completion;
    total->reasoning += more->reasoning;
    total->estimated = total->estimated || more->estimated;
}

uint64_t token_estimate(size_t bytes)
{
    return bytes / TOKEN_BYTES + 1;
}
