/*
 * libcurl says which sockets it waits for (http_socket.c) and when it wants to be called
 * (on_timeout); the loop calls it back (http_client_drive). None of our own work happens in these
 * calls: a transfer that ended is found afterwards, and one that is cancelled by a callback is
 * marked and taken out then, since libcurl refuses to give up a handle from within.
 */
#include "io/http_client.h"

#include <assert.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "io/http_transfer.h"

/* --- libcurl's timer -------------------------------------------------------------------------- */

static void on_timer(struct loop_timer *timer)
{
    http_client_drive(container_of(timer, struct http_client, timer), CURL_SOCKET_TIMEOUT, 0);
}

/* Called from within libcurl: may do no more than note it. */
static int on_timeout(CURLM *multi, long after_ms, void *context)
{
    (void)multi;
    struct http_client *client = context;
    if (after_ms < 0)
        loop_timer_stop(client->loop, &client->timer);
    else
        loop_timer_start(client->loop, &client->timer, (uint64_t)after_ms, on_timer);
    return 0;
}

/* --- transfers -------------------------------------------------------------------------------- */

static void take_out(struct http_transfer *transfer)
{
    struct http_client *client = transfer->client;
    const CURLMcode code = curl_multi_remove_handle(client->multi, transfer->easy);
    assert(code == CURLM_OK);
    (void)code;
    client->transfer_count--;
    transfer->added = false;
    transfer->leaving = false;
    op_release(&transfer->call->op);
}

void http_client_drive(struct http_client *client, curl_socket_t fd, int events)
{
    assert(!client->inside);
    int running = 0;
    client->inside = true;
    const CURLMcode code = curl_multi_socket_action(client->multi, fd, events, &running);
    client->inside = false;
    if (code != CURLM_OK)
        log_error("", "http_client", "fault=drive detail=%s", log_quote(curl_multi_strerror(code)));

    while (client->leaving) {
        struct http_transfer *transfer = client->leaving;
        client->leaving = transfer->next_leaving;
        take_out(transfer);
    }
    int left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left));) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct http_transfer *transfer = NULL;
        const CURLcode result = message->data.result; /* gone once the handle is taken out */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        http_transfer_over(transfer, result);
        take_out(transfer);
    }
}

enum http_fault http_client_add(struct http_transfer *transfer)
{
    struct http_client *client = transfer->client;
    assert(!client->inside);
    if (curl_multi_add_handle(client->multi, transfer->easy) != CURLM_OK)
        return HTTP_FAULT_LOCAL;
    client->transfer_count++;
    transfer->added = true;
    op_hold(&transfer->call->op);
    return HTTP_FAULT_NONE;
}

void http_client_remove(struct http_transfer *transfer)
{
    struct http_client *client = transfer->client;
    if (!transfer->added || transfer->leaving)
        return;
    transfer->leaving = true;
    if (!client->inside) {
        take_out(transfer);
        return;
    }
    transfer->next_leaving = client->leaving;
    client->leaving = transfer;
}

/* --- the client ------------------------------------------------------------------------------- */

void http_client_global_init(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

struct http_client *http_client_new(struct loop *loop, const struct http_client_settings *settings)
{
    assert(settings->connections_max > 0);
    struct http_client *client = calloc(1, sizeof(*client));
    CURLM *multi = curl_multi_init();
    if (!client || !multi)
        abort();
    client->loop = loop;
    client->settings = *settings;
    client->resolver = resolver_new(loop, settings->resolve_ttl_ms, settings->resolve_stale_ms);
    client->multi = multi;
    /* It has made a pair of sockets that children would inherit, and does not say which. Nothing
     * that is open by now is meant for them. */
    (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    client->ca_file = variable("CURL_CA_BUNDLE");
    if (!client->ca_file)
        client->ca_file = variable("SSL_CERT_FILE");
    client->ca_directory = variable("SSL_CERT_DIR");
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, http_socket_on_interest);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)settings->connections_max);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    assert(client->transfer_count == 0);
    curl_multi_cleanup(client->multi);
    free(client->sockets);
    loop_timer_stop(client->loop, &client->timer);
    resolver_free(client->resolver);
    free(client);
}

uint64_t http_client_connections(const struct http_client *client)
{
    return client->connections;
}

uint64_t http_client_lookups(const struct http_client *client)
{
    return resolver_queries(client->resolver);
}
