/*
 * libmicrohttpd in its external epoll mode, driven by the loop: connections, time-outs and
 * disconnect watches then all belong to one thread. Four things keep it going:
 *   1. its epoll descriptor, polled by the loop, means MHD_run;
 *   2. before each wait the loop runs it again where something was resumed, since a resume wakes
 *      no descriptor, and where it says that it has work left;
 *   3. a timer for when it wants to look at its own time-outs;
 *   4. an epoll descriptor of ours for the client's end (RDHUP, HUP, ERR), never for bytes that
 *      come: libmicrohttpd does not watch suspended sockets, and misses an end that comes with
 *      bytes. It also tells when there is room for answers that we write ourselves.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "io/connection.h"
#include "io/socket.h"

enum {
    LISTEN_BACKLOG = 4096,
    CONNECTIONS_SPARE = 256, /* above our own limit: for those who are told 503 */
    POOL_BYTES = 64 * 1024,  /* per connection; half of it is the largest piece of a body */
    WATCH_EVENTS = 64,
    PARAMETERS_MAX = 256, /* of a query: no route knows more than a few */
};

/* --- clients that leave -------------------------------------------------------------------------
 */

static void watch(struct connection *connection, int operation)
{
    const uint32_t output = connection->output_watched ? EPOLLOUT : 0;
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET | output, .data.ptr = connection};
    if (epoll_ctl(connection->exchange.server->watch_fd, operation, connection->fd, &event) != 0)
        log_error("", "watch", "error=%s", log_quote(strerror(errno)));
}

/* Lasts until the socket is closed. */
void connection_watch(struct connection *connection)
{
    watch(connection, EPOLL_CTL_ADD);
}

void connection_watch_output(struct connection *connection, bool wanted)
{
    if (connection->output_watched == wanted)
        return;
    connection->output_watched = wanted;
    watch(connection, EPOLL_CTL_MOD);
}

void exchange_suspend(struct exchange *exchange)
{
    assert(!exchange->suspended);
    MHD_suspend_connection(exchange->mhd);
    exchange->suspended = true;
    watch(connection_of(exchange), EPOLL_CTL_MOD); /* told again of an end that came before */
}

void exchange_resume(struct exchange *exchange)
{
    assert(exchange->suspended);
    exchange->suspended = false;
    MHD_resume_connection(exchange->mhd);
    exchange->server->need_run = true;
}

static void on_watch(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    struct http_server *server = handle->data;
    struct epoll_event told[WATCH_EVENTS];
    const int count = epoll_wait(server->watch_fd, told, WATCH_EVENTS, 0);
    /* Memory of connections goes only in MHD_run, which is not called here. */
    for (int i = 0; i < count; i++) {
        struct connection *connection = told[i].data.ptr;
        struct exchange *exchange = &connection->exchange;
        connection_flush(connection);
        if (!(told[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
            continue;
        connection->client_ended = true;
        if (exchange->suspended && exchange->state != EXCHANGE_FLUSHING)
            exchange_lost(exchange);
    }
}

/* --- driving libmicrohttpd ----------------------------------------------------------------- */

static void on_timeout(uv_timer_t *timer)
{
    ((struct http_server *)timer->data)->need_run = true; /* run by on_prepare, which comes next */
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    struct http_server *server = handle->data;
    MHD_run(server->daemon);
}

/* One run of it in a round of the loop: others wait for their turn. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct http_server *server = prepare->data;
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    if (server->need_run) {
        server->need_run = false;
        MHD_run(server->daemon);
    }
    const bool waits = MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES;
    if (waits || server->need_run)
        uv_timer_start(server->timeout, on_timeout, server->need_run ? 0 : wait_ms, 0);
    else
        uv_timer_stop(server->timeout);
}

static void on_mhd_log(void *context, const char *format, va_list args)
{
    /* It reports what clients do wrong and what we do on purpose (closing by MHD_NO). */
    (void)context;
    if (!log_enabled(LOG_DEBUG))
        return;
    char line[256];
    vsnprintf(line, sizeof(line), format, args);
    log_debug("", "microhttpd", "message=%s", log_quote(line));
}

static size_t on_unescape(void *context, struct MHD_Connection *mhd, char *text)
{
    (void)context;
    if (strstr(text, "%00")) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        ((struct connection *)info->socket_context)->bad_escape = true;
    }
    return MHD_http_unescape(text);
}

/* Each parameter costs libmicrohttpd memory of the connection; when that ends it falls silent. The
 * answer is given here, before it looks at them. */
static void *on_target(void *context, const char *target, struct MHD_Connection *mhd)
{
    struct http_server *server = context;
    size_t parameters = 0;
    for (const char *c = target; *c; c++)
        parameters += *c == '&';
    if (parameters < PARAMETERS_MAX)
        return NULL;
    struct connection *connection =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    struct reply reply = {.status = 414};
    server->callbacks.on_refusal(server->callbacks.context, 414, "Too many query parameters",
                                 &reply);
    connection_write(connection, &reply);
    connection_cut(connection);
    return NULL;
}

/* --- listening ----------------------------------------------------------------------------- */

static socklen_t address_of(const struct http_settings *settings, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    if (inet_pton(AF_INET, settings->address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)settings->port);
        return sizeof(*v4);
    }
    if (inet_pton(AF_INET6, settings->address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)settings->port);
        return sizeof(*v6);
    }
    return 0;
}

static enum err listen_on(struct http_server *server, struct error *error)
{
    const struct http_settings *settings = &server->settings;
    struct sockaddr_storage address;
    socklen_t length = address_of(settings, &address);
    if (length == 0)
        return error_set(error, ERR_RANGE, "%s is not an IP address", settings->address);

    server->listen_fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server->listen_fd < 0)
        return error_set(error, ERR_IO, "cannot open a socket: %s", strerror(errno));
    socket_option(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, 1);
    socket_option(server->listen_fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (bind(server->listen_fd, (struct sockaddr *)&address, length) != 0 ||
        listen(server->listen_fd, LISTEN_BACKLOG) != 0) {
        if (errno == EADDRINUSE)
            return error_set(error, ERR_UNAVAILABLE,
                             "port %d is in use on %s: stop what listens there, or set PORT to "
                             "another number",
                             settings->port, settings->address);
        return error_set(error, ERR_UNAVAILABLE, "cannot listen on %s port %d: %s",
                         settings->address, settings->port, strerror(errno));
    }
    length = sizeof(address);
    getsockname(server->listen_fd, (struct sockaddr *)&address, &length);
    server->port =
        ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                           : ((struct sockaddr_in6 *)&address)->sin6_port);
    return OK;
}

static enum err start_daemon(struct http_server *server, struct error *error)
{
    const struct http_settings *settings = &server->settings;
    server->daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
                         NULL, exchange_on_access, server,               /* */
                         MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, server, /* first: others log */
                         MHD_OPTION_LISTEN_SOCKET, server->listen_fd,    /* */
                         MHD_OPTION_CONNECTION_LIMIT,                    /* */
                         (unsigned)settings->connections_max + CONNECTIONS_SPARE, /* */
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,  /* */
                         MHD_OPTION_CONNECTION_TIMEOUT, /* seconds, rounded up */
                         (unsigned)((settings->idle_timeout_ms + 999) / 1000),       /* */
                         MHD_OPTION_STRICT_FOR_CLIENT, 1,                            /* */
                         MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed, server, /* */
                         MHD_OPTION_NOTIFY_CONNECTION, connection_on_notify, server, /* */
                         MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, server,          /* */
                         MHD_OPTION_URI_LOG_CALLBACK, on_target, server,             /* */
                         MHD_OPTION_END);
    return server->daemon ? OK : error_set(error, ERR_IO, "libmicrohttpd did not start");
}

static void drive(struct http_server *server)
{
    uv_loop_t *uv = &server->loop->uv;
    const int epoll_fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    uv_poll_init(uv, server->poll, epoll_fd);
    uv_poll_start(server->poll, UV_READABLE, on_readable);
    uv_poll_init(uv, server->watch, server->watch_fd);
    uv_poll_start(server->watch, UV_READABLE, on_watch);
    uv_prepare_init(uv, server->prepare);
    uv_prepare_start(server->prepare, on_prepare);
    uv_timer_init(uv, server->timeout);
    server->poll->data = server->watch->data = server->prepare->data = server->timeout->data =
        server;
    connections_sweep_start(server);
}

static void *handle_new(size_t size)
{
    void *handle = calloc(1, size);
    if (!handle)
        abort();
    return handle;
}

enum err http_server_new(struct loop *loop, const struct http_settings *settings,
                         const struct http_callbacks *callbacks, struct error *error,
                         struct http_server **out)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (!server)
        abort();
    server->loop = loop;
    server->settings = *settings;
    server->callbacks = *callbacks;
    server->listening = true;
    server->listen_fd = -1;
    enum err err = listen_on(server, error);
    if (err == OK)
        err = start_daemon(server, error);
    if (err != OK) {
        if (server->listen_fd >= 0)
            close(server->listen_fd);
        free(server);
        return err;
    }
    server->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    assert(server->watch_fd >= 0);
    server->poll = handle_new(sizeof(uv_poll_t));
    server->watch = handle_new(sizeof(uv_poll_t));
    server->prepare = handle_new(sizeof(uv_prepare_t));
    server->timeout = handle_new(sizeof(uv_timer_t));
    drive(server);
    *out = server;
    return OK;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

size_t http_server_connections(const struct http_server *server)
{
    return server->connection_count;
}

void http_server_close(struct http_server *server)
{
    if (!server->listening)
        return;
    server->listening = false;
    const int fd = MHD_quiesce_daemon(server->daemon);
    if (fd >= 0)
        close(fd);
    server->need_run = true;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    http_server_close(server);
    loop_timer_stop(server->loop, &server->sweep);
    uv_poll_stop(server->poll);
    uv_poll_stop(server->watch);
    /* libmicrohttpd aborts where something is suspended: as if these clients had left. */
    for (struct connection *c = server->connections; c; c = c->next)
        if (c->exchange.suspended)
            exchange_lost(&c->exchange);
    MHD_stop_daemon(server->daemon);
    assert(server->connection_count == 0);
    uv_close((uv_handle_t *)server->poll, on_closed);
    uv_close((uv_handle_t *)server->watch, on_closed);
    uv_close((uv_handle_t *)server->prepare, on_closed);
    uv_close((uv_handle_t *)server->timeout, on_closed);
    close(server->watch_fd);
    free(server);
}
