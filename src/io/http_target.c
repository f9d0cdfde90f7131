/*
 * What may be connected to is decided on a host's addresses, never on how a URL is written: there
 * are too many ways to write one (2130706433, 0x7f.1). So the text is left to libcurl's parser, and
 * this only takes the parts that the look-up and the rules need.
 */
#include "io/http_target.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/http_client.h"

/* --- URLs ------------------------------------------------------------------------------------- */

static bool has_credentials(CURLU *url)
{
    char *user = NULL;
    const bool found = curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK;
    curl_free(user);
    return found;
}

/* A copy in the arena; NULL where the URL has no such part. */
static const char *part_of(CURLU *url, struct arena *arena, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
        return NULL;
    const char *copy = arena_strdup(arena, text);
    curl_free(text);
    return copy;
}

static const char *without_brackets(struct arena *arena, const char *host)
{
    const size_t length = strlen(host);
    if (length < 2 || host[0] != '[')
        return host;
    return arena_strndup(arena, host + 1, length - 2);
}

/* As it goes into the list of addresses for libcurl, and into look-ups: nothing to decode. */
static bool is_plain_host(const char *host)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-._:[]";
    return host[0] && host[strspn(host, allowed)] == '\0';
}

/* Takes `url` in any case. */
static enum err take_apart(struct http_target *out, struct arena *arena, CURLU *url, bool foreign)
{
    struct http_target target = {.url = url};
    const char *scheme = part_of(url, arena, CURLUPART_SCHEME, 0);
    const char *host = part_of(url, arena, CURLUPART_HOST, 0);
    target.port = part_of(url, arena, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    target.https = scheme && strcasecmp(scheme, "https") == 0;
    if (!scheme || !host || !target.port || !is_plain_host(host) ||
        (!target.https && strcasecmp(scheme, "http") != 0) || (foreign && has_credentials(url))) {
        curl_url_cleanup(url);
        return ERR_SYNTAX;
    }
    target.is_ipv6 = host[0] == '[';
    target.host = without_brackets(arena, host);
    *out = target;
    return OK;
}

enum err http_target_parse(struct http_target *out, struct arena *arena, const char *text,
                           bool foreign)
{
    if (strnlen(text, HTTP_CALL_URL_BYTES + 1) > HTTP_CALL_URL_BYTES)
        return ERR_SYNTAX;
    CURLU *url = curl_url();
    if (!url)
        abort();
    if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK) {
        curl_url_cleanup(url);
        return ERR_SYNTAX;
    }
    return take_apart(out, arena, url, foreign);
}

enum err http_target_follow(struct http_target *out, struct arena *arena,
                            const struct http_target *from, const char *location)
{
    if (strnlen(location, HTTP_CALL_URL_BYTES + 1) > HTTP_CALL_URL_BYTES)
        return ERR_SYNTAX;
    CURLU *url = curl_url_dup(from->url);
    if (!url)
        abort();
    if (curl_url_set(url, CURLUPART_URL, location, CURLU_URLENCODE) != CURLUE_OK) {
        curl_url_cleanup(url);
        return ERR_SYNTAX;
    }
    return take_apart(out, arena, url, true);
}

void http_target_clear(struct http_target *target)
{
    curl_url_cleanup(target->url);
    *target = (struct http_target){0};
}

bool http_target_same_origin(const struct http_target *a, const struct http_target *b)
{
    return a->url && b->url && a->https == b->https && strcasecmp(a->host, b->host) == 0 &&
           strcmp(a->port, b->port) == 0;
}

/* --- proxies ---------------------------------------------------------------------------------- */

/* In libcurl's order. It has no HTTP_PROXY: a client of a CGI program could set that one. */
static const char *proxy_variable(bool https)
{
    static const char *const names[2][4] = {
        {"http_proxy", "all_proxy", "ALL_PROXY", NULL},
        {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"},
    };
    for (size_t i = 0; i < 4 && names[https][i]; i++) {
        const char *value = getenv(names[https][i]);
        if (value && *value)
            return value;
    }
    return NULL;
}

bool http_target_proxy(struct http_target *out, struct arena *arena, bool https)
{
    const char *text = proxy_variable(https);
    if (!text)
        return false;
    CURLU *url = curl_url();
    if (!url)
        abort();
    const unsigned flags = CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME;
    struct http_target proxy = {0};
    if (curl_url_set(url, CURLUPART_URL, text, flags) == CURLUE_OK) {
        const char *scheme = part_of(url, arena, CURLUPART_SCHEME, 0);
        const char *host = part_of(url, arena, CURLUPART_HOST, 0);
        proxy.https = scheme && strcasecmp(scheme, "https") == 0;
        proxy.port = part_of(url, arena, CURLUPART_PORT, 0);
        if (!proxy.port)
            proxy.port = proxy.https ? "443" : "1080"; /* libcurl's own defaults */
        proxy.is_ipv6 = host && host[0] == '[';
        proxy.host = host ? without_brackets(arena, host) : NULL;
    }
    curl_url_cleanup(url);
    if (!proxy.host)
        return false; /* libcurl will say what is wrong with it */
    *out = proxy;
    return true;
}

/* --- addresses -------------------------------------------------------------------------------- */

struct block {
    unsigned char prefix[16];
    unsigned bits;
};

/* Not of the public internet, by the registries of RFC 6890. */
static const struct block blocks_v4[] = {
    {{0}, 8},             /* this network */
    {{10}, 8},            /* private */
    {{100, 64}, 10},      /* shared, behind a carrier's NAT */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local, where clouds keep their metadata */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2}, 24},    /* documentation */
    {{192, 88, 99}, 24},  /* relays of 6to4 */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarks */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 4},           /* multicast */
    {{240}, 4},           /* reserved, and broadcast */
};

/* Within 2000::/3, the only part of IPv6 that is handed out at all. */
static const struct block blocks_v6[] = {
    {{0x20, 0x01}, 23},             /* protocol assignments: Teredo, benchmarks, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x3f, 0xff}, 20},             /* documentation */
};
static const struct block global_v6 = {{0x20}, 3};

/* Ways to carry an IPv4 address, and where it stands. */
static const struct {
    struct block block;
    size_t offset;
} carriers[] = {
    {{{[10] = 0xff, [11] = 0xff}, 96}, 12}, /* mapped: the system connects by IPv4 */
    {{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},   /* NAT64 */
    {{{0x20, 0x02}, 16}, 2},                /* 6to4 */
};

static bool is_within(const unsigned char *address, const struct block *block)
{
    const size_t whole = block->bits / 8;
    const unsigned rest = block->bits % 8;
    if (memcmp(address, block->prefix, whole) != 0)
        return false;
    return rest == 0 || ((address[whole] ^ block->prefix[whole]) >> (8 - rest)) == 0;
}

static bool is_public_v4(const unsigned char *address)
{
    for (size_t i = 0; i < sizeof(blocks_v4) / sizeof(blocks_v4[0]); i++) {
        if (is_within(address, &blocks_v4[i]))
            return false;
    }
    return true;
}

static bool is_public_v6(const unsigned char *address)
{
    for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++) {
        if (is_within(address, &carriers[i].block))
            return is_public_v4(address + carriers[i].offset);
    }
    for (size_t i = 0; i < sizeof(blocks_v6) / sizeof(blocks_v6[0]); i++) {
        if (is_within(address, &blocks_v6[i]))
            return false;
    }
    return is_within(address, &global_v6);
}

bool http_address_is_public(const char *address)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, address, bytes) == 1)
        return is_public_v4(bytes);
    return inet_pton(AF_INET6, address, bytes) == 1 && is_public_v6(bytes);
}
