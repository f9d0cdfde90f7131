/*
 * stats.h: what reached the simulator, for tests to look at.
 *
 *     stats_begin(&stats, SERVICE_CHAT, exchange);   // its head and body are here
 *     stats_end(&stats, exchange, end);              // exactly once
 *     stats_print(&stats, lists, out);               // a part of GET /control/stats
 */
#ifndef UPSIM_STATS_H
#define UPSIM_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "upsim/http.h"

enum service {
    SERVICE_UPLOAD,     /* LlamaParse: a file */
    SERVICE_STATUS,     /*             how its job is */
    SERVICE_RESULT,     /*             what came of it */
    SERVICE_CHAT,       /* OpenAI */
    SERVICE_EMBEDDINGS, /*   likewise */
    SERVICE_IMAGES,     /*   likewise */
    SERVICE_MODELS,     /*   likewise */
    SERVICE_DOWNLOAD,   /* the picture behind a URL */
    SERVICE_COUNT
};

extern const char *const service_names[SERVICE_COUNT];

enum { VENDOR_LLAMAPARSE, VENDOR_OPENAI, VENDOR_IMAGES, VENDOR_COUNT };

enum {
    LAST_BODIES = 16,     /* kept of each service */
    LAST_UPLOADS = 256,   /* kept */
    LAST_FENCES = 64,     /* kept */
    STATUSES_MAX = 24,    /* different ones of a service */
    CALL_NAMES_MAX = 16,  /* different ones */
    CALL_NAME_BYTES = 65, /* a schema's name has at most 64 characters */
    REQUEST_IDS_MAX = 4096,
    REQUEST_ID_BYTES = 129,
    DIGEST_TEXT_BYTES = 65, /* SHA-256 in hexadecimal, with its NUL */
};

struct service_stats {
    uint64_t calls, connections, in_flight, most_in_flight;
    uint64_t sent, abandoned, broken, faulted;
    uint64_t bytes_in, bytes_out;
    struct {
        int status;
        uint64_t count;
    } statuses[STATUSES_MAX];
    char last_bodies[LAST_BODIES][DIGEST_TEXT_BYTES]; /* of `calls`, in a ring; not of uploads */
};

struct upload_record {
    size_t bytes;
    uint64_t parse_ms; /* that was drawn for its job */
    char sha256[DIGEST_TEXT_BYTES];
    char filename[128];
};

enum fence_state { FENCE_NONE, FENCE_WHOLE, FENCE_BROKEN, FENCE_SEVERAL, FENCE_STATES };

extern const char *const fence_state_names[FENCE_STATES];

struct fence_record {
    char call[CALL_NAME_BYTES];
    enum fence_state state;
    char id[129];
    size_t bytes; /* of the text between the marks */
    char sha256[DIGEST_TEXT_BYTES];
};

struct request_id {
    char text[REQUEST_ID_BYTES];
    uint32_t calls[SERVICE_COUNT];
};

struct stats {
    struct service_stats services[SERVICE_COUNT];
    struct {
        uint64_t in_flight, most_in_flight;
    } vendors[VENDOR_COUNT];
    struct {
        char name[CALL_NAME_BYTES];
        uint64_t calls;
    } chat_calls[CALL_NAMES_MAX];
    uint64_t streamed, prompt_tokens, completion_tokens, pictures;
    uint64_t uploads, empty_uploads, upload_bytes;
    struct upload_record last_uploads[LAST_UPLOADS]; /* a ring */
    uint64_t fences, fence_states[FENCE_STATES];
    struct fence_record last_fences[LAST_FENCES]; /* a ring */
    struct request_id request_ids[REQUEST_IDS_MAX];
    size_t request_id_count;
    uint64_t request_ids_dropped;
    uint32_t request_id_slots[2 * REQUEST_IDS_MAX]; /* open addressing: index + 1 */
    uint64_t unknown_paths;
};

void stats_begin(struct stats *stats, enum service service, struct exchange *exchange);
void stats_end(struct stats *stats, const struct exchange *exchange, enum exchange_end end);
void stats_chat_call(struct stats *stats, const char *name);
void stats_upload(struct stats *stats, const struct upload_record *record);
void stats_fence(struct stats *stats, const struct fence_record *record);

/* Forgets all but what is under way now. */
void stats_reset(struct stats *stats);

/* Appends members of a JSON object, without its braces; with `lists`, also the last bodies,
 * uploads and fences, and the request ids. */
void stats_print(const struct stats *stats, bool lists, struct buffer *out);

/* SHA-256 in hexadecimal. */
void digest_text(const char *bytes, size_t length, char out[DIGEST_TEXT_BYTES]);
void digest_bytes(const char *bytes, size_t length, unsigned char out[32]);
void digest_print(const unsigned char digest[32], char out[DIGEST_TEXT_BYTES]);

#endif
