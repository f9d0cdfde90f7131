/* json.h on any bytes: what is accepted prints, and what was printed reads and prints the same. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const cJSON *value, struct buffer *out, size_t max)
{
    buffer_init(out, max);
    const enum err err = json_print(value, out);
    assert(err == OK);
    assert(text_is_clean(out->data, out->length));
}

static void check_accepted(const cJSON *root, size_t size)
{
    struct buffer once, twice;
    print(root, &once, size * 8 + 64); /* an escape is no longer than it was, a number may be */

    cJSON *again = NULL;
    const enum err err = json_parse(once.data, once.length, NULL, &again);
    assert(err == OK);
    assert(again);
    print(again, &twice, once.length);
    assert(once.length == twice.length);
    assert(memcmp(once.data, twice.data, once.length) == 0);
    cJSON_Delete(again);

    buffer_clear(&twice);
    buffer_init(&twice, once.length - 1);
    assert(json_print(root, &twice) == ERR_LIMIT);
    assert(twice.length == 0);
    buffer_clear(&twice);
    buffer_clear(&once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *root = NULL;
    struct json_fault fault = {0};
    const enum err err = json_parse((const char *)data, size, &fault, &root);
    if (err) {
        assert(!root);
        assert(fault.reason);
        assert(fault.offset <= size);
        return 0;
    }
    assert(root);
    check_accepted(root, size);
    cJSON_Delete(root);
    return 0;
}
