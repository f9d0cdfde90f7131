/*
 * Functions on worker threads that this program steps through: each tells the loop when it has
 * begun and goes on when it is let. libuv's pool has one thread here, so that what stands behind
 * a function at work is known not to have begun.
 */
#include "io/work.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RANDOM_WORKS = 300 };

struct task {
    struct work work; /* first: op_cast and container_of lead back from it */
    enum err result;
    const char *detail; /* of the result; NULL: only the code is returned */
    bool gated;         /* tells when it has begun, and waits for `gate` */
    bool obeys;         /* looks at the flag, and only at it */
    bool saw_cancel;
    bool ran;
    pthread_t thread;
    char *text; /* its result, in its arena */
};

static struct {
    struct loop loop;
    uv_async_t begun; /* sent by a gated function */
    void (*on_begun)(void);
    sem_t gate;
    size_t finished;
    struct error error; /* of the last that finished */
} world;

static enum err task_run(struct work *work, struct error *error)
{
    struct task *task = container_of(work, struct task, work);
    task->ran = true;
    task->thread = pthread_self();
    if (task->gated) {
        uv_async_send(&world.begun);
        while (task->obeys && !atomic_load(&work->cancel))
            sched_yield();
        sem_wait(&world.gate);
    }
    task->saw_cancel = atomic_load(&work->cancel);
    if (task->obeys && task->saw_cancel)
        return ERR_CANCELLED;
    if (task->result != OK)
        return task->detail ? error_set(error, task->result, "%s", task->detail) : task->result;
    task->text = arena_strdup(&work->arena, "a result");
    return OK;
}

static void on_begun(uv_async_t *async)
{
    (void)async;
    if (world.on_begun)
        world.on_begun();
}

static void begin(void)
{
    memset(&world, 0, sizeof(world));
    assert_int_equal(loop_init(&world.loop), OK);
    uv_async_init(&world.loop.uv, &world.begun, on_begun);
    uv_unref((uv_handle_t *)&world.begun);
    sem_init(&world.gate, 0, 0);
}

static void end(void)
{
    uv_close((uv_handle_t *)&world.begun, NULL);
    loop_clear(&world.loop);
    sem_destroy(&world.gate);
}

static void on_finish(struct op *op, void *context)
{
    (void)context;
    assert_int_equal(op->holds, 0);
    world.finished++;
    world.error = *op_error(op);
}

static void task_start(struct task *task, bool off_loop)
{
    work_start(&task->work, root(&world.loop, on_finish, NULL), task_run, off_loop);
    assert_false(op_finished(&task->work.op));
    assert_false(task->ran); /* never inside its own start */
}

/* --- to the end ------------------------------------------------------------------------------- */

static void test_result(void **state)
{
    (void)state;
    for (int off_loop = 0; off_loop < 2; off_loop++) {
        begin();
        struct task task = {0};
        task_start(&task, off_loop);
        loop_run(&world.loop);
        assert_int_equal(world.finished, 1);
        assert_int_equal(world.error.code, OK);
        assert_string_equal(task.text, "a result");
        assert_false(task.saw_cancel);
        assert_int_equal(!pthread_equal(task.thread, pthread_self()), off_loop);
        op_cancel(&task.work.op); /* too late: nothing happens */
        loop_run(&world.loop);
        assert_int_equal(world.finished, 1);
        assert_int_equal(op_error(&task.work.op)->code, OK);
        assert_string_equal(task.text, "a result");
        work_clear(&task.work);
        work_clear(&task.work);
        end();
    }
}

static void test_errors(void **state)
{
    (void)state;
    for (int off_loop = 0; off_loop < 2; off_loop++) {
        begin();
        struct task with = {.result = ERR_ENCODING, .detail = "no UTF-8"};
        task_start(&with, off_loop);
        loop_run(&world.loop);
        assert_int_equal(world.error.code, ERR_ENCODING);
        assert_string_equal(world.error.detail, "no UTF-8");

        struct task without = {.result = ERR_LIMIT};
        task_start(&without, off_loop);
        loop_run(&world.loop);
        assert_int_equal(world.error.code, ERR_LIMIT);
        assert_string_equal(world.error.detail, "");
        assert_int_equal(world.finished, 2);

        /* An earlier failure is not remembered when the memory is used again. */
        with.result = OK;
        with.ran = false;
        task_start(&with, off_loop);
        loop_run(&world.loop);
        assert_int_equal(world.error.code, OK);
        work_clear(&with.work);
        work_clear(&without.work);
        end();
    }
}

static void test_clear_of_none(void **state)
{
    (void)state;
    struct work none = {0};
    work_clear(&none);
    assert_null(none.run);
}

/* --- cancel ----------------------------------------------------------------------------------- */

static void test_cancel_before_the_first_step(void **state)
{
    (void)state;
    for (int off_loop = 0; off_loop < 2; off_loop++) {
        begin();
        struct task task = {0};
        task_start(&task, off_loop);
        op_cancel(&task.work.op);
        loop_run(&world.loop);
        assert_int_equal(world.finished, 1);
        assert_int_equal(world.error.code, ERR_CANCELLED);
        assert_false(task.ran);
        work_clear(&task.work);
        end();
    }
}

static struct task blocker, queued;

static void cancel_queued(void)
{
    op_cancel(&queued.work.op);
    sem_post(&world.gate);
}

static void test_cancel_while_it_waits_for_a_thread(void **state)
{
    (void)state;
    begin();
    blocker = (struct task){.gated = true};
    queued = (struct task){0};
    world.on_begun = cancel_queued;
    task_start(&blocker, true);
    task_start(&queued, true);
    loop_run(&world.loop);
    assert_int_equal(world.finished, 2);
    assert_false(queued.ran);
    assert_int_equal(op_error(&queued.work.op)->code, ERR_CANCELLED);
    assert_int_equal(op_error(&blocker.work.op)->code, OK);
    assert_string_equal(blocker.text, "a result");
    work_clear(&blocker.work);
    work_clear(&queued.work);
    end();
}

static void cancel_running(void)
{
    op_cancel(&blocker.work.op);
    assert_int_equal(world.finished, 0); /* it is only asked */
    sem_post(&world.gate);
}

static void test_cancel_while_it_runs(void **state)
{
    (void)state;
    for (int obeys = 0; obeys < 2; obeys++) {
        begin();
        blocker = (struct task){.gated = true, .obeys = obeys};
        world.on_begun = cancel_running;
        task_start(&blocker, true);
        loop_run(&world.loop);
        assert_true(blocker.ran);
        assert_true(blocker.saw_cancel);
        assert_int_equal(world.finished, 1);
        assert_int_equal(world.error.code, ERR_CANCELLED); /* also where it did not care */
        work_clear(&blocker.work);
        end();
    }
}

static void stop_running(void)
{
    op_deadline(&blocker.work.op, 0, "too slow");
}

static void test_deadline_while_it_runs(void **state)
{
    (void)state;
    begin();
    blocker = (struct task){.gated = true, .obeys = true};
    world.on_begun = stop_running;
    sem_post(&world.gate); /* the flag alone ends it */
    task_start(&blocker, true);
    loop_run(&world.loop);
    assert_true(blocker.saw_cancel);
    assert_int_equal(world.finished, 1);
    assert_int_equal(world.error.code, ERR_DEADLINE);
    assert_string_equal(world.error.detail, "too slow");
    work_clear(&blocker.work);
    end();
}

/* Between the function's end, on its thread, and the loop's hearing of it. */
static void test_cancel_when_it_has_run_but_is_not_taken(void **state)
{
    (void)state;
    begin();
    blocker = (struct task){.gated = true};
    sem_post(&world.gate);
    task_start(&blocker, true);
    uv_run(&world.loop.uv, UV_RUN_NOWAIT); /* its step queues it */
    int left;
    do { /* it has taken its place at the gate */
        sched_yield();
        sem_getvalue(&world.gate, &left);
    } while (left > 0);
    op_cancel(&blocker.work.op);
    loop_run(&world.loop);
    assert_int_equal(world.finished, 1);
    assert_int_equal(world.error.code, ERR_CANCELLED);
    work_clear(&blocker.work);
    end();
}

/* --- memory that goes with its parent --------------------------------------------------------- */

struct family {
    struct op op;
    struct task tasks[4];
};

static enum flow family_begin(struct op *op)
{
    struct family *family = op_cast(op, family);
    for (size_t i = 0; i < 4; i++) {
        family->tasks[i].gated = i == 0;
        family->tasks[i].obeys = true;
        work_start(&family->tasks[i].work, need(op), task_run, true);
    }
    return FLOW_WAIT;
}

static void family_end(struct op *op)
{
    struct family *family = op_cast(op, family);
    for (size_t i = 0; i < 4; i++)
        work_clear(&family->tasks[i].work);
}

static const struct step family_steps[] = {{"begin", family_begin}, {0}};
static const struct op_kind family_kind = {"family", family_steps, NULL, family_end};

static struct family *family;

static void cancel_family(void)
{
    op_cancel(&family->op);
    sem_post(&world.gate);
}

static void on_family_finish(struct op *op, void *context)
{
    on_finish(op, context);
    assert_true(family->tasks[0].saw_cancel);
    assert_false(family->tasks[1].ran);
    free(family);
}

static void test_nothing_is_freed_early(void **state)
{
    (void)state;
    begin();
    family = calloc(1, sizeof(*family));
    world.on_begun = cancel_family;
    op_start(&family->op, &family_kind, root(&world.loop, on_family_finish, NULL));
    loop_run(&world.loop);
    assert_int_equal(world.finished, 1);
    assert_int_equal(world.error.code, ERR_CANCELLED);
    end();
}

static void test_many_with_random_cancels(void **state)
{
    (void)state;
    begin();
    struct task *tasks = calloc(RANDOM_WORKS, sizeof(*tasks));
    unsigned random = 7;
    for (size_t i = 0; i < RANDOM_WORKS; i++) {
        random = random * 1664525u + 1013904223u;
        task_start(&tasks[i], random >> 31);
        op_cancel(&tasks[(random >> 8) % (i + 1)].work.op);
        if ((random >> 20) % 4 == 0)
            uv_run(&world.loop.uv, UV_RUN_NOWAIT);
    }
    loop_run(&world.loop);
    assert_int_equal(world.finished, RANDOM_WORKS);
    for (size_t i = 0; i < RANDOM_WORKS; i++) {
        const enum err err = op_error(&tasks[i].work.op)->code;
        assert_true(err == ERR_CANCELLED || (err == OK && tasks[i].text));
        work_clear(&tasks[i].work);
    }
    free(tasks);
    end();
}

/* --- the pool --------------------------------------------------------------------------------- */

static void test_size_of_the_pool(void **state)
{
    (void)state;
    work_init_threads(); /* main has set it: that stays */
    assert_string_equal(getenv("UV_THREADPOOL_SIZE"), "1");
    unsetenv("UV_THREADPOOL_SIZE");
    work_init_threads();
    assert_int_equal(atoi(getenv("UV_THREADPOOL_SIZE")), WORK_THREADS);
}

int main(void)
{
    setenv("UV_THREADPOOL_SIZE", "1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_result),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_clear_of_none),
        cmocka_unit_test(test_cancel_before_the_first_step),
        cmocka_unit_test(test_cancel_while_it_waits_for_a_thread),
        cmocka_unit_test(test_cancel_while_it_runs),
        cmocka_unit_test(test_deadline_while_it_runs),
        cmocka_unit_test(test_cancel_when_it_has_run_but_is_not_taken),
        cmocka_unit_test(test_nothing_is_freed_early),
        cmocka_unit_test(test_many_with_random_cancels),
        cmocka_unit_test(test_size_of_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
