/*
 * How long to wait and how often to come back, as servers and our own budget say: the parts of
 * decide.h that are about time. Numbers in headers are read here digit by digit: strtod also takes
 * signs, exponents, hexadecimals and "nan".
 */
#include "upstream/decide.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    DIGITS_MAX = 12, /* before the point */
    TEXT_MAX = 64,   /* bytes of a header value that may be a date or a number */
    BUDGET_WINDOW_MS = 10 * 1000,
    BUDGET_RETRIES_MIN = 10,
    BUDGET_CALLS_PER_RETRY = 5,
};

/* Reads digits with an optional fraction, and moves `at` behind them. */
static bool read_number(const char **at, double *out)
{
    double number = 0;
    size_t digits = 0;
    for (; isdigit((unsigned char)**at); ++*at, digits++) {
        if (digits == DIGITS_MAX)
            return false;
        number = number * 10 + (**at - '0');
    }
    if (digits == 0)
        return false;
    if (**at == '.') {
        ++*at;
        if (!isdigit((unsigned char)**at))
            return false;
        for (double unit = 0.1; isdigit((unsigned char)**at); ++*at, unit /= 10)
            number += unit * (**at - '0');
    }
    *out = number;
    return true;
}

/* Rounded up, but not for what binary fractions add to decimal ones; -1: senseless. */
static int64_t whole_ms(double ms)
{
    static const double ms_max = 1e15; /* 30,000 years; and well within an int64_t */
    return ms < ms_max ? (int64_t)ceil(ms - 1e-7) : -1;
}

/* --- what a server asks for ----------------------------------------------------------------- */

/* The whole of `text` as a number, times `scale`, rounded up; -1: it is none. */
static int64_t number_ms(const char *text, double scale)
{
    double number;
    if (!read_number(&text, &number) || *text != '\0')
        return -1;
    return whole_ms(number * scale);
}

/* A date of RFC 9110 5.6.7, in its three forms, as Unix time; -1: it is none. */
static int64_t date_s(const char *text, int64_t now_s)
{
    static const struct {
        const char *form;
        bool short_year;
    } forms[] = {
        {"%a, %d %b %Y %H:%M:%S GMT", false}, /* Sun, 06 Nov 1994 08:49:37 GMT */
        {"%A, %d-%b-%y %H:%M:%S GMT", true},  /* Sunday, 06-Nov-94 08:49:37 GMT */
        {"%a %b %e %H:%M:%S %Y", false},      /* Sun Nov  6 08:49:37 1994 */
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm date = {0};
        const char *rest = strptime(text, forms[i].form, &date);
        if (!rest || *rest != '\0')
            continue;
        struct tm today = {0};
        const time_t now = (time_t)now_s;
        gmtime_r(&now, &today);
        if (forms[i].short_year) { /* the latest that is not more than 50 years ahead */
            date.tm_year = today.tm_year - today.tm_year % 100 + 100 + date.tm_year % 100;
            while (date.tm_year > today.tm_year + 50)
                date.tm_year -= 100;
        }
        const int day = date.tm_mday;
        const time_t then = timegm(&date);
        return date.tm_mday == day ? (int64_t)then : -1; /* no 31st of February */
    }
    return -1;
}

int64_t decide_server_wait_ms(const char *retry_after_ms, const char *retry_after, int64_t now_s)
{
    const int64_t ms = retry_after_ms ? number_ms(retry_after_ms, 1) : -1;
    if (ms >= 0)
        return ms;
    if (!retry_after || strnlen(retry_after, TEXT_MAX) == TEXT_MAX)
        return -1;
    const int64_t seconds = number_ms(retry_after, 1000);
    if (seconds >= 0)
        return seconds;
    const int64_t date = date_s(retry_after, now_s);
    if (date < 0)
        return -1;
    return date > now_s ? (date - now_s) * 1000 : 0;
}

/* --- durations ------------------------------------------------------------------------------ */

/* Reads a unit, and moves `at` behind it; 0: there is none. Longer ones first, as "m" begins "ms".
 */
static double read_unit_ms(const char **at)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ns", 1e-6}, {"us", 1e-3}, {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        const size_t length = strlen(units[i].name);
        if (strncmp(*at, units[i].name, length) == 0) {
            *at += length;
            return units[i].ms;
        }
    }
    return 0;
}

int64_t decide_duration_ms(const char *text)
{
    if (!text || *text == '\0' || strnlen(text, TEXT_MAX) == TEXT_MAX)
        return -1;
    const int64_t seconds = number_ms(text, 1000);
    if (seconds >= 0)
        return seconds;
    double ms = 0;
    while (*text != '\0') {
        double number;
        if (!read_number(&text, &number))
            return -1;
        const double unit = read_unit_ms(&text);
        if (unit == 0)
            return -1;
        ms += number * unit;
    }
    return whole_ms(ms);
}

/* --- limits --------------------------------------------------------------------------------- */

/* A whole number; -1: it is none. */
static int64_t read_count(const char *text)
{
    const size_t digits = text ? strspn(text, "0123456789") : 0;
    return digits > 0 && digits <= DIGITS_MAX && text[digits] == '\0' ? atoll(text) : -1;
}

uint64_t decide_hold_ms(const char *limit, const char *remaining, const char *reset,
                        uint64_t needed)
{
    const int64_t left = read_count(remaining), all = read_count(limit);
    const int64_t full_ms = decide_duration_ms(reset);
    if (left < 0 || full_ms <= 0 || (uint64_t)left >= needed)
        return 0;
    if (all < 0)
        return (uint64_t)full_ms;
    if (left >= all)
        return 0; /* it needs more than there ever is, and was let through all the same */
    const double missing = fmin((double)needed, (double)all) - (double)left;
    return (uint64_t)ceil((double)full_ms * missing / (double)(all - left));
}

/* --- the budget of retries ------------------------------------------------------------------ */

static void budget_roll(struct retry_budget *budget, uint64_t now_ms)
{
    const uint64_t age_ms = now_ms - budget->since_ms;
    if (age_ms < BUDGET_WINDOW_MS)
        return;
    const bool next = age_ms < 2 * BUDGET_WINDOW_MS;
    *budget = (struct retry_budget){
        .since_ms = next ? budget->since_ms + BUDGET_WINDOW_MS : now_ms,
        .last_calls = next ? budget->calls : 0,
        .last_retries = next ? budget->retries : 0,
    };
}

void retry_budget_call(struct retry_budget *budget, uint64_t now_ms)
{
    budget_roll(budget, now_ms);
    budget->calls++;
}

bool retry_budget_take(struct retry_budget *budget, uint64_t now_ms)
{
    budget_roll(budget, now_ms);
    const double recent = 1 - (double)(now_ms - budget->since_ms) / BUDGET_WINDOW_MS;
    const double calls = budget->calls + recent * budget->last_calls;
    const double retries = budget->retries + recent * budget->last_retries;
    if (retries + 1 > fmax(BUDGET_RETRIES_MIN, calls / BUDGET_CALLS_PER_RETRY))
        return false;
    budget->retries++;
    return true;
}
