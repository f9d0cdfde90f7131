/*
 * The filter is an allow-list: what pdftotext, catdoc, antiword and personad-docx were seen to call
 * over good, broken and hostile files, with the harmless neighbours that another release of the C
 * library may use in their place (time, memory, signals, stat). All else fails with EPERM rather
 * than killing, so that a program that can do without goes on; what newer C libraries try first and
 * have a fallback for gets the ENOSYS that the fallback waits for.
 */
#include "sandbox/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const int harmless[] = {
    /* what is open already */
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(lseek),
    SCMP_SYS(_llseek), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(fadvise64), SCMP_SYS(poll),
    SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6),
    /* looking at names */
    SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(access), SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    /* memory */
    SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(munmap), SCMP_SYS(mremap),
    SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(membarrier),
    /* the one thread and its signals */
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list),
    SCMP_SYS(set_tid_address), SCMP_SYS(rseq), SCMP_SYS(arch_prctl), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* who and where am I */
    SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
    SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getrlimit),
    SCMP_SYS(getrusage), SCMP_SYS(getrandom), SCMP_SYS(getcpu),
    /* time */
    SCMP_SYS(time), SCMP_SYS(times), SCMP_SYS(gettimeofday), SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep)};

/* A pointer to flags hides them from a filter: openat2 and clone3 have to go whole. */
static const int absent[] = {SCMP_SYS(openat2), SCMP_SYS(clone3)};

enum {
    /* None of these in an open: it is for reading, and makes nothing. O_TMPFILE itself holds the
     * bit of O_DIRECTORY, which is welcome. */
    OPEN_REFUSED = O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY),
};

/* Conditions on an argument. The kernel takes an int from the lower half of a register, whatever
 * the upper half holds, and so does INT_IS. */
#define INT_IS(argument, value)                                                                    \
    {                                                                                              \
        (argument), SCMP_CMP_MASKED_EQ, UINT32_MAX, (value)                                        \
    }
#define BITS_CLEAR(argument, bits)                                                                 \
    {                                                                                              \
        (argument), SCMP_CMP_MASKED_EQ, (bits), 0                                                  \
    }
#define IS_NULL(argument)                                                                          \
    {                                                                                              \
        (argument), SCMP_CMP_EQ, 0, 0                                                              \
    }

/* The calls that are harmless with some arguments only. Rows of one call are alternatives. */
struct rule {
    int call;
    unsigned count; /* of conditions, which all have to hold */
    struct scmp_arg_cmp conditions[2];
};

static int add_conditional(scmp_filter_ctx filter)
{
    const struct rule rules[] = {
        {SCMP_SYS(open), 1, {BITS_CLEAR(1, OPEN_REFUSED)}},
        {SCMP_SYS(openat), 1, {BITS_CLEAR(2, OPEN_REFUSED)}},
        {SCMP_SYS(write), 1, {INT_IS(0, STDOUT_FILENO)}},
        {SCMP_SYS(write), 1, {INT_IS(0, STDERR_FILENO)}},
        {SCMP_SYS(writev), 1, {INT_IS(0, STDOUT_FILENO)}},
        {SCMP_SYS(writev), 1, {INT_IS(0, STDERR_FILENO)}},
        {SCMP_SYS(fcntl), 1, {INT_IS(1, F_GETFL)}},
        {SCMP_SYS(fcntl), 1, {INT_IS(1, F_GETFD)}},
        {SCMP_SYS(fcntl), 1, {INT_IS(1, F_SETFD)}},
        {SCMP_SYS(ioctl), 1, {INT_IS(1, TCGETS)}}, /* isatty */
        /* Limits may be read, not set. */
        {SCMP_SYS(prlimit64), 2, {INT_IS(0, 0), IS_NULL(2)}},
        /* abort() sends itself a signal; the number stays the same over an exec. */
        {SCMP_SYS(tgkill), 1, {INT_IS(0, (scmp_datum_t)getpid())}},
        {SCMP_SYS(execveat), 2, {INT_IS(0, EXEC_FD), INT_IS(4, AT_EMPTY_PATH)}},
    };

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const struct rule *rule = &rules[i];
        if (rule->call < 0) /* not on this processor */
            continue;
        const int error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule->call, rule->count,
                                                 rule->conditions);
        if (error)
            return error;
    }
    return 0;
}

static int add_each(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const int error = calls[i] < 0 ? 0 : seccomp_rule_add(filter, action, calls[i], 0);
        if (error)
            return error;
    }
    return 0;
}

int confine_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return ENOMEM;

    /* The kernel's own errno from seccomp_load, in place of one ECANCELED for all. */
    int error = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
    if (!error) /* a tree in place of a list: the kernel walks the filter once for each call it has
                 */
        error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (!error)
        error = add_each(filter, SCMP_ACT_ALLOW, harmless, sizeof(harmless) / sizeof(harmless[0]));
    if (!error)
        error =
            add_each(filter, SCMP_ACT_ERRNO(ENOSYS), absent, sizeof(absent) / sizeof(absent[0]));
    if (!error)
        error = add_conditional(filter);
    if (!error)
        error = seccomp_load(filter);
    seccomp_release(filter);
    return -error;
}
