/*
 * Formatting into a place that is known to be large enough, so that nothing here allocates, fails
 * or cuts: each put_ function writes at `end` and returns the new end. Escaping is the same in all
 * formats, JSON's; so what log_quote has quoted is a JSON string as it stands.
 */
#include "base/log_line.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

enum { VALUE_BYTES_MAX = 200 }; /* of a value, before escaping */

static_assert(LOG_QUOTED_BYTES_MAX >= 6 * VALUE_BYTES_MAX + 6, "\"\\u00XX...\" and a NUL");
static_assert(LOG_LINE_BYTES_MAX >= 6 * LOG_PAIRS_BYTES_MAX + 2 * LOG_QUOTED_BYTES_MAX + 256,
              "pairs, or a message; the id; the fixed parts");

static const struct {
    const char *word, *column;
} levels[] = {
    [LOG_DEBUG] = {"debug", "DEBUG "},
    [LOG_INFO] = {"info", "INFO  "},
    [LOG_WARN] = {"warn", "WARN  "},
    [LOG_ERROR] = {"error", "ERROR "},
};

static char *put(char *end, const char *bytes, size_t length)
{
    memcpy(end, bytes, length);
    return end + length;
}

static char *puts_at(char *end, const char *string)
{
    return put(end, string, strlen(string));
}

/* ASCII control, or one of the C1 controls, which terminals obey too. */
static bool is_control(unsigned character)
{
    return character < 0x20 || (character >= 0x7F && character < 0xA0);
}

/* Stands for itself in a JSON string, and is one byte. */
static bool is_literal(char c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* One character as it stands in a JSON string. */
static char *put_escape(char *end, unsigned character, const char *bytes, size_t length)
{
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    if (character == '"' || character == '\\')
        return put(puts_at(end, "\\"), bytes, 1);
    if (character < sizeof(letters) && letters[character])
        return put(puts_at(end, "\\"), &letters[character], 1);
    if (is_control(character))
        return end + sprintf(end, "\\u%04x", character);
    if (character == 0xFFFD)
        return puts_at(end, "\xEF\xBF\xBD");
    return put(end, bytes, length);
}

/* The inside of a JSON string; at most six bytes for each byte of `text`. */
static char *put_escaped(char *end, const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t run = 0;
        while (at + run < length && is_literal(text[at + run]))
            run++;
        end = put(end, text + at, run);
        at += run;
        if (at < length) {
            unsigned character;
            const size_t bytes = text_next(text + at, length - at, &character);
            end = put_escape(end, character, text + at, bytes);
            at += bytes;
        }
    }
    return end;
}

/* Nothing in it that would have to be quoted? */
static bool is_plain(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!is_literal(value[i]) || value[i] == ' ' || value[i] == '=')
            return false;
    return length > 0;
}

static char *put_value(char *end, const char *value)
{
    const size_t length = strnlen(value, VALUE_BYTES_MAX + 1);
    const size_t kept = text_cut(value, length, VALUE_BYTES_MAX);
    if (kept == length && is_plain(value, length))
        return put(end, value, length);
    *end++ = '"';
    end = put_escaped(end, value, kept);
    if (kept < length)
        end = puts_at(end, "...");
    *end++ = '"';
    return end;
}

char *log_line_quote(char out[LOG_QUOTED_BYTES_MAX], const char *value)
{
    *put_value(out, value) = '\0';
    return out;
}

static char *put_time(char *end)
{
    static time_t second = -1;
    static char until_second[sizeof("2026-01-02T03:04:05.")];

    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != second) {
        struct tm utc;
        gmtime_r(&now.tv_sec, &utc);
        strftime(until_second, sizeof(until_second), "%Y-%m-%dT%H:%M:%S.", &utc);
        second = now.tv_sec;
    }
    end = puts_at(end, until_second);
    const int ms = (int)(now.tv_nsec / 1000000);
    *end++ = (char)('0' + ms / 100);
    *end++ = (char)('0' + ms / 10 % 10);
    *end++ = (char)('0' + ms % 10);
    *end++ = 'Z';
    return end;
}

static char *put_text(char *end, const struct log_record *record)
{
    end = put_time(end);
    *end++ = ' ';
    end = puts_at(end, levels[record->level].column);
    end = puts_at(end, record->message ? record->message : record->event);
    if (record->request_id)
        end = put_value(puts_at(end, " id="), record->request_id);
    if (*record->pairs)
        end = puts_at(puts_at(end, " "), record->pairs);
    return end;
}

static char *put_logfmt(char *end, const struct log_record *record)
{
    end = put_time(puts_at(end, "time="));
    end = puts_at(puts_at(end, " level="), levels[record->level].word);
    end = puts_at(puts_at(end, " event="), record->event);
    if (record->request_id)
        end = put_value(puts_at(end, " id="), record->request_id);
    if (record->message) {
        end = puts_at(end, " message=\"");
        end = put_escaped(end, record->message, strlen(record->message));
        *end++ = '"';
    }
    if (*record->pairs)
        end = puts_at(puts_at(end, " "), record->pairs);
    return end;
}

/* `"name":"value"` */
static char *put_member(char *end, const char *name, const char *value, size_t length)
{
    *end++ = '"';
    end = puts_at(end, name);
    end = puts_at(end, "\":\"");
    end = put_escaped(end, value, length);
    *end++ = '"';
    return end;
}

/* A decimal number that JSON has too? Not one with an exponent, which ids made of hexadecimal
 * digits may look like, nor one with more digits than a double keeps. */
static bool is_number(const char *value, size_t length)
{
    if (length > 0 && value[0] == '-') {
        value++;
        length--;
    }
    const size_t whole = strspn(value, "0123456789");
    if (whole == 0 || length > 16 || (whole > 1 && value[0] == '0'))
        return false;
    if (whole >= length)
        return whole == length;
    return value[whole] == '.' && whole + 1 < length &&
           whole + 1 + strspn(value + whole + 1, "0123456789") == length;
}

/* The bytes of a JSON escape at `text`, which begins with a backslash; 0 if it is none. */
static size_t escape_length(const char *text)
{
    if (text[1] != 'u')
        return text[1] && strchr("\"\\/bfnrt", text[1]) ? 2 : 0;
    return strspn(text + 2, "0123456789abcdefABCDEF") >= 4 ? 6 : 0;
}

/* A quoted value, as log_quote made it, as a JSON string; one that was cut is closed. `*value` is
 * moved behind it. */
static char *put_quoted(char *end, const char **value)
{
    const char *p = *value + 1;
    *end++ = '"';
    while (*p && *p != '"') {
        size_t bytes = 1;
        if (*p == '\\') {
            bytes = escape_length(p);
            if (bytes == 0) {
                *end++ = '\\';
                bytes = 1;
            }
        }
        end = put(end, p, bytes);
        p += bytes;
    }
    *end++ = '"';
    *value = *p ? p + 1 : p;
    return end;
}

/* Pairs as members, each with a comma before it. A key without a value is true. */
static char *put_members(char *end, const char *pairs)
{
    for (;;) {
        pairs += strspn(pairs, " ");
        if (!*pairs)
            return end;
        const size_t key = strcspn(pairs, "= ");
        end = puts_at(end, ",\"");
        end = put_escaped(end, pairs, key);
        end = puts_at(end, "\":");
        pairs += key;
        if (*pairs != '=') {
            end = puts_at(end, "true");
            continue;
        }
        pairs++;
        if (*pairs == '"') {
            end = put_quoted(end, &pairs);
            continue;
        }
        const size_t length = strcspn(pairs, " ");
        if (is_number(pairs, length)) {
            end = put(end, pairs, length);
        } else {
            *end++ = '"';
            end = put_escaped(end, pairs, length);
            *end++ = '"';
        }
        pairs += length;
    }
}

static char *put_json(char *end, const struct log_record *record)
{
    end = put_time(puts_at(end, "{\"time\":\""));
    end = puts_at(end, "\",");
    end = put_member(end, "level", levels[record->level].word, strlen(levels[record->level].word));
    *end++ = ',';
    end = put_member(end, "event", record->event, strlen(record->event));
    if (record->request_id) {
        *end++ = ',';
        end =
            put_member(end, "id", record->request_id, strnlen(record->request_id, VALUE_BYTES_MAX));
    }
    if (record->message) {
        *end++ = ',';
        end = put_member(end, "message", record->message, strlen(record->message));
    }
    end = put_members(end, record->pairs);
    *end++ = '}';
    return end;
}

char *log_line_put(char *end, enum log_format format, const struct log_record *record)
{
    char *const start = end;
    switch (format) {
    case LOG_FORMAT_TEXT:
        end = put_text(end, record);
        break;
    case LOG_FORMAT_LOGFMT:
        end = put_logfmt(end, record);
        break;
    case LOG_FORMAT_JSON:
        end = put_json(end, record);
        break;
    }
    *end++ = '\n';
    assert(end - start <= LOG_LINE_BYTES_MAX);
    return end;
}
