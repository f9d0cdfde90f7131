/*
 * parse_pdf.h: an upload from its files to the case study.
 *
 *     files ──▶ texts ──▶ analysis ──▶ scenes ──▶ pictures ──▶ report
 *                            │            │
 *                            └─ failed ───┴─▶ that part of the offline analysis
 *
 * Fails as parse_files does, and with ERR_BUDGET where MAX_COST_USD_PER_DAY would be passed. What
 * could not be made as well as it should have been is said in the job, never hidden.
 */
#ifndef PIPELINE_PARSE_PDF_H
#define PIPELINE_PARSE_PDF_H

#include "pipeline/analysis.h"
#include "pipeline/illustration.h"
#include "pipeline/offline_study.h"
#include "pipeline/parse_files.h"
#include "pipeline/scenes.h"

struct parse_pdf {
    struct op op;
    struct job job;
    const struct input_file *inputs;
    size_t input_count;
    struct parse_files files;
    struct prompt_texts texts;
    struct analysis analysis;
    struct scenes scenes;
    struct offline_study offline;
    struct illustration illustration;
    struct spending_share share;
    uint64_t models_ns; /* when the files were read (uv_hrtime) */
    /* results, until parse_pdf_clear */
    struct case_study study; /* pictures as names in the image store */
    const char *model;       /* that made the analysis; "" */
};

/* `inputs` live in `arena` or longer; [0] is the main file. `rank` says whose upload it is and
 * since when; its order is the main file's. `deadline_ms`, in loop time, is when there has to be an
 * answer. */
void parse_pdf_start(struct parse_pdf *parse, struct op_link link, struct pipeline_tools *tools,
                     struct arena *arena, const struct input_file *inputs, size_t input_count,
                     const struct gate_rank *rank, uint64_t deadline_ms);

/* After it has finished: frees texts and case study. Nothing happens for one that is `{0}`. */
void parse_pdf_clear(struct parse_pdf *parse);

#endif
