#include "upsim/form.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { BOUNDARY_MAX = 70 };

/* "\r\n--" and the boundary of the content type, or "". */
static void read_boundary(const char *content_type, char out[BOUNDARY_MAX + 5])
{
    out[0] = '\0';
    const char *at = content_type ? strcasestr(content_type, "boundary=") : NULL;
    if (!at || strncasecmp(content_type, "multipart/form-data", 19) != 0)
        return;
    at += 9;
    const bool quoted = *at == '"';
    at += quoted;
    const size_t length = strcspn(at, quoted ? "\"" : "; \t");
    if (length > 0 && length <= BOUNDARY_MAX)
        snprintf(out, BOUNDARY_MAX + 5, "\r\n--%.*s", (int)length, at);
}

/* name="value" out of a part's head. */
static bool read_word(const char *head, size_t length, const char *name, char out[FORM_WORD_BYTES])
{
    const char *at = memmem(head, length, name, strlen(name));
    if (!at)
        return false;
    const char *end = head + length;
    at += strlen(name);
    size_t count = 0;
    for (; at < end && *at != '"' && count + 1 < FORM_WORD_BYTES; at++)
        out[count++] = *at;
    for (size_t i = 0; i < count; i++)
        if (out[i] < ' ' || out[i] > '~')
            out[i] = '?';
    out[count] = '\0';
    return true;
}

static bool read_part(struct form *form, const char *at, const char *end)
{
    const char *head_end = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
    if (!head_end || form->count == FORM_PARTS_MAX)
        return false;
    struct form_part *part = &form->parts[form->count++];
    *part = (struct form_part){.bytes = head_end + 4, .length = (size_t)(end - head_end - 4)};
    const size_t head_length = (size_t)(head_end - at);
    part->is_file = read_word(at, head_length, " filename=\"", part->filename);
    return read_word(at, head_length, " name=\"", part->name);
}

bool form_read(struct form *out, const char *content_type, const char *body, size_t length)
{
    char boundary[BOUNDARY_MAX + 5];
    out->count = 0;
    read_boundary(content_type, boundary);
    const size_t boundary_length = strlen(boundary);
    const char *end = body + length;
    if (boundary_length == 0 || length < boundary_length ||
        memcmp(body, boundary + 2, boundary_length - 2) != 0)
        return false;
    const char *at = body + boundary_length - 2;
    while (end - at >= 2 && memcmp(at, "\r\n", 2) == 0) {
        const char *next = memmem(at, (size_t)(end - at), boundary, boundary_length);
        /* A part without bytes has its head's empty line right before the boundary. */
        if (!next || !read_part(out, at, next))
            return false;
        at = next + boundary_length;
    }
    return end - at >= 2 && memcmp(at, "--", 2) == 0;
}

const struct form_part *form_part(const struct form *form, const char *name)
{
    for (size_t i = form->count; i > 0; i--)
        if (strcmp(form->parts[i - 1].name, name) == 0)
            return &form->parts[i - 1];
    return NULL;
}
