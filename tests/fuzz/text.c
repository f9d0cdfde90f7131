/* text.h on any bytes: output is clean, cutting never splits, folding a second time changes
 * nothing. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* `limited` is what a smaller maximum left of `whole`. */
static void check_prefix(const struct buffer *limited, const struct buffer *whole)
{
    assert(limited->length <= limited->max);
    assert(limited->length <= whole->length);
    assert(text_is_clean(limited->data, limited->length));
    assert(limited->length == 0 || memcmp(limited->data, whole->data, limited->length) == 0);
}

static void check_clean(const char *bytes, size_t size)
{
    struct buffer whole, limited;
    buffer_init(&whole, size * 3);
    enum err err = text_clean(bytes, size, &whole);
    assert(err == OK);
    assert(text_is_clean(whole.data, whole.length));
    if (text_is_clean(bytes, size))
        assert(whole.length == size);

    buffer_init(&limited, whole.length / 2);
    err = text_clean(bytes, size, &limited);
    assert(err == (whole.length > limited.max ? ERR_LIMIT : OK));
    check_prefix(&limited, &whole);
    buffer_clear(&limited);
    buffer_clear(&whole);
}

static void check_decode(const char *bytes, size_t size)
{
    struct buffer whole, limited;
    buffer_init(&whole, size * 3 + 3);
    enum err err = text_decode(bytes, size, &whole);
    assert(err == OK || err == ERR_ENCODING);
    if (err)
        assert(whole.length == 0);
    assert(text_is_clean(whole.data, whole.length));
    assert(whole.length == 0 || !memchr(whole.data, '\r', whole.length));

    buffer_init(&limited, whole.length / 2);
    const enum err limited_err = text_decode(bytes, size, &limited);
    assert(err ? limited_err == err : limited_err == (whole.length > limited.max ? ERR_LIMIT : OK));
    check_prefix(&limited, &whole);
    buffer_clear(&limited);
    buffer_clear(&whole);
}

static void check_cut(const char *bytes, size_t size)
{
    const bool clean = text_is_clean(bytes, size);
    size_t at = 0, characters = 0;
    while (at < size) {
        unsigned character;
        const size_t length = text_next(bytes + at, size - at, &character);
        assert(length >= 1 && length <= size - at);
        assert(character <= 0x10FFFF && (character < 0xD800 || character > 0xDFFF));
        if (clean && at < 64) /* from the start each time: not for all of a long text */
            assert(text_cut_characters(bytes, size, characters) == at);
        at += length;
        characters++;
    }
    if (clean)
        assert(text_characters(bytes, size) == characters);
    for (size_t max = 0; max < size && max < 50; max++) {
        const size_t cut = text_cut(bytes, size, max);
        assert(cut <= max && max - cut <= 3);
        if (clean)
            assert(text_is_clean(bytes, cut));
    }
    assert(text_cut(bytes, size, size) == size);
}

static void check_fold(const char *bytes, size_t size)
{
    struct arena arena;
    arena_init(&arena);
    const char *once = text_fold(&arena, bytes, size);
    assert(text_is_clean(once, strlen(once)));
    assert(!strstr(once, "  "));
    assert(once[0] != ' ' && (!*once || once[strlen(once) - 1] != ' '));
    const char *twice = text_fold(&arena, once, strlen(once));
    assert(strcmp(once, twice) == 0);
    arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    check_clean(bytes, size);
    check_decode(bytes, size);
    check_cut(bytes, size);
    check_fold(bytes, size);

    static const char *const words[] = {"PORT", "LOG_LEVEL", "SECRET_KEY", NULL};
    char *string = strndup(bytes, size);
    assert(string);
    (void)text_nearest(string, words);
    assert(text_equal_ignore_case(string, string));
    free(string);
    return 0;
}
