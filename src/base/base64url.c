/* libcrypto's decoder has the other alphabet, skips blanks and wants padding. */
#include "base/base64url.h"

enum { SEXTET_BITS = 6, BYTE_BITS = 8 };

static int sextet_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool base64url_decode(const char *text, size_t length, unsigned char *out, size_t max,
                      size_t *length_out)
{
    unsigned bits = 0, bit_count = 0; /* read, and not yet written */
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        const int sextet = sextet_of(text[i]);
        if (sextet < 0)
            return false;
        bits = bits << SEXTET_BITS | (unsigned)sextet;
        bit_count += SEXTET_BITS;
        if (bit_count < BYTE_BITS)
            continue;
        if (count == max)
            return false;
        bit_count -= BYTE_BITS;
        out[count++] = (unsigned char)(bits >> bit_count);
        bits &= (1u << bit_count) - 1;
    }
    if (bits != 0 || bit_count == SEXTET_BITS)
        return false;
    *length_out = count;
    return true;
}
