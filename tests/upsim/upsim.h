/*
 * upsim.h: the simulator as its handlers see it.
 *
 *     main.c ──▶ http.c ──▶ route.c ──▶ llamaparse.c, chat.c, embeddings.c, images.c, models.c
 *                                   └─▶ control.c
 *
 * A handler fills the answer of its exchange at once; what takes time is `wait_ms` and the pace.
 */
#ifndef UPSIM_UPSIM_H
#define UPSIM_UPSIM_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "upsim/dice.h"
#include "upsim/faults.h"
#include "upsim/http.h"
#include "upsim/jobs.h"
#include "upsim/options.h"
#include "upsim/stats.h"

enum { WORD_BYTES = 128 /* a model's name */ };

struct upsim {
    struct options options;
    struct dice dice;
    uv_loop_t loop;
    struct http_server server;
    struct stats stats;
    struct faults faults;
    struct jobs jobs;
};

/* --- route.c ---------------------------------------------------------------------------------- */

void route_request(struct exchange *exchange, void *upsim);
void route_over(struct exchange *exchange, enum exchange_end end, void *upsim);

/* Is there a good key? Else the vendor's answer to a bad one is made. */
bool authorized(struct exchange *exchange, enum error_shape shape);

/* --- control.c: not a vendor's ---------------------------------------------------------------- */

bool control_request(struct upsim *upsim, struct exchange *exchange);

/* --- llamaparse.c ----------------------------------------------------------------------------- */

void llamaparse_upload(struct upsim *upsim, struct exchange *exchange, bool is_v2);
void llamaparse_status(struct upsim *upsim, struct exchange *exchange, const char *id);
void llamaparse_result(struct upsim *upsim, struct exchange *exchange, const char *id,
                       const char *form);
void llamaparse_v2(struct upsim *upsim, struct exchange *exchange, const char *id);

/* --- the OpenAI services ---------------------------------------------------------------------- */

void chat_completions(struct upsim *upsim, struct exchange *exchange);
void embeddings(struct upsim *upsim, struct exchange *exchange);
void images_generations(struct upsim *upsim, struct exchange *exchange);
void images_download(struct upsim *upsim, struct exchange *exchange, const char *id);
void models_get(struct upsim *upsim, struct exchange *exchange, const char *id);

/* --- openai.c: what they share ---------------------------------------------------------------- */

struct openai_call {
    cJSON *root; /* of the request; free with cJSON_Delete */
    char model[WORD_BYTES];
    const struct fault *fault;
};

/* Reads the body, takes the fault that is due and answers where that says so. False: the answer is
 * made; `root` may be set all the same. `name_of` says which call it is. */
bool openai_begin(struct upsim *upsim, struct exchange *exchange, struct openai_call *call,
                  const char *(*name_of)(const cJSON *root));

/* Checks the model and the names of all fields against `known` (NULL-terminated). */
bool openai_check(struct upsim *upsim, struct exchange *exchange, const struct openai_call *call,
                  const char *const *known);

/* The headers that each good answer has. */
void openai_headers(struct upsim *upsim, struct exchange *exchange);

void openai_refuse(struct exchange *exchange, int status, const char *code, const char *param,
                   const char *message);

/* A model that has been shut down. */
bool model_is_gone(const char *model);

#endif
