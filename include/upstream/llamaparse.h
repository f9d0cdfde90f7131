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
 *       ┌──────────────────────┬─────────────┐
 *       │ version 1 is gone    │             │ it expired in the service's queue, once
 *       ▼                      │             │
 *     enter ──▶ upload ──▶ poll ──▶ judge ───┴──▶ fetch ──▶ take
 *
 * A job holds one place at the gate from its upload to its end. One whose client goes, or whose
 * time is up, runs on at the service, which knows no cancel; so its place is kept, and its polls go
 * on, until it has ended or `afterlife_ms` are over.
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
#include "io/work.h"
#include "upstream/upstream.h"

enum {
    LLAMAPARSE_ID_BYTES = 128,          /* of a job's, at most; known ones have 36 and 40 */
    LLAMAPARSE_WORD_BYTES = 64,         /* of an error's code; known ones have at most 24 */
    LLAMAPARSE_MESSAGE_BYTES = 120,     /* of what the service says about it */
    LLAMAPARSE_RESULT_BYTES = 64 << 20, /* of the JSON that a text comes in */
    LLAMAPARSE_PARTS_MAX = 3,           /* of an upload's form */
};

struct llamaparse_settings {
    int version;               /* 1 or 2: of the API */
    const char *tier;          /* v2: "cost_effective", ... */
    bool cache;                /* repeats within 48 hours are free: leave it on */
    unsigned polls_per_minute; /* all jobs together; 0: no cap */
    uint64_t afterlife_ms;     /* of a job that nobody waits for: 60 s; 0: it has none */
};

/* Lives as long as the server. */
struct llamaparse {
    struct upstream *upstream;
    struct llamaparse_settings settings; /* `version` becomes 2 where 1 is served no more */
    struct orphan_job *orphans;          /* that nobody waits for */
    bool stopped;                        /* there will be no more of them */
    uint64_t next_turn_ms;               /* of a poll, at the pace of polls_per_minute */
};

void llamaparse_init(struct llamaparse *parser, struct upstream *upstream,
                     const struct llamaparse_settings *settings);
/* Cancels what goes on for nobody: their places are free once the loop has gone on a little. What
 * is cancelled from now on keeps none. */
void llamaparse_stop(struct llamaparse *parser);

/* Borrowed until the job has finished. */
struct parse_file {
    const char *name;
    const char *content_type; /* "": not known */
    struct spool_file *file;  /* settled */
};

enum remote_state {
    REMOTE_RUNNING,
    REMOTE_DONE,
    REMOTE_PARTIAL, /* done, but for some pages */
    REMOTE_FAILED,
    REMOTE_STOPPED, /* cancelled there */
};

/* What the service has to do with a file, as it said last. Plain data: copy it freely. */
struct remote_job {
    int version;                      /* of the API that it was given by */
    char id[LLAMAPARSE_ID_BYTES + 1]; /* safe in a URL; "": there is no job */
    enum remote_state state;
    char code[LLAMAPARSE_WORD_BYTES + 1];       /* of its failure; "" */
    char message[LLAMAPARSE_MESSAGE_BYTES + 1]; /* printable, without the key; "" */
    uint64_t begun_ms;                          /* loop time */
    unsigned polls;                             /* so far */
};

/* Asks about a job until it has ended. Part of a parse_job, and of what is left of one. */
struct parse_poll {
    struct op op;
    struct llamaparse *parser;
    struct gate_pass *pass;
    struct remote_job *remote;
    uint64_t deadline_ms;
    struct upstream_call call; /* the latest poll */
    struct arena arena;
    struct loop_timer rest;
    unsigned failures;      /* in a row */
    unsigned slowdown;      /* how often the wait is doubled, as there were too many calls */
    int64_t server_wait_ms; /* that was asked for with the latest of these; -1: none */
};

/* Gets a job's text: part of a parse_job. */
struct parse_fetch {
    struct op op;
    struct llamaparse *parser;
    struct gate_pass *pass;
    const struct remote_job *remote;
    uint64_t deadline_ms;
    bool plain;    /* text: there is no markdown */
    bool repeated; /* what came could not be read once */
    struct upstream_call call;
    struct work work;
    struct arena arena;
    /* results, by a worker thread */
    struct buffer text;
    bool partial;
    unsigned pages;
    bool cache_hit;
};

struct parse_job {
    struct op op;
    /* results */
    struct buffer text;   /* markdown, or text if there is none; clean UTF-8, not empty */
    bool partial;         /* some pages could not be read: a degraded result */
    unsigned pages;       /* read; 0: the service did not say */
    bool cache_hit;       /* it cost nothing */
    double queue_seconds; /* waited at the gate */

    /* private */
    struct llamaparse *parser;
    struct parse_file file;
    struct gate_rank rank;
    uint64_t deadline_ms;
    struct gate_pass pass;
    struct arena arena;
    struct http_part parts[LLAMAPARSE_PARTS_MAX]; /* of the latest upload */
    struct upstream_call upload;
    struct remote_job remote;
    struct parse_poll poll;
    struct parse_fetch fetch;
    bool expired; /* in the service's queue, once */
    const char *late_detail;
};

/* `deadline_ms` is in loop time: nothing of it goes on past it, an afterlife aside. */
void parse_job_start(struct parse_job *job, struct op_link link, struct llamaparse *parser,
                     const struct parse_file *file, const struct gate_rank *rank,
                     uint64_t deadline_ms);
/* See upstream_call_set_terms. */
void parse_job_set_terms(struct parse_job *job, const struct gate_rank *rank, uint64_t deadline_ms);

/* After it has finished. Nothing happens for one that is `{0}`. */
void parse_job_clear(struct parse_job *job);

#endif
