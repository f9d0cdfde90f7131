/*
 * The pipeline with all services, which the simulator plays (tests/upsim): once to the end, then
 * cancelled in each round of the loop, with each call in turn failing in each way, and with each of
 * its deadlines. Whatever happens, nothing is left behind: no place at a gate, no money reserved,
 * no descriptor, no child, no half of a picture.
 */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>

#include "io/image_store.h"
#include "pipeline/parse_pdf.h"
#include "upsim_child.h"

enum {
    FILES_MAX = 3,
    PIECE = 10000,
    FAR_MS = 600 * 1000,
    SOON_MS = 700, /* for what is to be late */
    SCENES = 4,
};

#define PAGE_USD "0.5"
static const double page_usd = 0.5;

static struct {
    struct loop loop;
    struct spool spool;
    struct config config;
    struct services services;
    struct pipeline_tools tools;
    struct arena arena;
    struct input_file inputs[FILES_MAX];
    size_t input_count;
    struct parse_pdf parse;
    uint64_t deadline_ms; /* from now */
    uv_prepare_t prepare;
    size_t rounds, cancel_round; /* 0: not at all */
    size_t finishes;
    size_t descriptors;
} flow;

static char picture_dir[] = "/tmp/flow-pictures-XXXXXX";

/* --- the world around it -------------------------------------------------------------------- */

static size_t count_entries(const char *path, const char *beginning)
{
    DIR *directory = opendir(path);
    assert_non_null(directory);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        count += strncmp(entry->d_name, beginning, strlen(beginning)) == 0;
    closedir(directory);
    return count;
}

static bool has_children_but_upsim(void)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    return strtol(line, NULL, 10) != upsim_pid || strchr(strchr(line, ' ') + 1, ' ');
}

static void load_config(const char *settings)
{
    char dotenv[2048];
    const int length =
        snprintf(dotenv, sizeof(dotenv),
                 "OPENAI_API_KEY=sk-flow\nOPENAI_BASE_URL=http://127.0.0.1:%u/v1\n"
                 "LLAMAPARSE_API_KEY=llx-flow\nLLAMAPARSE_BASE_URL=http://127.0.0.1:%u\n"
                 "IMAGE_DIR=%s\nMODEL_PRICES=gpt-6-luna=10/10,gpt-image-2=10/10,"
                 "llamaparse=" PAGE_USD "/page\n%s",
                 upsim_port, upsim_port, picture_dir, settings);
    struct buffer faults, warnings;
    buffer_init(&faults, 4096);
    buffer_init(&warnings, 4096);
    char *const environment[] = {NULL};
    const enum err err =
        config_load_bytes(&flow.config, dotenv, (size_t)length, environment, &faults, &warnings);
    if (err != OK)
        fail_msg("%s", faults.data);
    buffer_clear(&faults);
    buffer_clear(&warnings);
}

static struct spool_file *spool_bytes(const char *bytes, size_t length)
{
    struct spool_file *file = spool_file_new(&flow.spool, UINT64_MAX);
    for (size_t at = 0; at < length; at += PIECE)
        spool_file_append(file, bytes + at, length - at < PIECE ? length - at : PIECE);
    spool_file_finish(file);
    while (!spool_file_settled(file))
        uv_run(&flow.loop.uv, UV_RUN_ONCE);
    return file;
}

static void add_file(const char *name, const char *bytes, size_t length)
{
    flow.inputs[flow.input_count++] = (struct input_file){name, "", spool_bytes(bytes, length)};
}

static void add_sample(const char *name)
{
    FILE *stream = fopen(TEST_DATA "/sample/case.pdf", "rb");
    assert_non_null(stream);
    static char bytes[1 << 20];
    const size_t length = fread(bytes, 1, sizeof(bytes), stream);
    fclose(stream);
    add_file(name, bytes, length);
}

/* `settings` are lines of a .env file. */
static void begin(const char *settings)
{
    memset(&flow, 0, sizeof(flow));
    flow.descriptors = count_entries("/proc/self/fd", "");
    reset_upsim();
    load_config(settings);
    assert_int_equal(loop_init(&flow.loop), OK);
    struct error error = {0};
    assert_int_equal(spool_init(&flow.spool, &flow.loop, "/tmp", 16 << 20, &error), OK);
    if (services_init(&flow.services, &flow.loop, &flow.config, &error) != OK)
        fail_msg("%s", error.detail);
    arena_init(&flow.arena);
    flow.tools.config = &flow.config;
    flow.tools.services = &flow.services;
    answers_init(&flow.tools.answers, &flow.loop, &flow.services, flow.config.cache_bytes);
    gate_init(&flow.tools.extract_gate, &flow.loop, "extract",
              &(struct gate_settings){.places = 2});
    flow.tools.extract_limits = (struct extract_limits){
        .program_dir = SANDBOX_DIR, .cpu_seconds = 20, .memory = 512 << 20, .output = 16 << 20};
    flow.deadline_ms = FAR_MS;
}

static void on_finish(struct op *op, void *context)
{
    (void)context;
    assert_int_equal(op->children_count, 0);
    flow.finishes++;
    loop_stop(&flow.loop);
}

static void on_round(uv_prepare_t *prepare)
{
    (void)prepare;
    if (++flow.rounds == flow.cancel_round)
        op_cancel(&flow.parse.op);
}

static enum err run(void)
{
    uv_prepare_init(&flow.loop.uv, &flow.prepare);
    uv_prepare_start(&flow.prepare, on_round);
    parse_pdf_start(&flow.parse, root(&flow.loop, on_finish, NULL), &flow.tools,
                    &(struct parse_pdf_task){
                        .arena = &flow.arena,
                        .inputs = flow.inputs,
                        .input_count = flow.input_count,
                        .rank = {.request = &flow},
                        .deadline_ms = loop_now_ms(&flow.loop) + flow.deadline_ms,
                        .base_url = "http://here",
                    });
    loop_run(&flow.loop);
    assert_int_equal(flow.finishes, 1);
    uv_close((uv_handle_t *)&flow.prepare, NULL);
    while (flow.tools.answers.under_way > 0) /* that were cancelled */
        uv_run(&flow.loop.uv, UV_RUN_ONCE);
    return op_error(&flow.parse.op)->code;
}

/* Takes everything down as the server does, and looks for what is left. */
static void end(void)
{
    const struct spending *spending = &flow.services.spending;
    assert_int_equal(spending->shares, 0);
    assert_true(spending->reserved_usd == 0);
    struct bill all = flow.parse.job.bill;
    bill_add(&all, &flow.tools.answers.unanswered);
    assert_true(isnan(all.cost_usd) || fabs(spending->spent_usd - all.cost_usd) < 1e-9);
    assert_int_equal(flow.tools.extract_gate.taken, 0);
    assert_false(has_children_but_upsim());
    parse_pdf_clear(&flow.parse);
    answers_clear(&flow.tools.answers);
    for (size_t i = 0; i < flow.input_count; i++)
        spool_file_free(flow.inputs[i].file);
    services_stop(&flow.services);
    while (services_busy(&flow.services))
        uv_run(&flow.loop.uv, UV_RUN_ONCE);
    services_clear(&flow.services);
    arena_clear(&flow.arena);
    gate_clear(&flow.tools.extract_gate);
    loop_clear(&flow.loop);
    spool_clear(&flow.spool);
    config_clear(&flow.config);
    assert_int_equal(count_entries("/proc/self/fd", ""), flow.descriptors);
    assert_int_equal(count_entries(picture_dir, "."), 2); /* itself and its parent */
}

static bool is_warned(const char *words)
{
    for (size_t i = 0; i < flow.parse.job.warning_count; i++)
        if (strstr(flow.parse.job.warnings[i], words))
            return true;
    return false;
}

/* Runs to a result, whatever fails; these parts of it are degraded, and it is told why. */
static void run_well(unsigned degraded, size_t pictures)
{
    assert_int_equal(run(), OK);
    const struct parse_pdf *parse = &flow.parse;
    if (parse->job.degraded != degraded)
        fail_msg("degraded: %s; %s", degraded_names(parse->job.degraded, &flow.arena),
                 parse->job.warning_count ? parse->job.warnings[0] : "");
    assert_int_equal(parse->job.warning_count > 0, degraded != 0);
    assert_true(*parse->study.title);
    assert_true(parse->study.figure_count > 0);
    assert_int_equal(parse->study.scene_count, SCENES);
    for (size_t i = 0; i < SCENES; i++) {
        assert_true(parse->study.scenes[i].personas_count > 0);
        pictures -= *parse->study.scenes[i].image_url != '\0';
    }
    assert_int_equal(pictures, 0);
}

/* --- to the end ----------------------------------------------------------------------------- */

static const char *picture_name(const char *address)
{
    static const char before[] = "http://here/static/images/scenes/";
    assert_int_equal(strncmp(address, before, strlen(before)), 0);
    return address + strlen(before);
}

static void test_to_the_end(void **state)
{
    (void)state;
    begin("");
    add_sample("case.pdf");
    run_well(0, SCENES);
    assert_int_equal(upsim_count("services.upload.calls"), 1);
    assert_int_equal(upsim_count("chat.calls.analysis"), 1);
    assert_int_equal(upsim_count("chat.calls.scenes"), 1);
    assert_int_equal(upsim_count("services.images.calls"), SCENES);
    const struct case_study *study = &flow.parse.study;
    for (size_t i = 0; i < SCENES; i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", picture_dir,
                 picture_name(study->scenes[i].image_url));
        assert_int_equal(access(path, R_OK), 0);
        for (size_t j = 0; j < i; j++) /* each scene has its own */
            assert_string_not_equal(study->scenes[i].image_url, study->scenes[j].image_url);
    }
    const struct bill *bill = &flow.parse.job.bill;
    assert_int_equal(bill->calls, 1 + 2 + SCENES); /* pages, chats, pictures */
    assert_false(bill->estimated);
    assert_true(bill->tokens_in > upsim_count("chat.prompt_tokens"));
    assert_true(bill->tokens_out > upsim_count("chat.completion_tokens"));
    assert_true(bill->cost_usd > page_usd);
    assert_true(flow.parse.job.paid);
    end();
}

static void test_what_is_free_is_counted_too(void **state)
{
    (void)state;
    begin("PDF_PARSER=local\nMODEL_PRICES=gpt-6-luna=0/0,gpt-image-2=0/0");
    add_file("case.txt", "Dana Whitlock, the owner of Pell Street Works, is broke.", 56);
    run_well(0, SCENES);
    const struct bill *bill = &flow.parse.job.bill;
    assert_int_equal(bill->calls, 2 + SCENES);
    assert_true(bill->tokens_in > upsim_count("chat.prompt_tokens"));
    assert_true(bill->cost_usd == 0);
    end();
}

static void test_context_files_come_first(void **state)
{
    (void)state;
    begin("");
    add_sample("case.pdf");
    add_file("notes.txt", "Maria Quillfeather is the mayor.", 32);
    add_sample("more.pdf");
    run_well(0, SCENES);
    /* texts never leave, and the same bytes leave once */
    assert_int_equal(upsim_count("services.upload.calls"), 1);
    assert_int_equal(upsim_count("fences.whole"), 0);
    assert_int_equal(upsim_count("fences.several"), 2);
    end();
}

/* What nobody here reads is for LlamaParse to try, however large it is. */
static void test_files_of_other_kinds(void **state)
{
    (void)state;
    begin("");
    add_file("case.txt", "Dana Whitlock, the owner of Pell Street Works, is broke.", 56);
    static const char slides[2000] = "PK\003\004\377\376\0\0";
    add_file("small.pptx", slides, 900);
    add_file("large.pptx", slides, sizeof(slides));
    flow.tools.extract_limits.output = 1000;
    run_well(0, SCENES);
    assert_int_equal(upsim_count("services.upload.calls"), 2);
    end();
}

/* --- cancelled ------------------------------------------------------------------------------ */

static void test_cancel_in_each_round(void **state)
{
    (void)state;
    size_t cancelled = 0;
    for (bool reached = true; reached;) {
        begin("");
        add_sample("case.pdf");
        add_file("notes.txt", "Maria Quillfeather is the mayor.", 32);
        flow.cancel_round = cancelled + 1;
        const enum err err = run();
        reached = err != OK;
        assert_int_equal(err, reached ? ERR_CANCELLED : OK);
        cancelled += reached;
        const size_t sent =
            upsim_count("services.chat.calls") + upsim_count("services.images.calls");
        assert_true(flow.parse.job.bill.calls + flow.tools.answers.unanswered.calls >= sent);
        end();
    }
    assert_true(cancelled > 50);
}

/* --- failing calls -------------------------------------------------------------------------- */

struct failure {
    const char *fault;
    unsigned degraded;
    size_t pictures;
};

static void check_failures(const struct failure *failures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        begin("");
        add_sample("case.pdf");
        control_upsim("/control", failures[i].fault);
        run_well(failures[i].degraded, failures[i].pictures);
        end();
    }
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ON(service, fault) "{\"service\":\"" service "\",\"fault\":\"" fault "\"}"
#define BUSY(service)                                                                              \
    "{\"service\":\"" service "\",\"fault\":\"overloaded\",\"should_retry\":\"false\"}"
#define ON_CALL(call, fault) "{\"service\":\"chat\",\"call\":\"" call "\",\"fault\":\"" fault "\"}"
#define BUSY_CALL(call)                                                                            \
    "{\"service\":\"chat\",\"call\":\"" call                                                       \
    "\",\"fault\":\"overloaded\",\"should_retry\":\"false\"}"
#define JOB(code) "{\"service\":\"job\",\"fault\":\"error\",\"code\":\"" code "\"}"

static void test_parsing_fails(void **state)
{
    (void)state;
    static const struct failure failures[] = {
        {ON("upload", "bad-key"), DEGRADED_PARSE, SCENES},
        {ON("upload", "no-credits"), DEGRADED_PARSE, SCENES},
        {ON("upload", "garbage"), DEGRADED_PARSE, SCENES},
        {BUSY("upload"), DEGRADED_PARSE, SCENES},
        {ON("status", "bad-key"), DEGRADED_PARSE, SCENES},
        {ON("status", "not-found"), DEGRADED_PARSE, SCENES},
        {ON("result", "garbage"), DEGRADED_PARSE, SCENES},
        {ON("result", "forbidden"), DEGRADED_PARSE, SCENES},
        {BUSY("result"), DEGRADED_PARSE, SCENES},
        {JOB("PDF_IS_PROTECTED"), DEGRADED_PARSE, SCENES},
        {ON("job", "expired"), DEGRADED_PARSE, SCENES},
        {ON("job", "cancelled"), DEGRADED_PARSE, SCENES},
        {ON("job", "partial"), DEGRADED_PARSE, SCENES},
        {ON("job", "no-text"), DEGRADED_PARSE, SCENES},
    };
    check_failures(failures, COUNT(failures));
}

static void test_the_analysis_fails(void **state)
{
    (void)state;
    static const struct failure failures[] = {
        /* then nobody asks that service any more */
        {ON_CALL("analysis", "bad-key"), DEGRADED_ANALYSIS | DEGRADED_SCENES, SCENES},
        {ON_CALL("analysis", "quota"), DEGRADED_ANALYSIS | DEGRADED_SCENES, SCENES},
        {BUSY_CALL("analysis"), DEGRADED_ANALYSIS, SCENES},
        {ON_CALL("analysis", "garbage"), DEGRADED_ANALYSIS, SCENES},
        {ON_CALL("analysis", "refusal"), DEGRADED_ANALYSIS, SCENES},
        /* of the cast there is half, and the scenes are of all */
        {ON_CALL("analysis", "length"), DEGRADED_ANALYSIS | DEGRADED_SCENES, SCENES},
        {ON_CALL("analysis", "not-json"), DEGRADED_ANALYSIS, SCENES},
        {ON_CALL("analysis", "cut"), DEGRADED_ANALYSIS, SCENES},
    };
    check_failures(failures, COUNT(failures));
}

static void test_the_scenes_fail(void **state)
{
    (void)state;
    static const struct failure failures[] = {
        {ON_CALL("scenes", "bad-key"), DEGRADED_SCENES, SCENES},
        {ON_CALL("scenes", "quota"), DEGRADED_SCENES, SCENES},
        {BUSY_CALL("scenes"), DEGRADED_SCENES, SCENES},
        {ON_CALL("scenes", "garbage"), DEGRADED_SCENES, SCENES},
        {ON_CALL("scenes", "content-filter"), DEGRADED_SCENES, SCENES},
        {ON_CALL("scenes", "moderation"), DEGRADED_SCENES, SCENES},
        {ON_CALL("scenes", "missing-array"), DEGRADED_SCENES, SCENES},
        {ON_CALL("scenes", "context-length"), DEGRADED_SCENES, SCENES},
    };
    check_failures(failures, COUNT(failures));
}

static void test_pictures_fail(void **state)
{
    (void)state;
    static const struct failure failures[] = {
        {ON("images", "bad-key"), DEGRADED_IMAGES, 0},
        {ON("images", "billing"), DEGRADED_IMAGES, 0},
        {ON("images", "moderation"), DEGRADED_IMAGES, 0},
        {ON("images", "not-found"), DEGRADED_IMAGES, 0},
        {ON("images", "not-an-image"), DEGRADED_IMAGES, 0},
        {ON("images", "url-expired"), DEGRADED_IMAGES, 0},
        {ON("images", "reset"), DEGRADED_IMAGES, 0},
        {"{\"service\":\"images\",\"fault\":\"overloaded\",\"should_retry\":\"false\",\"times\":3}",
         DEGRADED_IMAGES, 1},
    };
    check_failures(failures, COUNT(failures));
}

static void test_the_only_parser_fails(void **state)
{
    (void)state;
    static const struct {
        const char *fault;
        enum err err;
    } rows[] = {
        {ON("upload", "bad-key"), ERR_UPSTREAM_CONFIG},
        {ON("upload", "no-credits"), ERR_QUOTA},
        {BUSY("upload"), ERR_UPSTREAM},
        {JOB("PDF_IS_PROTECTED"), ERR_UNPROCESSABLE},
        {ON("job", "no-text"), ERR_UNPROCESSABLE},
        {ON("job", "expired"), ERR_DEADLINE},
        {ON("job", "never"), ERR_DEADLINE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        begin("PDF_PARSER=llamaparse");
        flow.config.files_timeout_ms = SOON_MS;
        add_sample("case.pdf");
        control_upsim("/control", rows[i].fault);
        assert_int_equal(run(), rows[i].err);
        const char *detail = op_error(&flow.parse.op)->detail;
        assert_memory_equal(detail, "Failed to parse PDF: ", 21);
        assert_true(strlen(detail) > 21);
        assert_int_equal(upsim_count("services.chat.calls"), 0);
        end();
    }
}

/* --- time ----------------------------------------------------------------------------------- */

/* What cannot be read in time is told like what cannot be read at all. */
static void test_a_late_context_file(void **state)
{
    (void)state;
    begin("PDF_PARSER=llamaparse");
    flow.config.files_timeout_ms = SOON_MS;
    add_file("case.txt", "Dana Whitlock, the owner of Pell Street Works, is broke.", 56);
    add_sample("late.pdf");
    control_upsim("/control", ON("job", "never"));
    run_well(DEGRADED_CONTEXT, SCENES);
    assert_true(is_warned("late.pdf"));
    end();
}

/* However much FILE_PROCESSING_TIMEOUT allows, the other reader gets its turn. */
static void test_time_for_the_other_reader(void **state)
{
    (void)state;
    begin("");
    add_sample("case.pdf");
    flow.deadline_ms = 3 * SOON_MS;
    control_upsim("/control", ON("job", "never"));
    assert_int_equal(run(), OK);
    assert_true(flow.parse.job.degraded & DEGRADED_PARSE);
    assert_true(is_warned("case.pdf"));
    end();
}

/* What comes too late is made from the text; what would come too late is not asked for. */
static void test_calls_end_before_the_deadline(void **state)
{
    (void)state;
    static const struct {
        const char *fault;
        uint64_t deadline_ms;
        unsigned degraded;
        size_t scenes_calls, image_calls;
    } rows[] = {
        {ON_CALL("analysis", "hang"), SOON_MS,
         DEGRADED_ANALYSIS | DEGRADED_SCENES | DEGRADED_IMAGES, 0, 0},
        {ON("images", "hang"), 4 * SOON_MS, DEGRADED_IMAGES, 1, SCENES},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        begin("PDF_PARSER=local");
        add_file("case.txt", "Dana Whitlock, the owner of Pell Street Works, is broke.", 56);
        flow.deadline_ms = rows[i].deadline_ms;
        control_upsim("/control", rows[i].fault);
        run_well(rows[i].degraded, 0);
        assert_int_equal(upsim_count("chat.calls.scenes"), rows[i].scenes_calls);
        assert_int_equal(upsim_count("services.images.calls"), rows[i].image_calls);
        assert_true(flow.parse.job.bill.calls > 0); /* what hangs may have to be paid for */
        end();
    }
}

static void test_a_deadline_that_is_over(void **state)
{
    (void)state;
    begin("");
    add_sample("case.pdf");
    flow.deadline_ms = 0;
    assert_int_equal(run(), ERR_DEADLINE);
    assert_int_equal(upsim_count("services.upload.calls"), 0);
    end();
}

/* --- money ---------------------------------------------------------------------------------- */

static void nobody_hears(struct op *op, void *context)
{
    (void)op, (void)context;
}

/* The context file's pages were read, and are paid for. */
static void test_pages_count_where_the_main_file_fails(void **state)
{
    (void)state;
    begin("");
    add_file("case.docx", "PK\003\004 and so on", 14);
    add_sample("read.pdf");
    flow.config.files_timeout_ms = SOON_MS;
    struct gate_pass passes[2]; /* so that nobody else gets in */
    for (size_t i = 0; i < COUNT(passes); i++)
        gate_enter(&passes[i], root(&flow.loop, nobody_hears, NULL), &flow.tools.extract_gate,
                   &(struct gate_rank){0});
    assert_int_equal(run(), ERR_DEADLINE);
    assert_true(flow.parse.job.bill.cost_usd >= page_usd);
    for (size_t i = 0; i < COUNT(passes); i++)
        gate_leave(&passes[i]);
    end();
}

static void test_pages_count_where_nothing_else_may_be_spent(void **state)
{
    (void)state;
    begin("MAX_COST_USD_PER_DAY=0.01");
    add_sample("case.pdf");
    assert_int_not_equal(run(), OK);
    assert_int_equal(upsim_count("services.chat.calls"), 0);
    assert_true(flow.services.spending.spent_usd >= page_usd);
    end();
}

/* libuv opens some descriptors for good. */
static int set_up_all(void **state)
{
    struct loop loop;
    if (!mkdtemp(picture_dir) || loop_init(&loop) != OK)
        return 1;
    loop_clear(&loop);
    return start_upsim(state);
}

static int tear_down_all(void **state)
{
    DIR *directory = opendir(picture_dir);
    for (struct dirent *entry; (entry = readdir(directory));)
        unlinkat(dirfd(directory), entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
    closedir(directory);
    rmdir(picture_dir);
    return stop_upsim(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_the_end),
        cmocka_unit_test(test_what_is_free_is_counted_too),
        cmocka_unit_test(test_context_files_come_first),
        cmocka_unit_test(test_files_of_other_kinds),
        cmocka_unit_test(test_cancel_in_each_round),
        cmocka_unit_test(test_parsing_fails),
        cmocka_unit_test(test_the_analysis_fails),
        cmocka_unit_test(test_the_scenes_fail),
        cmocka_unit_test(test_pictures_fail),
        cmocka_unit_test(test_the_only_parser_fails),
        cmocka_unit_test(test_a_late_context_file),
        cmocka_unit_test(test_time_for_the_other_reader),
        cmocka_unit_test(test_calls_end_before_the_deadline),
        cmocka_unit_test(test_a_deadline_that_is_over),
        cmocka_unit_test(test_pages_count_where_the_main_file_fails),
        cmocka_unit_test(test_pages_count_where_nothing_else_may_be_spent),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
