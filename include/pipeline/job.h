/*
 * job.h: what all parts of the work for one request share: its memory, its place in the queues, its
 * bill, and what came out worse than it should.
 *
 *     struct job job;
 *     job_init(&job, tools, &arena, &rank, deadline_ms);
 *     parse_files_start(&files, need(op), &job, inputs, count);
 *     ...
 *     job_degrade(&job, DEGRADED_SCENES, "Scenes were made from the text: %s", why);
 */
#ifndef PIPELINE_JOB_H
#define PIPELINE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/tools.h"
#include "upstream/bill.h"

/* Parts of a reply that may be less than they should be; in the order of X-Degraded. */
enum degraded_part {
    DEGRADED_PARSE = 1 << 0,
    DEGRADED_CONTEXT = 1 << 1,
    DEGRADED_ANALYSIS = 1 << 2,
    DEGRADED_SCENES = 1 << 3,
    DEGRADED_IMAGES = 1 << 4,
};

enum { JOB_WARNINGS_MAX = 80 /* two for each file that an upload may have, and more */ };

struct job {
    struct pipeline_tools *tools;
    struct arena *arena; /* the request's */
    struct gate_rank rank;
    uint64_t deadline_ms; /* loop time: paid calls end by then, so that there can be an answer */
    struct bill bill;     /* what was used so far */
    bool fresh;           /* no answer that is kept, or made for another, will do */
    bool paid;            /* for a call of its own */
    bool shared;          /* it waited for a call of another request */
    double queue_seconds; /* waited at gates, one after the other */
    unsigned degraded;    /* of enum degraded_part */
    const char *warnings[JOB_WARNINGS_MAX];
    size_t warning_count;
};

void job_init(struct job *job, struct pipeline_tools *tools, struct arena *arena,
              const struct gate_rank *rank, uint64_t deadline_ms);

/* When paid calls have to end, so that there can still be an answer by `deadline_ms`: a tenth of
 * the time before, and five seconds at most. */
uint64_t job_deadline_ms(struct loop *loop, uint64_t deadline_ms);

/* A wish for an answer, with the job's place in the queues (`order` within it) and its deadline. */
struct answer_wish job_wish(const struct job *job, const struct shared_call_kind *kind,
                            const void *question, const unsigned char *key, unsigned order);
/* When an answer has finished: adds what it cost, and how it came. Its waiting is the caller's to
 * add, as answers may wait side by side. */
void job_add_answer(struct job *job, const struct answer *answer);

/* Says in the reply that a part is less than it should be, and why; 0 for a warning alone. */
void job_degrade(struct job *job, unsigned part, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The names of the parts that are set, as X-Degraded has them: "analysis, scenes"; "" for none. */
const char *degraded_names(unsigned degraded, struct arena *arena);

#endif
