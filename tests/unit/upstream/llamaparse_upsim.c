/*
 * llamaparse.h against the simulator of the service (tests/upsim), over real sockets: what a script
 * cannot show. Whole files arrive, long results are read beside the loop, large ones are refused.
 */
#include "upstream/llamaparse.h"

#include "base/json.h"
#include "base/log.h"
#include "unit/io/http_fixture.h"
#include "upsim_child.h"

enum { FAR_MS = 60 * 1000, TEXT_BYTES = 700 * 1000 };

static char base_url[64];
static struct upstream upstream;
static struct llamaparse parser;
static struct parse_job job;

/* --- the simulator -------------------------------------------------------------------------- */

static int set_up_group(void **state)
{
    set_up_all(state);
    start_upsim(state);
    snprintf(base_url, sizeof(base_url), "http://127.0.0.1:%u", upsim_port);
    return 0;
}

static int tear_down_group(void **state)
{
    stop_upsim(state);
    return tear_down_all(state);
}

static void begin(int version)
{
    control_upsim("/control/reset", "");
    upstream = (struct upstream){
        .name = "llamaparse",
        .client = client,
        .base_url = base_url,
        .key = "llx-any",
        .key_setting = "LLAMAPARSE_API_KEY",
    };
    gate_init(&upstream.gate, &loop, "llamaparse", &(struct gate_settings){.places = 2});
    llamaparse_init(
        &parser, &upstream,
        &(struct llamaparse_settings){
            .version = version, .tier = "cost_effective", .cache = true, .afterlife_ms = FAR_MS});
}

static void start_job(struct spool_file *file, const char *name)
{
    unfinished++;
    parse_job_start(&job, root(&loop, on_finish, NULL), &parser,
                    &(struct parse_file){name, "", file}, &(struct gate_rank){.age_ns = 1},
                    loop_now_ms(&loop) + FAR_MS);
}

static enum err run_job(struct spool_file *file, const char *name)
{
    start_job(file, name);
    loop_run(&loop);
    assert_true(op_finished(&job.op));
    return op_error(&job.op)->code;
}

static void one_round(void)
{
    uv_run(&loop.uv, UV_RUN_ONCE);
}

static void end(struct spool_file *file)
{
    parse_job_clear(&job);
    spool_file_free(file); /* an orphan needs it no more */
    llamaparse_stop(&parser);
    while (parser.orphans)
        one_round();
    gate_clear(&upstream.gate);
}

/* --- files ---------------------------------------------------------------------------------- */

static void check_upload(const cJSON *upload, const struct spool_file *file, const char *name)
{
    char digest[2 * SHA256_BYTES + 1];
    for (size_t i = 0; i < SHA256_BYTES; i++)
        snprintf(digest + 2 * i, 3, "%02x", file->sha256[i]);
    assert_string_equal(json_string(upload, "sha256", ""), digest);
    assert_int_equal((uint64_t)json_number(upload, "bytes", 0), file->size);
    assert_string_equal(json_string(upload, "filename", ""), name);
}

static void test_whole_files_arrive(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++) {
        static const size_t sizes[] = {100, FILE_BYTES}; /* in memory, on disk */
        for (size_t i = 0; i < COUNT(sizes); i++) {
            begin(version);
            struct spool_file *file = spool_bytes(sizes[i]);
            assert_int_equal(run_job(file, "case.pdf"), OK);
            assert_true(job.text.length > 1000);
            cJSON *stats = ask_upsim("GET", "/control/stats", "");
            const cJSON *uploads = cJSON_GetObjectItem(stats, "uploads");
            assert_int_equal(json_number(uploads, "count", 0), 1);
            check_upload(cJSON_GetArrayItem(json_array(uploads, "last"), 0), file, "case.pdf");
            cJSON_Delete(stats);
            end(file);
        }
    }
}

/* The second time it comes from its beginning again. */
static void test_retried_uploads_are_whole(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++) {
        begin(version);
        control_upsim("/control", "[{\"service\":\"upload\",\"fault\":\"overloaded\",\"times\":1,"
                                  "\"retry_after_ms\":\"1\"},"
                                  "{\"service\":\"upload\",\"fault\":\"cut\",\"times\":1}]");
        struct spool_file *file = spool_bytes(FILE_BYTES);
        assert_int_equal(run_job(file, "case.pdf"), OK);
        cJSON *stats = ask_upsim("GET", "/control/stats", "");
        const cJSON *uploads = cJSON_GetObjectItem(stats, "uploads");
        const cJSON *last = json_array(uploads, "last");
        assert_int_equal(json_number(uploads, "count", 0), 2); /* the answer to one was lost */
        assert_int_equal(json_number(uploads, "empty", -1), 0);
        check_upload(cJSON_GetArrayItem(last, 0), file, "case.pdf");
        check_upload(cJSON_GetArrayItem(last, 1), file, "case.pdf");
        const cJSON *service =
            cJSON_GetObjectItem(cJSON_GetObjectItem(stats, "services"), "upload");
        assert_int_equal(json_number(service, "calls", 0), 3);
        cJSON_Delete(stats);
        end(file);
    }
}

/* --- results -------------------------------------------------------------------------------- */

static struct spool_file *spool_text(size_t length)
{
    struct spool_file *file = spool_file_new(&spool, UINT64_MAX);
    while (file->size < length) {
        while (!spool_room(&spool, NULL, file, 11))
            one_round();
        spool_file_append(file, "some words\n", 11);
    }
    spool_file_finish(file);
    while (!spool_file_settled(file))
        one_round();
    return file;
}

static void test_long_results_are_read_beside_the_loop(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++) {
        begin(version);
        struct spool_file *file = spool_text(TEXT_BYTES);
        assert_int_equal(run_job(file, "notes.txt"), OK);
        assert_true(job.fetch.work.off_loop);
        assert_int_equal(job.text.length, file->size);
        for (size_t i = 0; i < job.text.length; i += 11)
            assert_memory_equal(job.text.data + i, "some words\n", 11);
        end(file);
    }
}

static void test_cancelled_while_it_is_read(void **state)
{
    (void)state;
    begin(1);
    struct spool_file *file = spool_text(TEXT_BYTES);
    start_job(file, "notes.txt");
    while (!job.fetch.work.off_loop)
        one_round();
    op_cancel(&job.op);
    loop_run(&loop);
    assert_int_equal(op_error(&job.op)->code, ERR_CANCELLED);
    assert_int_equal(upstream.gate.taken, 0); /* the service has nothing more to do with it */
    end(file);
}

static void test_results_that_are_too_large(void **state)
{
    (void)state;
    begin(1);
    control_upsim("/control", "{\"service\":\"result\",\"fault\":\"big\",\"bytes\":67108865}");
    struct spool_file *file = spool_bytes(100);
    assert_int_equal(run_job(file, "case.pdf"), ERR_UPSTREAM);
    assert_null(job.text.data);
    assert_int_equal(upstream.gate.taken, 0);
    assert_int_equal(upstream.calls, 2); /* it would not become smaller */
    assert_int_equal(upstream.retries, 0);
    end(file);
}

/* --- jobs ----------------------------------------------------------------------------------- */

static void test_jobs_of_all_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *fault;
        int code;
        const char *detail;
    } rows[] = {
        {"{\"service\":\"job\",\"fault\":\"pending\",\"polls\":5}", OK, ""},
        {"{\"service\":\"job\",\"fault\":\"odd-status\",\"code\":\"ODD\"}", OK, ""},
        {"{\"service\":\"job\",\"fault\":\"partial\"}", OK, ""},
        {"{\"service\":\"job\",\"fault\":\"no-markdown\"}", OK, ""},
        {"{\"service\":\"job\",\"fault\":\"no-text\"}", ERR_UNPROCESSABLE, "no text was found"},
        {"{\"service\":\"job\",\"fault\":\"error\",\"code\":\"PDF_IS_PROTECTED\"}",
         ERR_UNPROCESSABLE, "(PDF_IS_PROTECTED"},
        {"{\"service\":\"job\",\"fault\":\"expired\"}", ERR_DEADLINE, "(EXPIRED"},
        {"{\"service\":\"job\",\"fault\":\"cancelled\"}", ERR_UPSTREAM, "stopped"},
        {"{\"service\":\"job\",\"fault\":\"lost\"}", ERR_UPSTREAM_REQUEST, "answered 404"},
    };
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < COUNT(rows); i++) {
            begin(version);
            control_upsim("/control", rows[i].fault);
            struct spool_file *file = spool_bytes(100);
            assert_int_equal(run_job(file, "case.pdf"), rows[i].code);
            assert_non_null(strstr(op_error(&job.op)->detail, rows[i].detail));
            assert_int_equal(job.partial, strstr(rows[i].fault, "partial") != NULL);
            end(file);
        }
    }
}

static void test_a_job_that_is_left(void **state)
{
    (void)state;
    begin(1);
    control_upsim("/control", "{\"service\":\"job\",\"fault\":\"never\"}");
    struct spool_file *file = spool_bytes(100);
    start_job(file, "case.pdf");
    while (job.remote.polls == 0)
        one_round();
    op_cancel(&job.op);
    loop_run(&loop);
    assert_int_equal(op_error(&job.op)->code, ERR_CANCELLED);
    assert_int_equal(upstream.gate.taken, 1);
    assert_non_null(parser.orphans);
    end(file);
}

int main(void)
{
    log_init(LOG_ERROR, LOG_FORMAT_TEXT);
    const struct CMUnitTest tests[] = {
        TEST(whole_files_arrive),
        TEST(retried_uploads_are_whole),
        TEST(long_results_are_read_beside_the_loop),
        TEST(cancelled_while_it_is_read),
        TEST(results_that_are_too_large),
        TEST(jobs_of_all_kinds),
        TEST(a_job_that_is_left),
    };
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
