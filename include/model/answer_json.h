/*
 * answer_json.h: the JSON in what a model wrote. For answer.c alone; see answer.h.
 */
#ifndef MODEL_ANSWER_JSON_H
#define MODEL_ANSWER_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* An object, or an array that begins with one; the caller deletes it. ERR_SYNTAX: there is none.
 * If all of the text is another value of JSON, it is that. `cut_out`: the text ends before the
 * value does, of which this is what is whole. */
MUST_CHECK enum err answer_json(const char *text, size_t length, cJSON **out, bool *cut_out);

#endif
