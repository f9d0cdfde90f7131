/*
 * One rule decides where parameters begin: outside a quoted string a semicolon ends what stands
 * before it, whatever that was, and a quoted string starts nowhere but right behind the equals
 * sign.
 */
#include "api/header_value.h"

#include <assert.h>
#include <string.h>

#include "api/urlencoded.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice between(const char *start, const char *end)
{
    return (struct slice){start, (size_t)(end - start)};
}

/* The first `c` or the end. */
static const char *find(const char *at, const char *end, char c)
{
    const char *const found = at < end ? memchr(at, c, (size_t)(end - at)) : NULL;
    return found ? found : end;
}

struct slice header_trim(struct slice text)
{
    while (text.length > 0 && is_blank(text.data[0])) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 && is_blank(text.data[text.length - 1]))
        text.length--;
    return text;
}

bool header_is_word(struct slice text, const char *word)
{
    if (text.length != strlen(word))
        return false;
    for (size_t i = 0; i < text.length; i++) {
        const char c = text.data[i];
        if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != word[i])
            return false;
    }
    return true;
}

/* Is the first byte a backslash that stands for the byte behind it? */
static bool is_escape(const char *at, const char *end)
{
    return *at == '\\' && end - at > 1 && (at[1] == '"' || at[1] == '\\');
}

/* Reads the value behind an equals sign; returns where it ended. A quoted string without its end
 * takes all that is left. */
static const char *read_value(const char *at, const char *end, struct header_parameter *out)
{
    while (at < end && is_blank(*at))
        at++;
    out->quoted = at < end && *at == '"';
    if (!out->quoted) {
        const char *const stop = find(at, end, ';');
        out->value = header_trim(between(at, stop));
        return stop;
    }
    const char *const start = ++at;
    while (at < end && *at != '"')
        at += is_escape(at, end) ? 2 : 1;
    out->value = between(start, at);
    return at;
}

bool header_parameter(struct slice value, const char *key, struct header_parameter *out)
{
    const char *const end = value.data + value.length;
    const char *at = find(value.data, end, ';');
    while (at < end) {
        const char *const start = ++at;
        while (at < end && *at != '=' && *at != ';')
            at++;
        if (at == end || *at == ';')
            continue;
        struct header_parameter parameter;
        const struct slice found = header_trim(between(start, at));
        at = read_value(at + 1, end, &parameter);
        if (header_is_word(found, key)) {
            *out = parameter;
            return true;
        }
        at = find(at, end, ';');
    }
    return false;
}

size_t header_unescape(const struct header_parameter *parameter, char *out)
{
    const char *const end = parameter->value.data + parameter->value.length;
    size_t length = 0;
    for (const char *at = parameter->value.data; at < end; at++) {
        if (parameter->quoted && is_escape(at, end))
            at++;
        out[length++] = *at;
    }
    return length;
}

/* Decodes, in place, the three escapes that browsers write into names. They escape nothing else,
 * not even the percent sign: a file named "100%25.pdf" is sent as that. */
static size_t decode_browser_escapes(char *text, size_t length)
{
    size_t kept = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%' && length - i >= 3) {
            const struct slice escape = {text + i, 3};
            c = header_is_word(escape, "%22")   ? '"'
                : header_is_word(escape, "%0d") ? '\r'
                : header_is_word(escape, "%0a") ? '\n'
                                                : '%';
            i += c == '%' ? 0 : 2;
        }
        text[kept++] = c;
    }
    return kept;
}

enum err header_decode(const struct header_parameter *parameter, struct buffer *out)
{
    char text[HEADER_VALUE_BYTES];
    assert(parameter->value.length <= sizeof(text));
    const size_t length = decode_browser_escapes(text, header_unescape(parameter, text));
    return text_clean(text, length, out);
}

static enum err append_latin1(const char *text, size_t length, struct buffer *out)
{
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        const char utf8[2] = {(char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F))};
        const enum err err = c == 0     ? OK
                             : c < 0x80 ? buffer_append(out, text + i, 1)
                                        : buffer_append(out, utf8, 2);
        if (err != OK)
            return err;
    }
    return OK;
}

enum err header_decode_extended(const struct header_parameter *parameter, struct buffer *out)
{
    const struct slice value = parameter->value;
    const char *const end = value.data + value.length;
    const char *const charset_end = find(value.data, end, '\'');
    const char *const language_end = charset_end < end ? find(charset_end + 1, end, '\'') : end;
    const struct slice charset = between(value.data, charset_end);
    const bool latin1 = header_is_word(charset, "iso-8859-1");
    if (language_end == end || (!latin1 && !header_is_word(charset, "utf-8")))
        return ERR_SYNTAX;

    char text[HEADER_VALUE_BYTES];
    assert(value.length <= sizeof(text));
    const size_t sent = (size_t)(end - language_end - 1);
    const size_t length = urlencoded_unescape(language_end + 1, sent, text);
    return latin1 ? append_latin1(text, length, out) : text_clean(text, length, out);
}
