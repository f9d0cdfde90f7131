/*
 * access_token.h: the cookie `access_token` to the id of a user.
 *
 * The cookie holds a JWT (RFC 7519) signed with HMAC-SHA256 under SECRET_KEY. No other algorithm is
 * ever accepted, whatever the token says of itself, and nothing in a token is looked at before its
 * signature has been found right.
 *
 *     struct slice token;
 *     int user_id;
 *     if (cookie_find(exchange_header(exchange, "Cookie"), "access_token", &token) &&
 *         access_token_read(token, secret_key, time(NULL), &user_id) == TOKEN_VALID)
 *         ...
 *
 * Pure. That a user with that id exists, and is active, is for the database to say.
 */
#ifndef API_ACCESS_TOKEN_H
#define API_ACCESS_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { ACCESS_TOKEN_BYTES_MAX = 4096 /* as much as browsers keep in one cookie */ };

/* What is wrong with a token; in the order in which it is looked at. */
enum token_fault {
    TOKEN_VALID,
    TOKEN_MALFORMED, /* not three parts in base64url, or too long */
    TOKEN_FORGED,    /* not signed with our key */
    TOKEN_ALGORITHM, /* its header does not say HS256, or asks for what we do not know */
    TOKEN_CLAIMS,    /* no JSON object, or it lacks `exp` or a `sub` that is an id */
    TOKEN_EXPIRED,
    TOKEN_EARLY,    /* `nbf` is still to come */
    TOKEN_AUDIENCE, /* it has `aud`, and so is for somebody else: our own have none */
};

/* The stable word, for logs. */
const char *token_fault_word(enum token_fault fault);

/* `now_s` is Unix time; a token has expired at the second that `exp` names. `user_id_out`, from 1
 * to 2^31-1, is set of a valid one only. */
enum token_fault access_token_read(struct slice token, const char *secret_key, int64_t now_s,
                                   int *user_id_out);

/* The value of a cookie in a Cookie header (NULL: there is none), without the quotes that may stand
 * around it. Of several with that name the last, as the old service has it. */
bool cookie_find(const char *header, const char *name, struct slice *out);

#endif
