/* json.h: what is refused and where, what is read, and that printing is the inverse of parsing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/json_scan.h"

static cJSON *parsed(const char *json)
{
    cJSON *root = NULL;
    assert_int_equal(json_parse(json, strlen(json), NULL, &root), OK);
    assert_non_null(root);
    return root;
}

static void check_refused(const char *json, size_t length, enum err err, const char *reason,
                          size_t offset)
{
    cJSON *root = NULL;
    struct json_fault fault = {.reason = "not set"};
    assert_int_equal(json_parse(json, length, &fault, &root), err);
    assert_null(root);
    assert_string_equal(fault.reason, reason);
    assert_int_equal(fault.offset, offset);
    assert_int_equal(json_parse(json, length, NULL, &root), err);
}

/* Parses, prints, and compares with `expected`. */
static void check_printed(const char *json, const char *expected)
{
    cJSON *root = parsed(json);
    struct buffer out;
    buffer_init(&out, 1u << 20);
    assert_int_equal(json_print(root, &out), OK);
    assert_string_equal(out.data, expected);
    buffer_clear(&out);
    cJSON_Delete(root);
}

/* Message and position are those of Python 3.11's json.loads. */
static void faults_are_those_of_python(void **state)
{
    (void)state;
    static const struct {
        const char *json, *reason;
        size_t offset;
    } cases[] = {
        {"", "Expecting value", 0},
        {"  ", "Expecting value", 2},
        {"{\"a\":", "Expecting value", 5},
        {"{bad}", "Expecting property name enclosed in double quotes", 1},
        {"{", "Expecting property name enclosed in double quotes", 1},
        {"{,}", "Expecting property name enclosed in double quotes", 1},
        {"{'a':1}", "Expecting property name enclosed in double quotes", 1},
        {"{1:2}", "Expecting property name enclosed in double quotes", 1},
        {"{\"a\":1,}", "Expecting property name enclosed in double quotes", 7},
        {"{\"a\":1,  }", "Expecting property name enclosed in double quotes", 9},
        {"{\"a\":1 , b", "Expecting property name enclosed in double quotes", 9},
        {"{\"a\":1,2}", "Expecting property name enclosed in double quotes", 7},
        {"{\"a\"", "Expecting ':' delimiter", 4},
        {"{\"a\" 1}", "Expecting ':' delimiter", 5},
        {"{\"a\":1", "Expecting ',' delimiter", 6},
        {"{\"a\":1 \"b\":2}", "Expecting ',' delimiter", 7},
        {"{\"a\":nul}", "Expecting value", 5},
        {"[", "Expecting value", 1},
        {"[,]", "Expecting value", 1},
        {"[1,", "Expecting value", 3},
        {"[1,]", "Expecting value", 3},
        {"[1,  ]", "Expecting value", 5},
        {"[1", "Expecting ',' delimiter", 2},
        {"[1 2]", "Expecting ',' delimiter", 3},
        {"\t\n [1,\n x]", "Expecting value", 8},
        {"tru", "Expecting value", 0},
        {"nulll", "Extra data", 4},
        {"1 2", "Extra data", 2},
        {"{} x", "Extra data", 3},
        {"[1]]", "Extra data", 3},
        {"01", "Extra data", 1},
        {"[01]", "Expecting ',' delimiter", 2},
        {"1.", "Extra data", 1},
        {"[1.]", "Expecting ',' delimiter", 2},
        {"1e", "Extra data", 1},
        {"1e+", "Extra data", 1},
        {"[1e5x]", "Expecting ',' delimiter", 4},
        {"-", "Expecting value", 0},
        {"[-]", "Expecting value", 1},
        {"-x", "Expecting value", 0},
        {".5", "Expecting value", 0},
        {"+1", "Expecting value", 0},
        {"\"ab", "Unterminated string starting at", 0},
        {"[\"ab\\", "Unterminated string starting at", 1},
        {"\"a\001b\"", "Invalid control character at", 2},
        {"\"a\nb", "Invalid control character at", 2},
        {"\"\\q\"", "Invalid \\escape", 1},
        {"\"\\ud800\\q\"", "Invalid \\escape", 7},
        {"\"\\u", "Invalid \\uXXXX escape", 2},
        {"\"\\u12", "Invalid \\uXXXX escape", 2},
        {"[\"\\u12G4\"]", "Invalid \\uXXXX escape", 3},
        {"\"\\ud800\\u12\"", "Invalid \\uXXXX escape", 8},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_refused(cases[i].json, strlen(cases[i].json), ERR_SYNTAX, cases[i].reason,
                      cases[i].offset);
}

static void what_python_takes_and_we_refuse(void **state)
{
    (void)state;
    check_refused("[NaN]", 5, ERR_SYNTAX, "Expecting value", 1);
    check_refused("-Infinity", 9, ERR_SYNTAX, "Expecting value", 0);
    check_refused("[1e400]", 7, ERR_RANGE, "Number out of range", 1);
    check_refused("-1E+400", 7, ERR_RANGE, "Number out of range", 0);
}

static void bytes_that_are_no_text(void **state)
{
    (void)state;
    check_refused(NULL, 0, ERR_SYNTAX, "Expecting value", 0);
    check_refused("[\"a\xFF\"]", 6, ERR_ENCODING, "Invalid UTF-8", 3);
    check_refused("\"\xED\xA0\x80\"", 5, ERR_ENCODING, "Invalid UTF-8", 1);
    check_refused("[1]\0", 4, ERR_SYNTAX, "Extra data", 3);
    check_refused("\"a\0b\"", 5, ERR_SYNTAX, "Invalid control character at", 2);
    check_refused("\302\2401", 3, ERR_SYNTAX, "Expecting value", 0); /* no-break space */
    check_refused("\f1", 2, ERR_SYNTAX, "Expecting value", 0);
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    check_printed("\xEF\xBB\xBF[1]", "[1]");
    check_refused("\xEF\xBB\xBF[1", 5, ERR_SYNTAX, "Expecting ',' delimiter", 5);
    check_refused("\xEF\xBB\xBF", 3, ERR_SYNTAX, "Expecting value", 3);
    check_refused("[\xEF\xBB\xBF]", 5, ERR_SYNTAX, "Expecting value", 1);
}

static void reads_only_its_own_bytes(void **state)
{
    (void)state;
    cJSON *root = NULL;
    char *exact = malloc(4); /* so that AddressSanitizer sees a byte too far */
    assert_non_null(exact);
    memcpy(exact, "1234", 4);
    assert_int_equal(json_parse(exact, 4, NULL, &root), OK);
    assert_true(root->valuedouble == 1234);
    cJSON_Delete(root);
    memcpy(exact, "null", 4);
    assert_int_equal(json_parse(exact, 4, NULL, &root), OK);
    cJSON_Delete(root);
    memcpy(exact, "\"\\u0", 4);
    check_refused(exact, 4, ERR_SYNTAX, "Invalid \\uXXXX escape", 2);
    free(exact);
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    char deep[2 * (JSON_DEPTH_MAX + 1) + 1];
    memset(deep, '[', JSON_DEPTH_MAX);
    memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    deep[2 * JSON_DEPTH_MAX] = '\0';
    check_printed(deep, deep);

    memset(deep, '[', JSON_DEPTH_MAX + 1);
    memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    check_refused(deep, sizeof(deep) - 1, ERR_LIMIT, "Nested too deeply", JSON_DEPTH_MAX);
}

static void values_have_a_limit(void **state)
{
    (void)state;
    const size_t length = 2 * JSON_VALUES_MAX + 1;
    char *many = malloc(length); /* the array is a value as well: one too many */
    assert_non_null(many);
    for (size_t i = 0; i < length; i++)
        many[i] = i % 2 ? '1' : ',';
    many[0] = '[';
    many[length - 1] = ']';
    check_refused(many, length, ERR_LIMIT, "Too many values", length - 2);
    many[length - 3] = ']';
    cJSON *root = NULL;
    assert_int_equal(json_parse(many, length - 2, NULL, &root), OK);
    cJSON_Delete(root);
    free(many);
    assert_int_equal(json_parse_up_to("[1,{\"a\":2}]", 11, 4, NULL, &root), OK);
    cJSON_Delete(root);
    assert_int_equal(json_parse_up_to("[1,{\"a\":2}]", 11, 3, NULL, &root), ERR_LIMIT);
}

static void numbers_have_a_length(void **state)
{
    (void)state;
    char digits[65];
    memset(digits, '1', 64);
    digits[64] = '\0';
    check_refused(digits, 64, ERR_RANGE, "Number too long", 0);
    cJSON *root = NULL;
    assert_int_equal(json_parse(digits, 63, NULL, &root), OK);
    assert_true(root->valuedouble > 1.1e62 && root->valuedouble < 1.2e62);
    cJSON_Delete(root);
}

static void escapes_are_repaired(void **state)
{
    (void)state;
    check_printed("\"a\\u0000b\"", "\"ab\"");
    check_printed("{\"\\u0000k\":\"\\u0000\"}", "{\"k\":\"\"}");
    check_printed("\"\\ud83d\\udeb2\"", "\"🚲\"");        /* a pair stays */
    check_printed("\"\\u0000\\uD83D\\uDEB2\"", "\"🚲\""); /* also in a repaired copy */
    check_printed("\"\\ud83d\"", "\"\xEF\xBF\xBD\"");    /* high alone */
    check_printed("\"\\ud83dx\\udeb2\"", "\"\xEF\xBF\xBDx\xEF\xBF\xBD\""); /* low alone */
    check_printed("\"\\ud83d\\ud83d\\udeb2\"", "\"\xEF\xBF\xBD🚲\"");
    check_printed("\"\\\\u0000\\u0000\"", "\"\\\\u0000\""); /* an escaped backslash, then u0000 */
    check_printed("\"\\\\ud800\\ud800\"", "\"\\\\ud800\xEF\xBF\xBD\"");
}

static void printing(void **state)
{
    (void)state;
    check_printed(" { \"a\" : [ 1 , true , false , null , \"x\" , { } , [ ] ] } ",
                  "{\"a\":[1,true,false,null,\"x\",{},[]]}");
    check_printed("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u001f\\u007f é\"",
                  "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u001f\x7f é\"");
    check_printed("[0,-0,1.0,1e3,-17,9007199254740992]", "[0,0,1,1000,-17,9007199254740992]");
    check_printed("[0.1,0.30000000000000004,1e-7,1e22,1e300,2.5,-0.5,1e-400]",
                  "[0.1,0.30000000000000004,1e-07,1e+22,1e+300,2.5,-0.5,0]");
    check_printed("[1e18,-1234567890123456789,9223372036854775807]",
                  "[1000000000000000000,-1234567890123456768,9.223372036854776e+18]");
    check_printed("5e-324", "4.94065645841247e-324");
    check_printed("1.7976931348623157e308", "1.7976931348623157e+308");
}

static void printing_is_all_or_nothing(void **state)
{
    (void)state;
    static const char json[] = "{\"name\":[\"va\\nlue\",1.5,null,true,{\"x\":[]}]}";
    cJSON *root = parsed(json);
    struct buffer out;
    const size_t before = 3;
    for (size_t max = before; max < before + sizeof(json); max++) {
        buffer_init(&out, max);
        assert_int_equal(buffer_puts(&out, "pre"), OK);
        const enum err expected = max < before + sizeof(json) - 1 ? ERR_LIMIT : OK;
        assert_int_equal(json_print(root, &out), expected);
        assert_int_equal(out.length, expected ? before : max);
        assert_string_equal(out.data + before, expected ? "" : json);
        buffer_clear(&out);
    }
    cJSON_Delete(root);

    buffer_init(&out, 3);
    assert_int_equal(json_print_string(&out, "ab", 2), ERR_LIMIT);
    assert_int_equal(out.length, 0);
    assert_int_equal(json_print_string(&out, "a", 1), OK);
    assert_string_equal(out.data, "\"a\"");
    buffer_clear(&out);
}

static void printing_has_a_depth(void **state)
{
    (void)state;
    cJSON *root = json_new_array();
    cJSON *innermost = root;
    for (int i = 1; i < 2 * JSON_DEPTH_MAX; i++) {
        cJSON *array = json_new_array();
        json_append(innermost, array);
        innermost = array;
    }
    struct buffer out;
    buffer_init(&out, 4096);
    assert_int_equal(json_print(root, &out), OK);
    assert_int_equal(out.length, 4 * JSON_DEPTH_MAX);
    json_append(innermost, json_new_array());
    assert_int_equal(json_print(root, &out), ERR_LIMIT);
    assert_int_equal(out.length, 4 * JSON_DEPTH_MAX);
    buffer_clear(&out);
    cJSON_Delete(root);
}

static void printing_strings(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 100);
    assert_int_equal(json_print_string(&out, NULL, 0), OK);
    assert_int_equal(json_print_string(&out, "a\0\"b", 4), OK);
    assert_string_equal(out.data, "\"\"\"a\\u0000\\\"b\"");
    buffer_clear(&out);
}

/* Eight bytes are looked at together: each byte at each place, among such as have few bits and such
 * as have all. */
static void what_stands_for_itself(void **state)
{
    (void)state;
    static const char among[] = {' ', 'a', '\x80', '\xFF'};
    char text[19];
    for (size_t i = 0; i < sizeof(among); i++)
        for (int c = 0; c <= 0xFF; c++)
            for (size_t at = 0; at < sizeof(text); at++) {
                memset(text, among[i], sizeof(text));
                text[at] = (char)c;
                const bool plain = c >= 0x20 && c != '"' && c != '\\';
                assert_int_equal(json_plain_prefix(text, sizeof(text)), plain ? sizeof(text) : at);
            }
    assert_int_equal(json_plain_prefix("\x1f\"\x1f\"\x1f\"\x1f\"", 8), 0);
}

static void getters(void **state)
{
    (void)state;
    cJSON *root = parsed("{\"s\":\"x\",\"n\":1.5,\"t\":true,\"f\":false,\"a\":[1],\"S\":\"y\","
                         "\"twice\":1,\"twice\":2,\"z\":null}");
    assert_string_equal(json_string(root, "s", "-"), "x");
    assert_string_equal(json_string(root, "S", "-"), "y");
    assert_string_equal(json_string(root, "n", "-"), "-");
    assert_string_equal(json_string(root, "absent", "-"), "-");
    assert_null(json_string(root, "z", NULL));
    assert_true(json_number(root, "n", 7) == 1.5);
    assert_true(json_number(root, "N", 7) == 7);
    assert_true(json_number(root, "s", 7) == 7);
    assert_true(json_number(root, "twice", 7) == 2);
    assert_true(json_bool(root, "t", false));
    assert_false(json_bool(root, "f", true));
    assert_true(json_bool(root, "n", true));
    assert_non_null(json_array(root, "a"));
    assert_null(json_array(root, "s"));
    assert_null(json_array(NULL, "a"));
    assert_true(json_number(json_array(root, "a"), "x", 7) == 7); /* not an object */
    cJSON_Delete(root);
}

static void adding(void **state)
{
    (void)state;
    cJSON *root = json_new_object();
    json_add_string(root, "s", "x");
    json_add_number(root, "n", 3);
    json_add_bool(root, "b", true);
    json_add_null(root, "z");
    json_add_number(json_add_object(root, "o"), "in", 1);
    cJSON *array = json_add_array(root, "a");
    json_append_string(array, "one");
    json_append(array, json_new_object());
    json_add(root, "last", json_new_array());

    struct buffer out;
    buffer_init(&out, 4096);
    assert_int_equal(json_print(root, &out), OK);
    assert_string_equal(out.data, "{\"s\":\"x\",\"n\":3,\"b\":true,\"z\":null,\"o\":{\"in\":1},"
                                  "\"a\":[\"one\",{}],\"last\":[]}");
    buffer_clear(&out);
    cJSON_Delete(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_those_of_python),
        cmocka_unit_test(what_python_takes_and_we_refuse),
        cmocka_unit_test(bytes_that_are_no_text),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(reads_only_its_own_bytes),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(values_have_a_limit),
        cmocka_unit_test(numbers_have_a_length),
        cmocka_unit_test(escapes_are_repaired),
        cmocka_unit_test(printing),
        cmocka_unit_test(printing_is_all_or_nothing),
        cmocka_unit_test(printing_has_a_depth),
        cmocka_unit_test(printing_strings),
        cmocka_unit_test(what_stands_for_itself),
        cmocka_unit_test(getters),
        cmocka_unit_test(adding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
