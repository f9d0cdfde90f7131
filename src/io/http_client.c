/*
 * libcurl says which sockets it waits for and when it wants to be called (on_socket, on_timeout);
 * the loop calls it back (drive). None of our own work happens in these calls: a transfer that
 * ended is found afterwards, and one that is cancelled by a callback is marked and taken out then,
 * since libcurl refuses to give up a handle from within.
 */
#include "io/http_client.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "io/http_transfer.h"

struct http_socket {
    uv_poll_t poll;
    struct http_client *client;
    curl_socket_t fd;
};

static void drive(struct http_client *client, curl_socket_t fd, int events);

/* --- sockets ---------------------------------------------------------------------------------- */

static void on_socket_closed(uv_handle_t *handle)
{
    free(container_of(handle, struct http_socket, poll));
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    const struct http_socket *socket = container_of(poll, struct http_socket, poll);
    int what = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    drive(socket->client, socket->fd, what);
}

static struct http_socket *watch(struct http_client *client, curl_socket_t fd)
{
    struct http_socket *socket = calloc(1, sizeof(*socket));
    if (!socket)
        abort();
    socket->client = client;
    socket->fd = fd;
    const int result = uv_poll_init_socket(&client->loop->uv, &socket->poll, fd);
    if (result != 0) { /* its transfers will run into their time-outs */
        log_error("", "http_client", "fault=poll detail=%s", log_quote(uv_strerror(result)));
        free(socket);
        return NULL;
    }
    return socket;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
    (void)easy;
    struct http_client *client = context;
    struct http_socket *socket = socket_context;
    if (what == CURL_POLL_REMOVE) {
        if (socket) {
            curl_multi_assign(client->multi, fd, NULL);
            uv_poll_stop(&socket->poll);
            uv_close((uv_handle_t *)&socket->poll, on_socket_closed);
        }
        return 0;
    }
    if (!socket) {
        socket = watch(client, fd);
        if (!socket)
            return 0;
        curl_multi_assign(client->multi, fd, socket);
    }
    int events = 0;
    if (what & CURL_POLL_IN)
        events |= UV_READABLE;
    if (what & CURL_POLL_OUT)
        events |= UV_WRITABLE;
    uv_poll_start(&socket->poll, events, on_ready);
    return 0;
}

/* --- libcurl's timer -------------------------------------------------------------------------- */

static void on_timer(struct loop_timer *timer)
{
    drive(container_of(timer, struct http_client, timer), CURL_SOCKET_TIMEOUT, 0);
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

static void drive(struct http_client *client, curl_socket_t fd, int events)
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
    client->resolver = resolver_new(loop, settings->resolve_ttl_ms);
    client->multi = multi;
    client->ca_file = variable("CURL_CA_BUNDLE");
    if (!client->ca_file)
        client->ca_file = variable("SSL_CERT_FILE");
    client->ca_directory = variable("SSL_CERT_DIR");
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
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
