/*
 * The signature comes first: whoever has no key reaches nothing but a comparison, and the JSON that
 * is parsed after it was written by whoever has.
 */
#include "api/access_token.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base64url.h"
#include "base/json.h"

enum { DIGEST_BYTES = 32, PART_BYTES_MAX = ACCESS_TOKEN_BYTES_MAX, ID_DIGITS_MAX = 10 };

/* The parts as they stand in the token. */
struct token_parts {
    struct slice header, claims, signature;
    struct slice signed_part; /* the first two, with the dot between them */
};

const char *token_fault_word(enum token_fault fault)
{
    static const char *const words[] = {
        [TOKEN_VALID] = "valid",   [TOKEN_MALFORMED] = "malformed",
        [TOKEN_FORGED] = "forged", [TOKEN_ALGORITHM] = "algorithm",
        [TOKEN_CLAIMS] = "claims", [TOKEN_EXPIRED] = "expired",
        [TOKEN_EARLY] = "early",   [TOKEN_AUDIENCE] = "audience",
    };
    return words[fault];
}

/* --- form and signature -------------------------------------------------------------------------
 */

static bool split(struct slice token, struct token_parts *out)
{
    if (token.length > ACCESS_TOKEN_BYTES_MAX)
        return false;
    const char *end = token.data + token.length;
    const char *first = memchr(token.data, '.', token.length);
    const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (!second)
        return false;
    out->header = (struct slice){token.data, (size_t)(first - token.data)};
    out->claims = (struct slice){first + 1, (size_t)(second - first - 1)};
    out->signature = (struct slice){second + 1, (size_t)(end - second - 1)};
    out->signed_part = (struct slice){token.data, (size_t)(second - token.data)};
    return true;
}

static bool is_signed(const struct token_parts *parts, const unsigned char *signature,
                      const char *secret_key)
{
    unsigned char expected[EVP_MAX_MD_SIZE];
    unsigned length;
    if (!HMAC(EVP_sha256(), secret_key, (int)strlen(secret_key),
              (const unsigned char *)parts->signed_part.data, parts->signed_part.length, expected,
              &length))
        abort(); /* for want of memory */
    assert(length == DIGEST_BYTES);
    return CRYPTO_memcmp(signature, expected, DIGEST_BYTES) == 0;
}

/* --- what it says -------------------------------------------------------------------------------
 */

/* A part that holds a JSON object; the caller deletes it. NULL: it holds something else. */
static cJSON *part_object(struct slice part)
{
    unsigned char bytes[PART_BYTES_MAX];
    size_t length;
    cJSON *json;
    if (!base64url_decode(part.data, part.length, bytes, sizeof(bytes), &length) ||
        json_parse((const char *)bytes, length, NULL, &json) != OK)
        return NULL;
    if (cJSON_IsObject(json))
        return json;
    cJSON_Delete(json);
    return NULL;
}

static bool has(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name) != NULL;
}

/* `crit` lists extensions that have to be understood; we know none. */
static bool is_our_algorithm(struct slice header)
{
    cJSON *json = part_object(header);
    const bool ours =
        json && strcmp(json_string(json, "alg", ""), "HS256") == 0 && !has(json, "crit");
    cJSON_Delete(json);
    return ours;
}

/* Decimal digits, with no zero before them, from 1 to 2^31-1. */
static bool read_id(const char *text, int *out)
{
    const size_t length = strspn(text, "0123456789");
    if (length == 0 || length > ID_DIGITS_MAX || text[length] || text[0] == '0')
        return false;
    const long long id = strtoll(text, NULL, 10);
    if (id > INT_MAX)
        return false;
    *out = (int)id;
    return true;
}

static enum token_fault check_claims(const cJSON *claims, int64_t now_s, int *user_id_out)
{
    const double expiry = json_number(claims, "exp", NAN);
    const double start = json_number(claims, "nbf", has(claims, "nbf") ? NAN : -INFINITY);
    if (isnan(expiry) || isnan(start) || !read_id(json_string(claims, "sub", ""), user_id_out))
        return TOKEN_CLAIMS;
    if (expiry <= (double)now_s)
        return TOKEN_EXPIRED;
    if (start > (double)now_s)
        return TOKEN_EARLY;
    return has(claims, "aud") ? TOKEN_AUDIENCE : TOKEN_VALID;
}

enum token_fault access_token_read(struct slice token, const char *secret_key, int64_t now_s,
                                   int *user_id_out)
{
    assert(secret_key);
    struct token_parts parts;
    unsigned char signature[DIGEST_BYTES];
    size_t length;
    if (!split(token, &parts) ||
        !base64url_decode(parts.signature.data, parts.signature.length, signature,
                          sizeof(signature), &length) ||
        length != DIGEST_BYTES)
        return TOKEN_MALFORMED;
    if (!is_signed(&parts, signature, secret_key))
        return TOKEN_FORGED;
    if (!is_our_algorithm(parts.header))
        return TOKEN_ALGORITHM;
    cJSON *claims = part_object(parts.claims);
    int user_id;
    const enum token_fault fault = claims ? check_claims(claims, now_s, &user_id) : TOKEN_CLAIMS;
    cJSON_Delete(claims);
    if (fault == TOKEN_VALID)
        *user_id_out = user_id;
    return fault;
}

/* --- cookies ------------------------------------------------------------------------------------
 */

static struct slice unquoted(struct slice value)
{
    if (value.length >= 2 && value.data[0] == '"' && value.data[value.length - 1] == '"')
        return (struct slice){value.data + 1, value.length - 2};
    return value;
}

bool cookie_find(const char *header, const char *name, struct slice *out)
{
    bool found = false;
    for (const char *at = header; at && *at;) {
        const size_t length = strcspn(at, ";");
        const char *equals = memchr(at, '=', length);
        if (equals &&
            slice_equal(slice_trim((struct slice){at, (size_t)(equals - at)}), slice_of(name))) {
            const struct slice value = {equals + 1, (size_t)(at + length - equals - 1)};
            *out = unquoted(slice_trim(value));
            found = true;
        }
        at += length;
        at += strspn(at, ";");
    }
    return found;
}
