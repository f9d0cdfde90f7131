/*
 * http_peer.h: the other end for tests of the HTTP client: a server on the same loop, so that all
 * that happens is in one order. The path of a request says how it behaves (see `behaviours`).
 * It answers one request at a time and fails the test if a second one is sent before.
 */
#ifndef TESTS_HTTP_PEER_H
#define TESTS_HTTP_PEER_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "io/loop.h"

enum { PEER_BYTES_MAX = 64 << 20 };

struct server {
    struct loop *loop;
    uv_tcp_t listener;
    unsigned port;
    struct peer *peers;
    struct peer *held[16]; /* at the barrier */
    size_t held_count, barrier;
    size_t requests, connections, open;
    struct buffer head, body; /* of the latest request */
};

struct peer {
    uv_tcp_t tcp;
    struct server *server;
    struct peer *next, **link;
    struct buffer in;
    bool busy;          /* a request is being answered */
    struct buffer drip; /* written one byte in a round of the loop */
    struct deferred next_drop;
    size_t dripped;
    bool drip_resets; /* the connection, after the last one */
};

struct peer_write {
    uv_write_t request;
    struct peer *peer;
    char *bytes;
    enum after { STAY, DRIP, CLOSE } after; /* once it is written */
};

static void peer_look(struct peer *peer);
static void peer_drip(struct peer *peer);

static void on_peer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;
    buffer_clear(&peer->in);
    buffer_clear(&peer->drip);
    free(peer);
}

static void peer_close(struct peer *peer, bool reset)
{
    if (uv_is_closing((uv_handle_t *)&peer->tcp))
        return;
    struct server *server = peer->server;
    *peer->link = peer->next;
    if (peer->next)
        peer->next->link = peer->link;
    for (size_t i = 0; i < server->held_count; i++) {
        if (server->held[i] == peer)
            server->held[i--] = server->held[--server->held_count];
    }
    server->open--;
    loop_defer_cancel(server->loop, &peer->next_drop);
    if (!reset || uv_tcp_close_reset(&peer->tcp, on_peer_closed) != 0)
        uv_close((uv_handle_t *)&peer->tcp, on_peer_closed);
}

static void peer_done(struct peer *peer)
{
    peer->busy = false;
    peer_look(peer);
}

static void on_written(uv_write_t *request, int status)
{
    struct peer_write *write = request->data;
    struct peer *peer = write->peer;
    const enum after after = write->after;
    free(write->bytes);
    free(write);
    if (uv_is_closing((uv_handle_t *)&peer->tcp))
        return;
    if (status < 0 || after == CLOSE)
        peer_close(peer, false);
    else if (after == DRIP)
        loop_defer(peer->server->loop, &peer->next_drop);
    else
        peer_done(peer);
}

static void on_next_drop(struct deferred *deferred)
{
    peer_drip(container_of(deferred, struct peer, next_drop));
}

static void peer_send(struct peer *peer, const char *bytes, size_t length, enum after after)
{
    struct peer_write *write = calloc(1, sizeof(*write));
    write->peer = peer;
    write->after = after;
    write->bytes = malloc(length + 1);
    memcpy(write->bytes, bytes, length);
    write->request.data = write;
    const uv_buf_t buffer = uv_buf_init(write->bytes, (unsigned)length);
    const int result = uv_write(&write->request, (uv_stream_t *)&peer->tcp, &buffer, 1, on_written);
    assert(result == 0);
    (void)result;
}

static void peer_say(struct peer *peer, const char *text, enum after after)
{
    peer_send(peer, text, strlen(text), after);
}

static void peer_drip(struct peer *peer)
{
    if (peer->dripped == peer->drip.length) {
        buffer_reset(&peer->drip);
        peer->dripped = 0;
        if (peer->drip_resets)
            peer_close(peer, true);
        else
            peer_done(peer);
        return;
    }
    peer_send(peer, peer->drip.data + peer->dripped++, 1, DRIP);
}

static void peer_reply(struct peer *peer, int status, const char *headers, const char *body,
                       size_t length)
{
    struct buffer out;
    buffer_init(&out, PEER_BYTES_MAX);
    assert(buffer_printf(&out, "HTTP/1.1 %d Word\r\nContent-Length: %zu\r\n%s\r\n", status, length,
                         headers) == OK);
    assert(buffer_append(&out, body, length) == OK);
    peer_send(peer, out.data, out.length, STAY);
    buffer_clear(&out);
}

/* --- behaviours ------------------------------------------------------------------------------- */

static void say_hello(struct peer *peer, const char *rest)
{
    (void)rest;
    peer_reply(peer, 200, "X-Word:  a: b \r\nx-empty:\r\n", "hello", 5);
}

static void echo(struct peer *peer, const char *rest)
{
    (void)rest;
    peer_reply(peer, 200, "", peer->server->body.data, peer->server->body.length);
}

static void say_letters(struct peer *peer, int status, size_t length)
{
    char *bytes = malloc(length + 1);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)('a' + i % 26);
    peer_reply(peer, status, "", bytes, length);
    free(bytes);
}

/* "<status>", or "<status>x<length>" */
static void say_status(struct peer *peer, const char *rest)
{
    const char *length = strchr(rest, 'x');
    if (length)
        say_letters(peer, atoi(rest), strtoul(length + 1, NULL, 10));
    else
        peer_reply(peer, atoi(rest), "", "why not", 7);
}

static void say_length(struct peer *peer, const char *rest)
{
    say_letters(peer, 200, strtoul(rest, NULL, 10));
}

static void say_chunked(struct peer *peer, const char *rest)
{
    (void)rest;
    peer_say(
        peer,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n"
        "0\r\nTrailer: t\r\n\r\n",
        STAY);
}

/* Chunks of one byte, each byte of it all by itself. */
static void drip_chunked(struct peer *peer, const char *rest)
{
    const size_t count = strtoul(rest, NULL, 10);
    assert(buffer_puts(&peer->drip, "HTTP/1.1 100 Continue\r\n\r\n"
                                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") == OK);
    for (size_t i = 0; i < count; i++)
        assert(buffer_printf(&peer->drip, "1\r\n%c\r\n", (int)('a' + i % 26)) == OK);
    assert(buffer_puts(&peer->drip, "0\r\n\r\n") == OK);
    peer_drip(peer);
}

static void drip_for_ever(struct peer *peer, const char *rest)
{
    (void)rest;
    assert(buffer_puts(&peer->drip, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n") == OK);
    for (size_t i = 0; i < 100000; i++)
        assert(buffer_puts(&peer->drip, "x") == OK);
    peer_drip(peer);
}

static void say_until_closed(struct peer *peer, const char *rest)
{
    (void)rest;
    peer_say(peer, "HTTP/1.1 200 OK\r\n\r\nhello", CLOSE);
}

static void end_silently(struct peer *peer, const char *rest)
{
    (void)rest;
    peer_close(peer, false);
}

static void reset(struct peer *peer, const char *rest)
{
    (void)rest;
    peer_close(peer, true);
}

static void say_half_a_line(struct peer *peer, const char *rest)
{
    (void)rest;
    peer_say(peer, "HTTP/1.", CLOSE);
}

static void cut(struct peer *peer, const char *rest)
{
    (void)rest;
    peer_say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello", CLOSE);
}

static void cut_chunked(struct peer *peer, const char *rest)
{
    (void)rest;
    peer_say(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", CLOSE);
}

static void reset_within(struct peer *peer, const char *rest)
{
    (void)rest;
    assert(buffer_puts(&peer->drip, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello") == OK);
    peer->drip_resets = true; /* slowly: a reset would take what was not yet read with it */
    peer_drip(peer);
}

static void say_nothing(struct peer *peer, const char *rest)
{
    (void)peer, (void)rest;
}

static void pause_within(struct peer *peer, const char *rest)
{
    (void)rest;
    struct buffer *drip = &peer->drip;
    assert(buffer_puts(drip, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello") == OK);
    peer_send(peer, drip->data, drip->length, STAY);
    buffer_reset(drip);
}

static void say_garbage(struct peer *peer, const char *rest)
{
    (void)rest;
    peer_say(peer, "SSH-2.0-OpenSSH_9.2\r\n", STAY);
}

static void announce_much(struct peer *peer, const char *rest)
{
    (void)rest;
    peer_say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nhello", STAY);
}

static void chunk_much(struct peer *peer, const char *rest)
{
    struct buffer out;
    buffer_init(&out, PEER_BYTES_MAX);
    assert(buffer_puts(&out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") == OK);
    for (size_t count = strtoul(rest, NULL, 10); count > 0; count--)
        assert(buffer_puts(&out, "10\r\n0123456789abcdef\r\n") == OK);
    assert(buffer_puts(&out, "0\r\n\r\n") == OK);
    peer_send(peer, out.data, out.length, STAY);
    buffer_clear(&out);
}

/* "<count>x<length>" lines. */
static void say_headers(struct peer *peer, const char *rest)
{
    unsigned count = 0, length = 0;
    assert(sscanf(rest, "%ux%u", &count, &length) == 2);
    struct buffer out;
    buffer_init(&out, PEER_BYTES_MAX);
    for (unsigned i = 0; i < count; i++)
        assert(buffer_printf(&out, "X-%u: %0*u\r\n", i, (int)length, i) == OK);
    peer_reply(peer, 200, out.data, "hello", 5);
    buffer_clear(&out);
}

static void say_continue_for_ever(struct peer *peer, const char *rest)
{
    (void)rest;
    struct buffer out;
    buffer_init(&out, PEER_BYTES_MAX);
    for (size_t i = 0; i < 10000; i++)
        assert(buffer_puts(&out, "HTTP/1.1 100 Continue\r\n\r\n") == OK);
    peer_send(peer, out.data, out.length, STAY);
    buffer_clear(&out);
}

static void redirect(struct peer *peer, const char *rest)
{
    char headers[4096];
    snprintf(headers, sizeof(headers), "Location: %s\r\n", rest);
    peer_reply(peer, 302, headers, "elsewhere", 9);
}

/* "<n>": to "<n - 1>", until 0. */
static void count_down(struct peer *peer, const char *rest)
{
    char headers[64];
    const int left = atoi(rest);
    snprintf(headers, sizeof(headers), "Location: %d\r\n", left - 1);
    if (left > 0)
        peer_reply(peer, 307, headers, "further", 7);
    else
        say_hello(peer, rest);
}

/* Answers nobody until `barrier` wait. */
static void hold_back(struct peer *peer, const char *rest)
{
    struct server *server = peer->server;
    server->held[server->held_count++] = peer;
    if (server->held_count < server->barrier)
        return;
    server->held_count = 0;
    for (size_t i = 0; i < server->barrier; i++)
        say_hello(server->held[i], rest);
}

static void say_and_close(struct peer *peer, const char *rest)
{
    (void)rest;
    peer_say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", CLOSE);
}

static const struct {
    const char *prefix;
    void (*run)(struct peer *peer, const char *rest);
} behaviours[] = {
    {"/ok", say_hello},
    {"/echo", echo},
    {"/status/", say_status},
    {"/length/", say_length},
    {"/chunked", say_chunked},
    {"/drip/", drip_chunked},
    {"/for-ever", drip_for_ever},
    {"/until-closed", say_until_closed},
    {"/fin", end_silently},
    {"/rst", reset},
    {"/half-a-line", say_half_a_line},
    {"/cut-chunked", cut_chunked},
    {"/cut", cut},
    {"/reset-within", reset_within},
    {"/silence", say_nothing},
    {"/pause", pause_within},
    {"/garbage", say_garbage},
    {"/announce-much", announce_much},
    {"/chunk-much/", chunk_much},
    {"/headers/", say_headers},
    {"/continue", say_continue_for_ever},
    {"/to/", redirect},
    {"/down/", count_down},
    {"/barrier", hold_back},
    {"/and-close", say_and_close},
};

/* --- requests --------------------------------------------------------------------------------- */

static void peer_behave(struct peer *peer, const char *path)
{
    for (size_t i = 0; i < sizeof(behaviours) / sizeof(behaviours[0]); i++) {
        const size_t length = strlen(behaviours[i].prefix);
        if (strncmp(path, behaviours[i].prefix, length) == 0) {
            behaviours[i].run(peer, path + length);
            return;
        }
    }
    peer_reply(peer, 404, "", "", 0);
}

static const char early[] = "HTTP/1.1 413 Word\r\nContent-Length: 7\r\n\r\nwhy not";

/* Takes one whole request out of what came. */
static void peer_look(struct peer *peer)
{
    struct server *server = peer->server;
    if (peer->in.length == 0)
        return;
    assert(!peer->busy); /* no pipelining */
    const char *end = strstr(peer->in.data, "\r\n\r\n");
    if (!end)
        return;
    const size_t head = (size_t)(end - peer->in.data) + 4;
    const char *announced = strcasestr(peer->in.data, "\r\nContent-Length:");
    const size_t length = announced && announced < end ? strtoul(announced + 17, NULL, 10) : 0;
    const char *is_early = strstr(peer->in.data, " /early");
    if (is_early) { /* before the body's end, of which no more is read */
        uv_read_stop((uv_stream_t *)&peer->tcp);
        peer_say(peer, early, is_early[7] == '-' ? CLOSE : STAY);
        buffer_reset(&peer->in);
        return;
    }
    if (peer->in.length < head + length)
        return;

    server->requests++;
    buffer_reset(&server->head);
    buffer_reset(&server->body);
    assert(buffer_append(&server->head, peer->in.data, head) == OK);
    assert(buffer_append(&server->body, peer->in.data + head, length) == OK);
    assert(peer->in.length == head + length);
    buffer_reset(&peer->in);
    peer->busy = true;
    char path[4096] = "";
    assert(sscanf(server->head.data, "%*s %4095s", path) == 1);
    peer_behave(peer, path);
}

static void on_peer_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct peer *peer = handle->data;
    *out = uv_buf_init(buffer_reserve(&peer->in, 64 * 1024), 64 * 1024);
}

static void on_peer_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    (void)buffer;
    struct peer *peer = stream->data;
    if (count < 0) {
        peer_close(peer, false);
        return;
    }
    peer->in.length += (size_t)count;
    peer->in.data[peer->in.length] = '\0';
    peer_look(peer);
}

static void on_connection(uv_stream_t *listener, int status)
{
    assert(status == 0);
    (void)status;
    struct server *server = listener->data;
    struct peer *peer = calloc(1, sizeof(*peer));
    peer->server = server;
    peer->next_drop.run = on_next_drop;
    buffer_init(&peer->in, PEER_BYTES_MAX);
    buffer_init(&peer->drip, PEER_BYTES_MAX);
    uv_tcp_init(&server->loop->uv, &peer->tcp);
    peer->tcp.data = peer;
    peer->next = server->peers;
    peer->link = &server->peers;
    if (peer->next)
        peer->next->link = &peer->next;
    server->peers = peer;
    server->connections++;
    server->open++;
    const int accepted = uv_accept(listener, (uv_stream_t *)&peer->tcp);
    assert(accepted == 0);
    (void)accepted;
    uv_tcp_nodelay(&peer->tcp, 1);
    uv_read_start((uv_stream_t *)&peer->tcp, on_peer_alloc, on_peer_read);
}

static void server_open(struct server *server, struct loop *loop)
{
    memset(server, 0, sizeof(*server));
    server->loop = loop;
    buffer_init(&server->head, PEER_BYTES_MAX);
    buffer_init(&server->body, PEER_BYTES_MAX);
    uv_tcp_init(&loop->uv, &server->listener);
    server->listener.data = server;
    struct sockaddr_in address;
    int length = sizeof(address);
    uv_ip4_addr("127.0.0.1", 0, &address);
    int result = uv_tcp_bind(&server->listener, (const struct sockaddr *)&address, 0);
    assert(result == 0);
    result = uv_listen((uv_stream_t *)&server->listener, 128, on_connection);
    assert(result == 0);
    result = uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &length);
    assert(result == 0);
    (void)result;
    server->port = ntohs(address.sin_port);
}

static void server_close(struct server *server)
{
    while (server->peers)
        peer_close(server->peers, false);
    uv_close((uv_handle_t *)&server->listener, NULL);
    buffer_clear(&server->head);
    buffer_clear(&server->body);
}

#endif
