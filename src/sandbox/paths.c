/*
 * The filter of system calls cannot tell one name from another; Landlock can. A program that a
 * hostile file has taken over could otherwise print what the server's user may read: its .env, its
 * key, other people's uploads. /etc is therefore left out but for two files.
 */
#include "sandbox/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's struct landlock_ruleset_attr as of ABI 6; Debian 12's header ends after the first
 * member. Older kernels take the longer one as long as what they do not know is 0. */
struct ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* ABI 4 */
    uint64_t scoped;             /* ABI 6 */
};

enum {
    ABI_NET = 4,
    ABI_SCOPE = 6,
    NET_ALL = 3,   /* bind and connect over TCP */
    SCOPE_ALL = 3, /* abstract Unix sockets, signals */
    READ_FILES = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE,
    READ_TREES = READ_FILES | LANDLOCK_ACCESS_FS_READ_DIR,
};

static const struct {
    const char *path;
    uint64_t access;
} readable[] = {
    {"/usr", READ_TREES}, /* programs, libraries, poppler-data, character sets, locales */
    {"/lib", READ_TREES}, /* the loader; the same as under /usr where the two are merged */
    {"/lib64", READ_TREES},
    {"/etc/ld.so.cache", LANDLOCK_ACCESS_FS_READ_FILE},
    {"/etc/catdocrc", LANDLOCK_ACCESS_FS_READ_FILE},
};

/* How many kinds of access to files each ABI knows, from bit 0 up. */
static uint64_t all_file_access(int abi)
{
    static const unsigned bits[] = {0, 13, 14, 15, 15, 16};
    const int known = (int)(sizeof(bits) / sizeof(bits[0])) - 1;

    return (UINT64_C(1) << bits[abi < known ? abi : known]) - 1;
}

static int allow(int ruleset, int fd, uint64_t access)
{
    const struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};

    return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

static int allow_all(int ruleset, int program_fd)
{
    if (allow(ruleset, program_fd, READ_FILES) != 0)
        return errno;
    /* antiword opens its input a second time, by way of /proc. A pipe or a memfd is on no file
     * system: such a rule is refused, and not needed. */
    (void)allow(ruleset, STDIN_FILENO, LANDLOCK_ACCESS_FS_READ_FILE);

    for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++) {
        const int fd = open(readable[i].path, O_PATH | O_CLOEXEC);
        if (fd < 0)
            continue; /* not on this system */
        const int error = allow(ruleset, fd, readable[i].access) == 0 ? 0 : errno;
        close(fd);
        if (error)
            return error;
    }
    return 0;
}

int confine_paths(int program_fd)
{
    const int abi =
        (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 0)
        return errno;

    const struct ruleset wanted = {
        .handled_access_fs = all_file_access(abi),
        .handled_access_net = abi >= ABI_NET ? NET_ALL : 0,
        .scoped = abi >= ABI_SCOPE ? SCOPE_ALL : 0,
    };
    const int ruleset = (int)syscall(SYS_landlock_create_ruleset, &wanted, sizeof(wanted), 0);
    if (ruleset < 0)
        return errno;

    int error = allow_all(ruleset, program_fd);
    if (!error && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        error = errno;
    close(ruleset);
    return error;
}
