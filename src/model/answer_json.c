/*
 * Models put words around their JSON, and the words may have brackets in them. So each bracket
 * that may open an object is tried in turn, a fence's content first, until what it opens can be
 * read and has one in it. What cannot be read is skipped whole, so that no byte is looked at
 * more than a few times; only brackets that are never closed cost a look at all that follows, and
 * their number is limited.
 *
 * What such a bracket opens may be an answer that was cut off. It is read up to its last whole
 * item: of objects that stand in no array, and of the first array in them, or at the root. So a cut
 * costs the figure or scene that it went through, and never leaves half of one.
 */
#include "model/answer_json.h"

#include <assert.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/text.h"

enum {
    UNCLOSED_MAX = 4,      /* brackets that are never closed, before we give up */
    UNREADABLE_MAX = 1000, /* objects that are none, likewise: words such as {this} */
    REPAIR_GROWTH_MAX = 6, /* a control byte becomes \u and four digits */
};

/* ---- reading one value ---- */

/* The first character that is no space; NUL: there is none. */
static char next(const char *text, size_t length)
{
    size_t i = 0;
    while (i < length && memchr(" \t\r\n", text[i], 4))
        i++;
    return i < length ? text[i] : '\0';
}

static bool closes_next(const char *text, size_t length)
{
    const char c = next(text, length);
    return c == '}' || c == ']';
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

/* What the bracket at the beginning of a text opens. */
struct extent {
    bool closed;
    size_t length;  /* up to the bracket that closes it; else to the end of the last whole item,
                       0: there is none */
    size_t objects; /* not closed: open there, */
    bool in_array;  /* and within them an array */
};

struct measure {
    size_t open;  /* brackets */
    size_t array; /* the place among them of the first that opens an array, from 1; 0: none does */
    struct extent extent;
};

/* Ends an item here, unless it is part of a larger one. */
static void end_item(struct measure *measure, size_t length)
{
    if (measure->array > 0 && measure->open > measure->array)
        return;
    const bool in_array = measure->array > 0;
    measure->extent = (struct extent){
        .closed = measure->open == 0,
        .length = length,
        .objects = measure->open - (in_array ? 1 : 0),
        .in_array = in_array,
    };
}

static void open_bracket(struct measure *measure, char bracket)
{
    measure->open++;
    if (bracket == '[' && measure->array == 0)
        measure->array = measure->open;
}

static void close_bracket(struct measure *measure)
{
    if (measure->open-- == measure->array)
        measure->array = 0;
}

static struct extent extent_of(const char *text, size_t length)
{
    struct measure measure = {0};
    bool in_string = false;
    for (size_t i = 0; i < length && !measure.extent.closed; i++) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            open_bracket(&measure, c);
        } else if (c == '}' || c == ']') {
            close_bracket(&measure);
            end_item(&measure, i + 1);
        } else if (c == ',') {
            end_item(&measure, i);
        }
    }
    return measure.extent;
}

static cJSON *read_extent(const char *text, const struct extent *extent)
{
    if (extent->closed)
        return read_value(text, extent->length);
    if (extent->length == 0 || extent->objects > JSON_DEPTH_MAX)
        return NULL;
    struct buffer closed;
    buffer_init(&closed, extent->length + 1 + JSON_DEPTH_MAX);
    put(&closed, text, extent->length);
    if (extent->in_array)
        put(&closed, "]", 1);
    for (size_t i = 0; i < extent->objects; i++)
        put(&closed, "}", 1);
    cJSON *value = read_value(closed.data, closed.length);
    buffer_clear(&closed);
    return value;
}

/* An object, or an array that begins with one? Others are not even read: one tree is enough. */
static bool may_begin(const char *text, size_t length)
{
    return text[0] == '{' || (text[0] == '[' && next(text + 1, length - 1) == '{');
}

static bool has_object(const cJSON *value)
{
    if (cJSON_IsObject(value))
        return value->child != NULL;
    return cJSON_IsArray(value) && cJSON_IsObject(value->child);
}

static cJSON *find_value(const char *text, size_t length, bool *cut_out)
{
    size_t unclosed = 0, unreadable = 0;
    for (size_t at = 0; at < length && unclosed < UNCLOSED_MAX && unreadable < UNREADABLE_MAX;) {
        if (!may_begin(text + at, length - at)) {
            at++;
            continue;
        }
        const struct extent extent = extent_of(text + at, length - at);
        cJSON *value = read_extent(text + at, &extent);
        if (has_object(value)) {
            *cut_out = !extent.closed;
            return value;
        }
        cJSON_Delete(value);
        if (extent.closed)
            unreadable++;
        else
            unclosed++;
        at += extent.closed ? extent.length : 1;
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

enum err answer_json(const char *text, size_t length, cJSON **out, bool *cut_out)
{
    bool cut = false;
    struct slice rest = slice_trim((struct slice){length > 0 ? text : "", length});
    cJSON *value = read_value(rest.data, rest.length);
    if (!value) {
        rest = without_thinking(rest);
        const char *fence = memmem(rest.data, rest.length, "```", 3);
        if (fence)
            value = find_value(fence, rest.length - (size_t)(fence - rest.data), &cut);
        if (!value)
            value = find_value(rest.data, rest.length, &cut);
    }
    if (!value)
        return ERR_SYNTAX;
    *out = value;
    *cut_out = cut;
    return OK;
}
