#include "api/query.h"

#include <assert.h>
#include <ctype.h>
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

bool parse_int(const char *text, int64_t *out)
{
    while (isspace((unsigned char)*text))
        text++;
    const bool negative = *text == '-';
    text += *text == '-' || *text == '+';
    if (!isdigit((unsigned char)*text))
        return false;
    int64_t number = 0;
    for (; isdigit((unsigned char)*text); text++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *text - '0', &number))
            number = INT64_MAX;
        if (text[1] == '_' && isdigit((unsigned char)text[2]))
            text++;
    }
    if (*text == '.' && text[1] == '0')
        text += 1 + strspn(text + 1, "0");
    while (isspace((unsigned char)*text))
        text++;
    *out = negative ? -number : number;
    return *text == '\0';
}

static void fault_int(struct request *request, const char *where, const char *name,
                      const char *value)
{
    request_fault(request, "int_parsing", where, name,
                  "Input should be a valid integer, unable to parse string as an integer",
                  shown(value));
}

static void fault_bound(struct request *request, const char *name, const char *value, bool below,
                        int64_t bound)
{
    const char *type = below ? "greater_than_equal" : "less_than_equal";
    const char *message = arena_printf(&request->arena, "Input should be %s than or equal to %lld",
                                       below ? "greater" : "less", (long long)bound);
    cJSON *fault = request_fault(request, type, "query", name, message, shown(value));
    json_add_number(json_add_object(fault, "ctx"), below ? "ge" : "le", (double)bound);
}

bool query_int(struct request *request, const char *name, int64_t fallback, int64_t min,
               int64_t max, int64_t *out)
{
    const char *value = exchange_query(request->exchange, name);
    int64_t number;
    *out = fallback;
    if (!value)
        return true;
    if (!parse_int(value, &number)) {
        fault_int(request, "query", name, value);
        return false;
    }
    if (number < min || number > max) {
        fault_bound(request, name, value, number < min, number < min ? min : max);
        return false;
    }
    *out = number;
    return true;
}

bool path_int(struct request *request, const char *name, int64_t *out)
{
    const char *value = request->path_parts[0];
    *out = 0;
    if (parse_int(value, out))
        return true;
    fault_int(request, "path", name, value);
    return false;
}
