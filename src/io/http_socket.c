/*
 * A socket is watched from its first use to its closing. While a request uses it, libcurl is called
 * for what happens on it. While it is kept for the next request, nothing may happen: the server has
 * closed it, or sends what nobody asked for, which would be taken for the next response. libcurl
 * only sees an end without bytes before it (it takes the alert that ends TLS, or a late "408
 * Request Timeout", for a sign of life), so such a socket is emptied and shut down: that it sees.
 *
 * Sockets are found by their number. libcurl closes those that lost a race between addresses
 * without a word, so that a number may be another file's by the time it takes its interest back;
 * the inode tells them apart.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "io/http_transfer.h"
#include "io/socket.h"

enum { DISCARD_BYTES = 1 << 20 /* at once; without a copy, so the number costs nothing */ };

struct http_socket {
    uv_poll_t poll;
    struct http_client *client;
    int fd;
    ino_t inode;
    int events; /* of libuv's, that libcurl waits for */
};

static ino_t inode_of(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

/* --- the table ------------------------------------------------------------------------------- */

static struct http_socket *find(const struct http_client *client, int fd)
{
    return (size_t)fd < client->socket_slots ? client->sockets[fd] : NULL;
}

static void put(struct http_client *client, struct http_socket *socket)
{
    const size_t fd = (size_t)socket->fd;
    if (fd >= client->socket_slots) {
        const size_t slots = 2 * (fd + 1);
        client->sockets = realloc(client->sockets, slots * sizeof(struct http_socket *));
        if (!client->sockets)
            abort();
        memset(client->sockets + client->socket_slots, 0,
               (slots - client->socket_slots) * sizeof(struct http_socket *));
        client->socket_slots = slots;
    }
    client->sockets[fd] = socket;
}

static void on_handle_closed(uv_handle_t *handle)
{
    free(container_of(handle, struct http_socket, poll));
}

static void forget(struct http_client *client, int fd)
{
    struct http_socket *socket = find(client, fd);
    if (!socket)
        return;
    client->sockets[fd] = NULL;
    uv_poll_stop(&socket->poll);
    uv_close((uv_handle_t *)&socket->poll, on_handle_closed);
}

/* --- in use ----------------------------------------------------------------------------------- */

/* An error is left for libcurl to meet: told of it, it would not read what came before, and a
 * response that the server reset the connection behind is whole. libuv has stopped watching then.
 */
static void on_ready(uv_poll_t *poll, int status, int events)
{
    const struct http_socket *socket = container_of(poll, struct http_socket, poll);
    if (status < 0) {
        events = UV_READABLE | UV_WRITABLE;
        uv_poll_start(poll, socket->events, on_ready);
    }
    int what = 0;
    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    http_client_drive(socket->client, socket->fd, what);
}

static struct http_socket *watch(struct http_client *client, int fd)
{
    struct http_socket *socket = calloc(1, sizeof(*socket));
    if (!socket)
        abort();
    socket->client = client;
    socket->fd = fd;
    socket->inode = inode_of(fd);
    const int result = uv_poll_init_socket(&client->loop->uv, &socket->poll, fd);
    if (result != 0) { /* its transfers will run into their time-outs */
        log_error("", "http_client", "fault=poll detail=%s", log_quote(uv_strerror(result)));
        free(socket);
        return NULL;
    }
    put(client, socket);
    return socket;
}

/* --- kept ------------------------------------------------------------------------------------- */

static void on_disturbed(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    const struct http_socket *socket = container_of(poll, struct http_socket, poll);
    uv_poll_stop(poll);
    shutdown(socket->fd, SHUT_RDWR);
    while (recv(socket->fd, NULL, DISCARD_BYTES, MSG_TRUNC | MSG_DONTWAIT) > 0)
        ;
}

/* With HTTP/2 a server may speak at any time (a PING, new settings), which libcurl reads before it
 * sends. */
static void keep(struct http_socket *socket, CURL *easy)
{
    long version = CURL_HTTP_VERSION_NONE;
    curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
    const int events =
        version == CURL_HTTP_VERSION_2_0 ? UV_DISCONNECT : UV_DISCONNECT | UV_READABLE;
    uv_poll_start(&socket->poll, events, on_disturbed);
    uv_unref((uv_handle_t *)&socket->poll); /* the loop need not go on for it */
}

/* --- what libcurl calls ----------------------------------------------------------------------- */

int http_socket_open(struct http_client *client, const struct curl_sockaddr *address)
{
    const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                          address->protocol);
    if (fd < 0)
        return -1;
    struct http_socket *before = find(client, fd);
    if (before) { /* libcurl may not say again that it waits for this number: the kernel forgot */
        before->inode = inode_of(fd);
        uv_poll_start(&before->poll, before->events, on_ready);
    }
    socket_notice_death(fd);
    return fd;
}

int http_socket_on_close(void *context, curl_socket_t fd)
{
    forget(context, fd);
    return close(fd);
}

int http_socket_on_interest(CURL *easy, curl_socket_t fd, int what, void *context, void *unused)
{
    (void)unused;
    struct http_client *client = context;
    struct http_socket *socket = find(client, fd);
    if (what == CURL_POLL_REMOVE) {
        if (socket && socket->inode == inode_of(fd))
            keep(socket, easy);
        else
            forget(client, fd);
        return 0;
    }
    if (!socket)
        socket = watch(client, fd);
    if (!socket)
        return 0;
    socket->events = 0;
    if (what & CURL_POLL_IN)
        socket->events |= UV_READABLE;
    if (what & CURL_POLL_OUT)
        socket->events |= UV_WRITABLE;
    uv_poll_start(&socket->poll, socket->events, on_ready);
    uv_ref((uv_handle_t *)&socket->poll);
    return 0;
}
