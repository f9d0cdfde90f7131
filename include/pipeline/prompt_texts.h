/*
 * prompt_texts.h: the texts of an upload as a model is given them: without page furniture, within a
 * number of characters such as ANALYSIS_INPUT_CHARS.
 *
 * Context files come first, the case study last. Where there is too much text, the case study gets
 * what the context files leave, and never less than half; a warning says so.
 */
#ifndef PIPELINE_PROMPT_TEXTS_H
#define PIPELINE_PROMPT_TEXTS_H

#include "base/cache.h"
#include "io/work.h"
#include "pipeline/parse_files.h"
#include "upstream/openai.h"

/* The bytes of such texts, for all who read them. */
struct prompt_bytes {
    size_t references;
    size_t count;
    struct buffer clean[];
};

struct prompt_bytes *prompt_bytes_hold(struct prompt_bytes *bytes);
/* NULL is fine. */
void prompt_bytes_release(struct prompt_bytes *bytes);

struct prompt_texts {
    struct op op;
    struct job *job;
    const struct parse_files *files;
    int characters_max;
    struct work work;
    struct prompt_bytes *bytes; /* a buffer for each document there may be */
    /* results */
    struct chat_document *documents;       /* [0] is free for the caller's own */
    size_t count;                          /* with that one */
    unsigned char digest[CACHE_KEY_BYTES]; /* of all but that one, for keys */
    bool cut;
};

void prompt_texts_start(struct prompt_texts *texts, struct op_link link, struct job *job,
                        const struct parse_files *files, int characters_max);

/* When nobody asks a model any more: frees the texts. Nothing happens for one that is `{0}`, or the
 * second time. */
void prompt_texts_clear(struct prompt_texts *texts);

#endif
