/*
 * upsim: LlamaParse and OpenAI as far as personad calls them, on a port of 127.0.0.1, with faults.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "upsim/pictures.h"
#include "upsim/upsim.h"

enum { EXIT_USAGE = 2 };

static const char usage[] =
    "upsim: a simulator of LlamaParse (v1, v2) and of OpenAI's chat, embeddings, images, models.\n"
    "\n"
    "    upsim [--OPTION VALUE]... [--fault SERVICE=NAME[:COUNT|SHARE][,KEY=VALUE...]]...\n"
    "\n"
    "    OPENAI_BASE_URL=http://127.0.0.1:PORT/v1  LLAMAPARSE_BASE_URL=http://127.0.0.1:PORT\n"
    "\n"
    "Any key is good, but those that begin with \"bad\" (401) or \"poor\" (no money).\n"
    "\n"
    "Options, with their defaults:\n";

static const char fault_usage[] =
    "\n"
    "Services: upload status result (all three: llamaparse), chat embeddings images models (all\n"
    "four: openai), download (a picture's URL), job (a parse job's end), all.\n"
    "Keys of a fault: times after share call model ms status type code param message headers\n"
    "retry_after retry_after_ms retry_date_s should_retry bytes interval_ms polls to.\n"
    "While it runs: POST /control with {\"service\":...,\"fault\":...,KEY:...} or a list of such;\n"
    "POST /control/options {\"OPTION\":\"VALUE\"}; POST /control/reset; GET /control/stats.\n"
    "\n"
    "Faults, and where they may be set:\n";

static void print_help(void)
{
    fputs(usage, stdout);
    options_print_help(stdout);
    fputs(fault_usage, stdout);
    faults_print_help(stdout);
}

/* --- the command line ---------------------------------------------------------------------------
 */

/* One argument with its value; false once a complaint is printed. */
static bool take_argument(struct upsim *upsim, const char *name, const char *value)
{
    char complaint[FAULT_TEXT_BYTES];
    if (strcmp(name, "fault") == 0) {
        if (faults_add_text(&upsim->faults, value, complaint))
            return true;
        fprintf(stderr, "upsim: --fault %s: %s\n", value, complaint);
        return false;
    }
    const char *allowed = options_set(&upsim->options, name, value);
    if (allowed)
        fprintf(stderr, "upsim: --%s %s: %s\n", name, value, allowed);
    return !allowed;
}

static bool read_arguments(struct upsim *upsim, char **arguments)
{
    for (; *arguments; arguments++) {
        char *name = *arguments;
        char *value = strchr(name, '=');
        if (strncmp(name, "--", 2) != 0) {
            fprintf(stderr, "upsim: %s: options begin with --; see --help\n", name);
            return false;
        }
        name += 2;
        if (value)
            *value++ = '\0';
        else if (!(value = *++arguments)) {
            fprintf(stderr, "upsim: --%s: it needs a value\n", name);
            return false;
        }
        if (!take_argument(upsim, name, value))
            return false;
    }
    return true;
}

/* --- the process --------------------------------------------------------------------------------
 */

struct process {
    struct upsim upsim;
    uv_signal_t terminate, interrupt;
};

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    struct process *process = handle->data;
    http_server_stop(&process->upsim.server);
    uv_close((uv_handle_t *)&process->terminate, NULL);
    uv_close((uv_handle_t *)&process->interrupt, NULL);
}

static void watch_signals(struct process *process)
{
    uv_signal_init(&process->upsim.loop, &process->terminate);
    uv_signal_init(&process->upsim.loop, &process->interrupt);
    process->terminate.data = process->interrupt.data = process;
    uv_signal_start(&process->terminate, on_signal, SIGTERM);
    uv_signal_start(&process->interrupt, on_signal, SIGINT);
}

/* As many connections as the system lets us have. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int serve(struct process *process)
{
    static const struct http_handlers handlers = {route_request, route_over};
    struct upsim *upsim = &process->upsim;
    upsim->dice.state = upsim->options.seed;
    uv_loop_init(&upsim->loop);
    const int result =
        http_server_start(&upsim->server, &upsim->loop, upsim->options.port, &handlers, upsim);
    upsim->server.idle_ms = upsim->options.idle_ms;
    watch_signals(process);
    if (result == 0) {
        printf("upsim listening on 127.0.0.1:%d\n", upsim->server.port);
        fflush(stdout);
    } else {
        fprintf(stderr, "upsim: port %d: %s\n", upsim->options.port, uv_strerror(result));
        on_signal(&process->terminate, 0);
    }
    uv_run(&upsim->loop, UV_RUN_DEFAULT);
    uv_loop_close(&upsim->loop);
    jobs_clear(&upsim->jobs);
    pictures_clear();
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++)
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0) {
            print_help();
            return EXIT_SUCCESS;
        }
    struct process *process = calloc(1, sizeof(*process));
    if (!process)
        abort();
    options_init(&process->upsim.options);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    const int status =
        count > 0 && read_arguments(&process->upsim, arguments + 1) ? serve(process) : EXIT_USAGE;
    free(process);
    return status;
}
