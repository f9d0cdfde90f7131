/*
 * A job whose client has gone still takes one of the places that the service gives us. If ours were
 * given to the next at once, more jobs would run there than it allows.
 */
#include <stdlib.h>

#include "base/log.h"
#include "upstream/llamaparse_parts.h"

struct orphan_job {
    struct op op;
    struct llamaparse *parser;
    struct gate_pass pass;
    struct remote_job remote;
    struct parse_poll poll;
    struct orphan_job *next, **link;
};

/* However it ends, there is nobody to be told. */
static enum flow poll(struct op *op)
{
    struct orphan_job *orphan = op_cast(op, orphan_job);
    struct llamaparse *parser = orphan->parser;
    const uint64_t until_ms = loop_now_ms(op->link.loop) + parser->settings.afterlife_ms;
    op_deadline(op, parser->settings.afterlife_ms, "nobody waits for it");
    parse_poll_start(&orphan->poll, try(op), parser, &orphan->pass, &orphan->remote, until_ms);
    return FLOW_WAIT;
}

static void orphan_end(struct op *op)
{
    gate_leave(&op_cast(op, orphan_job)->pass);
}

static const struct step orphan_steps[] = {{"poll", poll}, {0}};
static const struct op_kind orphan_kind = {"parse_orphan", orphan_steps, NULL, orphan_end};

static void on_finish(struct op *op, void *context)
{
    (void)context;
    struct orphan_job *orphan = op_cast(op, orphan_job);
    *orphan->link = orphan->next;
    if (orphan->next)
        orphan->next->link = orphan->link;
    parse_poll_clear(&orphan->poll);
    free(orphan);
}

void orphan_job_adopt(struct llamaparse *parser, struct gate_pass *pass,
                      const struct remote_job *remote)
{
    if (parser->stopped || parser->settings.afterlife_ms == 0)
        return;
    struct orphan_job *orphan = calloc(1, sizeof(*orphan));
    if (!orphan)
        abort();
    orphan->parser = parser;
    orphan->remote = *remote;
    gate_move(pass, &orphan->pass);
    orphan->next = parser->orphans;
    orphan->link = &parser->orphans;
    if (orphan->next)
        orphan->next->link = &orphan->next;
    parser->orphans = orphan;
    op_start(&orphan->op, &orphan_kind, root(pass->gate->loop, on_finish, NULL));
    log_debug("", "parse_orphan", "job=%s polls=%u", remote->id, remote->polls);
}

void orphan_job_cancel_all(struct llamaparse *parser)
{
    for (struct orphan_job *orphan = parser->orphans; orphan; orphan = orphan->next)
        op_cancel(&orphan->op);
}
