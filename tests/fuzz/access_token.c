/* access_token.h on any bytes: as a Cookie header, none is ever valid; as header and claims under a
 * right signature, what is accepted says what it has to. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/api/token_signer.h"
#include "api/access_token.h"
#include "base/json.h"

enum { NOW_S = 1767225600, INPUT_BYTES_MAX = 6000 };

static const char key[] = "a key that nothing in the corpus was signed with";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_cookie(const char *header)
{
    struct slice token = {0};
    int user_id = -1;
    if (!cookie_find(header, "access_token", &token))
        return;
    assert(token.data >= header);
    assert(token.data + token.length <= header + strlen(header));
    const enum token_fault fault = access_token_read(token, key, NOW_S, &user_id);
    assert(fault != TOKEN_VALID);
    assert(user_id == -1);
}

static void check_accepted(const char *header, size_t header_length, const char *claims,
                           size_t claims_length, int user_id)
{
    cJSON *json;
    enum err err = json_parse(header, header_length, NULL, &json);
    assert(err == OK);
    assert(strcmp(json_string(json, "alg", ""), "HS256") == 0);
    cJSON_Delete(json);
    err = json_parse(claims, claims_length, NULL, &json);
    assert(err == OK);
    char digits[16];
    snprintf(digits, sizeof(digits), "%d", user_id);
    assert(user_id > 0);
    assert(strcmp(json_string(json, "sub", ""), digits) == 0);
    assert(json_number(json, "exp", 0) > NOW_S);
    cJSON_Delete(json);
}

static void read_signed(const char *header, size_t header_length, const char *claims,
                        size_t claims_length)
{
    char token[SIGNED_TOKEN_BYTES];
    const size_t length =
        sign_token(header, header_length, claims, claims_length, EVP_sha256(), key, token);
    /* A copy of its own, so that reading past its end is seen. */
    char *copy = malloc(length);
    assert(copy);
    memcpy(copy, token, length);
    int user_id = -1;
    const enum token_fault fault =
        access_token_read((struct slice){copy, length}, key, NOW_S, &user_id);
    free(copy);
    assert(fault != TOKEN_FORGED);
    if (fault == TOKEN_VALID)
        check_accepted(header, header_length, claims, claims_length, user_id);
    else
        assert(user_id == -1);
}

/* A line break stands between header and claims; without one it is a Cookie header. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_BYTES_MAX)
        return 0;
    const char *bytes = (const char *)data;
    const char *end = size > 0 ? memchr(bytes, '\n', size) : NULL;
    if (end) {
        const size_t length = (size_t)(end - bytes);
        read_signed(bytes, length, end + 1, size - length - 1);
        return 0;
    }
    char *header = malloc(size + 1);
    assert(header);
    memcpy(header, bytes, size);
    header[size] = '\0';
    read_cookie(header);
    free(header);
    return 0;
}
