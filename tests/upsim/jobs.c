#include "upsim/jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "upsim/stats.h"

static void forget_text(struct jobs *jobs, struct job *job)
{
    jobs->text_bytes -= job->text_length;
    free(job->text);
    job->text = NULL;
    job->text_length = 0;
}

void jobs_clear(struct jobs *jobs)
{
    for (size_t i = 0; i < JOBS_MAX; i++)
        forget_text(jobs, &jobs->places[i]);
    memset(jobs, 0, sizeof(*jobs));
}

bool job_is_running(const struct job *job, uint64_t now_ms)
{
    return job->forever || job->polls_left > 0 || now_ms < job->ready_ms;
}

bool job_has_failed(const struct job *job)
{
    return job->fault == FAULT_JOB_ERROR || job->fault == FAULT_JOB_CANCELLED;
}

void jobs_update(struct jobs *jobs, uint64_t now_ms)
{
    bool all_ended = true;
    for (uint64_t i = jobs->first_running; i < jobs->created; i++) {
        struct job *job = &jobs->places[i % JOBS_MAX];
        if (!job->ended && !job_is_running(job, now_ms)) {
            job->ended = true;
            jobs->running--;
        }
        all_ended = all_ended && job->ended;
        if (all_ended)
            jobs->first_running = i + 1;
    }
}

struct job *jobs_add(struct jobs *jobs, bool is_v2, struct dice *dice)
{
    struct job *job = &jobs->places[jobs->created % JOBS_MAX];
    if (job->id[0]) {
        if (!job->ended)
            jobs->running--;
        if (jobs->first_running + JOBS_MAX <= jobs->created)
            jobs->first_running++;
        forget_text(jobs, job);
    }
    *job = (struct job){.is_v2 = is_v2, .fault = FAULT_LATENCY};
    const uint64_t number = jobs->created++, random = dice_next(dice);
    snprintf(job->id, sizeof(job->id), "%s%08x-%04x-4%03x-8%03x-%012" PRIx64, is_v2 ? "pjb-" : "",
             (unsigned)(random >> 32), (unsigned)(random >> 16 & 0xFFFF),
             (unsigned)(random >> 4 & 0xFFF), (unsigned)(random & 0xFFF), number & 0xFFFFFFFFFFFFu);
    return job;
}

struct job *jobs_find(struct jobs *jobs, const char *id)
{
    const char *last = strrchr(id, '-');
    const uint64_t number = last ? strtoull(last + 1, NULL, 16) : 0;
    struct job *job = &jobs->places[number % JOBS_MAX];
    return job->id[0] && strcmp(job->id, id) == 0 && job->fault != FAULT_JOB_LOST ? job : NULL;
}

static bool is_text(const struct form_part *file)
{
    return file->length > 0 && !(file->length >= 5 && memcmp(file->bytes, "%PDF-", 5) == 0) &&
           text_is_clean(file->bytes, file->length);
}

static void keep_text(struct jobs *jobs, struct job *job, const struct form_part *file)
{
    const size_t length = text_cut(file->bytes, file->length, JOB_TEXT_BYTES_MAX);
    if (jobs->text_bytes + length > JOBS_TEXT_BYTES_MAX)
        return; /* its text is made up, as for a PDF */
    job->text = malloc(length + 1);
    if (!job->text)
        abort();
    memcpy(job->text, file->bytes, length);
    job->text[length] = '\0';
    job->text_length = length;
    jobs->text_bytes += length;
}

void job_take_file(struct jobs *jobs, struct job *job, const struct form_part *file)
{
    digest_bytes(file->bytes, file->length, job->digest);
    memcpy(job->filename, file->filename, sizeof(job->filename));
    if (is_text(file))
        keep_text(jobs, job, file);
}

/* The same bytes were parsed before, by a job that has ended well. */
static bool in_cache(const struct jobs *jobs, const struct job *job)
{
    const uint64_t oldest = jobs->created > JOBS_MAX ? jobs->created - JOBS_MAX : 0;
    for (uint64_t i = oldest; i + 1 < jobs->created; i++) {
        const struct job *other = &jobs->places[i % JOBS_MAX];
        if (other->ended && other->fault == FAULT_LATENCY &&
            memcmp(other->digest, job->digest, sizeof(job->digest)) == 0)
            return true;
    }
    return false;
}

void jobs_started(struct jobs *jobs, struct job *job, uint64_t now_ms, bool cache)
{
    jobs->running++;
    jobs_update(jobs, now_ms);
    if (cache && in_cache(jobs, job)) {
        job->cache_hit = true;
        job->ready_ms = 0;
        jobs->cache_hits++;
        jobs_update(jobs, now_ms);
    }
    if (jobs->running > jobs->most_running)
        jobs->most_running = jobs->running;
}
