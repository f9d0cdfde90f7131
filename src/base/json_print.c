/*
 * Straight into the caller's buffer: cJSON's own printer would make a string of its own first, and
 * prints 0.1 + 0.2 with fewer digits than it takes to read the same number again.
 */
#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"

enum { PRINT_DEPTH_MAX = 2 * JSON_DEPTH_MAX }; /* a parsed document within one of ours */

static const double INTEGER_MAX = 9223372036854774784.0; /* the last double below 2^63 */

static enum err print_value(struct buffer *out, const cJSON *value, int depth);

/* The escape for a character of a JSON string that may not stand as it is. `scratch` has room for
 * the longest. */
static const char *escape(char c, char scratch[8])
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    }
    snprintf(scratch, 8, "\\u%04x", (unsigned)(unsigned char)c);
    return scratch;
}

static enum err print_escaped(struct buffer *out, const char *text, size_t length)
{
    char scratch[8];
    for (size_t i = 0; i < length; i++) {
        const size_t plain = json_plain_prefix(text + i, length - i);
        if (buffer_append(out, text + i, plain))
            return ERR_LIMIT;
        i += plain;
        if (i < length && buffer_puts(out, escape(text[i], scratch)))
            return ERR_LIMIT;
    }
    return OK;
}

static enum err print_string(struct buffer *out, const char *text, size_t length)
{
    if (buffer_append(out, "\"", 1) || print_escaped(out, text, length))
        return ERR_LIMIT;
    return buffer_append(out, "\"", 1);
}

/* Whole numbers have no exponent, as readers take that for the mark of a float. Others have fifteen
 * digits, or as many more as it takes to read the same number again. */
static enum err print_number(struct buffer *out, double number)
{
    assert(isfinite(number));
    char digits[40];
    if (number == floor(number) && fabs(number) <= INTEGER_MAX) {
        snprintf(digits, sizeof(digits), "%lld", (long long)number);
        return buffer_puts(out, digits);
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof(digits), "%.*g", precision, number);
        if (strtod(digits, NULL) == number)
            break;
    }
    char *point = digits + strspn(digits, "+-0123456789e");
    if (*point)
        *point = '.'; /* some locales have a comma */
    return buffer_puts(out, digits);
}

/* An array, or an object if `names`. */
static enum err print_items(struct buffer *out, const cJSON *container, bool names, int depth)
{
    if (depth > PRINT_DEPTH_MAX)
        return ERR_LIMIT;
    if (buffer_append(out, names ? "{" : "[", 1))
        return ERR_LIMIT;
    for (const cJSON *item = container->child; item; item = item->next) {
        if (item != container->child && buffer_append(out, ",", 1))
            return ERR_LIMIT;
        if (names &&
            (print_string(out, item->string, strlen(item->string)) || buffer_append(out, ":", 1)))
            return ERR_LIMIT;
        if (print_value(out, item, depth))
            return ERR_LIMIT;
    }
    return buffer_append(out, names ? "}" : "]", 1);
}

/* A value within `depth` containers. */
static enum err print_value(struct buffer *out, const cJSON *value, int depth)
{
    if (cJSON_IsObject(value))
        return print_items(out, value, true, depth + 1);
    if (cJSON_IsArray(value))
        return print_items(out, value, false, depth + 1);
    if (cJSON_IsString(value))
        return print_string(out, value->valuestring, strlen(value->valuestring));
    if (cJSON_IsNumber(value))
        return print_number(out, value->valuedouble);
    if (cJSON_IsBool(value))
        return buffer_puts(out, cJSON_IsTrue(value) ? "true" : "false");
    assert(cJSON_IsNull(value));
    return buffer_puts(out, "null");
}

/* Takes back what was appended since `length` if that was not all. */
static enum err all_or_nothing(struct buffer *out, size_t length, enum err err)
{
    if (err && out->data) {
        out->length = length;
        out->data[length] = '\0';
    }
    return err;
}

enum err json_print(const cJSON *value, struct buffer *out)
{
    assert(value);
    const size_t before = out->length;
    return all_or_nothing(out, before, print_value(out, value, 0));
}

enum err json_print_string(struct buffer *out, const char *text, size_t length)
{
    const size_t before = out->length;
    return all_or_nothing(out, before, print_string(out, text, length));
}
