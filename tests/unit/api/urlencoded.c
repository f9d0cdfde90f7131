/* Bodies with the fields that each must give, and everything that ends the reading early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/urlencoded.h"
#include "base/buffer.h"

struct fields {
    struct buffer text; /* <name=value> for each */
    int calls;
    int fail_at; /* the call that fails, counted from 1; 0: none does */
};

static enum err on_field(void *context, const char *name, const char *value, struct error *error)
{
    struct fields *fields = context;
    assert_int_equal(buffer_printf(&fields->text, "<%s=%s>", name, value), OK);
    return ++fields->calls == fields->fail_at ? error_set(error, ERR_IO, "full") : OK;
}

/* The body comes from the heap, exactly as long as it is, so that a read past its end is seen. */
static enum err parse(struct fields *fields, const char *body, size_t length, size_t fields_max,
                      struct error *error)
{
    buffer_init(&fields->text, 1 << 20);
    assert_int_equal(buffer_puts(&fields->text, ""), OK);
    char *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, body, length);
    const enum err err = urlencoded_parse(copy, length, fields_max, error, on_field, fields);
    free(copy);
    return err;
}

static void fields_are_decoded(void **state)
{
    (void)state;
#define BODY(literal) (literal), sizeof(literal) - 1
    static const struct {
        const char *body;
        size_t length;
        const char *expected;
    } examples[] = {
        {BODY(""), ""},
        {BODY("&&&"), ""},
        {BODY("a=1"), "<a=1>"},
        {BODY("a=1&b=two+words&c="), "<a=1><b=two words><c=>"},
        {BODY("a=1&a=2&&a&=3&="), "<a=1><a=2><a=><=3><=>"},
        {BODY("a=b=c;d"), "<a=b=c;d>"},
        {BODY("%61%3D%26=%2B%2b+%25"), "<a=&=++ %>"},
        {BODY("a=%&b=%4&c=%4g&d=%%41&e=%x1"), "<a=%><b=%4><c=%4g><d=%A><e=%x1>"},
        {BODY("a=%4&1"), "<a=%4><1=>"},
        {BODY("caf%C3%A9=caf\xC3\xA9"), "<caf\xC3\xA9=caf\xC3\xA9>"},
        {BODY("a=%FFb&\xC3=\0x%00y"), "<a=\xEF\xBF\xBD"
                                      "b><\xEF\xBF\xBD=xy>"},
        {BODY("\xFF\xFF=\xFF\xFF"), "<\xEF\xBF\xBD\xEF\xBF\xBD=\xEF\xBF\xBD\xEF\xBF\xBD>"},
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        struct fields fields = {.fail_at = 0};
        assert_int_equal(parse(&fields, examples[i].body, examples[i].length, 9, NULL), OK);
        assert_string_equal(fields.text.data, examples[i].expected);
        buffer_clear(&fields.text);
    }
}

static void fields_are_limited(void **state)
{
    (void)state;
    struct fields fields = {.fail_at = 0};
    struct error error = {0};
    assert_int_equal(parse(&fields, "a&b&", 4, 2, &error), OK);
    buffer_clear(&fields.text);
    assert_int_equal(parse(&fields, "a&b&&c&d", 8, 2, &error), ERR_SYNTAX);
    assert_int_equal(error.code, ERR_SYNTAX);
    assert_string_equal(error.detail, "Too many fields. Maximum number of fields is 2.");
    assert_string_equal(fields.text.data, "<a=><b=>");
    buffer_clear(&fields.text);
}

static void a_failing_callback_ends_it(void **state)
{
    (void)state;
    struct fields fields = {.fail_at = 2};
    struct error error = {0};
    assert_int_equal(parse(&fields, "a&b&c", 5, 9, &error), ERR_IO);
    assert_string_equal(error.detail, "full");
    assert_string_equal(fields.text.data, "<a=><b=>");
    buffer_clear(&fields.text);
}

static void unescaping_may_be_in_place(void **state)
{
    (void)state;
    char text[] = "%41%00+%7e%";
    const size_t length = urlencoded_unescape(text, strlen(text), text);
    assert_int_equal(length, 5);
    assert_memory_equal(text, "A\0+~%", 5);
    assert_int_equal(urlencoded_unescape("", 0, text), 0);
    assert_int_equal(urlencoded_unescape("%41", 2, text), 2); /* a digit past the end is none */
    assert_memory_equal(text, "%4", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_decoded),
        cmocka_unit_test(fields_are_limited),
        cmocka_unit_test(a_failing_callback_ends_it),
        cmocka_unit_test(unescaping_may_be_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
