/*
 * Three handles of libuv are open while the child lives: its end and two pipes. Each is a hold of
 * the operation, released in its close callback, so the memory they are in cannot go before.
 *
 * It is started by posix_spawn, not by uv_spawn: that forks, which copies the server's page tables,
 * and the loop waits meanwhile; the larger the server is, the longer. Its end is told by a
 * descriptor for it (pidfd_open), so that nothing depends on SIGCHLD.
 */
#include "io/subprocess.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Its number, and that of its group, stay its own until it is reaped. */
static bool is_reaped(const struct subprocess *child)
{
    return child->pid_fd < 0;
}

/* Ends the whole group; its exit is then told by on_exit as any other. The pipes are closed too, as
 * somebody who left the group may hold their other ends. */
static void stop(struct subprocess *child)
{
    loop_timer_stop(child->op.link.loop, &child->timeout);
    if (!is_reaped(child))
        (void)kill(-child->pid, SIGKILL);
    close_handle((uv_handle_t *)&child->pipes[0]);
    close_handle((uv_handle_t *)&child->pipes[1]);
}

static void on_timeout(struct loop_timer *timer)
{
    struct subprocess *child = container_of(timer, struct subprocess, timeout);
    child->ended = SUBPROCESS_TIMED_OUT;
    stop(child);
}

static void on_exit(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    struct subprocess *child = child_of((uv_handle_t *)handle);
    /* What it may have left behind in its group would keep the pipes open. The time-out goes on: it
     * ends the wait for what has left the group. */
    (void)kill(-child->pid, SIGKILL);
    siginfo_t end = {0};
    const int result = waitid(P_PIDFD, (id_t)child->pid_fd, &end, WEXITED);
    assert(result == 0);
    (void)result;
    child->exit_status = end.si_code == CLD_EXITED ? end.si_status : 0;
    child->term_signal = end.si_code == CLD_EXITED ? 0 : end.si_status;
    close_handle((uv_handle_t *)handle);
    close(child->pid_fd);
    child->pid_fd = -1;
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

static void close_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* 0, or errno. */
static int spawn(struct subprocess *child, int output, int errors)
{
    static char *environment[] = {"LANG=C.UTF-8", "PATH=/usr/bin:/bin", NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t signals;
    posix_spawn_file_actions_init(&files);
    if (child->options.stdin_fd >= 0)
        posix_spawn_file_actions_adddup2(&files, child->options.stdin_fd, STDIN_FILENO);
    else
        posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);

    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);

    const int result = posix_spawn(&child->pid, child->options.argv[0], &files, &attributes,
                                   (char *const *)(uintptr_t)child->options.argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return result;
}

/* Starts the child and opens the descriptor that tells of its end. 0, or errno. */
static int spawn_watched(struct subprocess *child, int output, int errors)
{
    const int result = spawn(child, output, errors);
    if (result != 0)
        return result;
    child->pid_fd = pidfd_open(child->pid, 0);
    if (child->pid_fd >= 0)
        return 0;
    const int number = errno;
    (void)kill(-child->pid, SIGKILL);
    (void)waitpid(child->pid, NULL, 0); /* at once: it has been killed */
    return number;
}

static void read_pipe(struct subprocess *child, int which, int fd)
{
    uv_pipe_t *pipe = &child->pipes[which];
    uv_pipe_init(&child->op.link.loop->uv, pipe, 0);
    pipe->data = child;
    op_hold(&child->op);
    const int result = uv_pipe_open(pipe, fd);
    assert(result == 0);
    (void)result;
    uv_read_start((uv_stream_t *)pipe, on_alloc, on_read);
}

static void watch_exit(struct subprocess *child)
{
    const int result = uv_poll_init(&child->op.link.loop->uv, &child->exit, child->pid_fd);
    assert(result == 0);
    (void)result;
    child->exit.data = child;
    op_hold(&child->op);
    uv_poll_start(&child->exit, UV_READABLE, on_exit);
}

static enum flow child_run(struct op *op)
{
    struct subprocess *child = op_cast(op, subprocess);
    int output[2] = {-1, -1}, errors[2] = {-1, -1};
    int result = pipe2(output, O_CLOEXEC) == 0 && pipe2(errors, O_CLOEXEC) == 0 ? 0 : errno;
    if (result == 0)
        result = spawn_watched(child, output[1], errors[1]);
    close_open(output[1]);
    close_open(errors[1]);
    if (result != 0) {
        close_open(output[0]);
        close_open(errors[0]);
        return op_fail(op, ERR_UNAVAILABLE, "cannot start %s: %s", child->options.argv[0],
                       strerror(result));
    }
    read_pipe(child, 0, output[0]);
    read_pipe(child, 1, errors[0]);
    watch_exit(child);
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
    child->pid_fd = -1;
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
