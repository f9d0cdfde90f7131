/*
 * llamaparse.h: a file to text at LlamaCloud: upload, poll, fetch.
 *
 *     struct llamaparse parser;                                    // once
 *     llamaparse_init(&parser, &upstream, &settings);
 *
 *     parse_job_start(&job, try(op), &parser, &(struct parse_file){...}, &rank, deadline_ms);
 *     ... // in the next step: job.text, job.partial
 *     parse_job_clear(&job);
 *
 *     llamaparse_stop(&parser);    // at the end: jobs that nobody waits for are let go
 *
 *     enter ──▶ upload ──▶ poll ◀─┐──▶ fetch
 *                           └─────┘
 *
 * A job holds one place at the gate from its upload to its end. One whose client goes runs on at
 * the service, which knows no cancel; so its place is kept, and its polls go on, until it has ended
 * or `afterlife_ms` are over.
 *
 * ERR_UNPROCESSABLE where the file itself is at fault; its detail is a clause such as "the PDF is
 * protected: remove its password (PDF_IS_PROTECTED)". ERR_DEADLINE where the service's queue was
 * too long, or ours. Else what upstream.h says.
 */
#ifndef UPSTREAM_LLAMAPARSE_H
#define UPSTREAM_LLAMAPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "io/spool.h"
#include "upstream/upstream.h"

struct llamaparse_settings {
    int version;               /* 1 or 2: of the API */
    const char *tier;          /* v2: "cost_effective", ... */
    bool cache;                /* repeats within 48 hours are free: leave it on */
    unsigned polls_per_minute; /* all jobs together; 0: no cap */
    uint64_t afterlife_ms;     /* of a job that nobody waits for: 60 s */
};

/* Lives as long as the server. */
struct llamaparse {
    struct upstream *upstream;
    struct llamaparse_settings settings; /* `version` becomes 2 where 1 is served no more */
    struct orphan_job *orphans;          /* that nobody waits for */
};

void llamaparse_init(struct llamaparse *parser, struct upstream *upstream,
                     const struct llamaparse_settings *settings);
/* Cancels what goes on for nobody: their places are free once the loop has gone on a little. */
void llamaparse_stop(struct llamaparse *parser);

/* Borrowed until the job has finished. */
struct parse_file {
    const char *name;
    const char *content_type; /* "": not known */
    struct spool_file *file;  /* settled */
};

struct parse_job {
    struct op op;
    /* results */
    struct buffer text;   /* markdown, or text if there is none; bytes as they came */
    bool partial;         /* some pages could not be read: a degraded result */
    unsigned pages;       /* read; 0: the service did not say */
    bool cache_hit;       /* it cost nothing */
    double queue_seconds; /* waited at the gate */
    /* private: to be filled in */
    struct llamaparse *parser;
};

void parse_job_start(struct parse_job *job, struct op_link link, struct llamaparse *parser,
                     const struct parse_file *file, const struct gate_rank *rank,
                     uint64_t deadline_ms);
/* After it has finished. Nothing happens for one that is `{0}`. */
void parse_job_clear(struct parse_job *job);

#endif
