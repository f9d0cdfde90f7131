/*
 * parse_pdf.h: an upload from its files to the case study.
 *
 *     files ──▶ texts ──▶ analysis ──▶ scenes ──▶ pictures ──▶ save, where it is wanted
 *                            │            │
 *                            └─ failed ───┴─▶ that part of the offline analysis
 *
 * Fails as parse_files and saving do, and with ERR_BUDGET where MAX_COST_USD_PER_DAY would be
 * passed. What
 * could not be made as well as it should have been is said in the job, never hidden.
 */
#ifndef PIPELINE_PARSE_PDF_H
#define PIPELINE_PARSE_PDF_H

#include "pipeline/analysis.h"
#include "pipeline/illustration.h"
#include "pipeline/offline_study.h"
#include "pipeline/parse_files.h"
#include "pipeline/saving.h"
#include "pipeline/scenes.h"

/* What is to be done. What it points to lives as long as the request. */
struct parse_pdf_task {
    struct arena *arena;             /* the request's */
    const struct input_file *inputs; /* [0] is the main file */
    size_t input_count;
    struct gate_rank rank; /* whose upload it is and since when; its order is the main file's */
    uint64_t deadline_ms;  /* loop time: when there has to be an answer */
    const char *base_url;  /* before the pictures' paths; no / at its end */
    bool fresh;            /* no answer that is kept, or made for another, will do */
    bool save;             /* needs tools->store */
    int64_t user_id;       /* for whom; 0: nobody known */
    const struct saving_reply *reply; /* to be saved as well; NULL: it is not */
};

struct parse_pdf {
    struct op op;
    struct job job;
    struct parse_pdf_task task;
    struct parse_files files;
    struct prompt_texts texts;
    struct analysis analysis;
    struct scenes scenes;
    struct offline_study offline;
    struct illustration illustration;
    struct saving saving;
    struct spending_share share;
    uint64_t models_ns; /* when the files were read (uv_hrtime) */
    /* results, until parse_pdf_clear */
    struct case_study study;
    const char *model;   /* that made the analysis; "" */
    int64_t scenario_id; /* of what was saved; 0: nothing was */
};

void parse_pdf_start(struct parse_pdf *parse, struct op_link link, struct pipeline_tools *tools,
                     const struct parse_pdf_task *task);

/* The case study as clients are given it, before it has been reported: pictures by their addresses.
 * In the job's arena. */
struct case_study parse_pdf_addressed(const struct parse_pdf *parse);

/* After it has finished: frees texts and case study. Nothing happens for one that is `{0}`. */
void parse_pdf_clear(struct parse_pdf *parse);

#endif
