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
 *     generate ──▶ look ──▶ (download) ──▶ save
 *         ▲          │
 *         └──────────┘ refused by policy: once more with the plain prompt
 *
 * It fails as upstream.h says; also with ERR_UPSTREAM where the picture behind a URL cannot be had,
 * and with ERR_NO_SPACE or ERR_IO where it cannot be saved.
 *
 * Both kinds of answer are taken: `b64_json`, decoded as it comes, and `url`, fetched at once
 * (IMAGE_BYTES_MAX, https at public addresses or the base URL's own origin, at most three
 * redirects). A service's URL goes no further than this file. Optional fields that a model refuses
 * are left out and remembered (capabilities.h). A server that has no pictures at all (404, 501) is
 * not asked again for ten minutes: ERR_UNAVAILABLE at once.
 *
 * Tokens are those that the service counts. Where it made a picture and does not say, or may have
 * made one that never came (time-outs, broken answers, a cancel while it was at work), a guess by
 * size and quality is counted, and `usage.estimated` is set. What it refused costs nothing.
 */
#ifndef UPSTREAM_IMAGES_H
#define UPSTREAM_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "io/image_store.h"
#include "upstream/capabilities.h"
#include "upstream/image_download.h"
#include "upstream/picture_reader.h"
#include "upstream/prices.h"
#include "upstream/upstream.h"

enum {
    IMAGE_MODELS_MAX = 8,          /* in the list of fallbacks */
    IMAGE_RESPONSE_MAX = 48 << 20, /* of the answer that has one in base64 */
};

struct images_settings {
    const char *models;  /* by preference, with commas between */
    const char *size;    /* "1536x1024"; for dall-e the nearest it has */
    const char *quality; /* "low", "medium", "high", "auto" */
    uint64_t total_ms;   /* of one try */
    const struct prices *prices;
};

/* Lives as long as the server, and so do the strings of the settings. */
struct images {
    struct upstream *upstream;
    struct image_store *store;
    struct images_settings settings;
    struct capabilities capabilities;
    uint64_t off_until_ms; /* the server has no pictures: loop time */
    /* private */
    struct arena arena; /* the names of the models */
    const char *models[IMAGE_MODELS_MAX];
    size_t model_count;
    uint64_t sent; /* requests, so that each has a number */
};

/* ERR_RANGE: no model is named. */
MUST_CHECK enum err images_init(struct images *images, struct upstream *upstream,
                                struct image_store *store, const struct images_settings *settings,
                                struct error *error);
void images_clear(struct images *images);

/* Borrowed until the call is cleared. Clean UTF-8; what is longer than the model takes is cut. */
struct image_request {
    const char *prompt;
    const char *plain_prompt; /* for the second asking, where the first is refused by policy;
                                 NULL: there is none */
};

struct image_call {
    struct op op;
    /* results */
    char name[IMAGE_NAME_BYTES]; /* in the store */
    const char *prompt;          /* the one that it was made from */
    const char *model;           /* that made it; of the settings */
    struct token_usage usage;    /* of all tries; as far as the service says */
    double cost_usd;             /* NaN: the price is not known; 0: nothing was made */
    /* private */
    struct images *images;
    struct image_request request;
    struct gate_rank rank;
    uint64_t deadline_ms;
    struct arena arena;
    struct upstream_call call;
    struct image_download download;
    struct image_save save;
    size_t model_index;
    bool model_missing;           /* the latest try says so */
    bool in_flight;               /* a try is under way that nobody has accounted for yet */
    struct buffer body;           /* of the latest request */
    unsigned fields;              /* the optional ones it has: a bit for each */
    int refused_field;            /* that the answer was about; -1 */
    struct picture_reader reader; /* of the latest answer */
    const char *url;              /* where the picture is; NULL: in the reader */
};

void image_call_start(struct image_call *call, struct op_link link, struct images *images,
                      const struct image_request *request, const struct gate_rank *rank,
                      uint64_t deadline_ms);
/* See upstream_call_set_terms. */
void image_call_set_terms(struct image_call *call, const struct gate_rank *rank,
                          uint64_t deadline_ms);

/* After it has finished. Nothing happens for one that is `{0}`. */
void image_call_clear(struct image_call *call);

/* What one picture costs, roughly, with the first model; NaN: unknown. */
double images_estimate_usd(const struct images *images);

#endif
