/*
 * glibc gives back whole pages only, and each thread keeps some freed blocks of each small size at
 * hand. After a peak these lie strewn all over the heap, and each holds its page. So they are taken
 * out, and freed only after blocks that lie together have taken their places.
 */
#include "base/heap.h"

#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

enum {
    ARENAS_MAX = 2,       /* workers come and go, and each arena keeps its own rest */
    TRIM_BYTES = 2 << 20, /* kept at the heap's end: what one upload after the other needs... */
    MAP_BYTES = 1 << 20,  /* ...and frees: below this, blocks come from there */
    SPARE_EACH = 7,       /* blocks kept at hand of each of 64 sizes... */
    SPARE_STEP = 16,      /* ...so many bytes apart */
    SPARES = 64 * SPARE_EACH,
};

void heap_init(void)
{
    mallopt(M_ARENA_MAX, ARENAS_MAX);
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    mallopt(M_MMAP_THRESHOLD, MAP_BYTES);
}

static void allocate_each(void **spares)
{
    for (size_t i = 0; i < SPARES; i++)
        spares[i] = malloc((i / SPARE_EACH + 1) * SPARE_STEP);
}

static void free_each(void **spares)
{
    for (size_t i = 0; i < SPARES; i++)
        free(spares[i]);
}

void heap_trim(void)
{
    void *strewn[SPARES];
    void *together[SPARES];
    allocate_each(strewn);
    malloc_trim(0); /* joins what is free: the next blocks come from one place */
    allocate_each(together);
    free_each(together);
    free_each(strewn);
    malloc_trim(0);
}
