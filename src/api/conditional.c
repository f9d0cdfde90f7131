#include "api/conditional.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char blanks[] = " \t";

/* --- dates -------------------------------------------------------------------------------------
 */

void http_date_format(int64_t unix_s, char out[HTTP_DATE_BYTES])
{
    static const int64_t last_of_9999 = 253402300799;
    const time_t seconds = unix_s < 0 ? 0 : unix_s > last_of_9999 ? last_of_9999 : unix_s;
    struct tm utc;
    gmtime_r(&seconds, &utc);
    /* In English, since nobody calls setlocale. */
    const size_t length = strftime(out, HTTP_DATE_BYTES, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    assert(length == HTTP_DATE_BYTES - 1);
    (void)length;
}

bool http_date_parse(const char *text, int64_t *out)
{
    static const char *const formats[] = {
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT", /* RFC 850: years 69 to 99 are of the last century */
        "%a %b %e %H:%M:%S %Y",      /* asctime */
    };
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct tm utc = {0};
        const char *rest = strptime(text, formats[i], &utc);
        if (rest && rest[strspn(rest, blanks)] == '\0') {
            *out = timegm(&utc);
            return true;
        }
    }
    return false;
}

/* --- entity tags -------------------------------------------------------------------------------
 */

/* Is the tag in a list such as `W/"a", "b"`, or the list "*"? A strong comparison passes over weak
 * tags (RFC 9110 8.8.3.2). What follows a malformed entry is not read. */
static bool tag_listed(const char *list, const char *etag, bool strong)
{
    const size_t length = strlen(etag);
    list += strspn(list, blanks);
    if (*list == '*')
        return list[1 + strspn(list + 1, blanks)] == '\0';
    for (;;) {
        list += strspn(list, ", \t");
        const bool weak = strncmp(list, "W/", 2) == 0;
        list += weak ? 2 : 0;
        if (*list != '"')
            return false;
        const char *end = strchr(list + 1, '"');
        if (!end)
            return false;
        end++;
        if (!(weak && strong) && (size_t)(end - list) == length && memcmp(list, etag, length) == 0)
            return true;
        list = end;
    }
}

static bool is_tag(const char *value)
{
    value += strspn(value, blanks);
    return *value == '"' || strncmp(value, "W/", 2) == 0;
}

/* --- ranges ------------------------------------------------------------------------------------
 */

/* Digits at `*at`, which moves past them; UINT64_MAX for what is larger. False: there are none. */
static bool read_number(const char **at, uint64_t *out)
{
    const char *c = *at;
    uint64_t value = 0;
    for (; *c >= '0' && *c <= '9'; c++) {
        const unsigned digit = (unsigned)(*c - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    if (c == *at)
        return false;
    *at = c;
    *out = value;
    return true;
}

/* `bytes=2-5`, `bytes=2-` or `bytes=-4` of `size` bytes. Several ranges, and what is no range, are
 * the whole, as everybody may answer them (RFC 9110 14.2). */
static struct selection select_range(const char *range, uint64_t size)
{
    static const char unit[] = "bytes=";
    const struct selection whole = {200, 0, size};
    const struct selection none = {416, 0, size};
    range += strspn(range, blanks);
    if (strncasecmp(range, unit, strlen(unit)) != 0)
        return whole;
    const char *at = range + strlen(unit);
    at += strspn(at, blanks);
    uint64_t first = 0, last = UINT64_MAX;
    const bool has_first = read_number(&at, &first);
    if (*at++ != '-')
        return whole;
    const bool has_last = read_number(&at, &last);
    if (at[strspn(at, blanks)] != '\0' || !(has_first || has_last) || (has_first && last < first))
        return whole;
    if (!has_first) { /* the last so many */
        first = last < size ? size - last : 0;
        if (last == 0)
            return none;
        last = UINT64_MAX;
    }
    if (first >= size)
        return none;
    return (struct selection){206, first, (last < size ? last + 1 : size) - first};
}

/* Is the part wanted from what the client has begun with (RFC 9110 13.1.5)? */
static bool range_applies(const char *if_range, const struct representation *representation)
{
    int64_t date;
    if (!if_range)
        return true;
    if (is_tag(if_range))
        return tag_listed(if_range, representation->etag, true);
    return http_date_parse(if_range, &date) && date == representation->modified_s;
}

/* --- all together ------------------------------------------------------------------------------
 */

/* In the order of RFC 9110 13.2.2. */
struct selection conditional_select(const struct representation *representation,
                                    const struct conditions *conditions)
{
    const char *etag = representation->etag;
    struct selection whole = {200, 0, representation->size};
    int64_t date;
    if (conditions->if_match) {
        if (!tag_listed(conditions->if_match, etag, true))
            whole.status = 412;
    } else if (conditions->if_unmodified_since &&
               http_date_parse(conditions->if_unmodified_since, &date) &&
               representation->modified_s > date) {
        whole.status = 412;
    }
    if (whole.status == 200 && conditions->if_none_match) {
        if (tag_listed(conditions->if_none_match, etag, false))
            whole.status = 304;
    } else if (whole.status == 200 && conditions->if_modified_since &&
               http_date_parse(conditions->if_modified_since, &date) &&
               representation->modified_s <= date) {
        whole.status = 304;
    }
    if (whole.status == 200 && conditions->range &&
        range_applies(conditions->if_range, representation))
        return select_range(conditions->range, representation->size);
    return whole;
}
