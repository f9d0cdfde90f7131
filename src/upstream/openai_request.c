/*
 * The body is printed straight into one buffer, as documents are large: no tree, and no unescaped
 * prompt beside it. It is printed anew for each try; equal tries give equal bytes, which is what
 * the service's cache goes by.
 */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "upstream/openai_api.h"
#include "upstream/openai_parts.h"

enum {
    ESCAPE_GROWTH_MAX = 6,     /* a control byte becomes \u and four digits */
    FIXED_BYTES_MAX = 2 << 20, /* all but the texts of the request */
};

static const size_t body_bytes_max =
    (size_t)ESCAPE_GROWTH_MAX * CHAT_INPUT_BYTES_MAX + FIXED_BYTES_MAX;

const char *const chat_field_names[CHAT_FIELD_COUNT] = {
#define X(field, name) [field] = name,
    CHAT_FIELD_TABLE(X)
#undef X
};

const char *const chat_rung_names[RUNG_COUNT] = {"strict output", "schema output", "json output",
                                                 "output"};

/* ---- printing ---- */

/* The maximum is beyond all that a request may have. */
static void check(enum err err)
{
    assert(err == OK);
}

static void put(struct chat_call *chat, const char *json)
{
    check(buffer_puts(&chat->body, json));
}

static void put_string(struct chat_call *chat, const char *text)
{
    check(json_print_string(&chat->body, text, strlen(text)));
}

/* Appends to the string that the body ends with: `"ab"` becomes `"abcd"`. The piece is printed so
 * that its opening quote falls on the byte before the closing quote, which is then put back. */
static void extend_string(struct chat_call *chat, const char *text, size_t length)
{
    struct buffer *body = &chat->body;
    const size_t last = body->length - 2;
    const char kept = body->data[last];
    body->length = last;
    check(json_print_string(body, text, length));
    body->data[last] = kept;
}

static void extend(struct chat_call *chat, const char *text)
{
    extend_string(chat, text, strlen(text));
}

/* Notes that the field is sent, or says that it may not be. */
static bool use(struct chat_call *chat, enum chat_field field)
{
    if (!chat_allows(chat, chat_field_names[field]))
        return false;
    chat->fields |= 1u << field;
    return true;
}

/* ---- messages ---- */

static void put_system(struct chat_call *chat)
{
    put(chat, "{\"role\":\"system\",\"content\":");
    put_string(chat, chat->request.system);
    if (chat->request.schema && chat->rung >= RUNG_OBJECT) {
        extend(chat, "\n\nAnswer with one JSON value that follows this JSON Schema, and with "
                     "nothing else:\n");
        extend(chat, chat->request.schema);
    }
    put(chat, "}");
}

static void extend_document(struct chat_call *chat, size_t index)
{
    const struct chat_document *document = &chat->request.documents[index];
    const char *mark = chat->marks[index];
    const size_t length = text_cut(document->text.data, document->text.length,
                                   document->text.length / chat->input_divisor);
    extend(chat, arena_printf(&chat->arena, "\n\n%s:\n" FENCE_BEGIN, document->title, mark));
    extend_string(chat, document->text.data, length);
    extend(chat, arena_printf(&chat->arena, FENCE_END, mark));
}

static void put_user(struct chat_call *chat)
{
    put(chat, ",{\"role\":\"user\",\"content\":");
    put_string(chat, chat->request.user);
    for (size_t i = 0; i < chat->request.document_count; i++)
        extend_document(chat, i);
    if (chat->request.closing) {
        extend(chat, "\n\n");
        extend(chat, chat->request.closing);
    }
    put(chat, "}");
}

static void put_rejected(struct chat_call *chat)
{
    put(chat, ",{\"role\":\"assistant\",\"content\":");
    put_string(chat, chat->rejected);
    put(chat, "},{\"role\":\"user\",\"content\":");
    put_string(chat, "This answer cannot be used: ");
    extend(chat, chat->rejected_why);
    extend(chat, " Answer once more, corrected and in full, with nothing before or after it.");
    put(chat, "}");
}

/* ---- fields ---- */

/* Where nobody else tells: Ollama ignores max_completion_tokens, older llama.cpp takes it for no
 * limit, and OpenAI refuses max_tokens for newer models. */
static void put_limits(struct chat_call *chat, bool hosted)
{
    if (chat->output_tokens == 0)
        return;
    if (use(chat, CHAT_MAX_COMPLETION_TOKENS))
        check(buffer_printf(&chat->body, ",\"max_completion_tokens\":%u", chat->output_tokens));
    if (!hosted && use(chat, CHAT_MAX_TOKENS))
        check(buffer_printf(&chat->body, ",\"max_tokens\":%u", chat->output_tokens));
}

static void put_sampling(struct chat_call *chat)
{
    if (chat->request.temperature >= 0 && use(chat, CHAT_TEMPERATURE)) {
        cJSON *number = cJSON_CreateNumber(chat->request.temperature);
        assert(number);
        put(chat, ",\"temperature\":");
        check(json_print(number, &chat->body));
        cJSON_Delete(number);
    }
    if (chat->effort && use(chat, CHAT_REASONING_EFFORT)) {
        put(chat, ",\"reasoning_effort\":");
        put_string(chat, chat->effort);
    }
}

static void put_streaming(struct chat_call *chat, bool hosted)
{
    if (!chat->request.stream || !use(chat, CHAT_STREAM))
        return;
    put(chat, ",\"stream\":true");
    if (!use(chat, CHAT_STREAM_OPTIONS))
        return;
    put(chat, ",\"stream_options\":{\"include_usage\":true");
    if (hosted && use(chat, CHAT_OBFUSCATION))
        put(chat, ",\"include_obfuscation\":false");
    put(chat, "}");
}

static void put_keys(struct chat_call *chat, bool hosted)
{
    if (!hosted)
        return;
    if (use(chat, CHAT_CACHE_KEY)) {
        put(chat, ",\"prompt_cache_key\":");
        put_string(chat, chat->request.name);
    }
    if (chat->request.safety_identifier && use(chat, CHAT_SAFETY_IDENTIFIER)) {
        put(chat, ",\"safety_identifier\":");
        put_string(chat, chat->request.safety_identifier);
    }
}

static void put_format(struct chat_call *chat)
{
    if (!chat->request.schema || chat->rung == RUNG_WORDS)
        return;
    chat->fields |= 1u << CHAT_RESPONSE_FORMAT;
    if (chat->rung == RUNG_OBJECT) {
        put(chat, ",\"response_format\":{\"type\":\"json_object\"}");
        return;
    }
    put(chat, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":");
    put_string(chat, chat->request.schema_name);
    put(chat, chat->rung == RUNG_STRICT ? ",\"strict\":true,\"schema\":" : ",\"schema\":");
    put(chat, chat->request.schema);
    put(chat, "}}");
}

static int best_rung(const struct chat_call *chat)
{
    int rung = RUNG_STRICT;
    while (rung < RUNG_WORDS && !chat_allows(chat, chat_rung_names[rung]))
        rung++;
    return rung;
}

void chat_print_body(struct chat_call *chat)
{
    const bool hosted = openai_is_hosted(chat->openai->upstream->base_url);
    if (!chat->body.data)
        buffer_init(&chat->body, body_bytes_max);
    buffer_reset(&chat->body);
    chat->fields = 0;
    chat->rung = best_rung(chat);

    put(chat, "{\"model\":");
    put_string(chat, chat_model(chat));
    put(chat, ",\"messages\":[");
    put_system(chat);
    put_user(chat);
    if (chat->rejected)
        put_rejected(chat);
    put(chat, "]");
    put_limits(chat, hosted);
    put_sampling(chat);
    put_streaming(chat, hosted);
    put_keys(chat, hosted);
    put_format(chat);
    put(chat, "}");
}
