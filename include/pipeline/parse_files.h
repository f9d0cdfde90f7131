/*
 * parse_files.h: the files of an upload to text: the main one and its context files, side by side.
 *
 * The main file's failure is the operation's, its detail beginning with "Failed to parse PDF: ".
 * A context file that cannot be read is said so in the job's warnings. FILE_PROCESSING_TIMEOUT and
 * the job's deadline bound the whole.
 */
#ifndef PIPELINE_PARSE_FILES_H
#define PIPELINE_PARSE_FILES_H

#include "pipeline/file_text.h"
#include "pipeline/job.h"

struct parse_files {
    struct op op;
    struct job *job;
    const struct input_file *inputs; /* [0] is the main file */
    size_t input_count;
    struct file_text *files; /* one per input */
    /* results: texts in `files` until parse_files_clear */
    struct slice main_text;
    struct slice *context_texts; /* of those that could be read */
    size_t context_count;
    const char *notes; /* a line in brackets for each that could not; "" for none */
};

/* `job->rank` is the main file's; the others stand behind it in their order. */
void parse_files_start(struct parse_files *files, struct op_link link, struct job *job,
                       const struct input_file *inputs, size_t input_count);

/* After it has finished: frees the texts. Nothing happens for one that is `{0}`. */
void parse_files_clear(struct parse_files *files);

#endif
