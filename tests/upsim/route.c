/* Which handler a path belongs to, and the two things that hold for all of them: keys, counts. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "upsim/upsim.h"

/* The rest of `path` after `prefix`, or NULL. */
static const char *after(const char *path, const char *prefix)
{
    const size_t length = strlen(prefix);
    return strncmp(path, prefix, length) == 0 ? path + length : NULL;
}

static bool is_post(const struct exchange *exchange)
{
    return strcmp(exchange->method, "POST") == 0;
}

static bool is_get(const struct exchange *exchange)
{
    return strcmp(exchange->method, "GET") == 0;
}

/* --- keys ---------------------------------------------------------------------------------------
 */

bool authorized(struct exchange *exchange, enum error_shape shape)
{
    const char *field = exchange_field(exchange, "Authorization");
    const char *key = field && strncasecmp(field, "Bearer ", 7) == 0 ? field + 7 : "";
    if (!key[0] || strncmp(key, "bad", 3) == 0) {
        const char *message = shape == SHAPE_LLAMAPARSE ? "Invalid API Key"
                              : key[0]                  ? "Incorrect API key provided."
                                                        : "You didn't provide an API key.";
        reply_error(exchange, shape, 401, "invalid_request_error",
                    key[0] ? "invalid_api_key" : NULL, NULL, message);
        return false;
    }
    if (strncmp(key, "poor", 4) == 0) {
        reply_error(exchange, shape, shape == SHAPE_LLAMAPARSE ? 402 : 429, "insufficient_quota",
                    "insufficient_quota", NULL, "You exceeded your current quota.");
        return false;
    }
    return true;
}

/* A call's own id has to be printable ASCII of at most 512 characters. */
static bool good_request_id(struct exchange *exchange)
{
    const char *id = exchange_field(exchange, "X-Client-Request-Id");
    bool good = !id || strlen(id) <= 512;
    for (const char *c = id; good && c && *c; c++)
        good = *c >= ' ' && *c <= '~';
    if (!good)
        reply_error(exchange, SHAPE_OPENAI, 400, "invalid_request_error", NULL, NULL,
                    "Invalid X-Client-Request-Id header.");
    return good;
}

/* --- paths --------------------------------------------------------------------------------------
 */

static bool route_parsing(struct upsim *upsim, struct exchange *exchange, const char *rest)
{
    char id[JOB_ID_BYTES];
    if (strcmp(rest, "upload") == 0 && is_post(exchange)) {
        stats_begin(&upsim->stats, SERVICE_UPLOAD, exchange);
        if (authorized(exchange, SHAPE_LLAMAPARSE))
            llamaparse_upload(upsim, exchange, false);
        return true;
    }
    const char *job = after(rest, "job/");
    const size_t id_length = job ? strcspn(job, "/") : 0;
    if (!is_get(exchange) || id_length == 0 || id_length >= sizeof(id))
        return false;
    memcpy(id, job, id_length);
    id[id_length] = '\0';
    const char *form = after(job + id_length, "/result/");
    if (job[id_length] && !form)
        return false;
    stats_begin(&upsim->stats, form ? SERVICE_RESULT : SERVICE_STATUS, exchange);
    if (!authorized(exchange, SHAPE_LLAMAPARSE))
        return true;
    if (form)
        llamaparse_result(upsim, exchange, id, form);
    else
        llamaparse_status(upsim, exchange, id);
    return true;
}

static bool route_parse_v2(struct upsim *upsim, struct exchange *exchange, const char *rest)
{
    if (strcmp(rest, "upload") == 0 && is_post(exchange)) {
        stats_begin(&upsim->stats, SERVICE_UPLOAD, exchange);
        if (authorized(exchange, SHAPE_LLAMAPARSE))
            llamaparse_upload(upsim, exchange, true);
        return true;
    }
    if (!is_get(exchange) || !rest[0] || strchr(rest, '/'))
        return false;
    const bool expands = strstr(exchange->query, "expand=") != NULL;
    stats_begin(&upsim->stats, expands ? SERVICE_RESULT : SERVICE_STATUS, exchange);
    if (authorized(exchange, SHAPE_LLAMAPARSE))
        llamaparse_v2(upsim, exchange, rest);
    return true;
}

static const struct {
    const char *path;
    enum service service;
    void (*handle)(struct upsim *upsim, struct exchange *exchange);
} openai_posts[] = {
    {"chat/completions", SERVICE_CHAT, chat_completions},
    {"embeddings", SERVICE_EMBEDDINGS, embeddings},
    {"images/generations", SERVICE_IMAGES, images_generations},
};

static bool route_openai(struct upsim *upsim, struct exchange *exchange, const char *rest)
{
    const char *model = strcmp(rest, "models") == 0 ? "" : after(rest, "models/");
    if (model && is_get(exchange)) {
        stats_begin(&upsim->stats, SERVICE_MODELS, exchange);
        if (authorized(exchange, SHAPE_OPENAI))
            models_get(upsim, exchange, model);
        return true;
    }
    for (size_t i = 0; i < sizeof(openai_posts) / sizeof(openai_posts[0]); i++) {
        if (strcmp(rest, openai_posts[i].path) != 0 || !is_post(exchange))
            continue;
        stats_begin(&upsim->stats, openai_posts[i].service, exchange);
        if (authorized(exchange, SHAPE_OPENAI) && good_request_id(exchange))
            openai_posts[i].handle(upsim, exchange);
        return true;
    }
    return false;
}

static bool route_vendors(struct upsim *upsim, struct exchange *exchange)
{
    const char *path = exchange->path, *rest;
    if ((rest = after(path, "/api/v1/parsing/")) || (rest = after(path, "/api/parsing/")))
        return route_parsing(upsim, exchange, rest);
    if ((rest = after(path, "/api/v2/parse/")))
        return route_parse_v2(upsim, exchange, rest);
    if ((rest = after(path, "/v1/")))
        return route_openai(upsim, exchange, rest);
    if ((rest = after(path, "/img/")) && is_get(exchange)) {
        stats_begin(&upsim->stats, SERVICE_DOWNLOAD, exchange);
        images_download(upsim, exchange, rest);
        return true;
    }
    return false;
}

void route_request(struct exchange *exchange, void *context)
{
    struct upsim *upsim = context;
    if (control_request(upsim, exchange) || route_vendors(upsim, exchange))
        return;
    upsim->stats.unknown_paths++;
    reply_error(exchange, after(exchange->path, "/api/") ? SHAPE_LLAMAPARSE : SHAPE_OPENAI, 404,
                "invalid_request_error", NULL, NULL, "Not Found");
}

void route_over(struct exchange *exchange, enum exchange_end end, void *context)
{
    struct upsim *upsim = context;
    if (exchange->counted)
        stats_end(&upsim->stats, exchange, end);
}
