/*
 * analysis.h: text to personas, scenes and learning outcomes.
 *
 * In this version the analysis is the offline one (model/offline.h); `degraded` says which parts a
 * model would have made better, `warnings` says why.
 */
#ifndef PIPELINE_ANALYSIS_H
#define PIPELINE_ANALYSIS_H

#include "io/work.h"
#include "model/case_study.h"
#include "pipeline/parse_files.h"

struct analysis {
    struct op op;
    struct pipeline_tools *tools;
    const struct parse_files *files;
    struct buffer text; /* all of it, main file first */
    struct work work;   /* its arena holds the case study */
    struct case_study study;
};

void analysis_start(struct analysis *analysis, struct op_link link, struct pipeline_tools *tools,
                    const struct parse_files *files);

/* After it has finished: frees the case study. Nothing happens for one that is `{0}`. */
void analysis_clear(struct analysis *analysis);

#endif
