/*
 *     ┌──────────────────────────────────┐
 *     ▼                                  │ FLOW_AGAIN
 *     rest ──▶ queue ──▶ ask ──▶ look ───┘
 *       └──▶ done: the job has ended
 *
 * What is in the service's cache is there within a fraction of a second, so the first polls come
 * quickly. Later ones come in proportion to what was waited already: a job's end is noticed after
 * 6 % of its time, or 250 ms.
 *
 * A poll that fails says little while the job runs on, so it takes several in a row, each after
 * twice the wait. Too many calls (429) are nobody's failure: they only slow down.
 */
#include <stdlib.h>
#include <string.h>

#include "upstream/llamaparse_parts.h"

enum {
    POLL_TOTAL_MS = 10 * 1000, /* an answer has 500 bytes and no work behind it */
    POLL_FAILURES_MAX = 8,     /* in a row: takes 15 s or more */
    WAIT_MS_MIN = 250,
    WAIT_MS_MAX = 3000,
    WAIT_PERCENT = 6, /* of the job's age */
    SLOWDOWN_MAX = 5,
    SLOW_MS_MAX = 30 * 1000, /* of a wait that was doubled because of 429s */
    MINUTE_MS = 60 * 1000,
};

/* --- when ----------------------------------------------------------------------------------- */

static uint64_t at_most(uint64_t number, uint64_t most)
{
    return number < most ? number : most;
}

/* Before the next poll. */
static uint64_t wait_ms(const struct parse_poll *poll)
{
    static const uint64_t first_ms[] = {0, 20, 60, 150};
    const struct remote_job *job = poll->remote;
    const size_t first_count = sizeof(first_ms) / sizeof(first_ms[0]);
    if (job->polls < first_count && poll->failures == 0 && poll->slowdown == 0)
        return first_ms[job->polls];

    const uint64_t age = loop_now_ms(poll->op.link.loop) - job->begun_ms;
    uint64_t wait = age * WAIT_PERCENT / 100;
    wait = at_most(wait < WAIT_MS_MIN ? WAIT_MS_MIN : wait, WAIT_MS_MAX);
    wait = at_most(wait << poll->failures, WAIT_MS_MAX);
    if (poll->slowdown > 0)
        wait = at_most(wait << poll->slowdown, SLOW_MS_MAX);
    wait = (uint64_t)((double)wait * (0.95 + 0.1 * (rand() / (RAND_MAX + 1.0))));
    if (poll->server_wait_ms > (int64_t)wait)
        wait = at_most((uint64_t)poll->server_wait_ms, DECIDE_SERVER_WAIT_MS_MAX);
    return wait;
}

/* Takes the next turn among the polls of all jobs; how long until then. A quarter of a minute's
 * polls may come together, for the quick first ones; beyond that they are so far apart that no
 * minute has more than its number. */
static uint64_t take_turn(struct llamaparse *parser, uint64_t now_ms)
{
    const uint64_t most = parser->settings.polls_per_minute;
    if (most == 0)
        return 0;
    const uint64_t together = 1 + most / 4;
    const uint64_t spread = most - together + 1;
    const uint64_t pace_ms = (MINUTE_MS + spread - 1) / spread;
    const uint64_t slack_ms = (together - 1) * pace_ms;

    const uint64_t turn_ms = parser->next_turn_ms > now_ms ? parser->next_turn_ms : now_ms;
    parser->next_turn_ms = turn_ms + pace_ms;
    return turn_ms > now_ms + slack_ms ? turn_ms - slack_ms - now_ms : 0;
}

/* --- a poll --------------------------------------------------------------------------------- */

static void poll_build(struct upstream_call *call, struct http_request *out)
{
    struct parse_poll *poll = container_of(call, struct parse_poll, call);
    static const char *const paths[] = {[1] = "/api/v1/parsing/job/", [2] = "/api/v2/parse/"};
    struct arena *arena = &poll->arena;
    arena_clear(arena); /* of the try before */
    const char *path = arena_printf(arena, "%s%s", paths[poll->remote->version], poll->remote->id);
    parse_request(poll->parser, arena, "GET", path, out);
    out->limits.total_ms = POLL_TOTAL_MS;
    out->limits.body_max = LLAMAPARSE_ANSWER_BYTES;
}

static void poll_read(struct upstream_call *call, struct outcome *out)
{
    struct parse_poll *poll = container_of(call, struct parse_poll, call);
    const struct buffer *body = &call->http.body;
    if (parse_answered(call))
        out->unusable =
            !remote_job_read(poll->remote, body->data, body->length, call->upstream->key);
}

static const struct upstream_call_kind poll_kind = {
    .service = SERVICE_PARSE_POLL,
    .name = "poll",
    .build = poll_build,
    .read = poll_read,
    .is_poll = true,
};

/* --- steps ---------------------------------------------------------------------------------- */

static void on_rested(struct loop_timer *timer)
{
    op_release(&container_of(timer, struct parse_poll, rest)->op);
}

static enum flow rest_for(struct parse_poll *poll, uint64_t ms)
{
    if (ms > 0) {
        op_hold(&poll->op);
        loop_timer_start(poll->op.link.loop, &poll->rest, ms, on_rested);
    }
    return FLOW_WAIT;
}

static void report(struct parse_poll *poll, enum gate_result result)
{
    upstream_report(poll->parser->upstream, poll->pass, result, poll->op.log_id);
}

static enum flow rest(struct op *op)
{
    struct parse_poll *poll = op_cast(op, parse_poll);
    if (poll->remote->state == REMOTE_RUNNING)
        return rest_for(poll, wait_ms(poll));
    report(poll, remote_job_report(poll->remote));
    return FLOW_DONE;
}

static enum flow queue(struct op *op)
{
    struct parse_poll *poll = op_cast(op, parse_poll);
    return rest_for(poll, take_turn(poll->parser, loop_now_ms(op->link.loop)));
}

static enum flow ask(struct op *op)
{
    struct parse_poll *poll = op_cast(op, parse_poll);
    upstream_call_start_inside(&poll->call, try(op), &poll_kind, poll->parser->upstream, poll->pass,
                               poll->deadline_ms);
    return FLOW_WAIT;
}

static enum flow look(struct op *op)
{
    struct parse_poll *poll = op_cast(op, parse_poll);
    const struct error *error = op_error(&poll->call.op);
    poll->remote->polls++;
    poll->server_wait_ms = -1;
    switch (error->code) {
    case OK:
        poll->failures = 0;
        if (poll->slowdown > 0)
            poll->slowdown--;
        break;
    case ERR_RATE_LIMITED:
        if (poll->slowdown < SLOWDOWN_MAX)
            poll->slowdown++;
        poll->server_wait_ms = poll->call.outcome.server_wait_ms;
        break;
    case ERR_UPSTREAM:
    case ERR_INTERNAL:
        if (++poll->failures < POLL_FAILURES_MAX)
            break;
        report(poll, error->code == ERR_UPSTREAM ? GATE_FAILURE : GATE_NEUTRAL);
        return op_fail(op, error->code, "%s, %u times in a row", error->detail, poll->failures);
    default:
        return op_fail_with(op, error);
    }
    upstream_call_clear(&poll->call);
    return FLOW_AGAIN;
}

/* Its only hold is a rest. */
static void poll_cancel(struct op *op)
{
    struct parse_poll *poll = op_cast(op, parse_poll);
    if (poll->rest.place == 0)
        return;
    loop_timer_stop(op->link.loop, &poll->rest);
    op_release(op);
}

static const struct step poll_steps[] = {
    {"rest", rest}, {"queue", queue}, {"ask", ask}, {"look", look}, {0}};
static const struct op_kind poll_op_kind = {"parse_poll", poll_steps, poll_cancel, NULL};

void parse_poll_start(struct parse_poll *poll, struct op_link link, struct llamaparse *parser,
                      struct gate_pass *pass, struct remote_job *remote, uint64_t deadline_ms)
{
    memset(poll, 0, sizeof(*poll));
    poll->parser = parser;
    poll->pass = pass;
    poll->remote = remote;
    poll->deadline_ms = deadline_ms;
    poll->server_wait_ms = -1;
    arena_init(&poll->arena);
    op_start(&poll->op, &poll_op_kind, link);
}

void parse_poll_clear(struct parse_poll *poll)
{
    upstream_call_clear(&poll->call);
    arena_clear(&poll->arena);
}
