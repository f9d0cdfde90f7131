/*
 * cors.h: which origins may read our answers (Fetch standard, 3.2), in the words that clients of
 * the old service know.
 */
#ifndef API_CORS_H
#define API_CORS_H

#include "api/request.h"
#include "io/http_server.h"

/* Adds the CORS headers of an ordinary reply; `Vary: Origin` always. */
void cors_headers(struct request *request, struct reply *reply);

/* Is this the question before a request (OPTIONS with Origin and Access-Control-Request-Method)? */
bool cors_is_preflight(const struct exchange *exchange);

/* Answers it: 200 `OK`, or 400 with what is disallowed. */
void cors_reply_preflight(struct request *request);

#endif
