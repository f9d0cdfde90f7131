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

static const char *service_fault(const struct server *server, enum service_upstream which)
{
    const struct config *config = server->config;
    if (services_uses(&server->services, which))
        return NULL;
    switch (which) {
    case UPSTREAM_LLAMAPARSE:
        return config->llamaparse_api_key ? "PDF_PARSER=local: files are read here"
                                          : "LLAMAPARSE_API_KEY is not set: files are read here";
    case UPSTREAM_OPENAI:
        return "OPENAI_API_KEY is not set: analysis is offline";
    case UPSTREAM_IMAGES:
        return config->openai_api_key ? "IMAGES is off: scenes have no pictures"
                                      : "OPENAI_API_KEY is not set: scenes have no pictures";
    }
    return NULL;
}

/* True where answers are worse than they should be: local extraction is not, nor IMAGES=off. */
static bool add_service(cJSON *checks, const struct server *server, enum service_upstream which)
{
    const struct upstream *upstream = &server->services.upstreams[which];
    const struct gate *gate = &upstream->gate;
    cJSON *check = json_add_object(checks, upstream->name);
    const char *fault = service_fault(server, which);
    if (fault) {
        const bool degraded = !server->config->openai_api_key && which != UPSTREAM_LLAMAPARSE;
        json_add_string(check, "status", degraded ? "degraded" : "off");
        json_add_string(check, "detail", fault);
        return degraded;
    }
    const bool open = gate_state_now(gate) != GATE_CLOSED;
    json_add_string(check, "status", open ? "degraded" : "ok");
    json_add_string(check, "breaker", gate_state_name(gate));
    if (open)
        json_add_number(check, "retry_after", gate_retry_after(gate));
    json_add_number(check, "in_flight", (double)gate->taken);
    json_add_number(check, "waiting", (double)gate->waiting);
    json_add_number(check, "limit", (double)gate->settings.places);
    return open;
}

/* What is known of the models. The next in its list stands in for one that is gone. */
static void add_models(cJSON *checks, const struct model_watch *watch)
{
    cJSON *models = json_add_object(checks, "models");
    for (size_t i = 0; i < watch->count; i++) {
        const struct watched_model *model = &watch->models[i];
        cJSON *check = json_add_object(models, model->name);
        json_add_string(check, "status", model_state_name(model->state));
        if (*model->shutdown_date) {
            json_add_string(check, "shutdown_date", model->shutdown_date);
            json_add_number(check, "days_left", model->days_left);
        }
    }
}

/* True where uploads are refused until tomorrow. */
static bool add_spending(cJSON *checks, struct spending *spending)
{
    const bool left = spending_left(spending, time(NULL));
    cJSON *check = json_add_object(checks, "spending");
    json_add_string(check, "status", spending->limit_usd == 0 ? "off" : left ? "ok" : "spent");
    json_add_number(check, "spent_usd", spending->spent_usd);
    if (spending->limit_usd > 0)
        json_add_number(check, "limit_usd", spending->limit_usd);
    return !left;
}

/* What needs no database goes on without one, but a balancer has better servers then. */
static enum store_state add_database(cJSON *checks, const struct store *store)
{
    const char *fault = NULL;
    if (!store) {
        add_state(checks, "database", "off", "DATABASE_URL is not set: nothing can be saved");
        return STORE_READY;
    }
    const enum store_state state = store_state(store, &fault);
    add_state(checks, "database", store_state_name(state), fault);
    cJSON *check = cJSON_GetObjectItemCaseSensitive(checks, "database");
    for (int i = 0; i < PG_STATE_COUNT; i++)
        json_add_number(check, pg_state_name((enum pg_state)i),
                        (double)store->pool.connections[i].count);
    json_add_number(check, "waiting", (double)store->pool.waiting);
    json_add_number(check, "limit",
                    (double)(store->pool.settings.size + store->pool.settings.overflow));
    return state;
}

static void add_queue(cJSON *checks, const struct server *server, bool full)
{
    cJSON *queue = json_add_object(checks, "queue");
    json_add_string(queue, "status", full ? "full" : "ok");
    json_add_number(queue, "working", (double)server->working);
    json_add_number(queue, "limit", server->config->queue_limit);
    json_add_number(queue, "waiting_for_extraction", (double)server->tools.extract_gate.waiting);
}

static void add_loop(cJSON *checks, const struct loop_lag *lag)
{
    const struct lag_report report = loop_lag_report(lag);
    cJSON *loop = json_add_object(checks, "loop");
    json_add_number(loop, "lag_p50_ms", report.p50_ms);
    json_add_number(loop, "lag_p999_ms", report.p999_ms);
    json_add_number(loop, "lag_max_ms", report.max_ms);
}

void handle_ready(struct request *request)
{
    const struct server *server = request->server;
    const bool leaving = server->phase != SERVER_RUNNING;
    const bool full = server->working >= (size_t)server->config->queue_limit;

    cJSON *checks = json_new_object();
    bool degraded = server->sandbox_fault != NULL;
    for (int i = 0; i < SERVICE_UPSTREAMS; i++)
        degraded = add_service(checks, server, (enum service_upstream)i) || degraded;
    if (server->services.openai)
        add_models(checks, &server->services.watch);
    degraded = add_spending(checks, &request->server->services.spending) || degraded;
    const enum store_state database = add_database(checks, server->tools.store);
    add_state(checks, "sandbox", server->sandbox_fault ? "degraded" : "ok", server->sandbox_fault);
    add_queue(checks, server, full);
    add_loop(checks, &server->loop.lag);
    json_add_number(checks, "connections", (double)http_server_connections(server->http));
    json_add_number(checks, "requests", (double)server->request_count);

    cJSON *body = json_new_object();
    json_add_string(body, "status",
                    leaving                      ? "draining"
                    : database == STORE_STARTING ? "starting"
                    : database == STORE_FAULTY   ? "unavailable"
                    : full                       ? "busy"
                    : degraded                   ? "degraded"
                                                 : "ready");
    json_add(body, "checks", checks);
    request_reply(request, leaving || database != STORE_READY || full ? 503 : 200, body);
}

void handle_llamaparse_health(struct request *request)
{
    const struct server *server = request->server;
    const struct gate *gate = &server->services.upstreams[UPSTREAM_LLAMAPARSE].gate;
    const char *fault = service_fault(server, UPSTREAM_LLAMAPARSE);
    const bool open = !fault && gate_state_now(gate) != GATE_CLOSED;
    cJSON *body = json_new_object();
    json_add_string(body, "status", fault || open ? "error" : "healthy");
    json_add_string(body, "message",
                    fault  ? "LlamaParse is not used"
                    : open ? "LlamaParse fails, and is left alone for a while"
                           : "LlamaParse is used");
    json_add_string(body, "details",
                    fault ? fault
                          : arena_printf(&request->arena, "breaker %s, %zu jobs under way",
                                         gate_state_name(gate), gate->taken));
    request_reply(request, 200, body);
}
