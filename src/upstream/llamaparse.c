/*
 * From the answer to the upload to the end of the polls there is a job at the service. While there
 * is one, whoever ends early leaves an orphan behind; at any other time the place is free at once.
 */
#include "upstream/llamaparse.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "upstream/llamaparse_parts.h"

void llamaparse_init(struct llamaparse *parser, struct upstream *upstream,
                     const struct llamaparse_settings *settings)
{
    assert(settings->version == 1 || settings->version == 2);
    assert(strlen(settings->tier) <= LLAMAPARSE_WORD_BYTES);
    *parser = (struct llamaparse){.upstream = upstream, .settings = *settings};
}

void llamaparse_stop(struct llamaparse *parser)
{
    parser->stopped = true;
    orphan_job_cancel_all(parser);
}

/* --- what all requests have in common ------------------------------------------------------- */

void parse_request(const struct llamaparse *parser, struct arena *arena, const char *method,
                   const char *path, struct http_request *out)
{
    const struct upstream *upstream = parser->upstream;
    out->method = method;
    out->url = arena_printf(arena, "%s%s", upstream->base_url, path);
    out->headers[out->header_count++] = (struct http_header){"Accept", "application/json"};
    if (upstream->key)
        out->headers[out->header_count++] =
            (struct http_header){"Authorization", arena_printf(arena, "Bearer %s", upstream->key)};
    out->limits.connect_ms = LLAMAPARSE_CONNECT_MS;
}

bool parse_answered(const struct upstream_call *call)
{
    return call->http.fault == HTTP_FAULT_NONE && call->http.status / 100 == 2;
}

/* --- steps ---------------------------------------------------------------------------------- */

static void limit_time(struct parse_job *job, const char *detail)
{
    const uint64_t now = loop_now_ms(job->op.link.loop);
    job->late_detail = detail;
    op_deadline(&job->op, job->deadline_ms > now ? job->deadline_ms - now : 0, detail);
}

/* Who comes here again has a place. */
static enum flow enter(struct op *op)
{
    struct parse_job *job = op_cast(op, parse_job);
    if (!job->pass.inside)
        gate_enter(&job->pass, need(op), &job->parser->upstream->gate, &job->rank);
    return FLOW_WAIT;
}

static enum flow upload(struct op *op)
{
    struct parse_job *job = op_cast(op, parse_job);
    job->queue_seconds = op_seconds(&job->pass.op);
    limit_time(job, "llamaparse did not read the file in time");
    upstream_call_clear(&job->upload);
    upstream_call_start_inside(&job->upload, try(op), &parse_upload_kind, job->parser->upstream,
                               &job->pass, job->deadline_ms);
    return FLOW_WAIT;
}

/* Does the service know version 1 no more? Then nobody tries it again. */
static bool fall_over(struct parse_job *job)
{
    struct llamaparse *parser = job->parser;
    const int status = job->upload.outcome.status;
    if (job->remote.version != 1 || (status != 404 && status != 410))
        return false;
    if (parser->settings.version == 1)
        log_warn(job->op.log_id, "llamaparse_version", "from=1 to=2 status=%d", status);
    parser->settings.version = 2;
    return true;
}

static enum flow poll(struct op *op)
{
    struct parse_job *job = op_cast(op, parse_job);
    const struct error *error = op_error(&job->upload.op);
    if (error->code != OK)
        return fall_over(job) ? FLOW_AGAIN : op_fail_with(op, error);
    parse_poll_start(&job->poll, need(op), job->parser, &job->pass, &job->remote, job->deadline_ms);
    return FLOW_WAIT;
}

static enum flow judge(struct op *op)
{
    struct parse_job *job = op_cast(op, parse_job);
    parse_poll_clear(&job->poll);
    if (remote_job_expired(&job->remote) && !job->expired) {
        job->expired = true;
        return FLOW_AGAIN;
    }
    struct error error;
    return remote_job_error(&job->remote, &error) == OK ? FLOW_NEXT : op_fail_with(op, &error);
}

static enum flow fetch(struct op *op)
{
    struct parse_job *job = op_cast(op, parse_job);
    parse_fetch_start(&job->fetch, need(op), job->parser, &job->pass, &job->remote,
                      job->deadline_ms);
    return FLOW_WAIT;
}

static enum flow take(struct op *op)
{
    struct parse_job *job = op_cast(op, parse_job);
    struct parse_fetch *from = &job->fetch;
    job->text = from->text;
    buffer_init(&from->text, 0);
    job->partial = from->partial || job->remote.state == REMOTE_PARTIAL;
    job->pages = from->pages;
    job->cache_hit = from->cache_hit;
    return FLOW_DONE;
}

/* Does the service go on with a job that was left? One whose polls failed was given up. */
static bool is_left(const struct parse_job *job)
{
    const enum err err = op_error(&job->op)->code;
    return (err == ERR_CANCELLED || err == ERR_DEADLINE) && *job->remote.id &&
           job->remote.state == REMOTE_RUNNING;
}

static void job_end(struct op *op)
{
    struct parse_job *job = op_cast(op, parse_job);
    if (is_left(job))
        orphan_job_adopt(job->parser, &job->pass, &job->remote);
    gate_leave(&job->pass);
}

static const struct step job_steps[] = {{"enter", enter},
                                        {"upload", upload},
                                        {"poll", poll},
                                        {"judge", judge},
                                        {"fetch", fetch},
                                        {"take", take},
                                        {0}};
static const struct op_kind job_kind = {"parse_job", job_steps, NULL, job_end};

void parse_job_start(struct parse_job *job, struct op_link link, struct llamaparse *parser,
                     const struct parse_file *file, const struct gate_rank *rank,
                     uint64_t deadline_ms)
{
    memset(job, 0, sizeof(*job));
    job->parser = parser;
    job->file = *file;
    job->rank = *rank;
    job->deadline_ms = deadline_ms;
    arena_init(&job->arena);
    op_start(&job->op, &job_kind, link);
    limit_time(job, "no place at llamaparse became free in time");
}

void parse_job_set_terms(struct parse_job *job, const struct gate_rank *rank, uint64_t deadline_ms)
{
    if (!job->parser || op_finished(&job->op))
        return;
    job->rank = *rank;
    job->deadline_ms = job->poll.deadline_ms = job->fetch.deadline_ms = deadline_ms;
    gate_rerank(&job->pass, rank);
    upstream_call_set_terms(&job->upload, rank, deadline_ms);
    upstream_call_set_terms(&job->poll.call, rank, deadline_ms);
    upstream_call_set_terms(&job->fetch.call, rank, deadline_ms);
    limit_time(job, job->late_detail);
}

void parse_job_clear(struct parse_job *job)
{
    if (!job->parser)
        return;
    assert(op_finished(&job->op));
    upstream_call_clear(&job->upload);
    parse_poll_clear(&job->poll);
    parse_fetch_clear(&job->fetch);
    buffer_clear(&job->text);
    arena_clear(&job->arena);
}
