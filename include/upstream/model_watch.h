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
 * the other, and logs a warning for each that will be gone within MODEL_WATCH_DAYS, or is gone
 * already. It costs nothing, holds no place at the gate, never counts against a breaker, and never
 * fails anything: what is not known is not known.
 */
#ifndef UPSTREAM_MODEL_WATCH_H
#define UPSTREAM_MODEL_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "upstream/upstream.h"

enum {
    MODEL_WATCH_MODELS_MAX = 32,
    MODEL_NAME_BYTES = 128,
    MODEL_WATCH_MS = 6 * 60 * 60 * 1000,
    MODEL_WATCH_DAYS = 60,
};

enum model_state { MODEL_UNKNOWN, MODEL_SERVED, MODEL_ENDING, MODEL_GONE };

struct watched_model {
    char name[MODEL_NAME_BYTES];
    enum model_state state;
    char shutdown_date[11]; /* "YYYY-MM-DD"; "": none is announced */
    int days_left;          /* where there is a date; negative: it has passed */
};

struct model_watch {
    struct watched_model models[MODEL_WATCH_MODELS_MAX];
    size_t count;
    /* private: to be filled in */
    struct upstream *upstream;
};

#endif
