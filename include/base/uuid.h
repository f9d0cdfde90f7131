/* uuid.h: time-ordered unique ids (UUID version 7, RFC 9562 5.7). */
#ifndef BASE_UUID_H
#define BASE_UUID_H

enum { UUID_BYTES = 36 /* as text, without the NUL */ };

/* Writes one in lower-case text with its NUL. The loop's thread only: random bytes come from the
 * kernel a page at a time. */
void uuid_v7(char out[UUID_BYTES + 1]);

#endif
