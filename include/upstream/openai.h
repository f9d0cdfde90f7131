/*
 * openai.h: chat completions, of OpenAI and of servers that are compatible with it.
 *
 *     struct openai openai;
 *     if (openai_init(&openai, &upstream, config->prices, &error) != OK) ...       // once
 *
 *     chat_call_start(&p->chat, try(op), &openai, &(struct chat_request){
 *         .name = "analysis", .models = "gpt-6-luna, gpt-4o", .system = system, .user = user,
 *         .documents = documents, .document_count = 2, .closing = closing,
 *         .schema_name = "analysis", .schema = schema_analysis, .output_tokens_max = 8000,
 *         .stream = true, .total_ms = 180000, .check = check_analysis, .context = p},
 *         &rank, deadline_ms);
 *     ... // in the next step
 *     if (op_error(&p->chat.call.op)->code == OK)
 *         ...                                           // p->chat.content
 *     const struct token_usage usage = chat_call_usage(&p->chat); // also of one that failed
 *     chat_call_clear(&p->chat);
 *
 * The prompt is the user's text, then each document in its fence (fence.h) below its title, then
 * the closing words: what never changes comes first, so that the service can cache it.
 *
 * Optional fields that a model refuses are left out and remembered (capabilities.h). So is how it
 * can be held to a schema: strictly, loosely, to JSON of any kind, or by words alone.
 *
 * An answer is unusable if it is empty, cut at the token limit, or fails `check`; then there is one
 * more try: with twice the limit, or with the answer and the complaint added to the conversation.
 * An answer that is cut when there is no other try is shown to `check` as it is: what is whole in
 * it may do. Refusals and content filters end the call with ERR_REFUSED. A stream that ends before
 * the answer does is a fault of the connection.
 */
#ifndef UPSTREAM_OPENAI_H
#define UPSTREAM_OPENAI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/text.h"
#include "upstream/capabilities.h"
#include "upstream/chunk_frame.h"
#include "upstream/fence.h"
#include "upstream/prices.h"
#include "upstream/sse.h"
#include "upstream/upstream.h"

enum {
    CHAT_MODELS_MAX = 8,                /* in one list of fallbacks */
    CHAT_DOCUMENTS_MAX = 1024,          /* more than MAX_FILES can be set to */
    CHAT_INPUT_BYTES_MAX = 8 << 20,     /* of all texts of a request: eight times the largest prompt
                                           any model takes */
    CHAT_CONTENT_BYTES_MAX = 256 << 10, /* of an answer, some 60,000 tokens: `check` reads it on the
                                           loop */
    CHAT_IDLE_MS = 30 * 1000,           /* a stream is never that long without a byte */
};

/* What all chat calls share; lives as long as the server. */
struct openai {
    struct upstream *upstream;
    struct prices prices;
    struct capabilities capabilities;
    struct fence fence;
};

/* `prices` as prices.h has them. ERR_RANGE: they are wrong. */
MUST_CHECK enum err openai_init(struct openai *openai, struct upstream *upstream,
                                const char *prices, struct error *error);
void openai_clear(struct openai *openai);

/* A text from outside. */
struct chat_document {
    const char *title; /* ours, such as "CASE STUDY" */
    struct slice text; /* clean UTF-8 */
};

struct chat_call;

/* What it points to is borrowed until the call has finished; texts are clean UTF-8. */
struct chat_request {
    const char *name;   /* of the call, for logs: "analysis" */
    const char *models; /* by preference, with commas between */
    const char *system;
    const char *user; /* the same for each request of this name: documents come below */
    const struct chat_document *documents;
    size_t document_count;
    const char *closing;           /* behind the documents; NULL: nothing */
    const char *schema_name;       /* [A-Za-z0-9_-]{1,64}; NULL: prose is wanted */
    const char *schema;            /* JSON Schema, as text */
    unsigned output_tokens_max;    /* reasoning included; 0: the service's own */
    double temperature;            /* 0 to 2; negative: the service's own */
    const char *reasoning_effort;  /* "none", "low", ...; NULL: the service's own */
    const char *safety_identifier; /* a hash of who asks; NULL: none; for OpenAI alone */
    bool stream;
    uint64_t idle_ms;  /* while streaming, without a byte; 0: CHAT_IDLE_MS */
    uint64_t total_ms; /* of one try */

    /* Is the content what was asked for? Else any error, and what was wrong with it, in sentences
     * for the model, which live as long as the call. Sees each answer once, and may keep what it
     * read: a better one need not come. NULL: anything but nothing will do. */
    enum err (*check)(struct chat_call *chat, const char **complaint_out);
    /* Called with each piece of the content as it comes; `length` 0: a new try begins, and what
     * came before is void. May not start or clear operations. NULL: nobody listens. */
    void (*on_content)(struct chat_call *chat, const char *text, size_t length);
    void *context; /* for both */
};

/* What is being read of one try's response. Private. */
struct chat_reading {
    enum { CHAT_FORM_UNKNOWN, CHAT_FORM_EVENTS, CHAT_FORM_WHOLE } form;
    struct sse_reader events;
    struct chunk_frame frame; /* of the latest chunk that had content */
    struct buffer whole;      /* a body that is no event stream, though one was asked for */
    bool overflowed;          /* more than we take */
    bool garbled;             /* an event that is not JSON */
    bool has_usage;
    struct token_usage usage;
    bool has_error; /* an error object came, with the words of it: */
    int error_status;
    const char *code, *param, *message; /* in the call's arena; "" */
};

struct chat_call {
    struct upstream_call call;
    /* results */
    struct buffer content;     /* NUL-terminated; data is NULL if nothing came */
    const char *finish_reason; /* "stop", "length", "content_filter", "tool_calls", "other"; "":
                                  none came */
    bool refused;              /* by the model itself or by a filter */
    const char *model;         /* that answered, in the service's words; "" */
    const char *fault; /* of the latest try: "" or "refusal", "content_filter", "length" (also
                          of an answer that was taken all the same), "empty", "not_json",
                          "unusable", "too_large", "cut" */
    bool shortened;    /* the documents had to be, for the model to take them */
    bool input_cut;    /* the service counted so few tokens that it must have cut them */
    /* for `check` and `on_content` */
    struct chat_request request;

    /* private */
    struct openai *openai;
    struct upstream_call_kind kind;
    struct arena arena;
    const char *models[CHAT_MODELS_MAX];
    size_t model_count, model_index;
    char (*marks)[FENCE_MARK_BYTES + 1];
    struct buffer body; /* of the latest request */
    unsigned fields;    /* the optional ones it has: a bit for each */
    int rung;           /* of the ladder of structured output it stands on */
    int refused_field;  /* that the answer was about; -1 */
    unsigned input_divisor;
    unsigned output_tokens;
    const char *effort;
    const char *complaint; /* of `check` about the latest answer; NULL: none */
    const char *rejected;  /* an answer to be repeated with the complaint; NULL: none */
    const char *rejected_why;
    bool in_flight; /* a try is under way whose usage nobody has counted yet */
    struct chat_reading reading;
    struct token_usage usage; /* of the tries that are over */
    double cost_usd;
};

/* `deadline_ms` is in loop time. See upstream.h for how it fails. */
void chat_call_start(struct chat_call *chat, struct op_link link, struct openai *openai,
                     const struct chat_request *request, const struct gate_rank *rank,
                     uint64_t deadline_ms);

/* After it has finished. Nothing happens for one that is `{0}`. */
void chat_call_clear(struct chat_call *chat);

/* Will the answer that `check` looks at be the last one? Then gaps are better than nothing. */
bool chat_call_is_last(const struct chat_call *chat);

/* Of all tries so far, those cancelled under way too (estimated). The cost is NaN where the price
 * of a model that was used is unknown. */
struct token_usage chat_call_usage(const struct chat_call *chat);
double chat_call_cost_usd(const struct chat_call *chat);

/* What a request costs at most with the first of its models, roughly; NaN: unknown. */
double chat_estimate_usd(const struct openai *openai, const struct chat_request *request);

#endif
