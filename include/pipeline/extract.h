/*
 * extract.h: one uploaded file to clean UTF-8 text, locally.
 *
 * PDF, DOCX and DOC go through a sandboxed child process, at most MAX_CONCURRENT_EXTRACT at once;
 * text files are decoded here. ERR_UNPROCESSABLE when the file itself is at fault; its detail is a
 * clause such as "the PDF is encrypted". ERR_UNSUPPORTED for a kind of file nobody here reads.
 */
#ifndef PIPELINE_EXTRACT_H
#define PIPELINE_EXTRACT_H

#include "io/op.h"
#include "io/spool.h"
#include "io/subprocess.h"
#include "io/work.h"
#include "pipeline/tools.h"

/* A file of the upload, borrowed for the duration. */
struct input_file {
    const char *name;
    const char *content_type; /* "" when the client did not say */
    struct spool_file *file;  /* settled */
};

struct extract {
    struct op op;
    struct pipeline_tools *tools;
    const struct input_file *input;
    struct gate_rank rank; /* at the gate */
    struct arena arena;    /* of the command line */
    enum file_kind kind;
    const char *argv[EXTRACT_ARGUMENTS_MAX];
    struct gate_pass pass;
    struct subprocess child;
    struct work cleaning;
    struct buffer text;   /* the result */
    double queue_seconds; /* waited at the gate */
};

void extract_start(struct extract *extract, struct op_link link, struct pipeline_tools *tools,
                   const struct input_file *input, const struct gate_rank *rank);

/* Is it visibly not what `kind` says, or empty? It costs nothing to ask first. */
MUST_CHECK enum err extract_look(const struct input_file *input, enum file_kind kind,
                                 struct error *error);

/* After it has finished: frees the text. Nothing happens for one that is `{0}`. */
void extract_clear(struct extract *extract);

#endif
