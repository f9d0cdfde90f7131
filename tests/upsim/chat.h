/*
 * chat.h: a chat completion between its parts: chat.c reads the request and has it answered,
 * chat_print.c puts the answer into the vendor's shapes, whole or as a stream.
 */
#ifndef UPSIM_CHAT_H
#define UPSIM_CHAT_H

#include "upsim/upsim.h"

enum { TOKEN_BYTES = 4 };

struct chat {
    struct upsim *upsim;
    struct exchange *exchange;
    struct openai_call call;
    const char *name;    /* "analysis", "scenes", ... */
    const char *tool;    /* the function that is called; NULL: none */
    const cJSON *schema; /* of the answer; NULL: prose */
    cJSON *own_schema;   /* to be freed */
    bool stream, include_usage;
    struct buffer system, user; /* what the sides of the prompt say */
    const char *document;       /* what the names are looked for in */
    size_t document_length;
    uint64_t seed;         /* of the answer, from the document */
    struct buffer content; /* what the model says */
    const char *refusal, *finish_reason;
    uint64_t prompt_tokens, completion_tokens;
};

/* Fills the answer of the exchange, and the pace of a stream. */
void chat_print(struct chat *chat);

#endif
