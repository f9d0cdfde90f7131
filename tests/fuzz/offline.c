/* offline.h on any clean text: it ends well, and all it says is clean text again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/offline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct buffer text;
    struct arena arena;
    struct case_study study;
    buffer_init(&text, size * 3);
    arena_init(&arena);
    enum err err = text_clean((const char *)data + 1, size - 1, &text);
    assert(err == OK);
    const struct offline_options options = {.scene_count = data[0] % 14u};
    err = offline_analyse(text.data ? text.data : "", text.length, &options, &arena, &study);
    assert(err == OK);
    case_study_settle(&study, &arena);
    cJSON *json = case_study_json(&study);
    char *printed = cJSON_PrintUnformatted(json);
    assert(text_is_clean(printed, strlen(printed)));
    cJSON_free(printed);
    cJSON_Delete(json);
    arena_clear(&arena);
    buffer_clear(&text);
    return 0;
}
