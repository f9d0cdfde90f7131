/* GET /v1/models and /v1/models/{id}: any model but those shut down, some with a date. */
#include <string.h>

#include "base/text.h"
#include "upsim/upsim.h"

static const struct {
    const char *model, *shutdown_date;
} dated[] = {
    {"gpt-4o", "2027-01-14"},
    {"gpt-4o-mini", "2027-01-14"},
    {"gpt-4.1", "2027-01-14"},
    {"gpt-4.1-mini", "2027-01-14"},
    {"gpt-image-1-mini", "2026-12-01"},
    {"gpt-image-1.5", "2026-12-01"},
    {"chatgpt-image-latest", "2026-12-01"},
    {"gpt-6-luna", NULL},
    {"gpt-image-2", NULL},
    {"text-embedding-3-small", NULL},
};

enum { DATED = sizeof(dated) / sizeof(dated[0]) };

static const char *date_of(const char *model)
{
    for (size_t i = 0; i < DATED; i++)
        if (strcmp(dated[i].model, model) == 0)
            return dated[i].shutdown_date;
    return NULL;
}

static void print_model(struct exchange *exchange, const char *model, const char *date)
{
    exchange_print(exchange, "{\"id\":");
    exchange_string(exchange, model);
    exchange_print(exchange, ",\"object\":\"model\",\"created\":1715367049,\"owned_by\":"
                             "\"system\",\"shutdown_date\":");
    if (date)
        exchange_string(exchange, date);
    else
        exchange_print(exchange, "null");
    exchange_print(exchange, "}");
}

static void print_list(struct exchange *exchange)
{
    exchange_print(exchange, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < DATED; i++) {
        if (i > 0)
            exchange_print(exchange, ",");
        print_model(exchange, dated[i].model, dated[i].shutdown_date);
    }
    exchange_print(exchange, "]}");
}

void models_get(struct upsim *upsim, struct exchange *exchange, const char *model)
{
    openai_headers(upsim, exchange);
    const struct fault *fault =
        faults_take(&upsim->faults, SERVICE_MODELS, "", model, exchange->reused, &upsim->dice);
    upsim->stats.services[SERVICE_MODELS].faulted += fault != NULL;
    if (fault && fault_reply(fault, exchange, SHAPE_OPENAI))
        return;
    const bool is_name = strlen(model) < WORD_BYTES && text_is_clean(model, strlen(model));
    if (!model[0])
        print_list(exchange);
    else if (!is_name || (upsim->options.strict && model_is_gone(model)))
        openai_refuse(exchange, 404, "model_not_found", "model", "The model does not exist.");
    else
        print_model(exchange, model,
                    fault_is(fault, FAULT_SHUTDOWN_DATE) ? fault->to : date_of(model));
    fault_deliver(fault, exchange);
}
