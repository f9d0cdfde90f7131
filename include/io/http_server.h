/*
 * http_server.h: libmicrohttpd on the loop: connections come in, exchanges come out.
 *
 * The server owns sockets, limits of time and size that need no knowledge of routes, and the
 * hygiene of requests (RFC 9112 6.3: no second Content-Length, none beside Transfer-Encoding).
 * What a request means is decided by the callbacks. An exchange is one request and its one answer:
 *
 *     on_headers ──▶ on_body* ──▶ on_body_end           exchange_answer, once, at any time after
 *         │             │              │                on_headers began: at once, from a later
 *         └─────────────┴──────────────┴──▶ on_gone     callback of the loop, or before the body
 *                                     or ──▶ on_sent    has come in
 *
 * Exactly one of on_gone (the client left, before there was an answer) and on_sent (the answer is
 * on its way, or has failed to go) ends it; after that the exchange must not be touched. on_sent
 * may run inside exchange_answer: nothing of the exchange is left when that returns. A held
 * exchange is suspended and its socket watched, so on_gone comes when the client goes.
 *
 * An answer before the body's end is written to the socket at once, as fast as the client takes it,
 * and the rest of the body is read and thrown away (up to a limit) before the connection is closed:
 * a client that writes everything before it reads still gets to see it.
 *
 *     struct http_server *server;
 *     if (http_server_new(&loop, &settings, &callbacks, &error, &server) == OK) {
 *         loop_run(&loop);
 *         http_server_close(server);     // no new connections
 *         http_server_free(server);      // when no exchange is held any more
 *     }
 */
#ifndef IO_HTTP_SERVER_H
#define IO_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/loop.h"

struct exchange;
struct http_server;

enum {
    REPLY_HEADERS_MAX = 24,
    DISCARD_BYTES_MAX = 64 << 20, /* of a body whose answer has been given: then the line is cut */
    DISCARD_MS_MAX = 10 * 1000,
    BODY_GRACE_MS = 10 * 1000, /* before the minimum rate of a body or answer is looked at */
};

/* Where the body is, and who frees it. */
enum reply_body {
    REPLY_BODY_COPY,   /* `body`, copied during exchange_answer */
    REPLY_BODY_STATIC, /* `body`, lives as long as the process */
    REPLY_BODY_TAKE,   /* `body`, from malloc; the server frees it */
    REPLY_BODY_FILE,   /* `file`, sent by the kernel; the server closes it */
};

struct reply {
    int status;
    struct {
        const char *name;
        const char *value; /* borrowed during exchange_answer */
    } headers[REPLY_HEADERS_MAX];
    size_t header_count;
    const char *body;     /* not of REPLY_BODY_FILE */
    int file;             /* of REPLY_BODY_FILE: a regular file that keeps its length */
    uint64_t file_offset; /* where in it the body begins */
    size_t body_length;
    enum reply_body body_kind;
    bool close; /* end the connection after this answer */
};

/* Adds a header. Asserts that there is room; values with control bytes must not come here. */
void reply_header(struct reply *reply, const char *name, const char *value);

/* Frees the memory, or closes the file, that exchange_answer would have taken: for an answer that
 * nobody is there to get any more. */
void reply_drop(struct reply *reply);

/* "Not Found" for 404 and so on (RFC 9110 15). */
const char *http_reason(int status);

/* What on_body did with the bytes. */
enum body_flow {
    BODY_TAKEN,
    BODY_WAIT, /* took none: give them again after exchange_resume_body */
};

struct http_callbacks {
    void *context;
    /* Headers are complete and clean. May answer. */
    void (*on_headers)(struct exchange *exchange, void *context);
    /* Only while not answered. */
    enum body_flow (*on_body)(struct exchange *exchange, const char *bytes, size_t length);
    /* The whole body is in (at once where there is none). Answer now or later. */
    void (*on_body_end)(struct exchange *exchange);
    void (*on_gone)(struct exchange *exchange);
    void (*on_sent)(struct exchange *exchange);
    /* The body comes in below the minimum rate: answer with 408. */
    void (*on_slow_body)(struct exchange *exchange);
    /* Fills the answer to something that never became an exchange: a header that took too long
     * (408), a request that is no clean HTTP (400), a header too large (431). */
    void (*on_refusal)(void *context, int status, const char *detail, struct reply *out);
};

struct http_settings {
    const char *address; /* IP literal */
    int port;            /* 0: any free one */
    int connections_max; /* past it, exchange_over_limit is true for the newcomer's requests */
    size_t header_bytes_max;
    uint64_t idle_timeout_ms;
    uint64_t header_timeout_ms;
    size_t body_rate_min; /* bytes a second: of a body that comes in, of an answer that goes out */
};

/* ERR_UNAVAILABLE with a sentence when the address cannot be had ("port 8000 is in use..."). */
MUST_CHECK enum err http_server_new(struct loop *loop, const struct http_settings *settings,
                                    const struct http_callbacks *callbacks, struct error *error,
                                    struct http_server **out);

/* The port listened on. */
int http_server_port(const struct http_server *server);

/* Connections open now. */
size_t http_server_connections(const struct http_server *server);

/* Stops listening; what is open goes on. */
void http_server_close(struct http_server *server);

/* Closes everything. Exchanges that were not answered before end with on_gone. */
void http_server_free(struct http_server *server);

/* --- one exchange --------------------------------------------------------------------------- */

void exchange_set_user(struct exchange *exchange, void *user);
void *exchange_user(const struct exchange *exchange);

const char *exchange_method(const struct exchange *exchange);
/* The path, percent-decoded, without query; of an absolute-form target only the path. */
const char *exchange_path(const struct exchange *exchange);
/* A request header by name in any case, or NULL. */
const char *exchange_header(const struct exchange *exchange, const char *name);
/* The last value of a query parameter ("" where it has none), or NULL. */
const char *exchange_query(const struct exchange *exchange, const char *name);
/* Bytes of body announced by Content-Length; UINT64_MAX when chunked; 0 when there is none. */
uint64_t exchange_body_length(const struct exchange *exchange);
/* The client asked to be told to go on before it sends its body (RFC 9110 10.1.1). */
bool exchange_expects_continue(const struct exchange *exchange);
/* This connection is one too many: only cheap answers. */
bool exchange_over_limit(const struct exchange *exchange);
/* When its header was complete (uv_hrtime). */
uint64_t exchange_started_ns(const struct exchange *exchange);

/* Answers; the reply is done with when this returns: whatever becomes of the client, what it takes
 * is freed or closed. Asserts that it is the only answer, and that no file is the answer to a body
 * that is still to come in. */
void exchange_answer(struct exchange *exchange, struct reply *reply);

/* After BODY_WAIT: on_body is called again with what it did not take. */
void exchange_resume_body(struct exchange *exchange);

#endif
