/*
 * A connection is one struct with a socket and a timer; both handles are closed before it is freed.
 * The timer counts whatever the state waits for: the latency, the next piece, the idle limit.
 *
 * Bytes come straight into the buffer they belong to: the head's, or, once a length is known, the
 * body's. While an answer is under way reading goes on, as only that tells when the client leaves;
 * what it sends early waits in a buffer of its own, since the request's strings are in the others.
 */
#include "upsim/http_connection.h"

#include <stdlib.h>
#include <string.h>

enum {
    READ_BYTES = 64 * 1024,
    KEPT_BODY_BYTES = 4 << 20, /* of memory that an idle connection keeps */
    BACKLOG = 1024,
};

static void consume(struct connection *connection);

/* --- the end of a connection --------------------------------------------------------------------
 */

static void on_handle_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    if (--connection->open_handles > 0)
        return;
    buffer_clear(&connection->head);
    buffer_clear(&connection->body);
    buffer_clear(&connection->early);
    buffer_clear(&connection->out_head);
    buffer_clear(&connection->exchange.head_lines);
    buffer_clear(&connection->exchange.answer);
    buffer_clear(&connection->exchange.ends);
    free(connection);
}

static void over(struct connection *connection, enum exchange_end end)
{
    if (connection->state == WAITING || connection->state == SENDING)
        connection->server->handlers.on_over(&connection->exchange, end,
                                             connection->server->context);
}

void connection_close(struct connection *connection, enum exchange_end end, bool reset)
{
    if (connection->state == CLOSING)
        return;
    over(connection, end);
    connection->state = CLOSING;
    struct http_server *server = connection->server;
    server->connections_open--;
    if (connection->next)
        connection->next->previous = connection->previous;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        server->connections = connection->next;
    uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
    if (!reset || uv_tcp_close_reset(&connection->socket, on_handle_closed) != 0)
        uv_close((uv_handle_t *)&connection->socket, on_handle_closed);
}

static void on_idle(uv_timer_t *timer)
{
    struct connection *connection = timer->data;
    if (connection->state == READ_HEAD)
        connection_close(connection, EXCHANGE_BROKEN, false);
}

/* --- one exchange after another -----------------------------------------------------------------
 */

static void clear_answer(struct connection *connection)
{
    struct exchange *exchange = &connection->exchange;
    if (exchange->answer.capacity > KEPT_BODY_BYTES)
        buffer_clear(&exchange->answer);
    buffer_reset(&exchange->answer);
    buffer_reset(&exchange->head_lines);
    buffer_reset(&exchange->ends);
    *exchange = (struct exchange){
        .answer = exchange->answer,
        .head_lines = exchange->head_lines,
        .ends = exchange->ends,
        .carried = &connection->carried,
        .content_type = "application/json",
        .status = 200,
    };
    connection->sent = connection->pieces = 0;
    connection->head_sent = connection->last_sent = false;
}

void connection_finish(struct connection *connection)
{
    if (connection->exchange.close || !connection->framing.keep_alive) {
        connection_close(connection, EXCHANGE_SENT, false);
        return;
    }
    over(connection, EXCHANGE_SENT);
    uv_timer_stop(&connection->timer);
    if (connection->body.capacity > KEPT_BODY_BYTES)
        buffer_clear(&connection->body);
    buffer_reset(&connection->body);
    buffer_reset(&connection->head);
    connection->head_scanned = 0;
    if (connection->early.length > 0 &&
        buffer_append(&connection->head, connection->early.data, connection->early.length))
        abort(); /* both have the same maximum */
    buffer_reset(&connection->early);
    clear_answer(connection);
    connection->state = READ_HEAD;
    if (connection->server->idle_ms > 0)
        uv_timer_start(&connection->timer, on_idle, connection->server->idle_ms, 0);
    if (!connection->consuming)
        consume(connection);
}

static void on_waited(uv_timer_t *timer)
{
    connection_deliver(timer->data);
}

static void answer_request(struct connection *connection)
{
    struct exchange *exchange = &connection->exchange;
    struct http_server *server = connection->server;
    uv_timer_stop(&connection->timer);
    exchange->body = connection->body.data ? connection->body.data : "";
    exchange->body_length = connection->body.length;
    exchange->reused = connection->requests++ > 0;
    exchange->number = ++server->requests;
    connection->state = WAITING;
    server->handlers.on_request(exchange, server->context);
    if (exchange->wait_ms > 0)
        uv_timer_start(&connection->timer, on_waited, exchange->wait_ms, 0);
    else
        connection_deliver(connection);
}

/* A request that is none. */
static void refuse(struct connection *connection, int status)
{
    struct exchange *exchange = &connection->exchange;
    connection->state = WAITING;
    exchange->method = exchange->path = exchange->query = "";
    exchange->status = status;
    exchange->close = true;
    exchange_print(exchange, "{\"detail\":\"not an HTTP request this server takes\"}");
    connection_deliver(connection);
}

/* Bytes after the body are the next request's. */
static void put_by(struct connection *connection, size_t body_length)
{
    struct buffer *body = &connection->body;
    if (body->length == body_length)
        return;
    if (buffer_append(&connection->early, body->data + body_length, body->length - body_length))
        connection->exchange.close = true; /* far ahead of its answers: it is not served further */
    body->length = body_length;
    body->data[body_length] = '\0';
}

static void take_body(struct connection *connection)
{
    struct buffer *body = &connection->body;
    size_t length = connection->framing.length;
    if (connection->framing.chunked) {
        const enum chunk_result result =
            body->length > 0 ? chunk_decode(&connection->decoder, body) : CHUNK_MORE;
        if (result == CHUNK_MORE)
            return;
        if (result == CHUNK_BAD) {
            refuse(connection, 400);
            return;
        }
        length = connection->decoder.decoded;
    } else if (body->length < length) {
        return;
    }
    put_by(connection, length);
    answer_request(connection);
}

/* What follows a whole head goes to the body. */
static void take_head(struct connection *connection)
{
    struct buffer *head = &connection->head;
    const size_t from = connection->head_scanned > 3 ? connection->head_scanned - 3 : 0;
    const char *end =
        head->length > 0 ? memmem(head->data + from, head->length - from, "\r\n\r\n", 4) : NULL;
    if (!end) {
        connection->head_scanned = head->length;
        if (head->length == head->max)
            refuse(connection, 431);
        return;
    }
    const size_t length = (size_t)(end - head->data) + 4;
    if (buffer_append(&connection->body, head->data + length, head->length - length))
        abort(); /* a head's buffer always fits into a body's */
    head->length = length;
    const int fault =
        http_head_parse(head->data, length, &connection->exchange, &connection->framing);
    if (fault) {
        refuse(connection, fault);
        return;
    }
    connection->decoder = (struct chunk_decoder){0};
    connection->state = READ_BODY;
    if (connection->framing.expects_continue && connection->body.length == 0) {
        static char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        uv_buf_t bytes = uv_buf_init(go_on, sizeof(go_on) - 1);
        (void)uv_try_write((uv_stream_t *)&connection->socket, &bytes, 1);
    }
}

static void consume(struct connection *connection)
{
    connection->consuming = true;
    bool more = true;
    while (more) {
        const uint64_t requests = connection->requests;
        if (connection->state == READ_HEAD)
            take_head(connection);
        if (connection->state == READ_BODY)
            take_body(connection);
        more = connection->state == READ_HEAD && connection->requests > requests;
    }
    connection->consuming = false;
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* Where the next bytes belong. */
static struct buffer *buffer_in_use(struct connection *connection)
{
    if (connection->state == READ_HEAD)
        return &connection->head;
    return connection->state == READ_BODY ? &connection->body : &connection->early;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct connection *connection = handle->data;
    struct buffer *into = buffer_in_use(connection);
    size_t wanted = READ_BYTES;
    if (connection->state == READ_BODY && !connection->framing.chunked)
        wanted = connection->framing.length - into->length;
    else if (wanted > into->max - into->length)
        wanted = into->max - into->length;
    char *end = wanted > 0 ? buffer_reserve(into, wanted) : NULL;
    *out = uv_buf_init(end, end ? (unsigned)wanted : 0); /* none: on_read gets UV_ENOBUFS */
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *bytes)
{
    (void)bytes;
    struct connection *connection = stream->data;
    if (count < 0) {
        connection_close(connection, EXCHANGE_ABANDONED, false);
        return;
    }
    struct buffer *into = buffer_in_use(connection);
    into->length += (size_t)count;
    into->data[into->length] = '\0';
    if (count > 0 && (connection->state == READ_HEAD || connection->state == READ_BODY))
        consume(connection);
}

/* --- the server ---------------------------------------------------------------------------------
 */

static struct connection *connection_new(struct http_server *server)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        abort();
    connection->server = server;
    connection->open_handles = 2;
    uv_tcp_init(server->listener.loop, &connection->socket);
    uv_timer_init(server->listener.loop, &connection->timer);
    connection->socket.data = connection->timer.data = connection;
    buffer_init(&connection->head, HTTP_HEAD_BYTES_MAX);
    buffer_init(&connection->body, HTTP_BODY_BYTES_MAX + HTTP_HEAD_BYTES_MAX);
    buffer_init(&connection->early, HTTP_HEAD_BYTES_MAX);
    buffer_init(&connection->out_head, HTTP_HEAD_BYTES_MAX * 2);
    buffer_init(&connection->exchange.answer, HTTP_ANSWER_BYTES_MAX);
    buffer_init(&connection->exchange.head_lines, HTTP_HEAD_BYTES_MAX);
    buffer_init(&connection->exchange.ends, HTTP_ANSWER_BYTES_MAX);
    clear_answer(connection);
    connection->next = server->connections;
    if (connection->next)
        connection->next->previous = connection;
    server->connections = connection;
    server->connections_open++;
    return connection;
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct http_server *server = stream->data;
    if (status != 0)
        return;
    struct connection *connection = connection_new(server);
    if (uv_accept(stream, (uv_stream_t *)&connection->socket) != 0 ||
        server->connections_open > HTTP_CONNECTIONS_MAX ||
        uv_tcp_nodelay(&connection->socket, 1) != 0 ||
        uv_read_start((uv_stream_t *)&connection->socket, on_alloc, on_read) != 0) {
        connection_close(connection, EXCHANGE_BROKEN, false);
        return;
    }
    server->connections_total++;
    if (server->connections_open > server->connections_most)
        server->connections_most = server->connections_open;
}

int http_server_start(struct http_server *server, uv_loop_t *loop, int port,
                      const struct http_handlers *handlers, void *context)
{
    *server = (struct http_server){.handlers = *handlers, .context = context};
    uv_tcp_init(loop, &server->listener);
    server->listener.data = server;
    struct sockaddr_in address;
    int result = uv_ip4_addr("127.0.0.1", port, &address);
    if (!result)
        result = uv_tcp_bind(&server->listener, (struct sockaddr *)&address, 0);
    if (!result)
        result = uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
    int size = sizeof(address);
    if (!result)
        result = uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &size);
    if (!result)
        server->port = ntohs(address.sin_port);
    return result;
}

void http_server_stop(struct http_server *server)
{
    uv_close((uv_handle_t *)&server->listener, NULL);
    while (server->connections)
        connection_close(server->connections, EXCHANGE_BROKEN, false);
}
