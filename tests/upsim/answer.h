/*
 * answer.h: what the model would say: JSON that follows any schema, with names out of the prompt.
 *
 * A schema is walked as it came with the request. Properties whose names are known get words that
 * suit them; all others get something of their type.
 */
#ifndef UPSIM_ANSWER_H
#define UPSIM_ANSWER_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "upsim/dice.h"
#include "upsim/faults.h"
#include "upsim/names.h"

enum { TITLE_BYTES = 128, ANSWER_DEPTH_MAX = 32 };

struct answer {
    struct names names;
    char title[TITLE_BYTES]; /* the first line of the document */
    struct dice dice;        /* seeded from the prompt: the same one has the same answer */
    size_t scenes;
    enum fault_id fault;   /* FAULT_LATENCY: none of those that change the JSON */
    const cJSON *schema;   /* its root, for "$ref" */
    const cJSON *left_out; /* the array that FAULT_MISSING_ARRAY takes away */
    size_t values;         /* written so far */
    struct buffer *out;
};

/* Appends JSON for `schema` to answer->out. */
void answer_write(struct answer *answer, const cJSON *schema);

/* Appends some sentences, as a person of the case might speak. */
void answer_speak(struct answer *answer);

/* The schema that is meant by the name of a call when none was sent; NULL: prose is. */
const char *answer_default_schema(const char *call);

/* Why a strict schema would be refused; NULL: it would not. */
const char *strict_schema_fault(const cJSON *schema);

#endif
