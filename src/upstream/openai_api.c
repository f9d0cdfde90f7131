/*
 * An error comes in one of several shapes: {"error": {...}}, {"error": "text"}, {"message": ...},
 * {"detail": "text"}, and {"detail": [{"loc": [...], "msg": ...}]}. Codes may be numbers.
 */
#include "upstream/openai_api.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/text.h"
#include "base/uuid.h"

enum {
    WORD_BYTES_MAX = 200,     /* of a code, a field */
    MESSAGE_BYTES_MAX = 1000, /* of an error's message: it is looked at, never shown */
};

/* ---- requests ---- */

static struct slice host_of(const char *base_url)
{
    const char *scheme_end = strstr(base_url, "://");
    const char *host = scheme_end ? scheme_end + 3 : base_url;
    return (struct slice){host, strcspn(host, ":/")};
}

bool openai_is_azure(const char *base_url)
{
    static const char suffix[] = ".openai.azure.com";
    const struct slice host = host_of(base_url);
    const size_t length = sizeof(suffix) - 1;
    return host.length > length &&
           strncasecmp(host.data + host.length - length, suffix, length) == 0;
}

bool openai_is_hosted(const char *base_url)
{
    static const char openai[] = "api.openai.com";
    const struct slice host = host_of(base_url);
    const size_t length = sizeof(openai) - 1;
    return openai_is_azure(base_url) ||
           (host.length == length && strncasecmp(host.data, openai, length) == 0);
}

size_t openai_models(struct arena *arena, const char *list, const char **out, size_t max)
{
    size_t count = 0;
    struct slice rest = slice_of(list);
    while (rest.length > 0 && count < max) {
        const char *comma = memchr(rest.data, ',', rest.length);
        const size_t length = comma ? (size_t)(comma - rest.data) : rest.length;
        const struct slice model = slice_trim((struct slice){rest.data, length});
        if (model.length > 0)
            out[count++] = arena_strndup(arena, model.data, model.length);
        const size_t skipped = length + (comma ? 1 : 0);
        rest = (struct slice){rest.data + skipped, rest.length - skipped};
    }
    return count;
}

static void add_header(struct http_request *out, const char *name, const char *value)
{
    assert(out->header_count < HTTP_CALL_HEADERS_MAX);
    out->headers[out->header_count++] = (struct http_header){name, value};
}

void openai_headers(struct http_request *out, struct arena *arena, const struct upstream_call *call,
                    const char *accept, const char *name, uint64_t number)
{
    char uuid[UUID_BYTES + 1];
    const char *id = call->op.log_id;
    if (!id || !*id) {
        uuid_v7(uuid);
        id = uuid;
    }
    add_header(out, "Content-Type", "application/json");
    add_header(out, "Accept", accept);
    add_header(out, "X-Client-Request-Id",
               arena_printf(arena, "%s:%s:%llu", id, name, (unsigned long long)number));
    if (call->upstream->key && openai_is_azure(call->upstream->base_url))
        add_header(out, "api-key", call->upstream->key);
    else if (call->upstream->key)
        add_header(out, "Authorization", arena_printf(arena, "Bearer %s", call->upstream->key));
}

/* ---- members ---- */

const cJSON *openai_member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

uint64_t openai_count(const cJSON *object, const char *name)
{
    static const double count_max = 1e12; /* far beyond any call */
    const double number = json_number(object, name, 0);
    return number > 0 && number < count_max ? (uint64_t)number : 0;
}

/* ---- errors ---- */

static bool is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

static int status_of(const cJSON *error, const char *type, const char *code)
{
    const double number = json_number(error, "code", 0);
    if (number >= 400 && number < 600)
        return (int)number;
    if (is(code, "rate_limit_exceeded") || is(type, "insufficient_quota") ||
        is(code, "insufficient_quota"))
        return 429;
    if (is(type, "invalid_request_error") || is(type, "image_generation_user_error") ||
        is(code, "moderation_blocked") || strncmp(code, "content_", 8) == 0)
        return 400;
    return 500;
}

/* The last name in `loc`, as in ["body", "temperature"]. */
static const char *last_name(const cJSON *loc)
{
    const char *name = "";
    for (const cJSON *item = cJSON_IsArray(loc) ? loc->child : NULL; item; item = item->next)
        if (cJSON_IsString(item))
            name = item->valuestring;
    return name;
}

static const char *first_text(const char *a, const char *b)
{
    return *a ? a : b;
}

static const char *take_word(struct arena *arena, const char *text, size_t bytes_max)
{
    return arena_strndup(arena, text, text_cut(text, strlen(text), bytes_max));
}

bool openai_has_error(const cJSON *root)
{
    const cJSON *error = openai_member(root, "error");
    return cJSON_IsObject(error) || cJSON_IsString(error);
}

bool openai_error_read(struct openai_error *out, struct arena *arena, const cJSON *root)
{
    const cJSON *error = openai_member(root, "error");
    const cJSON *detail = openai_member(root, "detail");
    const char *message = "", *param = "";
    if (cJSON_IsArray(detail)) {
        message = json_string(detail->child, "msg", "");
        param = last_name(openai_member(detail->child, "loc"));
    } else if (cJSON_IsString(error)) {
        message = error->valuestring;
    } else {
        if (!cJSON_IsObject(error))
            error = root;
        message = first_text(json_string(error, "message", ""), json_string(error, "detail", ""));
        param = json_string(error, "param", "");
    }
    const char *type = json_string(error, "type", ""), *code = json_string(error, "code", "");
    if (!*message && !*type && !*code)
        return false;
    out->status = status_of(error, type, code);
    if (is(type, "insufficient_quota"))
        code = type;
    out->code = take_word(arena, first_text(code, type), WORD_BYTES_MAX);
    out->param = take_word(arena, param, WORD_BYTES_MAX);
    out->message = take_word(arena, message, MESSAGE_BYTES_MAX);
    return true;
}

/* ---- fields ---- */

const char *openai_mention(const char *text, const char *word)
{
    static const char part_of_word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    const size_t length = strlen(word);
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) {
        const bool begins = at == text || !strchr(part_of_word, at[-1]);
        if (begins && (at[length] == '\0' || !strchr(part_of_word, at[length])))
            return at;
    }
    return NULL;
}

bool openai_is_about(const char *param, const char *field)
{
    const size_t length = strlen(field);
    return strncmp(param, field, length) == 0 &&
           (param[length] == '\0' || param[length] == '.' || param[length] == '[');
}
