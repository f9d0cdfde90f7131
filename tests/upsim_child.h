/*
 * upsim_child.h: the simulator of the paid services (tests/upsim) as a child of a test program, and
 * a client of its own for its control. That one blocks: the simulator never waits for us.
 */
#ifndef TESTS_UPSIM_CHILD_H
#define TESTS_UPSIM_CHILD_H

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"

enum { UPSIM_ANSWER_BYTES = 1 << 20 };

extern char **environ;

static pid_t upsim_pid;
static unsigned upsim_port;

static inline int start_upsim(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    char path[] = SANDBOX_DIR "/upsim";
    char *const argv[] = {path, NULL};
    assert_int_equal(posix_spawn(&upsim_pid, path, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    FILE *says = fdopen(ends[0], "r");
    assert_int_equal(fscanf(says, "upsim listening on 127.0.0.1:%u", &upsim_port), 1);
    fclose(says);
    return 0;
}

static inline int stop_upsim(void **state)
{
    (void)state;
    kill(upsim_pid, SIGTERM);
    assert_int_equal(waitpid(upsim_pid, NULL, 0), upsim_pid);
    return 0;
}

/* The answer's JSON, for cJSON_Delete; NULL: it has none. */
static inline cJSON *ask_upsim(const char *method, const char *path, const char *body)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)upsim_port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    dprintf(fd,
            "%s %s HTTP/1.1\r\nHost: upsim\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
            method, path, strlen(body), body);
    static char answer[UPSIM_ANSWER_BYTES];
    size_t length = 0;
    for (ssize_t count; (count = read(fd, answer + length, sizeof(answer) - 1 - length)) > 0;)
        length += (size_t)count;
    close(fd);
    answer[length] = '\0';
    if (strncmp(answer, "HTTP/1.1 20", 11) != 0)
        fail_msg("upsim: %s", answer);
    const char *begin = strstr(answer, "\r\n\r\n") + 4;
    cJSON *root = NULL;
    if (*begin)
        assert_int_equal(json_parse(begin, strlen(begin), NULL, &root), OK);
    return root;
}

static inline void control_upsim(const char *path, const char *body)
{
    cJSON_Delete(ask_upsim("POST", path, body));
}

/* Forgets what was seen, and lets pass what only OpenAI itself refuses. */
static inline void reset_upsim(void)
{
    control_upsim("/control/reset", "");
    control_upsim("/control/options", "{\"strict\":\"off\"}");
}

/* A number of its statistics, by names with points between: "services.chat.calls". */
static inline size_t upsim_count(const char *names)
{
    cJSON *root = ask_upsim("GET", "/control/stats?brief", "");
    const cJSON *at = root;
    char copy[128];
    snprintf(copy, sizeof(copy), "%s", names);
    for (char *rest = copy, *name; (name = strsep(&rest, "."));)
        at = cJSON_GetObjectItemCaseSensitive(at, name);
    const size_t count = cJSON_IsNumber(at) ? (size_t)at->valuedouble : 0;
    cJSON_Delete(root);
    return count;
}

#endif
