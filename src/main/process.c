/*
 *     RUNNING ──SIGTERM──▶ LEAVING ──DRAIN_DELAY──▶ DRAINING ──last request over──▶ (exit 0)
 *                             │                        │
 *                             └──second signal─────────┴──DRAIN_TIMEOUT──▶ STOPPING ──▶ (exit 1)
 */
#include "main/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/config.h"
#include "base/heap.h"
#include "base/log.h"
#include "io/work.h"

extern char **environ;

enum {
    FILES_RESERVED = 256, /* descriptors beside clients and uploads: pipes, libraries, logs */
    STOPPING_MS = 1000,   /* for the last answers to leave when stopping at once */
    SETTLE_MS = 10,       /* between two looks at whether calls have ended, at the end */
    SETTLE_ROUNDS = 50,
    TRIM_MS = 10 * 1000,   /* how often freed memory may go back to the system */
    TRIMS = 3,             /* after a peak: what is freed late goes back with the next */
    TRIM_CONNECTIONS = 64, /* a peak worth it */
};

/* --- the end ------------------------------------------------------------------------------------
 */

static struct process *process_of(struct server *server)
{
    return container_of(server, struct process, server);
}

static void end(struct loop_timer *timer)
{
    loop_stop(&container_of(timer, struct process, phase_timer)->server.loop);
}

static void on_idle(struct server *server)
{
    if (server->phase >= SERVER_DRAINING)
        loop_timer_start(&server->loop, &process_of(server)->phase_timer, 0, end);
}

static void stop(struct process *process, const char *why)
{
    struct server *server = &process->server;
    if (server->phase == SERVER_STOPPING)
        return;
    server->phase = SERVER_STOPPING;
    log_warn("", "stopping", "reason=%s requests=%zu", log_quote(why), server->request_count);
    process->exit_code = server->request_count > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    loop_timer_start(&server->loop, &process->phase_timer, STOPPING_MS, end);
    server_cancel_requests(server);
}

static void on_drain_timeout(struct loop_timer *timer)
{
    stop(container_of(timer, struct process, phase_timer), "DRAIN_TIMEOUT");
}

static void drain(struct loop_timer *timer)
{
    struct process *process = container_of(timer, struct process, phase_timer);
    struct server *server = &process->server;
    server->phase = SERVER_DRAINING;
    log_info("", "draining", "requests=%zu", server->request_count);
    loop_timer_start(&server->loop, timer, server->config->drain_timeout_ms, on_drain_timeout);
    if (server->request_count == 0)
        on_idle(server);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct process *process = handle->data;
    struct server *server = &process->server;
    if (server->phase != SERVER_RUNNING) {
        stop(process, "a second signal");
        return;
    }
    server->phase = SERVER_LEAVING;
    log_info("", "leaving", "signal=%d requests=%zu", number, server->request_count);
    loop_timer_start(&server->loop, &process->phase_timer, server->config->drain_delay_ms, drain);
}

/* --- upkeep --------------------------------------------------------------------------------------
 */

/* After a peak of connections the heap keeps what was freed: hand it back. */
static void on_trim(struct loop_timer *timer)
{
    struct process *process = container_of(timer, struct process, trim_timer);
    const size_t connections = http_server_connections(process->server.http);
    if (connections > process->connections_peak)
        process->connections_peak = connections;
    if (process->connections_peak >= TRIM_CONNECTIONS &&
        connections < process->connections_peak / 2) {
        process->connections_peak = connections;
        process->trims_left = TRIMS;
    }
    if (process->trims_left > 0) {
        process->trims_left--;
        heap_trim();
    }
    loop_timer_start(&process->server.loop, timer, TRIM_MS, on_trim);
}

/* --- the start -----------------------------------------------------------------------------------
 */

/* A client and its upload need a descriptor each. */
static int connections_possible(int wanted)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return wanted;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    const rlim_t possible =
        files.rlim_max > FILES_RESERVED ? (files.rlim_max - FILES_RESERVED) / 2 : 1;
    if ((rlim_t)wanted <= possible)
        return wanted;
    log_warn("", "settings", "MAX_CONNECTIONS=%d lowered_to=%llu reason=%s", wanted,
             (unsigned long long)possible, log_quote("limit on open files (ulimit -n)"));
    return (int)possible;
}

static bool find_program_dir(struct process *process)
{
    const ssize_t length =
        readlink("/proc/self/exe", process->program_dir, sizeof(process->program_dir) - 1);
    if (length <= 0)
        return false;
    process->program_dir[length] = '\0';
    *strrchr(process->program_dir, '/') = '\0';
    return true;
}

/* Can this system confine the readers of uploads? NULL: yes; else why not. */
static const char *sandbox_fault(const struct process *process)
{
    static char path[PATH_MAX + 32];
    snprintf(path, sizeof(path), "%s/personad-sandbox", process->program_dir);
    char *const argv[] = {path, "--check", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    const int result = posix_spawn(&pid, path, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (result != 0)
        return "personad-sandbox is not beside personad: only text files can be read";
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return NULL;
    return "this system does not allow system call filters: readers of uploads have limits only";
}

static void init_tools(struct process *process)
{
    const struct config *config = &process->config;
    struct pipeline_tools *tools = &process->server.tools;
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const int places = config->extract_concurrent > 0 ? config->extract_concurrent
                       : processors > 0               ? (int)processors
                                                      : 1;
    tools->config = config;
    tools->services = &process->server.services;
    gate_init(&tools->extract_gate, &process->server.loop, "extract",
              &(struct gate_settings){.places = (size_t)places});
    tools->extract_limits = (struct extract_limits){
        .program_dir = process->program_dir,
        .cpu_seconds = config->extract_cpu_seconds,
        .memory = config->extract_memory,
        .output = config->extract_output,
        .strict = config->extract_sandbox == SANDBOX_STRICT,
    };
}

static enum err listen_for_clients(struct process *process, struct error *error)
{
    const struct config *config = &process->config;
    struct server *server = &process->server;
    const struct http_settings settings = {
        .address = config->listen_address,
        .port = config->port,
        .connections_max = connections_possible(config->connections_max),
        .header_bytes_max = config->header_bytes_max,
        .idle_timeout_ms = config->idle_timeout_ms,
        .header_timeout_ms = config->header_timeout_ms,
        .body_rate_min = config->body_rate_min,
    };
    const struct http_callbacks callbacks = server_callbacks(server);
    return http_server_new(&server->loop, &settings, &callbacks, error, &server->http);
}

static void watch_signals(struct process *process)
{
    uv_loop_t *uv = &process->server.loop.uv;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a full quota is an error to report, not an end */
    uv_signal_init(uv, &process->terminate);
    uv_signal_init(uv, &process->interrupt);
    process->terminate.data = process->interrupt.data = process;
    uv_signal_start(&process->terminate, on_signal, SIGTERM);
    uv_signal_start(&process->interrupt, on_signal, SIGINT);
}

static enum err start(struct process *process, struct error *error)
{
    struct server *server = &process->server;
    const struct config *config = &process->config;
    if (!find_program_dir(process))
        return error_set(error, ERR_UNAVAILABLE, "/proc is not mounted");
    server->sandbox_fault = sandbox_fault(process);
    if (server->sandbox_fault && config->extract_sandbox == SANDBOX_STRICT)
        return error_set(error, ERR_UNAVAILABLE, "EXTRACT_SANDBOX=strict: %s",
                         server->sandbox_fault);
    if (server->sandbox_fault)
        log_warn("", "sandbox", "fault=%s", log_quote(server->sandbox_fault));
    init_tools(process);
    idempotency_init(&server->idempotency);
    enum err err = services_init(&server->services, &server->loop, config, error);
    if (err != OK)
        return err;
    process->services_begun = true;
    answers_init(&server->tools.answers, &server->loop, &server->services, config->cache_bytes);
    if (config->database_url) {
        err = store_init(&process->store, &server->loop, config, error);
        if (err != OK)
            return err;
        server->tools.store = &process->store;
    }
    err = spool_init(&server->spool, &server->loop, config->spool_dir, config->spool_memory, error);
    if (err == OK)
        err = listen_for_clients(process, error);
    return err;
}

/* What was cancelled ends in the next few rounds. */
static void settle(struct loop_timer *timer)
{
    struct process *process = container_of(timer, struct process, phase_timer);
    struct server *server = &process->server;
    const struct store *store = server->tools.store;
    const bool busy = server->running > 0 || server->tools.answers.under_way > 0 ||
                      services_busy(&server->services) || (store && store_busy(store));
    if (!busy || ++process->settle_rounds > SETTLE_ROUNDS)
        loop_stop(&server->loop);
    else
        loop_timer_start(&server->loop, timer, SETTLE_MS, settle);
}

/* The loop runs on until workers have ended and all handles are closed. */
static void take_down(struct process *process)
{
    struct server *server = &process->server;
    loop_timer_stop(&server->loop, &process->phase_timer);
    loop_timer_stop(&server->loop, &process->trim_timer);
    uv_close((uv_handle_t *)&process->terminate, NULL);
    uv_close((uv_handle_t *)&process->interrupt, NULL);
    if (process->services_begun)
        services_stop(&server->services);
    if (server->tools.store)
        store_stop(server->tools.store);
    http_server_free(server->http);
    if (process->services_begun) {
        settle(&process->phase_timer);
        loop_run(&server->loop);
        loop_timer_stop(&server->loop, &process->phase_timer);
    }
    if (server->running == 0)
        idempotency_clear(&server->idempotency);
    if (server->running == 0) /* else what was at work goes with the process */
        gate_clear(&server->tools.extract_gate);
    if (process->services_begun && server->running == 0 && server->tools.answers.under_way == 0)
        answers_clear(&server->tools.answers);
    if (process->services_begun && server->running == 0 && !services_busy(&server->services))
        services_clear(&server->services);
    if (server->tools.store && !store_busy(server->tools.store))
        store_clear(server->tools.store);
    loop_clear(&server->loop);
    if (server->spool.loop)
        spool_clear(&server->spool);
}

int process_serve(struct process *process)
{
    struct server *server = &process->server;
    struct error error = {0};
    heap_init();
    work_init_threads();
    if (loop_init(&server->loop) != OK) {
        fputs("personad: no event loop\n", stderr);
        return EXIT_FAILURE;
    }
    server->config = &process->config;
    server->on_idle = on_idle;
    watch_signals(process);
    if (start(process, &error) != OK) {
        fprintf(stderr, "personad: %s\n", error.detail);
        process->exit_code = EXIT_FAILURE;
    } else {
        log_info("", "listening", "address=%s port=%d version=%s", process->config.listen_address,
                 http_server_port(server->http), PERSONAD_VERSION);
        log_flush();
        loop_timer_start(&server->loop, &process->trim_timer, TRIM_MS, on_trim);
        loop_lag_start(&server->loop.lag);
        loop_run(&server->loop);
        log_info("", "stopped", "exit_code=%d", process->exit_code);
    }
    take_down(process);
    log_flush();
    return process->exit_code;
}
