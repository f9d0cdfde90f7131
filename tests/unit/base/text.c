/* text.h: what comes in is never trusted, what goes out is always clean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

#define UTF8_MARK "\xEF\xBB\xBF"
#define UTF16LE   "\xFF\xFE"
#define UTF16BE   "\xFE\xFF"
#define REPLACED  "\xEF\xBF\xBD" /* U+FFFD */

/* A literal and its length, which NULs in it do not shorten. */
#define BYTES(literal) (literal), sizeof(literal) - 1

static void check_clean(const char *bytes, size_t length, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 4096);
    assert_int_equal(text_clean(bytes, length, &out), OK);
    assert_int_equal(out.length, strlen(expected));
    assert_memory_equal(out.data ? out.data : "", expected, out.length);
    buffer_clear(&out);
}

static void check_decode(const char *bytes, size_t length, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 4096);
    assert_int_equal(text_decode(bytes, length, &out), OK);
    assert_string_equal(out.data ? out.data : "", expected);
    assert_int_equal(out.length, strlen(expected));
    buffer_clear(&out);
}

static void check_binary(const char *bytes, size_t length)
{
    struct buffer out;
    buffer_init(&out, 4096);
    assert_int_equal(text_decode(bytes, length, &out), ERR_ENCODING);
    assert_int_equal(out.length, 0);
    buffer_clear(&out);
}

static void slices_compare_and_trim(void **state)
{
    (void)state;
    assert_true(slice_equal(slice_of("abc"), (struct slice){"abcd", 3}));
    assert_false(slice_equal(slice_of("abc"), slice_of("abd")));
    assert_false(slice_equal(slice_of("abc"), slice_of("abcd")));
    assert_true(slice_equal(slice_of(""), (struct slice){NULL, 0}));
    assert_true(slice_equal(slice_trim(slice_of(" \t\r\n\f\va b \n")), slice_of("a b")));
    assert_int_equal(slice_trim(slice_of(" \n ")).length, 0);
    assert_int_equal(slice_trim((struct slice){NULL, 0}).length, 0);
}

static void clean_is_well_formed_without_nul(void **state)
{
    (void)state;
    assert_true(text_is_clean(NULL, 0));
    assert_true(text_is_clean(BYTES("café 🚲 €")));
    assert_false(text_is_clean(BYTES("a\0b")));
    assert_false(text_is_clean(BYTES("\xC0\x80")));         /* overlong NUL */
    assert_false(text_is_clean(BYTES("\xC1\xBF")));         /* overlong */
    assert_false(text_is_clean(BYTES("\xE0\x80\xAF")));     /* overlong */
    assert_false(text_is_clean(BYTES("\xED\xA0\x80")));     /* surrogate */
    assert_false(text_is_clean(BYTES("\xF4\x90\x80\x80"))); /* past U+10FFFF */
    assert_false(text_is_clean(BYTES("\xF5\x80\x80\x80")));
    assert_false(text_is_clean(BYTES("\x80")));
    assert_false(text_is_clean(BYTES("abc\xE2\x82"))); /* cut short */
    assert_true(text_is_clean(BYTES("\xEF\xBF\xBF"))); /* a noncharacter, but well-formed */
}

static void cleaning_replaces_and_drops(void **state)
{
    (void)state;
    check_clean(NULL, 0, "");
    check_clean(BYTES("plain"), "plain");
    check_clean(BYTES("\0a\0\0b\0"), "ab");
    check_clean(BYTES("a\xFFz"), "a" REPLACED "z");
    check_clean(BYTES("a\xE2\x82z"), "a" REPLACED "z"); /* one sequence, one replacement */
    check_clean(BYTES("caf\xC3\xA9\xC3"), "caf\xC3\xA9" REPLACED);
}

static void cleaning_stops_at_the_limit_between_characters(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 4);
    assert_int_equal(text_clean(BYTES("abcé"), &out), ERR_LIMIT);
    assert_string_equal(out.data, "abc");
    buffer_clear(&out);

    buffer_init(&out, 4);
    assert_int_equal(text_clean(BYTES("abc\xFF"), &out), ERR_LIMIT);
    assert_string_equal(out.data, "abc");
    buffer_clear(&out);

    buffer_init(&out, 5);
    assert_int_equal(text_clean(BYTES("abcé"), &out), OK);
    assert_string_equal(out.data, "abcé");
    buffer_clear(&out);
}

static void decoding_utf8(void **state)
{
    (void)state;
    check_decode(NULL, 0, "");
    check_decode(BYTES(UTF8_MARK), "");
    check_decode(BYTES(UTF8_MARK "café"), "café");
    check_decode(BYTES("a\r\nb\rc\nd\r\r\ne\r"), "a\nb\nc\nd\n\ne\n");
    check_decode(BYTES("\t\v\f\x1B[1m bold"), "\t\v\f\x1B[1m bold");
}

static void decoding_damaged_utf8_keeps_it_utf8(void **state)
{
    (void)state;
    check_decode(BYTES("María É\r\n \xE2\x82"), "María É\n " REPLACED);
    check_decode(BYTES(UTF8_MARK "a\xE9"), "a" REPLACED); /* the mark says so */
}

static void decoding_utf16(void **state)
{
    (void)state;
    check_decode(BYTES(UTF16LE), "");
    check_decode(BYTES(UTF16LE "h\0\xE9\0\r\0\n\0!\0"), "hé\n!");
    check_decode(BYTES(UTF16BE "\0h\0\xE9\0\r\0!"), "hé\n!");
    check_decode(BYTES(UTF16LE "\x3D\xD8\xB2\xDE"), "🚲");        /* a pair */
    check_decode(BYTES(UTF16LE "a\0\x3D\xD8"), "a" REPLACED);    /* half of one */
    check_decode(BYTES(UTF16LE "\x3D\xD8\x61\0"), REPLACED "a"); /* high alone */
    check_decode(BYTES(UTF16LE "\xB2\xDE\x61\0"), REPLACED "a"); /* low alone */
    check_decode(BYTES(UTF16LE "a\0b"), "a" REPLACED);           /* half a unit */
    check_decode(BYTES(UTF16LE "a\0\0\0b\0"), "ab");             /* a NUL */
    check_binary(BYTES("\xFF\xFE\1\0\2\0\3\0\4\0\5\0\6\0"));
}

static void decoding_windows_1252(void **state)
{
    (void)state;
    check_decode(BYTES("caf\xE9 \x93quoted\x94 \x80"), "café “quoted” €");
    check_decode(BYTES("\x81 line\r\nend"), REPLACED " line\nend"); /* unassigned */
}

static void decoding_refuses_binary(void **state)
{
    (void)state;
    check_binary(BYTES("text with a\0NUL"));
    check_binary(BYTES("\1\2\3\4\5 not text"));
    check_decode(BYTES("four\1\2\3\4"), "four\1\2\3\4"); /* a handful is forgiven */

    char large[1000];
    memset(large, 'a', sizeof(large));
    memset(large, 1, 10);
    struct buffer out;
    buffer_init(&out, sizeof(large));
    assert_int_equal(text_decode(large, sizeof(large), &out), OK); /* exactly one in a hundred */
    large[10] = 1;
    assert_int_equal(text_decode(large, sizeof(large), &out), ERR_ENCODING);
    buffer_clear(&out);
}

static void decoding_stops_at_the_limit(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *expected;
    } cases[] = {
        {BYTES("abcé"), "abc"},
        {BYTES("ab\r\ncd"), "ab\nc"},
        {BYTES("abc\xE9"), "abc"},
        {BYTES(UTF16LE "a\0b\0c\0\xE9\0"), "abc"},
        {BYTES("\xC3\xA9\xC3\xA9\xFF"), "éé"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buffer out;
        buffer_init(&out, 4);
        assert_int_equal(text_decode(cases[i].bytes, cases[i].length, &out), ERR_LIMIT);
        assert_string_equal(out.data, cases[i].expected);
        buffer_clear(&out);
    }
}

static void decoding_long_text_crosses_chunks(void **state)
{
    (void)state;
    enum { LENGTH = 20000 };
    char *latin = malloc(LENGTH);
    assert_non_null(latin);
    for (size_t i = 0; i < LENGTH; i++)
        latin[i] = i % 3 ? (char)0xE9 : 'e';
    struct buffer out;
    buffer_init(&out, LENGTH * 2);
    assert_int_equal(text_decode(latin, LENGTH, &out), OK);
    assert_int_equal(text_characters(out.data, out.length), LENGTH);
    assert_true(text_is_clean(out.data, out.length));
    buffer_clear(&out);
    free(latin);
}

static void cutting_never_splits_a_character(void **state)
{
    (void)state;
    const char text[] = "aé€🚲"; /* 1 + 2 + 3 + 4 bytes */
    const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
    for (size_t max = 0; max < sizeof(expected) / sizeof(*expected); max++)
        assert_int_equal(text_cut(text, 10, max), expected[max]);

    const size_t by_characters[] = {0, 1, 3, 6, 10, 10};
    for (size_t n = 0; n < sizeof(by_characters) / sizeof(*by_characters); n++)
        assert_int_equal(text_cut_characters(text, 10, n), by_characters[n]);
    assert_int_equal(text_characters(text, 10), 4);
    assert_int_equal(text_characters(NULL, 0), 0);
}

static void next_walks_characters(void **state)
{
    (void)state;
    const char text[] = "a\xC3\xA9\xF0\x9F\x9A\xB2\xFF";
    const unsigned expected[] = {'a', 0xE9, 0x1F6B2, 0xFFFD};
    size_t at = 0;
    for (size_t i = 0; i < 4; i++) {
        unsigned character = 0;
        at += text_next(text + at, sizeof(text) - 1 - at, &character);
        assert_int_equal(character, expected[i]);
    }
    assert_int_equal(at, sizeof(text) - 1);
    unsigned cut_short = 0;
    assert_int_equal(text_next("\xE2\x82", 2, &cut_short), 1);
    assert_int_equal(cut_short, 0xFFFD);
}

static void folding_makes_spellings_equal(void **state)
{
    (void)state;
    static const struct {
        const char *text, *folded;
    } cases[] = {
        {"", ""},
        {" -- ", ""},
        {"María  O'Brien-Chén", "maria o brien chen"},
        {"MARI\u0301A O’BRIEN CHEN", "maria o brien chen"}, /* decomposed */
        {"O'Brien", "o brien"},
        {"o brien", "o brien"},
        {"Straße", "strasse"},
        {"Søren Łukasz Đuro Ælfred", "soren lukasz duro aelfred"},
        {"İstanbul Dıyarbakır", "istanbul diyarbakir"}, /* dotted, dotless i */
        {"ﬁnance", "finance"},                          /* the fi ligature */
        {"℡ 𝐀", "tel a"},                               /* capitals only after decomposition */
        {"Jo\u00ADhn", "john"},                         /* a soft hyphen */
        {"Σίσυφος", "σισυφοσ"},                         /* final sigma */
        {"山田 3", "山田 3"},                           /* Han stays */
        {"निना", "निना"},                               /* Devanagari keeps its vowels */
        {"bad\xFF é", "bad e"},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *folded = text_fold(&arena, cases[i].text, strlen(cases[i].text));
        assert_string_equal(folded, cases[i].folded);
        assert_string_equal(text_fold(&arena, folded, strlen(folded)), folded);
    }
    arena_clear(&arena);
}

static void ignoring_case(void **state)
{
    (void)state;
    assert_true(text_equal_ignore_case("Content-Type", "content-TYPE"));
    assert_false(text_equal_ignore_case("content", "content-type"));
    assert_false(text_equal_ignore_case("content-type", "content"));
    assert_true(text_equal_ignore_case("", ""));
    assert_false(text_equal_ignore_case("[", "{")); /* 32 apart, but no letters */
}

static void nearest_word(void **state)
{
    (void)state;
    static const char *const words[] = {"PORT", "LOG_LEVEL", "LOG_FORMAT", "SECRET_KEY", NULL};
    assert_string_equal(text_nearest("PROT", words), "PORT"); /* a swap is one edit */
    assert_string_equal(text_nearest("log_levle", words), "LOG_LEVEL");
    assert_string_equal(text_nearest("SECRETKEY", words), "SECRET_KEY");
    assert_null(text_nearest("DATABASE_URL", words));
    assert_null(text_nearest("", words));
    assert_null(text_nearest("XYRT", words)); /* two edits in four letters */

    char huge[300];
    memset(huge, 'A', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    assert_null(text_nearest(huge, words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare_and_trim),
        cmocka_unit_test(clean_is_well_formed_without_nul),
        cmocka_unit_test(cleaning_replaces_and_drops),
        cmocka_unit_test(cleaning_stops_at_the_limit_between_characters),
        cmocka_unit_test(decoding_utf8),
        cmocka_unit_test(decoding_damaged_utf8_keeps_it_utf8),
        cmocka_unit_test(decoding_utf16),
        cmocka_unit_test(decoding_windows_1252),
        cmocka_unit_test(decoding_refuses_binary),
        cmocka_unit_test(decoding_stops_at_the_limit),
        cmocka_unit_test(decoding_long_text_crosses_chunks),
        cmocka_unit_test(cutting_never_splits_a_character),
        cmocka_unit_test(next_walks_characters),
        cmocka_unit_test(folding_makes_spellings_equal),
        cmocka_unit_test(ignoring_case),
        cmocka_unit_test(nearest_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
