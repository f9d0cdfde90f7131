/*
 * log.h: one event, one line, on standard error.
 *
 *     log_info(request_id, "request", "method=%s path=%s status=%d", method, log_quote(path), 200);
 *
 * A line has the time, the level, the event, the request id where there is one ("" or NULL: none),
 * and key=value pairs. LOG_FORMAT chooses:
 *
 *     text    2026-01-02T03:04:05.678Z INFO  request id=b7 method=GET path=/ status=200
 *     logfmt  time=2026-01-02T03:04:05.678Z level=info event=request id=b7 method=GET ...
 *     json    {"time":"2026-01-02T03:04:05.678Z","level":"info","event":"request","id":"b7",...}
 *
 * In each, nothing from outside can begin a new line, and nothing that went through log_quote can
 * forge a pair. In json, values that are plain decimal numbers are numbers, the rest are strings.
 *
 * Lines are gathered and written together by log_flush, which the event loop calls each time it is
 * about to wait; warnings and errors are written at once. Logging never waits: while whoever reads
 * standard error does not keep up, up to 64 KB are kept, further lines are dropped, and their
 * number is logged when there is room again. What cannot be written at all is thrown away. SIGPIPE
 * has to be ignored by the program. The loop's thread only.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

void log_init(enum log_level level, enum log_format format);
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/* `pairs` is a printf format that yields space-separated key=value; a value that may have a space,
 * quote or control byte in it must be written with log_quote. At most 2 KB; more is cut. */
void log_event(enum log_level level, const char *request_id, const char *event, const char *pairs,
               ...) __attribute__((format(printf, 4, 5)));

/* A free message in place of event and pairs, such as "[OPTIMIZED] File processing completed in
 * 12.5s", at level info: operators search for these, so the words stand literally in the line. */
void log_marker(const char *request_id, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `value` in a form safe as a value: as it is, or quoted and escaped as in JSON where needed; cut
 * at 200 bytes; NULL gives "". The result lives in one of eight static slots, used in turn: for the
 * arguments of one log call. */
const char *log_quote(const char *value);

/* Writes what was gathered, as far as that goes without waiting. Call it before exiting, too. */
void log_flush(void);

#define log_debug(id, event, ...) log_event(LOG_DEBUG, (id), (event), __VA_ARGS__)
#define log_info(id, event, ...)  log_event(LOG_INFO, (id), (event), __VA_ARGS__)
#define log_warn(id, event, ...)  log_event(LOG_WARN, (id), (event), __VA_ARGS__)
#define log_error(id, event, ...) log_event(LOG_ERROR, (id), (event), __VA_ARGS__)

#endif
