/*
 * A handful of exact paths, found by length and comparison. All that belongs to uploads stands a
 * second time under /api/pdf-processing, where later releases of the front end look for it.
 */
#include "api/router.h"

#include <string.h>

#include "api/ops_routes.h"
#include "api/pdf_routes.h"
#include "base/text.h"

static const struct upload_form pdf_form = {"file", "context_files"};

#define GET_ROUTE(where, handler, is_vital)                                                        \
    {                                                                                              \
        .path = where, .method = "GET", .allow = "GET, HEAD", .handle = handler, .vital = is_vital \
    }
#define PARSE_PDF_ROUTE(where)                                                                     \
    {                                                                                              \
        .path = where, .method = "POST", .allow = "POST", .handle = handle_parse_pdf,              \
        .form = &pdf_form, .takes_save = true                                                      \
    }

static const struct route routes[] = {
    GET_ROUTE("", handle_root, false),
    GET_ROUTE("/health", handle_health, true),
    GET_ROUTE("/livez", handle_health, true),
    GET_ROUTE("/ready", handle_ready, true),
    GET_ROUTE("/readyz", handle_ready, true),
    GET_ROUTE("/api/get-default-personas", handle_default_personas, false),
    GET_ROUTE("/api/pdf-processing/get-default-personas", handle_default_personas, false),
    GET_ROUTE("/api/pdf-processing/llamaparse-health", handle_llamaparse_health, false),
    PARSE_PDF_ROUTE("/api/parse-pdf"),
    PARSE_PDF_ROUTE("/api/pdf-processing/parse-pdf"),
};

const struct route *router_find(const char *path)
{
    size_t length = strlen(path);
    if (length > 0 && path[length - 1] == '/')
        length--;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strlen(routes[i].path) == length && memcmp(routes[i].path, path, length) == 0)
            return &routes[i];
    }
    return NULL;
}

bool route_serves(const struct route *route, const char *method)
{
    return strcmp(method, route->method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}
