/*
 * model_watch.h: when the models that are configured will be shut down, if their vendor says so.
 *
 *     struct model_watch watch;
 *     model_watch_start(&watch, loop, &upstream);
 *     model_watch_add(&watch, config->analysis_models);     // a list, with commas; before the loop
 *     ...
 *     model_watch_stop(&watch);                             // at the end; then let the loop go on
 *
 * At the start and every MODEL_WATCH_MS it asks GET {base}/models/{id} for each model, one after
 * the other, and logs a warning for each that will be gone in less than MODEL_WATCH_DAYS, or is
 * gone already: once, and again only after it was something else in between. It costs nothing,
 * holds no place at the gate, never counts against a breaker, and never fails anything: what is not
 * known is not known, and an answer that tells nothing leaves what was known before.
 */
#ifndef UPSTREAM_MODEL_WATCH_H
#define UPSTREAM_MODEL_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "upstream/upstream.h"

enum {
    MODEL_WATCH_MODELS_MAX = 32,
    MODEL_NAME_BYTES = 128, /* with its NUL */
    MODEL_WATCH_MS = 6 * 60 * 60 * 1000,
    MODEL_WATCH_DAYS = 60,
};

enum model_state {
    MODEL_UNKNOWN, /* not asked yet, or nobody there could say */
    MODEL_SERVED,
    MODEL_ENDING, /* served, but its date is near or has passed */
    MODEL_GONE    /* the service does not have it: "model_not_found" */
};

struct watched_model {
    char name[MODEL_NAME_BYTES];
    enum model_state state;
    char shutdown_date[11]; /* "YYYY-MM-DD"; "": none is announced */
    int days_left;          /* where there is a date; negative: it has passed. Of the last round */
};

struct model_watch {
    struct watched_model models[MODEL_WATCH_MODELS_MAX];
    size_t count;
    /* private */
    struct loop *loop;
    struct upstream *upstream;
    struct loop_timer next_round;
    bool stopped;
    struct op op;          /* the round under way */
    size_t asked;          /* models that this round is done with */
    struct http_call call; /* about the next one */
};

void model_watch_start(struct model_watch *watch, struct loop *loop, struct upstream *upstream);

/* A model that is in the list already is not added again. Left out is what cannot be asked about: a
 * name that is too long or has other characters than [A-Za-z0-9._:/-], and the 33rd. */
void model_watch_add(struct model_watch *watch, const char *models);

/* At any moment, also twice. The memory has to stay until the loop has gone on. */
void model_watch_stop(struct model_watch *watch);

/* Is a round under way, also one that was stopped and has not ended yet? */
bool model_watch_busy(const struct model_watch *watch);

/* "unknown", "served", "ending", "gone": for logs and /ready. */
const char *model_state_name(enum model_state state);

#endif
