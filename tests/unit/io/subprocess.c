/*
 * Children of many characters. After every one: no descriptor is left open, no process is left to
 * be waited for. Where a child has to be at a known point, it says so on its standard output, and
 * the loop runs until that has arrived.
 */
#include "io/subprocess.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    OUTPUT_MAX = 1 << 20,
    LONG_MS = 60 * 1000, /* never comes to pass */
    SHORT_MS = 50,
    MOMENTS = 40,
};

static struct {
    struct loop loop;
    struct subprocess child;
    struct error error;
    size_t finished;
    size_t descriptors;
} world;

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void begin(void)
{
    memset(&world, 0, sizeof(world));
    world.descriptors = count_descriptors();
    assert_int_equal(loop_init(&world.loop), OK);
}

static void on_finish(struct op *op, void *context)
{
    (void)context;
    world.finished++;
    world.error = *op_error(op);
}

static void start(const struct subprocess_options *options)
{
    subprocess_start(&world.child, root(&world.loop, on_finish, NULL), options);
    assert_false(op_finished(&world.child.op));
}

/* A shell script; its argv lives as long as the program. */
static struct subprocess_options script(const char *text)
{
    static const char *argv[] = {"/bin/sh", "-c", NULL, NULL};
    argv[2] = text;
    return (struct subprocess_options){
        .argv = argv, .stdin_fd = -1, .output_max = OUTPUT_MAX, .timeout_ms = LONG_MS};
}

static void check_nothing_left(void)
{
    assert_int_equal(world.finished, 1);
    assert_true(op_finished(&world.child.op));
    assert_int_equal(world.child.timeout.place, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void end_loop(void)
{
    loop_clear(&world.loop);
    assert_int_equal(count_descriptors(), world.descriptors);
}

static void end(void)
{
    check_nothing_left();
    subprocess_clear(&world.child);
    subprocess_clear(&world.child);
    end_loop();
}

static void run(const struct subprocess_options *options)
{
    begin();
    start(options);
    loop_run(&world.loop);
    check_nothing_left();
}

static void run_script(const char *text)
{
    const struct subprocess_options options = script(text);
    run(&options);
}

/* Until so many bytes have come. */
static void run_until_output(size_t length)
{
    while (world.child.output.length < length && world.finished == 0)
        uv_run(&world.loop.uv, UV_RUN_ONCE);
    assert_int_equal(world.finished, 0);
}

static void assert_output(const char *expected)
{
    assert_non_null(world.child.output.data);
    assert_string_equal(world.child.output.data, expected);
    assert_int_equal(world.child.output.length, strlen(expected));
}

/* --- ends of its own -------------------------------------------------------------------------- */

static void test_output_and_errors(void **state)
{
    (void)state;
    run_script("echo one; echo two >&2; echo three");
    assert_int_equal(world.error.code, OK);
    assert_int_equal(world.child.ended, SUBPROCESS_EXITED);
    assert_int_equal(world.child.exit_status, 0);
    assert_int_equal(world.child.term_signal, 0);
    assert_output("one\nthree\n");
    assert_string_equal(world.child.errors.data, "two\n");
    end();
}

static void test_no_output(void **state)
{
    (void)state;
    run_script(":");
    assert_int_equal(world.child.exit_status, 0);
    assert_int_equal(world.child.output.length, 0);
    assert_int_equal(world.child.errors.length, 0);
    end();
}

static void test_exit_status(void **state)
{
    (void)state;
    run_script("echo before; exit 7");
    assert_int_equal(world.error.code, OK); /* to be judged by the caller */
    assert_int_equal(world.child.exit_status, 7);
    assert_int_equal(world.child.term_signal, 0);
    assert_output("before\n");
    end();
}

static void test_signal(void **state)
{
    (void)state;
    run_script("echo before; kill -ABRT $$");
    assert_int_equal(world.error.code, OK);
    assert_int_equal(world.child.ended, SUBPROCESS_EXITED);
    assert_int_equal(world.child.term_signal, SIGABRT);
    assert_output("before\n");
    end();
}

static void test_signals_are_as_usual_in_the_child(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as the server does */
    run_script("kill -PIPE $$; echo alive");
    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(world.child.term_signal, SIGPIPE);
    assert_int_equal(world.child.output.length, 0);
    end();
}

static void test_environment_is_not_ours(void **state)
{
    (void)state;
    setenv("PERSONAD_TEST_SECRET", "secret", 1);
    run_script("echo \"$PERSONAD_TEST_SECRET:$LANG:$PATH\"");
    assert_output(":C.UTF-8:/usr/bin:/bin\n");
    end();
}

static void test_much_output(void **state)
{
    (void)state;
    run_script("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done");
    assert_int_equal(world.child.exit_status, 0);
    assert_int_equal(world.child.output.length, 20000 * 11);
    for (size_t at = 0; at < world.child.output.length; at += 11)
        assert_memory_equal(world.child.output.data + at, "0123456789\n", 11);
    end();
}

static void test_errors_are_capped_and_the_child_lives_on(void **state)
{
    (void)state;
    run_script("echo first >&2; i=0; "
               "while [ $i -lt 20000 ]; do echo complaint >&2; i=$((i+1)); done; echo done");
    assert_int_equal(world.child.ended, SUBPROCESS_EXITED);
    assert_int_equal(world.child.term_signal, 0);
    assert_int_equal(world.child.exit_status, 0);
    assert_output("done\n");
    assert_int_equal(world.child.errors.length, SUBPROCESS_ERRORS_MAX);
    assert_memory_equal(world.child.errors.data, "first\ncomplaint\n", 16);
    end();
}

/* --- standard input --------------------------------------------------------------------------- */

static void test_no_input(void **state)
{
    (void)state;
    static const char *const argv[] = {"/bin/cat", NULL};
    run(&(struct subprocess_options){
        .argv = argv, .stdin_fd = -1, .output_max = OUTPUT_MAX, .timeout_ms = LONG_MS});
    assert_int_equal(world.child.exit_status, 0);
    assert_int_equal(world.child.output.length, 0);
    end();
}

static void test_input_from_a_descriptor(void **state)
{
    (void)state;
    static const char *const argv[] = {"/bin/cat", NULL};
    enum { LENGTH = 300 * 1000 };
    char *bytes = malloc(LENGTH);
    for (size_t i = 0; i < LENGTH; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    const int fd = memfd_create("input", MFD_CLOEXEC);
    assert_int_equal(write(fd, bytes, LENGTH), LENGTH);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    run(&(struct subprocess_options){
        .argv = argv, .stdin_fd = fd, .output_max = OUTPUT_MAX, .timeout_ms = LONG_MS});
    assert_int_equal(world.child.output.length, LENGTH);
    assert_memory_equal(world.child.output.data, bytes, LENGTH);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC); /* only borrowed */
    end();
    close(fd);
    free(bytes);
}

/* --- not started ------------------------------------------------------------------------------ */

static void test_program_that_does_not_exist(void **state)
{
    (void)state;
    static const char *const argv[] = {"/nonexistent/program", NULL};
    run(&(struct subprocess_options){
        .argv = argv, .stdin_fd = -1, .output_max = OUTPUT_MAX, .timeout_ms = LONG_MS});
    assert_int_equal(world.error.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(world.error.detail, "/nonexistent/program"));
    end();
}

static void test_program_that_is_none(void **state)
{
    (void)state;
    static const char *const argv[] = {"/etc/passwd", NULL};
    run(&(struct subprocess_options){
        .argv = argv, .stdin_fd = -1, .output_max = OUTPUT_MAX, .timeout_ms = LONG_MS});
    assert_int_equal(world.error.code, ERR_UNAVAILABLE);
    end();
}

static void test_clear_of_none(void **state)
{
    (void)state;
    struct subprocess none = {0};
    subprocess_clear(&none);
    assert_null(none.options.argv);
}

/* --- killed ----------------------------------------------------------------------------------- */

static void test_time_out(void **state)
{
    (void)state;
    struct subprocess_options options = script("echo before; while :; do sleep 60; done");
    options.timeout_ms = SHORT_MS;
    run(&options);
    assert_int_equal(world.error.code, OK);
    assert_int_equal(world.child.ended, SUBPROCESS_TIMED_OUT);
    assert_int_equal(world.child.term_signal, SIGKILL);
    end();
}

static void test_time_out_of_one_that_ignores_signals(void **state)
{
    (void)state;
    struct subprocess_options options =
        script("trap '' TERM INT HUP QUIT; while :; do sleep 60; done");
    options.timeout_ms = SHORT_MS;
    run(&options);
    assert_int_equal(world.child.ended, SUBPROCESS_TIMED_OUT);
    assert_int_equal(world.child.term_signal, SIGKILL);
    end();
}

static void test_output_limit(void **state)
{
    (void)state;
    struct subprocess_options options = script("while :; do echo 0123456789; done");
    options.output_max = 100 * 1000;
    run(&options);
    assert_int_equal(world.error.code, OK);
    assert_int_equal(world.child.ended, SUBPROCESS_OUTPUT_LIMIT);
    assert_int_equal(world.child.output.length, 100 * 1000);
    end();
}

static void test_output_up_to_the_limit_is_fine(void **state)
{
    (void)state;
    struct subprocess_options options = script("printf 0123456789");
    options.output_max = 10;
    run(&options);
    assert_output("0123456789");
    assert_int_equal(world.child.ended, SUBPROCESS_EXITED);
    end();

    options.output_max = 9;
    run(&options);
    assert_output("012345678");
    assert_int_equal(world.child.ended, SUBPROCESS_OUTPUT_LIMIT);
    end();
}

/* --- grandchildren ---------------------------------------------------------------------------- */

/* Gone, or a zombie that waits for whoever is init here. */
static bool is_dead(pid_t pid)
{
    char path[64], status[4096];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true;
    const ssize_t length = read(fd, status, sizeof(status) - 1);
    close(fd);
    status[length > 0 ? length : 0] = '\0';
    const char *after_name = strrchr(status, ')');
    return !after_name || after_name[2] == 'Z' || after_name[2] == 'X';
}

/* Runs a script whose first line of output is the number of a process that never ends by itself. */
static void assert_dies(const struct subprocess_options *options)
{
    run(options);
    const pid_t pid = (pid_t)strtol(world.child.output.data, NULL, 10);
    assert_true(pid > 1);
    while (!is_dead(pid)) /* killed, it may take a moment */
        sched_yield();
    end();
}

static void test_grandchildren_die_with_the_child(void **state)
{
    (void)state;
    struct subprocess_options options = script("sleep infinity & echo $!");
    assert_dies(&options); /* it would keep the pipes open */
    assert_int_equal(world.child.ended, SUBPROCESS_EXITED);
}

static void test_grandchildren_die_at_the_time_out(void **state)
{
    (void)state;
    struct subprocess_options options = script("sleep infinity & echo $!; wait");
    options.timeout_ms = 4 * SHORT_MS;
    assert_dies(&options);
    assert_int_equal(world.child.ended, SUBPROCESS_TIMED_OUT);
}

/* One that leaves the group cannot be killed with it, and keeps the pipes open. */
static void test_an_escaped_grandchild_is_waited_for_only_until_the_time_out(void **state)
{
    (void)state;
    begin();
    struct subprocess_options options = script("setsid sh -c 'echo $$; exec sleep 10' &\n"
                                               "while :; do sleep 60; done");
    options.timeout_ms = LONG_MS;
    start(&options);
    run_until_output(2);
    const pid_t escaped = (pid_t)strtol(world.child.output.data, NULL, 10);
    kill(world.child.pid, SIGKILL);
    loop_timer_start(&world.loop, &world.child.timeout, SHORT_MS, world.child.timeout.on_expiry);
    loop_run(&world.loop);
    assert_int_equal(kill(escaped, SIGKILL), 0); /* it was still there */
    assert_int_equal(world.child.ended, SUBPROCESS_TIMED_OUT);
    end();
}

/* --- cancel ----------------------------------------------------------------------------------- */

static void test_cancel_before_it_starts(void **state)
{
    (void)state;
    begin();
    struct subprocess_options options = script("echo never");
    start(&options);
    op_cancel(&world.child.op);
    loop_run(&world.loop);
    assert_int_equal(world.error.code, ERR_CANCELLED);
    assert_int_equal(world.child.output.length, 0);
    end();
}

static void test_cancel_while_it_runs(void **state)
{
    (void)state;
    begin();
    struct subprocess_options options =
        script("trap '' TERM; sleep 60 & echo ready; while :; do sleep 60; done");
    start(&options);
    run_until_output(6);
    op_cancel(&world.child.op);
    assert_int_equal(world.finished, 0); /* killed, but not yet reaped */
    loop_run(&world.loop);
    assert_int_equal(world.error.code, ERR_CANCELLED);
    assert_int_equal(world.child.term_signal, SIGKILL);
    end();
}

static void test_cancel_after_the_time_out(void **state)
{
    (void)state;
    begin();
    struct subprocess_options options = script("while :; do sleep 60; done");
    options.timeout_ms = SHORT_MS;
    start(&options);
    while (world.child.ended != SUBPROCESS_TIMED_OUT)
        uv_run(&world.loop.uv, UV_RUN_ONCE);
    op_cancel(&world.child.op);
    loop_run(&world.loop);
    assert_true(world.error.code == ERR_CANCELLED || world.error.code == OK);
    end();
}

/* The output of one that writes without end arrives in many rounds; it is cancelled in each. */
static void test_cancel_in_every_round(void **state)
{
    (void)state;
    for (size_t moment = 0; moment < MOMENTS; moment++) {
        begin();
        struct subprocess_options options =
            script("i=0; while [ $i -lt 20 ]; do echo line; echo line >&2; i=$((i+1)); done");
        start(&options);
        for (size_t round = 0; round < moment && world.finished == 0; round++)
            uv_run(&world.loop.uv, UV_RUN_ONCE);
        const bool too_late = world.finished > 0 || op_ending(&world.child.op);
        op_cancel(&world.child.op);
        loop_run(&world.loop);
        assert_int_equal(world.error.code, too_late ? OK : ERR_CANCELLED);
        end();
    }
}

static void test_cancel_of_one_that_cannot_start(void **state)
{
    (void)state;
    static const char *const argv[] = {"/nonexistent/program", NULL};
    begin();
    start(&(struct subprocess_options){
        .argv = argv, .stdin_fd = -1, .output_max = OUTPUT_MAX, .timeout_ms = LONG_MS});
    while (!op_ending(&world.child.op))
        uv_run(&world.loop.uv, UV_RUN_NOWAIT);
    op_cancel(&world.child.op); /* it is failing: that reason came first */
    loop_run(&world.loop);
    assert_int_equal(world.error.code, ERR_UNAVAILABLE);
    end();
}

/* --- several ---------------------------------------------------------------------------------- */

struct crowd {
    struct op op;
    struct subprocess children[8];
};

static enum flow crowd_run(struct op *op)
{
    struct crowd *crowd = op_cast(op, crowd);
    static const char *const argv[] = {"/bin/sh", "-c", "echo hello; read nothing; exit 3", NULL};
    for (size_t i = 0; i < 8; i++)
        subprocess_start(
            &crowd->children[i], need(op),
            &(struct subprocess_options){
                .argv = argv, .stdin_fd = -1, .output_max = OUTPUT_MAX, .timeout_ms = LONG_MS});
    return FLOW_WAIT;
}

static const struct step crowd_steps[] = {{"run", crowd_run}, {0}};
static const struct op_kind crowd_kind = {"crowd", crowd_steps, NULL, NULL};

static void test_several_at_once(void **state)
{
    (void)state;
    begin();
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    op_start(&crowd->op, &crowd_kind, root(&world.loop, on_finish, NULL));
    loop_run(&world.loop);
    assert_int_equal(world.error.code, OK);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(crowd->children[i].exit_status, 3);
        assert_string_equal(crowd->children[i].output.data, "hello\n");
        subprocess_clear(&crowd->children[i]);
    }
    free(crowd);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    end_loop();
}

/* libuv opens some descriptors once for the whole process. */
static int warm_up(void **state)
{
    (void)state;
    struct loop loop;
    const enum err err = loop_init(&loop);
    if (err == OK)
        loop_clear(&loop);
    return err;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_and_errors),
        cmocka_unit_test(test_no_output),
        cmocka_unit_test(test_exit_status),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_signals_are_as_usual_in_the_child),
        cmocka_unit_test(test_environment_is_not_ours),
        cmocka_unit_test(test_much_output),
        cmocka_unit_test(test_errors_are_capped_and_the_child_lives_on),
        cmocka_unit_test(test_no_input),
        cmocka_unit_test(test_input_from_a_descriptor),
        cmocka_unit_test(test_program_that_does_not_exist),
        cmocka_unit_test(test_program_that_is_none),
        cmocka_unit_test(test_clear_of_none),
        cmocka_unit_test(test_time_out),
        cmocka_unit_test(test_time_out_of_one_that_ignores_signals),
        cmocka_unit_test(test_output_limit),
        cmocka_unit_test(test_output_up_to_the_limit_is_fine),
        cmocka_unit_test(test_grandchildren_die_with_the_child),
        cmocka_unit_test(test_grandchildren_die_at_the_time_out),
        cmocka_unit_test(test_an_escaped_grandchild_is_waited_for_only_until_the_time_out),
        cmocka_unit_test(test_cancel_before_it_starts),
        cmocka_unit_test(test_cancel_while_it_runs),
        cmocka_unit_test(test_cancel_after_the_time_out),
        cmocka_unit_test(test_cancel_in_every_round),
        cmocka_unit_test(test_cancel_of_one_that_cannot_start),
        cmocka_unit_test(test_several_at_once),
    };
    return cmocka_run_group_tests(tests, warm_up, NULL);
}
