/*
 * urlencoded.h: application/x-www-form-urlencoded bodies: `a=1&b=two+words&c=`.
 *
 * Reads a whole body, which the caller has limited, as the URL standard's form parser does: a field
 * without "=" has the value "", empty values are kept, "%" before anything but two hexadecimal
 * digits stands for itself.
 *
 *     static enum err on_field(void *context, const char *name, const char *value,
 *                              struct error *error);
 *     err = urlencoded_parse(body, length, config->fields_max, &error, on_field, form);
 */
#ifndef API_URLENCODED_H
#define API_URLENCODED_H

#include <stddef.h>

#include "base/error.h"

/* Calls `on_field` for each field in order, repeated ones too, with both strings decoded: valid
 * UTF-8 without NUL, valid during the call only. The first call that does not return OK ends it
 * with its error. ERR_SYNTAX past `fields_max`: "Too many fields. Maximum number of fields is N."
 */
MUST_CHECK enum err urlencoded_parse(const char *bytes, size_t length, size_t fields_max,
                                     struct error *error,
                                     enum err (*on_field)(void *context, const char *name,
                                                          const char *value, struct error *error),
                                     void *context);

/* Decodes %XX into `out`, which has room for `length` bytes and may be `bytes` itself; returns how
 * many there are. Any byte may come out, NUL included. */
size_t urlencoded_unescape(const char *bytes, size_t length, char *out);

#endif
