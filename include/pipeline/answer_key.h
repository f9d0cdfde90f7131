/*
 * answer_key.h: everything that shapes an answer to the key that it is kept by: SHA-256 over its
 * parts, each with its length before it, so that no two lists of parts are alike.
 *
 *     struct answer_key key;
 *     answer_key_begin(&key, "image");
 *     answer_key_text(&key, prompt);
 *     answer_key_end(&key);
 *     ... key.digest
 */
#ifndef PIPELINE_ANSWER_KEY_H
#define PIPELINE_ANSWER_KEY_H

#include <openssl/evp.h>

#include "base/cache.h"

struct answer_key {
    EVP_MD_CTX *context;
    unsigned char digest[CACHE_KEY_BYTES];
};

void answer_key_begin(struct answer_key *key, const char *kind);
void answer_key_bytes(struct answer_key *key, const void *bytes, size_t length);
void answer_key_text(struct answer_key *key, const char *text); /* NULL is another than "" */
void answer_key_number(struct answer_key *key, double number);
void answer_key_end(struct answer_key *key);

#endif
