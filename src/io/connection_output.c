/*
 * Answers past libmicrohttpd, which takes none before a body's end. What the socket does not take
 * at once (the answer is large, or the one before it has not been read) waits here, and goes on
 * whenever our own epoll says that there is room.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "io/connection.h"

/* Of an answer: what of a request is repeated in it fitted into libmicrohttpd's memory for one. */
enum { HEADER_BYTES_MAX = 128 * 1024 };

static enum err print_reply(struct buffer *out, const struct reply *reply, bool with_body)
{
    enum err err =
        buffer_printf(out, "HTTP/1.1 %d %s\r\n", reply->status, http_reason(reply->status));
    for (size_t i = 0; i < reply->header_count && err == OK; i++)
        err = buffer_printf(out, "%s: %s\r\n", reply->headers[i].name, reply->headers[i].value);
    if (err == OK)
        err = buffer_printf(out, "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                            reply->body_length);
    if (err == OK && with_body)
        err = buffer_append(out, reply->body, reply->body_length);
    return err;
}

bool connection_writing(const struct connection *connection)
{
    return connection->output_sent < connection->output.length;
}

/* As far as the socket takes it. False: some is left for later. */
static bool send_output(struct connection *connection)
{
    const struct buffer *output = &connection->output;
    while (connection_writing(connection)) {
        const ssize_t sent =
            send(connection->fd, output->data + connection->output_sent,
                 output->length - connection->output_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            connection->output_sent += (size_t)sent;
        } else if (errno == EAGAIN) {
            return false;
        } else if (errno != EINTR) {
            log_debug("", "early_answer", "lost_bytes=%zu error=%s",
                      output->length - connection->output_sent, log_quote(strerror(errno)));
            return true; /* nobody is there to read it */
        }
    }
    return true;
}

void connection_flush(struct connection *connection)
{
    if (!connection_writing(connection))
        return;
    const bool over = send_output(connection);
    connection_watch_output(connection, !over);
    if (!over)
        return;
    buffer_clear(&connection->output);
    connection->output_sent = 0;
    exchange_written(&connection->exchange);
}

void connection_write(struct connection *connection, struct reply *reply)
{
    const char *method = connection->exchange.method;
    assert(!connection_writing(connection));
    buffer_init(&connection->output, HEADER_BYTES_MAX + reply->body_length);
    const enum err err =
        print_reply(&connection->output, reply, !method || strcmp(method, "HEAD") != 0);
    assert(err == OK);
    (void)err;
    reply_drop(reply);
    connection_flush(connection);
}
