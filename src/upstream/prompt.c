/* One pass over the section: what is filled in is not looked at again. */
#include "upstream/prompt.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"

enum {
    PROMPT_BYTES_MAX = 1 << 20,
    HEADING_BYTES_MAX = 64,
};

/* Where a line "[...]" begins at or after `text`, else the text's end. */
static const char *next_heading(const char *text)
{
    while (*text) {
        const size_t length = strcspn(text, "\n");
        if (length > 2 && text[0] == '[' && text[length - 1] == ']')
            return text;
        text += length + (text[length] == '\n');
    }
    return text;
}

static struct slice find_section(const char *file, const char *name)
{
    char heading[HEADING_BYTES_MAX];
    snprintf(heading, sizeof(heading), "[%s]", name);
    const size_t length = strlen(heading);
    const char *at = next_heading(file);
    while (*at && (strncmp(at, heading, length) != 0 || at[length] != '\n'))
        at = next_heading(at + strcspn(at, "\n"));
    assert(*at);
    const char *begin = at + length;
    return slice_trim((struct slice){begin, (size_t)(next_heading(begin) - begin)});
}

static const char *value_of(const struct prompt_value *values, size_t count, const char *name,
                            size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(values[i].name) == length && memcmp(values[i].name, name, length) == 0)
            return values[i].value;
    return NULL;
}

static void put(struct buffer *out, const char *text, size_t length)
{
    const enum err err = buffer_append(out, text, length);
    assert(err == OK); /* values are cut by whoever made them */
}

char *prompt_text(struct arena *arena, const char *file, const char *section,
                  const struct prompt_value *values, size_t count)
{
    const struct slice text = find_section(file, section);
    struct buffer out;
    buffer_init(&out, PROMPT_BYTES_MAX);
    size_t at = 0;
    while (at < text.length) {
        const char *brace = memchr(text.data + at, '{', text.length - at);
        const size_t plain = brace ? (size_t)(brace - text.data) - at : text.length - at;
        put(&out, text.data + at, plain);
        at += plain;
        if (!brace)
            break;
        const size_t length = strspn(brace + 1, "abcdefghijklmnopqrstuvwxyz_");
        assert(brace[1 + length] == '}');
        const char *value = value_of(values, count, brace + 1, length);
        assert(value);
        put(&out, value, strlen(value));
        at += length + 2;
    }
    char *result = arena_strndup(arena, out.data ? out.data : "", out.length);
    buffer_clear(&out);
    return result;
}
