/*
 * router.h: the table of routes: path, methods, what body they take, who handles them.
 */
#ifndef API_ROUTER_H
#define API_ROUTER_H

#include <stdbool.h>

#include "api/request.h"
#include "base/arena.h"

/* Who may call, and whether it matters. */
enum route_access {
    ACCESS_OPEN,    /* nobody looks at who it is */
    ACCESS_BY_MODE, /* AUTH_MODE: a user or anybody, or only a user */
    ACCESS_USER,
};

struct route {
    const char *path; /* without the slash at its end; "" is the root; {} is any one segment */
    const char *method;
    const char *allow; /* for 405: the method, and HEAD where there is GET */
    void (*handle)(struct request *request);
    const struct upload_form *form; /* NULL: a body is read and thrown away */
    enum route_access access;
    bool vital;      /* served whatever the load or the phase: health and readiness */
    bool takes_save; /* knows the query parameter save_to_db */
};

/* The route of a path, with or without a slash at its end; NULL when there is none. What stands for
 * the {} of its path, in their order, is copied to the arena; it is never empty and has no slash.
 */
const struct route *router_find(const char *path, struct arena *arena,
                                const char *parts_out[REQUEST_PATH_PARTS_MAX]);

/* Does the route serve this method? HEAD counts as GET. */
bool route_serves(const struct route *route, const char *method);

#endif
