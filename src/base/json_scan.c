/*
 * Recursive descent, as deep as JSON_DEPTH_MAX. A fault is reported where Python's json reports it
 * and in its words, since that is what the clients of this API are used to: so a number ends where
 * its grammar ends, and what follows is found to be wrong there (`01` is a 0 and extra data).
 */
#include "base/json_scan.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <unistr.h>

enum { NUMBER_BYTES_MAX = 63 }; /* more than cJSON takes; a double needs no more than 24 */

static_assert(CJSON_NESTING_LIMIT > JSON_DEPTH_MAX, "or cJSON refuses what was found good");

struct scan {
    const char *start, *at, *end;
    const char *fault_at; /* where and why it stopped, once a function returned an error */
    const char *reason;
    size_t values_left; /* that may still come */
    bool needs_repair;
};

static enum err scan_value(struct scan *scan, int depth);

static enum err fail_at(struct scan *scan, const char *at, enum err err, const char *reason)
{
    scan->fault_at = at;
    scan->reason = reason;
    return err;
}

static enum err fail(struct scan *scan, const char *reason)
{
    return fail_at(scan, scan->at, ERR_SYNTAX, reason);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Is `c` next? */
static bool sees(const struct scan *scan, char c)
{
    return scan->at < scan->end && *scan->at == c;
}

static bool skip(struct scan *scan, char c)
{
    if (!sees(scan, c))
        return false;
    scan->at++;
    return true;
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
        scan->at++;
}

static bool skip_digits(struct scan *scan)
{
    const char *first = scan->at;
    while (scan->at < scan->end && is_digit(*scan->at))
        scan->at++;
    return scan->at > first;
}

long json_scan_unit(const char *text, size_t length)
{
    if (length < 6 || text[0] != '\\' || text[1] != 'u')
        return -1;
    long unit = 0;
    for (int i = 2; i < 6; i++) {
        const char lower = (char)(text[i] | 0x20);
        if (is_digit(text[i]))
            unit = unit * 16 + (text[i] - '0');
        else if (lower >= 'a' && lower <= 'f')
            unit = unit * 16 + (lower - 'a' + 10);
        else
            return -1;
    }
    return unit;
}

/* Does each of the eight bytes stand for itself? What is looked for is made a byte that borrows, so
 * that its top bit is set, when 0x20, or 1 from what an exclusive or has made 0, is taken away. */
static bool are_plain(uint64_t bytes)
{
    const uint64_t each = UINT64_MAX / 0xFF; /* 1 in each byte */
    const uint64_t controls = bytes - each * 0x20;
    const uint64_t quotes = (bytes ^ each * '"') - each;
    const uint64_t backslashes = (bytes ^ each * '\\') - each;
    return ((controls | quotes | backslashes) & ~bytes & each * 0x80) == 0;
}

size_t json_plain_prefix(const char *text, size_t length)
{
    size_t i = 0;
    for (uint64_t bytes; length - i >= sizeof(bytes); i += sizeof(bytes)) {
        memcpy(&bytes, text + i, sizeof(bytes));
        if (!are_plain(bytes))
            break;
    }
    while (i < length && (unsigned char)text[i] >= 0x20 && text[i] != '"' && text[i] != '\\')
        i++;
    return i;
}

/* At a backslash; moves past the escape, or past both of a surrogate pair. */
static enum err scan_escape(struct scan *scan, const char *opening_quote)
{
    if (scan->end - scan->at < 2)
        return fail_at(scan, opening_quote, ERR_SYNTAX, "Unterminated string starting at");
    if (scan->at[1] != 'u') {
        if (!memchr("\"\\/bfnrt", scan->at[1], 8))
            return fail(scan, "Invalid \\escape");
        scan->at += 2;
        return OK;
    }

    const long unit = json_scan_unit(scan->at, (size_t)(scan->end - scan->at));
    if (unit < 0)
        return fail_at(scan, scan->at + 1, ERR_SYNTAX, "Invalid \\uXXXX escape");
    scan->at += 6;
    if (unit >= 0xD800 && unit <= 0xDBFF) {
        const long low = json_scan_unit(scan->at, (size_t)(scan->end - scan->at));
        if (low >= 0xDC00 && low <= 0xDFFF)
            scan->at += 6;
        else
            scan->needs_repair = true;
    } else if (unit == 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) {
        scan->needs_repair = true;
    }
    return OK;
}

static enum err scan_string(struct scan *scan)
{
    const char *opening_quote = scan->at++;
    for (;;) {
        scan->at += json_plain_prefix(scan->at, (size_t)(scan->end - scan->at));
        if (scan->at == scan->end)
            break;
        if (skip(scan, '"'))
            return OK;
        if (!sees(scan, '\\'))
            return fail(scan, "Invalid control character at");
        const enum err err = scan_escape(scan, opening_quote);
        if (err)
            return err;
    }
    return fail_at(scan, opening_quote, ERR_SYNTAX, "Unterminated string starting at");
}

/* As a number within a double's range? The bytes are one by the grammar. */
static enum err check_number(struct scan *scan, const char *number)
{
    const size_t length = (size_t)(scan->at - number);
    if (length > NUMBER_BYTES_MAX)
        return fail_at(scan, number, ERR_RANGE, "Number too long");
    char digits[NUMBER_BYTES_MAX + 1];
    memcpy(digits, number, length);
    digits[length] = '\0';
    if (strpbrk(digits, "eE") && !isfinite(strtod(digits, NULL)))
        return fail_at(scan, number, ERR_RANGE, "Number out of range");
    return OK;
}

/* At a minus or a digit; stops where the grammar does, before a half-written fraction, say. */
static enum err scan_number(struct scan *scan)
{
    const char *number = scan->at;
    skip(scan, '-');
    if (!skip(scan, '0') && !skip_digits(scan))
        return fail_at(scan, number, ERR_SYNTAX, "Expecting value");

    const char *good = scan->at;
    if (skip(scan, '.') && skip_digits(scan))
        good = scan->at;
    scan->at = good;
    if (skip(scan, 'e') || skip(scan, 'E')) {
        if (!skip(scan, '+'))
            skip(scan, '-');
        if (skip_digits(scan))
            good = scan->at;
    }
    scan->at = good;
    return check_number(scan, number);
}

static enum err scan_literal(struct scan *scan)
{
    static const char *const literals[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof(literals) / sizeof(*literals); i++) {
        const size_t length = strlen(literals[i]);
        if ((size_t)(scan->end - scan->at) >= length &&
            memcmp(scan->at, literals[i], length) == 0) {
            scan->at += length;
            return OK;
        }
    }
    return fail(scan, "Expecting value");
}

/* `"name": value` */
static enum err scan_member(struct scan *scan, int depth)
{
    if (!sees(scan, '"'))
        return fail(scan, "Expecting property name enclosed in double quotes");
    const enum err err = scan_string(scan);
    if (err)
        return err;
    skip_space(scan);
    if (!skip(scan, ':'))
        return fail(scan, "Expecting ':' delimiter");
    return scan_value(scan, depth);
}

/* At the opening bracket: members or values up to the closing one. */
static enum err scan_container(struct scan *scan, char closing, int depth)
{
    if (depth > JSON_DEPTH_MAX)
        return fail_at(scan, scan->at, ERR_LIMIT, "Nested too deeply");
    scan->at++;
    skip_space(scan);
    if (skip(scan, closing))
        return OK;
    for (;;) {
        const enum err err = closing == '}' ? scan_member(scan, depth) : scan_value(scan, depth);
        if (err)
            return err;
        skip_space(scan);
        if (skip(scan, closing))
            return OK;
        if (!skip(scan, ','))
            return fail(scan, "Expecting ',' delimiter");
        skip_space(scan);
    }
}

/* A value within `depth` containers. */
static enum err scan_value(struct scan *scan, int depth)
{
    skip_space(scan);
    if (scan->at == scan->end)
        return fail(scan, "Expecting value");
    if (scan->values_left == 0)
        return fail_at(scan, scan->at, ERR_LIMIT, "Too many values");
    scan->values_left--;

    const char c = *scan->at;
    if (c == '{')
        return scan_container(scan, '}', depth + 1);
    if (c == '[')
        return scan_container(scan, ']', depth + 1);
    if (c == '"')
        return scan_string(scan);
    if (c == '-' || is_digit(c))
        return scan_number(scan);
    return scan_literal(scan);
}

static enum err scan_document(struct scan *scan)
{
    const uint8_t *ill_formed = u8_check((const uint8_t *)scan->at, (size_t)(scan->end - scan->at));
    if (ill_formed)
        return fail_at(scan, (const char *)ill_formed, ERR_ENCODING, "Invalid UTF-8");
    const enum err err = scan_value(scan, 0);
    if (err)
        return err;
    skip_space(scan);
    return scan->at == scan->end ? OK : fail(scan, "Extra data");
}

enum err json_scan(const char *bytes, size_t length, size_t values_max, struct json_fault *fault,
                   bool *needs_repair_out)
{
    struct scan scan = {
        .start = bytes, .at = bytes, .end = bytes + length, .values_left = values_max};
    const enum err err = scan_document(&scan);
    if (!err)
        *needs_repair_out = scan.needs_repair;
    else if (fault)
        *fault = (struct json_fault){(size_t)(scan.fault_at - scan.start), scan.reason};
    return err;
}
