/*
 * libcurl's options for a request, and what it calls while it sends one and reads the response.
 * What stands before a connection and before a request is in http_guard.c, multipart bodies in
 * http_upload.c.
 */
#include "io/http_transfer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* How long an address stays in libcurl's own cache. Each hop brings its addresses anew: this only
 * must not be over while one waits for another's connection, which connect_ms limits. */
static const long CURL_CACHE_SECONDS = 3600;

static uint64_t now_ms(const struct http_transfer *transfer)
{
    return loop_now_ms(transfer->client->loop);
}

/* --- the response ----------------------------------------------------------------------------- */

/* Any header line, of the status too, of this response or of one before it (100 Continue). */
static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    struct http_call *call = transfer->call;
    const size_t length = size * count;
    call->any_byte = true;
    transfer->active_ms = now_ms(transfer);
    transfer->header_bytes += length;
    if (transfer->header_bytes > HTTP_CALL_HEADER_BYTES) {
        http_transfer_decide(transfer, HTTP_FAULT_TOO_LARGE);
        return 0;
    }
    if (length >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        call->response_header_count = 0;
    const char *colon = memchr(bytes, ':', length);
    if (!colon || colon == bytes || call->response_header_count == HTTP_CALL_KEPT_HEADERS)
        return length;

    const char *value = colon + 1, *end = bytes + length;
    while (value < end && strchr(" \t", *value))
        value++;
    while (end > value && strchr(" \t\r\n", end[-1]))
        end--;
    struct http_header *header = &call->response_headers[call->response_header_count++];
    header->name = arena_strndup(&call->arena, bytes, (size_t)(colon - bytes));
    header->value = arena_strndup(&call->arena, value, (size_t)(end - value));
    return length;
}

static int status_of(const struct http_transfer *transfer)
{
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

/* Keeps it in call->body: all of an answer, but of an error no more than anybody reads of one. */
static void keep(struct http_transfer *transfer, const char *bytes, size_t length, bool is_answer)
{
    struct buffer *body = &transfer->call->body;
    if (!is_answer && length > HTTP_CALL_ERROR_BYTES - body->length)
        length = HTTP_CALL_ERROR_BYTES - body->length;
    if (buffer_append(body, bytes, length) != OK)
        http_transfer_decide(transfer, HTTP_FAULT_TOO_LARGE);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    struct http_call *call = transfer->call;
    const struct http_request *request = &call->request;
    const size_t length = size * count;
    call->any_byte = true;
    transfer->active_ms = now_ms(transfer);
    if (length > request->limits.body_max - transfer->body_bytes) {
        http_transfer_decide(transfer, HTTP_FAULT_TOO_LARGE);
        return 0;
    }
    transfer->body_bytes += length;
    const bool is_answer = status_of(transfer) / 100 == 2;
    if (!request->on_data || !is_answer)
        keep(transfer, bytes, length, is_answer);
    else if (!request->on_data(&call->op, bytes, length, request->context))
        http_transfer_decide(transfer, HTTP_FAULT_REFUSED);
    return transfer->leaving || transfer->verdict != HTTP_FAULT_NONE ? 0 : length;
}

/* Called whenever anything was sent or received. */
static int on_progress(void *context, curl_off_t to_come, curl_off_t come, curl_off_t to_send,
                       curl_off_t gone)
{
    (void)to_come, (void)to_send;
    struct http_transfer *transfer = context;
    const uint64_t moved = (uint64_t)come + (uint64_t)gone;
    if (moved != transfer->moved_bytes) {
        transfer->moved_bytes = moved;
        transfer->active_ms = now_ms(transfer);
    }
    return transfer->leaving;
}

/* --- the handle ------------------------------------------------------------------------------- */

static CURLcode set_callbacks(struct http_transfer *transfer)
{
    CURLcode code = CURLE_OK;
    SET(CURLOPT_PRIVATE, transfer);
    SET(CURLOPT_ERRORBUFFER, transfer->curl_text);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, transfer);
    SET(CURLOPT_NOPROGRESS, 0L);
    return code;
}

/* libcurl counts whole seconds, and one more is still young enough for it. */
static long max_age_seconds(const struct http_client *client)
{
    const long seconds = (long)(client->settings.idle_connection_ms / 1000) - 1;
    return seconds > 0 ? seconds : 1;
}

/* The time-outs are our own (http_call.c); libcurl is told of connect_ms since it shares that
 * among several addresses. */
static CURLcode set_connection(struct http_transfer *transfer)
{
    const struct http_client *client = transfer->client;
    const bool https = transfer->target.https;
    const uint64_t now = now_ms(transfer);
    const uint64_t left = transfer->connect_until_ms > now ? transfer->connect_until_ms - now : 1;
    CURLcode code = CURLE_OK;
    SET(CURLOPT_CURLU, transfer->target.url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_RESOLVE, transfer->resolve);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, CURL_CACHE_SECONDS);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)left);
    SET(CURLOPT_MAXAGE_CONN, max_age_seconds(client));
    SET(CURLOPT_FRESH_CONNECT, (long)transfer->call->request.fresh_connection);
    /* Waiting to learn whether the first connection does HTTP/2 lasts a handshake by TLS, but a
     * whole response without. */
    SET(CURLOPT_HTTP_VERSION, https ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PIPEWAIT, (long)https);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (client->ca_file)
        SET(CURLOPT_CAINFO, client->ca_file);
    if (client->ca_directory)
        SET(CURLOPT_CAPATH, client->ca_directory);
    return code;
}

static bool is_line(const char *text)
{
    return text[strcspn(text, "\r\n")] == '\0';
}

/* Without libcurl's `Expect: 100-continue`, which would cost a second where it is not answered. */
static CURLcode set_headers(struct http_transfer *transfer)
{
    const struct http_request *request = &transfer->call->request;
    CURLcode code = CURLE_OK;
    transfer->headers = curl_slist_append(NULL, "Expect:");
    if (!transfer->headers)
        return CURLE_OUT_OF_MEMORY;
    const bool elsewhere =
        transfer->hops > 0 && !http_target_same_origin(&transfer->first, &transfer->target);
    for (size_t i = 0; i < request->header_count && !elsewhere; i++) {
        const struct http_header *header = &request->headers[i];
        if (!is_line(header->name) || !is_line(header->value))
            return CURLE_BAD_FUNCTION_ARGUMENT;
        const char *line =
            *header->value
                ? arena_printf(&transfer->call->arena, "%s: %s", header->name, header->value)
                : arena_printf(&transfer->call->arena, "%s;", header->name);
        struct curl_slist *longer = curl_slist_append(transfer->headers, line);
        if (!longer)
            return CURLE_OUT_OF_MEMORY;
        transfer->headers = longer;
    }
    SET(CURLOPT_HTTPHEADER, transfer->headers);
    SET(CURLOPT_USERAGENT, transfer->client->settings.user_agent);
    return code;
}

static CURLcode set_request(struct http_transfer *transfer)
{
    const struct http_request *request = &transfer->call->request;
    CURLcode code = set_headers(transfer);
    if (request->limits.body_max > 0)
        SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->limits.body_max);
    if (strcmp(request->method, "GET") == 0) {
        SET(CURLOPT_HTTPGET, 1L);
    } else if (request->part_count > 0) {
        return code == CURLE_OK ? http_upload_set(transfer) : code;
    } else {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        SET(CURLOPT_POSTFIELDS, request->body ? request->body : "");
    }
    return code;
}

enum http_fault http_transfer_prepare(struct http_transfer *transfer)
{
    assert(!transfer->easy);
    transfer->easy = curl_easy_init();
    if (!transfer->easy)
        return HTTP_FAULT_LOCAL;
    CURLcode code = set_callbacks(transfer);
    if (code == CURLE_OK)
        code = http_guard_set(transfer);
    if (code == CURLE_OK)
        code = set_connection(transfer);
    if (code == CURLE_OK)
        code = set_request(transfer);
    if (code == CURLE_OK)
        return HTTP_FAULT_NONE;
    snprintf(transfer->curl_text, sizeof(transfer->curl_text), "%s", curl_easy_strerror(code));
    return HTTP_FAULT_LOCAL;
}

/* --- its end ---------------------------------------------------------------------------------- */

static double seconds_of(const struct http_transfer *transfer, CURLINFO info)
{
    curl_off_t microseconds = 0;
    curl_easy_getinfo(transfer->easy, info, &microseconds);
    return (double)microseconds / 1e6;
}

void http_transfer_over(struct http_transfer *transfer, CURLcode code)
{
    struct http_call *call = transfer->call;
    loop_timer_stop(transfer->client->loop, &transfer->timer); /* what came in time is not late */
    http_upload_stop(transfer);
    transfer->code = code;
    call->status = status_of(transfer);
    curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &transfer->sent_bytes);
    const double before = transfer->started_seconds;
    const double connect = seconds_of(transfer, CURLINFO_CONNECT_TIME_T);
    const double secure = seconds_of(transfer, CURLINFO_APPCONNECT_TIME_T);
    const double first = seconds_of(transfer, CURLINFO_STARTTRANSFER_TIME_T);
    call->connect_seconds = before + (secure > connect ? secure : connect);
    if (call->any_byte)
        call->first_byte_seconds = before + first;
}

void http_transfer_clear(struct http_transfer *transfer)
{
    assert(!transfer->added);
    curl_easy_cleanup(transfer->easy);
    curl_mime_free(transfer->mime);
    curl_slist_free_all(transfer->headers);
    curl_slist_free_all(transfer->resolve);
    transfer->easy = NULL;
    transfer->mime = NULL;
    transfer->headers = NULL;
    transfer->resolve = NULL;
    transfer->curl_text[0] = '\0';
    transfer->kept_back = transfer->proxy_read = false;
    transfer->opened = transfer->sent = transfer->resent = false;
    transfer->code = CURLE_OK;
    transfer->sent_bytes = 0;
    transfer->moved_bytes = 0;
    transfer->header_bytes = transfer->body_bytes = 0;
}
