/*
 * parse_files.h: the files of an upload to text: the main one and its context files, side by side.
 *
 * The main file's failure is the operation's, its detail beginning with "Failed to parse PDF: ".
 * A context file that cannot be read contributes a note that names it. FILE_PROCESSING_TIMEOUT
 * bounds the whole.
 */
#ifndef PIPELINE_PARSE_FILES_H
#define PIPELINE_PARSE_FILES_H

#include "pipeline/extract.h"

struct parse_files {
    struct op op;
    struct pipeline_tools *tools;
    struct arena *arena;             /* the request's */
    const struct input_file *inputs; /* [0] is the main file */
    size_t input_count;
    struct gate_rank rank;    /* of the main file; the others stand behind it in their order */
    struct extract *extracts; /* one per input */
    /* results, in `arena` or in the extracts until parse_files_clear */
    struct slice main_text;
    struct slice *context_texts; /* of those that could be read */
    size_t context_count;
    const char **notes; /* "[Context file ... could not be read: ...]" */
    size_t note_count;
    double queue_seconds; /* the longest wait at a gate */
};

void parse_files_start(struct parse_files *files, struct op_link link, struct pipeline_tools *tools,
                       struct arena *arena, const struct input_file *inputs, size_t input_count,
                       const struct gate_rank *rank);

/* After it has finished: frees the texts. Nothing happens for one that is `{0}`. */
void parse_files_clear(struct parse_files *files);

#endif
