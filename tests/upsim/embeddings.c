/*
 * Embeddings: a vector is the sum of its text's words, each a few numbers drawn from the word, so
 * that texts with words in common are near each other, as they should be.
 */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "upsim/pictures.h"
#include "upsim/upsim.h"

enum {
    INPUTS_MAX = 2048,
    INPUT_TOKENS_MAX = 8192,
    TOKENS_MAX = 300000,
    DIMENSIONS_MAX = 3072,
    TOKEN_BYTES = 4,
    WORD_DRAWS = 8, /* numbers of a vector that a word adds to */
};

static const char *const known_fields[] = {"model",      "input", "encoding_format",
                                           "dimensions", "user",  NULL};

static void add_word(float *vector, size_t dimensions, const char *word, size_t length)
{
    struct dice dice = {dice_hash(word, length)};
    for (int i = 0; i < WORD_DRAWS; i++) {
        const uint64_t roll = dice_next(&dice);
        vector[roll % dimensions] += roll >> 63 ? 1.0f : -1.0f;
    }
}

static void embed(float *vector, size_t dimensions, const char *text)
{
    memset(vector, 0, dimensions * sizeof(*vector));
    vector[0] = 0.01f; /* a text without words has a direction, too */
    for (const char *at = text; *at;) {
        char word[32];
        size_t length = 0;
        for (; isalnum((unsigned char)*at) || (unsigned char)*at >= 0x80; at++)
            if (length < sizeof(word))
                word[length++] = (char)tolower((unsigned char)*at);
        if (length > 0)
            add_word(vector, dimensions, word, length);
        else
            at++;
    }
    double sum = 0;
    for (size_t i = 0; i < dimensions; i++)
        sum += (double)vector[i] * (double)vector[i];
    const float scale = (float)(1 / sqrt(sum));
    for (size_t i = 0; i < dimensions; i++)
        vector[i] *= scale;
}

static void print_vector(struct exchange *exchange, const float *vector, size_t count, bool base64)
{
    if (base64) {
        exchange_print(exchange, "\"");
        base64_append(&exchange->answer, vector, count * sizeof(*vector));
        exchange_print(exchange, "\"");
        return;
    }
    for (size_t i = 0; i < count; i++)
        exchange_print(exchange, "%c%.8g", i > 0 ? ',' : '[', (double)vector[i]);
    exchange_print(exchange, "]");
}

/* The strings to embed, from a string or an array; 0: the refusal is made. */
static size_t read_inputs(struct exchange *exchange, const cJSON *root,
                          const char *inputs[INPUTS_MAX], uint64_t *tokens_out)
{
    const cJSON *input = cJSON_GetObjectItemCaseSensitive(root, "input");
    const cJSON *item = cJSON_IsArray(input) ? input->child : input;
    const char *fault = item ? NULL : "'$.input' is invalid.";
    size_t count = 0;
    uint64_t tokens = 0;
    for (; item && !fault; item = cJSON_IsArray(input) ? item->next : NULL) {
        const size_t length = cJSON_IsString(item) ? strlen(item->valuestring) : 0;
        if (length == 0)
            fault = "'$.input' is invalid: a string must not be empty.";
        else if (count == INPUTS_MAX)
            fault = "'$.input' is invalid: array of more than 2048 items.";
        else if (length / TOKEN_BYTES > INPUT_TOKENS_MAX)
            fault = "This model's maximum context length is 8192 tokens.";
        else
            inputs[count++] = item->valuestring;
        tokens += length / TOKEN_BYTES + 1;
    }
    if (!fault && tokens > TOKENS_MAX)
        fault = "Requested more than 300000 tokens, max 300000 tokens per request.";
    if (fault)
        openai_refuse(exchange, 400, NULL, "input", fault);
    *tokens_out = tokens;
    return fault ? 0 : count;
}

/* What is asked for, or what the model has; 0: the refusal is made. */
static size_t dimensions_of(struct exchange *exchange, const struct openai_call *call)
{
    const size_t native = strstr(call->model, "large") ? DIMENSIONS_MAX : DIMENSIONS_MAX / 2;
    if (!cJSON_GetObjectItemCaseSensitive(call->root, "dimensions"))
        return native;
    const double asked = json_number(call->root, "dimensions", 0);
    if (!strstr(call->model, "-3-")) {
        openai_refuse(exchange, 400, NULL, "dimensions",
                      "This model does not support specifying dimensions.");
        return 0;
    }
    if (asked >= 1 && asked <= (double)native)
        return (size_t)asked;
    openai_refuse(exchange, 400, NULL, "dimensions", "Invalid value for 'dimensions'.");
    return 0;
}

static void print_embeddings(struct exchange *exchange, const struct openai_call *call,
                             const char *const *inputs, size_t count, size_t dimensions)
{
    const struct fault *fault = call->fault;
    const bool asked = strcmp(json_string(call->root, "encoding_format", "float"), "base64") == 0;
    const bool base64 = (asked || fault_is(fault, FAULT_BASE64)) && !fault_is(fault, FAULT_FLOATS);
    const size_t sent = fault_is(fault, FAULT_ONE_MISSING) ? count - 1 : count;
    const size_t length = fault_is(fault, FAULT_WRONG_DIMENSION) ? dimensions - 1 : dimensions;
    static float vector[DIMENSIONS_MAX];
    exchange_print(exchange, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < sent; i++) {
        const size_t index = fault_is(fault, FAULT_OUT_OF_ORDER) ? count - 1 - i : i;
        embed(vector, dimensions, inputs[index]);
        exchange_print(exchange,
                       "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i > 0 ? "," : "",
                       index);
        print_vector(exchange, vector, length, base64);
        exchange_print(exchange, "}");
    }
    exchange_print(exchange, "]");
}

static void answer(struct upsim *upsim, struct exchange *exchange, const struct openai_call *call)
{
    const char *inputs[INPUTS_MAX];
    uint64_t tokens;
    const size_t count = read_inputs(exchange, call->root, inputs, &tokens);
    const size_t dimensions = count > 0 ? dimensions_of(exchange, call) : 0;
    if (dimensions == 0)
        return;
    exchange->wait_ms = range_draw(&upsim->options.embed_ms, &upsim->dice);
    print_embeddings(exchange, call, inputs, count, dimensions);
    exchange_print(exchange, ",\"model\":");
    exchange_string(exchange, call->model);
    exchange_print(exchange,
                   ",\"usage\":{\"prompt_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64 "}}",
                   tokens, tokens);
    fault_deliver(call->fault, exchange);
}

void embeddings(struct upsim *upsim, struct exchange *exchange)
{
    struct openai_call call;
    if (openai_begin(upsim, exchange, &call, NULL) &&
        openai_check(upsim, exchange, &call, known_fields))
        answer(upsim, exchange, &call);
    cJSON_Delete(call.root);
}
