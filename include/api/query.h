/* query.h: parameters of the query string, read as the old framework reads them. */
#ifndef API_QUERY_H
#define API_QUERY_H

#include <stdbool.h>

#include "api/request.h"

/* true/false, 1/0, yes/no, on/off, t/f, y/n in any case. False: it is none of them. */
bool parse_bool(const char *text, bool *out);

/* The parameter, its last occurrence, or `fallback` where it is absent. False: it is no boolean;
 * that was noted as a fault of the request. */
bool query_bool(struct request *request, const char *name, bool fallback, bool *out);

#endif
