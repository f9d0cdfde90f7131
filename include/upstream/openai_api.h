/*
 * openai_api.h: what all calls to OpenAI's API have in common: request headers, lists of models,
 * error bodies, and which field an error is about.
 */
#ifndef UPSTREAM_OPENAI_API_H
#define UPSTREAM_OPENAI_API_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "upstream/upstream.h"

/* Names with commas between to an array, in the arena; those past `max` are left out. Returns how
 * many. */
size_t openai_models(struct arena *arena, const char *list, const char **out, size_t max);

/* JSON, its key, and X-Client-Request-Id: "<log id>:<name>:<number>", which is to be unique to the
 * try, so that the service's support can find it. */
void openai_headers(struct http_request *out, struct arena *arena, const struct upstream_call *call,
                    const char *accept, const char *name, uint64_t number);

/* A member by exact name. */
const cJSON *openai_member(const cJSON *object, const char *name);

/* A number of tokens; 0 where there is none, or a senseless one. */
uint64_t openai_count(const cJSON *object, const char *name);

/* Is it OpenAI itself, or Azure's, rather than a server that is compatible? */
bool openai_is_hosted(const char *base_url);
bool openai_is_azure(const char *base_url);

/* The words are cut at some length, for decide.h, and never NULL. */
struct openai_error {
    int status; /* that it would have had, had it come in time */
    const char *code, *param, *message;
};

/* Does an answer of 2xx carry an error? One may have "error": null. */
bool openai_has_error(const cJSON *root);

/* The error of a body; false: there is none in it. */
bool openai_error_read(struct openai_error *out, struct arena *arena, const cJSON *root);

/* Where `text` has `word`, with no letter or _ right before or behind it; NULL: nowhere. */
const char *openai_mention(const char *text, const char *word);

/* Is `param` that field, or a part of it? */
bool openai_is_about(const char *param, const char *field);

#endif
