/*
 * file_text.h: one uploaded file to clean UTF-8 text: by LlamaParse, or here.
 *
 *     read ──▶ judge ──▶ done, or read again by the other one, or failed
 *
 * PDF_PARSER decides who reads: with `auto`, PDF and DOC files go to LlamaParse where it has a key,
 * and are read here where that fails; `llamaparse` and `local` allow one alone. DOCX and text files
 * are always read here. A kind of file that nobody here reads is tried with LlamaParse.
 *
 * When it has finished the file's bytes are gone (spool_file_drop).
 *
 * Fails with ERR_UNPROCESSABLE or ERR_UNSUPPORTED where the file is at fault, in the words of
 * whoever knew more; with PDF_PARSER=llamaparse with LlamaParse's own errors; with ERR_DEADLINE.
 */
#ifndef PIPELINE_FILE_TEXT_H
#define PIPELINE_FILE_TEXT_H

#include "pipeline/parsed_answer.h"

enum reader { READER_NONE, READER_LLAMAPARSE, READER_LOCAL };

enum { READERS_MAX = 2 };

struct file_text {
    struct op op;
    struct job *job;
    const struct input_file *input;
    unsigned order;       /* among the job's files */
    uint64_t deadline_ms; /* loop time */
    enum file_kind kind;
    enum reader plan[READERS_MAX]; /* who reads, and who if that fails */
    size_t turn;                   /* index in the plan */
    struct error errors[READERS_MAX];
    struct answer answer;
    struct extract extract;
    /* results, until file_text_clear */
    struct slice text;
    const struct error *llamaparse_error; /* why it was read here though LlamaParse should have read
                                             it; NULL: all is as it should be */
    bool partial;                         /* some pages could not be read */
    double queue_seconds;
};

void file_text_start(struct file_text *file, struct op_link link, struct job *job,
                     const struct input_file *input, unsigned order, uint64_t deadline_ms);

/* After it has finished: frees the text. Nothing happens for one that is `{0}`. */
void file_text_clear(struct file_text *file);

#endif
