/*
 * A table of bodies with the events that each must cause. Every body is fed whole, cut in two at
 * every position, and byte by byte; the trace must always be the same, and the same as that of a
 * reference parser written as plainly as can be, which sees the whole body at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/multipart.h"
#include "unit/api/multipart_reference.h"

#define NAMED(n) "Content-Disposition: form-data; name=\"" n "\"\r\n"
#define FILED(f) "Content-Disposition: form-data; name=\"f\"; filename=\"" f "\"\r\n"

static const struct multipart_limits roomy = {
    .files = 8, .fields = 8, .file_bytes = 1 << 20, .field_bytes = 1 << 20};

static enum err count_call(struct trace *trace, struct error *error)
{
    assert_non_null(error);
    return ++trace->calls == trace->fail_at ? error_set(error, ERR_NO_SPACE, "disk full") : OK;
}

static enum err on_part(void *context, const struct multipart_part *part, struct error *error)
{
    trace_part(context, part->name, part->filename, part->content_type);
    return count_call(context, error);
}

static enum err on_data(void *context, const char *bytes, size_t length, struct error *error)
{
    assert_int_not_equal(length, 0);
    trace_data(context, bytes, length);
    return count_call(context, error);
}

static enum err on_part_end(void *context, struct error *error)
{
    trace_print(context, "end\n");
    return count_call(context, error);
}

static const struct multipart_sink sink = {on_part, on_data, on_part_end};

struct example {
    const char *body; /* boundary B */
    size_t length;
    const char *expected;
};

struct limited_example {
    struct multipart_limits limits;
    struct example example;
};

#define BODY(literal) (literal), sizeof(literal) - 1
/* One field named a whose data, or header lines, are given. */
#define DATA(data)    BODY("--B\r\n" NAMED("a") "\r\n" data "\r\n--B--\r\n")
#define HEADER(lines) BODY("--B\r\n" lines "\r\nx\r\n--B--\r\n")
#define X_IN(part)    part "\n|x|\nend\nok\n"

static const struct example framing[] = {
    {BODY(""), "ok\n"},
    {BODY("\r\n"), "ok\n"},
    {BODY("--B--"), "ok\n"},
    {BODY("--B--\r\n--B\r\nanything \0 at all"), "ok\n"},
    {BODY("\n\r\r\n--B\r\n" NAMED("a") "\r\nx\r\n--B--"), X_IN("field <a> <>")},
    {DATA("x"), X_IN("field <a> <>")},
    {DATA(""), "field <a> <>\nend\nok\n"},
    {BODY("--B\r\n" NAMED("a") "\r\n--B--"), "field <a> <>\nend\nok\n"},
    {BODY("--B\r\n" NAMED("a") "\r\n--B\r\n" NAMED("b") "\r\n--B \r\n" NAMED("c") "\r\n--B--"),
     "field <a> <>\nend\nfield <b> <>\nend\nfield <c> <>\nend\nok\n"},
    {BODY("--B \t \r\n" NAMED("a") "\r\nx\r\n--B\t\r\n" FILED("y") "\r\nz\r\n--B--epilogue"),
     "field <a> <>\n|x|\nend\nfile <f> <y> <>\n|z|\nend\nok\n"},
    {BODY("--B\r\n" NAMED("a") "\r\nx\r\n--B\r\n" NAMED("a") "\r\ny\r\n--B--"),
     "field <a> <>\n|x|\nend\nfield <a> <>\n|y|\nend\nok\n"},

    /* what only begins like a delimiter is data, byte for byte */
    {DATA("\r"), "field <a> <>\n|\r|\nend\nok\n"},
    {DATA("\r\n"), "field <a> <>\n|\r\n|\nend\nok\n"},
    {DATA("\r\r\n\n\r\n-"), "field <a> <>\n|\r\r\n\n\r\n-|\nend\nok\n"},
    {DATA("a\r\n--"), "field <a> <>\n|a\r\n--|\nend\nok\n"},
    {DATA("\r\n--C\r\n--\r\n--b"), "field <a> <>\n|\r\n--C\r\n--\r\n--b|\nend\nok\n"},
    {DATA("-"), "field <a> <>\n|-|\nend\nok\n"},
    {DATA("--"), "field <a> <>\n|--|\nend\nok\n"},
    {DATA("--BB"), "field <a> <>\n|--BB|\nend\nok\n"},
    {DATA("--B-"), "field <a> <>\n|--B-|\nend\nok\n"},
    {DATA("--B \r"), "field <a> <>\n|--B \r|\nend\nok\n"},
    {DATA("\n--B--"), "field <a> <>\n|\n--B--|\nend\nok\n"},
    {DATA("y--B--"), "field <a> <>\n|y--B--|\nend\nok\n"},
    {DATA("y\r\n--BB\r\nz"), "field <a> <>\n|y\r\n--BB\r\nz|\nend\nok\n"},
    {DATA("y\r\n--B-"), "field <a> <>\n|y\r\n--B-|\nend\nok\n"},
    {DATA("y\r\n--B-\r-"), "field <a> <>\n|y\r\n--B-\r-|\nend\nok\n"},
    {DATA("y\r\n--B \t-"), "field <a> <>\n|y\r\n--B \t-|\nend\nok\n"},
    {DATA("y\r\n--B --"), "field <a> <>\n|y\r\n--B --|\nend\nok\n"},
    {DATA("y\r\n--B\n"), "field <a> <>\n|y\r\n--B\n|\nend\nok\n"},
    {DATA("y\r\n--B \r"), "field <a> <>\n|y\r\n--B \r|\nend\nok\n"},
    {DATA("y\r\n--B\rz"), "field <a> <>\n|y\r\n--B\rz|\nend\nok\n"},
    {DATA("\r\n\r\n--\r\n--\r\r\n"), "field <a> <>\n|\r\n\r\n--\r\n--\r\r\n|\nend\nok\n"},

    /* broken off */
    {BODY("-"), SYNTAX},
    {BODY("--"), SYNTAX},
    {BODY("--B"), SYNTAX},
    {BODY("--B-"), SYNTAX},
    {BODY("--B \r"), SYNTAX},
    {BODY("--B\r\n"), SYNTAX},
    {BODY("--B\r\n" NAMED("a")), SYNTAX},
    {BODY("--B\r\n" NAMED("a") "\r"), SYNTAX},
    {BODY("--B\r\n" NAMED("a") "\r\n"), "field <a> <>\n" SYNTAX},
    {BODY("--B\r\n" NAMED("a") "\r\nx"), "field <a> <>\n|x|\n" SYNTAX},
    {BODY("--B\r\n" NAMED("a") "\r\n--"), "field <a> <>\n" SYNTAX},
    {BODY("--B\r\n" NAMED("a") "\r\nx\r\n--B"), "field <a> <>\n|x|\n" SYNTAX},
    {BODY("--B\r\n" NAMED("a") "\r\nx\r\n--B \t"), "field <a> <>\n|x|\n" SYNTAX},
    {BODY("--B\r\n" NAMED("a") "\r\nx\r\n--B-"), "field <a> <>\n|x|\n" SYNTAX},
    {BODY("--B\r\n" NAMED("a") "\r\nx\r\n--B\r\n"), "field <a> <>\n|x|\nend\n" SYNTAX},

    /* junk for the first boundary; line ends that are none */
    {BODY("junk\r\n--B--"), SYNTAX},
    {BODY(" --B--"), SYNTAX},
    {BODY("\0--B--"), SYNTAX},
    {BODY("--C\r\n--B--"), SYNTAX},
    {BODY("--BB\r\n--B--"), SYNTAX},
    {BODY("--B-x"), SYNTAX},
    {BODY("--B\n" NAMED("a") "\r\nx\r\n--B--"), SYNTAX},
    {BODY("--B \rx"), SYNTAX},
    {BODY("--B\r\n" NAMED("a") "\nx\r\n--B--"), SYNTAX},
    {BODY("--B\r\n\nx\r\n--B--"), SYNTAX},
};

static const struct example headers[] = {
    {HEADER("content-DISPOSITION:form-data;NAME=a\r\n"), X_IN("field <a> <>")},
    {HEADER("Content-Disposition:\t attachment ; name = a b ; x \t\r\n"), X_IN("field <a b> <>")},
    {HEADER("Content-Disposition: form-data;;; name=\"a\"junk; name=\"b\"; filename=\"c\"\r\n"),
     X_IN("file <a> <c> <>")},
    {HEADER(NAMED("") "X: y\r\n"), X_IN("field <> <>")},
    {HEADER(NAMED("a") "Content-Disposition: form-data; name=b; filename=c\r\n"),
     X_IN("field <a> <>")},
    {HEADER("X-Foo: Content-Type: text/html\r\n" NAMED("a")), X_IN("field <a> <>")},
    {HEADER(NAMED("a") "content-type:text/plain; charset=utf-8 \t\r\nContent-Type: b\r\n"),
     X_IN("field <a> <text/plain; charset=utf-8>")},
    {HEADER(NAMED("a") "Content-Type:\r\n"), X_IN("field <a> <>")},
    {HEADER(NAMED("a") "Content-Type: t\xFF\0x\r\n"), X_IN("field <a> <t\xEF\xBF\xBDx>")},

    /* file names */
    {HEADER(FILED("")), X_IN("file <f> <> <>")},
    {HEADER("Content-Disposition: form-data; name=f; filename=\r\n"), X_IN("file <f> <> <>")},
    {HEADER(FILED("a\\\"b.pdf")), X_IN("file <f> <a\"b.pdf> <>")},
    {HEADER(FILED("a%22")), X_IN("file <f> <a\"> <>")},
    {HEADER(FILED("a\\\\b.pdf")), X_IN("file <f> <a\\b.pdf> <>")},
    {HEADER(FILED("C:\\dir\\file.pdf")), X_IN("file <f> <C:\\dir\\file.pdf> <>")},
    {HEADER("Content-Disposition: form-data; name=f; filename=C:\\d\\\\\"f\r\n"),
     X_IN("file <f> <C:\\d\\\\\"f> <>")},
    {HEADER(FILED("a%22b%0D%0a%25%2.pdf%2")), X_IN("file <f> <a\"b\r\n%25%2.pdf%2> <>")},
    {HEADER(FILED("caf\xC3\xA9 \xE2\x82")), X_IN("file <f> <caf\xC3\xA9 \xEF\xBF\xBD> <>")},
    {HEADER(FILED("a\0b")), X_IN("file <f> <ab> <>")},
    {HEADER("Content-Disposition: form-data; filename=\"x name=\"; name=\"f\"\r\n"),
     X_IN("file <f> <x name=> <>")},
    {HEADER("Content-Disposition: form-data; filename=\"x\\\"; name=\\\"y\"; name=\"f\"\r\n"),
     X_IN("file <f> <x\"; name=\"y> <>")},
    {HEADER("Content-Disposition: form-data; name=\"f; filename=\\\"x\r\n"),
     X_IN("field <f; filename=\"x> <>")},
    {HEADER("Content-Disposition: form-data; name=\"f\\\r\n"), X_IN("field <f\\> <>")},
    {HEADER("Content-Disposition: form-data; name=f; xfilename=\"y\"\r\n"), X_IN("field <f> <>")},

    /* filename* */
    {HEADER("Content-Disposition: form-data; name=f; filename=x; "
            "filename*=UTF-8''caf%C3%A9%20%zz%00\r\n"),
     X_IN("file <f> <caf\xC3\xA9 %zz> <>")},
    {HEADER("Content-Disposition: form-data; name=f; FILENAME*=\"utf-8'de'a%2Fb\"; filename=x\r\n"),
     X_IN("file <f> <a/b> <>")},
    {HEADER("Content-Disposition: form-data; name=f; filename*=ISO-8859-1'en'%A3%ff%00%41\r\n"),
     X_IN("file <f> <\xC2\xA3\xC3\xBF"
          "A> <>")},
    {HEADER("Content-Disposition: form-data; name=f; filename*=utf-8''%FF\r\n"),
     X_IN("file <f> <\xEF\xBF\xBD> <>")},
    {HEADER("Content-Disposition: form-data; name=f; filename*=koi8-r''y; filename=x\r\n"),
     X_IN("file <f> <x> <>")},
    {HEADER("Content-Disposition: form-data; name=f; filename*=utf-8'y; filename=x\r\n"),
     X_IN("file <f> <x> <>")},
    {HEADER("Content-Disposition: form-data; name=f; filename*=y\r\n"), X_IN("field <f> <>")},
    {HEADER("Content-Disposition: form-data; name=f; filename*=\r\n"), X_IN("field <f> <>")},
    {HEADER("Content-Disposition: form-data; name=f; filename*=utf-8''\r\n"),
     X_IN("file <f> <> <>")},

    /* refused */
    {HEADER(""), NO_NAME},
    {HEADER("Content-Type: text/plain\r\n"), NO_NAME},
    {HEADER("Content-Disposition:\r\n"), NO_NAME},
    {HEADER("Content-Disposition: form-data\r\n"), NO_NAME},
    {HEADER("Content-Disposition: form-data; name\r\n"), NO_NAME},
    {HEADER("Content-Disposition: form-data; filename=\"name=f\"\r\n"), NO_NAME},
    {HEADER("Content-Disposition: form-data; na\0me=f\r\n"), NO_NAME},
    {HEADER("Content-Disposition: form-data;\r\n name=f\r\n"), SYNTAX},
    {HEADER("no colon\r\n"), SYNTAX},
    {HEADER(": x\r\n"), SYNTAX},
    {HEADER("x\r\n"), SYNTAX},
    {HEADER("X : y\r\n" NAMED("a")), SYNTAX},
    {HEADER("X\0: y\r\n" NAMED("a")), SYNTAX},
    {HEADER("X: a\rb\r\n" NAMED("a")), SYNTAX},
    {HEADER("X: a\rbY: c\r\n" NAMED("a")), SYNTAX},
    {HEADER("X: a\nb\r\n" NAMED("a")), SYNTAX},
    {HEADER(NAMED("a") "\r\r\n"), SYNTAX},
};

static const struct limited_example limits[] = {
    {{1, 1, 0, 8}, {DATA("12345678"), "field <a> <>\n|12345678|\nend\nok\n"}},
    {{1, 1, 0, 8},
     {DATA("123456789"), "field <a> <>\n|12345678|\nsyntax: Part exceeded maximum size of 0KB.\n"}},
    {{1, 1, 0, 8},
     {DATA("1234567\r\n--x"),
      "field <a> <>\n|1234567\r|\nsyntax: Part exceeded maximum size of 0KB.\n"}},
    {{1, 0, 4, 0},
     {BODY("--B\r\n" FILED("x") "\r\n1234\r\n--B--"), "file <f> <x> <>\n|1234|\nend\nok\n"}},
    {{1, 0, 4, 0},
     {BODY("--B\r\n" FILED("x") "\r\n12345\r\n--B--"),
      "file <f> <x> <>\n|1234|\nlimit: A file is larger than 4 bytes (MAX_FILE_BYTES).\n"}},
    {{1, 0, 0, 0},
     {BODY("--B\r\n" FILED("x") "\r\n1\r\n--B--"),
      "file <f> <x> <>\nlimit: A file is larger than 0 bytes (MAX_FILE_BYTES).\n"}},
    {{1, 1, 9, 9},
     {BODY("--B\r\n" NAMED("a") "\r\nx\r\n--B\r\n" FILED("y") "\r\n--B\r\n" NAMED("b") "\r\n--B--"),
      "field <a> <>\n|x|\nend\nfile <f> <y> <>\nend\n"
      "syntax: Too many fields. Maximum number of fields is 1.\n"}},
    {{1, 1, 9, 9},
     {BODY("--B\r\n" FILED("x") "\r\n--B\r\n" NAMED("b") "\r\n--B\r\n" FILED("y") "\r\n\r\n--B--"),
      "file <f> <x> <>\nend\nfield <b> <>\nend\n"
      "syntax: Too many files. Maximum number of files is 1.\n"}},
    {{9, 0, 9, 9}, {DATA("x"), "syntax: Too many fields. Maximum number of fields is 0.\n"}},
};

/* Feeds `body` cut at the first two positions given (or in pieces of one byte); from the heap and
 * exactly as long as it is, so that a read past its end is seen. */
static char *run(const struct body *body, const struct multipart_limits *within, size_t first_cut,
                 size_t piece)
{
    struct trace trace;
    trace_init(&trace);
    struct multipart parser;
    multipart_init(&parser, body->boundary, within, &sink, &trace);
    struct error error = {0};
    enum err err = OK;
    size_t at = 0;
    size_t length = first_cut;
    while (err == OK && at < body->length) {
        if (length > body->length - at)
            length = body->length - at;
        char *const copy = malloc(length + !length);
        assert_non_null(copy);
        memcpy(copy, body->bytes + at, length);
        err = multipart_feed(&parser, copy, length, &error);
        free(copy);
        at += length;
        length = piece;
    }
    struct error finish_error = {0};
    const enum err finished = multipart_finish(&parser, &finish_error);
    if (err != OK) { /* fails for good, always the same way, and calls nothing more */
        const int calls = trace.calls;
        struct error again = {0};
        assert_int_equal(finished, err);
        assert_string_equal(finish_error.detail, error.detail);
        assert_int_equal(multipart_feed(&parser, "", 0, NULL), err);
        assert_int_equal(multipart_feed(&parser, "\r\n--B\r\n", 7, &again), err);
        assert_string_equal(again.detail, error.detail);
        assert_int_equal(parser.state, MULTIPART_FAILED);
        assert_int_equal(trace.calls, calls);
    }
    if (finished == OK)
        trace_print(&trace, "ok\n");
    else
        trace_print(&trace, "%s: %s\n", err_word(finish_error.code), finish_error.detail);
    multipart_clear(&parser);
    size_t ignored;
    return buffer_take(&trace.text, &ignored);
}

static void check(const struct body *body, const struct multipart_limits *within,
                  const char *expected)
{
    struct trace trace;
    trace_init(&trace);
    reference_parse(body, within, &trace);
    assert_string_equal(trace.text.data, expected);
    buffer_clear(&trace.text);

    for (size_t cut = 0; cut <= body->length; cut++) {
        char *const text = run(body, within, cut, body->length);
        assert_string_equal(text, expected);
        free(text);
    }
    for (size_t piece = 1; piece <= 3; piece++) {
        char *const text = run(body, within, piece, piece);
        assert_string_equal(text, expected);
        free(text);
    }
}

static void check_example(const struct example *example, const struct multipart_limits *within)
{
    const struct body body = {example->body, example->length, "B"};
    check(&body, within, example->expected);
}

static void bodies_are_cut_into_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(framing) / sizeof(framing[0]); i++)
        check_example(&framing[i], &roomy);
}

static void headers_are_read_tolerantly_but_not_spoofed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        check_example(&headers[i], &roomy);
}

static void limits_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        check_example(&limits[i].example, &limits[i].limits);
}

/* Bodies that are too long to stand in a table: `count` times `unit` between two other texts. */
static void check_repeated(const char *before, const char *unit, size_t count, const char *after,
                           const char *expected)
{
    struct buffer body;
    buffer_init(&body, 1 << 20);
    assert_int_equal(buffer_puts(&body, before), OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(buffer_puts(&body, unit), OK);
    assert_int_equal(buffer_puts(&body, after), OK);

    const struct body whole = {body.data, body.length, "B"};
    struct trace trace;
    trace_init(&trace);
    reference_parse(&whole, &roomy, &trace);
    const size_t pieces[] = {body.length, 1, 7, 4096};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        char *const text = run(&whole, &roomy, pieces[i], pieces[i]);
        assert_string_equal(text, trace.text.data);
        assert_non_null(strstr(text, expected));
        free(text);
    }
    buffer_clear(&trace.text);
    buffer_clear(&body);
}

static void header_limits_hold_to_the_byte(void **state)
{
    (void)state;
    const char *const end = "\r\n\r\nx\r\n--B--";
    check_repeated("--B\r\n" NAMED("a"), "X: y\r\n", MULTIPART_HEADERS - 1, end + 2, "ok\n");
    check_repeated("--B\r\n" NAMED("a"), "X: y\r\n", MULTIPART_HEADERS, end + 2, SYNTAX);

    const size_t fixed = strlen(NAMED("a") "X:") + 4;
    check_repeated("--B\r\n" NAMED("a") "X:", "y", MULTIPART_HEADER_BYTES - fixed, end, "ok\n");
    check_repeated("--B\r\n" NAMED("a") "X:", "y", MULTIPART_HEADER_BYTES - fixed + 1, end, SYNTAX);

    const char *const name = "--B\r\nContent-Disposition: form-data; name=";
    check_repeated(name, "n", MULTIPART_NAME_BYTES, end, "ok\n");
    check_repeated(name, "n", MULTIPART_NAME_BYTES + 1, end, SYNTAX);
    const char *const file = "--B\r\nContent-Disposition: form-data; name=f; filename=";
    check_repeated(file, "n", MULTIPART_NAME_BYTES, end, "ok\n");
    check_repeated(file, "\xFF", MULTIPART_NAME_BYTES / 3 + 1, end, SYNTAX);
    const char *const star =
        "--B\r\nContent-Disposition: form-data; name=f; filename*=iso-8859-1''";
    check_repeated(star, "%FF", MULTIPART_NAME_BYTES / 2, end, "ok\n");
    check_repeated(star, "%FF", MULTIPART_NAME_BYTES / 2 + 1, end, SYNTAX);
    check_repeated("--B\r\n" NAMED("a") "Content-Type: ", "t", MULTIPART_NAME_BYTES + 1, end,
                   SYNTAX);
}

static void padding_is_limited(void **state)
{
    (void)state;
    const char *const part = "\r\n" NAMED("a") "\r\nx\r\n--B--";
    check_repeated("--B", " ", MULTIPART_PADDING_BYTES, part, "ok\n");
    check_repeated("--B", "\t", MULTIPART_PADDING_BYTES + 1, part, SYNTAX);
    const char *const data = "--B\r\n" NAMED("a") "\r\ny\r\n--B";
    check_repeated(data, " ", MULTIPART_PADDING_BYTES, part, "|y|\nend\nfield");
    check_repeated(data, " ", MULTIPART_PADDING_BYTES + 1, part, "|y\r\n--B   ");
}

static void long_data_comes_through(void **state)
{
    (void)state;
    const char *const start = "--B\r\n" FILED("x") "\r\n";
    const char *const units[] = {"\r",        "\r\n",      "\r\n--",
                                 "\r\n--B x", "\n--B\r\n", "0123456789 a line\r\n"};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        check_repeated(start, units[i], 5000, "!\r\n--B--", "!|\nend\nok\n");
}

static void data_comes_in_one_run_a_feed(void **state)
{
    (void)state;
    struct trace trace;
    trace_init(&trace);
    struct multipart parser;
    multipart_init(&parser, "B", &roomy, &sink, &trace);
    const char *const body =
        "--B\r\n" NAMED("a") "\r\n1\r2\r\n3\r\n--4\r\n--B5\r\n--B \r6\r\n--B--";
    assert_int_equal(multipart_feed(&parser, body, strlen(body), NULL), OK);
    assert_int_equal(trace.calls, 3); /* part, data, end */
    multipart_clear(&parser);
    buffer_clear(&trace.text);
}

static void parts_are_capped(void **state)
{
    (void)state;
    check_repeated("", "--B\r\n" NAMED("a") "\r\nx\r\n", 1000, "--B--",
                   "syntax: Too many fields. Maximum number of fields is 8.\n");
    check_repeated("", "--B\r\n" FILED("a") "\r\nx\r\n", 1000, "--B--",
                   "syntax: Too many files. Maximum number of files is 8.\n");
}

static void a_failing_sink_ends_the_parse(void **state)
{
    (void)state;
    const char *const body =
        "--B\r\n" NAMED("a") "\r\nx\r\n-y\r\n--B\r\n" FILED("x") "\r\nz\r\n--B--";
    const size_t pieces[] = {strlen(body), 1};
    for (size_t i = 0; i < 2; i++) {
        int calls = 0;
        for (int fail_at = 1; fail_at <= (calls ? calls : 1); fail_at++) {
            struct trace trace;
            trace_init(&trace);
            struct multipart parser;
            struct error error = {0};
            multipart_init(&parser, "B", &roomy, &sink, &trace);
            trace.fail_at = calls ? fail_at : 0;
            enum err err = OK;
            for (size_t at = 0; err == OK && at < strlen(body); at += pieces[i])
                err = multipart_feed(&parser, body + at, pieces[i], &error);
            if (calls == 0) {
                assert_int_equal(err, OK);
                assert_int_equal(multipart_finish(&parser, NULL), OK);
                calls = trace.calls;
                assert_in_range(calls, 6, 20);
                fail_at = 0;
            } else {
                assert_int_equal(err, ERR_NO_SPACE);
                assert_int_equal(error.code, ERR_NO_SPACE);
                assert_string_equal(error.detail, "disk full");
                assert_int_equal(multipart_feed(&parser, "x", 1, &error), ERR_NO_SPACE);
                assert_int_equal(multipart_finish(&parser, &error), ERR_NO_SPACE);
                assert_string_equal(error.detail, "disk full");
                assert_int_equal(trace.calls, fail_at);
            }
            multipart_clear(&parser);
            buffer_clear(&trace.text);
        }
    }
}

static enum err fail_silently(void *context, const struct multipart_part *part, struct error *error)
{
    (void)context;
    (void)part;
    (void)error;
    return ERR_IO;
}

static void a_sink_need_not_say_why(void **state)
{
    (void)state;
    const struct multipart_sink silent = {fail_silently, on_data, on_part_end};
    struct multipart parser;
    struct error error = {0};
    multipart_init(&parser, "B", &roomy, &silent, NULL);
    const char *const body = "--B\r\n" NAMED("a") "\r\nx";
    assert_int_equal(multipart_feed(&parser, body, strlen(body), &error), ERR_IO);
    assert_int_equal(error.code, ERR_IO);
    assert_string_equal(error.detail, "");
    multipart_clear(&parser);
}

static void boundaries_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *content_type;
        const char *boundary; /* NULL: missing */
    } examples[] = {
        {"multipart/form-data; boundary=XX", "XX"},
        {"multipart/form-data;boundary=XX; charset=utf-8", "XX"},
        {"multipart/form-data; boundary=XX ;charset=utf-8", "XX"},
        {"Multipart/Form-Data ; charset=utf-8; Boundary=\"X X;y\"; x=y", "X X;y"},
        {"MULTIPART/FORM-DATA; BOUNDARY=XX\t", "XX"},
        {"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
         "----WebKitFormBoundary7MA4YWxkTrZu0gW"},
        {"multipart/form-data; boundary=a=b", "a=b"},
        {"multipart/form-data; boundary=\"'()+_,-./:=?\"", "'()+_,-./:=?"},
        {"multipart/form-data; boundary=\"a\\\"b\"", "a\"b"},
        {"multipart/form-data; boundary=A; boundary=B", "A"},
        {"multipart/form-data; x=\"; boundary=A\"; boundary=B", "B"},
        {"multipart/form-data", NULL},
        {"multipart/form-data;", NULL},
        {"multipart/form-data; boundary", NULL},
        {"multipart/form-data; boundary=", NULL},
        {"multipart/form-data; boundary=\"\"", NULL},
        {"multipart/form-data; boundary=; boundary=B", NULL},
        {"multipart/form-data; xboundary=B", NULL},
        {"multipart/form-data; x=\"; boundary=A\"", NULL},
        {"multipart/form-data; boundary=\"A \"", NULL},
        {"multipart/form-data; boundary=A\r\nB", NULL},
        {"multipart/form-data; boundary=A\r", NULL},
        {"multipart/form-data; boundary=\"A\tB\"", NULL},
        {"multipart/form-data; boundary=A\x7F", NULL},
        {"multipart/mixed; boundary=A", NULL},
        {"text/plain; boundary=A", NULL},
        {"", NULL},
        {"; boundary=A", NULL},
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        char boundary[MULTIPART_BOUNDARY_BYTES + 1] = "untouched";
        struct error error = {0};
        const enum err err = multipart_boundary(examples[i].content_type, boundary, &error);
        assert_int_equal(err, examples[i].boundary ? OK : ERR_SYNTAX);
        assert_string_equal(boundary, examples[i].boundary ? examples[i].boundary : "untouched");
        if (err != OK)
            assert_string_equal(error.detail, "Missing boundary in multipart.");
    }
}

static void boundaries_may_be_long(void **state)
{
    (void)state;
    for (int length = MULTIPART_BOUNDARY_BYTES; length <= MULTIPART_BOUNDARY_BYTES + 1; length++) {
        char type[300], filler[MULTIPART_BOUNDARY_BYTES + 2] = "";
        memset(filler, 'b', (size_t)length);
        snprintf(type, sizeof(type), "multipart/form-data; boundary=%s", filler);
        char boundary[MULTIPART_BOUNDARY_BYTES + 1];
        const bool fits = length == MULTIPART_BOUNDARY_BYTES;
        assert_int_equal(multipart_boundary(type, boundary, NULL), fits ? OK : ERR_SYNTAX);
        if (!fits)
            continue;

        /* Padded to the full as well, so that all the parser can hold back is held back. */
        char text[1024], padding[MULTIPART_PADDING_BYTES + 1] = "";
        memset(padding, ' ', MULTIPART_PADDING_BYTES);
        const int bytes = snprintf(text, sizeof(text),
                                   "--%s\r\n" NAMED("a") "\r\nx\r\n--%s%s\rx\r\n--%s-x\r\n--%s--",
                                   filler, filler, padding, filler, filler);
        char expected[1024];
        snprintf(expected, sizeof(expected), "field <a> <>\n|x\r\n--%s%s\rx\r\n--%s-x|\nend\nok\n",
                 filler, padding, filler);
        const struct body body = {text, (size_t)bytes, boundary};
        check(&body, &roomy, expected);
    }
}

/* Random bodies out of the tokens that matter: the parser and the reference must agree. */
static void random_bodies_agree_with_the_reference(void **state)
{
    (void)state;
    static const char field_head[] = NAMED("a") "\r\n";
    static const char file_head[] = FILED("b") "\r\n";
    static const char line[] = NAMED("c");
    static const char boundary_line[] = "\r\n--B\r\n";
    const char *const tokens[] = {"\r", "\n",     "\r\n",     "-",       "--",         "B",
                                  "x",  " ",      "--B",      "--B--",   "\r\n--B",    "\r\n--B--",
                                  line, line + 1, field_head, file_head, boundary_line};
    const struct multipart_limits tight = {2, 3, 5, 9};
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        struct buffer text;
        buffer_init(&text, 4096);
        assert_int_equal(buffer_printf(&text, "--B\r\n%s", field_head), OK);
        for (int i = 0; i < 12; i++) {
            seed = seed * 1664525 + 1013904223;
            const size_t token = (seed >> 16) % (sizeof(tokens) / sizeof(tokens[0]));
            assert_int_equal(buffer_puts(&text, tokens[token]), OK);
        }
        const struct body body = {text.data, text.length, "B"};
        const struct multipart_limits *const within = round % 2 ? &roomy : &tight;
        struct trace trace;
        trace_init(&trace);
        reference_parse(&body, within, &trace);
        char *const whole = run(&body, within, body.length, body.length);
        char *const bytewise = run(&body, within, 1, 1);
        assert_string_equal(whole, trace.text.data);
        assert_string_equal(bytewise, trace.text.data);
        free(whole);
        free(bytewise);
        buffer_clear(&trace.text);
        buffer_clear(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_cut_into_parts),
        cmocka_unit_test(headers_are_read_tolerantly_but_not_spoofed),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(header_limits_hold_to_the_byte),
        cmocka_unit_test(padding_is_limited),
        cmocka_unit_test(long_data_comes_through),
        cmocka_unit_test(data_comes_in_one_run_a_feed),
        cmocka_unit_test(parts_are_capped),
        cmocka_unit_test(a_failing_sink_ends_the_parse),
        cmocka_unit_test(a_sink_need_not_say_why),
        cmocka_unit_test(boundaries_are_found),
        cmocka_unit_test(boundaries_may_be_long),
        cmocka_unit_test(random_bodies_agree_with_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
