/*
 * Two sweeps: the first makes one text of the pages (preprocess_pages.c), the second drops lines
 * from it (preprocess_lines.c), both in the buffer's own memory. What each of them leaves is
 * something it would not touch again.
 */
#include "model/preprocess.h"

#include <string.h>

#include "base/text.h"
#include "model/preprocess_parts.h"

enum err preprocess(const char *text, size_t length, const atomic_bool *cancel, struct buffer *out)
{
    char *room = buffer_reserve(out, length + 1);
    if (!room)
        return ERR_LIMIT;
    size_t kept;
    enum err err = pages_unite(text, length, cancel, room, &kept);
    if (!err)
        err = lines_drop(room, kept, cancel, &kept);
    if (!err && kept > 0) {
        room[kept++] = '\n';
        out->length += kept;
    }
    out->data[out->length] = '\0';
    return err;
}

/* ---- cutting ---- */

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\t';
}

static bool ends_paragraph(const char *text, size_t length, size_t at)
{
    return at + 1 < length && text[at] == '\n' && text[at + 1] == '\n' && text[at - 1] != '\n';
}

static bool ends_sentence(const char *text, size_t length, size_t at)
{
    if (at >= length || !is_blank(text[at]))
        return false;
    size_t end = at; /* past closing quotes and brackets */
    while (end > 0) {
        if (strchr("\"')]", text[end - 1]))
            end--;
        else if (end > 3 && memcmp(text + end - 3, "\xe2\x80", 2) == 0 &&
                 ((unsigned char)text[end - 1] == 0x99 || (unsigned char)text[end - 1] == 0x9d))
            end -= 3;
        else
            break;
    }
    return end > 0 && strchr(".!?", text[end - 1]);
}

static bool ends_word(const char *text, size_t length, size_t at)
{
    return at < length && is_blank(text[at]) && !is_blank(text[at - 1]);
}

size_t preprocess_cut(const char *text, size_t length, size_t characters_max)
{
    static bool (*const kinds[])(const char *, size_t, size_t) = {ends_paragraph, ends_sentence,
                                                                  ends_word};
    const size_t fits = text_cut_characters(text, length, characters_max);
    if (fits == length)
        return length;
    const size_t least = (fits + 1) / 2;
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++)
        for (size_t at = fits; at >= least && at > 0; at--)
            if (kinds[kind](text, length, at))
                return at;
    return fits;
}
