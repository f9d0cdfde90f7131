/*
 * parsed_answer.h: a file to text at LlamaParse: read there, joined, or kept (answers.h). The key
 * is the file's own digest, so that the same bytes are the same file whatever their name.
 *
 *     parsed_answer_start(&file->answer, try(op), job, input, kind, order, deadline_ms);
 *     ... // in the next step
 *     const struct parsed *parsed = parsed_answer_read(&file->answer);    // until answer_clear
 *
 * Texts of which pages are missing are not kept. Fails as llamaparse.h says.
 */
#ifndef PIPELINE_PARSED_ANSWER_H
#define PIPELINE_PARSED_ANSWER_H

#include "pipeline/extract.h"
#include "pipeline/job.h"

struct parsed {
    bool partial; /* some pages could not be read */
    size_t length;
    char text[]; /* clean UTF-8; a NUL behind it */
};

void parsed_answer_start(struct answer *answer, struct op_link link, struct job *job,
                         const struct input_file *input, enum file_kind kind, unsigned order,
                         uint64_t deadline_ms);
const struct parsed *parsed_answer_read(const struct answer *answer);

#endif
