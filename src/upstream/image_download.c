/* The URL has a signature in it that opens it to anybody, so it goes into no log and no error. */
#include "upstream/image_download.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/image_store.h"

enum {
    TRIES_MAX = 2,
    CONNECT_MS = 5 * 1000,
    IDLE_MS = 30 * 1000, /* the picture is made already */
};

static enum flow fetch(struct op *op)
{
    struct image_download *download = op_cast(op, image_download);
    download->tries++;
    http_call_start(&download->http, need(op), download->upstream->client,
                    &(struct http_request){
                        .method = "GET",
                        .url = download->url,
                        .limits = {.connect_ms = CONNECT_MS,
                                   .idle_ms = IDLE_MS,
                                   .total_ms = download->total_ms,
                                   .body_max = IMAGE_BYTES_MAX},
                        .fresh_connection = download->tries > 1,
                        .follow_public = true,
                        .trusted_url = download->upstream->base_url,
                    });
    return FLOW_WAIT;
}

/* NULL: it is a picture. */
static const char *fault_of(const struct http_call *http, char *out, size_t size)
{
    if (http->fault != HTTP_FAULT_NONE) {
        snprintf(out, size, "%s", http_fault_name(http->fault));
        return out;
    }
    if (http->status != 200) {
        snprintf(out, size, "status %d", http->status);
        return out;
    }
    return image_type_of(http->body.data, http->body.length) ? NULL : "not a picture";
}

static bool is_refused_by_us(enum http_fault fault)
{
    return fault == HTTP_FAULT_REFUSED || fault == HTTP_FAULT_LOCAL ||
           fault == HTTP_FAULT_TOO_LARGE;
}

static enum flow judge(struct op *op)
{
    struct image_download *download = op_cast(op, image_download);
    const struct http_call *http = &download->http;
    char text[32];
    const char *fault = fault_of(http, text, sizeof(text));
    log_info(op->log_id, "image_download", "service=%s try=%u bytes=%zu seconds=%.3f fault=%s",
             download->upstream->name, download->tries, http->body.length, op_seconds(&http->op),
             log_quote(fault ? fault : "none"));
    if (!fault)
        return FLOW_DONE;
    if (download->tries == TRIES_MAX || is_refused_by_us(http->fault))
        return op_fail(op, ERR_UPSTREAM, "%s: the picture behind its URL could not be had: %s",
                       download->upstream->name, fault);
    image_download_clear(download);
    return FLOW_AGAIN;
}

static const struct step download_steps[] = {{"fetch", fetch}, {"judge", judge}, {0}};
static const struct op_kind download_kind = {"image_download", download_steps, NULL, NULL};

void image_download_start(struct image_download *download, struct op_link link,
                          struct upstream *upstream, const char *url, uint64_t total_ms)
{
    memset(download, 0, sizeof(*download));
    download->upstream = upstream;
    download->url = url;
    download->total_ms = total_ms;
    op_start(&download->op, &download_kind, link);
}

void image_download_clear(struct image_download *download)
{
    http_call_clear(&download->http);
    memset(&download->http, 0, sizeof(download->http));
}
