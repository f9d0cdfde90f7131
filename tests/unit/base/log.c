/* log.h, read back from a file, a full pipe, or nothing at all in the place of standard error. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/text.h"

static int real_stderr;
static FILE *file;
static char captured[256 * 1024];

static int begin(void **state)
{
    (void)state;
    file = tmpfile();
    real_stderr = dup(STDERR_FILENO);
    return file && dup2(fileno(file), STDERR_FILENO) == STDERR_FILENO ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    log_flush();
    const int restored = dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    fclose(file);
    return restored == STDERR_FILENO ? 0 : -1;
}

/* What was written so far, without a flush. */
static const char *written(void)
{
    const ssize_t n = pread(fileno(file), captured, sizeof(captured) - 1, 0);
    assert_true(n >= 0);
    captured[n] = '\0';
    return captured;
}

static const char *flushed(void)
{
    log_flush();
    return written();
}

/* The line after its time, which is checked for its form. */
static const char *after_time(const char *line)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    for (size_t i = 0; i < sizeof(form) - 1; i++) {
        if (form[i] == 'd')
            assert_in_range(line[i], '0', '9');
        else
            assert_int_equal(line[i], form[i]);
    }
    return line + sizeof(form) - 1;
}

static void text_lines(void **state)
{
    (void)state;
    log_init(LOG_DEBUG, LOG_FORMAT_TEXT);
    log_info("b7", "request", "method=%s status=%d", "GET", 200);
    assert_string_equal(after_time(flushed()), " INFO  request id=b7 method=GET status=200\n");
}

static void text_lines_without_id_or_pairs(void **state)
{
    (void)state;
    log_init(LOG_DEBUG, LOG_FORMAT_TEXT);
    log_debug(NULL, "start", "%s", "");
    assert_string_equal(after_time(flushed()), " DEBUG start\n");
}

static void logfmt_lines(void **state)
{
    (void)state;
    log_init(LOG_DEBUG, LOG_FORMAT_LOGFMT);
    log_warn("", "spool", "detail=%s", log_quote("disk full"));
    const char *line = written();
    assert_memory_equal(line, "time=", 5);
    assert_string_equal(after_time(line + 5), " level=warn event=spool detail=\"disk full\"\n");
}

static void json_lines(void **state)
{
    (void)state;
    log_init(LOG_DEBUG, LOG_FORMAT_JSON);
    log_error("b\"7", "request",
              "path=%s  status=%d took=-1.50 zip=0123 id2=12e5 big=12345678901234567890 dot=1. on "
              "empty= quote=a\"b not=\"\\x\"",
              log_quote("/a b\n\"c\"\\"), 200);
    const char *line = written();
    assert_memory_equal(line, "{\"time\":\"", 9);
    assert_string_equal(after_time(line + 9),
                        "\",\"level\":\"error\",\"event\":\"request\",\"id\":\"b\\\"7\","
                        "\"path\":\"/a b\\n\\\"c\\\"\\\\\",\"status\":200,\"took\":-1.50,"
                        "\"zip\":\"0123\",\"id2\":\"12e5\",\"big\":\"12345678901234567890\","
                        "\"dot\":\"1.\",\"on\":true,\"empty\":\"\",\"quote\":\"a\\\"b\","
                        "\"not\":\"\\\\x\"}\n");
    cJSON *root = cJSON_Parse(line);
    assert_non_null(root);
    cJSON_Delete(root);
}

static void json_lines_stay_json_when_cut(void **state)
{
    (void)state;
    log_init(LOG_DEBUG, LOG_FORMAT_JSON);
    char ugly[300];
    memset(ugly, 1, sizeof(ugly) - 1);
    ugly[sizeof(ugly) - 1] = '\0';
    for (int shift = 0; shift < 8; shift++) { /* cuts an escape at each of its bytes */
        log_info(ugly, "ugly", "%.*sa=%s b=%s", shift, "-------", log_quote(ugly), log_quote(ugly));
        char raw[4000];
        memset(raw, '"', sizeof(raw) - 1);
        raw[sizeof(raw) - 1] = '\0';
        log_info(ugly, "raw", "%s", raw);
    }
    char *save = NULL;
    size_t lines = 0;
    (void)flushed();
    for (char *line = strtok_r(captured, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        cJSON *root = cJSON_ParseWithOpts(line, NULL, true);
        assert_non_null(root);
        cJSON_Delete(root);
        lines++;
    }
    assert_int_equal(lines, 16);
}

static void markers_stand_literally(void **state)
{
    (void)state;
    static const char words[] = "[OPTIMIZED] File processing completed in 12.50s";
    for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
        log_init(LOG_INFO, (enum log_format)format);
        log_marker("b7", "[OPTIMIZED] File processing completed in %.2fs", 12.5);
        assert_non_null(strstr(flushed(), words));
        assert_int_equal(ftruncate(fileno(file), 0), 0);
        assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
    }
    log_init(LOG_INFO, LOG_FORMAT_TEXT);
    log_marker(NULL, "[X] a");
    assert_string_equal(after_time(flushed()), " INFO  [X] a\n");
    log_set_level(LOG_WARN);
    log_marker(NULL, "[X] b");
    assert_null(strstr(flushed(), "[X] b"));
}

static void nothing_forges_a_line(void **state)
{
    (void)state;
    log_init(LOG_INFO, LOG_FORMAT_TEXT);
    log_info("a\nid=c", "request", "path=%s raw=%s", log_quote("/\r\n\x1b[1m"),
             "x\ny\xff\x1b\xc2\x9b");
    assert_string_equal(after_time(flushed()), " INFO  request id=\"a\\nid=c\" "
                                               "path=\"/\\r\\n\\u001b[1m\" raw=x?y????\n");
}

static void levels_hide_what_is_below(void **state)
{
    (void)state;
    log_init(LOG_WARN, LOG_FORMAT_TEXT);
    assert_false(log_enabled(LOG_INFO));
    assert_true(log_enabled(LOG_WARN));
    log_info(NULL, "hidden", "%s", "");
    log_set_level(LOG_DEBUG);
    log_debug(NULL, "shown", "%s", "");
    assert_string_equal(after_time(flushed()), " DEBUG shown\n");
}

static void info_is_gathered_and_warnings_are_not(void **state)
{
    (void)state;
    log_init(LOG_INFO, LOG_FORMAT_TEXT);
    log_info(NULL, "first", "%s", "");
    assert_string_equal(written(), "");
    log_warn(NULL, "second", "%s", "");
    assert_non_null(strstr(written(), "first"));
    assert_non_null(strstr(written(), "second"));
}

static void gathering_has_an_end(void **state)
{
    (void)state;
    log_init(LOG_INFO, LOG_FORMAT_TEXT);
    size_t lines = 0;
    while (*written() == '\0' && lines < 10000) {
        log_info(NULL, "many", "n=%zu", lines);
        lines++;
    }
    assert_in_range(lines, 1000, 3000); /* some 64 KB of them */
}

static void quoting(void **state)
{
    (void)state;
    static const struct {
        const char *value, *quoted;
    } cases[] = {
        {NULL, "\"\""},
        {"", "\"\""},
        {"plain-1.5/x", "plain-1.5/x"},
        {"a b", "\"a b\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"C:\\x", "\"C:\\\\x\""},
        {"tab\tnl\n\x01\x7f", "\"tab\\tnl\\n\\u0001\\u007f\""},
        {"María", "\"María\""},
        {"bad\xff", "\"bad\xEF\xBF\xBD\""},
        {"\xc2\x9b", "\"\\u009b\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(log_quote(cases[i].value), cases[i].quoted);

    char exact[201], longer[300];
    memset(exact, 'a', sizeof(exact) - 1);
    exact[sizeof(exact) - 1] = '\0';
    assert_string_equal(log_quote(exact), exact);
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    const char *cut = log_quote(longer);
    assert_int_equal(strlen(cut), 200 + strlen("\"...\""));
    memset(longer, '\xC3', sizeof(longer) - 1);
    assert_true(text_is_clean(log_quote(longer), strlen(log_quote(longer))));

    const char *first = log_quote("1 1");
    for (int i = 0; i < 7; i++)
        (void)log_quote("2 2");
    assert_string_equal(first, "\"1 1\""); /* eight at once */
}

static void a_closed_stderr_is_no_matter(void **state)
{
    (void)state;
    log_init(LOG_INFO, LOG_FORMAT_TEXT);
    close(STDERR_FILENO);
    errno = ENOENT;
    log_error(NULL, "nobody", "reads=this");
    assert_int_equal(errno, ENOENT);
    assert_int_equal(dup2(fileno(file), STDERR_FILENO), STDERR_FILENO);
    assert_string_equal(flushed(), ""); /* thrown away, not kept */
}

static void a_broken_pipe_is_no_matter(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    log_init(LOG_INFO, LOG_FORMAT_TEXT);
    log_error(NULL, "nobody", "reads=this");
    assert_int_equal(dup2(fileno(file), STDERR_FILENO), STDERR_FILENO);
    assert_string_equal(flushed(), "");
}

/* Reads all that is in the pipe to the end of `captured`. */
static void drain(int fd, size_t *length)
{
    ssize_t n;
    while ((n = read(fd, captured + *length, sizeof(captured) - 1 - *length)) > 0)
        *length += (size_t)n;
    captured[*length] = '\0';
}

static void a_full_pipe_loses_whole_lines_and_says_so(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    log_init(LOG_INFO, LOG_FORMAT_TEXT);
    for (int i = 0; i < 4000; i++)
        log_warn(NULL, "many", "n=%d padding=0123456789", i);

    size_t length = 0;
    for (int i = 0; i < 10; i++) {
        drain(ends[0], &length);
        log_flush();
    }
    log_warn(NULL, "last", "n=1");
    drain(ends[0], &length);
    close(ends[0]);
    close(ends[1]);

    unsigned long lines = 0, lost = 0;
    char *save = NULL;
    for (char *line = strtok_r(captured, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *rest = after_time(line);
        if (strncmp(rest, " WARN  many n=", 14) == 0)
            lines++;
        else if (sscanf(rest, " WARN  log_lost lines=%lu", &lost) != 1)
            assert_string_equal(rest, " WARN  last n=1");
    }
    assert_true(lost > 0);
    assert_int_equal(lines + lost, 4000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(text_lines),
        TEST(text_lines_without_id_or_pairs),
        TEST(logfmt_lines),
        TEST(json_lines),
        TEST(json_lines_stay_json_when_cut),
        TEST(markers_stand_literally),
        TEST(nothing_forges_a_line),
        TEST(levels_hide_what_is_below),
        TEST(info_is_gathered_and_warnings_are_not),
        TEST(gathering_has_an_end),
        TEST(quoting),
        TEST(a_closed_stderr_is_no_matter),
        TEST(a_broken_pipe_is_no_matter),
        TEST(a_full_pipe_loses_whole_lines_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
