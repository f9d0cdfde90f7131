/* A line is taken out whole and then consumed from its front. */
#include "base/dotenv.h"

#include <string.h>

#include "base/text.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_name_start(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static void advance(struct slice *slice, size_t bytes)
{
    slice->data += bytes;
    slice->length -= bytes;
}

static void skip_blanks(struct slice *slice)
{
    while (slice->length > 0 && is_blank(slice->data[0]))
        advance(slice, 1);
}

static struct slice take_name(struct slice *rest)
{
    size_t length = 0;
    while (length < rest->length &&
           (is_name_start(rest->data[length]) ||
            (length > 0 && rest->data[length] >= '0' && rest->data[length] <= '9')))
        length++;
    const struct slice name = {rest->data, length};
    advance(rest, length);
    return name;
}

/* Up to a # behind white space. `rest` begins behind the equals sign. */
static const char *take_plain(struct slice rest, struct arena *arena)
{
    size_t length = 0;
    while (length < rest.length &&
           !(rest.data[length] == '#' && length > 0 && is_blank(rest.data[length - 1])))
        length++;
    const struct slice value = slice_trim((struct slice){rest.data, length});
    return arena_strndup(arena, value.data, value.length);
}

/* The character that a backslash and `c` stand for, or 0. */
static char unescaped(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case '"':
    case '\\':
        return c;
    default:
        return 0;
    }
}

/* At the opening quote; NULL when there is no closing one. */
static char *take_quoted(struct slice *rest, struct arena *arena)
{
    const char quote = rest->data[0];
    char *value = arena_alloc(arena, rest->length);
    char *end = value;
    advance(rest, 1);
    while (rest->length > 0 && rest->data[0] != quote) {
        char c = rest->data[0];
        if (quote == '"' && c == '\\' && rest->length > 1 && unescaped(rest->data[1])) {
            c = unescaped(rest->data[1]);
            advance(rest, 1);
        }
        *end++ = c;
        advance(rest, 1);
    }
    if (rest->length == 0)
        return NULL;
    advance(rest, 1);
    *end = '\0';
    return value;
}

/* Why `rest`, a line that is neither empty nor a comment, is no assignment; NULL if it is one. */
static const char *parse_line(struct slice rest, struct arena *arena, struct dotenv_line *out)
{
    struct slice name = take_name(&rest);
    if (slice_equal(name, slice_of("export")) && rest.length > 0 && is_blank(rest.data[0])) {
        struct slice behind = rest;
        skip_blanks(&behind);
        if (behind.length > 0 && behind.data[0] != '=') { /* else a variable named export */
            rest = behind;
            name = take_name(&rest);
        }
    }
    skip_blanks(&rest);
    if (name.length == 0 || rest.length == 0 || rest.data[0] != '=')
        return "expected NAME=value";
    advance(&rest, 1);

    struct slice value = rest;
    skip_blanks(&value);
    if (value.length > 0 && (value.data[0] == '"' || value.data[0] == '\'')) {
        out->value = take_quoted(&value, arena);
        if (!out->value)
            return "the closing quote is missing";
        skip_blanks(&value);
        if (value.length > 0 && value.data[0] != '#')
            return "there is something behind the closing quote";
    } else {
        out->value = take_plain(rest, arena);
    }
    out->name = arena_strndup(arena, name.data, name.length);
    return NULL;
}

void dotenv_init(struct dotenv *dotenv, const char *bytes, size_t length, struct arena *arena)
{
    struct slice rest = {length > 0 ? bytes : "", length};
    if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        advance(&rest, 3);
    *dotenv = (struct dotenv){rest.data, rest.data + rest.length, 0, arena};
}

bool dotenv_next(struct dotenv *dotenv, struct dotenv_line *out)
{
    while (dotenv->at < dotenv->end) {
        const size_t left = (size_t)(dotenv->end - dotenv->at);
        const char *newline = memchr(dotenv->at, '\n', left);
        const size_t length = newline ? (size_t)(newline - dotenv->at) : left;
        const struct slice line = slice_trim((struct slice){dotenv->at, length});
        dotenv->at += newline ? length + 1 : length;
        dotenv->number++;
        if (line.length == 0 || line.data[0] == '#')
            continue;
        struct dotenv_line parsed = {.number = dotenv->number};
        const char *fault = parse_line(line, dotenv->arena, &parsed);
        *out = fault ? (struct dotenv_line){.number = dotenv->number, .fault = fault} : parsed;
        return true;
    }
    return false;
}
