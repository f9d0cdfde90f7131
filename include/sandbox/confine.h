/*
 * confine.h: what the launcher takes away before it starts a program on a hostile file.
 *
 *     confine_paths(EXEC_FD);             // may be missing from the kernel: worth having, not a
 * must confine_calls();                    // the must execveat(EXEC_FD, "", argv, environment,
 * AT_EMPTY_PATH);
 *
 * Both hold for this process and all it becomes, and cannot be undone. Both need
 * PR_SET_NO_NEW_PRIVS to be set before.
 */
#ifndef SANDBOX_CONFINE_H
#define SANDBOX_CONFINE_H

enum {
    /* Where the program to start is open, close-on-exec. The filter allows execveat of this number
     * and no other execve; as RLIMIT_NOFILE is set below the number, nothing can ever be open there
     * again, and so the program that was started can start no other. */
    EXEC_FD = 100,
};

/* Leaves the system calls that reading a file and writing to standard output and error take: no
 * sockets, no files opened for writing, no processes, one execveat. 0, or an errno. */
int confine_calls(void);

/* Leaves for reading the system's libraries and data, standard input and the program open as
 * `program_fd`; nothing for writing. 0, or an errno: ENOSYS or EOPNOTSUPP without Landlock. */
int confine_paths(int program_fd);

#endif
