#include "api/cors.h"

#include <string.h>

static const char exposed_headers[] =
    "X-Process-Time, X-Request-ID, Server-Timing, X-Cache, X-Degraded, X-AI-Tokens, "
    "X-AI-Cost-USD, Idempotent-Replayed, Retry-After, Location";
static const char allowed_methods[] = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";

static const char token_characters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~, \t";

/* Is `word` an entry of a list with commas? */
static bool list_has(const char *list, const char *word)
{
    const size_t length = strlen(word);
    while (*list) {
        list += strspn(list, ", \t");
        const size_t entry = strcspn(list, ", \t");
        if (entry == length && length > 0 && memcmp(list, word, length) == 0)
            return true;
        list += entry;
    }
    return false;
}

static bool origin_allowed(const struct request *request, const char *origin)
{
    return list_has(request->server->config->cors_origins, origin);
}

void cors_headers(struct request *request, struct reply *reply)
{
    reply_header(reply, "Vary", "Origin");
    const char *origin = request->exchange ? exchange_header(request->exchange, "Origin") : NULL;
    if (!origin)
        return;
    if (origin_allowed(request, origin))
        reply_header(reply, "Access-Control-Allow-Origin", origin);
    reply_header(reply, "Access-Control-Allow-Credentials", "true");
    reply_header(reply, "Access-Control-Expose-Headers", exposed_headers);
}

bool cors_is_preflight(const struct exchange *exchange)
{
    return strcmp(exchange_method(exchange), "OPTIONS") == 0 &&
           exchange_header(exchange, "Origin") &&
           exchange_header(exchange, "Access-Control-Request-Method");
}

void cors_reply_preflight(struct request *request)
{
    struct exchange *exchange = request->exchange;
    const char *asked_headers = exchange_header(exchange, "Access-Control-Request-Headers");
    const bool origin_ok = origin_allowed(request, exchange_header(exchange, "Origin"));
    const bool method_ok =
        list_has(allowed_methods, exchange_header(exchange, "Access-Control-Request-Method"));

    request_header(request, "Access-Control-Allow-Methods", allowed_methods);
    request_header(request, "Access-Control-Max-Age", "600");
    /* What is echoed has to be a list of header names (RFC 9110 5.6.2), nothing else. */
    const bool headers_ok =
        !asked_headers || asked_headers[strspn(asked_headers, token_characters)] == '\0';
    if (asked_headers && headers_ok)
        request_header(request, "Access-Control-Allow-Headers", asked_headers);
    if (origin_ok && method_ok && headers_ok)
        request_reply_text(request, 200, "OK");
    else
        request_reply_text(request, 400,
                           !origin_ok   ? "Disallowed CORS origin"
                           : !method_ok ? "Disallowed CORS method"
                                        : "Disallowed CORS headers");
}
