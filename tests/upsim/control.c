/*
 * What is no vendor's: faults and options while it runs, and what has reached it so far.
 *
 *     GET  /control/stats[?brief]   POST /control {"service":...,"fault":...} or a list of such
 *     POST /control/reset           POST /control/options {"analysis-ms":"600"}
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "upsim/upsim.h"

static void reply_done(struct exchange *exchange)
{
    exchange_print(exchange, "{\"ok\":true}");
}

static void reply_complaint(struct exchange *exchange, const char *complaint)
{
    buffer_reset(&exchange->answer);
    exchange->status = 400;
    exchange_print(exchange, "{\"error\":");
    exchange_string(exchange, complaint);
    exchange_print(exchange, "}");
}

static void stats(struct upsim *upsim, struct exchange *exchange)
{
    jobs_update(&upsim->jobs, uv_now(&upsim->loop));
    const struct http_server *server = &upsim->server;
    const struct jobs *jobs = &upsim->jobs;
    exchange_print(exchange,
                   "{\"connections\":{\"total\":%" PRIu64 ",\"open\":%" PRIu64
                   ",\"most_open\":%" PRIu64 "},\"jobs\":{\"created\":%" PRIu64
                   ",\"running\":%" PRIu64 ",\"most_running\":%" PRIu64 ",\"cache_hits\":%" PRIu64
                   "},",
                   server->connections_total, server->connections_open, server->connections_most,
                   jobs->created, jobs->running, jobs->most_running, jobs->cache_hits);
    stats_print(&upsim->stats, strstr(exchange->query, "brief") == NULL, &exchange->answer);
    exchange_print(exchange, ",\"faults\":");
    faults_print(&upsim->faults, &exchange->answer);
    exchange_print(exchange, "}");
}

static void reset(struct upsim *upsim, struct exchange *exchange)
{
    faults_reset(&upsim->faults);
    stats_reset(&upsim->stats);
    jobs_clear(&upsim->jobs);
    struct http_server *server = &upsim->server;
    server->connections_total = server->connections_most = server->connections_open;
    reply_done(exchange);
}

/* One fault, or all of a list, or none of them. */
static void set_faults(struct upsim *upsim, struct exchange *exchange, const cJSON *root)
{
    const size_t before = upsim->faults.count;
    char complaint[FAULT_TEXT_BYTES];
    const cJSON *item = cJSON_IsArray(root) ? root->child : root;
    while (item) {
        if (!faults_add(&upsim->faults, item, complaint)) {
            upsim->faults.count = before;
            reply_complaint(exchange, complaint);
            return;
        }
        item = cJSON_IsArray(root) ? item->next : NULL;
    }
    reply_done(exchange);
}

static void set_options(struct upsim *upsim, struct exchange *exchange, const cJSON *root)
{
    struct options changed = upsim->options;
    for (const cJSON *item = root->child; item; item = item->next) {
        char value[MARK_BYTES + 1] = "";
        if (cJSON_IsNumber(item))
            snprintf(value, sizeof(value), "%.15g", item->valuedouble);
        else if (cJSON_IsString(item))
            snprintf(value, sizeof(value), "%s", item->valuestring);
        const char *allowed =
            item->string ? options_set(&changed, item->string, value) : "an object";
        if (allowed) {
            char complaint[FAULT_TEXT_BYTES];
            snprintf(complaint, sizeof(complaint), "%.100s: %s", item->string ? item->string : "",
                     allowed);
            reply_complaint(exchange, complaint);
            return;
        }
    }
    upsim->options = changed;
    upsim->server.idle_ms = changed.idle_ms;
    reply_done(exchange);
}

static void post(struct upsim *upsim, struct exchange *exchange)
{
    cJSON *root;
    if (strcmp(exchange->path, "/control/reset") == 0) {
        reset(upsim, exchange);
        return;
    }
    if (json_parse(exchange->body, exchange->body_length, NULL, &root) != OK) {
        reply_complaint(exchange, "this is not JSON");
        return;
    }
    if (strcmp(exchange->path, "/control/options") == 0)
        set_options(upsim, exchange, root);
    else
        set_faults(upsim, exchange, root);
    cJSON_Delete(root);
}

bool control_request(struct upsim *upsim, struct exchange *exchange)
{
    const char *path = exchange->path;
    const bool is_post = strcmp(exchange->method, "POST") == 0;
    if (strcmp(path, "/control/stats") == 0 && !is_post)
        stats(upsim, exchange);
    else if (is_post && (strcmp(path, "/control") == 0 || strcmp(path, "/control/reset") == 0 ||
                         strcmp(path, "/control/options") == 0))
        post(upsim, exchange);
    else
        return false;
    return true;
}
