/*
 * Pictures. One behind a URL is kept nowhere: the URL says which it is and until when it is good,
 * in the simulator's own time: /img/<seed>-<until>-<format>.png, or -r for one that redirects.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/text.h"
#include "upsim/pictures.h"
#include "upsim/upsim.h"

enum { DALLE_PROMPT_MAX = 4000, PROMPT_MAX = 32000, PICTURES_MAX = 10 };

static const char *const dalle_fields[] = {"model",           "prompt", "n",    "size", "quality",
                                           "response_format", "style",  "user", NULL};
static const char *const gpt_fields[] = {
    "model",      "prompt",     "n",      "size",           "quality", "output_format",
    "background", "moderation", "stream", "partial_images", "user",    "output_compression",
    NULL};

struct request {
    struct openai_call call;
    const char *prompt;
    bool is_dalle, as_url;
    enum picture_format format;
    unsigned count;
};

/* --- the request --------------------------------------------------------------------------------
 */

static bool check_prompt(struct exchange *exchange, struct request *request)
{
    request->prompt = json_string(request->call.root, "prompt", "");
    const size_t most = request->is_dalle ? DALLE_PROMPT_MAX : PROMPT_MAX;
    const size_t length = text_characters(request->prompt, strlen(request->prompt));
    if (length == 0 || length > most) {
        openai_refuse(exchange, 400, length ? "string_above_max_length" : NULL, "prompt",
                      length ? "Invalid 'prompt': string too long."
                             : "Missing required parameter: 'prompt'.");
        return false;
    }
    const double count = json_number(request->call.root, "n", 1);
    if (!(count >= 1 && count <= (request->is_dalle ? 1 : PICTURES_MAX))) {
        openai_refuse(exchange, 400, "invalid_value", "n", "Invalid value for 'n'.");
        return false;
    }
    request->count = (unsigned)count;
    return true;
}

/* What is checked for in a GPT model: the format; in DALL-E: where the picture goes. */
static bool check_format(struct exchange *exchange, struct request *request)
{
    const cJSON *root = request->call.root;
    if (request->is_dalle) {
        const char *format = json_string(root, "response_format", "url");
        request->as_url = strcmp(format, "url") == 0;
        if (request->as_url || strcmp(format, "b64_json") == 0)
            return true;
        openai_refuse(exchange, 400, "invalid_value", "response_format",
                      "Invalid value for 'response_format'.");
        return false;
    }
    const char *format = json_string(root, "output_format", "png");
    const cJSON *compression = cJSON_GetObjectItemCaseSensitive(root, "output_compression");
    request->format = strcmp(format, "jpeg") == 0   ? PICTURE_JPEG
                      : strcmp(format, "webp") == 0 ? PICTURE_WEBP
                                                    : PICTURE_PNG;
    if (request->format == PICTURE_PNG && (strcmp(format, "png") != 0 || compression)) {
        openai_refuse(exchange, 400, "invalid_value",
                      compression ? "output_compression" : "output_format",
                      "Invalid value: compression goes with jpeg and webp alone.");
        return false;
    }
    return true;
}

/* --- the answer ---------------------------------------------------------------------------------
 */

/* Where the client sees this server: its Host field, where that is plain. */
static const char *host_of(const struct exchange *exchange)
{
    const char *host = exchange_field(exchange, "Host");
    return host && host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789.:-[]")] == '\0'
               ? host
               : "127.0.0.1";
}

static void print_url(struct upsim *upsim, struct exchange *exchange, const struct request *request,
                      uint64_t seed)
{
    const struct fault *fault = request->call.fault;
    const uint64_t until =
        fault_is(fault, FAULT_URL_EXPIRED) ? 0 : uv_now(&upsim->loop) + upsim->options.url_ttl_ms;
    exchange_print(exchange, "\"url\":\"http://%s/img/%016" PRIx64 "-%" PRIx64 "-%c.png",
                   host_of(exchange), seed, until,
                   fault_is(fault, FAULT_URL_REDIRECT) ? 'r' : (char)('0' + request->format));
    if (fault_is(fault, FAULT_URL_REDIRECT)) {
        exchange_print(exchange, "?to=");
        for (const char *c = fault->to; *c; c++)
            if (*c > ' ' && *c <= '~' && *c != '"' && *c != '\\')
                exchange_print(exchange, "%c", *c);
    }
    exchange_print(exchange, "\"");
}

static void print_base64(struct upsim *upsim, struct exchange *exchange,
                         const struct request *request, uint64_t seed)
{
    static const char html[] = "<html><body>not a picture</body></html>";
    exchange_append(exchange, "\"b64_json\":\"", 12);
    if (fault_is(request->call.fault, FAULT_BAD_BASE64))
        exchange_print(exchange, "!!!! this is not base64 ????");
    else if (fault_is(request->call.fault, FAULT_NOT_AN_IMAGE))
        base64_append(&exchange->answer, html, sizeof(html) - 1);
    else
        picture_append_base64(&exchange->answer, request->format, seed,
                              (size_t)upsim->options.image_bytes);
    exchange_append(exchange, "\"", 1);
}

static void print_pictures(struct upsim *upsim, struct exchange *exchange,
                           const struct request *request)
{
    const struct fault *fault = request->call.fault;
    const bool as_url = request->as_url || fault_is(fault, FAULT_URL) ||
                        fault_is(fault, FAULT_URL_EXPIRED) || fault_is(fault, FAULT_URL_REDIRECT);
    const unsigned count = fault_is(fault, FAULT_NO_PICTURE) ? 0 : request->count;
    const uint64_t seed = dice_hash(request->prompt, strlen(request->prompt));
    exchange_print(exchange, "{\"created\":%lld,\"data\":[", (long long)time(NULL));
    for (unsigned i = 0; i < count; i++) {
        exchange_print(exchange, "%s{", i > 0 ? "," : "");
        if (as_url)
            print_url(upsim, exchange, request, seed + i);
        else
            print_base64(upsim, exchange, request, seed + i);
        if (request->is_dalle) {
            exchange_print(exchange, ",\"revised_prompt\":");
            exchange_string(exchange, request->prompt);
        }
        exchange_print(exchange, "}");
    }
    exchange_print(exchange, "]");
    upsim->stats.pictures += count;
}

static void print_usage(struct exchange *exchange, const struct request *request)
{
    static const char *const formats[] = {"png", "jpeg", "webp"};
    const size_t input = strlen(request->prompt) / 4 + 1, output = 1056 * request->count;
    exchange_print(exchange,
                   ",\"usage\":{\"input_tokens\":%zu,\"output_tokens\":%zu,\"total_tokens\":%zu,"
                   "\"input_tokens_details\":{\"text_tokens\":%zu,\"image_tokens\":0}}",
                   input, output, input + output, input);
    exchange_print(exchange, ",\"size\":");
    exchange_string(exchange, json_string(request->call.root, "size", "1024x1024"));
    exchange_print(exchange, ",\"quality\":");
    exchange_string(exchange, json_string(request->call.root, "quality", "auto"));
    exchange_print(exchange, ",\"background\":\"opaque\",\"output_format\":\"%s\"",
                   formats[request->format]);
}

void images_generations(struct upsim *upsim, struct exchange *exchange)
{
    struct request request = {.format = PICTURE_PNG};
    if (openai_begin(upsim, exchange, &request.call, NULL)) {
        request.is_dalle = strncmp(request.call.model, "dall-e", 6) == 0;
        if (openai_check(upsim, exchange, &request.call,
                         request.is_dalle ? dalle_fields : gpt_fields) &&
            check_prompt(exchange, &request) && check_format(exchange, &request)) {
            exchange->wait_ms = range_draw(&upsim->options.image_ms, &upsim->dice);
            print_pictures(upsim, exchange, &request);
            if (!request.is_dalle && !fault_is(request.call.fault, FAULT_NO_USAGE))
                print_usage(exchange, &request);
            exchange_print(exchange, "}");
            fault_deliver(request.call.fault, exchange);
        }
    }
    cJSON_Delete(request.call.root);
}

/* --- the picture behind a URL -------------------------------------------------------------------
 */

static void redirect(struct exchange *exchange)
{
    const char *to = strstr(exchange->query, "to=");
    exchange->status = 302;
    exchange->content_type = "text/plain";
    exchange_head(exchange, "Location: %s\r\n", to ? to + 3 : "/");
}

void images_download(struct upsim *upsim, struct exchange *exchange, const char *id)
{
    const struct fault *fault =
        faults_take(&upsim->faults, SERVICE_DOWNLOAD, "", "", exchange->reused, &upsim->dice);
    upsim->stats.services[SERVICE_DOWNLOAD].faulted += fault != NULL;
    if (fault && fault_reply(fault, exchange, SHAPE_STORAGE))
        return;
    uint64_t seed, until;
    char format = '\0';
    if (sscanf(id, "%16" SCNx64 "-%16" SCNx64 "-%c", &seed, &until, &format) != 3 ||
        (format != 'r' && (format < '0' || format > '2'))) {
        reply_error(exchange, SHAPE_STORAGE, 404, NULL, "BlobNotFound", NULL,
                    "The specified blob does not exist.");
    } else if (uv_now(&upsim->loop) > until) {
        reply_error(exchange, SHAPE_STORAGE, 403, NULL, "AuthenticationFailed", NULL,
                    "Signature not valid in the specified time frame.");
    } else if (format == 'r') {
        redirect(exchange);
    } else if (fault_is(fault, FAULT_NOT_AN_IMAGE)) {
        exchange->content_type = "image/png";
        exchange_print(exchange, "<html><body>not a picture</body></html>");
    } else {
        exchange->content_type = picture_type((enum picture_format)(format - '0'));
        picture_append(&exchange->answer, (enum picture_format)(format - '0'), seed,
                       (size_t)upsim->options.image_bytes);
    }
    fault_deliver(fault, exchange);
}
