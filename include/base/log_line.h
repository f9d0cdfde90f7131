/*
 * log_line.h: how a line of the log looks in each format. For log.c alone; see log.h.
 */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include "base/log.h"

enum {
    LOG_PAIRS_BYTES_MAX = 2048,     /* of a record's pairs or message, with the NUL */
    LOG_QUOTED_BYTES_MAX = 1280,    /* of a value as log_quote returns it, with the NUL */
    LOG_LINE_BYTES_MAX = 16 * 1024, /* of a whole line, everything in it escaped */
};

/* What a line is made from. Pairs and message are less than LOG_PAIRS_BYTES_MAX long, well-formed,
 * and without control bytes. */
struct log_record {
    enum log_level level;
    const char *event;
    const char *request_id; /* anything; NULL: none */
    const char *pairs;      /* "" for none */
    const char *message;    /* NULL, or the words that stand in place of event and pairs */
};

/* Writes the line, its LF included, to `end`, where LOG_LINE_BYTES_MAX are free; returns its end.
 */
char *log_line_put(char *end, enum log_format format, const struct log_record *record);

/* Writes `value` as a value to `out`, with a NUL; returns `out`. */
char *log_line_quote(char out[LOG_QUOTED_BYTES_MAX], const char *value);

#endif
