#include "api/ops_routes.h"

#include <stdio.h>
#include <time.h>

#include "base/json.h"

void handle_root(struct request *request)
{
    cJSON *body = json_new_object();
    json_add_string(body, "message", "personad: personas and scenes from business cases");
    json_add_string(body, "version", PERSONAD_VERSION);
    json_add_string(body, "status", "active");
    request_reply(request, 200, body);
}

/* ISO 8601 with microseconds and offset. */
static const char *timestamp(struct arena *arena)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    char date[32];
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
    return arena_printf(arena, "%s.%06ld+00:00", date, now.tv_nsec / 1000);
}

void handle_health(struct request *request)
{
    cJSON *body = json_new_object();
    json_add_string(body, "status", "healthy");
    json_add_string(body, "timestamp", timestamp(&request->arena));
    request_reply(request, 200, body);
}

static void add_state(cJSON *checks, const char *name, const char *state, const char *detail)
{
    cJSON *check = json_add_object(checks, name);
    json_add_string(check, "status", state);
    if (detail)
        json_add_string(check, "detail", detail);
}

void handle_ready(struct request *request)
{
    const struct server *server = request->server;
    const bool leaving = server->phase != SERVER_RUNNING;
    const bool full = server->working >= (size_t)server->config->queue_limit;

    cJSON *body = json_new_object();
    json_add_string(body, "status", leaving ? "draining" : full ? "busy" : "degraded");
    cJSON *checks = json_add_object(body, "checks");
    add_state(checks, "openai", "degraded",
              server->config->openai_api_key ? "not called by this version: analysis is offline"
                                             : "OPENAI_API_KEY is not set: analysis is offline");
    add_state(checks, "database", "off", "no database is configured");
    add_state(checks, "sandbox", server->sandbox_fault ? "degraded" : "ok", server->sandbox_fault);
    cJSON *queue = json_add_object(checks, "queue");
    json_add_string(queue, "status", full ? "full" : "ok");
    json_add_number(queue, "working", (double)server->working);
    json_add_number(queue, "limit", server->config->queue_limit);
    json_add_number(queue, "waiting_for_extraction", (double)server->tools.extract_gate.waiting);
    const struct lag_report lag = loop_lag_report(&server->loop.lag);
    cJSON *loop = json_add_object(checks, "loop");
    json_add_number(loop, "lag_p50_ms", lag.p50_ms);
    json_add_number(loop, "lag_p999_ms", lag.p999_ms);
    json_add_number(loop, "lag_max_ms", lag.max_ms);
    json_add_number(checks, "connections", (double)http_server_connections(server->http));
    request_reply(request, leaving || full ? 503 : 200, body);
}
