/*
 * openai_parts.h: what the files of the chat client share. Private to them; see openai.h.
 *
 *     openai.c          the call: its life, its models, what it cost
 *     openai_request.c  a request's fields and body
 *     openai_reading.c  a response, whole or as a stream, to content, usage or an error
 *     openai_judge.c    what a try came to, and what is learned of it
 */
#ifndef UPSTREAM_OPENAI_PARTS_H
#define UPSTREAM_OPENAI_PARTS_H

#include <cjson/cJSON.h>

#include "upstream/openai.h"

/* Responses are read on the loop, so the longest has to be read in a few milliseconds. */
enum {
    CHAT_WHOLE_BYTES_MAX = 512 << 10, /* no stream: escaped content, and thinking beside it */
    CHAT_ERROR_BYTES_MAX = 64 << 10,  /* of an error with words in it that are looked at */
};

/* Optional fields: those a server may refuse, and which are left out then. */
#define CHAT_FIELD_TABLE(X)                                                                        \
    X(CHAT_MAX_COMPLETION_TOKENS, "max_completion_tokens")                                         \
    X(CHAT_MAX_TOKENS, "max_tokens")                                                               \
    X(CHAT_TEMPERATURE, "temperature")                                                             \
    X(CHAT_REASONING_EFFORT, "reasoning_effort")                                                   \
    X(CHAT_STREAM, "stream")                                                                       \
    X(CHAT_STREAM_OPTIONS, "stream_options")                                                       \
    X(CHAT_OBFUSCATION, "stream_options.include_obfuscation")                                      \
    X(CHAT_CACHE_KEY, "prompt_cache_key")                                                          \
    X(CHAT_SAFETY_IDENTIFIER, "safety_identifier")                                                 \
    X(CHAT_RESPONSE_FORMAT, "response_format")

enum chat_field {
#define X(field, name) field,
    CHAT_FIELD_TABLE(X)
#undef X
        CHAT_FIELD_COUNT,
    CHAT_INPUT /* no field: the documents, which are too long for the model */
};

extern const char *const chat_field_names[CHAT_FIELD_COUNT];

/* How the answer is held to the schema, the surest way first. */
enum chat_rung { RUNG_STRICT, RUNG_SCHEMA, RUNG_OBJECT, RUNG_WORDS, RUNG_COUNT };

/* The words by which the ways are remembered as refused. */
extern const char *const chat_rung_names[RUNG_COUNT];

const char *chat_model(const struct chat_call *chat);

/* May this field, or rung, be sent to the model? */
bool chat_allows(const struct chat_call *chat, const char *what);

void chat_refuse(struct chat_call *chat, const char *what, uint64_t for_ms);

/* Fills chat->body, fields and rung for the next try. */
void chat_print_body(struct chat_call *chat);

/* Begins to read a response. */
void chat_reading_begin(struct chat_call *chat);
void chat_reading_clear(struct chat_call *chat);

/* http_request.on_data, for streams. */
bool chat_on_data(struct op *op, const char *bytes, size_t length, void *context);

/* A whole body: a completion, or an error. False: neither. */
bool chat_read_whole(struct chat_call *chat, const char *bytes, size_t length);

/* Adds up what the try cost: by the service's own count, else, if it was `paid`, by an estimate. */
void chat_account(struct chat_call *chat, bool paid);

/* Of upstream_call_kind. */
void chat_read(struct upstream_call *call, struct outcome *out);
void chat_adapt(struct upstream_call *call, const struct outcome *outcome);

#endif
