/*
 * A handful of paths, tried one after another: of two that fit, the earlier in the table is meant,
 * so an exact one stands before one with a {} in its place. All that belongs to uploads stands a
 * second time under /api/pdf-processing, where later releases of the front end look for it.
 */
#include "api/router.h"

#include <assert.h>
#include <string.h>

#include "api/default_routes.h"
#include "api/ops_routes.h"
#include "api/pdf_routes.h"
#include "api/scenario_routes.h"
#include "api/static_routes.h"
#include "base/text.h"

static const struct upload_form pdf_form = {"file", "context_files"};
static const struct upload_form file_form = {"file", NULL};

#define GET_ROUTE(where, handler, is_vital)                                                        \
    {                                                                                              \
        .path = where, .method = "GET", .allow = "GET, HEAD", .handle = handler, .vital = is_vital \
    }
#define SCENARIO_ROUTE(where, handler, whom)                                                       \
    {                                                                                              \
        .path = where, .method = "GET", .allow = "GET, HEAD", .handle = handler, .access = whom    \
    }
#define UPLOAD_ROUTE(where, handler, parts, saves)                                                 \
    {                                                                                              \
        .path = where, .method = "POST", .allow = "POST", .handle = handler, .form = &(parts),     \
        .access = ACCESS_BY_MODE, .takes_save = saves                                              \
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
    GET_ROUTE("/static/images/scenes/{}", handle_scene_picture, false),
    SCENARIO_ROUTE("/api/scenarios/{}/full", handle_scenario_full, ACCESS_OPEN),
    SCENARIO_ROUTE("/scenarios/{}", handle_scenario, ACCESS_OPEN),
    SCENARIO_ROUTE("/scenarios", handle_scenarios, ACCESS_OPEN),
    SCENARIO_ROUTE("/api/scenarios", handle_own_scenarios, ACCESS_USER),
    SCENARIO_ROUTE("/api/scenarios/drafts", handle_own_drafts, ACCESS_USER),
    UPLOAD_ROUTE("/api/parse-pdf", handle_parse_pdf, pdf_form, true),
    UPLOAD_ROUTE("/api/pdf-processing/parse-pdf", handle_parse_pdf, pdf_form, true),
    UPLOAD_ROUTE("/api/parse-pdf-fast-autofill", handle_fast_autofill, file_form, false),
    UPLOAD_ROUTE("/api/pdf-processing/parse-pdf-fast-autofill", handle_fast_autofill, file_form,
                 false),
};

/* Does the path fit the pattern? Then `parts` has what stands for each {}. */
static bool fits(const char *pattern, struct slice path, struct slice parts[REQUEST_PATH_PARTS_MAX])
{
    const char *at = path.data;
    const char *const end = path.data + path.length;
    size_t count = 0;
    while (*pattern) {
        if (*pattern != '{') {
            if (at == end || *at++ != *pattern++)
                return false;
            continue;
        }
        const char *slash = memchr(at, '/', (size_t)(end - at));
        const struct slice part = {at, (size_t)((slash ? slash : end) - at)};
        if (part.length == 0)
            return false;
        assert(count < REQUEST_PATH_PARTS_MAX);
        parts[count++] = part;
        at += part.length;
        pattern += strlen("{}");
    }
    return at == end;
}

const struct route *router_find(const char *path, struct arena *arena,
                                const char *parts_out[REQUEST_PATH_PARTS_MAX])
{
    struct slice whole = slice_of(path);
    if (whole.length > 0 && path[whole.length - 1] == '/')
        whole.length--;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        struct slice parts[REQUEST_PATH_PARTS_MAX] = {0};
        if (!fits(routes[i].path, whole, parts))
            continue;
        for (size_t j = 0; j < REQUEST_PATH_PARTS_MAX && parts[j].data; j++)
            parts_out[j] = arena_strndup(arena, parts[j].data, parts[j].length);
        return &routes[i];
    }
    return NULL;
}

bool route_serves(const struct route *route, const char *method)
{
    return strcmp(method, route->method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}
