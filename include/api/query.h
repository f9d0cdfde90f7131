/* query.h: parameters of the query string, read as the old framework reads them. */
#ifndef API_QUERY_H
#define API_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "api/request.h"

/* true/false, 1/0, yes/no, on/off, t/f, y/n in any case. False: it is none of them. */
bool parse_bool(const char *text, bool *out);

/* The parameter, its last occurrence, or `fallback` where it is absent. False: it is no boolean;
 * that was noted as a fault of the request. */
bool query_bool(struct request *request, const char *name, bool fallback, bool *out);

/* An integer as pydantic reads one from a text: "7", " +7 ", "1_000", "7.0". What is beyond 64 bits
 * becomes the nearest that is not. */
bool parse_int(const char *text, int64_t *out);

/* The parameter, its last occurrence, or `fallback` where it is absent; `min` to `max`. False: it
 * is something else; that was noted. */
bool query_int(struct request *request, const char *name, int64_t fallback, int64_t min,
               int64_t max, int64_t *out);

/* The number that stands for the route's first {}, by the name that faults call it. */
bool path_int(struct request *request, const char *name, int64_t *out);

#endif
