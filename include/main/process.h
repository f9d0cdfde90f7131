/*
 * process.h: builds the server from its settings, runs the loop, takes it down in reverse.
 *
 *     static struct process process;
 *     ... // process.config is filled, the log begun
 *     return process_serve(&process);
 */
#ifndef MAIN_PROCESS_H
#define MAIN_PROCESS_H

#include <limits.h>
#include <stdbool.h>

#include "api/server.h"

struct process {
    struct config config;
    /* private */
    struct server server;
    struct store store;
    uv_signal_t terminate, interrupt;
    struct loop_timer phase_timer; /* DRAIN_DELAY, then DRAIN_TIMEOUT, then STOPPING_MS */
    struct loop_timer trim_timer;
    bool services_begun;
    int settle_rounds;
    size_t connections_peak; /* since the last trim */
    int trims_left;
    char program_dir[PATH_MAX];
    int exit_code;
};

/* Serves until SIGTERM or SIGINT. The exit status: 0, or 1 where it could not start or requests
 * were lost at the end. */
int process_serve(struct process *process);

#endif
