#include "pipeline/job.h"

#include <stdarg.h>
#include <string.h>

enum {
    ANSWER_MS = 5000,  /* before the deadline paid calls end, for what is still to be done */
    ANSWER_SHARE = 10, /* or a tenth of the time, if that is less */
};

static const struct {
    unsigned part;
    const char *name;
} degraded_parts[] = {
    {DEGRADED_PARSE, "parse"},   {DEGRADED_CONTEXT, "context"}, {DEGRADED_ANALYSIS, "analysis"},
    {DEGRADED_SCENES, "scenes"}, {DEGRADED_IMAGES, "images"},
};

void job_init(struct job *job, struct pipeline_tools *tools, struct arena *arena,
              const struct gate_rank *rank, uint64_t deadline_ms)
{
    memset(job, 0, sizeof(*job));
    job->tools = tools;
    job->arena = arena;
    job->rank = *rank;
    job->deadline_ms = deadline_ms;
}

uint64_t job_deadline_ms(struct loop *loop, uint64_t deadline_ms)
{
    const uint64_t now = loop_now_ms(loop);
    const uint64_t left = deadline_ms > now ? deadline_ms - now : 0;
    const uint64_t kept = left / ANSWER_SHARE < ANSWER_MS ? left / ANSWER_SHARE : ANSWER_MS;
    return deadline_ms - kept;
}

struct answer_wish job_wish(const struct job *job, const struct shared_call_kind *kind,
                            const void *question, const unsigned char *key, unsigned order)
{
    struct gate_rank rank = job->rank;
    rank.order = order;
    return (struct answer_wish){
        .kind = kind,
        .question = question,
        .key = key,
        .rank = rank,
        .deadline_ms = job->deadline_ms,
        .fresh = job->fresh,
    };
}

void job_add_answer(struct job *job, const struct answer *answer)
{
    bill_add(&job->bill, &answer->bill);
    job->paid = job->paid || answer->origin == ANSWER_MADE;
    job->shared = job->shared || answer->origin == ANSWER_SHARED;
}

void job_degrade(struct job *job, unsigned part, const char *format, ...)
{
    job->degraded |= part;
    if (job->warning_count == JOB_WARNINGS_MAX)
        return;
    va_list args;
    va_start(args, format);
    job->warnings[job->warning_count++] = arena_vprintf(job->arena, format, args);
    va_end(args);
}

const char *degraded_names(unsigned degraded, struct arena *arena)
{
    const char *names = "";
    for (size_t i = 0; i < sizeof(degraded_parts) / sizeof(degraded_parts[0]); i++) {
        if (degraded & degraded_parts[i].part)
            names =
                arena_printf(arena, "%s%s%s", names, *names ? ", " : "", degraded_parts[i].name);
    }
    return names;
}
