/*
 * analysis.h: a model's analysis of an upload's texts: title, role, figures, outcomes; or only who
 * is in them.
 *
 *     analysis_start(&p->analysis, try(op), job, &p->texts, ANALYSIS_WHOLE);
 *     ... // in the next step
 *     if (op_error(&p->analysis.op)->code == OK)
 *         ...                                        // p->analysis.study; gaps: p->analysis.faults
 *
 * Fails as chat calls do. An answer that leaves out what was asked for is asked for once more; what
 * is then still missing is told in `faults`, for the caller to mend. Where only the second asking
 * fails, the first answer stands.
 */
#ifndef PIPELINE_ANALYSIS_H
#define PIPELINE_ANALYSIS_H

#include "pipeline/chat_answer.h"

enum analysis_extent {
    ANALYSIS_WHOLE,
    ANALYSIS_PERSONAS, /* title, role and figures, in short, by FAST_MODEL: seconds matter */
};

struct analysis {
    struct op op;
    struct job *job;
    const struct prompt_texts *texts;
    enum analysis_extent extent;
    struct chat_question question;
    struct answer answer;
    /* results, in the job's arena */
    struct case_study study; /* without scenes; settled */
    struct answer_faults faults;
    const char *model; /* that answered; "" */
};

void analysis_start(struct analysis *analysis, struct op_link link, struct job *job,
                    const struct prompt_texts *texts, enum analysis_extent extent);

/* What the calls of an analysis and of its scenes cost at most, roughly; NaN: not known. */
double analysis_estimate_usd(const struct job *job, const struct prompt_texts *texts);

#endif
