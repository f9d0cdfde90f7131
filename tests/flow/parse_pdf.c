/*
 * The pipeline with its real children: once to the end, then cancelled in each round of the loop,
 * then with each file in turn one that cannot be read. Nothing may be left behind: no process, no
 * descriptor, no memory.
 */
#include "pipeline/parse_pdf.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { FILES = 3, PIECE = 10000, DEADLINE_MS = 600 * 1000 };

static struct {
    struct loop loop;
    struct spool spool;
    struct config config;
    struct services services; /* none */
    struct pipeline_tools tools;
    struct arena arena;
    struct input_file inputs[FILES];
    struct parse_pdf parse;
    uv_prepare_t prepare;
    size_t rounds, cancel_round; /* 0: not at all */
    size_t finishes;
} flow;

/* --- the world around it ------------------------------------------------------------------------
 */

static size_t open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static struct spool_file *spool_bytes(const char *bytes, size_t length)
{
    struct spool_file *file = spool_file_new(&flow.spool, UINT64_MAX);
    for (size_t at = 0; at < length; at += PIECE)
        spool_file_append(file, bytes + at, length - at < PIECE ? length - at : PIECE);
    spool_file_finish(file);
    return file;
}

static struct spool_file *spool_path(const char *path)
{
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    static char bytes[1 << 20];
    const size_t length = fread(bytes, 1, sizeof(bytes), stream);
    fclose(stream);
    return spool_bytes(bytes, length);
}

static void begin(void)
{
    memset(&flow, 0, sizeof(flow));
    assert_int_equal(loop_init(&flow.loop), OK);
    struct error error;
    assert_int_equal(spool_init(&flow.spool, &flow.loop, "/tmp", 16 << 20, &error), OK);
    arena_init(&flow.arena);
    flow.config.extract_timeout_ms = 30000;
    flow.config.files_timeout_ms = 60000;
    flow.config.scene_count = 4;
    flow.config.images = true;
    flow.tools.config = &flow.config;
    flow.tools.services = &flow.services;
    answers_init(&flow.tools.answers, &flow.loop, &flow.services, 0);
    gate_init(&flow.tools.extract_gate, &flow.loop, "extract",
              &(struct gate_settings){.places = 1}); /* so that one has to wait */
    flow.tools.extract_limits = (struct extract_limits){
        .program_dir = SANDBOX_DIR, .cpu_seconds = 20, .memory = 512 << 20, .output = 16 << 20};

    flow.inputs[0] = (struct input_file){"case.pdf", "application/pdf",
                                         spool_path(TEST_DATA "/sample/case.pdf")};
    flow.inputs[1] = (struct input_file){"again.pdf", "application/pdf",
                                         spool_path(TEST_DATA "/sample/case.pdf")};
    static const char notes[] = "Notes for teachers. Maria Quillfeather, the auditor, said no.";
    flow.inputs[2] =
        (struct input_file){"notes.txt", "text/plain", spool_bytes(notes, sizeof(notes) - 1)};
    loop_run(&flow.loop); /* until the files are settled */
}

static void on_finish(struct op *op, void *context)
{
    (void)context;
    assert_true(op_finished(op));
    assert_int_equal(op->children_count, 0);
    flow.finishes++;
    uv_close((uv_handle_t *)&flow.prepare, NULL);
}

static void on_round(uv_prepare_t *prepare)
{
    (void)prepare;
    if (++flow.rounds == flow.cancel_round)
        op_cancel(&flow.parse.op);
}

static enum err run(size_t cancel_round)
{
    flow.cancel_round = cancel_round;
    uv_prepare_init(&flow.loop.uv, &flow.prepare);
    uv_prepare_start(&flow.prepare, on_round);
    parse_pdf_start(&flow.parse, root(&flow.loop, on_finish, NULL), &flow.tools,
                    &(struct parse_pdf_task){
                        .arena = &flow.arena,
                        .inputs = flow.inputs,
                        .input_count = FILES,
                        .rank = {.request = &flow},
                        .deadline_ms = loop_now_ms(&flow.loop) + DEADLINE_MS,
                        .base_url = "http://here",
                    });
    loop_run(&flow.loop);
    assert_int_equal(flow.finishes, 1);
    assert_int_equal(flow.tools.extract_gate.taken, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
    return op_error(&flow.parse.op)->code;
}

static void end(void)
{
    parse_pdf_clear(&flow.parse);
    for (size_t i = 0; i < FILES; i++)
        spool_file_free(flow.inputs[i].file);
    arena_clear(&flow.arena);
    gate_clear(&flow.tools.extract_gate);
    loop_clear(&flow.loop);
    spool_clear(&flow.spool);
}

static bool has_figure(const char *name)
{
    const struct case_study *study = &flow.parse.study;
    for (size_t i = 0; i < study->figure_count; i++) {
        if (strcmp(study->figures[i].name, name) == 0)
            return true;
    }
    return false;
}

/* --- tests
 * ----------------------------------------------------------------------------------------- */

static void test_to_the_end(void **state)
{
    (void)state;
    begin();
    assert_int_equal(run(0), OK);
    assert_int_equal(flow.parse.job.degraded,
                     DEGRADED_ANALYSIS | DEGRADED_SCENES | DEGRADED_IMAGES);
    assert_int_equal(flow.parse.study.scene_count, 4);
    assert_true(has_figure("Martin Oyelaran"));
    assert_true(has_figure("Maria Quillfeather")); /* from the context file */
    assert_false(has_figure("Helen Ashdown"));     /* the student plays her */
    assert_string_equal(degraded_names(flow.parse.job.degraded, &flow.arena),
                        "analysis, scenes, images");
    end();
}

static void test_cancel_in_each_round(void **state)
{
    (void)state;
    const size_t before = open_descriptors();
    size_t cancelled = 0;
    for (size_t round = 1;; round++) {
        begin();
        const enum err err = run(round);
        const bool reached = flow.rounds >= round;
        assert_true(err == OK || err == ERR_CANCELLED);
        cancelled += err == ERR_CANCELLED;
        end();
        assert_int_equal(open_descriptors(), before);
        if (!reached)
            break;
    }
    assert_true(cancelled >= 5);
}

static void test_unreadable_main_file(void **state)
{
    (void)state;
    begin();
    spool_file_free(flow.inputs[0].file);
    flow.inputs[0].file = spool_bytes("%PDF-1.4 and then nothing", 25);
    assert_int_equal(run(0), ERR_UNPROCESSABLE);
    assert_ptr_equal(strstr(op_error(&flow.parse.op)->detail, "Failed to parse PDF: "),
                     op_error(&flow.parse.op)->detail);
    end();
}

static void test_unreadable_context_file(void **state)
{
    (void)state;
    begin();
    spool_file_free(flow.inputs[1].file);
    flow.inputs[1].file = spool_bytes("", 0);
    assert_int_equal(run(0), OK);
    assert_true(flow.parse.job.degraded & DEGRADED_CONTEXT);
    assert_non_null(
        strstr(flow.parse.job.warnings[0], "[Context file \"again.pdf\" could not be read"));
    assert_true(has_figure("Maria Quillfeather"));
    end();
}

static void test_deadline(void **state)
{
    (void)state;
    begin();
    flow.config.files_timeout_ms = 0;
    assert_int_equal(run(0), ERR_DEADLINE);
    assert_string_equal(op_error(&flow.parse.op)->detail,
                        "Failed to parse PDF: processing the files took too long");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_the_end),
        cmocka_unit_test(test_cancel_in_each_round),
        cmocka_unit_test(test_unreadable_main_file),
        cmocka_unit_test(test_unreadable_context_file),
        cmocka_unit_test(test_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
