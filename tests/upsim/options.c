#include "upsim/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum option_type { OPTION_RANGE, OPTION_NUMBER, OPTION_PORT, OPTION_SWITCH, OPTION_MARK };

static const uint64_t NUMBER_MAX = 1000u * 1000 * 1000;

struct option_row {
    const char *name;
    enum option_type type;
    size_t offset;
    const char *fallback;
    const char *help;
};

#define AT(field) offsetof(struct options, field)

static const struct option_row rows[] = {
    {"port", OPTION_PORT, AT(port), "0", "to listen on, of 127.0.0.1; 0: any free one"},
    {"upload-ms", OPTION_RANGE, AT(upload_ms), "0", "until an upload is answered"},
    {"parse-ms", OPTION_RANGE, AT(parse_ms), "0", "until a parse job ends"},
    {"poll-ms", OPTION_RANGE, AT(poll_ms), "0", "until a poll or a result is answered"},
    {"analysis-ms", OPTION_RANGE, AT(analysis_ms), "0", "until the first token of an analysis"},
    {"scenes-ms", OPTION_RANGE, AT(scenes_ms), "0", "until the first token of scenes"},
    {"chat-ms", OPTION_RANGE, AT(chat_ms), "0", "until the first token of other chat calls"},
    {"image-ms", OPTION_RANGE, AT(image_ms), "0", "until pictures are answered"},
    {"embed-ms", OPTION_RANGE, AT(embed_ms), "0", "until embeddings are answered"},
    {"tokens-per-second", OPTION_NUMBER, AT(tokens_per_second), "0",
     "the pace after the first token, streamed or not; 0: all at once"},
    {"event-tokens", OPTION_NUMBER, AT(event_tokens), "1", "tokens in a streamed chunk"},
    {"stream", OPTION_SWITCH, AT(stream), "on", "off: `stream` is an unknown parameter"},
    {"parse-cache", OPTION_SWITCH, AT(parse_cache), "off",
     "the same bytes again are a finished job, as with the vendor for 48 hours"},
    {"strict", OPTION_SWITCH, AT(strict), "on",
     "refuse unknown fields, fields a model lacks, loose schemas, shut-down models"},
    {"seed", OPTION_NUMBER, AT(seed), "1", "of all that is drawn"},
    {"scenes", OPTION_NUMBER, AT(scenes), "4", "in an answer, where the request says no number"},
    {"image-bytes", OPTION_NUMBER, AT(image_bytes), "0", "of a picture, at least"},
    {"url-ttl-ms", OPTION_NUMBER, AT(url_ttl_ms), "3600000", "how long a picture's URL is good"},
    {"idle-ms", OPTION_NUMBER, AT(idle_ms), "0", "closes connections idle for as long; 0: never"},
    {"fence-open", OPTION_MARK, AT(fence_open), "<<<DOCUMENT ", "before the id of a fence"},
    {"fence-close", OPTION_MARK, AT(fence_close), "<<<END DOCUMENT ", "before it at the end"},
    {"fence-end", OPTION_MARK, AT(fence_end), ">>>", "after the id, both times"},
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

static bool read_number(const char *text, const char **end_out, uint64_t *out)
{
    if (!isdigit((unsigned char)text[0]))
        return false;
    char *end;
    const unsigned long long number = strtoull(text, &end, 10);
    *end_out = end;
    *out = number;
    return number <= NUMBER_MAX;
}

static const char *set_range(struct range *out, const char *value)
{
    static const char allowed[] = "milliseconds, or a range such as 3000-5000";
    struct range range;
    const char *end;
    if (!read_number(value, &end, &range.low))
        return allowed;
    range.high = range.low;
    if (*end == '-' && !read_number(end + 1, &end, &range.high))
        return allowed;
    if (*end || range.high < range.low)
        return allowed;
    *out = range;
    return NULL;
}

static const char *set_number(uint64_t *out, const char *value)
{
    const char *end;
    uint64_t number;
    if (!read_number(value, &end, &number) || *end)
        return "a whole number of at most 1,000,000,000";
    *out = number;
    return NULL;
}

static const char *set_port(int *out, const char *value)
{
    uint64_t number;
    if (set_number(&number, value) || number > 65535)
        return "a port from 0 to 65535";
    *out = (int)number;
    return NULL;
}

static const char *set_switch(bool *out, const char *value)
{
    const bool on = strcmp(value, "on") == 0;
    if (!on && strcmp(value, "off") != 0)
        return "on or off";
    *out = on;
    return NULL;
}

static const char *set_mark(char *out, const char *value)
{
    const size_t length = strlen(value);
    if (length == 0 || length >= MARK_BYTES)
        return "1 to 63 bytes";
    memcpy(out, value, length + 1);
    return NULL;
}

static const char *set_row(struct options *options, const struct option_row *row, const char *value)
{
    void *field = (char *)options + row->offset;
    switch (row->type) {
    case OPTION_RANGE:
        return set_range(field, value);
    case OPTION_NUMBER:
        return set_number(field, value);
    case OPTION_PORT:
        return set_port(field, value);
    case OPTION_SWITCH:
        return set_switch(field, value);
    case OPTION_MARK:
        return set_mark(field, value);
    }
    abort();
}

void options_init(struct options *options)
{
    *options = (struct options){0};
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (set_row(options, &rows[i], rows[i].fallback))
            abort();
}

const char *options_set(struct options *options, const char *name, const char *value)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return set_row(options, &rows[i], value);
    return "no such option: see --help";
}

void options_print_help(FILE *file)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        fprintf(file, "  --%-18s %s [%s]\n", rows[i].name, rows[i].help, rows[i].fallback);
}

uint64_t range_draw(const struct range *range, struct dice *dice)
{
    return dice_between(dice, range->low, range->high);
}
