#include "base/config_refuse.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
    SECRET_CHARACTERS_MIN = 32,
    MODELS_MAX = 8,        /* fallbacks: who has more does not know what is asked */
    MODEL_BYTES_MAX = 100, /* of a name */
    SIDE_MIN = 64,         /* pixels of a picture */
    SIDE_MAX = 3840,
};

const char address_allowed[] = "an IPv4 or IPv6 address";
const char origins_allowed[] = "origins such as https://app.example.org, with commas between";
const char secret_allowed[] = "at least 32 characters";
const char key_allowed[] = "printable ASCII without spaces";
const char path_allowed[] = "an absolute path";
const char url_allowed[] = "an http or https address without user, query or / at its end";
const char models_allowed[] = "up to 8 names of models, with commas between";
const char size_allowed[] = "a width and a height from 64 to 3840, as in 1536x1024";

const char *refuse_address(const char *value)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, value, address) == 1 || inet_pton(AF_INET6, value, address) == 1
               ? NULL
               : address_allowed;
}

const char *refuse_path(const char *value)
{
    return value[0] == '/' ? NULL : path_allowed;
}

const char *refuse_secret(const char *value)
{
    return text_characters(value, strlen(value)) >= SECRET_CHARACTERS_MIN ? NULL : secret_allowed;
}

/* It goes into a header. */
const char *refuse_key(const char *value)
{
    for (; *value; value++)
        if (*value <= ' ' || *value > '~')
            return key_allowed;
    return NULL;
}

/* Of a name or IPv4 address, or of an IPv6 address in brackets; 0 if there is none. */
static size_t host_length(const char *text)
{
    if (text[0] != '[')
        return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-");
    const size_t address = strspn(text + 1, "0123456789abcdef:.");
    return address > 0 && text[1 + address] == ']' ? address + 2 : 0;
}

/* Why one origin is refused. Capitals are, since browsers send none and the comparison is exact. */
static const char *refuse_origin(const char *origin, size_t length)
{
    if (memchr(origin, '*', length))
        return "never *, as credentials are allowed: each origin has to be named";

    const size_t scheme = strspn(origin, "abcdefghijklmnopqrstuvwxyz");
    if (scheme == 0 || scheme + 3 > length || memcmp(origin + scheme, "://", 3) != 0)
        return origins_allowed;
    size_t at = scheme + 3;
    const size_t host = host_length(origin + at);
    if (host == 0)
        return origins_allowed;
    at += host;
    if (at < length && origin[at] == ':') {
        const size_t port = strspn(origin + at + 1, "0123456789");
        if (port == 0 || port > 5 || atoi(origin + at + 1) > 65535)
            return origins_allowed;
        at += 1 + port;
    }
    if (at < length && origin[at] == '/')
        return "an origin ends with its host or port: no / behind it";
    return at == length ? NULL : origins_allowed;
}

const char *refuse_origins(const char *value)
{
    while (*value) {
        const size_t length = strcspn(value, ",");
        const struct slice origin = slice_trim((struct slice){value, length});
        const char *reason = origin.length > 0 ? refuse_origin(origin.data, origin.length) : NULL;
        if (reason)
            return reason;
        value += length + (value[length] == ',');
    }
    return NULL;
}

/* Scheme, host and port as an origin's, and maybe a path; no user, whose password would be logged.
 */
const char *refuse_url(const char *value)
{
    const char *host = strncmp(value, "http://", 7) == 0    ? value + 7
                       : strncmp(value, "https://", 8) == 0 ? value + 8
                                                            : NULL;
    if (!host)
        return url_allowed;
    const size_t origin = (size_t)(host - value) + strcspn(host, "/");
    if (refuse_origin(value, origin))
        return url_allowed;
    const char *path = value + origin;
    const size_t length = strlen(path);
    if (strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/%") !=
        length)
        return url_allowed;
    return length > 0 && path[length - 1] == '/' ? url_allowed : NULL;
}

const char *refuse_models(const char *value)
{
    size_t count = 0;
    while (*value) {
        const size_t length = strcspn(value, ",");
        const struct slice name = slice_trim((struct slice){value, length});
        if (name.length == 0 || name.length > MODEL_BYTES_MAX || ++count > MODELS_MAX)
            return models_allowed;
        for (size_t i = 0; i < name.length; i++)
            if (name.data[i] <= ' ' || name.data[i] > '~' || name.data[i] == '"')
                return models_allowed;
        value += length + (value[length] == ',');
    }
    return NULL;
}

const char *refuse_size(const char *value)
{
    char *end;
    const bool digits = value[0] >= '1' && value[0] <= '9';
    const long width = strtol(value, &end, 10);
    if (!digits || *end != 'x' || end[1] < '1' || end[1] > '9')
        return size_allowed;
    const long height = strtol(end + 1, &end, 10);
    return *end == '\0' && width >= SIDE_MIN && width <= SIDE_MAX && height >= SIDE_MIN &&
                   height <= SIDE_MAX
               ? NULL
               : size_allowed;
}
