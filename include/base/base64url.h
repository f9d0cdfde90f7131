/* base64url.h: base64 with the alphabet for URLs and no padding (RFC 4648, 5), as tokens have it.
 */
#ifndef BASE_BASE64URL_H
#define BASE_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

/* False: another character than the 64, a length that no bytes have,
 * bits set behind the last byte, or more than `max` bytes. So each sequence of bytes has one text
 * only. */
bool base64url_decode(const char *text, size_t length, unsigned char *out, size_t max,
                      size_t *length_out);

#endif
