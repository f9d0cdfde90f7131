/*
 * http.h: a small HTTP/1.1 server on libuv that can also misbehave.
 *
 *     http_server_start(&server, &loop, port, &handlers, context);
 *     ... on_request fills the answer of an exchange: status, type, head lines, body, wait_ms and
 *         how it is to be delivered; it never blocks and never keeps the exchange
 *     http_server_stop(&server);    // then run the loop until nothing is left
 *
 *      ┌────────── keep-alive ───────────────┐
 *      ▼                                     │
 *     HEAD ──▶ BODY ──▶ WAITING (wait_ms) ──▶ SENDING ──▶ closed
 *
 * An exchange is over once: sent, abandoned by the client, or broken on purpose.
 */
#ifndef UPSIM_HTTP_H
#define UPSIM_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buffer.h"

enum {
    HTTP_FIELDS_MAX = 64,            /* header fields of a request */
    HTTP_HEAD_BYTES_MAX = 64 * 1024, /* as the vendor has it */
    HTTP_CONNECTIONS_MAX = 4096,     /* further ones are closed at once */
};
#define HTTP_BODY_BYTES_MAX ((size_t)128 << 20) /* of a request: our uploads end at 64 MB */
#define HTTP_ANSWER_BYTES_MAX                                                                      \
    ((size_t)512 << 20) /* a fault may ask for more than a client takes                            \
                         */

struct http_field {
    const char *name, *value;
};

/* How an answer goes over the wire. */
enum delivery_kind {
    DELIVER_WHOLE,       /* at once */
    DELIVER_PACED,       /* piece by piece at `pieces_per_ms`; pieces end at `ends` */
    DELIVER_DRIP,        /* `bytes` every `interval_ms` */
    DELIVER_BYTE_CHUNKS, /* chunked, a byte a chunk */
    DELIVER_CUT,         /* the first half, then the end of the connection */
    DELIVER_RESET,       /* the first half, then a reset */
    DELIVER_STALL,       /* the first half, then nothing until the client goes */
    DELIVER_RESET_FIRST, /* a reset before any byte */
    DELIVER_CLOSE_FIRST, /* the end of the connection before any byte */
    DELIVER_NEVER,       /* nothing until the client goes */
};

enum exchange_end { EXCHANGE_SENT, EXCHANGE_ABANDONED, EXCHANGE_BROKEN };

/* A request and its answer. */
struct exchange {
    /* The request, valid until on_over. */
    const char *method, *path, *query; /* query: "" if none */
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t field_count;
    const char *body; /* NUL-terminated */
    size_t body_length;
    bool reused;       /* the connection had carried a request before */
    unsigned *carried; /* of the connection, for the handlers: which services it has served */

    /* The answer; empty at first. */
    int status;
    const char *content_type; /* static text */
    struct buffer head_lines; /* further "Name: value\r\n" */
    struct buffer answer;     /* the body */
    bool chunked;             /* else with Content-Length */
    bool close;               /* say "Connection: close" and mean it */
    uint64_t wait_ms;         /* before anything is sent */
    enum delivery_kind deliver;
    size_t bytes;         /* DELIVER_DRIP */
    uint64_t interval_ms; /* DELIVER_DRIP */
    double pieces_per_ms; /* DELIVER_PACED */
    struct buffer ends;   /* DELIVER_PACED: size_t after size_t, where pieces end */

    /* The handlers' own. */
    int service;
    bool counted;
    uint64_t number; /* of the request, from 1 */
};

struct http_handlers {
    void (*on_request)(struct exchange *exchange, void *context);
    void (*on_over)(struct exchange *exchange, enum exchange_end end, void *context);
};

struct connection;

struct http_server {
    uv_tcp_t listener;
    struct http_handlers handlers;
    void *context;
    uint64_t idle_ms; /* closes connections that are idle for as long; 0: never */
    int port;         /* as bound */
    struct connection *connections;
    uint64_t connections_total, connections_open, connections_most;
    uint64_t requests;
};

/* Listens on 127.0.0.1; 0 or a libuv error. */
int http_server_start(struct http_server *server, uv_loop_t *loop, int port,
                      const struct http_handlers *handlers, void *context);

/* Closes the listener and every connection, whatever it is at. */
void http_server_stop(struct http_server *server);

/* A field of the request by name in any case, or NULL. */
const char *exchange_field(const struct exchange *exchange, const char *name);

/* A parameter of the query, undecoded, copied into `out`; false when absent or too long. */
bool exchange_parameter(const struct exchange *exchange, const char *name, char *out, size_t size);

/* Adds to the answer. Past a buffer's maximum, the rest is dropped. */
void exchange_head(struct exchange *exchange, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void exchange_print(struct exchange *exchange, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void exchange_append(struct exchange *exchange, const char *bytes, size_t length);
void exchange_string(struct exchange *exchange, const char *text); /* as JSON, with its quotes */

/* --- http_head.c ------------------------------------------------------------------------------ */

/* What a head says of the body after it. */
struct http_framing {
    bool chunked;
    size_t length;
    bool keep_alive;
    bool expects_continue;
};

/* Takes a head apart in place (`head` ends with its empty line), filling the request part of
 * `out`. The HTTP status of the fault, or 0. */
int http_head_parse(char *head, size_t length, struct exchange *out, struct http_framing *framing);

/* Chunked bodies, decoded in place. `{0}` is its start. */
struct chunk_decoder {
    size_t decoded; /* bytes of body at the start of the buffer; what follows is still raw */
    size_t raw;     /* bytes of the buffer taken so far, during a call */
    size_t left;    /* of this chunk */
    enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER, CHUNK_OVER } state;
};

enum chunk_result { CHUNK_MORE, CHUNK_DONE, CHUNK_BAD };

/* Goes on with the bytes that have come to the end of `bytes`, which gets shorter. CHUNK_DONE: what
 * follows the `decoded` bytes of body belongs to the next request. */
enum chunk_result chunk_decode(struct chunk_decoder *decoder, struct buffer *bytes);

#endif
