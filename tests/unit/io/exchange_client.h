/*
 * exchange_client.h: clients of exchange_world.h through real sockets. They live in the same
 * thread: they write and read without waiting, and between that the loop makes a round.
 */
#ifndef TESTS_EXCHANGE_CLIENT_H
#define TESTS_EXCHANGE_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "unit/io/exchange_world.h"

enum {
    INPUT_MAX = 32 << 20,
    LARGE = 12 << 20, /* an answer that no socket's buffers hold */
};

#define GET(path)          "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(path, length) "POST " path " HTTP/1.1\r\nHost: h\r\nContent-Length: " length "\r\n\r\n"

struct client {
    int fd;
    struct buffer input;
    bool ended; /* nothing more will come in */
};

struct answer {
    int status;
    char header[1024];
    char body[1024];
    size_t body_length;
};

static inline struct client client_open(void)
{
    struct client client = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)http_server_port(world.server)),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(client.fd >= 0);
    assert_int_equal(connect(client.fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    buffer_init(&client.input, INPUT_MAX);
    return client;
}

static inline void client_close(struct client *client)
{
    close(client->fd);
    buffer_clear(&client->input);
    client->fd = -1;
}

/* Leaves without a good-bye: the server sees a reset. */
static inline void client_reset(struct client *client)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    client_close(client);
}

enum leaving { CLOSE, RESET, HALF_CLOSE, LEAVINGS };

static inline void client_leave(struct client *client, enum leaving leaving)
{
    if (leaving == RESET) {
        client_reset(client);
        return;
    }
    if (leaving == HALF_CLOSE) {
        shutdown(client->fd, SHUT_WR);
        for (int round = 0; round < 4; round++)
            run_round();
    }
    client_close(client);
}

static inline void client_receive(struct client *client)
{
    char bytes[4096];
    while (!client->ended) {
        const ssize_t count = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN)
            return;
        if (count <= 0)
            client->ended = true;
        else
            assert_int_equal(buffer_append(&client->input, bytes, (size_t)count), OK);
    }
}

/* False where the server does not want it any more. */
static inline bool client_send(struct client *client, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t count = send(client->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) {
            run_round();
            continue;
        }
        if (count < 0)
            return false;
        bytes += count;
        length -= (size_t)count;
    }
    return true;
}

static inline void client_write(struct client *client, const char *text)
{
    assert_true(client_send(client, text, strlen(text)));
}

/* Takes one answer off the input; false while it is incomplete. */
static inline bool take_answer(struct client *client, struct answer *out)
{
    if (client->input.length == 0)
        return false;
    const char *end = strstr(client->input.data, "\r\n\r\n");
    if (!end)
        return false;
    const size_t header = (size_t)(end + 4 - client->input.data);
    assert_true(header < sizeof(out->header));
    memcpy(out->header, client->input.data, header);
    out->header[header] = '\0';
    assert_int_equal(sscanf(out->header, "HTTP/1.1 %d ", &out->status), 1);
    const char *length = strcasestr(out->header, "\r\nContent-Length:");
    out->body_length = length && out->status >= 200 ? strtoul(length + 17, NULL, 10) : 0;
    assert_true(out->body_length < sizeof(out->body));
    if (client->input.length < header + out->body_length)
        return false;
    memcpy(out->body, client->input.data + header, out->body_length);
    out->body[out->body_length] = '\0';
    client->input.length -= header + out->body_length;
    memmove(client->input.data, client->input.data + header + out->body_length,
            client->input.length + 1);
    return true;
}

static inline struct answer client_read(struct client *client)
{
    struct answer result;
    for (;;) {
        client_receive(client);
        if (take_answer(client, &result))
            return result;
        assert_false(client->ended);
        run_round();
    }
}

/* Reads one answer, which has to have this status and (unless NULL) this body. */
static inline void client_expect(struct client *client, int status, const char *body)
{
    const struct answer result = client_read(client);
    assert_int_equal(result.status, status);
    if (body)
        assert_string_equal(result.body, body);
}

static inline void client_read_all(struct client *client)
{
    while (!client->ended) {
        run_round();
        client_receive(client);
    }
}

/* One request and its answer. */
static inline void client_get(struct client *client, const char *path)
{
    char text[128];
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    client_write(client, text);
    snprintf(text, sizeof(text), "GET %s 0 00000000", path);
    client_expect(client, 200, text);
}

/* Nothing but the end comes. */
static inline void client_expect_end(struct client *client)
{
    client_read_all(client);
    assert_int_equal(client->input.length, 0);
}

/* Runs until whatever came before has been looked at: connections are accepted in their order. */
static inline void run_past_all_before(void)
{
    struct client last = client_open();
    client_get(&last, "/now");
    client_close(&last);
}

static inline void client_post(struct client *client, const char *path, const char *body,
                               size_t length)
{
    char header[256];
    snprintf(header, sizeof(header), "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
             path, length);
    client_write(client, header);
    assert_true(client_send(client, body, length));
}

static inline void client_post_chunked(struct client *client, const char *path, const char *body,
                                       size_t length, size_t chunk)
{
    char line[256];
    snprintf(line, sizeof(line),
             "POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", path);
    client_write(client, line);
    while (length > 0) {
        const size_t part = length < chunk ? length : chunk;
        snprintf(line, sizeof(line), "%zx\r\n", part);
        client_write(client, line);
        assert_true(client_send(client, body, part));
        client_write(client, "\r\n");
        body += part;
        length -= part;
    }
    client_write(client, "0\r\n\r\n");
}

static inline void client_expect_echo(struct client *client, const char *path, const char *body,
                                      size_t length)
{
    char expected[160];
    snprintf(expected, sizeof(expected), "POST %s %zu %08x", path, length, sum_of(0, body, length));
    client_expect(client, 200, expected);
}

static inline struct client begin_with_client(void)
{
    begin_serving();
    return client_open();
}

/* All answers are LARGE. */
static inline struct client begin_with_large_answers(enum reply_body kind)
{
    begin_serving();
    world.body_kind = kind;
    world.answer_bytes = LARGE;
    return client_open();
}

static inline void end_with_client(struct client *client)
{
    client_close(client);
    end();
}

/* The server goes first. */
static inline void end_before_client(struct client *client)
{
    http_server_free(world.server);
    assert_null(world.requests);
    client_close(client);
    loop_clear(&world.loop);
    assert_int_equal(count_descriptors(), world.descriptors);
}

/* In one of the ways to leave, or (LEAVINGS) the server goes first. */
static inline void end_by_leaving(struct client *client, int leaving)
{
    if (leaving == LEAVINGS) {
        end_before_client(client);
    } else {
        client_leave(client, (enum leaving)leaving);
        end();
    }
}

#endif
