/*
 * options.h: what can be set at the start, and by POST /control while it runs.
 *
 * One table in options.c; --help is printed from it.
 */
#ifndef UPSIM_OPTIONS_H
#define UPSIM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "upsim/dice.h"

enum { MARK_BYTES = 64 };

/* Milliseconds, drawn anew for each call. */
struct range {
    uint64_t low, high;
};

struct options {
    int port;
    struct range upload_ms, parse_ms, poll_ms;    /* the upload's answer, the job, other answers */
    struct range analysis_ms, scenes_ms, chat_ms; /* to the first token */
    struct range image_ms, embed_ms;
    uint64_t tokens_per_second; /* 0: all at once */
    uint64_t event_tokens;      /* in a streamed chunk */
    bool stream;                /* off: `stream` is refused as an unknown parameter */
    bool parse_cache;           /* the same bytes again are a finished job, at once */
    bool strict;                /* off: as a small local server, it takes any field and model */
    uint64_t seed;
    uint64_t scenes;      /* in an answer where the request does not say how many */
    uint64_t image_bytes; /* at least, of a picture before base64 */
    uint64_t url_ttl_ms;  /* of a picture's URL */
    uint64_t idle_ms;     /* connections idle for as long are closed; 0: never */
    char fence_open[MARK_BYTES], fence_close[MARK_BYTES], fence_end[MARK_BYTES];
};

void options_init(struct options *options);

/* Sets one by its name without dashes; NULL, or a static text saying what is allowed. */
const char *options_set(struct options *options, const char *name, const char *value);

void options_print_help(FILE *file);

uint64_t range_draw(const struct range *range, struct dice *dice);

#endif
