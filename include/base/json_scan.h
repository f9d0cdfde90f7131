/*
 * json_scan.h: does a document follow RFC 8259, within our limits? For json*.c alone; see
 * json.h.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"

/* Walks all of `bytes`. What json_parse_up_to says about errors holds here. `needs_repair_out`: is
 * there a `\u0000` or a lone surrogate in it? */
MUST_CHECK enum err json_scan(const char *bytes, size_t length, size_t values_max,
                              struct json_fault *fault, bool *needs_repair_out);

/* The code unit of the `\uXXXX` at `text`, or -1 when there is none. */
long json_scan_unit(const char *text, size_t length);

/* The bytes at the start of `text` that stand for themselves in a JSON string: up to the first
 * quote, backslash or control character. */
size_t json_plain_prefix(const char *text, size_t length);

#endif
