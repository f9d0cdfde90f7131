/*
 * request.h: one request to its one reply: id, arena, timings, CORS, error shape.
 *
 * Made when the headers are in; a handler gets it when the body is in, and answers through one of
 * the request_reply... functions: at once, or later from an operation that it started with
 * request_run. Whatever happens, a request is answered at most once, and its memory lives until its
 * operation has finished and its exchange is over.
 */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "api/server.h"
#include "api/upload.h"
#include "base/arena.h"
#include "io/op.h"

struct route;

enum {
    REQUEST_ID_BYTES = 128,
    REQUEST_TIMINGS_MAX = 8,
    REQUEST_HEADERS_MAX = 8,
    REQUEST_PATH_PARTS_MAX = 2,
};

struct request {
    struct op op; /* what request_run put to work */
    struct server *server;
    struct request *next, **link;
    struct exchange *exchange;                      /* NULL when it is over */
    const struct route *route;                      /* NULL: unknown path */
    const char *path_parts[REQUEST_PATH_PARTS_MAX]; /* what stood for each {} of the route */
    struct arena arena;
    char id[REQUEST_ID_BYTES + 1];
    int user_id;                /* who calls, by a valid token; 0: nobody known. The database may
                                   know better, and that they are inactive */
    struct upload *upload;      /* the form, for routes that take one */
    struct spool_waiter waiter; /* while the spool has no room for the next piece of the body */
    uint64_t body_bytes;        /* received */
    int status;                 /* answered; 0: not yet */
    bool running;               /* `op` has been started and has not finished */
    bool runs_on;               /* to its end, though its client leaves */
    void *work;                 /* of the handler, in `arena` */
    void (*on_end)(struct request *request);    /* frees what `work` holds */
    void (*on_finish)(struct request *request); /* answers after success */
    uint64_t body_end_ns;                       /* when the last byte was in */
    struct {
        const char *name;
        double ms;
    } timings[REQUEST_TIMINGS_MAX]; /* for Server-Timing */
    size_t timing_count;
    struct {
        const char *name, *value;
    } headers[REQUEST_HEADERS_MAX]; /* beyond those that all replies have */
    size_t header_count;
    const char *log_more; /* " key=value" pairs for its line in the log; NULL: none */
    cJSON *faults;        /* of the input: the list of a 422; NULL while there are none */
};

/* --- the life of a request: called by the router --------------------------------------------- */

struct request *request_new(struct server *server, struct exchange *exchange);
/* The exchange is over; `gone`: before there was an answer, so that all work is cancelled unless it
 * runs on. */
void request_over(struct request *request, bool gone);

/* --- for handlers ------------------------------------------------------------------------------
 */

/* Runs an operation for this request, under REQUEST_TIMEOUT. When it fails the client gets its
 * error; when it succeeds `on_finish` has to answer. `on_end` is called in the end in any case. */
void request_run(struct request *request, const struct op_kind *kind,
                 void (*on_finish)(struct request *request),
                 void (*on_end)(struct request *request));

/* Scheme and host as the client called us, or PUBLIC_URL: what comes before a path; no / at its
 * end. In the request's arena, or longer. */
const char *request_base_url(struct request *request);

/* When `timeout_ms` since the request's operation began are over, in loop time. */
uint64_t request_deadline_ms(const struct request *request, uint64_t timeout_ms);

/* A body from malloc that the reply takes, of `length` bytes. */
void request_reply_json(struct request *request, int status, char *body, size_t length);
/* Prints and deletes `body`. */
void request_reply(struct request *request, int status, cJSON *body);
/* `{"detail": ...}` as the old framework has it. `code` is our stable word for errors of our own
 * making, NULL for the framework's, whose shape is fixed. */
void request_reply_error(struct request *request, int status, const char *code, const char *detail);
/* The same from an error; 503s get Retry-After. */
void request_reply_failure(struct request *request, const struct error *error);

/* 401, for who has to be a user and is not known to be. */
void request_reply_unauthorized(struct request *request);
/* 503, for what needs a database where none is configured. */
void request_reply_no_database(struct request *request);

/* Plain text: refused preflights. */
void request_reply_text(struct request *request, int status, const char *text);

/* `length` bytes of an open file from `offset`; closes it in any case. */
void request_reply_file(struct request *request, int status, const char *content_type, int fd,
                        uint64_t offset, uint64_t length);

/* Since the headers were in. */
double request_seconds(const struct request *request);

/* For the reply to come; both strings live in the arena or longer. */
void request_header(struct request *request, const char *name, const char *value);
void request_timing(struct request *request, const char *name, double seconds);

/* Does the client want what there is, rather than what there was (Cache-Control: no-cache)? While
 * it is there. */
bool request_wants_fresh(const struct request *request);

/* Notes a fault of the input (FastAPI's shape): `where` is "query", "body" or "path". `input` is
 * taken; NULL stands for null. */
cJSON *request_fault(struct request *request, const char *type, const char *where, const char *name,
                     const char *message, cJSON *input);
/* Answers with 422 and all faults noted, if there are any. */
bool request_reply_faults(struct request *request);

#endif
