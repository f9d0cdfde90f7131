/* Tables of tokens and cookies: which are somebody's, and what is wrong with the others. */
#include "api/access_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/api/token_signer.h"

/* 2026-01-01T00:00:00Z, the `exp` of the tokens below. */
enum { EXPIRY_S = 1767225600 };

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static const char key[] = "an old secret of 32 characters!!";

/* Made by another program, with this key: {"sub":"42","exp":1767225600}. */
#define KNOWN_HEADER    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
#define KNOWN_CLAIMS    "eyJzdWIiOiI0MiIsImV4cCI6MTc2NzIyNTYwMH0"
#define KNOWN_SIGNATURE "2zi4N7HtHw8ZYZJlqWvMEfwJ1Ojbsvpmge2OlVQx5ZE"
static const char known[] = KNOWN_HEADER "." KNOWN_CLAIMS "." KNOWN_SIGNATURE;

static enum token_fault read_token(const char *token, int64_t now_s, int *user_id)
{
    *user_id = 77;
    return access_token_read(slice_of(token), key, now_s, user_id);
}

static void check_refused(const char *token, enum token_fault expected)
{
    int user_id;
    assert_int_equal(read_token(token, EXPIRY_S - 1, &user_id), expected);
    assert_int_equal(user_id, 77);
}

static enum token_fault read_signed(const char *header, const char *claims, const EVP_MD *digest,
                                    const char *with, int *user_id)
{
    char token[SIGNED_TOKEN_BYTES];
    sign_token(header, strlen(header), claims, strlen(claims), digest, with, token);
    return read_token(token, EXPIRY_S - 1, user_id);
}

/* --- as issued ----------------------------------------------------------------------------------
 */

static void test_a_token_of_the_old_service(void **state)
{
    (void)state;
    int user_id;
    assert_int_equal(read_token(known, 0, &user_id), TOKEN_VALID);
    assert_int_equal(user_id, 42);
    assert_int_equal(read_token(known, EXPIRY_S - 1, &user_id), TOKEN_VALID);
    assert_int_equal(read_token(known, EXPIRY_S, &user_id), TOKEN_EXPIRED);
    assert_int_equal(user_id, 77);
    assert_int_equal(read_token(known, INT64_MAX, &user_id), TOKEN_EXPIRED);
}

static void test_with_another_key(void **state)
{
    (void)state;
    static const char *const keys[] = {"an old secret of 32 characters!?",
                                       "an old secret of 32 characters!",
                                       "an old secret of 32 characters!! ", "x", ""};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        int user_id = 77;
        assert_int_equal(access_token_read(slice_of(known), keys[i], 0, &user_id), TOKEN_FORGED);
        assert_int_equal(user_id, 77);
    }
}

static void test_each_changed_character_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < strlen(known); i++) {
        char changed[sizeof(known)];
        memcpy(changed, known, sizeof(known));
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        int user_id;
        assert_int_not_equal(read_token(changed, 0, &user_id), TOKEN_VALID);
        assert_int_equal(user_id, 77);
    }
}

static void test_each_shorter_one_is_refused(void **state)
{
    (void)state;
    for (size_t length = 0; length < strlen(known); length++) {
        int user_id = 77;
        assert_int_not_equal(access_token_read((struct slice){known, length}, key, 0, &user_id),
                             TOKEN_VALID);
        assert_int_equal(
            access_token_read((struct slice){known + length + 1, strlen(known) - length - 1}, key,
                              0, &user_id) == TOKEN_VALID,
            false);
        assert_int_equal(user_id, 77);
    }
}

static const struct {
    const char *token;
    enum token_fault fault;
} forms[] = {
    {"", TOKEN_MALFORMED},
    {".", TOKEN_MALFORMED},
    {"..", TOKEN_MALFORMED},
    {"...", TOKEN_MALFORMED},
    {"a.b.c", TOKEN_MALFORMED},
    {KNOWN_HEADER "." KNOWN_CLAIMS, TOKEN_MALFORMED},
    {KNOWN_HEADER "." KNOWN_CLAIMS ".", TOKEN_MALFORMED},
    {KNOWN_HEADER "." KNOWN_CLAIMS "." KNOWN_SIGNATURE ".", TOKEN_MALFORMED},
    {KNOWN_HEADER "." KNOWN_CLAIMS "." KNOWN_SIGNATURE "=", TOKEN_MALFORMED},
    {KNOWN_HEADER "." KNOWN_CLAIMS "." KNOWN_SIGNATURE "A", TOKEN_MALFORMED},
    {KNOWN_HEADER "." KNOWN_CLAIMS "." KNOWN_SIGNATURE " ", TOKEN_MALFORMED},
    {KNOWN_HEADER "." KNOWN_CLAIMS ".." KNOWN_SIGNATURE, TOKEN_MALFORMED},
    {KNOWN_HEADER ".." KNOWN_SIGNATURE, TOKEN_FORGED},
    {"." KNOWN_CLAIMS "." KNOWN_SIGNATURE, TOKEN_FORGED},
    {KNOWN_CLAIMS "." KNOWN_HEADER "." KNOWN_SIGNATURE, TOKEN_FORGED},
    {" " KNOWN_HEADER "." KNOWN_CLAIMS "." KNOWN_SIGNATURE, TOKEN_FORGED},
    {"Bearer " KNOWN_HEADER "." KNOWN_CLAIMS "." KNOWN_SIGNATURE, TOKEN_FORGED},
    {"\xc3\xa9.\xf0\x9f\x98\x80." KNOWN_SIGNATURE, TOKEN_FORGED},
    {KNOWN_HEADER "." KNOWN_CLAIMS ".\xc3\xa9", TOKEN_MALFORMED},
    /* {"alg":"none"} and no signature, as many a library once took it */
    {"eyJhbGciOiJub25lIn0." KNOWN_CLAIMS ".", TOKEN_MALFORMED},
    /* HS512 with our key: its signature has another length */
    {"eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9." KNOWN_CLAIMS
     ".rWox4Ya-k9UxIbnLb21VYt18Gmn1Jh2s2iELEJkcbnDhi-hX9FT2ZvAmECvRqDUXCoUjd_-qf3HW_lgSRvk2qA",
     TOKEN_MALFORMED},
};

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        check_refused(forms[i].token, forms[i].fault);
}

/* --- with a right signature ---------------------------------------------------------------------
 */

static const struct {
    const char *header;
    enum token_fault fault;
} headers[] = {
    {HS256, TOKEN_VALID},
    {"{\"alg\":\"HS256\"}", TOKEN_VALID},
    {"{\"typ\":\"anything\",\"alg\":\"HS256\",\"kid\":\"../key\",\"jku\":\"https://x\"}",
     TOKEN_VALID},
    {"{\"alg\":\"none\"}", TOKEN_ALGORITHM},
    {"{\"alg\":\"None\"}", TOKEN_ALGORITHM},
    {"{\"alg\":\"\"}", TOKEN_ALGORITHM},
    {"{\"alg\":\"hs256\"}", TOKEN_ALGORITHM},
    {"{\"alg\":\"HS256 \"}", TOKEN_ALGORITHM},
    {"{\"alg\":\"HS512\"}", TOKEN_ALGORITHM},
    {"{\"alg\":\"RS256\"}", TOKEN_ALGORITHM},
    {"{\"alg\":\"ES256\"}", TOKEN_ALGORITHM},
    {"{\"alg\":[\"HS256\"]}", TOKEN_ALGORITHM},
    {"{\"alg\":null}", TOKEN_ALGORITHM},
    {"{\"ALG\":\"HS256\"}", TOKEN_ALGORITHM},
    {"{\"alg\":\"HS256\",\"alg\":\"none\"}", TOKEN_ALGORITHM},
    {"{\"typ\":\"JWT\"}", TOKEN_ALGORITHM},
    {"{}", TOKEN_ALGORITHM},
    {"", TOKEN_ALGORITHM},
    {"\"HS256\"", TOKEN_ALGORITHM},
    {"[\"alg\",\"HS256\"]", TOKEN_ALGORITHM},
    {HS256 "x", TOKEN_ALGORITHM},
    {"{\"alg\":\"HS256\"", TOKEN_ALGORITHM},
    {"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", TOKEN_ALGORITHM},
    {"{\"alg\":\"HS256\",\"crit\":[]}", TOKEN_ALGORITHM},
    {"{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}", TOKEN_ALGORITHM},
    {"{\"alg\":\"HS256\",\"x\":\"\xff\"}", TOKEN_ALGORITHM},
};

static void test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        int user_id;
        assert_int_equal(read_signed(headers[i].header, "{\"sub\":\"42\",\"exp\":1767225600}",
                                     EVP_sha256(), key, &user_id),
                         headers[i].fault);
        assert_int_equal(user_id, headers[i].fault == TOKEN_VALID ? 42 : 77);
    }
}

/* Now is a second before 1767225600. */
static const struct {
    const char *claims;
    enum token_fault fault;
    int user_id;
} claims_table[] = {
    {"{\"sub\":\"1\",\"exp\":1767225600}", TOKEN_VALID, 1},
    {"{\"sub\":\"2147483647\",\"exp\":1767225600}", TOKEN_VALID, 2147483647},
    {" {\"exp\" : 1.7672256e9 , \"sub\" : \"7\"} ", TOKEN_VALID, 7},
    {"{\"sub\":\"7\",\"exp\":1767225599.5,\"iat\":9999999999,\"iss\":\"x\"}", TOKEN_VALID, 7},
    {"{\"sub\":\"7\",\"exp\":1767225600,\"nbf\":1767225599}", TOKEN_VALID, 7},
    {"{\"sub\":\"7\",\"exp\":1e300}", TOKEN_VALID, 7},
    /* exp */
    {"{\"sub\":\"7\"}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"7\",\"exp\":null}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"7\",\"exp\":\"1767225600\"}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"7\",\"exp\":true}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"7\",\"EXP\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"7\",\"exp\":1e400}", TOKEN_CLAIMS, 0}, /* no number is infinite */
    {"{\"sub\":\"7\",\"exp\":NaN}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"7\",\"exp\":1767225599}", TOKEN_EXPIRED, 0},
    {"{\"sub\":\"7\",\"exp\":0}", TOKEN_EXPIRED, 0},
    {"{\"sub\":\"7\",\"exp\":-1e300}", TOKEN_EXPIRED, 0},
    {"{\"sub\":\"7\",\"exp\":1767225600,\"exp\":1}", TOKEN_EXPIRED, 0}, /* the last counts */
    /* nbf, aud */
    {"{\"sub\":\"7\",\"exp\":1767225600,\"nbf\":1767225600}", TOKEN_EARLY, 0},
    {"{\"sub\":\"7\",\"exp\":1767225600,\"nbf\":\"0\"}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"7\",\"exp\":1767225600,\"aud\":\"them\"}", TOKEN_AUDIENCE, 0},
    {"{\"sub\":\"7\",\"exp\":1767225600,\"aud\":null}", TOKEN_AUDIENCE, 0},
    /* sub */
    {"{\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":7,\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":null,\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"\",\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"0\",\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"07\",\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"-7\",\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"+7\",\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\" 7\",\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"7 \",\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"7.0\",\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"7e1\",\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"0x7\",\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"\xd9\xa7\",\"exp\":1767225600}", TOKEN_CLAIMS, 0}, /* another script's seven */
    {"{\"sub\":\"2147483648\",\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"4294967297\",\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"18446744073709551617\",\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"dana@example.com\",\"exp\":1767225600}", TOKEN_CLAIMS, 0},
    /* something else */
    {"", TOKEN_CLAIMS, 0},
    {"null", TOKEN_CLAIMS, 0},
    {"[]", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"7\",\"exp\":1767225600}{}", TOKEN_CLAIMS, 0},
    {"{\"sub\":\"7\",\"exp\":1767225600,}", TOKEN_CLAIMS, 0},
};

static void test_claims(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(claims_table) / sizeof(claims_table[0]); i++) {
        int user_id;
        assert_int_equal(read_signed(HS256, claims_table[i].claims, EVP_sha256(), key, &user_id),
                         claims_table[i].fault);
        assert_int_equal(user_id,
                         claims_table[i].fault == TOKEN_VALID ? claims_table[i].user_id : 77);
    }
}

/* A signature of the right length, made otherwise. */
static void test_other_signatures(void **state)
{
    (void)state;
    static const char claims[] = "{\"sub\":\"42\",\"exp\":1767225600}";
    int user_id;
    assert_int_equal(read_signed(HS256, claims, EVP_sha256(), "another key", &user_id),
                     TOKEN_FORGED);
    assert_int_equal(read_signed(HS256, claims, EVP_sha3_256(), key, &user_id), TOKEN_FORGED);
    assert_int_equal(read_signed("{\"alg\":\"RS256\"}", claims, EVP_sha256(), "public", &user_id),
                     TOKEN_FORGED);
    assert_int_equal(read_signed("{\"alg\":\"none\"}", claims, EVP_sha256(), "", &user_id),
                     TOKEN_FORGED);
}

static void test_sizes(void **state)
{
    (void)state;
    char claims[SIGNED_TOKEN_BYTES / 4], token[SIGNED_TOKEN_BYTES];
    size_t longest = 0;
    for (size_t padding = 2800; padding < 3200; padding++) {
        const int length =
            snprintf(claims, sizeof(claims), "{\"sub\":\"42\",\"exp\":1767225600,\"x\":\"%0*d\"}",
                     (int)padding, 0);
        const size_t token_length =
            sign_token(HS256, strlen(HS256), claims, (size_t)length, EVP_sha256(), key, token);
        const bool fits = token_length <= ACCESS_TOKEN_BYTES_MAX;
        int user_id;
        assert_int_equal(read_token(token, 0, &user_id), fits ? TOKEN_VALID : TOKEN_MALFORMED);
        longest = fits ? token_length : longest;
    }
    assert_in_range(longest, ACCESS_TOKEN_BYTES_MAX - 1, ACCESS_TOKEN_BYTES_MAX);

    memset(claims, '[', 2000); /* nested deeper than JSON is read */
    claims[2000] = '\0';
    int user_id;
    assert_int_equal(read_signed(HS256, claims, EVP_sha256(), key, &user_id), TOKEN_CLAIMS);
}

static void test_each_fault_has_a_word(void **state)
{
    (void)state;
    for (enum token_fault i = TOKEN_VALID; i <= TOKEN_AUDIENCE; i++)
        for (enum token_fault j = TOKEN_VALID; j < i; j++)
            assert_string_not_equal(token_fault_word(i), token_fault_word(j));
}

/* --- cookies ------------------------------------------------------------------------------------
 */

static const struct {
    const char *header, *value; /* NULL: none */
} cookies[] = {
    {"access_token=abc", "abc"},
    {"access_token=a.b.c; theme=dark", "a.b.c"},
    {"theme=dark; access_token=abc", "abc"},
    {"theme=dark;access_token=abc", "abc"},
    {"theme=dark;  access_token = abc ;x=y", "abc"},
    {"access_token=\"abc\"", "abc"},
    {"access_token=\"abc", "\"abc"},
    {"access_token=\"", "\""},
    {"access_token=\"\"", ""},
    {"access_token=", ""},
    {"access_token=a=b", "a=b"},
    {"access_token=old; access_token=new", "new"},
    {"access_token=new; access_token=", ""},
    {";;; ;access_token=abc;;", "abc"},
    {"access_token=\xc3\xa9", "\xc3\xa9"},
    /* others */
    {NULL, NULL},
    {"", NULL},
    {"access_token", NULL},
    {"=abc", NULL},
    {"Access_Token=abc", NULL},
    {"access_token2=abc", NULL},
    {"xaccess_token=abc", NULL},
    {"my access_token=abc", NULL},
    {"theme=access_token=abc", NULL},
    {"theme, access_token=abc", NULL},
    {"access_token =", ""},
};

static void test_cookies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cookies) / sizeof(cookies[0]); i++) {
        struct slice value = {"untouched", 9};
        const bool found = cookie_find(cookies[i].header, "access_token", &value);
        assert_int_equal(found, cookies[i].value != NULL);
        assert_true(slice_equal(value, slice_of(found ? cookies[i].value : "untouched")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_of_the_old_service),
        cmocka_unit_test(test_with_another_key),
        cmocka_unit_test(test_each_changed_character_is_noticed),
        cmocka_unit_test(test_each_shorter_one_is_refused),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_other_signatures),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_each_fault_has_a_word),
        cmocka_unit_test(test_cookies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
