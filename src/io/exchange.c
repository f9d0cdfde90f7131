/*
 * One exchange, from libmicrohttpd's calls to our callbacks and back. libmicrohttpd calls its
 * handler once with the headers, for each piece of the body, once at the end, and again after each
 * resume; the state says which it is. A response may only be queued in the first call (it then
 * closes the connection, since the body is not read) or after the body's end.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "io/connection.h"

void reply_header(struct reply *reply, const char *name, const char *value)
{
    assert(reply->header_count < REPLY_HEADERS_MAX);
    reply->headers[reply->header_count].name = name;
    reply->headers[reply->header_count].value = value;
    reply->header_count++;
}

void reply_drop(struct reply *reply)
{
    if (reply->body_kind == REPLY_BODY_TAKE)
        free((void *)(uintptr_t)reply->body);
    else if (reply->body_kind == REPLY_BODY_FILE)
        close(reply->file);
    *reply = (struct reply){0};
}

const char *http_reason(int status)
{
    return MHD_get_reason_phrase_for((unsigned)status);
}

struct connection *connection_of(const struct exchange *exchange)
{
    return container_of(exchange, struct connection, exchange);
}

/* --- answers ------------------------------------------------------------------------------- */

static struct MHD_Response *response_of_body(const struct reply *reply)
{
    static const enum MHD_ResponseMemoryMode modes[] = {
        [REPLY_BODY_COPY] = MHD_RESPMEM_MUST_COPY,
        [REPLY_BODY_STATIC] = MHD_RESPMEM_PERSISTENT,
        [REPLY_BODY_TAKE] = MHD_RESPMEM_MUST_FREE,
    };
    if (reply->body_kind == REPLY_BODY_FILE)
        return MHD_create_response_from_fd_at_offset64(reply->body_length, reply->file,
                                                       reply->file_offset);
    return MHD_create_response_from_buffer(reply->body_length, (void *)(uintptr_t)reply->body,
                                           modes[reply->body_kind]);
}

static struct MHD_Response *response_new(const struct reply *reply)
{
    struct MHD_Response *response = response_of_body(reply);
    if (!response)
        abort();
    for (size_t i = 0; i < reply->header_count; i++) {
        if (MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value) !=
            MHD_YES)
            log_error("", "response", "refused_header=%s", reply->headers[i].name);
    }
    if (reply->close)
        MHD_add_response_header(response, "Connection", "close");
    return response;
}

static void tell_sent(struct exchange *exchange)
{
    exchange->server->callbacks.on_sent(exchange);
    exchange->user = NULL;
}

/* The body is not in yet: answer on the socket, then throw away what still comes. */
static void answer_early(struct exchange *exchange, struct reply *reply)
{
    connection_write(connection_of(exchange), reply);
    const bool was_paused = exchange->state == EXCHANGE_PAUSED;
    exchange->state = EXCHANGE_DISCARDING;
    tell_sent(exchange);
    if (was_paused)
        exchange_resume(exchange);
}

void exchange_answer(struct exchange *exchange, struct reply *reply)
{
    const bool body_pending =
        exchange->state == EXCHANGE_RECEIVING || exchange->state == EXCHANGE_PAUSED;
    assert(body_pending || exchange->state == EXCHANGE_HELD);
    assert(!exchange->response);

    /* In the first call libmicrohttpd takes a response itself if it then need not read a body:
     * because there is none, or because the client waits to be asked for it. */
    const bool no_body_comes = !exchange->first_call_over && (exchange_body_length(exchange) == 0 ||
                                                              exchange_expects_continue(exchange));
    if (body_pending && !no_body_comes) {
        assert(reply->body_kind != REPLY_BODY_FILE);
        answer_early(exchange, reply);
        return;
    }
    exchange->response = response_new(reply);
    exchange->status = reply->status;
    exchange->state = EXCHANGE_ANSWERED;
    if (exchange->suspended)
        exchange_resume(exchange);
}

/* --- suspending ---------------------------------------------------------------------------- */

void exchange_resume_body(struct exchange *exchange)
{
    if (exchange->state != EXCHANGE_PAUSED)
        return;
    exchange->state = EXCHANGE_RECEIVING;
    exchange->body_since_ms += loop_now_ms(exchange->server->loop) - exchange->paused_at_ms;
    exchange_resume(exchange);
}

void exchange_lost(struct exchange *exchange)
{
    assert(exchange->suspended);
    if (exchange->state != EXCHANGE_FLUSHING) { /* else it was told of as sent */
        exchange->server->callbacks.on_gone(exchange);
        exchange->user = NULL;
    }
    exchange->state = EXCHANGE_GONE;
    exchange_resume(exchange);
}

void exchange_written(struct exchange *exchange)
{
    exchange->discard_since_ms = loop_now_ms(exchange->server->loop);
    if (exchange->state != EXCHANGE_FLUSHING)
        return;
    exchange->state = EXCHANGE_GONE;
    exchange_resume(exchange);
}

/* --- libmicrohttpd's calls ----------------------------------------------------------------- */

/* Absolute-form (RFC 9112 3.2.2) to its path. */
static const char *path_of(const char *url)
{
    const char *scheme_end = strstr(url, "://");
    if (url[0] == '/' || !scheme_end)
        return url;
    const char *path = strchr(scheme_end + 3, '/');
    return path ? path : "/";
}

static enum MHD_Result queue(struct exchange *exchange)
{
    const enum MHD_Result result =
        MHD_queue_response(exchange->mhd, (unsigned)exchange->status, exchange->response);
    MHD_destroy_response(exchange->response);
    exchange->response = NULL;
    return result;
}

/* An unclean request: libmicrohttpd and we may disagree on where it ends, so the line is cut. */
static void refuse(struct exchange *exchange, int status, const char *detail)
{
    struct reply reply = {.status = status};
    exchange->server->callbacks.on_refusal(exchange->server->callbacks.context, status, detail,
                                           &reply);
    reply.close = true;
    connection_write(connection_of(exchange), &reply);
    exchange->state = EXCHANGE_DISCARDING;
}

static void begin(struct exchange *exchange, const char *method, const char *url,
                  const char *version)
{
    struct http_server *server = exchange->server;
    exchange->method = method;
    exchange->state = EXCHANGE_RECEIVING;
    exchange->started_ns = uv_hrtime();
    exchange->body_since_ms = loop_now_ms(server->loop);
    exchange->body_bytes = 0;
    exchange->answer_since_ms = 0;
    exchange->first_call_over = false;
    exchange->path = path_of(url);

    int status;
    const char *fault = exchange_fault(exchange, exchange->path, version, &status);
    if (fault)
        refuse(exchange, status, fault);
    else
        server->callbacks.on_headers(exchange, server->callbacks.context);
    exchange->first_call_over = true;
}

static enum MHD_Result discard(struct exchange *exchange, size_t *upload_size)
{
    if (*upload_size == 0 && connection_writing(connection_of(exchange))) {
        exchange->state = EXCHANGE_FLUSHING;
        exchange_suspend(exchange);
        return MHD_YES;
    }
    if (*upload_size == 0)
        return MHD_NO; /* the body is in, the answer out: close */
    exchange->body_bytes += *upload_size;
    *upload_size = 0;
    return exchange->body_bytes > DISCARD_BYTES_MAX ? MHD_NO : MHD_YES;
}

static enum MHD_Result receive(struct exchange *exchange, const char *bytes, size_t *upload_size)
{
    struct http_server *server = exchange->server;
    if (*upload_size == 0) {
        exchange->state = EXCHANGE_HELD;
        server->callbacks.on_body_end(exchange);
        if (exchange->state == EXCHANGE_HELD)
            exchange_suspend(exchange);
        return MHD_YES;
    }
    switch (server->callbacks.on_body(exchange, bytes, *upload_size)) {
    case BODY_TAKEN:
        exchange->body_bytes += *upload_size;
        *upload_size = 0;
        break;
    case BODY_WAIT:
        assert(exchange->state == EXCHANGE_RECEIVING);
        exchange->state = EXCHANGE_PAUSED;
        exchange->paused_at_ms = loop_now_ms(server->loop);
        exchange_suspend(exchange);
        break;
    }
    return MHD_YES;
}

enum MHD_Result exchange_on_access(void *context, struct MHD_Connection *mhd, const char *url,
                                   const char *method, const char *version, const char *upload_data,
                                   size_t *upload_size, void **state)
{
    (void)context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *connection = info->socket_context;
    struct exchange *exchange = &connection->exchange;

    enum MHD_Result result = MHD_YES;
    if (!*state) {
        *state = exchange;
        exchange->mhd = mhd;
        begin(exchange, method, url, version);
        if (exchange->state == EXCHANGE_ANSWERED && exchange_body_length(exchange) > 0)
            result = queue(exchange); /* the client waits with its body: it need not send it */
    } else if (exchange->state == EXCHANGE_RECEIVING) {
        result = receive(exchange, upload_data, upload_size);
        if (exchange->state == EXCHANGE_ANSWERED)
            result = queue(exchange);
    } else if (exchange->state == EXCHANGE_ANSWERED) {
        result = exchange->response ? queue(exchange) : MHD_YES;
    } else if (exchange->state == EXCHANGE_DISCARDING) {
        result = discard(exchange, upload_size);
    } else {
        result = MHD_NO; /* GONE */
    }
    return result;
}

void exchange_on_completed(void *context, struct MHD_Connection *mhd, void **state,
                           enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)mhd;
    (void)code;
    struct exchange *exchange = *state;
    if (!exchange)
        return;
    assert(!exchange->suspended);
    switch (exchange->state) {
    case EXCHANGE_RECEIVING: /* the client stopped in the middle of its body */
    case EXCHANGE_HELD:
    case EXCHANGE_PAUSED:
        exchange->server->callbacks.on_gone(exchange);
        break;
    case EXCHANGE_ANSWERED:
        exchange->server->callbacks.on_sent(exchange);
        break;
    default:
        break;
    }
    if (exchange->response)
        MHD_destroy_response(exchange->response);
    struct connection *connection = connection_of(exchange);
    exchange->response = NULL;
    exchange->user = NULL;
    exchange->method = NULL;
    exchange->state = EXCHANGE_IDLE;
    connection->bad_escape = false;
    connection_idle(connection);
    *state = NULL;
}

/* --- reading the request ------------------------------------------------------------------- */

void exchange_set_user(struct exchange *exchange, void *user)
{
    exchange->user = user;
}

void *exchange_user(const struct exchange *exchange)
{
    return exchange->user;
}

const char *exchange_method(const struct exchange *exchange)
{
    return exchange->method;
}

const char *exchange_path(const struct exchange *exchange)
{
    return exchange->path;
}

const char *exchange_header(const struct exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, name);
}

struct query {
    const char *name;
    const char *value;
};

static enum MHD_Result on_query(void *context, enum MHD_ValueKind kind, const char *name,
                                const char *value)
{
    (void)kind;
    struct query *query = context;
    if (strcmp(name, query->name) == 0)
        query->value = value ? value : "";
    return MHD_YES;
}

const char *exchange_query(const struct exchange *exchange, const char *name)
{
    struct query query = {.name = name};
    MHD_get_connection_values(exchange->mhd, MHD_GET_ARGUMENT_KIND, on_query, &query);
    return query.value;
}

uint64_t exchange_body_length(const struct exchange *exchange)
{
    if (exchange_header(exchange, "Transfer-Encoding"))
        return UINT64_MAX;
    const char *length = exchange_header(exchange, "Content-Length");
    return length ? strtoull(length, NULL, 10) : 0;
}

bool exchange_expects_continue(const struct exchange *exchange)
{
    const char *expect = exchange_header(exchange, "Expect");
    return expect && text_equal_ignore_case(expect, "100-continue");
}

bool exchange_over_limit(const struct exchange *exchange)
{
    return exchange->over_limit;
}

uint64_t exchange_started_ns(const struct exchange *exchange)
{
    return exchange->started_ns;
}
