/*
 * json_scan decides whether a document is good; cJSON then only builds the tree, so that a failure
 * of its own can only be want of memory. Escapes that cJSON would take for the end of a string
 * (`\u0000`) or refuse (lone surrogates) are rewritten in a copy first.
 */
#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"

/* A good document without `\u0000`, and with U+FFFD for each lone surrogate; freed by the caller.
 * Outside of strings there are no backslashes. The copy is never longer. */
static char *repaired_copy(const char *bytes, size_t length, size_t *length_out)
{
    char *copy = malloc(length);
    if (!copy)
        abort();
    char *to = copy;
    const char *from = bytes;
    const char *const end = bytes + length;
    while (from < end) {
        size_t taken = 1, kept = 1;
        const char *as = from;
        if (*from == '\\') {
            const long unit = json_scan_unit(from, (size_t)(end - from));
            taken = kept = unit < 0 ? 2 : 6; /* the byte behind a backslash is never one of ours */
            if (unit == 0) {
                kept = 0;
            } else if (unit >= 0xD800 && unit <= 0xDFFF) {
                const long low = json_scan_unit(from + 6, (size_t)(end - from - 6));
                if (unit <= 0xDBFF && low >= 0xDC00 && low <= 0xDFFF) {
                    taken = kept = 12;
                } else {
                    as = "\xEF\xBF\xBD";
                    kept = 3;
                }
            }
        }
        memcpy(to, as, kept);
        to += kept;
        from += taken;
    }
    *length_out = (size_t)(to - copy);
    return copy;
}

enum err json_parse(const char *bytes, size_t length, struct json_fault *fault, cJSON **out)
{
    return json_parse_up_to(bytes, length, JSON_VALUES_MAX, fault, out);
}

enum err json_parse_up_to(const char *bytes, size_t length, size_t values_max,
                          struct json_fault *fault, cJSON **out)
{
    if (length == 0)
        bytes = ""; /* an empty buffer's data is NULL */
    const size_t mark = length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    bool needs_repair;
    const enum err err = json_scan(bytes + mark, length - mark, values_max, fault, &needs_repair);
    if (err) {
        if (fault)
            fault->offset += mark;
        return err;
    }

    cJSON *root;
    if (needs_repair) {
        size_t repaired_length;
        char *repaired = repaired_copy(bytes + mark, length - mark, &repaired_length);
        root = cJSON_ParseWithLengthOpts(repaired, repaired_length, NULL, false);
        free(repaired);
    } else {
        root = cJSON_ParseWithLengthOpts(bytes + mark, length - mark, NULL, false);
    }
    if (!root)
        abort(); /* no memory */
    *out = root;
    return OK;
}

/* The last member of that name: where one is repeated, that is the one that counts. */
static const cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *found = NULL;
    if (!cJSON_IsObject(object))
        return NULL;
    for (const cJSON *item = object->child; item; item = item->next)
        if (strcmp(item->string, name) == 0)
            found = item;
    return found;
}

const char *json_string(const cJSON *object, const char *name, const char *fallback)
{
    const cJSON *item = member(object, name);
    return cJSON_IsString(item) ? item->valuestring : fallback;
}

double json_number(const cJSON *object, const char *name, double fallback)
{
    const cJSON *item = member(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : fallback;
}

bool json_bool(const cJSON *object, const char *name, bool fallback)
{
    const cJSON *item = member(object, name);
    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

const cJSON *json_array(const cJSON *object, const char *name)
{
    const cJSON *item = member(object, name);
    return cJSON_IsArray(item) ? item : NULL;
}

static cJSON *made(cJSON *item)
{
    if (!item)
        abort();
    return item;
}

void json_add(cJSON *object, const char *name, cJSON *value)
{
    assert(cJSON_IsObject(object));
    assert(value);
    if (!cJSON_AddItemToObject(object, name, value))
        abort();
}

void json_append(cJSON *array, cJSON *value)
{
    assert(cJSON_IsArray(array));
    assert(value);
    if (!cJSON_AddItemToArray(array, value))
        abort();
}

static cJSON *add(cJSON *object, const char *name, cJSON *value)
{
    json_add(object, name, made(value));
    return value;
}

cJSON *json_new_object(void)
{
    return made(cJSON_CreateObject());
}

cJSON *json_new_array(void)
{
    return made(cJSON_CreateArray());
}

cJSON *json_add_string(cJSON *object, const char *name, const char *value)
{
    return add(object, name, cJSON_CreateString(value));
}

cJSON *json_add_number(cJSON *object, const char *name, double value)
{
    assert(isfinite(value));
    return add(object, name, cJSON_CreateNumber(value));
}

cJSON *json_add_bool(cJSON *object, const char *name, bool value)
{
    return add(object, name, cJSON_CreateBool(value));
}

cJSON *json_add_null(cJSON *object, const char *name)
{
    return add(object, name, cJSON_CreateNull());
}

cJSON *json_add_object(cJSON *object, const char *name)
{
    return add(object, name, cJSON_CreateObject());
}

cJSON *json_add_array(cJSON *object, const char *name)
{
    return add(object, name, cJSON_CreateArray());
}

void json_append_string(cJSON *array, const char *value)
{
    json_append(array, made(cJSON_CreateString(value)));
}
