/*
 * multipart_reference.h: multipart/form-data read as plainly as can be, for the tests: the whole
 * body at once, one byte after another, no cleverness, nothing shared with the parser but
 * text_clean. Also the trace, in which both write down what they find.
 */
#ifndef UNIT_API_MULTIPART_REFERENCE_H
#define UNIT_API_MULTIPART_REFERENCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "api/multipart.h"
#include "base/text.h"

#define SYNTAX  "syntax: There was an error parsing the body\n"
#define NO_NAME "syntax: The Content-Disposition header field \"name\" must be provided.\n"

/* The events as text. Adjacent runs of data are joined: where they are cut is not promised. */
struct trace {
    struct buffer text;
    bool in_data;
    int calls;   /* callbacks so far */
    int fail_at; /* the callback that fails, counted from 1; 0: none does */
};

static void trace_init(struct trace *trace)
{
    *trace = (struct trace){.calls = 0};
    buffer_init(&trace->text, 64u << 20);
}

/* Returns 0, for the reference to end with. */
__attribute__((format(printf, 2, 3))) static size_t trace_print(struct trace *trace,
                                                                const char *format, ...)
{
    char line[8192];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    assert_in_range(length, 0, sizeof(line) - 1);
    if (trace->in_data)
        assert_int_equal(buffer_puts(&trace->text, "|\n"), OK);
    trace->in_data = false;
    assert_int_equal(buffer_puts(&trace->text, line), OK);
    return 0;
}

static void trace_data(struct trace *trace, const char *bytes, size_t length)
{
    if (!trace->in_data)
        assert_int_equal(buffer_puts(&trace->text, "|"), OK);
    trace->in_data = true;
    assert_int_equal(buffer_append(&trace->text, bytes, length), OK);
}

static void trace_part(struct trace *trace, const char *name, const char *filename,
                       const char *content_type)
{
    if (filename)
        trace_print(trace, "file <%s> <%s> <%s>\n", name, filename, content_type);
    else
        trace_print(trace, "field <%s> <%s>\n", name, content_type);
}

struct body {
    const char *bytes;
    size_t length;
    const char *boundary;
};

static bool stands_at(const struct body *body, size_t at, const char *text)
{
    const size_t length = strlen(text);
    return at + length <= body->length && memcmp(body->bytes + at, text, length) == 0;
}

/* A delimiter without its CR LF? Says where its line ends and whether it is the last. */
static bool is_boundary(const struct body *body, size_t at, size_t *after, bool *last)
{
    if (!stands_at(body, at, "--") || !stands_at(body, at + 2, body->boundary))
        return false;
    at += 2 + strlen(body->boundary);
    *last = stands_at(body, at, "--");
    *after = at + 2;
    if (*last)
        return true;
    size_t padding = 0;
    while (stands_at(body, at, " ") || stands_at(body, at, "\t")) {
        at++;
        padding++;
    }
    *after = at + 2;
    return padding <= MULTIPART_PADDING_BYTES && stands_at(body, at, "\r\n");
}

/* The longest end of the body that may yet become a boundary, found by trying to complete it. */
static size_t held_back(const struct body *body, size_t start)
{
    for (size_t at = start; at < body->length; at++) {
        const char *const completions[] = {"\n", "-", "\r\n"};
        char line[1024];
        const size_t rest = body->length - at;
        const size_t delimiter = 4 + strlen(body->boundary);
        snprintf(line, sizeof(line), "\r\n--%s", body->boundary);
        if (rest <= delimiter && memcmp(line, body->bytes + at, rest) == 0)
            return rest;
        if (rest <= delimiter || rest > 1000 || memcmp(line, body->bytes + at, delimiter) != 0)
            continue;
        for (size_t i = 0; i < 3; i++) {
            memcpy(line, body->bytes + at, rest);
            memcpy(line + rest, completions[i], strlen(completions[i]));
            const struct body completed = {line, rest + strlen(completions[i]), body->boundary};
            size_t after;
            bool last;
            if (is_boundary(&completed, 2, &after, &last))
                return rest;
        }
    }
    return 0;
}

/* What a part's header says. */
struct words {
    bool disposed, named, file, starred, typed; /* seen: the line, name, either file name, ... */
    char name[8192], filename[8192], type[8192];
};

static void to_text(char *out, const char *bytes, size_t length)
{
    struct buffer clean;
    buffer_init(&clean, 65536);
    assert_int_equal(text_clean(bytes, length, &clean), OK);
    snprintf(out, 8192, "%s", clean.data ? clean.data : "");
    buffer_clear(&clean);
}

static void plain_value(char *out, const char *raw, size_t length, bool quoted)
{
    char text[8192];
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        const char *const at = raw + i;
        if (quoted && *at == '\\' && i + 1 < length && strchr("\"\\", at[1]) && at[1]) {
            text[n++] = at[1];
            i++;
        } else if (i + 2 < length && strncmp(at, "%22", 3) == 0) {
            text[n++] = '"';
            i += 2;
        } else if (i + 2 < length && strncasecmp(at, "%0a", 3) == 0) {
            text[n++] = '\n';
            i += 2;
        } else if (i + 2 < length && strncasecmp(at, "%0d", 3) == 0) {
            text[n++] = '\r';
            i += 2;
        } else
            text[n++] = *at;
    }
    to_text(out, text, n);
}

static bool extended_value(char *out, const char *raw, size_t length)
{
    char copy[8192], text[8192], utf8[8192];
    memcpy(copy, raw, length);
    copy[length] = '\0';
    char *const quote = strchr(copy, '\'');
    const char *at = quote ? strchr(quote + 1, '\'') : NULL;
    if (!at)
        return false;
    *quote = '\0';
    size_t n = 0;
    for (at++; *at; at++) {
        const bool encoded = *at == '%' && strspn(at + 1, "0123456789abcdefABCDEF") >= 2;
        unsigned byte = (unsigned char)*at;
        if (encoded)
            assert_int_equal(sscanf(at + 1, "%2x", &byte), 1);
        text[n++] = (char)byte;
        at += encoded ? 2 : 0;
    }
    if (strcasecmp(copy, "utf-8") == 0) {
        to_text(out, text, n);
        return true;
    }
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c >= 0x80)
            utf8[m++] = (char)(c >= 0xC0 ? 0xC3 : 0xC2);
        utf8[m++] = (char)(c >= 0xC0 ? c - 0x40 : c);
    }
    to_text(out, utf8, m);
    return strcasecmp(copy, "iso-8859-1") == 0;
}

static void reference_parameter(struct words *words, const char *key, const char *raw,
                                size_t length, bool quoted)
{
    if (strcasecmp(key, "name") == 0 && !words->named) {
        words->named = true;
        plain_value(words->name, raw, length, quoted);
    } else if (strcasecmp(key, "filename*") == 0 && !words->starred) {
        char text[8192];
        if (extended_value(text, raw, length)) {
            words->file = words->starred = true;
            memcpy(words->filename, text, sizeof(text));
        }
    } else if (strcasecmp(key, "filename") == 0 && !words->file) {
        words->file = true;
        plain_value(words->filename, raw, length, quoted);
    }
}

static void reference_disposition(struct words *words, const char *line, size_t length)
{
    size_t i = 0;
    while (i < length && line[i] != ';')
        i++;
    while (i < length) {
        i++;
        while (i < length && (line[i] == ' ' || line[i] == '\t'))
            i++;
        char key[8192] = "";
        size_t n = 0;
        while (i < length && line[i] != ';' && line[i] != '=')
            key[n++] = line[i++];
        while (n > 0 && (key[n - 1] == ' ' || key[n - 1] == '\t'))
            key[--n] = '\0';
        if (i == length || line[i] == ';')
            continue;
        i++;
        while (i < length && (line[i] == ' ' || line[i] == '\t'))
            i++;
        const bool quoted = i < length && line[i] == '"';
        i += quoted;
        const size_t start = i;
        while (i < length && line[i] != (quoted ? '"' : ';')) {
            if (quoted && line[i] == '\\' && i + 1 < length &&
                (line[i + 1] == '"' || line[i + 1] == '\\'))
                i++;
            i++;
        }
        size_t stop = i;
        while (!quoted && stop > start && (line[stop - 1] == ' ' || line[stop - 1] == '\t'))
            stop--;
        reference_parameter(words, key, line + start, stop - start, quoted);
        while (i < length && line[i] != ';')
            i++;
    }
}

/* False when the line is none. */
static bool reference_line(struct words *words, const char *line, size_t length)
{
    char name[8192] = "";
    size_t n = 0;
    while (n < length && line[n] != ':') {
        if ((unsigned char)line[n] <= ' ' || strchr("()<>@,;\\\"/[]?={}\x7F", line[n]) ||
            (unsigned char)line[n] >= 0x80)
            return false;
        name[n] = line[n];
        n++;
    }
    if (n == length || n == 0 || memchr(line, '\r', length) || memchr(line, '\n', length))
        return false;
    n++;
    while (n < length && (line[n] == ' ' || line[n] == '\t'))
        n++;
    while (length > n && (line[length - 1] == ' ' || line[length - 1] == '\t'))
        length--;
    if (strcasecmp(name, "Content-Disposition") == 0 && !words->disposed) {
        words->disposed = true;
        reference_disposition(words, line + n, length - n);
    }
    if (strcasecmp(name, "Content-Type") == 0 && !words->typed) {
        words->typed = true;
        to_text(words->type, line + n, length - n);
    }
    return true;
}

/* The lines up to and with the blank one; returns what follows, or 0 when the parse is over. */
static size_t reference_header(const struct body *body, size_t at, struct words *words,
                               struct trace *trace)
{
    const size_t start = at;
    for (int lines = 0;; lines++) {
        size_t lf = at;
        while (lf < body->length && body->bytes[lf] != '\n')
            lf++;
        if (lf == body->length || lf - start >= MULTIPART_HEADER_BYTES || lf == at ||
            body->bytes[lf - 1] != '\r')
            return trace_print(trace, SYNTAX);
        const size_t length = lf - 1 - at;
        if (length > 0 &&
            (lines == MULTIPART_HEADERS || !reference_line(words, body->bytes + at, length)))
            return trace_print(trace, SYNTAX);
        at = lf + 1;
        if (length == 0)
            break;
    }
    if (!words->named)
        return trace_print(trace, NO_NAME);
    if (strlen(words->name) > MULTIPART_NAME_BYTES || strlen(words->type) > MULTIPART_NAME_BYTES ||
        strlen(words->filename) > MULTIPART_NAME_BYTES)
        return trace_print(trace, SYNTAX);
    return at;
}

/* Data and the boundary behind it; returns what follows, or 0 when the parse is over. */
static size_t reference_data(const struct body *body, size_t at, bool file,
                             const struct multipart_limits *limits, struct trace *trace, bool *last)
{
    const size_t limit = file ? limits->file_bytes : limits->field_bytes;
    size_t end = at, after = 0;
    bool found = is_boundary(body, at, &after, last);
    while (!found && end < body->length) {
        found = stands_at(body, end, "\r\n") && is_boundary(body, end + 2, &after, last);
        end += !found;
    }
    if (!found && held_back(body, at - 2) == body->length - (at - 2))
        end = at; /* all that came is the start of a boundary right behind the header */
    else if (!found)
        end -= held_back(body, at);
    const size_t length = end - at;
    if (length > 0 && limit > 0)
        trace_data(trace, body->bytes + at, length < limit ? length : limit);
    if (length > limit && file)
        return trace_print(trace, "limit: A file is larger than %zu bytes (MAX_FILE_BYTES).\n",
                           limit);
    if (length > limit)
        return trace_print(trace, "syntax: Part exceeded maximum size of %zuKB.\n", limit / 1024);
    if (!found)
        return trace_print(trace, SYNTAX);
    trace_print(trace, "end\n");
    return after;
}

/* One part; `left` is how many more there may be. */
static size_t reference_part(const struct body *body, size_t at, struct multipart_limits *left,
                             const struct multipart_limits *limits, struct trace *trace, bool *last)
{
    struct words words = {.named = false};
    at = reference_header(body, at, &words, trace);
    if (at == 0)
        return 0;
    if (words.file && left->files-- == 0)
        return trace_print(trace, "syntax: Too many files. Maximum number of files is %zu.\n",
                           limits->files);
    if (!words.file && left->fields-- == 0)
        return trace_print(trace, "syntax: Too many fields. Maximum number of fields is %zu.\n",
                           limits->fields);
    trace_part(trace, words.name, words.file ? words.filename : NULL, words.type);
    return reference_data(body, at, words.file, limits, trace, last);
}

static void reference_parse(const struct body *body, const struct multipart_limits *limits,
                            struct trace *trace)
{
    size_t at = 0;
    while (stands_at(body, at, "\r") || stands_at(body, at, "\n"))
        at++;
    bool last = at == body->length;
    if (!last && !is_boundary(body, at, &at, &last)) {
        trace_print(trace, SYNTAX);
        return;
    }
    struct multipart_limits left = *limits;
    bool over = false;
    while (!last && !over) {
        at = reference_part(body, at, &left, limits, trace, &last);
        over = at == 0;
    }
    if (!over)
        trace_print(trace, "ok\n");
}

#endif
