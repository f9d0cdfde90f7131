/* form.h: the parts of a multipart/form-data body that is wholly there. */
#ifndef UPSIM_FORM_H
#define UPSIM_FORM_H

#include <stdbool.h>
#include <stddef.h>

enum { FORM_PARTS_MAX = 64, FORM_WORD_BYTES = 128 };

struct form_part {
    char name[FORM_WORD_BYTES];
    char filename[FORM_WORD_BYTES]; /* bytes that are not printable ASCII are '?' */
    bool is_file;                   /* it has a filename */
    const char *bytes;              /* in the body */
    size_t length;
};

struct form {
    struct form_part parts[FORM_PARTS_MAX];
    size_t count;
};

/* False when it is no form, or one that ends before its last boundary. */
bool form_read(struct form *out, const char *content_type, const char *body, size_t length);

/* The last part with this name, or NULL. */
const struct form_part *form_part(const struct form *form, const char *name);

#endif
