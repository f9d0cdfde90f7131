/*
 * LlamaParse, both versions of its API over the same jobs.
 *
 *     upload ──▶ PENDING ──(parse-ms, and as many polls as a fault says)──▶ SUCCESS, ERROR, ...
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "upsim/form.h"
#include "upsim/upsim.h"

/* --- how a job is -------------------------------------------------------------------------------
 */

/* The status, in the words of the job's version of the API. A poll uses up one of those that find
 * it pending. */
static const char *status_of(struct upsim *upsim, struct job *job, bool is_poll)
{
    const uint64_t now = uv_now(&upsim->loop);
    const bool running = job_is_running(job, now);
    if (is_poll && job->polls_left > 0)
        job->polls_left--;
    jobs_update(&upsim->jobs, now);
    if (running && job->fault == FAULT_JOB_ODD_STATUS)
        return job->code;
    if (running)
        return job->is_v2 ? "RUNNING" : "PENDING";
    switch (job->fault) {
    case FAULT_JOB_PARTIAL:
        return job->is_v2 ? "COMPLETED" : "PARTIAL_SUCCESS";
    case FAULT_JOB_ERROR:
        return job->is_v2 ? "FAILED" : "ERROR";
    case FAULT_JOB_CANCELLED:
        return job->code;
    default:
        return job->is_v2 ? "COMPLETED" : "SUCCESS";
    }
}

static void print_job(struct exchange *exchange, const struct job *job, const char *status)
{
    const bool failed = strcmp(status, "ERROR") == 0 || strcmp(status, "FAILED") == 0;
    exchange_print(exchange, "{\"id\":\"%s\",\"status\":", job->id);
    exchange_string(exchange, status);
    if (job->is_v2) {
        exchange_print(exchange,
                       ",\"project_id\":\"11111111-2222-4333-8444-555555555555\","
                       "\"created_at\":\"2026-11-01T00:00:00Z\","
                       "\"updated_at\":\"2026-11-01T00:00:00Z\",\"tier\":\"%s\",\"name\":",
                       job->fast_tier ? "fast" : "cost_effective");
        exchange_string(exchange, job->filename);
        exchange_print(exchange, ",\"error_message\":");
        if (failed) {
            char message[FAULT_WORD_BYTES + FAULT_TEXT_BYTES + 2];
            snprintf(message, sizeof(message), "%s: %s", job->code, job->message);
            exchange_string(exchange, message);
        } else {
            exchange_print(exchange, "null");
        }
    } else if (failed) {
        exchange_print(exchange, ",\"error_code\":");
        exchange_string(exchange, job->code);
        exchange_print(exchange, ",\"error_message\":");
        exchange_string(exchange, job->message);
    }
    exchange_print(exchange, "}");
}

/* --- the upload ---------------------------------------------------------------------------------
 */

static bool is_true(const struct form *form, const char *name)
{
    const struct form_part *part = form_part(form, name);
    return part && part->length == 4 && memcmp(part->bytes, "true", 4) == 0;
}

static void reply_missing(struct exchange *exchange, const char *part, const char *what)
{
    exchange->status = 422;
    exchange_print(exchange,
                   "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"%s\"],\"msg\":\"%s\","
                   "\"input\":null}]}",
                   part, what);
}

/* The configuration of version 2 names a tier and a version. */
static bool read_configuration(struct exchange *exchange, const struct form *form, bool *fast_out)
{
    const struct form_part *part = form_part(form, "configuration");
    cJSON *root = NULL;
    if (!part || json_parse(part->bytes, part->length, NULL, &root) != OK) {
        reply_missing(exchange, "configuration", "Field required");
        return false;
    }
    static const char *const tiers[] = {"fast", "cost_effective", "agentic", "agentic_plus"};
    const char *tier = json_string(root, "tier", "");
    bool known = false;
    for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++)
        known = known || strcmp(tier, tiers[i]) == 0;
    const bool good = known && json_string(root, "version", "")[0];
    *fast_out = strcmp(tier, "fast") == 0;
    cJSON_Delete(root);
    if (!good)
        reply_missing(exchange, "configuration", "tier and version are required");
    return good;
}

/* What a fault, or an empty file, makes of a job. */
static void add_fault(struct upsim *upsim, struct job *job, bool is_empty)
{
    const struct fault *fault =
        faults_take(&upsim->faults, SERVICE_COUNT, "", "", false, &upsim->dice);
    if (is_empty) {
        job->fault = FAULT_JOB_ERROR;
        snprintf(job->code, sizeof(job->code), "NO_DATA_FOUND_IN_FILE");
        snprintf(job->message, sizeof(job->message), "No data found in file");
    } else if (fault) {
        job->fault = fault->kind->id;
        job->ready_ms += fault->ms;
        job->forever = job->fault == FAULT_JOB_NEVER;
        if (job->fault == FAULT_JOB_PENDING || job->fault == FAULT_JOB_ODD_STATUS)
            job->polls_left = fault->polls;
        memcpy(job->code, fault->code, sizeof(job->code));
        memcpy(job->message, fault->message, sizeof(job->message));
    }
}

static struct job *start_job(struct upsim *upsim, const struct exchange *exchange,
                             const struct form *form, const struct form_part *file, bool is_v2)
{
    struct job *job = jobs_add(&upsim->jobs, is_v2, &upsim->dice);
    job_take_file(&upsim->jobs, job, file);
    const uint64_t parse_ms = range_draw(&upsim->options.parse_ms, &upsim->dice);
    struct upload_record record = {.bytes = file->length, .parse_ms = parse_ms};
    digest_print(job->digest, record.sha256);
    memcpy(record.filename, file->filename, sizeof(record.filename));
    stats_upload(&upsim->stats, &record);

    const uint64_t now = uv_now(&upsim->loop);
    job->ready_ms = now + exchange->wait_ms + parse_ms;
    add_fault(upsim, job, file->length == 0);
    const bool fresh = is_true(form, "do_not_cache") || is_true(form, "invalidate_cache");
    jobs_started(&upsim->jobs, job, now, upsim->options.parse_cache && !fresh);
    return job;
}

void llamaparse_upload(struct upsim *upsim, struct exchange *exchange, bool is_v2)
{
    const struct fault *fault =
        faults_take(&upsim->faults, SERVICE_UPLOAD, "", "", exchange->reused, &upsim->dice);
    exchange->wait_ms = range_draw(&upsim->options.upload_ms, &upsim->dice);
    upsim->stats.services[SERVICE_UPLOAD].faulted += fault != NULL;
    if (fault && fault_reply(fault, exchange, SHAPE_LLAMAPARSE))
        return;
    struct form form;
    bool fast = false;
    const struct form_part *file = NULL;
    if (form_read(&form, exchange_field(exchange, "Content-Type"), exchange->body,
                  exchange->body_length))
        file = form_part(&form, "file");
    if (!file || !file->is_file) {
        reply_missing(exchange, "file", "Field required");
        return;
    }
    if (is_v2 && !read_configuration(exchange, &form, &fast))
        return;
    struct job *job = start_job(upsim, exchange, &form, file, is_v2);
    job->fast_tier = fast || is_true(&form, "fast_mode");
    print_job(exchange, job, job->cache_hit ? status_of(upsim, job, false) : "PENDING");
    fault_deliver(fault, exchange);
}

/* --- jobs by their id ---------------------------------------------------------------------------
 */

/* What all calls about a job begin with; NULL: the answer is made. */
static struct job *begin(struct upsim *upsim, struct exchange *exchange, enum service service,
                         const char *id, const struct fault **fault_out)
{
    const struct fault *fault =
        faults_take(&upsim->faults, (unsigned)service, "", "", exchange->reused, &upsim->dice);
    exchange->wait_ms = range_draw(&upsim->options.poll_ms, &upsim->dice);
    upsim->stats.services[service].faulted += fault != NULL;
    if (fault && fault_reply(fault, exchange, SHAPE_LLAMAPARSE))
        return NULL;
    struct job *job = jobs_find(&upsim->jobs, id);
    if (!job)
        reply_error(exchange, SHAPE_LLAMAPARSE, 404, NULL, NULL, NULL, "Job not found");
    *fault_out = fault;
    return job;
}

void llamaparse_status(struct upsim *upsim, struct exchange *exchange, const char *id)
{
    const struct fault *fault;
    struct job *job = begin(upsim, exchange, SERVICE_STATUS, id, &fault);
    if (!job)
        return;
    print_job(exchange, job, status_of(upsim, job, true));
    fault_deliver(fault, exchange);
}

void llamaparse_result(struct upsim *upsim, struct exchange *exchange, const char *id,
                       const char *form)
{
    const struct fault *fault;
    struct job *job = begin(upsim, exchange, SERVICE_RESULT, id, &fault);
    if (!job)
        return;
    if (job_is_running(job, uv_now(&upsim->loop)) || job_has_failed(job))
        reply_error(exchange, SHAPE_LLAMAPARSE, 404, NULL, NULL, NULL, "Job not completed yet");
    else
        job_print_result(exchange, job, form);
    fault_deliver(fault, exchange);
}

/* --- version 2 ----------------------------------------------------------------------------------
 */

/* "%2C" back to ",": clients may encode the list. */
static void decode_commas(char *list)
{
    char *to = list;
    for (const char *at = list; *at; to++) {
        const bool comma = strncasecmp(at, "%2C", 3) == 0;
        *to = comma ? ',' : *at;
        at += comma ? 3 : 1;
    }
    *to = '\0';
}

void llamaparse_v2(struct upsim *upsim, struct exchange *exchange, const char *id)
{
    char list[256] = "";
    const bool expanding = exchange_parameter(exchange, "expand", list, sizeof(list));
    const struct fault *fault;
    struct job *job =
        begin(upsim, exchange, expanding ? SERVICE_RESULT : SERVICE_STATUS, id, &fault);
    if (!job)
        return;
    decode_commas(list);
    const char *status = status_of(upsim, job, !expanding);
    exchange_print(exchange, "{\"job\":");
    print_job(exchange, job, status);
    if (expanding && !job_is_running(job, uv_now(&upsim->loop)) && !job_has_failed(job))
        job_print_expansions(exchange, job, list);
    exchange_print(exchange, "}");
    fault_deliver(fault, exchange);
}
