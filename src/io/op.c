/*
 * The dispatcher is the only caller of steps and the only place that finishes an operation. All
 * other functions change counts and flags and queue it, so nothing here recurses through children
 * and nobody's callback runs inside somebody else's call.
 *
 * An operation waits for `children_count + holds` to reach zero. Whether it then goes on or ends is
 * decided by `ending` alone, which is set once, together with the error.
 */
#include "io/op.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

static void dispatch(struct deferred *deferred);
static void on_deadline(struct loop_timer *timer);

struct op_link need(struct op *parent)
{
    return (struct op_link){.loop = parent->link.loop, .parent = parent, .needed = true};
}

struct op_link try(struct op *parent)
{
    return (struct op_link){.loop = parent->link.loop, .parent = parent};
}

struct op_link root(struct loop *loop, void (*on_finish)(struct op *op, void *context),
                    void *context)
{
    return (struct op_link){.loop = loop, .on_finish = on_finish, .context = context};
}

static size_t outstanding(const struct op *op)
{
    return op->children_count + op->holds;
}

/* Queues the dispatcher where it would have something to do. */
static void wake(struct op *op)
{
    if (op->state == OP_RUNNING || outstanding(op) > 0)
        return; /* the dispatcher looks again after the step, or when the last one is gone */
    op->state = OP_READY;
    loop_defer(op->link.loop, &op->dispatch);
}

/* Tells what stands outside to stop, once; not in the middle of a step, which may take a hold yet.
 */
static void tell(struct op *op)
{
    if (op->state == OP_RUNNING || op->holds == 0 || op->being_told)
        return;
    op->being_told = true;
    assert(op->kind->on_cancel);
    op->kind->on_cancel(op);
}

/* The first reason wins. Asks everybody below to stop. */
static void begin_end(struct op *op, const struct error *error)
{
    assert(op->state != OP_NONE);
    if (op->ending || op->state == OP_FINISHED)
        return;
    op->ending = true;
    op->error = *error;
    loop_timer_stop(op->link.loop, &op->deadline);
    for (struct op *child = op->children; child; child = child->older)
        op_cancel(child);
    tell(op);
    wake(op);
}

void op_start(struct op *op, const struct op_kind *kind, struct op_link link)
{
    *op = (struct op){.kind = kind, .link = link, .state = OP_READY, .log_id = ""};
    op->dispatch.run = dispatch;
    op->started_ns = uv_hrtime();

    struct op *parent = link.parent;
    if (parent) {
        assert(parent->state != OP_NONE);
        assert(parent->state != OP_FINISHED);
        op->log_id = parent->log_id;
        op->older = parent->children;
        if (op->older)
            op->older->newer = op;
        parent->children = op;
        parent->children_count++;
    }
    loop_defer(link.loop, &op->dispatch);
    if (parent && parent->ending)
        op_cancel(op);
}

static void leave_parent(struct op *op)
{
    struct op *parent = op->link.parent;
    if (op->newer)
        op->newer->older = op->older;
    else
        parent->children = op->older;
    if (op->older)
        op->older->newer = op->newer;
    parent->children_count--;
    if (op->link.needed && op->error.code != OK)
        begin_end(parent, &op->error);
    wake(parent);
}

static void release_wants(struct op *op)
{
    while (op->wants) {
        struct op_want *want = op->wants;
        op->wants = want->next;
        want->waiting = false;
        if (op->error.code != OK)
            begin_end(&want->op, &op->error);
        op_release(&want->op);
    }
}

static void finish(struct op *op)
{
    loop_timer_stop(op->link.loop, &op->deadline);
    if (op->kind->on_end)
        op->kind->on_end(op);
    assert(outstanding(op) == 0);
    op->state = OP_FINISHED;
    op->ended_ns = uv_hrtime();
    loop_defer_cancel(op->link.loop, &op->dispatch);
    log_debug(op->log_id, "op", "name=%s result=%s seconds=%.6f", op->kind->name,
              err_word(op->error.code), op_seconds(op));
    release_wants(op);
    if (op->link.parent)
        leave_parent(op);
    else if (op->link.on_finish)
        op->link.on_finish(op, op->link.context); /* may free it: do not touch it any more */
}

static void dispatch(struct deferred *deferred)
{
    struct op *op = container_of(deferred, struct op, dispatch);
    assert(op->state == OP_READY);

    while (!op->ending) {
        const struct step *step = &op->kind->steps[op->next_step];
        if (!step->name) {
            begin_end(op, &(struct error){0});
            break;
        }
        op->next_step++;
        op->state = OP_RUNNING;
        const uint64_t before = uv_hrtime();
        const enum flow flow = step->run(op);
        log_debug(op->log_id, "step", "op=%s step=%s us=%.1f", op->kind->name, step->name,
                  (double)(uv_hrtime() - before) / 1e3);
        op->state = OP_WAITING;
        if (flow == FLOW_DONE)
            begin_end(op, &(struct error){0}); /* no effect after op_fail */
        if (flow == FLOW_AGAIN)
            op->next_step = 0;
        if ((flow == FLOW_WAIT || flow == FLOW_AGAIN) && outstanding(op) > 0 && !op->ending)
            return;
    }
    tell(op);
    if (outstanding(op) > 0)
        op->state = OP_WAITING;
    else
        finish(op);
}

void op_stop(struct op *op, enum err code, const char *detail)
{
    struct error error;
    error_set(&error, code, "%s", detail);
    begin_end(op, &error);
}

void op_cancel(struct op *op)
{
    op_stop(op, ERR_CANCELLED, "");
}

enum flow op_fail(struct op *op, enum err code, const char *format, ...)
{
    char detail[ERROR_DETAIL_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    op_stop(op, code, detail);
    return FLOW_DONE;
}

enum flow op_fail_with(struct op *op, const struct error *error)
{
    assert(error->code != OK);
    begin_end(op, error);
    return FLOW_DONE;
}

void op_reword(struct op *op, const char *before)
{
    if (op->error.code == OK || op->error.code == ERR_CANCELLED)
        return;
    const struct error error = op->error;
    error_set(&op->error, error.code, "%s%s", before, error.detail);
}

/* --- deadline ------------------------------------------------------------------------------ */

static void on_deadline(struct loop_timer *timer)
{
    struct op *op = container_of(timer, struct op, deadline);
    op_stop(op, ERR_DEADLINE, op->deadline_detail);
}

void op_deadline(struct op *op, uint64_t after_ms, const char *detail)
{
    if (op->ending || op->state == OP_FINISHED)
        return;
    op->deadline_detail = detail;
    loop_timer_start(op->link.loop, &op->deadline, after_ms, on_deadline);
}

/* --- what stands outside ------------------------------------------------------------------- */

void op_hold(struct op *op)
{
    assert(op->state != OP_FINISHED);
    assert(!op->ending || op->state == OP_RUNNING);
    op->holds++;
}

void op_release(struct op *op)
{
    assert(op->holds > 0);
    op->holds--;
    wake(op);
}

bool op_finished(const struct op *op)
{
    return op->state == OP_FINISHED;
}

bool op_ending(const struct op *op)
{
    return op->ending;
}

const struct error *op_error(const struct op *op)
{
    return &op->error;
}

double op_seconds(const struct op *op)
{
    const uint64_t end = op->ended_ns ? op->ended_ns : uv_hrtime();
    return (double)(end - op->started_ns) / 1e9;
}

/* --- wants --------------------------------------------------------------------------------- */

static void want_leave(struct op *op)
{
    struct op_want *want = op_cast(op, op_want);
    if (!want->waiting)
        return; /* the shared one has finished and is about to release us itself */
    struct op_want **link = &want->shared->wants;
    while (*link != want)
        link = &(*link)->next;
    *link = want->next;
    want->waiting = false;
    struct op *shared = want->shared;
    op_release(op);
    if (!shared->wants)
        op_cancel(shared);
}

static enum flow want_wait(struct op *op)
{
    struct op_want *want = op_cast(op, op_want);
    if (op_finished(want->shared))
        return want->shared->error.code == OK ? FLOW_NEXT : op_fail_with(op, &want->shared->error);
    return FLOW_WAIT;
}

static const struct step want_steps[] = {{"wait", want_wait}, {0}};
static const struct op_kind want_kind = {"want", want_steps, want_leave, NULL};

void op_want_start(struct op_want *want, struct op_link link, struct op *shared)
{
    want->shared = shared;
    want->next = NULL;
    want->waiting = false;
    shared->references++;
    op_start(&want->op, &want_kind, link);
    if (op_finished(shared))
        return;
    if (op_ending(&want->op)) { /* its parent had been cancelled: it comes and leaves */
        if (!shared->wants)
            op_cancel(shared);
        return;
    }
    want->waiting = true;
    want->next = shared->wants;
    shared->wants = want;
    op_hold(&want->op);
}

bool op_want_drop(struct op_want *want)
{
    assert(want->shared->references > 0);
    assert(!want->waiting);
    want->shared->references--;
    return op_finished(want->shared) && want->shared->references == 0;
}

bool op_shared_unused(const struct op *shared)
{
    return shared->references == 0;
}
