/*
 * prompt_texts.h: the texts of an upload as a model is given them: without page furniture, within
 * ANALYSIS_INPUT_CHARS.
 *
 * Context files come first, the case study last. Where there is too much text, the case study gets
 * what the context files leave, and never less than half; a warning says so.
 */
#ifndef PIPELINE_PROMPT_TEXTS_H
#define PIPELINE_PROMPT_TEXTS_H

#include "io/work.h"
#include "pipeline/parse_files.h"
#include "upstream/openai.h"

struct prompt_texts {
    struct op op;
    struct job *job;
    const struct parse_files *files;
    struct work work;
    struct buffer *clean; /* `clean_count`: one for each document there may be */
    size_t clean_count;
    /* results */
    struct chat_document *documents; /* [0] is free for the caller's own */
    size_t count;                    /* with that one */
    bool cut;
};

void prompt_texts_start(struct prompt_texts *texts, struct op_link link, struct job *job,
                        const struct parse_files *files);

/* When nobody asks a model any more: frees the texts. Nothing happens for one that is `{0}`, or the
 * second time. */
void prompt_texts_clear(struct prompt_texts *texts);

#endif
