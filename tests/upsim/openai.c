/* What the calls of OpenAI's API share: reading the body, refusing fields, headers. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "upsim/upsim.h"

void openai_refuse(struct exchange *exchange, int status, const char *code, const char *param,
                   const char *message)
{
    reply_error(exchange, SHAPE_OPENAI, status, "invalid_request_error", code, param, message);
}

void openai_headers(struct upsim *upsim, struct exchange *exchange)
{
    exchange_head(exchange,
                  "x-request-id: req_%016" PRIx64 "%016" PRIx64 "\r\n"
                  "openai-version: 2020-10-01\r\nopenai-processing-ms: %" PRIu64 "\r\n",
                  dice_next(&upsim->dice), exchange->number, exchange->wait_ms);
}

/* --- fields that are refused --------------------------------------------------------------------
 */

static bool sends(const struct openai_call *call, const char *field)
{
    return cJSON_GetObjectItemCaseSensitive(call->root, field) != NULL;
}

static void refuse_field(struct exchange *exchange, const char *code, const char *field)
{
    char message[256];
    const bool value = code && strcmp(code, "unsupported_value") == 0;
    snprintf(message, sizeof(message),
             value  ? "Unsupported value: '%.*s' does not support what was sent with this model."
             : code ? (strcmp(code, "unknown_parameter") == 0
                           ? "Unknown parameter: '%.*s'."
                           : "Unsupported parameter: '%.*s' is not supported with this model.")
                    : "Unrecognized request argument supplied: %.*s",
             (int)text_cut(field, strlen(field), 100), field);
    openai_refuse(exchange, 400, code, code ? field : NULL, message);
}

/* The faults that depend on what was sent. */
static bool refuses_field(const struct openai_call *call, struct exchange *exchange)
{
    const struct fault *fault = call->fault;
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(call->root, "response_format");
    const bool schema = strcmp(json_string(format, "type", ""), "json_schema") == 0;
    switch (fault->kind->id) {
    case FAULT_UNKNOWN_PARAMETER:
    case FAULT_UNSUPPORTED_PARAMETER:
    case FAULT_UNSUPPORTED_VALUE:
    case FAULT_UNCODED_PARAMETER:
        if (!sends(call, fault->param))
            return false;
        refuse_field(exchange, fault->kind->code, fault->param);
        break;
    case FAULT_BAD_SCHEMA:
    case FAULT_NO_JSON_SCHEMA:
        if (!schema ||
            (fault->kind->id == FAULT_BAD_SCHEMA &&
             !json_bool(cJSON_GetObjectItemCaseSensitive(format, "json_schema"), "strict", false)))
            return false;
        openai_refuse(exchange, fault->status, fault->code, fault->param, fault->message);
        break;
    default:
        return false;
    }
    fault_deliver(fault, exchange);
    return true;
}

/* --- the beginning of a call --------------------------------------------------------------------
 */

bool openai_begin(struct upsim *upsim, struct exchange *exchange, struct openai_call *call,
                  const char *(*name_of)(const cJSON *root))
{
    *call = (struct openai_call){0};
    openai_headers(upsim, exchange);
    if (json_parse(exchange->body, exchange->body_length, NULL, &call->root) != OK ||
        !cJSON_IsObject(call->root)) {
        openai_refuse(exchange, 400, NULL, NULL,
                      "We could not parse the JSON body of your request.");
        return false;
    }
    const char *model = json_string(call->root, "model", "");
    if (strlen(model) < sizeof(call->model)) /* longer ones are none */
        snprintf(call->model, sizeof(call->model), "%s", model);
    const char *name = name_of ? name_of(call->root) : "";
    call->fault = faults_take(&upsim->faults, (unsigned)exchange->service, name, call->model,
                              exchange->reused, &upsim->dice);
    if (!call->fault)
        return true;
    upsim->stats.services[exchange->service].faulted++;
    return !fault_reply(call->fault, exchange, SHAPE_OPENAI) && !refuses_field(call, exchange);
}

/* --- what a model takes -------------------------------------------------------------------------
 */

bool model_is_gone(const char *model)
{
    static const char *const gone[] = {"gpt-4",        "gpt-4-turbo", "gpt-3.5-turbo",
                                       "gpt-4.1-nano", "o1",          "o3-mini",
                                       "o4-mini",      "gpt-image-1", "dall-e-2"};
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        if (strcmp(gone[i], model) == 0)
            return true;
    return strncmp(model, "gone", 4) == 0;
}

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The fields that depend on the model: the newer ones think, and refuse what steers their output
 * by hand; the older ones know nothing of effort. */
static bool refuses_by_model(const struct openai_call *call, struct exchange *exchange)
{
    const bool thinks = starts(call->model, "gpt-5") || starts(call->model, "gpt-6") ||
                        (call->model[0] == 'o' && call->model[1] >= '0' && call->model[1] <= '9');
    if (thinks && sends(call, "max_tokens")) {
        openai_refuse(exchange, 400, "unsupported_parameter", "max_tokens",
                      "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                      "'max_completion_tokens' instead.");
        return true;
    }
    const bool none = strcmp(json_string(call->root, "reasoning_effort", ""), "none") == 0;
    if (thinks && !none && json_number(call->root, "temperature", 1) != 1) {
        refuse_field(exchange, "unsupported_value", "temperature");
        return true;
    }
    if (starts(call->model, "gpt-4") && sends(call, "reasoning_effort")) {
        refuse_field(exchange, NULL, "reasoning_effort");
        return true;
    }
    return false;
}

bool openai_check(struct upsim *upsim, struct exchange *exchange, const struct openai_call *call,
                  const char *const *known)
{
    if (!call->model[0]) {
        openai_refuse(exchange, 400, NULL, NULL, "you must provide a model parameter");
        return false;
    }
    if (!upsim->options.strict)
        return true;
    if (model_is_gone(call->model)) {
        char message[WORD_BYTES + 80];
        snprintf(message, sizeof(message),
                 "The model `%s` does not exist or you do not have access to it.", call->model);
        openai_refuse(exchange, 404, "model_not_found", NULL, message);
        return false;
    }
    for (const cJSON *item = call->root->child; item; item = item->next) {
        bool is_known = false;
        for (size_t i = 0; known[i] && !is_known; i++)
            is_known = strcmp(known[i], item->string) == 0;
        if (!is_known) {
            refuse_field(exchange, "unknown_parameter", item->string);
            return false;
        }
    }
    return !refuses_by_model(call, exchange);
}
