/*
 * server.h: the server as its handlers see it; built in main/process.c.
 */
#ifndef API_SERVER_H
#define API_SERVER_H

#include <stdbool.h>

#include "api/idempotency.h"
#include "base/config.h"
#include "base/uuid.h"
#include "io/http_server.h"
#include "io/image_store.h"
#include "io/loop.h"
#include "io/spool.h"
#include "pipeline/tools.h"

struct request;

/* In the order of a life. */
enum server_phase {
    SERVER_RUNNING,
    SERVER_LEAVING,  /* SIGTERM: /ready says 503, all is still served (DRAIN_DELAY) */
    SERVER_DRAINING, /* what is in flight ends; everything new but health and ready is 503 */
    SERVER_STOPPING, /* what is in flight is cancelled */
};

struct server {
    const struct config *config;
    struct loop loop;
    struct http_server *http;
    struct spool spool;
    struct services services;
    struct pipeline_tools tools;
    enum server_phase phase;
    const char *sandbox_fault; /* why extraction is not fully confined; NULL: it is */

    struct idempotency idempotency;

    struct request *requests; /* all that are not over */
    size_t request_count;
    size_t running; /* requests at work in operations; of these */
    size_t working; /* uploads that are in and being worked on */
    struct {
        char id[UUID_BYTES + 1];
        char body[256];
    } refusal; /* scratch for answers to what never became a request */
    void (*on_idle)(
        struct server *server); /* told when the last request is over; NULL: nobody asks */
};

/* Takes requests from the HTTP front end to the handlers: what http_server_new is given. */
struct http_callbacks server_callbacks(struct server *server);

/* Seconds after which what was refused may be taken; `code` is the error's word. At least 1. */
int server_retry_after(struct server *server, const char *code);

/* Cancels all requests at work: their clients get 503. */
void server_cancel_requests(struct server *server);

#endif
