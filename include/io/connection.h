/*
 * connection.h: what http_server.c and exchange.c share: one client connection and the exchange
 * on it. Nobody else includes this.
 *
 *        ┌────────────────────────────── on_completed ──────────────────────────────┐
 *        ▼                                                                           │
 *      IDLE ──headers──▶ RECEIVING ──body end──▶ HELD ──answer──▶ ANSWERED ──────────┤
 *                          │   ▲  │                └──client gone──▶ GONE ──────────▶┤
 *                 BODY_WAIT│   │resume                                               │
 *                          ▼   │  └──answer before the body's end──▶ DISCARDING ────▶┘
 *                         PAUSED ────────────────────────────────────────┘
 *
 * What is DISCARDING when its body ends, and has not written all of its answer, is FLUSHING until
 * then, and GONE after it.
 */
#ifndef IO_CONNECTION_H
#define IO_CONNECTION_H

#include <microhttpd.h>

#include "base/buffer.h"
#include "io/http_server.h"

enum exchange_state {
    EXCHANGE_IDLE,       /* no request on this connection now */
    EXCHANGE_RECEIVING,  /* headers are known, the body comes in */
    EXCHANGE_PAUSED,     /* suspended in the middle of the body: our side cannot take more */
    EXCHANGE_HELD,       /* suspended after the body: waits for its answer */
    EXCHANGE_ANSWERED,   /* the response is with libmicrohttpd, or about to be */
    EXCHANGE_DISCARDING, /* answered on the socket; the rest of the body is thrown away */
    EXCHANGE_FLUSHING,   /* suspended after that: the rest of the answer waits for the socket */
    EXCHANGE_GONE,       /* the client left, or has all it will get: to be closed */
};

/* One per connection, used again for each request on it. */
struct exchange {
    struct http_server *server;
    struct MHD_Connection *mhd;
    enum exchange_state state;
    void *user;
    const char *method; /* NULL between requests */
    const char *path;
    struct MHD_Response *response; /* to be queued at the next call of the handler */
    int status;
    bool suspended;         /* and watched */
    bool first_call_over;   /* the handler was called with the headers */
    bool over_limit;        /* exchange_over_limit */
    uint64_t started_ns;    /* headers complete */
    uint64_t body_bytes;    /* received */
    uint64_t body_since_ms; /* start of the body, moved on by the time spent paused */
    uint64_t paused_at_ms;
    uint64_t answer_since_ms; /* the first sweep that saw it under way; 0: none has */
    uint64_t answer_acked;    /* bytes that the client's side had acknowledged then */
    uint64_t discard_since_ms;
};

struct connection {
    struct exchange exchange;
    struct connection *next, **link; /* the server's list */
    int fd;
    bool bad_escape;        /* %00 in the request target */
    bool client_ended;      /* it has closed its side, or all of it */
    struct buffer output;   /* an answer past libmicrohttpd that the socket has not taken whole */
    size_t output_sent;     /* of its bytes */
    bool output_watched;    /* told when the socket takes more */
    uint64_t idle_since_ms; /* accepted, or last exchange over */
    uint64_t idle_bytes;    /* received from the socket until then */
};

struct http_server {
    struct loop *loop;
    struct http_settings settings;
    struct http_callbacks callbacks;
    struct MHD_Daemon *daemon;
    int listen_fd;
    int port;
    bool listening;
    bool need_run;         /* MHD_run has work that no socket will tell of: a resume */
    uv_poll_t *poll;       /* libmicrohttpd's epoll descriptor */
    uv_prepare_t *prepare; /* runs it before each wait where needed */
    uv_timer_t *timeout;   /* when it wants to look at its own time-outs */
    int watch_fd;          /* our epoll: all client sockets, for their end only */
    uv_poll_t *watch;
    struct loop_timer sweep; /* once a second: slow headers, slow bodies, slow readers */
    struct connection *connections;
    size_t connection_count;
};

struct connection *connection_of(const struct exchange *exchange);

/* libmicrohttpd's notify-connection callback: makes and frees our side of it. */
void connection_on_notify(void *server, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code);

/* From now on, once a second, those who are slow are cut off. */
void connections_sweep_start(struct http_server *server);

/* From here on it waits for a request; the header deadline counts from now. */
void connection_idle(struct connection *connection);

/* Ends it at once; libmicrohttpd sees that and tells us in turn. */
void connection_cut(struct connection *connection);

/* libmicrohttpd's access handler. */
enum MHD_Result exchange_on_access(void *server, struct MHD_Connection *mhd, const char *url,
                                   const char *method, const char *version, const char *upload_data,
                                   size_t *upload_size, void **state);
/* Its request-completed callback. */
void exchange_on_completed(void *server, struct MHD_Connection *mhd, void **state,
                           enum MHD_RequestTerminationCode code);

/* What is wrong with a request that is no clean HTTP, and the status that says so; NULL: nothing.
 */
const char *exchange_fault(struct exchange *exchange, const char *url, const char *version,
                           int *status_out);

/* The client of a suspended exchange has left. */
void exchange_lost(struct exchange *exchange);

/* From now on the socket's end is told, whatever libmicrohttpd does with it. */
void connection_watch(struct connection *connection);
/* Also (or no more) when it takes bytes again after it took none: connection_flush. */
void connection_watch_output(struct connection *connection, bool wanted);

/* Suspends, and from then on takes the client's end for its leaving. */
void exchange_suspend(struct exchange *exchange);
void exchange_resume(struct exchange *exchange);

/* Writes a whole answer to the socket, past libmicrohttpd: what it takes now, the rest later. What
 * is not written when the connection is shut down or closed is lost. */
void connection_write(struct connection *connection, struct reply *reply);
bool connection_writing(const struct connection *connection);
void connection_flush(struct connection *connection);

/* Nothing is left of an answer past libmicrohttpd. */
void exchange_written(struct exchange *exchange);

#endif
