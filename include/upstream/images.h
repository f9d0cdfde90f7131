/*
 * images.h: a prompt to a picture in the image store.
 *
 *     struct images images;                                        // once
 *     if (images_init(&images, &upstream, &store, &settings, &error) != OK) ...
 *
 *     image_call_start(&call, try(op), &images, &(struct image_request){
 *         .prompt = prompt, .plain_prompt = plain}, &rank, deadline_ms);
 *     ... // in the next step: call.name, the picture's in the store
 *     image_call_clear(&call);
 *
 *     generate ──▶ (download) ──▶ save
 *         └── refused by policy: once more with the plain prompt
 *
 * Both kinds of answer are taken: `b64_json`, decoded as it comes, and `url`, fetched at once
 * (IMAGE_BYTES_MAX, https at public addresses or the base URL's own origin, at most three
 * redirects). A service's URL goes no further than this file. Optional fields that a model refuses
 * are left out and remembered (capabilities.h). A server that has no pictures at all (404, 501) is
 * not asked again for ten minutes: ERR_UNAVAILABLE at once.
 */
#ifndef UPSTREAM_IMAGES_H
#define UPSTREAM_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "io/image_store.h"
#include "upstream/capabilities.h"
#include "upstream/prices.h"
#include "upstream/upstream.h"

enum {
    IMAGE_BYTES_MAX = 20 << 20,    /* of a picture */
    IMAGE_RESPONSE_MAX = 48 << 20, /* of the answer that has one in base64 */
};

struct images_settings {
    const char *models;  /* by preference, with commas between */
    const char *size;    /* "1536x1024"; for dall-e the nearest it has */
    const char *quality; /* "low", "medium", "high", "auto" */
    uint64_t total_ms;   /* of one try */
    const struct prices *prices;
};

/* Lives as long as the server. */
struct images {
    struct upstream *upstream;
    struct image_store *store;
    struct images_settings settings;
    struct capabilities capabilities;
    uint64_t off_until_ms; /* the server has no pictures: loop time */
};

MUST_CHECK enum err images_init(struct images *images, struct upstream *upstream,
                                struct image_store *store, const struct images_settings *settings,
                                struct error *error);
void images_clear(struct images *images);

/* Borrowed until the call has finished. */
struct image_request {
    const char *prompt;
    const char *plain_prompt; /* for the second asking, where the first is refused by policy */
};

struct image_call {
    struct op op;
    /* results */
    char name[IMAGE_NAME_BYTES]; /* in the store */
    const char *prompt;          /* the one that it was made from */
    const char *model;           /* that made it */
    struct token_usage usage;    /* of all tries; as far as the service says */
    double cost_usd;             /* NaN: the price is not known; 0: nothing was made */
    /* private: to be filled in */
    struct images *images;
    struct image_request request;
};

void image_call_start(struct image_call *call, struct op_link link, struct images *images,
                      const struct image_request *request, const struct gate_rank *rank,
                      uint64_t deadline_ms);
/* After it has finished. Nothing happens for one that is `{0}`. */
void image_call_clear(struct image_call *call);

/* What one picture costs, roughly, with the first model; NaN: unknown. */
double images_estimate_usd(const struct images *images);

#endif
