/*
 * An answer goes as one piece or several. A piece may hold the head, is framed as a chunk where the
 * body is chunked, and is offered to the socket at once; what does not fit follows by itself.
 */
#include "upsim/http_connection.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PACE_MS = 5,                 /* tokens due within it travel together */
    BEFORE_RESET_MS = 20,        /* a reset overtakes bytes that the client has not read yet */
    BYTE_CHUNKS_MAX = 32 * 1024, /* further bytes come as one chunk */
};

static void on_pace(uv_timer_t *timer);

static void on_break_reset(uv_timer_t *timer)
{
    connection_close(timer->data, EXCHANGE_BROKEN, true);
}

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 302:
        return "Found";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 404:
        return "Not Found";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Internal Server Error";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    default:
        return "Status";
    }
}

static void write_head(struct connection *connection)
{
    struct exchange *exchange = &connection->exchange;
    char length[64] = "Transfer-Encoding: chunked";
    if (!exchange->chunked)
        snprintf(length, sizeof(length), "Content-Length: %zu", exchange->answer.length);
    buffer_reset(&connection->out_head);
    if (buffer_printf(&connection->out_head,
                      "HTTP/1.1 %d %s\r\nServer: upsim\r\nContent-Type: %s\r\n%s\r\n%s",
                      exchange->status, reason(exchange->status), exchange->content_type, length,
                      exchange->close ? "Connection: close\r\n" : "") ||
        (exchange->head_lines.length > 0 &&
         buffer_append(&connection->out_head, exchange->head_lines.data,
                       exchange->head_lines.length)) ||
        buffer_puts(&connection->out_head, "\r\n"))
        abort(); /* its maximum is far above what heads can be */
}

static void after_piece(struct connection *connection)
{
    const enum delivery_kind deliver = connection->exchange.deliver;
    if (connection->last_sent)
        connection_finish(connection);
    else if (deliver == DELIVER_CUT)
        connection_close(connection, EXCHANGE_BROKEN, false);
    else if (deliver == DELIVER_RESET)
        uv_timer_start(&connection->timer, on_break_reset, BEFORE_RESET_MS, 0);
}

static void on_written(uv_write_t *write, int status)
{
    struct connection *connection = write->data;
    connection->writing = false;
    if (connection->state == CLOSING)
        return;
    if (status != 0)
        connection_close(connection, EXCHANGE_ABANDONED, false);
    else
        after_piece(connection);
}

/* What is left of the buffers after `count` bytes of them have gone. */
static unsigned drop_written(uv_buf_t *buffers, unsigned buffer_count, size_t count)
{
    unsigned left = 0;
    for (unsigned i = 0; i < buffer_count; i++) {
        const size_t gone = count < buffers[i].len ? count : buffers[i].len;
        count -= gone;
        if (gone < buffers[i].len)
            buffers[left++] =
                uv_buf_init(buffers[i].base + gone, (unsigned)(buffers[i].len - gone));
    }
    return left;
}

static void write_out(struct connection *connection, uv_buf_t *buffers, unsigned buffer_count)
{
    uv_stream_t *stream = (uv_stream_t *)&connection->socket;
    const int count = uv_try_write(stream, buffers, buffer_count);
    if (count < 0 && count != UV_EAGAIN) {
        connection_close(connection, EXCHANGE_ABANDONED, false);
        return;
    }
    buffer_count = drop_written(buffers, buffer_count, count > 0 ? (size_t)count : 0);
    if (buffer_count == 0) {
        after_piece(connection);
        return;
    }
    connection->writing = true;
    connection->write.data = connection;
    if (uv_write(&connection->write, stream, buffers, buffer_count, on_written) != 0) {
        connection->writing = false;
        connection_close(connection, EXCHANGE_ABANDONED, false);
    }
}

/* Sends the answer up to `end`, with the head if that is still to go. */
static void send_up_to(struct connection *connection, size_t end, bool last)
{
    struct exchange *exchange = &connection->exchange;
    uv_buf_t buffers[4];
    unsigned count = 0;
    if (!connection->head_sent)
        buffers[count++] =
            uv_buf_init(connection->out_head.data, (unsigned)connection->out_head.length);
    connection->head_sent = true;

    const size_t length = end - connection->sent;
    const bool framed = exchange->chunked && exchange->deliver != DELIVER_BYTE_CHUNKS;
    if (framed && length > 0)
        buffers[count++] =
            uv_buf_init(connection->chunk_line,
                        (unsigned)snprintf(connection->chunk_line, sizeof(connection->chunk_line),
                                           "%zx\r\n", length));
    if (length > 0)
        buffers[count++] = uv_buf_init(exchange->answer.data + connection->sent, (unsigned)length);
    static char chunk_end[] = "\r\n0\r\n\r\n";
    if (framed && length > 0)
        buffers[count++] = uv_buf_init(chunk_end, last ? 7 : 2);
    else if (framed && last)
        buffers[count++] = uv_buf_init(chunk_end + 2, 5);
    connection->sent = end;
    connection->last_sent = last;
    write_out(connection, buffers, count);
}

/* The body as chunks of a byte. */
static void frame_bytes(struct exchange *exchange)
{
    struct buffer framed;
    buffer_init(&framed, HTTP_ANSWER_BYTES_MAX);
    const size_t length = exchange->answer.length;
    const size_t single = length < BYTE_CHUNKS_MAX ? length : BYTE_CHUNKS_MAX;
    char *at = buffer_reserve(&framed, single * 6);
    assert(at);
    for (size_t i = 0; i < single; i++, at += 6)
        memcpy(at, (char[]){'1', '\r', '\n', exchange->answer.data[i], '\r', '\n'}, 6);
    framed.length = single * 6;
    bool whole = true;
    if (length > single)
        whole = buffer_printf(&framed, "%zx\r\n", length - single) == OK &&
                buffer_append(&framed, exchange->answer.data + single, length - single) == OK &&
                buffer_puts(&framed, "\r\n") == OK;
    if (!whole || buffer_puts(&framed, "0\r\n\r\n"))
        abort();
    buffer_clear(&exchange->answer);
    exchange->answer = framed;
    exchange->chunked = true;
}

static void start_pieces(struct connection *connection, uint64_t interval_ms)
{
    connection->pace_start_ns = uv_hrtime();
    uv_timer_start(&connection->timer, on_pace, interval_ms, interval_ms);
    on_pace(&connection->timer);
}

/* The pieces that are due by now; one that the client is slow to take holds up the next. */
static void on_pace(uv_timer_t *timer)
{
    struct connection *connection = timer->data;
    struct exchange *exchange = &connection->exchange;
    if (connection->writing || connection->state != SENDING)
        return;
    size_t end;
    if (exchange->deliver == DELIVER_DRIP) {
        end = connection->sent + exchange->bytes;
        if (end > exchange->answer.length)
            end = exchange->answer.length;
    } else {
        const double ms = (double)(uv_hrtime() - connection->pace_start_ns) / 1e6;
        const size_t count = exchange->ends.length / sizeof(size_t);
        size_t due = 1 + (size_t)(ms * exchange->pieces_per_ms);
        if (due > count)
            due = count;
        if (due <= connection->pieces)
            return;
        connection->pieces = due;
        memcpy(&end, exchange->ends.data + (due - 1) * sizeof(size_t), sizeof(end));
    }
    const bool last = end == exchange->answer.length;
    if (last)
        uv_timer_stop(timer);
    send_up_to(connection, end, last);
}

void connection_deliver(struct connection *connection)
{
    struct exchange *exchange = &connection->exchange;
    connection->state = SENDING;
    switch (exchange->deliver) {
    case DELIVER_NEVER:
        return;
    case DELIVER_RESET_FIRST:
    case DELIVER_CLOSE_FIRST:
        connection_close(connection, EXCHANGE_BROKEN, exchange->deliver == DELIVER_RESET_FIRST);
        return;
    case DELIVER_BYTE_CHUNKS:
        frame_bytes(exchange);
        break;
    default:
        break;
    }
    write_head(connection);
    const size_t length = exchange->answer.length;
    if (exchange->deliver == DELIVER_PACED && exchange->ends.length > 0)
        start_pieces(connection, PACE_MS);
    else if (exchange->deliver == DELIVER_DRIP && length > 0)
        start_pieces(connection, exchange->interval_ms > 0 ? exchange->interval_ms : 1);
    else if (exchange->deliver == DELIVER_CUT || exchange->deliver == DELIVER_RESET ||
             exchange->deliver == DELIVER_STALL)
        send_up_to(connection, length / 2, false);
    else
        send_up_to(connection, length, true);
}
