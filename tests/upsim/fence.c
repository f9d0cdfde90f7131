#include "upsim/fence.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { ID_MIN = 8, ID_MAX = 128 };

struct mark {
    const char *start, *end;
    const char *id;
    size_t id_length;
};

/* The first mark that begins with `word`, and, if `id` is given, has this id. */
static bool find_mark(const struct options *options, const char *word, const struct mark *like,
                      const char *at, const char *end, struct mark *out)
{
    const size_t word_length = strlen(word), end_length = strlen(options->fence_end);
    /* The first byte of a mark is rare in a text. */
    for (; (at = memchr(at, word[0], (size_t)(end - at))); at++) {
        if ((size_t)(end - at) < word_length || memcmp(at, word, word_length) != 0)
            continue;
        const char *id = at + word_length;
        size_t length = 0;
        while (length <= ID_MAX && id + length < end && isxdigit((unsigned char)id[length]))
            length++;
        const char *after = id + length;
        const bool is_mark = length >= ID_MIN && length <= ID_MAX &&
                             (size_t)(end - after) >= end_length &&
                             memcmp(after, options->fence_end, end_length) == 0;
        if (is_mark && (!like || (like->id_length == length && !memcmp(like->id, id, length)))) {
            *out = (struct mark){at, after + end_length, id, length};
            return true;
        }
    }
    return false;
}

static bool has_mark(const struct options *options, const char *word, const struct mark *like,
                     const char *at, const char *end)
{
    struct mark ignored;
    return find_mark(options, word, like, at, end, &ignored);
}

void fence_check(const struct options *options, const char *prompt, size_t length,
                 struct fence_record *out, const char **text_out, size_t *text_length_out)
{
    const char *end = prompt + length;
    struct mark open, close;
    out->state = FENCE_NONE;
    if (!find_mark(options, options->fence_open, NULL, prompt, end, &open)) {
        if (has_mark(options, options->fence_close, NULL, prompt, end))
            out->state = FENCE_BROKEN;
        return;
    }
    snprintf(out->id, sizeof(out->id), "%.*s", (int)open.id_length, open.id);
    out->state = FENCE_BROKEN;
    if (has_mark(options, options->fence_open, &open, open.end, end) ||
        has_mark(options, options->fence_close, NULL, prompt, open.start) ||
        !find_mark(options, options->fence_close, &open, open.end, end, &close) ||
        has_mark(options, options->fence_close, &open, close.end, end))
        return;
    out->state = FENCE_WHOLE;
    out->bytes = (size_t)(close.start - open.end);
    *text_out = open.end;
    *text_length_out = out->bytes;
    digest_text(open.end, out->bytes, out->sha256);
    if (has_mark(options, options->fence_open, NULL, close.end, end))
        out->state = FENCE_SEVERAL;
}
