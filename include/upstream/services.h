/*
 * services.h: the outside services as this server uses them: made from the settings, once.
 *
 *     struct services services;
 *     if (services_init(&services, &loop, &config, &error) != OK) ...    // error.detail: a setting
 *     ...
 *     services_stop(&services);       // what goes on for nobody ends: not at once
 *     ... // let the loop go on while services_busy(&services)
 *     services_clear(&services);
 *
 * What has no key is NULL below, and is never called.
 */
#ifndef UPSTREAM_SERVICES_H
#define UPSTREAM_SERVICES_H

#include "base/config.h"
#include "upstream/images.h"
#include "upstream/llamaparse.h"
#include "upstream/model_watch.h"
#include "upstream/openai.h"
#include "upstream/spending.h"

enum { SERVICE_UPSTREAMS = 3 };

struct services {
    struct llamaparse *llamaparse; /* NULL: no key, or PDF_PARSER=local */
    struct openai *openai;         /* NULL: no key */
    struct images *images;         /* NULL: no key, or IMAGES=off */
    struct image_store *pictures;  /* NULL: none are there, and none are made */
    struct prices prices;
    struct spending spending;
    struct model_watch watch;

    /* what the pointers above point to */
    struct http_client *client;
    struct upstream upstreams[SERVICE_UPSTREAMS]; /* in the order of enum service_upstream */
    struct llamaparse llamaparse_service;
    struct openai openai_service;
    struct images images_service;
    struct image_store store;
};

/* Of services.upstreams. */
enum service_upstream { UPSTREAM_LLAMAPARSE, UPSTREAM_OPENAI, UPSTREAM_IMAGES };

/* What is wrong with the settings, without beginning anything: ERR_RANGE. services_init does it
 * too. */
MUST_CHECK enum err services_check(const struct config *config, struct error *error);

/* ERR_RANGE for a setting that is wrong, ERR_UNAVAILABLE for a folder that cannot be written to. */
MUST_CHECK enum err services_init(struct services *services, struct loop *loop,
                                  const struct config *config, struct error *error);
void services_stop(struct services *services);
bool services_busy(const struct services *services);
void services_clear(struct services *services);

/* Is there a key for it, so that it may be called at all? */
bool services_uses(const struct services *services, enum service_upstream which);

#endif
