/*
 *     ┌──────────────────────────────────────────────┐
 *     ▼                                              │ FLOW_AGAIN: a redirect, or libcurl
 *     look_up ──▶ request ──▶ conclude ──────────────┘ wants an address it was not given
 *                                 └──▶ done
 *
 * What goes wrong on the way is a verdict of the transfer; each step passes it on to the last,
 * which makes a fault of it.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "io/http_transfer.h"

static struct http_transfer *transfer_of(struct op *op)
{
    return op_cast(op, http_call)->transfer;
}

/* --- time ------------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t idle_until(const struct http_transfer *transfer)
{
    const uint64_t idle_ms = transfer->call->request.limits.idle_ms;
    return idle_ms > 0 ? transfer->active_ms + idle_ms : UINT64_MAX;
}

static void give_up_lookup(struct lookup *lookup)
{
    if (lookup->resolver && !op_finished(&lookup->op))
        op_cancel(&lookup->op);
}

static void give_up(struct http_transfer *transfer, enum http_fault verdict)
{
    http_transfer_decide(transfer, verdict);
    give_up_lookup(&transfer->host_lookup);
    give_up_lookup(&transfer->proxy_lookup);
    if (transfer->added) {
        http_transfer_over(transfer, CURLE_OPERATION_TIMEDOUT);
        http_client_remove(transfer);
    }
}

static void on_timer(struct loop_timer *timer)
{
    struct http_transfer *transfer = container_of(timer, struct http_transfer, timer);
    const uint64_t now = loop_now_ms(transfer->client->loop);
    if (now >= transfer->total_until_ms)
        give_up(transfer, HTTP_FAULT_TOTAL);
    else if (!transfer->sent && now >= transfer->connect_until_ms)
        give_up(transfer, HTTP_FAULT_CONNECT);
    else if (transfer->sent && now >= idle_until(transfer))
        give_up(transfer, HTTP_FAULT_IDLE);
    else
        http_call_set_timer(transfer);
}

void http_call_set_timer(struct http_transfer *transfer)
{
    struct loop *loop = transfer->client->loop;
    const uint64_t now = loop_now_ms(loop);
    const uint64_t until =
        earlier(transfer->total_until_ms,
                transfer->sent ? idle_until(transfer) : transfer->connect_until_ms);
    loop_timer_start(loop, &transfer->timer, until > now ? until - now : 0, on_timer);
}

/* --- where to --------------------------------------------------------------------------------- */

/* A hop begins, to transfer->target. */
static void aim(struct http_transfer *transfer)
{
    const struct http_request *request = &transfer->call->request;
    transfer->host_asked = transfer->proxy_used = false;
    transfer->is_trusted = http_target_same_origin(&transfer->target, &transfer->trusted);
    transfer->connect_until_ms = loop_now_ms(transfer->client->loop) + request->limits.connect_ms;
    if (request->follow_public && !transfer->is_trusted && !transfer->target.https)
        http_transfer_decide(transfer, HTTP_FAULT_REFUSED);
    http_call_set_timer(transfer);
}

static enum flow look_up(struct op *op)
{
    struct http_transfer *transfer = transfer_of(op);
    struct http_call *call = transfer->call;
    struct resolver *resolver = transfer->client->resolver;
    if (transfer->verdict != HTTP_FAULT_NONE)
        return FLOW_NEXT;
    transfer->proxied = http_target_proxy(&transfer->proxy, &call->arena, transfer->target.https);
    transfer->host_known = !transfer->proxied || transfer->host_asked ||
                           (call->request.follow_public && !transfer->is_trusted);
    if (transfer->host_known)
        lookup_start(&transfer->host_lookup, try(op), resolver, transfer->target.host);
    if (transfer->proxied)
        lookup_start(&transfer->proxy_lookup, try(op), resolver, transfer->proxy.host);
    return FLOW_WAIT;
}

static bool are_public(const struct addresses *addresses)
{
    for (size_t i = 0; i < addresses->count; i++) {
        if (!http_address_is_public(addresses->text[i]))
            return false;
    }
    return true;
}

/* Adds "+host:port:address,address": a line of libcurl's own cache. IPv6 addresses as hosts cannot
 * be in it, and need not. */
static bool tell_addresses(struct http_transfer *transfer, const struct http_target *target,
                           const struct addresses *addresses)
{
    if (target->is_ipv6)
        return true;
    struct arena *arena = &transfer->call->arena;
    const char *line = arena_printf(arena, "+%s:%s:", target->host, target->port);
    for (size_t i = 0; i < addresses->count; i++) {
        const char *text = addresses->text[i];
        line = arena_printf(arena, strchr(text, ':') ? "%s%s[%s]" : "%s%s%s", line,
                            i > 0 ? "," : "", text);
    }
    struct curl_slist *longer = curl_slist_append(transfer->resolve, line);
    if (longer)
        transfer->resolve = longer;
    return longer != NULL;
}

/* Checks what was looked up and hands it to libcurl. */
static enum http_fault use_addresses(struct http_transfer *transfer)
{
    if (transfer->host_known) {
        if (op_error(&transfer->host_lookup.op)->code != OK)
            return HTTP_FAULT_RESOLVE;
        const struct addresses *addresses = &transfer->host_lookup.addresses;
        if (transfer->call->request.follow_public && !transfer->is_trusted &&
            !are_public(addresses))
            return HTTP_FAULT_REFUSED;
        if (!tell_addresses(transfer, &transfer->target, addresses))
            return HTTP_FAULT_LOCAL;
    }
    /* Without the proxy's address libcurl may still go by no_proxy. */
    if (transfer->proxied && op_error(&transfer->proxy_lookup.op)->code == OK &&
        !tell_addresses(transfer, &transfer->proxy, &transfer->proxy_lookup.addresses))
        return HTTP_FAULT_LOCAL;
    return HTTP_FAULT_NONE;
}

static enum flow send_request(struct op *op)
{
    struct http_transfer *transfer = transfer_of(op);
    if (transfer->verdict != HTTP_FAULT_NONE)
        return FLOW_NEXT;
    transfer->started_seconds = op_seconds(op);
    enum http_fault fault = use_addresses(transfer);
    if (fault == HTTP_FAULT_NONE)
        fault = http_transfer_prepare(transfer);
    if (fault == HTTP_FAULT_NONE)
        fault = http_client_add(transfer);
    if (fault == HTTP_FAULT_NONE)
        return FLOW_WAIT;
    http_transfer_decide(transfer, fault);
    return FLOW_NEXT;
}

/* --- redirects and the end -------------------------------------------------------------------- */

/* The Location to go to next, or NULL. */
static const char *redirect_of(const struct http_transfer *transfer)
{
    const struct http_call *call = transfer->call;
    if (!call->request.follow_public || strcmp(call->request.method, "GET") != 0 ||
        transfer->verdict != HTTP_FAULT_NONE || transfer->code != CURLE_OK)
        return NULL;
    switch (call->status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        return http_call_header(call, "Location");
    default:
        return NULL;
    }
}

static enum flow follow(struct http_transfer *transfer, const char *location)
{
    struct http_call *call = transfer->call;
    struct http_target next = {0};
    if (transfer->hops == HTTP_CALL_REDIRECTS ||
        http_target_follow(&next, &call->arena, &transfer->target, location) != OK) {
        http_transfer_decide(transfer, HTTP_FAULT_REFUSED);
        http_transfer_judge(transfer);
        return FLOW_DONE;
    }
    http_transfer_clear(transfer);
    if (transfer->hops++ == 0)
        transfer->first = transfer->target;
    else
        http_target_clear(&transfer->target);
    transfer->target = next;
    buffer_reset(&call->body);
    call->response_header_count = 0;
    call->any_byte = false;
    call->status = 0;
    aim(transfer);
    return FLOW_AGAIN;
}

/* Notes what libcurl was kept from looking up. Will it have it the next time? */
static bool has_learnt(struct http_transfer *transfer)
{
    if (!transfer->kept_back || transfer->verdict != HTTP_FAULT_NONE)
        return false;
    if (transfer->code == CURLE_COULDNT_RESOLVE_PROXY) {
        const bool known = transfer->proxy_used;
        transfer->proxy_used = true;
        return !known && transfer->proxy.is_ipv6;
    }
    transfer->host_asked = true;
    return !transfer->host_known;
}

static enum flow conclude(struct op *op)
{
    struct http_transfer *transfer = transfer_of(op);
    if (has_learnt(transfer)) {
        http_transfer_clear(transfer);
        http_call_set_timer(transfer);
        return FLOW_AGAIN;
    }
    const char *location = redirect_of(transfer);
    if (location)
        return follow(transfer, location);
    http_transfer_judge(transfer);
    return FLOW_DONE;
}

/* --- the operation ---------------------------------------------------------------------------- */

static void call_cancel(struct op *op)
{
    http_client_remove(transfer_of(op));
}

/* The results stay until http_call_clear. */
static void call_end(struct op *op)
{
    struct http_transfer *transfer = transfer_of(op);
    loop_timer_stop(transfer->client->loop, &transfer->timer);
    http_transfer_clear(transfer);
    http_target_clear(&transfer->target);
    http_target_clear(&transfer->first);
    http_target_clear(&transfer->trusted);
}

static const struct step call_steps[] = {
    {"look_up", look_up}, {"request", send_request}, {"conclude", conclude}, {0}};
static const struct op_kind call_kind = {"http", call_steps, call_cancel, call_end};

static void copy_request(struct http_call *call, const struct http_request *from)
{
    call->request = *from;
    call->request.url = arena_strdup(&call->arena, from->url);
    call->request.trusted_url = NULL; /* taken apart at once */
    for (size_t i = 0; i < from->header_count; i++) {
        call->request.headers[i].name = arena_strdup(&call->arena, from->headers[i].name);
        call->request.headers[i].value = arena_strdup(&call->arena, from->headers[i].value);
    }
}

void http_call_start(struct http_call *call, struct op_link link, struct http_client *client,
                     const struct http_request *from)
{
    assert(strcmp(from->method, "GET") == 0 || strcmp(from->method, "POST") == 0);
    assert(from->header_count <= HTTP_CALL_HEADERS_MAX);
    assert(from->part_count <= HTTP_CALL_PARTS_MAX);
    assert(from->body || from->body_length == 0);
    assert(from->limits.connect_ms > 0);
    assert(from->limits.total_ms > 0);

    memset(call, 0, sizeof(*call));
    call->client = client;
    arena_init(&call->arena);
    copy_request(call, from);
    buffer_init(&call->body, from->limits.body_max);
    const enum err err = buffer_append(&call->body, "", 0); /* its NUL */
    assert(err == OK);
    (void)err;

    struct http_transfer *transfer = arena_new(&call->arena, struct http_transfer);
    call->transfer = transfer;
    transfer->call = call;
    transfer->client = client;
    op_start(&call->op, &call_kind, link);

    transfer->total_until_ms = loop_now_ms(client->loop) + from->limits.total_ms;
    if (http_target_parse(&transfer->target, &call->arena, from->url, from->follow_public) != OK ||
        (from->trusted_url &&
         http_target_parse(&transfer->trusted, &call->arena, from->trusted_url, false) != OK))
        http_transfer_decide(transfer, HTTP_FAULT_LOCAL);
    else
        aim(transfer);
}

void http_call_clear(struct http_call *call)
{
    if (!call->client)
        return;
    assert(op_finished(&call->op));
    buffer_clear(&call->body);
    arena_clear(&call->arena);
}

const char *http_call_header(const struct http_call *call, const char *name)
{
    for (size_t i = 0; i < call->response_header_count; i++) {
        if (strcasecmp(call->response_headers[i].name, name) == 0)
            return call->response_headers[i].value;
    }
    return NULL;
}
