/* base64url.h: the vectors of RFC 4648, and what is no such text. */
#include "base/base64url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *text, *bytes;
} decoded[] = {
    {"", ""},           {"Zg", "f"},          {"Zm8", "fo"},          {"Zm9v", "foo"},
    {"Zm9vYg", "foob"}, {"Zm9vYmE", "fooba"}, {"Zm9vYmFy", "foobar"}, {"-_-_", "\xfb\xff\xbf"},
};

static void test_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(decoded) / sizeof(decoded[0]); i++) {
        unsigned char out[8];
        size_t length = 77;
        const size_t expected = strlen(decoded[i].bytes);
        assert_true(
            base64url_decode(decoded[i].text, strlen(decoded[i].text), out, expected, &length));
        assert_int_equal(length, expected);
        assert_memory_equal(out, decoded[i].bytes, length);
        if (expected > 0)
            assert_false(base64url_decode(decoded[i].text, strlen(decoded[i].text), out,
                                          expected - 1, &length));
    }
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "A",    "AAAAA",          /* no bytes have that length */
        "Zh",   "Zm9",   "Zm-",   /* bits behind the last byte */
        "Zg==", "Zm8=",  "Zm9v=", /* padding */
        "Zm9+", "Zm9/",           /* the other alphabet */
        "Zm9 ", " Zm9v", "Zm\n9v", "Zm9\xc3\xa9", "Zm9\x7f",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        unsigned char out[16];
        size_t length = 77;
        assert_false(base64url_decode(texts[i], strlen(texts[i]), out, sizeof(out), &length));
        assert_int_equal(length, 77);
    }
}

/* Of all texts of two characters those stand for a byte whose second has its last four bits clear:
 * each byte has one. */
static void test_each_byte_has_one_text(void **state)
{
    (void)state;
    unsigned times[256] = {0};
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            const char text[] = {(char)first, (char)second};
            unsigned char out;
            size_t length;
            if (base64url_decode(text, 2, &out, 1, &length))
                times[out]++;
        }
    }
    for (size_t i = 0; i < 256; i++)
        assert_int_equal(times[i], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_each_byte_has_one_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
