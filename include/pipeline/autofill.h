/*
 * autofill.h: an upload to its personas in seconds, for a form that fills itself: a small model
 * reads the beginning of the text.
 *
 *     file ──▶ text ──▶ personas ──▶ done
 *                          └─ failed ─▶ the personas that are always there
 * (model/default_personas.h)
 *
 * Fails as parse_files does. That the personas are not those of the upload is said in the job.
 */
#ifndef PIPELINE_AUTOFILL_H
#define PIPELINE_AUTOFILL_H

#include "pipeline/analysis.h"
#include "pipeline/parse_files.h"

struct autofill {
    struct op op;
    struct job job;
    const struct input_file *input;
    struct parse_files files;
    struct prompt_texts texts;
    struct analysis analysis;
    struct spending_share share;
    /* results */
    struct case_study study; /* title, student_role and figures */
    bool is_fallback;
};

/* The job's arena, rank and deadline are those of the request; `fresh` as in job.h. */
void autofill_start(struct autofill *autofill, struct op_link link, struct pipeline_tools *tools,
                    struct arena *arena, const struct input_file *input,
                    const struct gate_rank *rank, uint64_t deadline_ms, bool fresh);

/* After it has finished: frees texts. Nothing happens for one that is `{0}`. */
void autofill_clear(struct autofill *autofill);

#endif
