/* preprocess.h on any text: what comes out is clean, no longer than what went in, and comes out the
 * same once more; what is cut has a size it may have. The first byte says where it is cut. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "model/preprocess.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_twice(const char *text, size_t length)
{
    struct buffer once, twice;
    buffer_init(&once, length + 1);
    enum err err = preprocess(text, length, NULL, &once);
    assert(err == OK);
    assert(text_is_clean(once.data, once.length));
    assert(once.length == 0 || !memchr(once.data, '\f', once.length));

    buffer_init(&twice, once.length + 1);
    err = preprocess(once.data, once.length, NULL, &twice);
    assert(err == OK);
    assert(twice.length == once.length);
    assert(memcmp(twice.data, once.data, once.length) == 0);
    buffer_clear(&twice);
    buffer_clear(&once);
}

static void check_cut(const char *text, size_t length, size_t characters)
{
    const size_t cut = preprocess_cut(text, length, characters);
    const size_t fits = text_cut_characters(text, length, characters);
    assert(cut <= fits);
    assert(cut >= fits / 2);
    assert(fits < length || cut == length);
    assert(text_is_clean(text, cut));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct buffer text;
    buffer_init(&text, size * 3);
    const enum err err = text_clean((const char *)data + 1, size - 1, &text);
    assert(err == OK);
    const char *clean = text.data ? text.data : "";
    check_twice(clean, text.length);
    check_cut(clean, text.length, data[0]);
    buffer_clear(&text);
    return 0;
}
