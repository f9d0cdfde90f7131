/* token_signer.h: tokens as whoever has the key would make them, and as nobody should. */
#ifndef TEST_TOKEN_SIGNER_H
#define TEST_TOKEN_SIGNER_H

#include <assert.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { SIGNED_TOKEN_BYTES = 16 * 1024 };

/* As base64url without padding at `to`, with a NUL; its length. */
static inline size_t encode_base64url(const void *bytes, size_t length, char *to)
{
    size_t count = (size_t)EVP_EncodeBlock((unsigned char *)to, bytes, (int)length);
    while (count > 0 && to[count - 1] == '=')
        count--;
    to[count] = '\0';
    for (size_t i = 0; i < count; i++)
        to[i] = to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i];
    return count;
}

/* `header` and `claims` with the signature of `key` behind them. */
static inline size_t sign_token(const void *header, size_t header_length, const void *claims,
                                size_t claims_length, const EVP_MD *digest, const char *key,
                                char token[SIGNED_TOKEN_BYTES])
{
    assert(header_length + claims_length < SIGNED_TOKEN_BYTES / 2);
    size_t length = encode_base64url(header, header_length, token);
    token[length++] = '.';
    length += encode_base64url(claims, claims_length, token + length);
    unsigned char signature[EVP_MAX_MD_SIZE];
    unsigned signature_length;
    HMAC(digest, key, (int)strlen(key), (const unsigned char *)token, length, signature,
         &signature_length);
    token[length++] = '.';
    return length + encode_base64url(signature, signature_length, token + length);
}

#endif
