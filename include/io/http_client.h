/*
 * http_client.h: libcurl multi on the loop: one HTTP call as an operation.
 *
 *     struct http_call call;
 *     http_call_start(&call, try(op), client, &(struct http_request){
 *         .method = "POST", .url = url, .headers = headers, .header_count = 2,
 *         .body = json, .body_length = n, .limits = limits});
 *     ... // in the next step: call.fault, call.status, call.body
 *     http_call_clear(&call);
 *
 * The operation succeeds when a whole response came, whatever its status, and also when the
 * exchange failed: then `fault` says how, and `fault_text` in words. Only cancel and deadline make
 * it end with an error. Time-outs run from the start of the call. Names are resolved off the loop,
 * and remembered (io/resolver.h); no request is ever sent twice by itself; sockets are
 * close-on-exec. One client per process: connections are kept and shared; HTTP/2 where the server
 * offers it. Proxies are taken from the environment as curl does (https_proxy, no_proxy, ...),
 * certificates from CURL_CA_BUNDLE or SSL_CERT_FILE where they are set.
 */
#ifndef IO_HTTP_CLIENT_H
#define IO_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "io/op.h"
#include "io/spool.h"

struct http_client;
struct http_transfer;

enum {
    HTTP_CALL_HEADERS_MAX = 16,         /* of a request */
    HTTP_CALL_PARTS_MAX = 16,           /* of a multipart body */
    HTTP_CALL_KEPT_HEADERS = 64,        /* of a response; further ones are dropped */
    HTTP_CALL_HEADER_BYTES = 32 * 1024, /* of a response, all lines; past it HTTP_FAULT_TOO_LARGE */
    HTTP_CALL_ERROR_BYTES = 64 * 1024,  /* kept of a body that came with another status than 2xx */
    HTTP_CALL_URL_BYTES = 8 * 1024,     /* longer ones are HTTP_FAULT_LOCAL */
    HTTP_CALL_REDIRECTS = 3,            /* followed; one more is HTTP_FAULT_REFUSED */
};

enum http_fault {
    HTTP_FAULT_NONE,
    HTTP_FAULT_RESOLVE,   /* no such host */
    HTTP_FAULT_CONNECT,   /* refused, unreachable, or not within connect_ms */
    HTTP_FAULT_TLS,       /* handshake or certificate */
    HTTP_FAULT_STALE,     /* a reused connection had ended: no byte of the request was sent */
    HTTP_FAULT_RESET,     /* it ended after that, or what came is no HTTP */
    HTTP_FAULT_IDLE,      /* no byte either way for idle_ms */
    HTTP_FAULT_TOTAL,     /* not done within total_ms */
    HTTP_FAULT_CUT,       /* the body ended before its announced length or last chunk */
    HTTP_FAULT_TOO_LARGE, /* more than body_max, announced or come; or too many header lines */
    HTTP_FAULT_REFUSED,   /* on_data or the rules for redirects said no */
    HTTP_FAULT_LOCAL,     /* bad URL, unreadable upload, out of descriptors: our side */
    HTTP_FAULT_COUNT
};

struct http_header {
    const char *name;
    const char *value;
};

/* A part of a multipart/form-data body: bytes, or a settled file of the spool (streamed from disk,
 * whole at every call). */
struct http_part {
    const char *name;
    const char *filename;     /* NULL: a plain field */
    const char *content_type; /* NULL: none */
    const char *bytes;        /* borrowed until the call ends; unless `file` */
    size_t length;
    struct spool_file *file;
};

struct http_limits {
    uint64_t connect_ms; /* name look-up, TCP and TLS */
    uint64_t idle_ms;    /* once connected: without a byte sent or received; 0: no limit */
    uint64_t total_ms;
    size_t body_max; /* bytes of the response */
};

struct http_request {
    const char *method; /* "GET" or "POST" */
    const char *url;    /* http or https; copied, as the headers are */
    struct http_header headers[HTTP_CALL_HEADERS_MAX]; /* not sent on to another origin */
    size_t header_count;
    const char *body; /* borrowed until the call ends; NULL: none, or parts */
    size_t body_length;
    const struct http_part *parts; /* borrowed until the call ends */
    size_t part_count;
    struct http_limits limits;
    bool fresh_connection; /* do not reuse one: after HTTP_FAULT_STALE */
    /* For a URL that somebody else chose: it has to be https at a public address, and a GET follows
     * redirects to the like. Anything else ends with HTTP_FAULT_REFUSED, before a connection is
     * made. Behind a proxy it is the proxy that resolves and connects in the end. */
    bool follow_public;
    const char *trusted_url; /* with follow_public: its own origin is allowed in any case, such as
                                the base URL of a local server; NULL: none; copied */
    /* Called with pieces of a 2xx body as they come, instead of keeping them in call->body. False
     * ends the call with HTTP_FAULT_REFUSED. May not start or clear operations. */
    bool (*on_data)(struct op *call, const char *bytes, size_t length, void *context);
    void *context;
};

struct http_call {
    struct op op;
    struct http_client *client;
    struct http_request request;
    /* results */
    enum http_fault fault;
    char fault_text[128]; /* for logs and details; no secrets */
    int status;           /* 0 while none came */
    struct buffer body;   /* NUL-terminated; of an error the beginning (HTTP_CALL_ERROR_BYTES) */
    struct http_header response_headers[HTTP_CALL_KEPT_HEADERS]; /* of the last response */
    size_t response_header_count;
    bool reused;   /* the connection had been used before */
    bool any_byte; /* of a response was seen: a line at least */
    double connect_seconds, first_byte_seconds, total_seconds;
    /* private */
    struct arena arena;
    struct http_transfer *transfer;
};

struct http_client_settings {
    size_t connections_max;      /* kept open: the sum of what all gates let through */
    const char *user_agent;      /* borrowed for the client's life */
    uint64_t resolve_ttl_ms;     /* addresses of a name are fresh for so long: 60 s */
    uint64_t resolve_stale_ms;   /* ...and used for as long while asked for anew: an hour */
    uint64_t idle_connection_ms; /* a kept connection older than this is not used again: 50 s */
};

/* curl_global_init, once per process, before the first client. */
void http_client_global_init(void);

struct http_client *http_client_new(struct loop *loop, const struct http_client_settings *settings);
/* All calls must have finished. */
void http_client_free(struct http_client *client);

void http_call_start(struct http_call *call, struct op_link link, struct http_client *client,
                     const struct http_request *request);
/* After it has finished. Nothing happens for one that is `{0}`. */
void http_call_clear(struct http_call *call);

/* A response header by name in any case, or NULL. */
const char *http_call_header(const struct http_call *call, const char *name);

/* A word such as "stale", for logs and metrics. */
const char *http_fault_name(enum http_fault fault);

/* Connections since the start that a request was sent on, and requests to the system's resolver:
 * for metrics and tests. */
uint64_t http_client_connections(const struct http_client *client);
uint64_t http_client_lookups(const struct http_client *client);

/* Is this address (IP literal) one of the public internet: not private, loopback, link-local,
 * multicast, or reserved (RFC 6890)? One that carries an IPv4 address (mapped, 6to4, NAT64) is
 * judged by that. */
bool http_address_is_public(const char *address);

#endif
