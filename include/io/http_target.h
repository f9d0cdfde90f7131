/*
 * http_target.h: where a request goes: a URL taken apart once, and by libcurl's own parser, so that
 * what is checked is what is connected to. Private to the HTTP client.
 */
#ifndef IO_HTTP_TARGET_H
#define IO_HTTP_TARGET_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

/* `{0}` is none; http_target_clear it. */
struct http_target {
    CURLU *url;
    bool https;
    bool is_ipv6;     /* the host is an IPv6 address */
    const char *host; /* in the arena; an IPv6 address without its brackets */
    const char *port; /* in the arena; never NULL */
};

/* ERR_SYNTAX for what is no http or https URL; with `foreign`, for one with credentials, too. */
MUST_CHECK enum err http_target_parse(struct http_target *out, struct arena *arena,
                                      const char *text, bool foreign);

/* Where a `Location` of a response from `from` leads; `out` may not be `from`. Always foreign. */
MUST_CHECK enum err http_target_follow(struct http_target *out, struct arena *arena,
                                       const struct http_target *from, const char *location);

void http_target_clear(struct http_target *target);

/* Same scheme, host and port? False for none. */
bool http_target_same_origin(const struct http_target *a, const struct http_target *b);

/* The proxy that the environment names for URLs of this scheme: host and port alone. False when
 * there is none. Whether it is used is for libcurl to say, which knows no_proxy. */
bool http_target_proxy(struct http_target *out, struct arena *arena, bool https);

#endif
