/*
 * One HMAC over all texts, however many marks are made of it. Each text goes in with its length
 * before it, so that the same bytes cut differently into documents have other marks. The documents
 * are not searched for the marks: one that had its own in it would be a guess of 128 bits.
 */
#include "upstream/fence.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

enum { DIGEST_BYTES = 32 };

void fence_init(struct fence *fence)
{
    if (RAND_bytes(fence->secret, FENCE_SECRET_BYTES) != 1)
        abort();
}

/* libcrypto fails here only for want of memory. */
static void check(int result)
{
    if (result != 1)
        abort();
}

static EVP_MAC_CTX *hmac_begin(const struct fence *fence)
{
    char hash[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", hash, 0),
                                 OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac); /* takes a reference */
    EVP_MAC_free(hmac);
    if (!mac)
        abort();
    check(EVP_MAC_init(mac, fence->secret, FENCE_SECRET_BYTES, params));
    return mac;
}

static void hmac_number(EVP_MAC_CTX *mac, uint64_t number)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
    check(EVP_MAC_update(mac, bytes, sizeof(bytes)));
}

static void hmac_end(EVP_MAC_CTX *mac, unsigned char out[DIGEST_BYTES])
{
    size_t length;
    check(EVP_MAC_final(mac, out, &length, DIGEST_BYTES));
    assert(length == DIGEST_BYTES);
    EVP_MAC_CTX_free(mac);
}

static void digest_of(const struct fence *fence, const struct slice *texts, size_t count,
                      unsigned char out[DIGEST_BYTES])
{
    EVP_MAC_CTX *mac = hmac_begin(fence);
    for (size_t i = 0; i < count; i++) {
        hmac_number(mac, texts[i].length);
        check(EVP_MAC_update(mac, (const unsigned char *)texts[i].data, texts[i].length));
    }
    hmac_end(mac, out);
}

static void mark_of(const struct fence *fence, const unsigned char digest[DIGEST_BYTES],
                    size_t place, char out[FENCE_MARK_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[DIGEST_BYTES];
    EVP_MAC_CTX *mac = hmac_begin(fence);
    check(EVP_MAC_update(mac, digest, DIGEST_BYTES));
    hmac_number(mac, place);
    hmac_end(mac, bytes);
    for (size_t i = 0; i < FENCE_MARK_BYTES / 2; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[FENCE_MARK_BYTES] = '\0';
}

void fence_marks(const struct fence *fence, const struct slice *texts, size_t count,
                 char out[][FENCE_MARK_BYTES + 1])
{
    unsigned char digest[DIGEST_BYTES];
    digest_of(fence, texts, count, digest);
    for (size_t i = 0; i < count; i++)
        mark_of(fence, digest, i, out[i]);
}
