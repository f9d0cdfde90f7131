#include "api/idempotency.h"

#include <assert.h>
#include <string.h>

#include "api/request.h"
#include "api/router.h"
#include "pipeline/answer_key.h"

enum { DAY_MS = 24 * 3600 * 1000 };

/* --- the request's side ------------------------------------------------------------------------
 */

/* Without its quotes, where it has two. Backslashes in it stay: keys are only compared. */
static struct slice unquote(const char *value)
{
    const size_t length = strlen(value);
    if (length >= 2 && value[0] == '"' && value[length - 1] == '"')
        return (struct slice){value + 1, length - 2};
    return (struct slice){value, length};
}

enum err idempotent_read(const struct request *request, struct idempotent *out, struct error *error)
{
    *out = (struct idempotent){0};
    const char *value = exchange_header(request->exchange, "Idempotency-Key");
    if (!value)
        return OK;
    const struct slice own = unquote(value);
    for (size_t i = 0; i < own.length; i++)
        if (own.data[i] < ' ' || own.data[i] > '~')
            return error_set(error, ERR_SYNTAX, "Idempotency-Key has to be printable ASCII");
    if (own.length == 0 || own.length > IDEMPOTENCY_KEY_MAX)
        return error_set(error, ERR_SYNTAX, "Idempotency-Key has to have 1 to %d characters",
                         IDEMPOTENCY_KEY_MAX);
    struct answer_key key;
    answer_key_begin(&key, "idempotency");
    answer_key_number(&key, request->user_id);
    answer_key_text(&key, request->route->path);
    answer_key_bytes(&key, own.data, own.length);
    answer_key_end(&key);
    memcpy(out->key, key.digest, sizeof(out->key));
    out->wanted = true;
    return OK;
}

void idempotent_take_content(struct idempotent *repeat, const struct request *request,
                             const char *query)
{
    const struct upload *upload = request->upload;
    struct answer_key key;
    answer_key_begin(&key, "content");
    answer_key_text(&key, query);
    for (size_t i = 0; i < upload->file_count; i++) {
        const struct input_file *input = &upload->files[i];
        answer_key_text(&key, i == 0 ? upload->form->file_name : upload->form->context_name);
        answer_key_text(&key, input->name);
        answer_key_bytes(&key, input->file->sha256, SHA256_BYTES);
    }
    for (const struct upload_text *text = upload->texts; text; text = text->next) {
        answer_key_text(&key, text->name);
        answer_key_text(&key, text->value);
    }
    answer_key_end(&key);
    memcpy(repeat->fingerprint, key.digest, sizeof(repeat->fingerprint));
}

/* --- the table ---------------------------------------------------------------------------------
 */

void idempotency_init(struct idempotency *table)
{
    table->claims = NULL;
    cache_init(&table->replies, IDEMPOTENCY_BYTES, DAY_MS);
}

void idempotency_clear(struct idempotency *table)
{
    assert(!table->claims);
    cache_clear(&table->replies);
}

static bool is_same(const unsigned char *a, const unsigned char *b)
{
    return memcmp(a, b, CACHE_KEY_BYTES) == 0;
}

static void claim(struct idempotency *table, struct idempotent *repeat)
{
    repeat->claimed = true;
    repeat->link = &table->claims;
    repeat->next = table->claims;
    if (repeat->next)
        repeat->next->link = &repeat->next;
    table->claims = repeat;
}

enum idempotency_state idempotency_claim(struct idempotency *table, struct idempotent *repeat,
                                         uint64_t now_ms, struct cached **kept_out)
{
    for (const struct idempotent *other = table->claims; other; other = other->next)
        if (is_same(other->key, repeat->key))
            return is_same(other->fingerprint, repeat->fingerprint) ? IDEMPOTENCY_AT_WORK
                                                                    : IDEMPOTENCY_OTHER;
    struct cached *cached = cache_get(&table->replies, repeat->key, now_ms);
    if (!cached) {
        claim(table, repeat);
        return IDEMPOTENCY_CLAIMED;
    }
    const struct kept_reply *kept = (const void *)cached->data;
    if (!is_same(kept->fingerprint, repeat->fingerprint)) {
        cached_release(cached);
        return IDEMPOTENCY_OTHER;
    }
    *kept_out = cached;
    return IDEMPOTENCY_KEPT;
}

struct cached *idempotency_keep(struct idempotency *table, const struct idempotent *repeat,
                                struct slice degraded, struct slice body, uint64_t now_ms)
{
    assert(repeat->claimed);
    struct cached *cached = cached_new(sizeof(struct kept_reply) + body.length);
    struct kept_reply *kept = (void *)cached->data;
    const size_t room = sizeof(kept->degraded) - 1;
    *kept = (struct kept_reply){.length = body.length};
    memcpy(kept->fingerprint, repeat->fingerprint, sizeof(kept->fingerprint));
    memcpy(kept->degraded, degraded.data, degraded.length < room ? degraded.length : room);
    memcpy(kept->body, body.data, body.length);
    cache_put(&table->replies, repeat->key, cached, now_ms);
    return cached;
}

void idempotency_release(struct idempotent *repeat)
{
    if (!repeat->claimed)
        return;
    *repeat->link = repeat->next;
    if (repeat->next)
        repeat->next->link = repeat->link;
    repeat->claimed = false;
}
