/*
 * offline_study.h: the analysis without a model (model/offline.h) of an upload's files.
 *
 * It is the whole answer where there is no key, and mends what a model left open or failed at.
 */
#ifndef PIPELINE_OFFLINE_STUDY_H
#define PIPELINE_OFFLINE_STUDY_H

#include "io/work.h"
#include "model/case_study.h"
#include "pipeline/parse_files.h"

struct offline_study {
    struct op op;
    struct job *job;
    const struct parse_files *files;
    struct buffer text;      /* all of it, main file first */
    struct work work;        /* its arena holds the case study */
    struct case_study study; /* the result; settled */
};

void offline_study_start(struct offline_study *offline, struct op_link link, struct job *job,
                         const struct parse_files *files);

/* After it has finished: frees the case study. Nothing happens for one that is `{0}`. */
void offline_study_clear(struct offline_study *offline);

#endif
