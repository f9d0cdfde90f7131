/*
 * subprocess.h: a child process with capped output and time, as an operation.
 *
 *     struct subprocess child = {0};
 *     subprocess_start(&child, need(op), &(struct subprocess_options){
 *         .argv = argv, .stdin_fd = fd, .output_max = 16 << 20, .timeout_ms = 30000});
 *     ... // in the next step: child.output, child.ended, child.exit_status
 *     subprocess_clear(&child);
 *
 * The child leads a process group of its own, which is killed as a whole on cancel, on time-out and
 * at its output's limit; the operation finishes when the process was reaped and both pipes are
 * closed. It succeeds however the child ended: that is for the caller to judge. It fails only
 * where the child could not be started (ERR_UNAVAILABLE) or was cancelled.
 */
#ifndef IO_SUBPROCESS_H
#define IO_SUBPROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "io/op.h"

enum { SUBPROCESS_ERRORS_MAX = 4096 /* bytes of standard error kept */ };

enum subprocess_end {
    SUBPROCESS_EXITED,       /* by itself, or by a signal not ours */
    SUBPROCESS_TIMED_OUT,    /* killed at timeout_ms */
    SUBPROCESS_OUTPUT_LIMIT, /* killed at output_max */
};

struct subprocess_options {
    const char *const *argv; /* NULL-terminated; argv[0] is a path; lives until the end */
    int stdin_fd;            /* borrowed; becomes its standard input; -1: /dev/null */
    size_t output_max;       /* bytes of standard output */
    uint64_t timeout_ms;
};

struct subprocess {
    struct op op;
    struct subprocess_options options;
    struct buffer output; /* standard output */
    struct buffer errors; /* the first of standard error */
    enum subprocess_end ended;
    int64_t exit_status;
    int term_signal; /* 0 if it exited */
    struct loop_timer timeout;
    pid_t pid;
    int pid_fd; /* readable at its end; -1: not started, or reaped */
    uv_poll_t exit;
    uv_pipe_t pipes[2]; /* its standard output and error */
};

void subprocess_start(struct subprocess *child, struct op_link link,
                      const struct subprocess_options *options);

/* After it has finished: frees the output. Nothing happens for one that is `{0}`. */
void subprocess_clear(struct subprocess *child);

#endif
