/*
 * A request is sent once. When a kept connection ends before any byte of the response, libcurl
 * would send the request again by itself, on another one: it cannot know that the first was not
 * paid for. There is no option against it, but it cannot do so without coming through here:
 * on_request is called right before each sending, on_open_socket for each new connection, and
 * on_resolve for each look-up, and they refuse once a request was sent.
 *
 * The same three make sure of two more promises: libcurl never resolves a name itself (it would
 * wait for its thread when cancelled), and a URL that somebody else chose is never connected to at
 * an address that is not public, whatever a name server says the second time.
 */
#include <errno.h>
#include <netdb.h>

#include "io/http_transfer.h"

static bool may_connect_to(const struct http_transfer *transfer, const char *address)
{
    return !transfer->call->request.follow_public || transfer->is_trusted || transfer->proxied ||
           http_address_is_public(address);
}

/* libcurl found no address in what it was given. That is right for an IPv6 address as the host or
 * the proxy, which the list cannot have; and behind a proxy, where it may still want the host
 * itself. Which of the two it wants, only the error tells that comes of keeping it from it. */
static int on_resolve(void *state, void *reserved, void *context)
{
    (void)state, (void)reserved;
    struct http_transfer *transfer = context;
    if (transfer->sent) {
        transfer->resent = true;
        return 1;
    }
    if (transfer->proxy_used && transfer->proxy.is_ipv6 && !transfer->proxy_read) {
        transfer->proxy_read = true;
        return 0;
    }
    if (transfer->host_known && transfer->target.is_ipv6)
        return 0;
    transfer->kept_back = true;
    return 1;
}

static curl_socket_t on_open_socket(void *context, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    struct http_transfer *transfer = context;
    char text[NI_MAXHOST];
    if (transfer->sent)
        transfer->resent = true;
    if (transfer->sent || purpose != CURLSOCKTYPE_IPCXN ||
        getnameinfo(&address->addr, address->addrlen, text, sizeof(text), NULL, 0,
                    NI_NUMERICHOST) != 0)
        return CURL_SOCKET_BAD;
    if (!may_connect_to(transfer, text)) {
        http_transfer_decide(transfer, HTTP_FAULT_REFUSED);
        return CURL_SOCKET_BAD;
    }
    const int fd = http_socket_open(transfer->client, address);
    if (fd < 0) {
        if (errno != EAFNOSUPPORT) /* no IPv6: there may be other addresses */
            http_transfer_decide(transfer, HTTP_FAULT_LOCAL);
        return CURL_SOCKET_BAD;
    }
    transfer->opened = true;
    return fd;
}

static int on_request(void *context, char *address, char *local_address, int port, int local_port)
{
    (void)local_address, (void)port, (void)local_port;
    struct http_transfer *transfer = context;
    if (transfer->leaving)
        return CURL_PREREQFUNC_ABORT;
    if (transfer->sent) {
        transfer->resent = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (!may_connect_to(transfer, address)) { /* a kept connection, made under other rules */
        http_transfer_decide(transfer, HTTP_FAULT_REFUSED);
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->sent = true;
    transfer->active_ms = loop_now_ms(transfer->client->loop);
    http_call_set_timer(transfer);
    transfer->call->reused = !transfer->opened;
    if (transfer->opened)
        transfer->client->connections++;
    return CURL_PREREQFUNC_OK;
}

CURLcode http_guard_set(struct http_transfer *transfer)
{
    CURLcode code = CURLE_OK;
    SET(CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
    SET(CURLOPT_RESOLVER_START_DATA, transfer);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(CURLOPT_OPENSOCKETDATA, transfer);
    SET(CURLOPT_CLOSESOCKETFUNCTION, http_socket_on_close);
    SET(CURLOPT_CLOSESOCKETDATA, transfer->client); /* a connection outlives its first transfer */
    SET(CURLOPT_PREREQFUNCTION, on_request);
    SET(CURLOPT_PREREQDATA, transfer);
    return code;
}
