#include "upsim/stats.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/json.h"
#include "upsim/dice.h"

const char *const service_names[SERVICE_COUNT] = {"upload",     "status", "result", "chat",
                                                  "embeddings", "images", "models", "download"};
const char *const fence_state_names[FENCE_STATES] = {"none", "whole", "broken", "several"};

static const char *const vendor_names[VENDOR_COUNT] = {"llamaparse", "openai", "images"};

/* Which gate of the server a service's calls pass; VENDOR_COUNT: none. */
static int vendor_of(enum service service)
{
    if (service <= SERVICE_RESULT)
        return VENDOR_LLAMAPARSE;
    if (service == SERVICE_CHAT || service == SERVICE_EMBEDDINGS)
        return VENDOR_OPENAI;
    return service == SERVICE_IMAGES ? VENDOR_IMAGES : VENDOR_COUNT;
}

/* --- digests ------------------------------------------------------------------------------------
 */

void digest_bytes(const char *bytes, size_t length, unsigned char out[32])
{
    static EVP_MD *sha256; /* fetched once: a look-up by name takes longer than a small digest */
    if (!sha256)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256 || EVP_Digest(bytes, length, out, NULL, sha256, NULL) != 1)
        abort();
}

void digest_print(const unsigned char digest[32], char out[DIGEST_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 32; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[64] = '\0';
}

void digest_text(const char *bytes, size_t length, char out[DIGEST_TEXT_BYTES])
{
    unsigned char digest[32];
    digest_bytes(bytes, length, digest);
    digest_print(digest, out);
}

/* --- counting -----------------------------------------------------------------------------------
 */

static void count_request_id(struct stats *stats, enum service service, const char *id)
{
    const size_t length = strlen(id);
    if (length == 0 || length >= REQUEST_ID_BYTES)
        return;
    const size_t slots = 2 * REQUEST_IDS_MAX;
    size_t slot = dice_hash(id, length) % slots;
    while (stats->request_id_slots[slot] > 0) {
        struct request_id *known = &stats->request_ids[stats->request_id_slots[slot] - 1];
        if (strcmp(known->text, id) == 0) {
            known->calls[service]++;
            return;
        }
        slot = (slot + 1) % slots;
    }
    if (stats->request_id_count == REQUEST_IDS_MAX) {
        stats->request_ids_dropped++;
        return;
    }
    struct request_id *added = &stats->request_ids[stats->request_id_count++];
    stats->request_id_slots[slot] = (uint32_t)stats->request_id_count;
    memcpy(added->text, id, length + 1);
    added->calls[service] = 1;
}

static void raise_to(uint64_t *most, uint64_t value)
{
    if (value > *most)
        *most = value;
}

void stats_begin(struct stats *stats, enum service service, struct exchange *exchange)
{
    struct service_stats *of = &stats->services[service];
    exchange->service = (int)service;
    exchange->counted = true;
    if (service != SERVICE_UPLOAD) /* large; stats_upload has the file's */
        digest_text(exchange->body, exchange->body_length,
                    of->last_bodies[of->calls % LAST_BODIES]);
    of->calls++;
    of->bytes_in += exchange->body_length;
    if (!(*exchange->carried & 1u << service)) {
        *exchange->carried |= 1u << service;
        of->connections++;
    }
    raise_to(&of->most_in_flight, ++of->in_flight);
    const int vendor = vendor_of(service);
    if (vendor < VENDOR_COUNT)
        raise_to(&stats->vendors[vendor].most_in_flight, ++stats->vendors[vendor].in_flight);

    const char *id = exchange_field(exchange, "X-Client-Request-Id");
    if (!id)
        id = exchange_field(exchange, "X-Request-Id");
    if (id)
        count_request_id(stats, service, id);
}

static void count_status(struct service_stats *of, int status)
{
    for (size_t i = 0; i < STATUSES_MAX; i++) {
        if (of->statuses[i].count > 0 && of->statuses[i].status != status)
            continue;
        of->statuses[i].status = status;
        of->statuses[i].count++;
        return;
    }
}

void stats_end(struct stats *stats, const struct exchange *exchange, enum exchange_end end)
{
    struct service_stats *of = &stats->services[exchange->service];
    assert(of->in_flight > 0);
    of->in_flight--;
    const int vendor = vendor_of((enum service)exchange->service);
    if (vendor < VENDOR_COUNT)
        stats->vendors[vendor].in_flight--;
    if (end == EXCHANGE_SENT) {
        of->sent++;
        of->bytes_out += exchange->answer.length;
        count_status(of, exchange->status);
    } else if (end == EXCHANGE_ABANDONED) {
        of->abandoned++;
    } else {
        of->broken++;
    }
}

void stats_chat_call(struct stats *stats, const char *name)
{
    for (size_t i = 0; i < CALL_NAMES_MAX; i++) {
        if (stats->chat_calls[i].calls > 0 && strcmp(stats->chat_calls[i].name, name) != 0)
            continue;
        snprintf(stats->chat_calls[i].name, CALL_NAME_BYTES, "%s", name);
        stats->chat_calls[i].calls++;
        return;
    }
}

void stats_upload(struct stats *stats, const struct upload_record *record)
{
    stats->last_uploads[stats->uploads++ % LAST_UPLOADS] = *record;
    stats->upload_bytes += record->bytes;
    stats->empty_uploads += record->bytes == 0;
}

void stats_fence(struct stats *stats, const struct fence_record *record)
{
    stats->last_fences[stats->fences++ % LAST_FENCES] = *record;
    stats->fence_states[record->state]++;
}

void stats_reset(struct stats *stats)
{
    uint64_t services[SERVICE_COUNT], vendors[VENDOR_COUNT];
    for (size_t i = 0; i < SERVICE_COUNT; i++)
        services[i] = stats->services[i].in_flight;
    for (size_t i = 0; i < VENDOR_COUNT; i++)
        vendors[i] = stats->vendors[i].in_flight;
    memset(stats, 0, sizeof(*stats));
    for (size_t i = 0; i < SERVICE_COUNT; i++)
        stats->services[i].in_flight = stats->services[i].most_in_flight = services[i];
    for (size_t i = 0; i < VENDOR_COUNT; i++)
        stats->vendors[i].in_flight = stats->vendors[i].most_in_flight = vendors[i];
}

/* --- printing -----------------------------------------------------------------------------------
 */

/* The buffer's maximum is far above what the tables can hold, so nothing is ever dropped. */
#define PRINT(...)                                                                                 \
    do {                                                                                           \
        if (buffer_printf(out, __VA_ARGS__))                                                       \
            abort();                                                                               \
    } while (0)

static void print_text(struct buffer *out, const char *text)
{
    if (json_print_string(out, text, strlen(text)))
        abort();
}

/* The number of entries of a ring after `count` additions, and the index of the oldest. */
static size_t ring(uint64_t count, size_t size, size_t *first_out)
{
    *first_out = count > size ? (size_t)(count % size) : 0;
    return count > size ? size : (size_t)count;
}

static void print_service(const struct service_stats *of, bool lists, struct buffer *out)
{
    PRINT("{\"calls\":%" PRIu64 ",\"connections\":%" PRIu64 ",\"in_flight\":%" PRIu64
          ",\"most_in_flight\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"abandoned\":%" PRIu64
          ",\"broken\":%" PRIu64 ",\"faulted\":%" PRIu64 ",\"bytes_in\":%" PRIu64
          ",\"bytes_out\":%" PRIu64 ",\"statuses\":{",
          of->calls, of->connections, of->in_flight, of->most_in_flight, of->sent, of->abandoned,
          of->broken, of->faulted, of->bytes_in, of->bytes_out);
    for (size_t i = 0; i < STATUSES_MAX && of->statuses[i].count > 0; i++)
        PRINT("%s\"%d\":%" PRIu64, i > 0 ? "," : "", of->statuses[i].status, of->statuses[i].count);
    PRINT("}");
    if (lists && of->last_bodies[0][0]) {
        size_t first;
        const size_t count = ring(of->calls, LAST_BODIES, &first);
        PRINT(",\"last_bodies\":[");
        for (size_t i = 0; i < count; i++)
            PRINT("%s\"%s\"", i > 0 ? "," : "", of->last_bodies[(first + i) % LAST_BODIES]);
        PRINT("]");
    }
    PRINT("}");
}

static void print_uploads(const struct stats *stats, bool lists, struct buffer *out)
{
    PRINT(",\"uploads\":{\"count\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"empty\":%" PRIu64,
          stats->uploads, stats->upload_bytes, stats->empty_uploads);
    if (lists) {
        size_t first;
        const size_t count = ring(stats->uploads, LAST_UPLOADS, &first);
        PRINT(",\"last\":[");
        for (size_t i = 0; i < count; i++) {
            const struct upload_record *record = &stats->last_uploads[(first + i) % LAST_UPLOADS];
            PRINT("%s{\"bytes\":%zu,\"parse_ms\":%" PRIu64 ",\"sha256\":\"%s\",\"filename\":",
                  i > 0 ? "," : "", record->bytes, record->parse_ms, record->sha256);
            print_text(out, record->filename);
            PRINT("}");
        }
        PRINT("]");
    }
    PRINT("}");
}

static void print_fences(const struct stats *stats, bool lists, struct buffer *out)
{
    PRINT(",\"fences\":{");
    for (size_t i = 0; i < FENCE_STATES; i++)
        PRINT("%s\"%s\":%" PRIu64, i > 0 ? "," : "", fence_state_names[i], stats->fence_states[i]);
    if (lists) {
        size_t first;
        const size_t count = ring(stats->fences, LAST_FENCES, &first);
        PRINT(",\"last\":[");
        for (size_t i = 0; i < count; i++) {
            const struct fence_record *record = &stats->last_fences[(first + i) % LAST_FENCES];
            PRINT("%s{\"call\":", i > 0 ? "," : "");
            print_text(out, record->call);
            PRINT(",\"state\":\"%s\",\"id\":\"%s\",\"bytes\":%zu,\"sha256\":\"%s\"}",
                  fence_state_names[record->state], record->id, record->bytes, record->sha256);
        }
        PRINT("]");
    }
    PRINT("}");
}

static void print_request_ids(const struct stats *stats, struct buffer *out)
{
    PRINT(",\"request_ids\":{");
    for (size_t i = 0; i < stats->request_id_count; i++) {
        PRINT(i > 0 ? "," : "");
        print_text(out, stats->request_ids[i].text);
        PRINT(":{");
        bool any = false;
        for (size_t s = 0; s < SERVICE_COUNT; s++) {
            if (stats->request_ids[i].calls[s] == 0)
                continue;
            PRINT("%s\"%s\":%u", any ? "," : "", service_names[s],
                  (unsigned)stats->request_ids[i].calls[s]);
            any = true;
        }
        PRINT("}");
    }
    PRINT("},\"request_ids_dropped\":%" PRIu64, stats->request_ids_dropped);
}

void stats_print(const struct stats *stats, bool lists, struct buffer *out)
{
    PRINT("\"services\":{");
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        PRINT("%s\"%s\":", i > 0 ? "," : "", service_names[i]);
        print_service(&stats->services[i], lists, out);
    }
    PRINT("},\"vendors\":{");
    for (size_t i = 0; i < VENDOR_COUNT; i++)
        PRINT("%s\"%s\":{\"in_flight\":%" PRIu64 ",\"most_in_flight\":%" PRIu64 "}",
              i > 0 ? "," : "", vendor_names[i], stats->vendors[i].in_flight,
              stats->vendors[i].most_in_flight);
    PRINT("},\"chat\":{\"calls\":{");
    for (size_t i = 0; i < CALL_NAMES_MAX && stats->chat_calls[i].calls > 0; i++) {
        PRINT(i > 0 ? "," : "");
        print_text(out, stats->chat_calls[i].name);
        PRINT(":%" PRIu64, stats->chat_calls[i].calls);
    }
    PRINT("},\"streamed\":%" PRIu64 ",\"prompt_tokens\":%" PRIu64 ",\"completion_tokens\":%" PRIu64
          "},\"pictures\":%" PRIu64 ",\"unknown_paths\":%" PRIu64,
          stats->streamed, stats->prompt_tokens, stats->completion_tokens, stats->pictures,
          stats->unknown_paths);
    print_uploads(stats, lists, out);
    print_fences(stats, lists, out);
    if (lists)
        print_request_ids(stats, out);
}
