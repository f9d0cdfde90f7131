/*
 * capabilities.h: what a model refused: learned from its answers, so that it is asked only once.
 *
 * Servers and models differ in the optional fields they take, and say so with a 400. The field is
 * left out then, and from then on in every call to that model at that base URL, for six hours:
 * after that it is tried again, since servers are upgraded and error messages misread.
 *
 *     if (capabilities_allow(&capabilities, base_url, model, "temperature", now_ms))
 *         ...
 *     capabilities_refuse(&capabilities, base_url, model, "temperature", now_ms, CAPABILITY_MS);
 *
 * What is no field goes by a word that no field has, such as "strict output".
 */
#ifndef UPSTREAM_CAPABILITIES_H
#define UPSTREAM_CAPABILITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CAPABILITY_MODELS_MAX = 32,   /* known at once; beyond, the one longest unused is forgotten */
    CAPABILITY_REFUSALS_MAX = 16, /* for one model: no service has more optional fields */
    CAPABILITY_MS = 6 * 60 * 60 * 1000,
};

struct capabilities {
    struct capability_model {
        char *base_url, *model; /* NULL: the row is free */
        uint64_t used;          /* the turn it was last looked up in */
        struct {
            const char *what;
            uint64_t until_ms;
        } refusals[CAPABILITY_REFUSALS_MAX];
        size_t refusal_count;
    } models[CAPABILITY_MODELS_MAX];
    uint64_t turn; /* grows with each look-up that finds a row */
};

/* `{0}` knows nothing, too. */
void capabilities_init(struct capabilities *capabilities);
void capabilities_clear(struct capabilities *capabilities);

/* May `what` be sent? `now_ms` is any monotonic clock, the same in all calls. */
bool capabilities_allow(struct capabilities *capabilities, const char *base_url, const char *model,
                        const char *what, uint64_t now_ms);

/* It was refused: it is not allowed before `for_ms` are over. `what` is static text. */
void capabilities_refuse(struct capabilities *capabilities, const char *base_url, const char *model,
                         const char *what, uint64_t now_ms, uint64_t for_ms);

#endif
