/*
 * saving.h: a finished case study to the database: its pictures are kept, then its rows are added.
 *
 *     saving_start(&p->saving, need(op), &job, &study, &draft_sources);
 *     ... // in the next step: p->saving.save.id
 *     saving_clear(&p->saving);
 *
 *     keep pictures ──▶ save ──▶ report
 *
 * Pictures come first, so that no row names what the quota may remove. Where the save fails they
 * stay: their names are made from their bytes, so another row may have them, and who tries again
 * will.
 *
 * Fails as scenario_save.h says, the detail beginning with "The scenario was not saved: ", or with
 * what else is known.
 */
#ifndef PIPELINE_SAVING_H
#define PIPELINE_SAVING_H

#include "pipeline/illustration.h"
#include "pipeline/parse_files.h"
#include "store/scenario_save.h"

/* The reply to a request that may be repeated (scenario_draft.h). `print` is called when all of it
 * is known but the scenario's id, and answers with what comes behind that, in memory that lasts. */
struct saving_reply {
    const unsigned char *key, *fingerprint;
    const char *(*print)(void *context);
    void *context;
};

/* What is saved beside the study. Borrowed until it has finished. */
struct saving_sources {
    const struct parse_files *files;
    const struct illustration *illustration; /* `{0}`: there are no pictures */
    const char *base_url;                    /* before the pictures' paths */
    int64_t user_id;                         /* 0: nobody's */
    const struct saving_reply *reply;        /* NULL: it is not kept */
    uint64_t deadline_ms;                    /* loop time: when the last try has to be over */
};

struct saving {
    struct op op;
    struct scenario_save save; /* its `id` is the result */
    /* private */
    struct job *job;
    struct case_study *study;
    struct saving_sources sources;
    struct scenario_draft draft;
    struct scenario_reply reply;
    struct work keeping;
    enum err *kept; /* of each scene's picture */
};

/* `study` has its pictures as names in the image store; one that is gone is taken out of it, with a
 * warning. */
void saving_start(struct saving *saving, struct op_link link, struct job *job,
                  struct case_study *study, const struct saving_sources *sources);

/* After it has finished. Nothing happens for one that is `{0}`. */
void saving_clear(struct saving *saving);

#endif
