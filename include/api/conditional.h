/*
 * conditional.h: what the conditional headers of a GET or HEAD ask for (RFC 9110, 13 and 14): the
 * whole representation, a part of it, nothing because the client has it, or nothing at all.
 *
 * Pure: header values in, a selection out. Headers that make no sense count as not sent.
 */
#ifndef API_CONDITIONAL_H
#define API_CONDITIONAL_H

#include <stdbool.h>
#include <stdint.h>

struct representation {
    const char *etag;   /* strong, with its quotes */
    int64_t modified_s; /* Unix time */
    uint64_t size;      /* bytes */
};

/* Header values; NULL where a header was not sent. */
struct conditions {
    const char *if_match, *if_unmodified_since;
    const char *if_none_match, *if_modified_since;
    const char *range, *if_range; /* only of a GET */
};

struct selection {
    int status;              /* 200; 206 a part; 304 the client has it; 412; 416 no such part */
    uint64_t offset, length; /* of the part; all of it unless `status` is 206 */
};

struct selection conditional_select(const struct representation *representation,
                                    const struct conditions *conditions);

enum { HTTP_DATE_BYTES = 30 };

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7); years from 1970 to 9999, what is beyond
 * becomes the nearest of these. */
void http_date_format(int64_t unix_s, char out[HTTP_DATE_BYTES]);

/* The three forms of a date that HTTP has had; false for anything else. */
bool http_date_parse(const char *text, int64_t *out);

#endif
