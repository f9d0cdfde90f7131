/*
 * llamaparse.h with an HTTP client that answers from a script, on a loop whose clock the test
 * turns: what is asked when, what is made of each answer, and who holds which place meanwhile.
 */
#include "upstream/llamaparse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/log.h"
#include "unit/io/virtual_loop.h"

enum {
    JOBS_MAX = 8,
    SCRIPT_MAX = 64,
    SENT_MAX = 4096,
    ANSWER_MS = 10,
    OPEN_MS = 30 * 1000,
    AFTERLIFE_MS = 60 * 1000,
    FAR_MS = 300 * 1000,
};

static const char key[] = "very-secret-0123456789";

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ID           "0190f7a2-1111-4222-8333-444455556666"
#define PENDING      "{\"id\":\"" ID "\",\"status\":\"PENDING\"}"
#define SUCCESS      "{\"id\":\"" ID "\",\"status\":\"SUCCESS\"}"
#define MARKDOWN                                                                                   \
    "{\"markdown\":\"# A case\",\"job_metadata\":{\"job_pages\":3,\"job_is_cache_hit\":true}}"

struct answer {
    int status; /* 0: 200 */
    const char *body;
    enum http_fault fault;
    const char *retry_after;
};

/* A request under way. */
struct exchange {
    struct http_call *call;
    struct answer answer;
    struct loop_timer timer;
};

static struct {
    struct loop loop;
    struct upstream upstream;
    struct llamaparse parser;
    struct parse_job jobs[JOBS_MAX];
    size_t finishes[JOBS_MAX];
    struct parse_file file;
    struct gate_pass blocker;
    /* the service: the script first, then `pending` for polls, and what else is right */
    struct answer script[SCRIPT_MAX];
    size_t script_length, script_at;
    struct exchange exchanges[JOBS_MAX];
    size_t cleared;
    struct {
        uint64_t at_ms;
        char line[256];
    } sent[SENT_MAX];
    size_t sent_count;
    char authorization[128];
    char form[1024]; /* the parts of the latest upload: name=value, a line each */
} world;

/* --- the HTTP client ------------------------------------------------------------------------ */

static bool is_poll(const char *line)
{
    return strncmp(line, "GET ", 4) == 0 && !strstr(line, "/result/") && !strstr(line, "?expand=");
}

static struct answer usual_answer(const char *line)
{
    if (strncmp(line, "POST", 4) == 0 || is_poll(line))
        return (struct answer){.body = PENDING};
    return (struct answer){.body = MARKDOWN};
}

static void on_answer(struct loop_timer *timer)
{
    struct exchange *exchange = container_of(timer, struct exchange, timer);
    struct http_call *call = exchange->call;
    const struct answer *answer = &exchange->answer;
    exchange->call = NULL;
    call->fault = answer->fault;
    if (answer->fault != HTTP_FAULT_NONE)
        snprintf(call->fault_text, sizeof(call->fault_text), "no luck with the wire");
    else
        call->status = answer->status ? answer->status : 200;
    if (answer->retry_after)
        call->response_headers[call->response_header_count++] =
            (struct http_header){"Retry-After", answer->retry_after};
    assert_int_equal(buffer_puts(&call->body, answer->body ? answer->body : ""), OK);
    op_release(&call->op);
}

static enum flow answer_later(struct op *op)
{
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct exchange *exchange = &world.exchanges[i];
        if (exchange->call != op_cast(op, http_call))
            continue;
        op_hold(op);
        loop_timer_start(&world.loop, &exchange->timer, ANSWER_MS, on_answer);
    }
    return FLOW_WAIT;
}

static void forget(const struct op *op)
{
    for (size_t i = 0; i < JOBS_MAX; i++) {
        if (world.exchanges[i].call && &world.exchanges[i].call->op == op) {
            loop_timer_stop(&world.loop, &world.exchanges[i].timer);
            world.exchanges[i].call = NULL;
        }
    }
}

static void stop_answering(struct op *op)
{
    forget(op);
    op_release(op);
}

/* One that was cancelled before its first step has no hold. */
static void answer_end(struct op *op)
{
    forget(op);
}

static const struct step http_steps[] = {{"answer", answer_later}, {0}};
static const struct op_kind http_kind = {"http", http_steps, stop_answering, answer_end};

static void note_form(const struct http_request *request)
{
    size_t length = 0;
    world.form[0] = '\0';
    for (size_t i = 0; i < request->part_count; i++) {
        const struct http_part *part = &request->parts[i];
        const int added = part->file
                              ? snprintf(world.form + length, sizeof(world.form) - length,
                                         "%s=@%s;type=%s\n", part->name, part->filename,
                                         part->content_type ? part->content_type : "?")
                              : snprintf(world.form + length, sizeof(world.form) - length,
                                         "%s=%.*s\n", part->name, (int)part->length, part->bytes);
        length += (size_t)added;
        assert_true(length < sizeof(world.form));
        if (part->file)
            assert_ptr_equal(part->file, world.file.file);
    }
}

void http_call_start(struct http_call *call, struct op_link link, struct http_client *client,
                     const struct http_request *request)
{
    memset(call, 0, sizeof(*call));
    call->client = client;
    buffer_init(&call->body, request->limits.body_max);
    assert_int_equal(buffer_puts(&call->body, ""), OK);
    assert_true(request->limits.total_ms > 0 && request->limits.connect_ms > 0);
    assert_int_equal(strncmp(request->url, "https://llama.test/", 19), 0);

    assert_true(world.sent_count < SENT_MAX);
    char *line = world.sent[world.sent_count].line;
    snprintf(line, sizeof(world.sent[0].line), "%s %s", request->method, request->url + 18);
    world.sent[world.sent_count++].at_ms = virtual_now_ms;
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcmp(request->headers[i].name, "Authorization") == 0)
            snprintf(world.authorization, sizeof(world.authorization), "%s",
                     request->headers[i].value);
    }
    if (request->part_count > 0)
        note_form(request);

    struct exchange *exchange = world.exchanges;
    while (exchange->call)
        exchange++;
    assert_true(exchange < world.exchanges + JOBS_MAX);
    exchange->call = call;
    exchange->answer = world.script_at < world.script_length ? world.script[world.script_at++]
                                                             : usual_answer(line);
    op_start(&call->op, &http_kind, link);
}

void http_call_clear(struct http_call *call)
{
    if (!call->client)
        return;
    assert_true(op_finished(&call->op));
    buffer_clear(&call->body);
    call->client = NULL;
    world.cleared++;
}

const char *http_call_header(const struct http_call *call, const char *name)
{
    for (size_t i = 0; i < call->response_header_count; i++) {
        if (strcasecmp(call->response_headers[i].name, name) == 0)
            return call->response_headers[i].value;
    }
    return NULL;
}

const char *http_fault_name(enum http_fault fault)
{
    return fault == HTTP_FAULT_NONE ? "none" : "some";
}

/* --- the world ------------------------------------------------------------------------------ */

static void begin(const struct answer *answers, size_t count)
{
    memset(&world, 0, sizeof(world));
    world.loop = virtual_loop();
    world.upstream = (struct upstream){
        .name = "llamaparse",
        .client = (struct http_client *)&world, /* never looked into */
        .base_url = "https://llama.test",
        .key = key,
        .key_setting = "LLAMAPARSE_API_KEY",
    };
    gate_init(&world.upstream.gate, &world.loop, "llamaparse",
              &(struct gate_settings){.places = 2,
                                      .failures_min = 3,
                                      .failure_share = 0.5,
                                      .window_ms = FAR_MS,
                                      .open_ms = OPEN_MS,
                                      .fatal_ms = 2 * OPEN_MS});
    llamaparse_init(
        &world.parser, &world.upstream,
        &(struct llamaparse_settings){
            .version = 1, .tier = "cost_effective", .cache = true, .afterlife_ms = AFTERLIFE_MS});
    world.file = (struct parse_file){"case.pdf", "application/pdf", (struct spool_file *)&world};
    assert_true(count <= SCRIPT_MAX);
    for (size_t i = 0; i < count; i++)
        world.script[i] = answers[i];
    world.script_length = count;
}

#define BEGIN(...)                                                                                 \
    begin((const struct answer[]){__VA_ARGS__}, COUNT(((const struct answer[]){__VA_ARGS__})))

static void on_finish(struct op *op, void *context)
{
    (void)op;
    ++*(size_t *)context;
}

static struct parse_job *start_until(size_t at, uint64_t deadline_ms)
{
    struct parse_job *job = &world.jobs[at];
    parse_job_start(job, root(&world.loop, on_finish, &world.finishes[at]), &world.parser,
                    &world.file, &(struct gate_rank){.request = job, .age_ns = 1 + at},
                    deadline_ms);
    assert_int_equal(world.finishes[at], 0);
    return job;
}

static struct parse_job *start(size_t at)
{
    return start_until(at, virtual_now_ms + FAR_MS);
}

static void set_places(size_t places)
{
    world.upstream.gate.settings.places = places;
    world.upstream.gate.places_full = places;
}

static size_t places_taken(void)
{
    return world.upstream.gate.taken;
}

static void advance(uint64_t ms)
{
    virtual_loop_advance(&world.loop, ms);
}

/* Nothing may be left behind, wherever they ended. */
static void end(void)
{
    llamaparse_stop(&world.parser);
    virtual_loop_settle(&world.loop);
    assert_null(world.parser.orphans);
    for (size_t i = 0; i < JOBS_MAX; i++) {
        if (!world.jobs[i].parser)
            continue;
        assert_int_equal(world.finishes[i], 1);
        assert_null(strstr(op_error(&world.jobs[i].op)->detail, key));
        parse_job_clear(&world.jobs[i]);
        parse_job_clear(&world.jobs[i]);
    }
    assert_int_equal(virtual_timer_count, 0);
    assert_int_equal(world.cleared, world.sent_count);
    gate_clear(&world.upstream.gate);
}

/* One job to its end, and no orphan of it. */
static const struct parse_job *run(void)
{
    const struct parse_job *job = start(0);
    advance(FAR_MS - 1);
    assert_int_equal(world.finishes[0], 1);
    assert_int_equal(places_taken(), 0);
    assert_null(world.parser.orphans);
    return job;
}

static enum err code_of(const struct parse_job *job)
{
    return op_error(&job->op)->code;
}

static const char *detail_of(const struct parse_job *job)
{
    return op_error(&job->op)->detail;
}

static void check_sent(const char *const *lines, size_t count)
{
    for (size_t i = 0; i < count && i < world.sent_count; i++)
        assert_string_equal(world.sent[i].line, lines[i]);
    assert_int_equal(world.sent_count, count);
}

#define CHECK_SENT(...)                                                                            \
    check_sent((const char *const[]){__VA_ARGS__}, COUNT(((const char *const[]){__VA_ARGS__})))

#define UPLOAD_V1   "POST /api/v1/parsing/upload"
#define POLL_V1     "GET /api/v1/parsing/job/" ID
#define MARKDOWN_V1 "GET /api/v1/parsing/job/" ID "/result/markdown"
#define TEXT_V1     "GET /api/v1/parsing/job/" ID "/result/text"
#define UPLOAD_V2   "POST /api/v2/parse/upload"
#define POLL_V2     "GET /api/v2/parse/pjb-7"
#define MARKDOWN_V2 "GET /api/v2/parse/pjb-7?expand=markdown,markdown_full,metadata"
#define TEXT_V2     "GET /api/v2/parse/pjb-7?expand=text,text_full,metadata"

/* --- to the text ---------------------------------------------------------------------------- */

static void test_version_1(void **state)
{
    (void)state;
    BEGIN({.body = PENDING}, {.body = PENDING}, {.body = SUCCESS}, {.body = MARKDOWN});
    const struct parse_job *job = run();
    assert_int_equal(code_of(job), OK);
    assert_string_equal(job->text.data, "# A case");
    assert_int_equal(job->pages, 3);
    assert_true(job->cache_hit);
    assert_false(job->partial);
    assert_true(job->queue_seconds >= 0 && job->queue_seconds < 10);
    CHECK_SENT(UPLOAD_V1, POLL_V1, POLL_V1, MARKDOWN_V1);
    assert_string_equal(world.form, "file=@case.pdf;type=application/pdf\n");
    assert_string_equal(world.authorization, "Bearer very-secret-0123456789");
    assert_int_equal(world.upstream.calls, 2); /* polls are not counted */
    assert_int_equal(world.upstream.gate.report_count, 3);
    end();
}

static void test_version_2(void **state)
{
    (void)state;
    BEGIN({.body = "{\"id\":\"pjb-7\",\"status\":\"PENDING\",\"error_message\":null}"},
          {.body = "{\"job\":{\"id\":\"pjb-7\",\"status\":\"RUNNING\"}}"},
          {.body = "{\"job\":{\"id\":\"pjb-7\",\"status\":\"COMPLETED\"}}"},
          {.body = "{\"job\":{},\"markdown\":{\"pages\":[{\"page_number\":1,\"success\":true},"
                   "{\"page_number\":2,\"success\":false}]},\"markdown_full\":\"# Two\","
                   "\"metadata\":{\"pages\":[{},{}]}}"});
    world.parser.settings.version = 2;
    const struct parse_job *job = run();
    assert_int_equal(code_of(job), OK);
    assert_string_equal(job->text.data, "# Two");
    assert_true(job->partial);
    assert_int_equal(job->pages, 2);
    assert_false(job->cache_hit);
    CHECK_SENT(UPLOAD_V2, POLL_V2, POLL_V2, MARKDOWN_V2);
    assert_string_equal(world.form,
                        "configuration={\"tier\":\"cost_effective\",\"version\":\"latest\"}\n"
                        "file=@case.pdf;type=application/pdf\n");
    end();
}

static void test_fast_tier(void **state)
{
    (void)state;
    BEGIN({.body = "{\"job\":{\"id\":\"pjb-7\",\"status\":\"COMPLETED\"}}"},
          {.body = "{\"text_full\":\"plain\",\"metadata\":{\"pages\":4,\"is_cache_hit\":true}}"});
    world.parser.settings.version = 2;
    world.parser.settings.tier = "fast";
    world.parser.settings.cache = false;
    const struct parse_job *job = run();
    assert_int_equal(code_of(job), OK);
    assert_string_equal(job->text.data, "plain");
    assert_int_equal(job->pages, 4);
    assert_true(job->cache_hit);
    CHECK_SENT(UPLOAD_V2, TEXT_V2);
    assert_string_equal(world.form, "configuration={\"tier\":\"fast\",\"version\":\"latest\","
                                    "\"disable_cache\":true}\n"
                                    "file=@case.pdf;type=application/pdf\n");
    end();
}

static void test_without_the_cache(void **state)
{
    (void)state;
    BEGIN({.body = SUCCESS});
    world.parser.settings.cache = false;
    assert_int_equal(code_of(run()), OK);
    assert_string_equal(world.form, "invalidate_cache=true\ndo_not_cache=true\n"
                                    "file=@case.pdf;type=application/pdf\n");
    end();
}

static void test_without_a_key(void **state)
{
    (void)state;
    BEGIN({.body = SUCCESS});
    world.upstream.key = NULL;
    assert_int_equal(code_of(run()), OK);
    assert_string_equal(world.authorization, "");
    end();
}

static void test_names_and_types_are_made_safe(void **state)
{
    (void)state;
    static const struct {
        const char *name, *type, *form;
    } rows[] = {
        {"Fall Größe.pdf", "", "file=@Fall Größe.pdf;type=?\n"},
        {"a\"; x=\"\r\nb.pdf", "text/plain\r\nX: y", "file=@a_; x=___b.pdf;type=?\n"},
        {"..\\..\\etc/passwd", "text/plain; charset=utf-8", "file=@.._.._etc_passwd;type=?\n"},
        {"\xff\xfe.pdf", "application/x-y+z.1", "file=@__.pdf;type=application/x-y+z.1\n"},
        {"", "text/plain", "file=@file;type=text/plain\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        BEGIN({.body = SUCCESS});
        world.file.name = rows[i].name;
        world.file.content_type = rows[i].type;
        assert_int_equal(code_of(run()), OK);
        assert_string_equal(world.form, rows[i].form);
        end();
    }

    /* Cut, but not its extension, nor a character. */
    char name[1000] = "";
    for (size_t i = 0; i < 200; i++)
        strcat(name, "ä");
    strcat(name, "x.pdf");
    BEGIN({.body = SUCCESS});
    world.file.name = name;
    assert_int_equal(code_of(run()), OK);
    assert_int_equal(strncmp(world.form, "file=@ää", 10), 0);
    assert_non_null(strstr(world.form, "äx.pdf;type="));
    assert_int_equal(strlen(world.form), strlen("file=@;type=application/pdf\n") + 119);
    end();
}

static void test_text_where_there_is_no_markdown(void **state)
{
    (void)state;
    static const struct answer without[] = {
        {.status = 404, .body = "{\"detail\":\"Not Found\"}"},
        {.body = "{\"markdown\":\"\"}"},
        {.body = "{\"markdown\":\" \\n\\t \"}"},
        {.body = "{\"markdown\":null}"},
        {.body = "{}"},
    };
    for (size_t i = 0; i < COUNT(without); i++) {
        BEGIN({.body = SUCCESS}, without[i], {.body = "{\"text\":\"plain\"}"});
        const struct parse_job *job = run();
        assert_int_equal(code_of(job), OK);
        assert_string_equal(job->text.data, "plain");
        assert_int_equal(job->pages, 0);
        CHECK_SENT(UPLOAD_V1, MARKDOWN_V1, TEXT_V1);
        end();

        BEGIN({.body = SUCCESS}, without[i], {.body = "{\"text\":\" \"}"});
        job = run();
        assert_int_equal(code_of(job), ERR_UNPROCESSABLE);
        assert_string_equal(detail_of(job),
                            "no text was found in the file: see that its pages are not empty");
        end();
    }

    BEGIN({.body = "{\"id\":\"pjb-7\",\"status\":\"COMPLETED\"}"},
          {.body = "{\"markdown_full\":null}"}, {.body = "{\"text_full\":\"plain\"}"});
    world.parser.settings.version = 2;
    assert_string_equal(run()->text.data, "plain");
    CHECK_SENT(UPLOAD_V2, MARKDOWN_V2, TEXT_V2);
    end();
}

static void test_a_result_that_is_no_json(void **state)
{
    (void)state;
    BEGIN({.body = SUCCESS}, {.body = "<html>"}, {.body = MARKDOWN});
    assert_string_equal(run()->text.data, "# A case");
    CHECK_SENT(UPLOAD_V1, MARKDOWN_V1, MARKDOWN_V1);
    end();

    BEGIN({.body = SUCCESS}, {.body = "{"}, {.body = "{\"markdown\":\"x\"} y"});
    const struct parse_job *job = run();
    assert_int_equal(code_of(job), ERR_UPSTREAM);
    assert_string_equal(detail_of(job), "the result that llamaparse sent is unreadable");
    CHECK_SENT(UPLOAD_V1, MARKDOWN_V1, MARKDOWN_V1);
    end();
}

/* --- what the service says ------------------------------------------------------------------ */

static void test_statuses(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        int code;
        bool partial, ends;
    } rows[] = {
        {"SUCCESS", OK, false, true},
        {"COMPLETED", OK, false, true},
        {"PARTIAL_SUCCESS", OK, true, true},
        {"ERROR", ERR_UPSTREAM, false, true},
        {"FAILED", ERR_UPSTREAM, false, true},
        {"CANCELLED", ERR_UPSTREAM, false, true},
        {"CANCELED", ERR_UPSTREAM, false, true},
        {"PENDING", OK, false, false},
        {"RUNNING", OK, false, false},
        {"THROTTLED", OK, false, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t in_upload = 0; in_upload < 2; in_upload++) {
            for (int version = 1; version <= 2; version++) {
                char said[128];
                snprintf(said, sizeof(said), "{\"id\":\"" ID "\",\"status\":\"%s\"}",
                         rows[i].status);
                const struct answer first = {.body = in_upload ? said : PENDING};
                const struct answer second = {.body = in_upload ? SUCCESS : said};
                BEGIN(first, second, {.body = SUCCESS});
                world.script_length -= in_upload || rows[i].ends;
                world.script_length -= in_upload && rows[i].ends;
                world.parser.settings.version = version;
                const struct parse_job *job = start(0);
                advance(FAR_MS - 1);
                const bool has_text = version == 1; /* the usual answer is that of version 1 */
                const int expected = rows[i].code != OK ? rows[i].code
                                     : has_text         ? OK
                                                        : ERR_UNPROCESSABLE;
                assert_int_equal(code_of(job), expected);
                assert_int_equal(job->partial, has_text && rows[i].partial);
                assert_int_equal(world.script_at, world.script_length);
                end();
            }
        }
    }
}

struct failure {
    const char *said; /* beside id and status */
    int code;
    const char *detail;
};

static const struct failure failures[] = {
    {"\"error_code\":\"PDF_IS_PROTECTED\"", ERR_UNPROCESSABLE,
     "the PDF is protected: remove its password (PDF_IS_PROTECTED)"},
    {"\"error_code\":\"PDF_IS_BROKEN\",\"error_message\":\"No xref\"", ERR_UNPROCESSABLE,
     "the PDF is damaged: export it anew (PDF_IS_BROKEN: No xref)"},
    {"\"error_code\":\"NO_DATA_FOUND_IN_FILE\"", ERR_UNPROCESSABLE,
     "no text was found in the file: see that its pages are not empty (NO_DATA_FOUND_IN_FILE)"},
    {"\"error_code\":\"UNSUPPORTED_FILE_TYPE\",\"error_message\":\"\"", ERR_UNPROCESSABLE,
     "a file of this type cannot be read: save it as PDF (UNSUPPORTED_FILE_TYPE)"},
    /* version 2 has it in the message */
    {"\"error_message\":\"PDF_IS_BROKEN: No xref\"", ERR_UNPROCESSABLE,
     "the PDF is damaged: export it anew (PDF_IS_BROKEN: No xref)"},
    {"\"error_code\":null,\"error_message\":\"PDF_IS_BROKEN\"", ERR_UNPROCESSABLE,
     "the PDF is damaged: export it anew (PDF_IS_BROKEN)"},
    {"\"error_code\":\"OUT_OF_PAPER\",\"error_message\":\"Refill\"", ERR_UPSTREAM,
     "llamaparse failed to read the file (OUT_OF_PAPER: Refill)"},
    {"\"error_message\":\"Something went wrong\"", ERR_UPSTREAM,
     "llamaparse failed to read the file (Something went wrong)"},
    {"\"error_message\":null", ERR_UPSTREAM, "llamaparse failed to read the file"},
    /* nothing that could do harm */
    {"\"error_code\":\"PDF_IS_BROKEN\",\"error_message\":\"a\\nb\"", ERR_UNPROCESSABLE,
     "the PDF is damaged: export it anew (PDF_IS_BROKEN)"},
    {"\"error_code\":\"A\",\"error_message\":\"for very-secret-0123456789\"", ERR_UPSTREAM,
     "llamaparse failed to read the file (A)"},
    {"\"error_code\":\"A\",\"error_message\":\"for llx-abc\"", ERR_UPSTREAM,
     "llamaparse failed to read the file (A)"},
    {"\"error_code\":\"<b>\"", ERR_UPSTREAM, "llamaparse failed to read the file"},
    {"\"error_code\":5,\"error_message\":[]", ERR_UPSTREAM, "llamaparse failed to read the file"},
};

static void test_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(failures); i++) {
        char said[512];
        snprintf(said, sizeof(said), "{\"id\":\"" ID "\",\"status\":\"ERROR\",%s}",
                 failures[i].said);
        BEGIN({.body = PENDING}, {.body = said});
        const struct parse_job *job = run();
        assert_int_equal(code_of(job), failures[i].code);
        assert_string_equal(detail_of(job), failures[i].detail);
        /* What is wrong with a file says nothing of the service. */
        assert_int_equal(world.upstream.gate.report_count, 1);
        CHECK_SENT(UPLOAD_V1, POLL_V1);
        end();
    }
}

static void test_long_messages_are_cut(void **state)
{
    (void)state;
    char said[2000] = "{\"id\":\"" ID "\",\"status\":\"ERROR\",\"error_code\":\"A\","
                      "\"error_message\":\"x";
    for (size_t i = 0; i < 500; i++)
        strcat(said, "ä");
    strcat(said, "\"}");
    BEGIN({.body = said});
    const char *detail = detail_of(run());
    assert_non_null(strstr(detail, "(A: xä"));
    assert_int_equal(strlen(detail), strlen("llamaparse failed to read the file (A: )") + 119);
    end();
}

static void test_expired_is_tried_once_more(void **state)
{
    (void)state;
    static const struct answer expired = {
        .body = "{\"id\":\"" ID "\",\"status\":\"ERROR\",\"error_code\":\"EXPIRED\"}"};
    BEGIN({.body = PENDING}, expired, {.body = PENDING}, {.body = SUCCESS});
    assert_int_equal(code_of(run()), OK);
    CHECK_SENT(UPLOAD_V1, POLL_V1, UPLOAD_V1, POLL_V1, MARKDOWN_V1);
    end();

    BEGIN({.body = PENDING}, expired, {.body = PENDING}, expired);
    const struct parse_job *job = run();
    assert_int_equal(code_of(job), ERR_DEADLINE);
    assert_string_equal(detail_of(job), "llamaparse's queue is too long (EXPIRED)");
    CHECK_SENT(UPLOAD_V1, POLL_V1, UPLOAD_V1, POLL_V1);
    assert_int_equal(world.upstream.gate.report_count, 4);
    end();
}

static void test_ids_that_are_refused(void **state)
{
    (void)state;
    char too_long[200] = "{\"status\":\"PENDING\",\"id\":\"";
    for (size_t i = 0; i < LLAMAPARSE_ID_BYTES + 1; i++)
        strcat(too_long, "a");
    strcat(too_long, "\"}");
    const char *const said[] = {
        "{\"status\":\"PENDING\"}",
        "{\"status\":\"PENDING\",\"id\":\"\"}",
        "{\"status\":\"PENDING\",\"id\":7}",
        "{\"status\":\"PENDING\",\"id\":\"../../admin\"}",
        "{\"status\":\"PENDING\",\"id\":\"a b\"}",
        "{\"status\":\"PENDING\",\"id\":\"a\\u0001\"}",
        "{\"status\":\"PENDING\",\"id\":\"a?x=1\"}",
        too_long,
        "{\"id\":\"" ID "\"}",
        "[]",
        "<html>",
        "",
    };
    for (size_t i = 0; i < COUNT(said); i++) {
        BEGIN({.body = said[i]}, {.body = said[i]});
        const struct parse_job *job = run();
        assert_int_equal(code_of(job), ERR_UPSTREAM);
        assert_string_equal(detail_of(job),
                            "llamaparse answered with something else than was asked for");
        CHECK_SENT(UPLOAD_V1, UPLOAD_V1);
        end();
    }
}

/* --- the upload ----------------------------------------------------------------------------- */

static void test_a_retried_upload(void **state)
{
    (void)state;
    BEGIN({.fault = HTTP_FAULT_RESET}, {.status = 503}, {.body = SUCCESS});
    assert_int_equal(code_of(run()), OK);
    CHECK_SENT(UPLOAD_V1, UPLOAD_V1, UPLOAD_V1, MARKDOWN_V1);
    assert_string_equal(world.form, "file=@case.pdf;type=application/pdf\n");
    end();

    BEGIN({.status = 503}, {.status = 503}, {.status = 503});
    const struct parse_job *job = run();
    assert_int_equal(code_of(job), ERR_UPSTREAM);
    assert_string_equal(detail_of(job), "llamaparse answered 503");
    end();
}

static void test_version_1_is_gone(void **state)
{
    (void)state;
    static const int statuses[] = {404, 410};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        const struct answer gone = {.status = statuses[i], .body = "{\"detail\":\"Not Found\"}"};
        BEGIN(gone, {.body = "{\"id\":\"pjb-7\",\"status\":\"PENDING\"}"},
              {.body = "{\"job\":{\"status\":\"COMPLETED\"}}"},
              {.body = "{\"markdown_full\":\"# Two\"}"});
        assert_string_equal(run()->text.data, "# Two");
        CHECK_SENT(UPLOAD_V1, UPLOAD_V2, POLL_V2, MARKDOWN_V2);
        assert_int_equal(world.parser.settings.version, 2);
        parse_job_clear(&world.jobs[0]);

        world.script_at = 0; /* the next does not try it again */
        world.script[0] = (struct answer){.status = 404};
        world.script_length = 1;
        world.finishes[0] = 0;
        const struct parse_job *job = run();
        assert_int_equal(code_of(job), ERR_UPSTREAM_REQUEST);
        assert_int_equal(world.sent_count, 5);
        assert_string_equal(world.sent[4].line, UPLOAD_V2);
        end();
    }
}

/* A job is asked about where it was made. */
static void test_version_1_goes_while_a_job_runs(void **state)
{
    (void)state;
    BEGIN({.body = PENDING}, {.body = PENDING});
    const struct parse_job *job = start(0);
    advance(ANSWER_MS);
    world.parser.settings.version = 2;
    world.script[world.script_length++] = (struct answer){.body = SUCCESS};
    advance(1000);
    assert_int_equal(code_of(job), OK);
    CHECK_SENT(UPLOAD_V1, POLL_V1, POLL_V1, MARKDOWN_V1);
    end();
}

static void test_refused_uploads(void **state)
{
    (void)state;
    static const struct {
        int status;
        int code;
        const char *detail;
    } rows[] = {
        {401, ERR_UPSTREAM_CONFIG, "llamaparse answered 401: check LLAMAPARSE_API_KEY"},
        {402, ERR_QUOTA,
         "llamaparse answered 402: its credits are used up, or a spending limit is reached"},
        {413, ERR_UPSTREAM_REQUEST, "llamaparse answered 413: it refuses the request"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct answer answer = {.status = rows[i].status};
        BEGIN(answer);
        const struct parse_job *job = run();
        assert_int_equal(code_of(job), rows[i].code);
        assert_string_equal(detail_of(job), rows[i].detail);
        CHECK_SENT(UPLOAD_V1);
        end();
    }
}

/* --- polls ---------------------------------------------------------------------------------- */

static uint64_t gap(size_t at)
{
    return world.sent[at].at_ms - (world.sent[at - 1].at_ms + ANSWER_MS);
}

static void assert_near(uint64_t ms, uint64_t expected)
{
    assert_true(ms * 100 >= expected * 95 - 100); /* whole milliseconds */
    assert_true(ms * 100 <= expected * 105);
}

static void test_when_polls_come(void **state)
{
    (void)state;
    BEGIN({.body = PENDING});
    start(0);
    advance(FAR_MS - 1);
    static const uint64_t first[] = {0, 20, 60, 150};
    for (size_t i = 0; i < COUNT(first); i++)
        assert_int_equal(gap(1 + i), first[i]);
    const uint64_t begun = world.sent[1].at_ms;
    bool varies = false;
    for (size_t i = 1 + COUNT(first); i < world.sent_count; i++) {
        const uint64_t age = world.sent[i - 1].at_ms + ANSWER_MS - begun;
        const uint64_t six = age * 6 / 100;
        const uint64_t expected = six < 250 ? 250 : six > 3000 ? 3000 : six;
        assert_near(gap(i), expected);
        varies = varies || gap(i) != expected;
    }
    assert_true(varies); /* not all servers at once */
    assert_true(world.sent_count > 130 && world.sent_count < 160);
    advance(1);
    end();
}

static void test_too_many_polls_slow_down(void **state)
{
    (void)state;
    BEGIN({.body = PENDING}, {.status = 429}, {.status = 429}, {.status = 429}, {.body = PENDING},
          {.body = PENDING}, {.status = 429, .retry_after = "7"}, {.body = PENDING});
    const struct parse_job *job = start(0);
    advance(20 * 1000);
    assert_near(gap(2), 500);
    assert_near(gap(3), 1000);
    assert_near(gap(4), 2000);
    assert_near(gap(5), 1000);               /* it forgets as it came */
    assert_in_range(gap(6), 475, 600);       /* by now the job is older */
    assert_in_range(gap(7), 7000, 7000 + 1); /* as it was told */
    assert_in_range(gap(8), 500, 2000);
    assert_int_equal(world.upstream.gate.report_count, 1); /* the upload's */

    world.script_at = world.script_length = 0;
    for (size_t i = 0; i < 40; i++) /* more than would fail it were they failures */
        world.script[world.script_length++] = (struct answer){.status = 429};
    advance(FAR_MS);
    assert_int_equal(code_of(job), ERR_DEADLINE);
    for (size_t i = 9; i < world.sent_count; i++)
        assert_true(gap(i) <= 30 * 1050);
    end();
}

static void test_failed_polls(void **state)
{
    (void)state;
    static const struct answer kinds[] = {
        {.status = 503}, {.fault = HTTP_FAULT_RESET}, {.body = "<html>"}, {.body = "{}"}};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const struct answer bad = kinds[i];
        BEGIN({.body = PENDING}, bad, bad, bad, bad, bad, bad, bad, {.body = PENDING}, bad, bad,
              bad, bad, bad, bad, bad, {.body = SUCCESS});
        assert_int_equal(code_of(run()), OK); /* seven in a row, twice */
        assert_near(gap(2), 500);
        assert_near(gap(3), 1000);
        assert_near(gap(4), 2000);
        assert_near(gap(5), 3000);
        assert_near(gap(6), 3000);
        assert_int_equal(world.upstream.gate.state, GATE_CLOSED);
        end();

        BEGIN({.body = PENDING}, bad, bad, bad, {.status = 429}, bad, bad, bad, bad, bad,
              {.body = SUCCESS});
        const struct parse_job *job = run();
        assert_int_equal(code_of(job), ERR_UPSTREAM);
        assert_non_null(strstr(detail_of(job), "llamaparse"));
        assert_non_null(strstr(detail_of(job), ", 8 times in a row"));
        assert_int_equal(world.sent_count, 10);
        assert_int_equal(world.upstream.gate.report_count, 2); /* the upload, and all polls */
        end();
    }
}

static void test_final_polls(void **state)
{
    (void)state;
    static const struct {
        int status;
        int code;
        bool fatal;
    } rows[] = {{401, ERR_UPSTREAM_CONFIG, true},
                {402, ERR_QUOTA, true},
                {403, ERR_UPSTREAM_CONFIG, true},
                {404, ERR_UPSTREAM_REQUEST, false}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct answer answer = {.status = rows[i].status};
        BEGIN({.body = PENDING}, answer);
        const struct parse_job *job = run();
        assert_int_equal(code_of(job), rows[i].code);
        assert_int_equal(world.upstream.gate.fatal, rows[i].fatal);
        CHECK_SENT(UPLOAD_V1, POLL_V1);
        end();
    }
}

/* In any minute, whenever it begins; and it is used. */
static void check_cap(unsigned cap)
{
    BEGIN({.body = PENDING});
    world.upstream.gate.settings.places = 5;
    world.parser.settings.polls_per_minute = cap;
    for (size_t i = 0; i < 5; i++)
        start(i);
    advance(FAR_MS - 1);
    size_t polls = 0;
    uint64_t times[SENT_MAX];
    for (size_t i = 0; i < world.sent_count; i++) {
        if (is_poll(world.sent[i].line))
            times[polls++] = world.sent[i].at_ms;
    }
    for (size_t from = 0; from < polls; from++) {
        size_t until = from;
        while (until < polls && times[until] < times[from] + 60 * 1000)
            until++;
        assert_true(until - from <= cap);
    }
    assert_true(polls >= 3 * cap);
    advance(1);
    end();
}

static void test_polls_per_minute(void **state)
{
    (void)state;
    static const unsigned caps[] = {1, 2, 3, 4, 7, 20, 60};
    for (size_t i = 0; i < COUNT(caps); i++)
        check_cap(caps[i]);
}

/* --- those who leave ------------------------------------------------------------------------ */

static void test_an_orphan_until_the_job_ends(void **state)
{
    (void)state;
    BEGIN({.body = PENDING});
    const struct parse_job *job = start(0);
    advance(1000);
    op_cancel(&world.jobs[0].op);
    virtual_loop_settle(&world.loop);
    assert_int_equal(code_of(job), ERR_CANCELLED);
    parse_job_clear(&world.jobs[0]); /* with all that was the client's */
    memset(&world.jobs[0], 0, sizeof(world.jobs[0]));
    assert_int_equal(places_taken(), 1);
    assert_non_null(world.parser.orphans);
    const size_t before = world.sent_count;
    advance(10 * 1000);
    assert_true(world.sent_count > before + 10); /* it goes on at the pace of a job of its age */
    assert_true(world.sent_count < before + 45);
    assert_string_equal(world.sent[before].line, POLL_V1);

    const size_t seen = world.sent_count;
    world.script[0] = (struct answer){.body = SUCCESS};
    world.script_at = 0;
    advance(2000);
    assert_int_equal(world.sent_count, seen + 1); /* and gets no text that nobody wants */
    assert_int_equal(places_taken(), 0);
    assert_null(world.parser.orphans);
    end();
}

static void test_an_orphan_until_its_time_is_up(void **state)
{
    (void)state;
    BEGIN({.body = PENDING});
    start_until(0, virtual_now_ms + 1000);
    advance(999);
    assert_int_equal(world.finishes[0], 0);
    advance(1);
    assert_int_equal(world.finishes[0], 1);
    assert_int_equal(code_of(&world.jobs[0]), ERR_DEADLINE);
    assert_string_equal(detail_of(&world.jobs[0]), "llamaparse did not read the file in time");
    advance(AFTERLIFE_MS - 1);
    assert_int_equal(places_taken(), 1);
    advance(1);
    assert_int_equal(places_taken(), 0);
    assert_null(world.parser.orphans);
    end();
}

static void test_an_orphan_that_cannot_ask(void **state)
{
    (void)state;
    BEGIN({.body = PENDING}, {.body = PENDING}, {.status = 401});
    start(0);
    advance(2 * ANSWER_MS);
    op_cancel(&world.jobs[0].op);
    advance(1000);
    assert_int_equal(places_taken(), 0);
    assert_true(world.upstream.gate.fatal);
    end();
}

static void test_no_afterlife(void **state)
{
    (void)state;
    for (int stopped = 0; stopped < 2; stopped++) {
        BEGIN({.body = PENDING});
        if (stopped)
            llamaparse_stop(&world.parser);
        else
            world.parser.settings.afterlife_ms = 0;
        start(0);
        advance(1000);
        op_cancel(&world.jobs[0].op);
        virtual_loop_settle(&world.loop);
        assert_int_equal(places_taken(), 0);
        assert_null(world.parser.orphans);
        end();
    }
}

static void test_stop_lets_orphans_go(void **state)
{
    (void)state;
    BEGIN({.body = PENDING});
    set_places(JOBS_MAX);
    for (size_t i = 0; i < 4; i++)
        start(i);
    for (size_t i = 0; i < 4; i++) { /* each in another state of its polls */
        advance(37);
        op_cancel(&world.jobs[i].op);
    }
    virtual_loop_settle(&world.loop);
    assert_int_equal(places_taken(), 4);
    end(); /* which stops them */
}

/* A newcomer waits until the job that was left has ended. */
static void test_an_orphan_keeps_others_out(void **state)
{
    (void)state;
    BEGIN({.body = PENDING});
    set_places(1);
    start(0);
    advance(1000);
    op_cancel(&world.jobs[0].op);
    start(1);
    advance(1000);
    const size_t uploads = 1;
    assert_int_equal(world.upstream.calls, uploads);
    world.script[0] = (struct answer){.body = SUCCESS};
    world.script[1] = (struct answer){.body = SUCCESS};
    world.script_at = 0;
    world.script_length = 2;
    advance(2000);
    assert_int_equal(code_of(&world.jobs[1]), OK);
    assert_string_equal(world.jobs[1].text.data, "# A case");
    end();
}

/* --- disturbed ------------------------------------------------------------------------------ */

/* A job that waits at the gate, retries, falls over, fails a poll, expires, and asks for text. */
static void begin_eventful(void)
{
    BEGIN({.status = 503}, {.status = 404}, {.body = PENDING}, {.status = 503}, {.status = 429},
          {.body = "{\"status\":\"ERROR\",\"error_code\":\"EXPIRED\"}"}, {.body = PENDING},
          {.body = "{\"job\":{\"status\":\"RUNNING\"}}"}, {.body = "{\"status\":\"COMPLETED\"}"},
          {.body = "{\"markdown_full\":\"\"}"}, {.body = "{\"text_full\":\"plain\"}"});
    set_places(1);
    gate_enter(&world.blocker, root(&world.loop, on_finish, &world.finishes[JOBS_MAX - 1]),
               &world.upstream.gate, &(struct gate_rank){0});
    virtual_loop_settle(&world.loop);
    start(0);
}

/* The next thing that happens: a deferred call, the blocker's leaving, a timer. */
static bool step(void)
{
    if (virtual_loop_step(&world.loop))
        return true;
    if (world.blocker.inside) {
        gate_leave(&world.blocker);
        return true;
    }
    return virtual_loop_fire(&world.loop, UINT64_MAX);
}

/* Between the answer to an upload and the one that ends the job. */
static bool runs_at_the_service(void)
{
    const struct remote_job *remote = &world.jobs[0].remote;
    return *remote->id && remote->state == REMOTE_RUNNING;
}

static void test_cancel_at_every_event(void **state)
{
    (void)state;
    size_t kept = 0, not_kept = 0;
    for (size_t events = 0;; events++) {
        begin_eventful();
        for (size_t i = 0; i < events; i++)
            assert_true(step());
        if (world.finishes[0] > 0) {
            assert_int_equal(code_of(&world.jobs[0]), OK);
            assert_string_equal(world.jobs[0].text.data, "plain");
            end();
            break;
        }
        const size_t sent = world.sent_count;
        op_cancel(&world.jobs[0].op);
        while (virtual_loop_step(&world.loop))
            ;
        assert_int_equal(world.finishes[0], 1);
        assert_int_equal(code_of(&world.jobs[0]), ERR_CANCELLED);
        gate_leave(&world.blocker);
        assert_int_equal(places_taken(), runs_at_the_service());
        assert_int_equal(world.parser.orphans != NULL, runs_at_the_service());
        kept += places_taken();
        not_kept += !places_taken();
        for (size_t i = sent; i < world.sent_count; i++)
            assert_true(is_poll(world.sent[i].line));
        end();
    }
    assert_true(kept > 20);
    assert_true(not_kept > 20);
}

static void test_deadline_at_every_moment(void **state)
{
    (void)state;
    begin_eventful();
    while (world.finishes[0] == 0)
        assert_true(step());
    const uint64_t whole = virtual_now_ms - world.sent[0].at_ms;
    end();
    assert_true(whole > 2000);

    size_t late = 0;
    for (uint64_t limit = 0; limit < whole * 3 / 4; limit += 7) { /* rests vary a little */
        begin_eventful();
        gate_leave(&world.blocker);
        const uint64_t until = virtual_now_ms + limit;
        op_cancel(&world.jobs[0].op);
        virtual_loop_settle(&world.loop);
        parse_job_clear(&world.jobs[0]);
        world.finishes[0] = 0;
        start_until(0, until);
        advance(limit);
        assert_int_equal(world.finishes[0], 1);
        /* A 503 that cannot be tried again in time is what it failed by. */
        assert_true(code_of(&world.jobs[0]) == ERR_DEADLINE ||
                    code_of(&world.jobs[0]) == ERR_UPSTREAM);
        assert_non_null(strstr(detail_of(&world.jobs[0]), "llamaparse"));
        late += code_of(&world.jobs[0]) == ERR_DEADLINE;
        assert_int_equal(places_taken(), runs_at_the_service());
        end();
    }
    assert_true(late > 100);
}

static void test_deadline_in_the_queue(void **state)
{
    (void)state;
    begin_eventful();
    advance(FAR_MS);
    assert_int_equal(code_of(&world.jobs[0]), ERR_DEADLINE);
    assert_string_equal(detail_of(&world.jobs[0]), "no place at llamaparse became free in time");
    assert_int_equal(world.sent_count, 0);
    gate_leave(&world.blocker);
    end();
}

static void test_breaker_is_open(void **state)
{
    (void)state;
    BEGIN({.status = 401});
    run();
    parse_job_clear(&world.jobs[0]);
    world.finishes[0] = 0;
    world.upstream.gate.reopen_ms = virtual_now_ms + OPEN_MS;
    const struct parse_job *job = run();
    assert_int_equal(code_of(job), ERR_BREAKER_OPEN);
    assert_int_equal(world.sent_count, 1);
    end();
}

static void test_nothing_was_started(void **state)
{
    (void)state;
    struct parse_job job = {0};
    parse_job_clear(&job);
    assert_null(job.text.data);
}

int main(void)
{
    log_init(LOG_ERROR, LOG_FORMAT_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_1),
        cmocka_unit_test(test_version_2),
        cmocka_unit_test(test_fast_tier),
        cmocka_unit_test(test_without_the_cache),
        cmocka_unit_test(test_without_a_key),
        cmocka_unit_test(test_names_and_types_are_made_safe),
        cmocka_unit_test(test_text_where_there_is_no_markdown),
        cmocka_unit_test(test_a_result_that_is_no_json),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_expired_is_tried_once_more),
        cmocka_unit_test(test_ids_that_are_refused),
        cmocka_unit_test(test_a_retried_upload),
        cmocka_unit_test(test_version_1_is_gone),
        cmocka_unit_test(test_version_1_goes_while_a_job_runs),
        cmocka_unit_test(test_refused_uploads),
        cmocka_unit_test(test_when_polls_come),
        cmocka_unit_test(test_too_many_polls_slow_down),
        cmocka_unit_test(test_failed_polls),
        cmocka_unit_test(test_final_polls),
        cmocka_unit_test(test_polls_per_minute),
        cmocka_unit_test(test_an_orphan_until_the_job_ends),
        cmocka_unit_test(test_an_orphan_until_its_time_is_up),
        cmocka_unit_test(test_an_orphan_that_cannot_ask),
        cmocka_unit_test(test_no_afterlife),
        cmocka_unit_test(test_stop_lets_orphans_go),
        cmocka_unit_test(test_an_orphan_keeps_others_out),
        cmocka_unit_test(test_cancel_at_every_event),
        cmocka_unit_test(test_deadline_at_every_moment),
        cmocka_unit_test(test_deadline_in_the_queue),
        cmocka_unit_test(test_breaker_is_open),
        cmocka_unit_test(test_nothing_was_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
