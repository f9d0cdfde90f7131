/*
 * jobs.h: the files that were taken to be parsed, and what comes of them.
 *
 *     struct job *job = jobs_add(&jobs, is_v2, &dice);
 *     job_take_file(&jobs, job, file);      // its digest, and its text if it is one
 *     job->ready_ms = ...;
 *     jobs_started(&jobs, job, now, cache);
 *
 * A job is found by the number in its id. It is running until its time has come, whether anyone
 * looks or not: that is what the vendor's own queue would see.
 */
#ifndef UPSIM_JOBS_H
#define UPSIM_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "upsim/dice.h"
#include "upsim/faults.h"
#include "upsim/form.h"

enum {
    JOBS_MAX = 16 * 1024, /* remembered; the oldest is forgotten first */
    JOB_ID_BYTES = 48,
};
#define JOB_TEXT_BYTES_MAX  ((size_t)4 << 20)   /* kept of a text file */
#define JOBS_TEXT_BYTES_MAX ((size_t)256 << 20) /* kept of all of them */

/* What became of a file, or will. */
struct job {
    char id[JOB_ID_BYTES]; /* "" in a free place */
    unsigned char digest[32];
    char *text; /* of a text file, owned; NULL: a business case is made up from the digest */
    size_t text_length;
    char filename[FORM_WORD_BYTES];
    bool is_v2, fast_tier, cache_hit;
    uint64_t ready_ms;   /* loop time */
    uint64_t polls_left; /* that find it pending, whatever the time */
    bool forever;        /* pending */
    bool ended;          /* it is no longer counted as running */
    enum fault_id fault; /* FAULT_LATENCY: none */
    char code[FAULT_WORD_BYTES], message[FAULT_TEXT_BYTES];
};

struct jobs {
    struct job places[JOBS_MAX]; /* a ring: the number of a job is part of its id */
    uint64_t created, cache_hits;
    uint64_t first_running; /* no job before it is running */
    uint64_t running, most_running;
    size_t text_bytes;
};

/* A new job; the oldest may make room for it. */
struct job *jobs_add(struct jobs *jobs, bool is_v2, struct dice *dice);

/* Keeps what the job needs of its file. */
void job_take_file(struct jobs *jobs, struct job *job, const struct form_part *file);

/* Counts it as running. With `cache`, a file that was parsed before is ready at once. */
void jobs_started(struct jobs *jobs, struct job *job, uint64_t now_ms, bool cache);

/* NULL: there is none, or a fault says so. */
struct job *jobs_find(struct jobs *jobs, const char *id);

bool job_is_running(const struct job *job, uint64_t now_ms);
bool job_has_failed(const struct job *job);

/* Looks which jobs have ended by now, so that `running` is right. */
void jobs_update(struct jobs *jobs, uint64_t now_ms);

/* Forgets all. */
void jobs_clear(struct jobs *jobs);

/* --- job_print.c ------------------------------------------------------------------------------ */

/* The result in a form of version 1: "markdown", "text" or "json"; else 404. */
void job_print_result(struct exchange *exchange, const struct job *job, const char *form);

/* The members that version 2's `expand` lists, each after a comma. */
void job_print_expansions(struct exchange *exchange, const struct job *job, const char *list);

#endif
