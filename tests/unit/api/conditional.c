/* Tables of header values: what each means for one picture of 1,000 bytes. */
#include "api/conditional.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Sun, 06 Nov 1994 08:49:37 GMT */
enum { MODIFIED_S = 784111777, SIZE = 1000 };

static const struct representation picture = {"\"3f0c\"", MODIFIED_S, SIZE};

#define MODIFIED "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE   "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER    "Sun, 06 Nov 1994 08:49:38 GMT"

static struct selection select_for(struct conditions conditions)
{
    return conditional_select(&picture, &conditions);
}

/* --- ranges ------------------------------------------------------------------------------------
 */

static const struct {
    const char *range;
    struct selection selection;
} ranges[] = {
    {"bytes=0-0", {206, 0, 1}},
    {"bytes=2-5", {206, 2, 4}},
    {"bytes=2-", {206, 2, 998}},
    {"bytes=0-", {206, 0, 1000}},
    {"bytes=-4", {206, 996, 4}},
    {"bytes=-1000", {206, 0, 1000}},
    {"bytes=-2000", {206, 0, 1000}},
    {"bytes=999-", {206, 999, 1}},
    {"bytes=990-5000", {206, 990, 10}},
    {"bytes=0-999", {206, 0, 1000}},
    {"bytes=0-1000", {206, 0, 1000}},
    {"bytes=0-18446744073709551615", {206, 0, 1000}},
    {"bytes=0-99999999999999999999999999", {206, 0, 1000}},
    {"bytes=-99999999999999999999999999", {206, 0, 1000}},
    {"BYTES=2-5", {206, 2, 4}},
    {" bytes= 2-5 ", {206, 2, 4}},
    /* there are no such bytes */
    {"bytes=1000-", {416, 0, 1000}},
    {"bytes=1000-1000", {416, 0, 1000}},
    {"bytes=99999999999999999999999999-", {416, 0, 1000}},
    {"bytes=-0", {416, 0, 1000}},
    /* several, another unit, or no range at all */
    {"bytes=0-1,5-6", {200, 0, 1000}},
    {"bytes=0-1,", {200, 0, 1000}},
    {"bytes=5-4", {200, 0, 1000}},
    {"bytes=-", {200, 0, 1000}},
    {"bytes=", {200, 0, 1000}},
    {"bytes", {200, 0, 1000}},
    {"", {200, 0, 1000}},
    {"bytes=a-5", {200, 0, 1000}},
    {"bytes=5-a", {200, 0, 1000}},
    {"bytes=5", {200, 0, 1000}},
    {"bytes=+1-5", {200, 0, 1000}},
    {"bytes=1--5", {200, 0, 1000}},
    {"bytes=1 -5", {200, 0, 1000}},
    {"bytes=1-5 x", {200, 0, 1000}},
    {"bytes 1-5", {200, 0, 1000}},
    {"items=1-5", {200, 0, 1000}},
};

static void test_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const struct selection got = select_for((struct conditions){.range = ranges[i].range});
        const struct selection *expected = &ranges[i].selection;
        if (got.status != expected->status || got.offset != expected->offset ||
            got.length != expected->length)
            fail_msg("%s: %d %ju+%ju", ranges[i].range, got.status, (uintmax_t)got.offset,
                     (uintmax_t)got.length);
    }
}

static void test_no_range_of_nothing(void **state)
{
    (void)state;
    const struct representation empty = {"\"0\"", MODIFIED_S, 0};
    static const char *const of_nothing[] = {"bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"};
    for (size_t i = 0; i < sizeof(of_nothing) / sizeof(of_nothing[0]); i++)
        assert_int_equal(
            conditional_select(&empty, &(struct conditions){.range = of_nothing[i]}).status, 416);
}

static const struct {
    const char *if_range;
    int status;
} if_ranges[] = {
    {"\"3f0c\"", 206}, {"\"3f0d\"", 200}, {"W/\"3f0c\"", 200}, /* weak tags do not say that the
                                                                  bytes are the same */
    {MODIFIED, 206},   {BEFORE, 200},     {AFTER, 200},        {"*", 200}, {"3f0c", 200}, {"", 200},
};

static void test_if_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(if_ranges) / sizeof(if_ranges[0]); i++) {
        const struct selection got = select_for(
            (struct conditions){.range = "bytes=2-5", .if_range = if_ranges[i].if_range});
        if (got.status != if_ranges[i].status)
            fail_msg("%s: %d", if_ranges[i].if_range, got.status);
        assert_int_equal(got.length, got.status == 206 ? 4 : SIZE);
    }
    assert_int_equal(select_for((struct conditions){.if_range = "\"3f0c\""}).status, 200);
}

/* --- entity tags -------------------------------------------------------------------------------
 */

static const struct {
    const char *list;
    int none_match, match; /* the status with it as If-None-Match, as If-Match */
} lists[] = {
    {"\"3f0c\"", 304, 200},
    {"W/\"3f0c\"", 304, 412},
    {"\"a\", \"3f0c\"", 304, 200},
    {"\"a\",W/\"b\" ,\t\"3f0c\" , \"c\"", 304, 200},
    {",, \"3f0c\"", 304, 200},
    {"\"a,b\", \"3f0c\"", 304, 200},
    {"*", 304, 200},
    {" * ", 304, 200},
    {"\"3f0\"", 200, 412},
    {"\"3f0c0\"", 200, 412},
    {"\"3F0C\"", 200, 412},
    {"\"a, \"3f0c\"", 200, 412},
    {"3f0c", 200, 412},
    {"\"3f0c", 200, 412},
    {"w/\"3f0c\"", 200, 412},
    {"W/", 200, 412},
    {"\"*\"", 200, 412},
    {"", 200, 412},
};

static void test_lists_of_tags(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const char *list = lists[i].list;
        const int none_match = select_for((struct conditions){.if_none_match = list}).status;
        const int match = select_for((struct conditions){.if_match = list}).status;
        if (none_match != lists[i].none_match || match != lists[i].match)
            fail_msg("%s: %d %d", list, none_match, match);
    }
}

/* --- dates -------------------------------------------------------------------------------------
 */

static void test_dates_of_change(void **state)
{
    (void)state;
    static const struct {
        const char *date;
        int modified_since, unmodified_since;
    } dates[] = {
        {MODIFIED, 304, 200},    {AFTER, 304, 200}, {BEFORE, 200, 412},
        {"yesterday", 200, 200}, {"", 200, 200},
    };
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        const char *date = dates[i].date;
        assert_int_equal(select_for((struct conditions){.if_modified_since = date}).status,
                         dates[i].modified_since);
        assert_int_equal(select_for((struct conditions){.if_unmodified_since = date}).status,
                         dates[i].unmodified_since);
    }
}

static void test_dates_are_written_and_read(void **state)
{
    (void)state;
    static const struct {
        int64_t unix_s;
        const char *text;
    } dates[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {MODIFIED_S, MODIFIED},
        {1709164800, "Thu, 29 Feb 2024 00:00:00 GMT"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    char text[HTTP_DATE_BYTES];
    int64_t unix_s;
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        http_date_format(dates[i].unix_s, text);
        assert_string_equal(text, dates[i].text);
        assert_true(http_date_parse(text, &unix_s));
        assert_int_equal(unix_s, dates[i].unix_s);
    }
    http_date_format(INT64_MIN, text);
    assert_string_equal(text, dates[0].text);
    http_date_format(INT64_MAX, text);
    assert_string_equal(text, dates[3].text);
}

static void test_old_forms_of_dates(void **state)
{
    (void)state;
    static const char *const good[] = {"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
                                       MODIFIED " "};
    static const char *const bad[] = {"06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET",
                                      "Sun, 06 Nov 1994 24:49:37 GMT", MODIFIED "x", "784111777"};
    int64_t unix_s;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(http_date_parse(good[i], &unix_s));
        assert_int_equal(unix_s, MODIFIED_S);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (http_date_parse(bad[i], &unix_s))
            fail_msg("%s", bad[i]);
}

/* --- which of them counts ----------------------------------------------------------------------
 */

static void test_order(void **state)
{
    (void)state;
    /* A tag is better than a date, and what the client has is better than a part of it. */
    assert_int_equal(
        select_for((struct conditions){.if_none_match = "\"other\"", .if_modified_since = MODIFIED})
            .status,
        200);
    assert_int_equal(
        select_for((struct conditions){.if_match = "\"3f0c\"", .if_unmodified_since = BEFORE})
            .status,
        200);
    assert_int_equal(
        select_for((struct conditions){.if_match = "\"other\"", .if_none_match = "\"3f0c\""})
            .status,
        412);
    assert_int_equal(
        select_for((struct conditions){.if_none_match = "\"3f0c\"", .range = "bytes=2000-"}).status,
        304);
    assert_int_equal(
        select_for((struct conditions){.if_none_match = "\"other\"", .range = "bytes=2-5"}).status,
        206);
    assert_int_equal(select_for((struct conditions){0}).status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_no_range_of_nothing),
        cmocka_unit_test(test_if_range),
        cmocka_unit_test(test_lists_of_tags),
        cmocka_unit_test(test_dates_of_change),
        cmocka_unit_test(test_dates_are_written_and_read),
        cmocka_unit_test(test_old_forms_of_dates),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
