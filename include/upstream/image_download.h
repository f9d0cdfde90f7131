/*
 * image_download.h: the picture behind a URL that an image service gave.
 *
 *     image_download_start(&download, need(op), upstream, url, total_ms);
 *     ... // in the next step: download.http.body
 *     image_download_clear(&download);
 *
 * Such URLs are good for minutes and are somebody else's words, so it is fetched at once, from
 * public addresses or the base URL's own origin alone, and is a picture by its first bytes or
 * nothing. It holds no place at the gate: that is for the service's own limits, and the URL is
 * mostly another host's. There is one more try, unless it is we who refuse. ERR_UPSTREAM.
 */
#ifndef UPSTREAM_IMAGE_DOWNLOAD_H
#define UPSTREAM_IMAGE_DOWNLOAD_H

#include "upstream/upstream.h"

enum { IMAGE_BYTES_MAX = 20 << 20 /* of a picture */ };

struct image_download {
    struct op op;
    struct http_call http; /* its body is the result */
    /* private */
    struct upstream *upstream;
    const char *url;
    uint64_t total_ms; /* of one try */
    unsigned tries;
};

/* `url` is borrowed until it has finished. */
void image_download_start(struct image_download *download, struct op_link link,
                          struct upstream *upstream, const char *url, uint64_t total_ms);
/* After it has finished. Nothing happens for one that is `{0}`. */
void image_download_clear(struct image_download *download);

#endif
