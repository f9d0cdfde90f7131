#include "api/query.h"

#include <assert.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/text.h"

enum { SHOWN_BYTES_MAX = 1024 /* of a value that is shown in a fault */ };

/* A value from the query as a JSON string: percent-decoding may have made it ill-formed UTF-8. */
static cJSON *shown(const char *value)
{
    struct buffer clean;
    buffer_init(&clean, SHOWN_BYTES_MAX);
    const enum err err = text_clean(value, strlen(value), &clean);
    assert(err == OK || err == ERR_LIMIT);
    (void)err;
    cJSON *string = cJSON_CreateString(clean.data ? clean.data : "");
    buffer_clear(&clean);
    return string;
}

bool parse_bool(const char *text, bool *out)
{
    static const char *const yes[] = {"1", "true", "t", "yes", "y", "on"};
    static const char *const no[] = {"0", "false", "f", "no", "n", "off"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (text_equal_ignore_case(text, yes[i]) || text_equal_ignore_case(text, no[i])) {
            *out = text_equal_ignore_case(text, yes[i]);
            return true;
        }
    }
    return false;
}

bool query_bool(struct request *request, const char *name, bool fallback, bool *out)
{
    const char *value = exchange_query(request->exchange, name);
    *out = fallback;
    if (!value || parse_bool(value, out))
        return true;
    request_fault(request, "bool_parsing", "query", name,
                  "Input should be a valid boolean, unable to interpret input", shown(value));
    return false;
}
