/* sse.h: each stream is fed whole, byte by byte, and cut in two at every place. */
#include "upstream/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { EVENT_MAX = 64 };

static struct {
    char text[1024]; /* each event's data between [ and ] */
    size_t events, stop_after;
} seen;

static bool on_event(const char *data, size_t length, void *context)
{
    assert_ptr_equal(context, &seen);
    assert_int_equal(data[length], '\0');
    const size_t at = strlen(seen.text);
    snprintf(seen.text + at, sizeof(seen.text) - at, "[%s]", data);
    return ++seen.events != seen.stop_after;
}

/* What is left to read after `first` bytes is fed in pieces of `piece`. */
static enum err read_stream(const char *stream, size_t length, size_t first, size_t piece,
                            bool *done_out)
{
    memset(seen.text, 0, sizeof(seen.text));
    seen.events = 0;
    struct sse_reader reader;
    sse_init(&reader, EVENT_MAX, on_event, &seen);
    enum err err = sse_feed(&reader, stream, first);
    for (size_t at = first; at < length; at += piece)
        err = sse_feed(&reader, stream + at, length - at < piece ? length - at : piece);
    *done_out = reader.done;
    sse_clear(&reader);
    return err;
}

static void check(const char *stream, enum err expected, bool expected_done, const char *events)
{
    const size_t length = strlen(stream);
    for (size_t first = 0; first <= length; first++) {
        bool done;
        assert_int_equal(read_stream(stream, length, first, length, &done), expected);
        assert_int_equal(done, expected_done);
        assert_string_equal(seen.text, events);
    }
    bool done;
    assert_int_equal(read_stream(stream, length, 0, 1, &done), expected);
    assert_int_equal(done, expected_done);
    assert_string_equal(seen.text, events);
}

static void lines_end_in_three_ways(void **state)
{
    (void)state;
    check("data: a\n\ndata: b\n\n", OK, false, "[a][b]");
    check("data: a\r\n\r\ndata: b\r\n\r\n", OK, false, "[a][b]");
    check("data: a\r\rdata: b\r\r", OK, false, "[a][b]");
    check("data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", OK, false, "[a][b][c]");
    check("\n\n\r\n\rdata: a\n\n\n\n", OK, false, "[a]");
}

static void data_lines_are_joined(void **state)
{
    (void)state;
    check("data: a\ndata:b\ndata:  c\n\n", OK, false, "[a\nb\n c]");
    check("data\n\n", OK, false, "[]");
    check("data:\ndata:\n\n", OK, false, "[\n]");
    check("data:x:y\n\n", OK, false, "[x:y]");
}

static void other_lines_are_ignored(void **state)
{
    (void)state;
    check(": ping\n\n: ping\ndata: a\n:\n\n", OK, false, "[a]");
    check("event: error\nid: 7\nretry: 10\ndata: a\nDATA: b\ndatax: c\n\n", OK, false, "[a]");
    check("event: ping\n\n", OK, false, "");
    check("\xEF\xBB\xBF"
          "data: a\n\n\xEF\xBB\xBF"
          "data: b\n\n",
          OK, false, "[a]");
}

static void an_event_that_is_cut_off_is_dropped(void **state)
{
    (void)state;
    check("data: a\n\ndata: b\n", OK, false, "[a]");
    check("data: a\n\ndata: b", OK, false, "[a]");
}

static void done_ends_the_stream(void **state)
{
    (void)state;
    check("data: a\n\ndata: [DONE]\n\ndata: b\n\n", OK, true, "[a]");
    check("data: a\n\ndata:[DONE] \n", OK, true, "[a]");
    check("data: a\n\ndata: [DONE]", OK, false, "[a]");
    check("data: a\ndata: [DONE]\n\n", OK, false, "[a\n[DONE]]");
}

static void size_is_bounded(void **state)
{
    (void)state;
    char stream[256];
    char expected[256];
    char value[EVENT_MAX + 1] = {0};
    memset(value, 'x', EVENT_MAX - 6);
    snprintf(stream, sizeof(stream), "data: %s\n\n", value);
    snprintf(expected, sizeof(expected), "[%s]", value);
    check(stream, OK, false, expected);

    memset(value, 'x', EVENT_MAX - 5);
    snprintf(stream, sizeof(stream), "data: a\n\ndata: %s\n\n", value);
    check(stream, ERR_LIMIT, false, "[a]");

    memset(stream, 0, sizeof(stream));
    for (size_t i = 0; i < 9; i++)
        strcat(stream, "data: 12345678\n"); /* with the LFs between, 80 bytes */
    strcat(stream, "\n");
    check(stream, ERR_LIMIT, false, "");
}

static void the_reader_can_be_stopped(void **state)
{
    (void)state;
    seen.stop_after = 2;
    check("data: a\n\ndata: b\n\ndata: c\n\ndata: [DONE]\n\n", ERR_CANCELLED, false, "[a][b]");
    seen.stop_after = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_in_three_ways),
        cmocka_unit_test(data_lines_are_joined),
        cmocka_unit_test(other_lines_are_ignored),
        cmocka_unit_test(an_event_that_is_cut_off_is_dropped),
        cmocka_unit_test(done_ends_the_stream),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(the_reader_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
