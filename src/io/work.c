#include "io/work.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WORKER_NICE = 10 };

void work_init_threads(void)
{
    char threads[16];
    snprintf(threads, sizeof(threads), "%d", WORK_THREADS);
    setenv("UV_THREADPOOL_SIZE", threads, 0);
}

/* On Linux a nice value is a thread's own. */
void work_thread_yield(void)
{
    static _Thread_local bool done;
    if (!done)
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), WORKER_NICE);
    done = true;
}

static void run(struct work *work)
{
    const enum err err = work->run(work, &work->result);
    if (err != OK && work->result.code == OK)
        error_set(&work->result, err, "%s", "");
}

static void on_thread(uv_work_t *request)
{
    work_thread_yield();
    run(container_of(request, struct work, request));
}

static void on_thread_over(uv_work_t *request, int status)
{
    struct work *work = container_of(request, struct work, request);
    if (status != 0) /* taken back by uv_cancel before it ran */
        error_set(&work->result, ERR_CANCELLED, "%s", "");
    op_release(&work->op);
}

static enum flow work_run(struct op *op)
{
    struct work *work = op_cast(op, work);
    if (!work->off_loop) {
        run(work);
        return FLOW_NEXT;
    }
    if (uv_queue_work(&op->link.loop->uv, &work->request, on_thread, on_thread_over) != 0)
        return op_fail(op, ERR_INTERNAL, "no worker thread");
    op_hold(op);
    return FLOW_WAIT;
}

static enum flow work_take(struct op *op)
{
    struct work *work = op_cast(op, work);
    return work->result.code == OK ? FLOW_NEXT : op_fail_with(op, &work->result);
}

static void work_cancel(struct op *op)
{
    struct work *work = op_cast(op, work);
    atomic_store(&work->cancel, true);
    (void)uv_cancel(
        (uv_req_t *)&work->request); /* fails where it runs already: the flag stops it */
}

static const struct step work_steps[] = {{"run", work_run}, {"take", work_take}, {0}};
static const struct op_kind work_kind = {"work", work_steps, work_cancel, NULL};

void work_start(struct work *work, struct op_link link,
                enum err (*function)(struct work *work, struct error *error), bool off_loop)
{
    work->run = function;
    work->off_loop = off_loop;
    work->result = (struct error){0};
    atomic_init(&work->cancel, false);
    arena_init(&work->arena);
    op_start(&work->op, &work_kind, link);
}

void work_clear(struct work *work)
{
    if (!work->run)
        return;
    assert(op_finished(&work->op));
    arena_clear(&work->arena);
}
