/*
 * Three handles of libuv are open while the child lives: the process and two pipes. Each is a hold
 * of the operation, released in its close callback, so the memory they are in cannot go before.
 */
#include "io/subprocess.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

enum { READ_BYTES = 64 * 1024 };

/* Where bytes go for which there is no room: too much output, or the rest of standard error, which
 * is read all the same, since a child with a closed one dies of SIGPIPE. Never looked at. */
static char excess[READ_BYTES];

static struct subprocess *child_of(const uv_handle_t *handle)
{
    return handle->data;
}

static void on_handle_closed(uv_handle_t *handle)
{
    op_release(&child_of(handle)->op);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_handle_closed);
}

/* Ends the whole group; its exit is then told by on_exit as any other. The pipes are closed too, as
 * somebody who left the group may hold their other ends. */
static void stop(struct subprocess *child)
{
    loop_timer_stop(child->op.link.loop, &child->timeout);
    if (uv_is_active((uv_handle_t *)&child->process))
        (void)uv_kill(-child->process.pid, SIGKILL);
    close_handle((uv_handle_t *)&child->pipes[0]);
    close_handle((uv_handle_t *)&child->pipes[1]);
}

static void on_timeout(struct loop_timer *timer)
{
    struct subprocess *child = container_of(timer, struct subprocess, timeout);
    child->ended = SUBPROCESS_TIMED_OUT;
    stop(child);
}

static void on_exit(uv_process_t *process, int64_t exit_status, int term_signal)
{
    struct subprocess *child = child_of((uv_handle_t *)process);
    child->exit_status = exit_status;
    child->term_signal = term_signal;
    /* What it may have left behind in its group would keep the pipes open. The time-out goes on: it
     * ends the wait for what has left the group. */
    (void)uv_kill(-process->pid, SIGKILL);
    close_handle((uv_handle_t *)process);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct subprocess *child = child_of(handle);
    struct buffer *into =
        handle == (uv_handle_t *)&child->pipes[0] ? &child->output : &child->errors;
    const size_t room = into->max - into->length;
    if (room == 0) {
        *out = uv_buf_init(excess, sizeof(excess));
        return;
    }
    const size_t wanted = room < READ_BYTES ? room : READ_BYTES;
    *out = uv_buf_init(buffer_reserve(into, wanted), (unsigned)wanted);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *bytes)
{
    struct subprocess *child = child_of((uv_handle_t *)stream);
    const bool is_output = stream == (uv_stream_t *)&child->pipes[0];
    struct buffer *into = is_output ? &child->output : &child->errors;
    if (count < 0) {
        close_handle((uv_handle_t *)stream);
    } else if (count > 0 && bytes->base != excess) {
        into->length += (size_t)count;
        into->data[into->length] = '\0';
    } else if (count > 0 && is_output) {
        child->ended = SUBPROCESS_OUTPUT_LIMIT;
        stop(child);
    }
}

/* Opens a pipe handle, which from now on must be closed. */
static void open_pipe(struct subprocess *child, int which)
{
    uv_pipe_t *pipe = &child->pipes[which];
    uv_pipe_init(&child->op.link.loop->uv, pipe, 0);
    pipe->data = child;
    op_hold(&child->op);
}

static int spawn(struct subprocess *child)
{
    static char *environment[] = {"LANG=C.UTF-8", "PATH=/usr/bin:/bin", NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&child->pipes[0]},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&child->pipes[1]},
    };
    if (child->options.stdin_fd >= 0) {
        stdio[0].flags = UV_INHERIT_FD;
        stdio[0].data.fd = child->options.stdin_fd;
    }
    const uv_process_options_t options = {
        .file = child->options.argv[0],
        .args = (char **)(uintptr_t)child->options.argv,
        .env = environment,
        .exit_cb = on_exit,
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = 3,
        .stdio = stdio,
    };
    return uv_spawn(&child->op.link.loop->uv, &child->process, &options);
}

static enum flow child_run(struct op *op)
{
    struct subprocess *child = op_cast(op, subprocess);
    child->process.data = child;
    open_pipe(child, 0);
    open_pipe(child, 1);
    op_hold(op); /* the process handle: initialised by uv_spawn even where it fails */
    const int result = spawn(child);
    if (result != 0) {
        close_handle((uv_handle_t *)&child->process);
        close_handle((uv_handle_t *)&child->pipes[0]);
        close_handle((uv_handle_t *)&child->pipes[1]);
        return op_fail(op, ERR_UNAVAILABLE, "cannot start %s: %s", child->options.argv[0],
                       uv_strerror(result));
    }
    uv_read_start((uv_stream_t *)&child->pipes[0], on_alloc, on_read);
    uv_read_start((uv_stream_t *)&child->pipes[1], on_alloc, on_read);
    loop_timer_start(op->link.loop, &child->timeout, child->options.timeout_ms, on_timeout);
    return FLOW_WAIT;
}

static void child_cancel(struct op *op)
{
    stop(op_cast(op, subprocess));
}

static void child_end(struct op *op)
{
    loop_timer_stop(op->link.loop, &op_cast(op, subprocess)->timeout);
}

static const struct step child_steps[] = {{"run", child_run}, {0}};
static const struct op_kind child_kind = {"subprocess", child_steps, child_cancel, child_end};

void subprocess_start(struct subprocess *child, struct op_link link,
                      const struct subprocess_options *options)
{
    assert(options->argv);
    assert(options->argv[0]);
    memset(child, 0, sizeof(*child));
    child->options = *options;
    buffer_init(&child->output, options->output_max);
    buffer_init(&child->errors, SUBPROCESS_ERRORS_MAX);
    op_start(&child->op, &child_kind, link);
}

void subprocess_clear(struct subprocess *child)
{
    if (!child->options.argv)
        return;
    assert(op_finished(&child->op));
    buffer_clear(&child->output);
    buffer_clear(&child->errors);
}
