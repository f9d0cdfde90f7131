/*
 * personad-sandbox: starts a program on a hostile file, with next to nothing it may do.
 *
 *     personad-sandbox [--cpu S] [--memory BYTES] [--files N] [--parent PID] [--best-effort]
 *                      -- /usr/bin/pdftotext - -  <file.pdf
 *     personad-sandbox --check      can this system do it? "ok" and 0, or the reason and 1
 *     personad-sandbox --probe      run inside a sandbox: prints what it was still able to do
 *
 * Readers of PDF and Word files are large, old and written in C and C++; the files come from
 * anybody. The program therefore runs with a limit on processor time and memory, cannot write a
 * file or a byte to anything but standard output and error, cannot open a socket, start a process
 * or another program, and reads little but itself, its libraries and standard input. It dies with
 * the server.
 *
 * It is a program of its own because it is started for each file: loading the server's libraries
 * would take longer than most extractions. Namespaces are left out for the same reason: they take
 * about 5 ms a start, often need a privilege that containers do not have, and would hide only what
 * the filter refuses anyway. What they hide and a filter cannot, Landlock does (paths.c).
 *
 * Exit status: the program's own; 125 for a wrong command line or a limit that cannot be set, 126
 * when the sandbox cannot be had or the program not be started, 127 when there is no such program.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/confine.h"

enum {
    STATUS_SETUP = 125,     /* the command line, or a limit */
    STATUS_CONFINE = 126,   /* no sandbox, or exec failed */
    STATUS_NOT_FOUND = 127, /* no such program */
    FILES_DEFAULT = 16,     /* the loader has one open at a time, pdftotext a handful */
    FILES_MIN = 4,          /* below that no library can be loaded */
};

struct options {
    uint64_t cpu_seconds; /* 0: no limit */
    uint64_t memory;      /* bytes of address space; 0: no limit */
    uint64_t files;       /* open at once, below EXEC_FD */
    uint64_t parent;      /* the process to die with; 0: whoever the parent is */
    bool best_effort;     /* go on where the kernel refuses the filter */
    char **program;       /* argv of the program; program[0] is its path */
};

static _Noreturn void die(int status, const char *what, int error)
{
    fprintf(stderr, "personad-sandbox: %s%s%s\n", what, error ? ": " : "",
            error ? strerror(error) : "");
    exit(status);
}

static uint64_t number_of(const char *text, uint64_t min, uint64_t max)
{
    char *end;

    errno = 0;
    const unsigned long long number = text ? strtoull(text, &end, 10) : 0;
    if (!text || *text < '0' || *text > '9' || *end || errno || number < min || number > max)
        die(STATUS_SETUP, "an option needs a number within its bounds", 0);
    return number;
}

static struct options options_of(char **argument)
{
    struct options options = {.files = FILES_DEFAULT};
    bool ended = false;

    while (!ended && *argument && strncmp(*argument, "--", 2) == 0) {
        const char *name = *argument++;
        if (strcmp(name, "--") == 0)
            ended = true;
        else if (strcmp(name, "--best-effort") == 0)
            options.best_effort = true;
        else if (strcmp(name, "--cpu") == 0)
            options.cpu_seconds = number_of(*argument++, 1, UINT32_MAX);
        else if (strcmp(name, "--memory") == 0)
            options.memory = number_of(*argument++, 1, INT64_MAX);
        else if (strcmp(name, "--files") == 0)
            options.files = number_of(*argument++, FILES_MIN, EXEC_FD);
        else if (strcmp(name, "--parent") == 0)
            options.parent = number_of(*argument++, 1, INT_MAX);
        else
            die(STATUS_SETUP, "unknown option", 0);
    }
    if (!*argument)
        die(STATUS_SETUP, "no program named", 0);
    options.program = argument;
    return options;
}

/* PR_SET_PDEATHSIG misses a parent that died before it: hence the number to compare with. */
static void die_with(uint64_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        die(STATUS_SETUP, "cannot tie the program to its parent", errno);
    if (parent != 0 && (uint64_t)getppid() != parent)
        die(STATUS_SETUP, "the parent has gone", 0);
}

static void limit(int resource, uint64_t soft, uint64_t hard)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)resource, &now) != 0)
        die(STATUS_SETUP, "cannot read a limit", errno);
    now.rlim_max = hard < now.rlim_max ? hard : now.rlim_max;
    now.rlim_cur = soft < now.rlim_max ? soft : now.rlim_max;
    if (setrlimit((__rlimit_resource_t)resource, &now) != 0)
        die(STATUS_SETUP, "cannot set a limit", errno);
}

static void limit_all(const struct options *options)
{
    if (options->cpu_seconds) /* first SIGXCPU, which tells the reason; a second later SIGKILL */
        limit(RLIMIT_CPU, options->cpu_seconds, options->cpu_seconds + 1);
    if (options->memory)
        limit(RLIMIT_AS, options->memory, options->memory);
    limit(RLIMIT_NOFILE, options->files, options->files);
    limit(RLIMIT_NPROC, 0, 0);
    limit(RLIMIT_FSIZE, 0, 0); /* an upload that came in opened for writing stays as it is */
    limit(RLIMIT_CORE, 1, 1); /* 1 rather than 0: with 0 a core_pattern that is a pipe still runs */
}

/* Opens the program at EXEC_FD, and leaves nothing else open beyond standard error. */
static void open_program(const char *path)
{
    const int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        die(STATUS_NOT_FOUND, path, errno);
    if (fd != EXEC_FD && dup3(fd, EXEC_FD, O_CLOEXEC) < 0)
        die(STATUS_SETUP, "cannot move the program's descriptor", errno);
    if (close_range(STDERR_FILENO + 1, EXEC_FD - 1, 0) != 0 ||
        close_range(EXEC_FD + 1, ~0u, 0) != 0)
        die(STATUS_SETUP, "cannot close what was left open", errno);
}

/* 0, or what the kernel refused the filter with. */
static int confine(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return errno;
    (void)confine_paths(EXEC_FD); /* without Landlock the filter has to do */
    return confine_calls();
}

static _Noreturn void run(const struct options *options)
{
    static char *const environment[] = {"LANG=C.UTF-8", "PATH=/usr/bin:/bin", "HOME=/nonexistent",
                                        NULL};
    sigset_t none;

    die_with(options->parent);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    open_program(options->program[0]);
    umask(077);
    if (chdir("/") != 0)
        die(STATUS_SETUP, "cannot change to /", errno);
    limit_all(options);
    const int error = confine();
    if (error && !options->best_effort)
        die(STATUS_CONFINE, "the kernel refuses the sandbox", error);
    syscall(SYS_execveat, EXEC_FD, "", options->program, environment, AT_EMPTY_PATH);
    die(STATUS_CONFINE, options->program[0], errno);
}

/* What a confined program tries: each is 0 if it was able to, else the errno. */

static int try_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : errno;
}

static int try_write(void)
{
    return open("/dev/null", O_WRONLY) >= 0 ? 0 : errno; /* which anybody else may write to */
}

static int try_process(void)
{
    const pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid < 0)
        return errno;
    (void)waitpid(pid, NULL, 0);
    return 0;
}

static int try_program(void)
{
    char *const arguments[] = {"false", NULL};

    execve("/nonexistent", arguments, arguments + 1);
    return errno == ENOENT ? 0 : errno; /* ENOENT: the call as such was let through */
}

static int try_read(void)
{
    return open("/etc/passwd", O_RDONLY) >= 0 ? 0 : errno;
}

static const struct {
    const char *name;
    int (*attempt)(void);
    bool needed; /* must fail for the sandbox to be one */
} attempts[] = {
    {"socket", try_socket, true},   {"write", try_write, true}, {"process", try_process, true},
    {"program", try_program, true}, {"read", try_read, false}, /* refused with Landlock only */
};

enum { ATTEMPT_COUNT = sizeof(attempts) / sizeof(attempts[0]) };

static int probe(void)
{
    for (size_t i = 0; i < ATTEMPT_COUNT; i++) {
        const int error = attempts[i].attempt();
        printf("%s: %s\n", attempts[i].name, error ? strerror(error) : "done");
    }
    return EXIT_SUCCESS;
}

static int check(const char *self)
{
    open_program(self);
    limit(RLIMIT_NOFILE, FILES_DEFAULT, FILES_DEFAULT);
    const int error = confine();
    if (error) {
        printf("the kernel refuses the filter of system calls: %s\n", strerror(error));
        return EXIT_FAILURE;
    }
    bool paths = true;
    for (size_t i = 0; i < ATTEMPT_COUNT; i++) {
        if (attempts[i].attempt() != 0)
            continue;
        if (attempts[i].needed) {
            printf("the sandbox does not hold: %s\n", attempts[i].name);
            return EXIT_FAILURE;
        }
        paths = false;
    }
    puts(paths ? "ok" : "ok, but without Landlock: a program may read what its user may read");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--check") == 0)
        return check("/proc/self/exe");
    if (argc == 2 && strcmp(argv[1], "--probe") == 0)
        return probe();
    if (argc < 2)
        die(STATUS_SETUP, "no program named", 0);
    const struct options options = options_of(argv + 1);
    run(&options);
}
