/* One table, three readings of it. */
#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    int status;
} errors[ERR_COUNT] = {[OK] = {"ok", 200},
#define X(code, http_status, name) [code] = {name, http_status},
                       ERROR_TABLE(X)
#undef X
};

const char *err_word(enum err err)
{
    assert(err < ERR_COUNT);
    return errors[err].word;
}

int err_status(enum err err)
{
    assert(err < ERR_COUNT);
    return errors[err].status;
}

enum err error_set(struct error *error, enum err code, const char *format, ...)
{
    assert(code < ERR_COUNT);
    if (!error)
        return code;
    error->code = code;

    va_list args;
    va_start(args, format);
    const int length = vsnprintf(error->detail, sizeof(error->detail), format, args);
    va_end(args);
    if (length < (int)sizeof(error->detail))
        return code;

    /* Cut: take the last character off if only a part of it fitted (10xxxxxx continues one). */
    size_t end = sizeof(error->detail) - 1;
    size_t start = end;
    while (start > 0 && ((unsigned char)error->detail[start - 1] & 0xC0) == 0x80)
        start--;
    if (start > 0 && (unsigned char)error->detail[start - 1] >= 0xC0)
        end = start - 1;
    error->detail[end] = '\0';
    return code;
}
