#include "upstream/services.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

enum {
    RESOLVE_TTL_MS = 60 * 1000,
    RESOLVE_STALE_MS = 3600 * 1000, /* addresses of large services stay theirs for far longer */
    IDLE_CONNECTION_MS = 50 * 1000, /* load balancers drop them after 60 s and more */
    CONNECTIONS_SPARE = 4,          /* beside those of the gates: downloads, the watch on models */
    AFTERLIFE_MS = 60 * 1000,
};

/* Made only where it is needed: libcurl and its TLS take a while to load. */
static void begin_client(struct services *services, struct loop *loop, const struct config *config)
{
    const int places =
        config->llamaparse_concurrent + config->openai_concurrent + config->images_concurrent;
    http_client_global_init();
    services->client =
        http_client_new(loop, &(struct http_client_settings){
                                  .connections_max = (size_t)places + CONNECTIONS_SPARE,
                                  .user_agent = "personad/" PERSONAD_VERSION,
                                  .resolve_ttl_ms = RESOLVE_TTL_MS,
                                  .resolve_stale_ms = RESOLVE_STALE_MS,
                                  .idle_connection_ms = IDLE_CONNECTION_MS,
                              });
}

static void init_upstream(struct services *services, enum service_upstream which, struct loop *loop,
                          const struct config *config)
{
    static const char *const names[] = {"llamaparse", "openai", "images"};
    const bool parse = which == UPSTREAM_LLAMAPARSE;
    const int places = parse                      ? config->llamaparse_concurrent
                       : which == UPSTREAM_OPENAI ? config->openai_concurrent
                                                  : config->images_concurrent;
    struct upstream *upstream = &services->upstreams[which];
    *upstream = (struct upstream){
        .name = names[which],
        .client = services->client,
        .base_url = parse ? config->llamaparse_base_url : config->openai_base_url,
        .key = parse ? config->llamaparse_api_key : config->openai_api_key,
        .key_setting = parse ? "LLAMAPARSE_API_KEY" : "OPENAI_API_KEY",
    };
    gate_init(&upstream->gate, loop, upstream->name,
              &(struct gate_settings){
                  .places = (size_t)places,
                  .failures_min = (size_t)config->breaker_failures,
                  .failure_share = config->breaker_percent / 100.0,
                  .window_ms = config->breaker_window_ms,
                  .open_ms = config->breaker_open_ms,
                  .fatal_ms = config->breaker_fatal_ms,
              });
}

/* A limit is worth nothing where nobody knows what is spent. */
static enum err check_prices(const struct prices *prices, const struct config *config,
                             struct error *error)
{
    if (config->max_cost_usd_per_day == 0 || !config->openai_api_key)
        return OK;
    const struct {
        const char *setting, *models;
        bool pictures;
    } lists[] = {
        {"ANALYSIS_MODEL", config->analysis_models, false},
        {"SCENES_MODEL", config->scenes_models, false},
        {"IMAGE_MODEL", config->images ? config->image_models : "", true},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const char *models = lists[i].models;
        while (*models) {
            const size_t length = strcspn(models, ",");
            const struct slice name = slice_trim((struct slice){models, length});
            char model[MODEL_NAME_BYTES];
            const size_t kept = text_cut(name.data, name.length, sizeof(model) - 1);
            memcpy(model, name.data, kept);
            model[kept] = '\0';
            const struct token_usage nothing = {0};
            const bool known =
                !isnan(prices_cost(prices, model, &nothing)) ||
                (lists[i].pictures && !isnan(prices_cost_each(prices, model, PRICE_PICTURE, 1)));
            if (!known)
                return error_set(
                    error, ERR_RANGE,
                    "MAX_COST_USD_PER_DAY needs to know what %s of %s costs: add it to "
                    "MODEL_PRICES",
                    model, lists[i].setting);
            models += length + (models[length] == ',');
        }
    }
    return OK;
}

static void begin_parsing(struct services *services, const struct config *config)
{
    services->llamaparse = &services->llamaparse_service;
    llamaparse_init(services->llamaparse, &services->upstreams[UPSTREAM_LLAMAPARSE],
                    &(struct llamaparse_settings){
                        .version = config->llamaparse_api_version,
                        .tier = config->llamaparse_tier,
                        .cache = config->llamaparse_cache,
                        .polls_per_minute = (unsigned)config->llamaparse_polls,
                        .afterlife_ms = AFTERLIFE_MS,
                    });
}

/* Pictures that are there are served also by a server that makes none. */
static enum err open_store(struct services *services, struct loop *loop,
                           const struct config *config, struct error *error)
{
    const bool makes_some = config->openai_api_key && config->images;
    if (!makes_some && access(config->image_dir, F_OK) != 0)
        return OK;
    const enum err err =
        image_store_init(&services->store, loop, config->image_dir, config->image_dir_bytes, error);
    if (err == OK)
        services->pictures = &services->store;
    else if (!makes_some)
        log_warn("", "pictures", "fault=%s", log_quote(error->detail));
    return makes_some ? err : OK;
}

static enum err begin_pictures(struct services *services, const struct config *config,
                               struct error *error)
{
    const enum err err = images_init(&services->images_service,
                                     &services->upstreams[UPSTREAM_IMAGES], services->pictures,
                                     &(struct images_settings){
                                         .models = config->image_models,
                                         .size = config->image_size,
                                         .quality = config->image_quality,
                                         .total_ms = config->image_timeout_ms,
                                         .prices = &services->prices,
                                     },
                                     error);
    if (err == OK)
        services->images = &services->images_service;
    return err;
}

static enum err begin_models(struct services *services, struct loop *loop,
                             const struct config *config, struct error *error)
{
    enum err err = openai_init(&services->openai_service, &services->upstreams[UPSTREAM_OPENAI],
                               config->model_prices, error);
    if (err != OK)
        return err;
    services->openai = &services->openai_service;
    if (config->images)
        err = begin_pictures(services, config, error);
    if (err != OK)
        return err;
    model_watch_start(&services->watch, loop, &services->upstreams[UPSTREAM_OPENAI]);
    model_watch_add(&services->watch, config->analysis_models);
    model_watch_add(&services->watch, config->scenes_models);
    if (config->images)
        model_watch_add(&services->watch, config->image_models);
    return OK;
}

enum err services_check(const struct config *config, struct error *error)
{
    struct prices prices;
    enum err err = prices_init(&prices, config->model_prices, error);
    if (err != OK)
        return err;
    err = check_prices(&prices, config, error);
    prices_clear(&prices);
    return err;
}

enum err services_init(struct services *services, struct loop *loop, const struct config *config,
                       struct error *error)
{
    memset(services, 0, sizeof(*services));
    enum err err = services_check(config, error);
    if (err == OK)
        err = prices_init(&services->prices, config->model_prices, error);
    if (err != OK)
        return err;
    spending_init(&services->spending, config->max_cost_usd_per_day);
    if (config->llamaparse_api_key || config->openai_api_key)
        begin_client(services, loop, config);
    for (int i = 0; i < SERVICE_UPSTREAMS; i++)
        init_upstream(services, (enum service_upstream)i, loop, config);
    if (config->llamaparse_api_key && config->pdf_parser != PARSER_LOCAL)
        begin_parsing(services, config);
    err = open_store(services, loop, config, error);
    if (err == OK && config->openai_api_key)
        err = begin_models(services, loop, config, error);
    if (err != OK) {
        services_stop(services);
        services_clear(services);
    }
    return err;
}

void services_stop(struct services *services)
{
    model_watch_stop(&services->watch);
    if (services->llamaparse)
        llamaparse_stop(services->llamaparse);
}

bool services_busy(const struct services *services)
{
    for (size_t i = 0; i < SERVICE_UPSTREAMS; i++)
        if (services->upstreams[i].gate.taken > 0 || services->upstreams[i].gate.waiting > 0)
            return true;
    return model_watch_busy(&services->watch);
}

void services_clear(struct services *services)
{
    if (services->images)
        images_clear(services->images);
    if (services->pictures)
        image_store_clear(services->pictures);
    if (services->openai)
        openai_clear(services->openai);
    prices_clear(&services->prices);
    for (size_t i = 0; i < SERVICE_UPSTREAMS; i++)
        gate_clear(&services->upstreams[i].gate);
    if (services->client)
        http_client_free(services->client);
}

bool services_uses(const struct services *services, enum service_upstream which)
{
    return which == UPSTREAM_LLAMAPARSE ? services->llamaparse != NULL
           : which == UPSTREAM_OPENAI   ? services->openai != NULL
                                        : services->images != NULL;
}
