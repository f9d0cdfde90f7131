/*
 * parse_pdf.h: an upload from its files to the case study.
 *
 *     files ──▶ analysis ──▶ report
 *
 * Fails as parse_files does. What could not be made as well as it should have been is said in
 * `degraded` and `warnings`, never hidden.
 */
#ifndef PIPELINE_PARSE_PDF_H
#define PIPELINE_PARSE_PDF_H

#include "pipeline/analysis.h"
#include "pipeline/parse_files.h"

/* Parts of a reply that may be less than they should be; in the order of X-Degraded. */
enum degraded_part {
    DEGRADED_PARSE = 1 << 0,
    DEGRADED_CONTEXT = 1 << 1,
    DEGRADED_ANALYSIS = 1 << 2,
    DEGRADED_SCENES = 1 << 3,
    DEGRADED_IMAGES = 1 << 4,
};

enum { PARSE_WARNINGS_MAX = 40 };

struct parse_pdf {
    struct op op;
    struct pipeline_tools *tools;
    struct arena *arena; /* the request's */
    const struct input_file *inputs;
    size_t input_count;
    struct gate_rank rank;
    struct parse_files files;
    struct analysis analysis;
    unsigned degraded; /* of enum degraded_part */
    const char *warnings[PARSE_WARNINGS_MAX];
    size_t warning_count;
};

/* `inputs` live in `arena` or longer; [0] is the main file. `rank` says whose upload it is and
 * since when; its order is the main file's. */
void parse_pdf_start(struct parse_pdf *parse, struct op_link link, struct pipeline_tools *tools,
                     struct arena *arena, const struct input_file *inputs, size_t input_count,
                     const struct gate_rank *rank);

/* After it has finished: frees texts and case study. Nothing happens for one that is `{0}`. */
void parse_pdf_clear(struct parse_pdf *parse);

/* The names of the parts that are set, as X-Degraded has them: "analysis, scenes"; "" for none. */
const char *degraded_names(unsigned degraded, struct arena *arena);

#endif
