/*
 * A request is freed when both its exchange is over and its operation has finished, whichever comes
 * last. An answer given before the body's end may end the exchange inside exchange_answer, so
 * replying is always the last thing done with a request.
 */
#include "api/request.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cors.h"
#include "api/router.h"
#include "base/json.h"
#include "base/log.h"
#include "base/uuid.h"

enum {
    REPLY_BYTES_MAX = 64 << 20, /* of JSON: far above what limits on the input allow */
    HOST_BYTES_MAX = 253 + 6,   /* of a name, and a port */
};

/* --- life --------------------------------------------------------------------------------------
 */

static bool id_is_usable(const char *id)
{
    const size_t length = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789._:-");
    return length > 0 && length <= REQUEST_ID_BYTES && id[length] == '\0';
}

struct request *request_new(struct server *server, struct exchange *exchange)
{
    struct request *request = calloc(1, sizeof(*request));
    if (!request)
        abort();
    request->server = server;
    request->exchange = exchange;
    arena_init(&request->arena);
    const char *id = exchange_header(exchange, "X-Request-ID");
    if (id && id_is_usable(id))
        strcpy(request->id, id);
    else
        uuid_v7(request->id);

    request->next = server->requests;
    request->link = &server->requests;
    if (request->next)
        request->next->link = &request->next;
    server->requests = request;
    server->request_count++;
    exchange_set_user(exchange, request);
    return request;
}

static void request_free(struct request *request)
{
    struct server *server = request->server;
    assert(!request->exchange);
    assert(!request->running);
    *request->link = request->next;
    if (request->next)
        request->next->link = request->link;
    server->request_count--;
    upload_free(request->upload);
    cJSON_Delete(request->faults);
    arena_clear(&request->arena);
    free(request);
    if (server->request_count == 0 && server->on_idle)
        server->on_idle(server);
}

void request_over(struct request *request, bool gone)
{
    const bool quiet = request->route && request->route->vital;
    if (log_enabled(quiet ? LOG_DEBUG : LOG_INFO))
        log_event(quiet ? LOG_DEBUG : LOG_INFO, request->id, "request",
                  "method=%s path=%s status=%d bytes_in=%llu seconds=%.6f%s%s",
                  log_quote(exchange_method(request->exchange)),
                  log_quote(exchange_path(request->exchange)), request->status,
                  (unsigned long long)request->body_bytes, request_seconds(request),
                  request->log_more ? request->log_more : "", gone ? " client=gone" : "");
    spool_wait_cancel(&request->server->spool, &request->waiter);
    request->exchange = NULL;
    if (!request->running)
        request_free(request);
    else if (gone && !request->runs_on)
        op_cancel(&request->op);
}

double request_seconds(const struct request *request)
{
    return (double)(uv_hrtime() - exchange_started_ns(request->exchange)) / 1e9;
}

/* --- its operation
 * -------------------------------------------------------------------------------- */

static void on_op_finish(struct op *op, void *context)
{
    struct request *request = context;
    const struct error *error = op_error(op);
    request->running = false;
    request->server->running--;
    request->server->working -= request->route->form != NULL;
    if (request->exchange && error->code == OK)
        request->on_finish(request);
    else if (request->exchange)
        request_reply_failure(request, error);
    if (error->code == ERR_INTERNAL || error->code == ERR_IO || error->code == ERR_UNAVAILABLE)
        log_error(request->id, "failed", "error=%s detail=%s", err_word(error->code),
                  log_quote(error->detail));
    request->on_end(request);
    if (!request->exchange)
        request_free(request);
}

void request_run(struct request *request, const struct op_kind *kind,
                 void (*on_finish)(struct request *request),
                 void (*on_end)(struct request *request))
{
    assert(!request->running);
    request->running = true;
    request->on_finish = on_finish;
    request->on_end = on_end;
    request->server->running++;
    request->server->working += request->route->form != NULL;
    op_start(&request->op, kind, root(&request->server->loop, on_op_finish, request));
    request->op.log_id = request->id;
    op_deadline(&request->op, request->server->config->request_timeout_ms,
                "The request took longer than REQUEST_TIMEOUT");
}

uint64_t request_deadline_ms(const struct request *request, uint64_t timeout_ms)
{
    const uint64_t gone_ms = (uv_hrtime() - request->op.started_ns) / 1000000;
    return loop_now_ms(&request->server->loop) + (gone_ms < timeout_ms ? timeout_ms - gone_ms : 0);
}

/* A host, or none that anybody should be sent to. */
static bool host_is_usable(const char *host)
{
    return host && *host && strnlen(host, HOST_BYTES_MAX + 1) <= HOST_BYTES_MAX &&
           host[strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                             "0123456789.-_:[]")] == '\0';
}

const char *request_base_url(struct request *request)
{
    const struct config *config = request->server->config;
    if (config->public_url)
        return config->public_url;
    const struct exchange *exchange = request->exchange;
    const char *host = exchange ? exchange_header(exchange, "Host") : NULL;
    const char *scheme = exchange ? exchange_header(exchange, "X-Forwarded-Proto") : NULL;
    scheme = scheme && strcmp(scheme, "https") == 0 ? "https" : "http";
    if (host_is_usable(host))
        return arena_printf(&request->arena, "%s://%s", scheme, host);
    return arena_printf(&request->arena, "%s://localhost:%d", scheme,
                        http_server_port(request->server->http));
}

/* --- replies
 * ---------------------------------------------------------------------------------------- */

bool request_wants_fresh(const struct request *request)
{
    const char *control = exchange_header(request->exchange, "Cache-Control");
    return control && strcasestr(control, "no-cache");
}

void request_header(struct request *request, const char *name, const char *value)
{
    assert(request->header_count < REQUEST_HEADERS_MAX);
    request->headers[request->header_count].name = name;
    request->headers[request->header_count].value = value;
    request->header_count++;
}

void request_timing(struct request *request, const char *name, double seconds)
{
    assert(request->timing_count < REQUEST_TIMINGS_MAX);
    request->timings[request->timing_count].name = name;
    request->timings[request->timing_count].ms = seconds * 1e3;
    request->timing_count++;
}

/* W3C Server Timing: `name;dur=ms`, with commas. */
static void server_timing(const struct request *request, double total_seconds, char *out,
                          size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < request->timing_count && length < size; i++)
        length += (size_t)snprintf(out + length, size - length, "%s;dur=%.3f, ",
                                   request->timings[i].name, request->timings[i].ms);
    if (length < size)
        snprintf(out + length, size - length, "total;dur=%.3f", total_seconds * 1e3);
}

/* Takes what the reply takes. */
static void send_reply(struct request *request, const char *content_type, struct reply *reply)
{
    if (!request->exchange) { /* nobody is there any more */
        reply_drop(reply);
        return;
    }
    assert(request->status == 0);
    request->status = reply->status;
    const double seconds = request_seconds(request);
    char process_time[32];
    char timing[256];
    snprintf(process_time, sizeof(process_time), "%.6f", seconds);
    server_timing(request, seconds, timing, sizeof(timing));

    reply_header(reply, "Content-Type", content_type);
    reply_header(reply, "X-Process-Time", process_time);
    reply_header(reply, "X-Request-ID", request->id);
    if (request->server->config->server_timing)
        reply_header(reply, "Server-Timing", timing);
    cors_headers(request, reply);
    for (size_t i = 0; i < request->header_count; i++)
        reply_header(reply, request->headers[i].name, request->headers[i].value);
    reply->close =
        request->server->phase >= SERVER_DRAINING || exchange_over_limit(request->exchange);
    exchange_answer(request->exchange, reply); /* may end the request: nothing after this */
}

static void send_bytes(struct request *request, int status, const char *content_type,
                       const char *body, size_t length, enum reply_body kind)
{
    struct reply reply = {.status = status, .body = body, .body_length = length, .body_kind = kind};
    send_reply(request, content_type, &reply);
}

void request_reply_file(struct request *request, int status, const char *content_type, int fd,
                        uint64_t offset, uint64_t length)
{
    struct reply reply = {.status = status,
                          .file = fd,
                          .file_offset = offset,
                          .body_length = length,
                          .body_kind = REPLY_BODY_FILE};
    send_reply(request, content_type, &reply);
}

void request_reply_json(struct request *request, int status, char *body, size_t length)
{
    send_bytes(request, status, "application/json", body, length, REPLY_BODY_TAKE);
}

static void print_and_send(struct request *request, int status, const char *content_type,
                           cJSON *body)
{
    struct buffer text;
    buffer_init(&text, REPLY_BYTES_MAX);
    const enum err err = json_print(body, &text);
    assert(err == OK);
    (void)err;
    cJSON_Delete(body);
    size_t length;
    char *bytes = buffer_take(&text, &length);
    send_bytes(request, status, content_type, bytes, length, REPLY_BODY_TAKE);
}

void request_reply(struct request *request, int status, cJSON *body)
{
    print_and_send(request, status, "application/json", body);
}

void request_reply_text(struct request *request, int status, const char *text)
{
    send_bytes(request, status, "text/plain; charset=utf-8", text, strlen(text), REPLY_BODY_COPY);
}

/* --- errors
 * ----------------------------------------------------------------------------------------- */

static bool wants_problem(const struct request *request)
{
    const char *accept = request->exchange ? exchange_header(request->exchange, "Accept") : NULL;
    return accept && strstr(accept, "application/problem+json");
}

/* RFC 9457, for those who ask for it. Takes `errors`. */
static void reply_problem(struct request *request, int status, const char *code, const char *detail,
                          cJSON *errors)
{
    cJSON *body = json_new_object();
    json_add_string(body, "type", arena_printf(&request->arena, "/problems/%s", code));
    json_add_string(body, "title", http_reason(status));
    json_add_number(body, "status", status);
    json_add_string(body, "detail", detail);
    json_add_string(body, "request_id", request->id);
    if (errors)
        json_add(body, "errors", errors);
    print_and_send(request, status, "application/problem+json", body);
}

/* A word for the framework's errors, where a problem needs one. */
static const char *code_of(struct request *request, int status)
{
    char *code = arena_strdup(&request->arena, http_reason(status));
    for (char *c = code; *c; c++)
        *c = (char)(isalnum((unsigned char)*c) ? tolower((unsigned char)*c) : '_');
    return code;
}

void request_reply_error(struct request *request, int status, const char *code, const char *detail)
{
    const bool retryable = status == 408 || status == 409 || status == 504 ||
                           (status == 503 && !(code && strcmp(code, "no_database") == 0));
    if ((status == 503 && retryable) || status == 409)
        request_header(request, "Retry-After",
                       arena_printf(&request->arena, "%d",
                                    server_retry_after(request->server, code ? code : "")));
    if (wants_problem(request)) {
        reply_problem(request, status, code ? code : code_of(request, status), detail, NULL);
        return;
    }
    cJSON *body = json_new_object();
    json_add_string(body, "detail", detail);
    if (code) {
        json_add_string(body, "code", code);
        json_add_bool(body, "retryable", retryable);
        json_add_string(body, "request_id", request->id);
    }
    request_reply(request, status, body);
}

/* Bad input keeps the framework's bare shape; what is ours says more. */
void request_reply_failure(struct request *request, const struct error *error)
{
    const int status = err_status(error->code);
    const bool bare = status == 400 || status == 422;
    if (error->code == ERR_UNAUTHORIZED)
        request_reply_unauthorized(request);
    else if (error->code == ERR_CANCELLED)
        request_reply_error(request, 503, "draining", "The server is being stopped");
    else if (status == 500)
        request_reply_error(request, 500, "internal", "Internal Server Error");
    else
        request_reply_error(request, status, bare ? NULL : err_word(error->code), error->detail);
}

void request_reply_unauthorized(struct request *request)
{
    request_header(request, "WWW-Authenticate", "Bearer");
    request_reply_error(request, 401, NULL, "Could not validate credentials");
}

void request_reply_no_database(struct request *request)
{
    request_reply_error(request, 503, "no_database", "No database is configured: set DATABASE_URL");
}

cJSON *request_fault(struct request *request, const char *type, const char *where, const char *name,
                     const char *message, cJSON *input)
{
    if (!request->faults)
        request->faults = json_new_array();
    cJSON *fault = json_new_object();
    json_append(request->faults, fault);
    json_add_string(fault, "type", type);
    cJSON *loc = json_add_array(fault, "loc");
    json_append_string(loc, where);
    json_append_string(loc, name);
    json_add_string(fault, "msg", message);
    if (input)
        json_add(fault, "input", input);
    else
        json_add_null(fault, "input");
    return fault;
}

bool request_reply_faults(struct request *request)
{
    cJSON *faults = request->faults;
    if (!faults)
        return false;
    request->faults = NULL;
    if (wants_problem(request)) {
        reply_problem(request, 422, code_of(request, 422), "The input is not valid", faults);
        return true;
    }
    cJSON *body = json_new_object();
    json_add(body, "detail", faults);
    request_reply(request, 422, body);
    return true;
}
