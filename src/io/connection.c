/*
 * The connections of the server, and those of them that are slow. libmicrohttpd's own time-out is
 * one of inactivity only; clients that send or read a byte now and then are caught by a sweep once
 * a second: a header has a deadline; a body, and an answer, a minimum rate.
 */
#include "io/connection.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "io/socket.h"

enum { SWEEP_MS = 1000 };

void connection_idle(struct connection *connection)
{
    connection->idle_since_ms = loop_now_ms(connection->exchange.server->loop);
    connection->idle_bytes = socket_bytes_received(connection->fd);
}

static void connection_new(struct http_server *server, struct MHD_Connection *mhd, void **context)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        abort();
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    connection->exchange.server = server;
    connection->exchange.over_limit =
        server->connection_count >= (size_t)server->settings.connections_max;
    connection->idle_since_ms = loop_now_ms(server->loop);
    connection->next = server->connections;
    connection->link = &server->connections;
    if (connection->next)
        connection->next->link = &connection->next;
    server->connections = connection;
    server->connection_count++;
    *context = connection;

    socket_notice_death(connection->fd);
    connection_watch(connection);
}

static void connection_free(struct connection *connection)
{
    assert(!connection->exchange.suspended);
    /* Closing the socket does not do that while a child that is being started still has a copy. */
    (void)epoll_ctl(connection->exchange.server->watch_fd, EPOLL_CTL_DEL, connection->fd, NULL);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    connection->exchange.server->connection_count--;
    buffer_clear(&connection->output);
    free(connection);
}

void connection_on_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_new(context, mhd, socket_context);
    else
        connection_free(*socket_context);
}

/* --- slow clients -------------------------------------------------------------------------- */

void connection_cut(struct connection *connection)
{
    shutdown(connection->fd, SHUT_RDWR);
    connection_flush(connection); /* drops what is left, and lets it go where it waits for that */
}

/* Less than the minimum rate, after a grace. */
static bool is_too_slow(const struct http_server *server, uint64_t bytes, uint64_t elapsed_ms)
{
    return elapsed_ms > BODY_GRACE_MS &&
           bytes < server->settings.body_rate_min * (elapsed_ms - BODY_GRACE_MS) / 1000;
}

static void sweep_idle(struct http_server *server, struct connection *connection, uint64_t now)
{
    /* Silent ones are left to the idle time-out: nobody waits for an answer there, and a header's
     * time begins with its first byte. */
    if (socket_bytes_received(connection->fd) == connection->idle_bytes) {
        connection->idle_since_ms = now;
        return;
    }
    if (now - connection->idle_since_ms < server->settings.header_timeout_ms)
        return;
    struct reply reply = {.status = 408};
    server->callbacks.on_refusal(server->callbacks.context, 408,
                                 "The request header did not arrive in time", &reply);
    connection_write(connection, &reply);
    connection_cut(connection);
}

static void sweep_body(struct http_server *server, struct connection *connection, uint64_t now)
{
    struct exchange *exchange = &connection->exchange;
    if (is_too_slow(server, exchange->body_bytes, now - exchange->body_since_ms))
        server->callbacks.on_slow_body(exchange);
}

/* Answers have the same minimum rate, counted by what arrived on the other side. Most are over
 * before a sweep sees them. */
static void sweep_answer(struct http_server *server, struct connection *connection, uint64_t now)
{
    struct exchange *exchange = &connection->exchange;
    const uint64_t acked = socket_bytes_acked(connection->fd);
    if (exchange->answer_since_ms == 0) {
        exchange->answer_since_ms = now;
        exchange->answer_acked = acked;
    } else if (acked > 0 && is_too_slow(server, acked - exchange->answer_acked,
                                        now - exchange->answer_since_ms)) {
        connection_cut(connection);
    }
}

/* libmicrohttpd polls edge-triggered: when a client's last bytes and its end come as one edge, it
 * reads the bytes and waits for an edge that never comes. Shutting our reading side makes one. */
static void sweep_ended(struct connection *connection)
{
    const enum exchange_state state = connection->exchange.state;
    if (connection->client_ended &&
        (state == EXCHANGE_IDLE || state == EXCHANGE_RECEIVING || state == EXCHANGE_DISCARDING))
        shutdown(connection->fd, SHUT_RD);
}

static void on_sweep(struct loop_timer *timer)
{
    struct http_server *server = container_of(timer, struct http_server, sweep);
    const uint64_t now = loop_now_ms(server->loop);
    for (struct connection *c = server->connections; c; c = c->next) {
        sweep_ended(c);
        switch (c->exchange.state) {
        case EXCHANGE_IDLE:
            sweep_idle(server, c, now);
            break;
        case EXCHANGE_RECEIVING:
            sweep_body(server, c, now);
            break;
        case EXCHANGE_ANSWERED:
        case EXCHANGE_FLUSHING:
            sweep_answer(server, c, now);
            break;
        case EXCHANGE_DISCARDING:
            if (connection_writing(c))
                sweep_answer(server, c, now);
            else if (now - c->exchange.discard_since_ms > DISCARD_MS_MAX)
                connection_cut(c);
            break;
        default:
            break;
        }
    }
    loop_timer_start(server->loop, timer, SWEEP_MS, on_sweep);
}

void connections_sweep_start(struct http_server *server)
{
    loop_timer_start(server->loop, &server->sweep, SWEEP_MS, on_sweep);
}
