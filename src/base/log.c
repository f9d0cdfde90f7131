/*
 * A line is composed in place, at the end of the gathered lines, where room for the longest
 * possible one is kept: no allocation, no copy. Pairs are formatted first and made harmless, since
 * a caller may have forgotten log_quote.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log_line.h"
#include "base/text.h"

enum {
    ROOM = 2 * LOG_LINE_BYTES_MAX,  /* for a report of lost lines and the line that finds it due */
    LINES_BYTES = 64 * 1024 + ROOM, /* gathered before they are written in any case */
    SLOTS = 8,                      /* of log_quote: more values than any one line has */
    INTERRUPTIONS_MAX = 16,         /* of one flush; then the rest is left for the next */
};

static enum log_level least_level = LOG_INFO;
static enum log_format line_format = LOG_FORMAT_TEXT;
static char lines[LINES_BYTES];
static size_t used;
static size_t lost; /* lines dropped since the last report */

void log_init(enum log_level level, enum log_format format)
{
    least_level = level;
    line_format = format;
}

void log_set_level(enum log_level level)
{
    least_level = level;
}

bool log_enabled(enum log_level level)
{
    return level >= least_level;
}

const char *log_quote(const char *value)
{
    static char slots[SLOTS][LOG_QUOTED_BYTES_MAX];
    static unsigned next;
    return log_line_quote(slots[next++ % SLOTS], value ? value : "");
}

static void append_line(const struct log_record *record)
{
    used = (size_t)(log_line_put(lines + used, line_format, record) - lines);
}

/* Takes the record in, after a report of those that were lost for want of room. */
static void append(struct log_record record)
{
    if (LINES_BYTES - used < ROOM)
        log_flush();
    if (LINES_BYTES - used < ROOM) {
        lost++;
        return;
    }
    if (lost > 0) {
        char pairs[32];
        snprintf(pairs, sizeof(pairs), "lines=%zu", lost);
        lost = 0;
        append_line(&(struct log_record){.level = LOG_WARN, .event = "log_lost", .pairs = pairs});
    }
    if (record.request_id && !*record.request_id)
        record.request_id = NULL;
    append_line(&record);
    if (record.level >= LOG_WARN)
        log_flush();
}

/* Control characters (also C1's, which terminals obey) and ill-formed UTF-8 become '?'. */
static void make_harmless(char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        if (text[at] >= ' ' && text[at] <= '~') {
            at++;
            continue;
        }
        unsigned character;
        const size_t bytes = text_next(text + at, length - at, &character);
        if (character < 0x20 || (character >= 0x7F && character < 0xA0) ||
            (character == 0xFFFD && bytes == 1))
            memset(text + at, '?', bytes);
        at += bytes;
    }
}

static void format_harmless(char out[LOG_PAIRS_BYTES_MAX], const char *format, va_list args)
{
    out[0] = '\0';
    const int wanted = vsnprintf(out, LOG_PAIRS_BYTES_MAX, format, args);
    size_t length = wanted < 0 ? 0 : (size_t)wanted;
    if (length >= LOG_PAIRS_BYTES_MAX)
        length = LOG_PAIRS_BYTES_MAX - 1; /* half a character at the end becomes '?' */
    make_harmless(out, length);
}

void log_event(enum log_level level, const char *request_id, const char *event, const char *pairs,
               ...)
{
    if (!log_enabled(level))
        return;
    char formatted[LOG_PAIRS_BYTES_MAX];
    va_list args;
    va_start(args, pairs);
    format_harmless(formatted, pairs, args);
    va_end(args);
    append((struct log_record){
        .level = level, .event = event, .request_id = request_id, .pairs = formatted});
}

void log_marker(const char *request_id, const char *format, ...)
{
    if (!log_enabled(LOG_INFO))
        return;
    char formatted[LOG_PAIRS_BYTES_MAX];
    va_list args;
    va_start(args, format);
    format_harmless(formatted, format, args);
    va_end(args);
    append((struct log_record){.level = LOG_INFO,
                               .event = "marker",
                               .request_id = request_id,
                               .pairs = "",
                               .message = formatted});
}

void log_flush(void)
{
    const int saved_errno = errno; /* callers log an error before they look at errno again */
    size_t written = 0;
    int interruptions = 0;
    while (written < used) {
        const ssize_t n = write(STDERR_FILENO, lines + written, used - written);
        if (n > 0)
            written += (size_t)n;
        else if (n < 0 && errno == EINTR && interruptions++ < INTERRUPTIONS_MAX)
            continue;
        else if (n < 0 && (errno == EINTR || errno == EAGAIN))
            break; /* kept for the next flush */
        else
            written = used; /* closed or broken: there is nobody to tell */
    }
    memmove(lines, lines + written, used - written);
    used -= written;
    errno = saved_errno;
}
