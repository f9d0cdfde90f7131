/*
 * names.h: the names of people in a text, found as a careless reader would: two or three
 * capitalised words in a row, none of which is a title, a place or a firm.
 */
#ifndef UPSIM_NAMES_H
#define UPSIM_NAMES_H

#include <stddef.h>

enum {
    NAMES_MAX = 6,
    NAME_BYTES = 80,
};

struct names {
    char list[NAMES_MAX][NAME_BYTES]; /* the most frequent first */
    size_t count;
};

/* Looks at the first 256 KB. Where it finds none, six invented names are given. */
void names_find(struct names *out, const char *text, size_t length);

#endif
