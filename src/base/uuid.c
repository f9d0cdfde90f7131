#include "base/uuid.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum { POOL_BYTES = 4096, RANDOM_BYTES = 10 };

/* getrandom costs as much as the rest of a small request; so many ids share one call. */
static const uint8_t *random_bytes(void)
{
    static uint8_t pool[POOL_BYTES];
    static size_t left;
    if (left < RANDOM_BYTES) {
        size_t have = 0;
        while (have < sizeof(pool)) {
            const ssize_t count = getrandom(pool + have, sizeof(pool) - have, 0);
            if (count > 0)
                have += (size_t)count;
        }
        left = sizeof(pool);
    }
    left -= RANDOM_BYTES;
    return pool + left;
}

void uuid_v7(char out[UUID_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;

    uint8_t id[16];
    for (int i = 0; i < 6; i++)
        id[i] = (uint8_t)(ms >> (40 - 8 * i));
    const uint8_t *random = random_bytes();
    for (int i = 0; i < RANDOM_BYTES; i++)
        id[6 + i] = random[i];
    id[6] = (uint8_t)(0x70 | (id[6] & 0x0F)); /* version */
    id[8] = (uint8_t)(0x80 | (id[8] & 0x3F)); /* variant */

    char *to = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = digits[id[i] >> 4];
        *to++ = digits[id[i] & 0x0F];
    }
    *to = '\0';
}
