/*
 * What happens to a request before its handler sees it, in the order that clients rely on:
 * preflight, 404, 405, who calls (401), a declared size (413), room (503), a database where one is
 * asked for (503), then the body as it comes in.
 */
#include "api/server.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/access_token.h"
#include "api/cors.h"
#include "api/query.h"
#include "api/request.h"
#include "api/router.h"
#include "base/json.h"
#include "base/log.h"

enum {
    RETRY_AFTER_MAX_S = 120, /* of a queue: an estimate that is worse than this is none */
    CHAT_CALLS = 2,          /* of an upload: analysis, scenes */
};

/* How long the uploads at work will keep a gate busy, going by what it has seen. */
static double backlog_seconds(const struct server *server, const struct gate *gate, double calls)
{
    return (double)server->working * calls * gate->mean_seconds / (double)gate->settings.places;
}

static double queue_seconds(const struct server *server)
{
    const struct services *services = &server->services;
    const struct upstream *upstreams = services->upstreams;
    double seconds = backlog_seconds(server, &server->tools.extract_gate, 1);
    if (services->llamaparse)
        seconds = fmax(seconds, backlog_seconds(server, &upstreams[UPSTREAM_LLAMAPARSE].gate, 1));
    if (services->openai)
        seconds =
            fmax(seconds, backlog_seconds(server, &upstreams[UPSTREAM_OPENAI].gate, CHAT_CALLS));
    if (services->images)
        seconds = fmax(seconds, backlog_seconds(server, &upstreams[UPSTREAM_IMAGES].gate,
                                                server->config->scene_count));
    return fmin(seconds, RETRY_AFTER_MAX_S);
}

/* Nothing can be had before tomorrow. Requests at work hold more than they will use, so while there
 * are any there may be something left after them. */
static bool is_spent(struct server *server, const char *code)
{
    struct spending *spending = &server->services.spending;
    const bool refused = strcmp(code, err_word(ERR_BUDGET)) == 0;
    return spending->shares == 0 && (refused || !spending_left(spending, time(NULL)));
}

int server_retry_after(struct server *server, const char *code)
{
    double seconds;
    if (is_spent(server, code))
        return (int)spending_retry_after(time(NULL));
    if (strcmp(code, err_word(ERR_BREAKER_OPEN)) == 0 ||
        strcmp(code, err_word(ERR_RATE_LIMITED)) == 0 || strcmp(code, err_word(ERR_QUOTA)) == 0)
        seconds = gate_retry_after(&server->services.upstreams[UPSTREAM_LLAMAPARSE].gate);
    else
        seconds = queue_seconds(server);
    const double jittered = seconds * (1 + 0.25 * (double)rand() / RAND_MAX);
    return jittered < 1 ? 1 : (int)ceil(jittered);
}

void server_cancel_requests(struct server *server)
{
    for (struct request *request = server->requests, *next; request; request = next) {
        next = request->next; /* an answer before the body's end frees the request */
        if (request->running)
            op_cancel(&request->op);
        else if (request->exchange && request->status == 0)
            request_reply_error(request, 503, "draining", "The server is being stopped");
    }
}

/* --- admission -----------------------------------------------------------------------------------
 */

static void reply_too_large(struct request *request)
{
    request_reply_error(request, 413, "body_too_large",
                        arena_printf(&request->arena,
                                     "The request body is larger than %zu bytes (MAX_BODY_BYTES)",
                                     request->server->config->body_bytes_max));
}

static const char *no_room(struct server *server, const struct request *request,
                           const char **code_out)
{
    *code_out = "draining";
    if (server->phase >= SERVER_DRAINING)
        return "The server is being stopped";
    *code_out = "too_many_connections";
    if (exchange_over_limit(request->exchange))
        return "The server has too many connections";
    *code_out = err_word(ERR_BUDGET);
    if (request->route->form && !spending_left(&server->services.spending, time(NULL)))
        return "What may be spent today is used up: MAX_COST_USD_PER_DAY";
    *code_out = "queue_full";
    if (request->route->form && server->working >= (size_t)server->config->queue_limit)
        return "The server has as many uploads as it can work on";
    return NULL;
}

/* Does it ask for a database where there is none? Reads of scenarios say so after what is wrong
 * with their input, by themselves. */
static bool lacks_database(struct request *request)
{
    bool save = false;
    if (request->server->tools.store)
        return false;
    const char *value = exchange_query(request->exchange, "save_to_db");
    return request->route->takes_save && value && parse_bool(value, &save) && save;
}

/* Who calls, where the route asks. False: nobody may who has not said. */
static bool authorize(struct request *request)
{
    const struct config *config = request->server->config;
    struct slice token;
    if (request->route->access == ACCESS_OPEN)
        return true;
    if (config->secret_key &&
        cookie_find(exchange_header(request->exchange, "Cookie"), "access_token", &token)) {
        const enum token_fault fault =
            access_token_read(token, config->secret_key, time(NULL), &request->user_id);
        if (fault != TOKEN_VALID)
            log_info(request->id, "token", "fault=%s", token_fault_word(fault));
    }
    return request->user_id > 0 ||
           (request->route->access == ACCESS_BY_MODE && config->auth_mode == AUTH_OPTIONAL);
}

/* Answers and returns false where the request goes no further. */
static bool admit(struct request *request)
{
    struct server *server = request->server;
    struct exchange *exchange = request->exchange;
    const uint64_t length = exchange_body_length(exchange);
    const char *code;
    const char *refusal;

    if (cors_is_preflight(exchange)) {
        cors_reply_preflight(request);
    } else if (!(request->route =
                     router_find(exchange_path(exchange), &request->arena, request->path_parts))) {
        request_reply_error(request, 404, NULL, "Not Found");
    } else if (!route_serves(request->route, exchange_method(exchange))) {
        request_header(request, "Allow", request->route->allow);
        request_reply_error(request, 405, NULL, "Method Not Allowed");
    } else if (!authorize(request)) {
        request_reply_unauthorized(request);
    } else if (length != UINT64_MAX && length > server->config->body_bytes_max) {
        reply_too_large(request);
    } else if (!request->route->vital && (refusal = no_room(server, request, &code))) {
        request_reply_error(request, 503, code, refusal);
    } else if (lacks_database(request)) {
        request_reply_no_database(request);
    } else {
        return true;
    }
    return false;
}

/* --- callbacks of the HTTP front end
 * --------------------------------------------------------------- */

static void on_room(struct spool_waiter *waiter)
{
    exchange_resume_body(container_of(waiter, struct request, waiter)->exchange);
}

static void on_headers(struct exchange *exchange, void *context)
{
    struct request *request = request_new(context, exchange);
    if (!admit(request) || !request->route->form)
        return;
    struct error error;
    const char *type = exchange_header(exchange, "Content-Type");
    if (upload_new(&request->server->spool, request->server->config, &request->arena,
                   type ? type : "", exchange_body_length(exchange), request->route->form, &error,
                   &request->upload) != OK)
        request_reply_failure(request, &error);
}

static enum body_flow on_body(struct exchange *exchange, const char *bytes, size_t length)
{
    struct request *request = exchange_user(exchange);
    struct server *server = request->server;
    struct spool_file *file = NULL;
    if (request->upload && !upload_room(request->upload, &request->waiter, length, &file)) {
        request->waiter.on_room = on_room;
        spool_wait(&server->spool, &request->waiter, file, length);
        return BODY_WAIT;
    }
    request->body_bytes += length;
    if (request->body_bytes > server->config->body_bytes_max) {
        reply_too_large(request);
        return BODY_TAKEN;
    }
    struct error error;
    if (request->upload && upload_feed(request->upload, bytes, length, &error) != OK)
        request_reply_failure(request, &error);
    return BODY_TAKEN;
}

static void on_body_end(struct exchange *exchange)
{
    struct request *request = exchange_user(exchange);
    if (request->upload) {
        request_timing(request, "upload", request_seconds(request));
        struct error error;
        if (upload_end(request->upload, &error) != OK) {
            request_reply_failure(request, &error);
            return;
        }
    }
    request->route->handle(request);
}

static void on_gone(struct exchange *exchange)
{
    request_over(exchange_user(exchange), true);
}

static void on_sent(struct exchange *exchange)
{
    request_over(exchange_user(exchange), false);
}

static void on_slow_body(struct exchange *exchange)
{
    request_reply_error(exchange_user(exchange), 408, "body_too_slow",
                        "The request body came in too slowly");
}

/* For what never became an exchange: the same headers and shape, from scratch memory. */
static void on_refusal(void *context, int status, const char *detail, struct reply *out)
{
    struct server *server = context;
    uuid_v7(server->refusal.id);
    const int length = snprintf(server->refusal.body, sizeof(server->refusal.body),
                                "{\"detail\":\"%s\",\"code\":\"bad_request\",\"retryable\":%s,"
                                "\"request_id\":\"%s\"}",
                                detail, status == 408 ? "true" : "false", server->refusal.id);
    out->body = server->refusal.body;
    out->body_length = (size_t)length;
    out->body_kind = REPLY_BODY_STATIC;
    reply_header(out, "Content-Type", "application/json");
    reply_header(out, "X-Process-Time", "0.000000");
    reply_header(out, "X-Request-ID", server->refusal.id);
    if (server->config->server_timing)
        reply_header(out, "Server-Timing", "total;dur=0.000");
    reply_header(out, "Vary", "Origin");
    log_info(server->refusal.id, "refused", "status=%d reason=%s", status, log_quote(detail));
}

struct http_callbacks server_callbacks(struct server *server)
{
    return (struct http_callbacks){
        .context = server,
        .on_headers = on_headers,
        .on_body = on_body,
        .on_body_end = on_body_end,
        .on_gone = on_gone,
        .on_sent = on_sent,
        .on_slow_body = on_slow_body,
        .on_refusal = on_refusal,
    };
}
