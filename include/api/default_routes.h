/* default_routes.h: the personas that are there without an upload. */
#ifndef API_DEFAULT_ROUTES_H
#define API_DEFAULT_ROUTES_H

#include "api/request.h"

/* GET /api/get-default-personas/ */
void handle_default_personas(struct request *request);

#endif
