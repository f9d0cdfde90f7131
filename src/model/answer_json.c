/*
 * Models put words around their JSON, and the words may have brackets in them. So each bracket
 * that opens something is tried in turn, a fence's content first, until what it opens can be read
 * and has an object in it. What cannot be read is skipped whole, so that no byte is looked at
 * more than a few times; only brackets that are never closed cost a look at all that follows, and
 * their number is limited.
 */
#include "model/answer_json.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/text.h"

enum {
    UNCLOSED_MAX = 16,     /* brackets that are never closed, before we give up */
    UNREADABLE_MAX = 1000, /* values that are no answer, likewise: footnotes such as [1] */
    REPAIR_GROWTH_MAX = 6, /* a control byte becomes \u and four digits */
};

static const char spaces[] = " \t\r\n";

/* ---- reading one value ---- */

static bool closes_next(const char *text, size_t length)
{
    size_t i = 0;
    while (i < length && strchr(spaces, text[i]) && text[i])
        i++;
    return i < length && (text[i] == '}' || text[i] == ']');
}

static void put(struct buffer *out, const char *text, size_t length)
{
    const enum err err = buffer_append(out, text, length);
    assert(err == OK); /* of a sufficient maximum */
}

/* Without commas behind the last item of a list, and with control bytes in strings escaped: by
 * hand, as there may be as many as the text has bytes. */
static void repair(const char *text, size_t length, struct buffer *out)
{
    static const char digits[] = "0123456789abcdef";
    bool in_string = false;
    size_t done = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (in_string && c == '\\') {
            i++;
        } else if (c == '"') {
            in_string = !in_string;
        } else if (in_string && c < 0x20) {
            put(out, text + done, i - done);
            const char escape[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
            put(out, escape, sizeof(escape));
            done = i + 1;
        } else if (!in_string && c == ',' && closes_next(text + i + 1, length - i - 1)) {
            put(out, text + done, i - done);
            done = i + 1;
        }
    }
    put(out, text + done, length - done);
}

/* NULL: not JSON even with the best will. */
static cJSON *read_value(const char *text, size_t length)
{
    cJSON *value = NULL;
    const enum err err = json_parse(text, length, NULL, &value);
    if (err == OK)
        return value;
    if (err != ERR_SYNTAX || length == 0 || (text[0] != '{' && text[0] != '['))
        return NULL;
    struct buffer repaired;
    buffer_init(&repaired, length * REPAIR_GROWTH_MAX);
    repair(text, length, &repaired);
    if (json_parse(repaired.data, repaired.length, NULL, &value) != OK)
        value = NULL;
    buffer_clear(&repaired);
    return value;
}

/* ---- finding it ---- */

/* The length of what the bracket at `text` opens, up to the one that closes it; 0: none does. */
static size_t closed_length(const char *text, size_t length)
{
    bool in_string = false;
    size_t open = 0;
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            open++;
        } else if (c == '}' || c == ']') {
            if (--open == 0)
                return i + 1;
        }
    }
    return 0;
}

static bool has_object(const cJSON *value)
{
    if (cJSON_IsObject(value))
        return value->child != NULL;
    return cJSON_IsArray(value) && cJSON_IsObject(value->child);
}

static cJSON *find_value(const char *text, size_t length)
{
    size_t unclosed = 0, unreadable = 0;
    for (size_t at = 0; at < length && unclosed < UNCLOSED_MAX && unreadable < UNREADABLE_MAX;) {
        if (text[at] != '{' && text[at] != '[') {
            at++;
            continue;
        }
        const size_t value_length = closed_length(text + at, length - at);
        if (value_length == 0) {
            unclosed++;
            at++;
            continue;
        }
        cJSON *value = read_value(text + at, value_length);
        if (has_object(value))
            return value;
        cJSON_Delete(value);
        unreadable++;
        at += value_length;
    }
    return NULL;
}

/* What comes after the thinking. A model that was cut off in it has said nothing. */
static struct slice without_thinking(struct slice text)
{
    static const char begin[] = "<think>", end[] = "</think>";
    const char *from = text.data;
    const char *const limit = text.data + text.length;
    for (;;) {
        const char *mark = memmem(from, (size_t)(limit - from), end, sizeof(end) - 1);
        if (!mark)
            break;
        from = mark + sizeof(end) - 1;
    }
    const char *open = memmem(from, (size_t)(limit - from), begin, sizeof(begin) - 1);
    return (struct slice){from, (size_t)((open ? open : limit) - from)};
}

enum err answer_json(const char *text, size_t length, cJSON **out)
{
    struct slice rest = slice_trim((struct slice){length > 0 ? text : "", length});
    cJSON *value = read_value(rest.data, rest.length);
    if (!value) {
        rest = without_thinking(rest);
        const char *fence = memmem(rest.data, rest.length, "```", 3);
        if (fence)
            value = find_value(fence, rest.length - (size_t)(fence - rest.data));
        if (!value)
            value = find_value(rest.data, rest.length);
    }
    if (!value)
        return ERR_SYNTAX;
    *out = value;
    return OK;
}
