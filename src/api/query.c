#include "api/query.h"

#include "base/text.h"

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
                  "Input should be a valid boolean, unable to interpret input",
                  cJSON_CreateString(value));
    return false;
}
