/*
 * faults.h: what the simulator does wrong on purpose.
 *
 * One table in fault_kinds.c names each fault, says where it may be set and what it does; --help is
 * printed from it. A fault is set from a JSON object (POST /control), or from a command line's
 * SERVICE=NAME[:COUNT|SHARE][,KEY=VALUE...], which becomes such an object first:
 *
 *     {"service": "chat", "fault": "status", "status": 503, "times": 3}
 *
 * A handler asks for the fault that is due, once per call:
 *
 *     const struct fault *fault = faults_take(&faults, SERVICE_CHAT, call, model, reused, &dice);
 *     if (fault && fault_reply(fault, exchange, SHAPE_OPENAI))
 *         return;                       // the answer is made
 *     ... mangle the answer according to fault->kind->id
 *     fault_deliver(fault, exchange);   // how it travels
 *
 * Of several that apply, the one that was set first is taken.
 */
#ifndef UPSIM_FAULTS_H
#define UPSIM_FAULTS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"
#include "upsim/dice.h"
#include "upsim/http.h"
#include "upsim/stats.h"

/* Where a fault may be set: bits of services, and one for parse jobs. */
enum {
    ON_UPLOAD = 1u << SERVICE_UPLOAD,
    ON_STATUS = 1u << SERVICE_STATUS,
    ON_RESULT = 1u << SERVICE_RESULT,
    ON_CHAT = 1u << SERVICE_CHAT,
    ON_EMBEDDINGS = 1u << SERVICE_EMBEDDINGS,
    ON_IMAGES = 1u << SERVICE_IMAGES,
    ON_MODELS = 1u << SERVICE_MODELS,
    ON_DOWNLOAD = 1u << SERVICE_DOWNLOAD,
    ON_JOB = 1u << SERVICE_COUNT, /* what becomes of a file that was taken */
    ON_LLAMAPARSE = ON_UPLOAD | ON_STATUS | ON_RESULT,
    ON_OPENAI = ON_CHAT | ON_EMBEDDINGS | ON_IMAGES | ON_MODELS,
    ON_CALLS = ON_LLAMAPARSE | ON_OPENAI | ON_DOWNLOAD,
};

enum fault_id {
    /* the answer is another one */
    FAULT_STATUS, /* all rows that are a status and an error's words */
    FAULT_HTML,
    FAULT_ERROR_STRING,
    FAULT_DETAIL,
    FAULT_GARBAGE,
    FAULT_EMPTY,
    FAULT_REDIRECT,
    /* the answer is right, and travels badly */
    FAULT_LATENCY,
    FAULT_HEADERS,
    FAULT_HANG,
    FAULT_RESET_FIRST,
    FAULT_CLOSE_FIRST,
    FAULT_STALE,
    FAULT_CUT,
    FAULT_RESET,
    FAULT_STALL,
    FAULT_BYTE_CHUNKS,
    FAULT_DRIP,
    FAULT_BIG,
    /* a field or a schema is refused, if the request has it */
    FAULT_UNKNOWN_PARAMETER,
    FAULT_UNSUPPORTED_PARAMETER,
    FAULT_UNSUPPORTED_VALUE,
    FAULT_UNCODED_PARAMETER,
    FAULT_BAD_SCHEMA,
    FAULT_NO_JSON_SCHEMA,
    /* chat: what the model says */
    FAULT_SSE_ERROR,
    FAULT_NO_DONE,
    FAULT_SSE_CRLF,
    FAULT_SSE_CR,
    FAULT_SSE_COMMENTS,
    FAULT_STREAM_IGNORED,
    FAULT_FINISH_LENGTH,
    FAULT_CONTENT_FILTER,
    FAULT_REFUSAL,
    FAULT_EMPTY_CONTENT,
    FAULT_FENCED,
    FAULT_PROSE,
    FAULT_THINK,
    FAULT_TRAILING_COMMA,
    FAULT_NOT_JSON,
    FAULT_TRAIT_RANGE,
    FAULT_MISSING_ARRAY,
    FAULT_WRONG_TYPE,
    FAULT_WRONG_NAMES,
    FAULT_FEWER_SCENES,
    FAULT_MORE_SCENES,
    FAULT_NO_USAGE,
    FAULT_ERROR_NULL,
    FAULT_TOOLS_IGNORED,
    /* pictures */
    FAULT_URL,
    FAULT_URL_EXPIRED,
    FAULT_URL_REDIRECT,
    FAULT_NO_PICTURE,
    FAULT_BAD_BASE64,
    FAULT_NOT_AN_IMAGE,
    /* embeddings */
    FAULT_OUT_OF_ORDER,
    FAULT_BASE64,
    FAULT_FLOATS,
    FAULT_WRONG_DIMENSION,
    FAULT_ONE_MISSING,
    /* parse jobs */
    FAULT_JOB_PENDING,
    FAULT_JOB_NEVER,
    FAULT_JOB_PARTIAL,
    FAULT_JOB_ERROR,
    FAULT_JOB_CANCELLED,
    FAULT_JOB_LOST,
    FAULT_JOB_ODD_STATUS,
    FAULT_JOB_NO_MARKDOWN,
    FAULT_JOB_NO_TEXT,
    /* models */
    FAULT_SHUTDOWN_DATE,
};

struct fault_kind {
    const char *name;
    enum fault_id id;
    unsigned where;
    int status;                                /* unless the request to set it says another */
    const char *type, *code, *param, *message; /* likewise; NULL: null */
    const char *help;
};

enum {
    FAULTS_MAX = 64,
    FAULT_WORD_BYTES = 128,
    FAULT_TEXT_BYTES = 512,
    FAULT_HEADERS_BYTES = 2048,
};

struct fault {
    const struct fault_kind *kind;
    unsigned where;
    /* when it is due */
    int64_t times;                                        /* left; -1: always */
    uint64_t after;                                       /* calls to leave alone first */
    double share;                                         /* of the calls that would have it */
    char call[FAULT_WORD_BYTES], model[FAULT_WORD_BYTES]; /* "": any */
    /* what it does */
    uint64_t ms; /* waits as long before anything else */
    int status;
    char type[FAULT_WORD_BYTES], code[FAULT_WORD_BYTES], param[FAULT_WORD_BYTES]; /* "": null */
    char message[FAULT_TEXT_BYTES];
    char headers[FAULT_HEADERS_BYTES];                         /* whole lines */
    char retry_after[32], retry_after_ms[32], should_retry[8]; /* header values; "": none */
    int64_t retry_date_s;      /* Retry-After as a date so far from now; -1: none */
    char to[FAULT_TEXT_BYTES]; /* a URL or a date */
    uint64_t bytes, interval_ms, polls;
    uint64_t taken;
};

struct faults {
    struct fault list[FAULTS_MAX];
    size_t count;
};

/* How an error is worded. */
enum error_shape { SHAPE_LLAMAPARSE, SHAPE_OPENAI, SHAPE_STORAGE };

/* Adds one; false with a sentence for whoever asked when it is not understood. */
bool faults_add(struct faults *faults, const cJSON *object, char complaint[FAULT_TEXT_BYTES]);
bool faults_add_text(struct faults *faults, const char *text, char complaint[FAULT_TEXT_BYTES]);

void faults_reset(struct faults *faults);

/* The fault that is due for this call, or NULL. `service` may be SERVICE_COUNT for a job. It stays
 * valid until the next faults_add or faults_reset. */
const struct fault *faults_take(struct faults *faults, unsigned service, const char *call,
                                const char *model, bool reused, struct dice *dice);

/* Is it this one? `fault` may be NULL. */
bool fault_is(const struct fault *fault, enum fault_id id);

/* Appends a JSON array of those that are set. */
void faults_print(const struct faults *faults, struct buffer *out);

/* --- fault_kinds.c ---------------------------------------------------------------------------- */

/* The row with this name that may be set at one of these places, or NULL. */
const struct fault_kind *fault_kind_find(const char *name, unsigned where);

void faults_print_help(FILE *file);

/* --- fault_reply.c ---------------------------------------------------------------------------- */

/* Makes the whole answer, where the fault is one that does. */
bool fault_reply(const struct fault *fault, struct exchange *exchange, enum error_shape shape);

/* Sees to latency, headers and the way the answer travels; `fault` may be NULL. */
void fault_deliver(const struct fault *fault, struct exchange *exchange);

/* An error in a vendor's words. Empty or NULL words are null. */
void reply_error(struct exchange *exchange, enum error_shape shape, int status, const char *type,
                 const char *code, const char *param, const char *message);

#endif
