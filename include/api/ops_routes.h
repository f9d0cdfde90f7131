/* ops_routes.h: what the server says of itself: /, /health, /ready. */
#ifndef API_OPS_ROUTES_H
#define API_OPS_ROUTES_H

#include "api/request.h"

void handle_root(struct request *request);
/* Alive: looks at nothing. */
void handle_health(struct request *request);
/* Fit for traffic: 503 while draining, while the queue is full; "degraded" is still 200. */
void handle_ready(struct request *request);
/* Whether LlamaParse is used, and how it fares; always 200. */
void handle_llamaparse_health(struct request *request);

#endif
