/*
 * A stream and a whole response have the same members, but for the name of the message: "delta"
 * and "message". A server that ignores `stream` answers with a whole one: that is told by its first
 * byte, as no line of an event stream begins like a JSON text or a web page.
 *
 * An error can come instead of an answer, in an event after a status of 200, and in one of several
 * shapes: {"error": {...}}, {"error": "text"}, {"message": ...}, {"detail": "text"}, and {"detail":
 * [{"loc": [...], "msg": ...}]}. Codes may be numbers.
 */
#include <string.h>

#include "base/json.h"
#include "upstream/openai_parts.h"

enum {
    EVENT_BYTES_MAX = 256 << 10, /* some servers send all of the content in one */
    WORD_BYTES_MAX = 200,        /* of a model's name, a code, a field */
    MESSAGE_BYTES_MAX = 1000,    /* of an error's message: it is looked at, never shown */
};

void chat_reading_clear(struct chat_call *chat)
{
    sse_clear(&chat->reading.events);
    buffer_clear(&chat->reading.whole);
    memset(&chat->reading, 0, sizeof(chat->reading));
}

/* ---- members ---- */

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *take_word(struct chat_call *chat, const char *text, size_t bytes_max)
{
    return arena_strndup(&chat->arena, text, text_cut(text, strlen(text), bytes_max));
}

static uint64_t count_of(const cJSON *object, const char *name)
{
    static const double count_max = 1e12; /* far beyond any call */
    const double number = json_number(object, name, 0);
    return number > 0 && number < count_max ? (uint64_t)number : 0;
}

static void read_usage(struct chat_call *chat, const cJSON *usage)
{
    if (!cJSON_IsObject(usage))
        return;
    chat->reading.has_usage = true;
    chat->reading.usage = (struct token_usage){
        .prompt = count_of(usage, "prompt_tokens"),
        .cached = count_of(member(usage, "prompt_tokens_details"), "cached_tokens"),
        .completion = count_of(usage, "completion_tokens"),
        .reasoning = count_of(member(usage, "completion_tokens_details"), "reasoning_tokens"),
    };
}

static const char *known_reason(const char *reason)
{
    static const char *const known[] = {"stop", "length", "content_filter", "tool_calls"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(reason, known[i]) == 0)
            return known[i];
    return "other";
}

/* ---- errors ---- */

/* The status that the error would have had, had it come in time. */
static int status_of(const cJSON *error, const char *type, const char *code)
{
    const double number = json_number(error, "code", 0);
    if (number >= 400 && number < 600)
        return (int)number;
    if (strcmp(code, "rate_limit_exceeded") == 0 || strcmp(type, "insufficient_quota") == 0 ||
        strcmp(code, "insufficient_quota") == 0)
        return 429;
    if (strcmp(type, "invalid_request_error") == 0 || strstr(code, "content_") == code)
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

/* False: there is none. */
static bool read_error(struct chat_call *chat, const cJSON *root)
{
    const cJSON *error = member(root, "error");
    const cJSON *detail = member(root, "detail");
    const char *message = "", *param = "";
    if (cJSON_IsArray(detail)) {
        message = json_string(detail->child, "msg", "");
        param = last_name(member(detail->child, "loc"));
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
    struct chat_reading *reading = &chat->reading;
    reading->has_error = true;
    reading->error_status = status_of(error, type, code);
    if (strcmp(type, "insufficient_quota") == 0)
        code = type;
    reading->code = take_word(chat, first_text(code, type), WORD_BYTES_MAX);
    reading->param = take_word(chat, param, WORD_BYTES_MAX);
    reading->message = take_word(chat, message, MESSAGE_BYTES_MAX);
    return true;
}

/* A success may carry "error": null. */
static bool is_error(const cJSON *root)
{
    const cJSON *error = member(root, "error");
    return cJSON_IsObject(error) || cJSON_IsString(error);
}

/* ---- answers ---- */

static bool read_content(struct chat_call *chat, const cJSON *message)
{
    const char *refusal = json_string(message, "refusal", "");
    if (*refusal)
        chat->refused = true;
    const char *text = json_string(message, "content", "");
    const size_t length = strlen(text);
    if (length == 0)
        return true;
    if (buffer_append(&chat->content, text, length)) {
        chat->reading.overflowed = true;
        return false;
    }
    if (chat->request.on_content)
        chat->request.on_content(chat, text, length);
    return true;
}

/* A chunk of a stream, or all of an answer. False: there is no use in reading on. */
static bool read_part(struct chat_call *chat, const cJSON *root, const char *message_name)
{
    if (is_error(root)) {
        (void)read_error(chat, root);
        return false;
    }
    const char *model = json_string(root, "model", "");
    if (*model && !*chat->model)
        chat->model = take_word(chat, model, WORD_BYTES_MAX);
    read_usage(chat, member(root, "usage"));
    const cJSON *choices = json_array(root, "choices");
    const cJSON *choice = choices ? choices->child : NULL;
    if (!choice)
        return true;
    const char *reason = json_string(choice, "finish_reason", "");
    if (*reason)
        chat->finish_reason = known_reason(reason);
    return read_content(chat, member(choice, message_name));
}

static bool on_event(const char *data, size_t length, void *context)
{
    struct chat_call *chat = context;
    cJSON *root;
    if (json_parse(data, length, NULL, &root) != OK) {
        chat->reading.garbled = true;
        return false;
    }
    const bool go_on = read_part(chat, root, "delta");
    cJSON_Delete(root);
    return go_on;
}

bool chat_read_whole(struct chat_call *chat, const char *bytes, size_t length)
{
    cJSON *root;
    if (length == 0 || json_parse(bytes, length, NULL, &root) != OK)
        return false;
    bool read = true;
    if (json_array(root, "choices") || is_error(root))
        (void)read_part(chat, root, "message");
    else
        read = read_error(chat, root);
    cJSON_Delete(root);
    return read;
}

/* ---- streams ---- */

void chat_reading_begin(struct chat_call *chat)
{
    chat_reading_clear(chat);
    struct chat_reading *reading = &chat->reading;
    sse_init(&reading->events, EVENT_BYTES_MAX, on_event, chat);
    buffer_init(&reading->whole, CHAT_WHOLE_BYTES_MAX);
    reading->code = reading->param = reading->message = "";
}

/* White space tells nothing yet. */
static void tell_form(struct chat_reading *reading, const char *bytes, size_t length)
{
    size_t i = 0;
    while (i < length && memchr(" \t\r\n", bytes[i], 4))
        i++;
    if (i < length)
        reading->form = memchr("{[<", bytes[i], 3) ? CHAT_FORM_WHOLE : CHAT_FORM_EVENTS;
}

bool chat_on_data(struct op *op, const char *bytes, size_t length, void *context)
{
    (void)op;
    struct chat_call *chat = context;
    struct chat_reading *reading = &chat->reading;
    if (reading->form == CHAT_FORM_UNKNOWN)
        tell_form(reading, bytes, length);
    const enum err err = reading->form == CHAT_FORM_WHOLE
                             ? buffer_append(&reading->whole, bytes, length)
                             : sse_feed(&reading->events, bytes, length);
    if (err == ERR_LIMIT)
        reading->overflowed = true;
    return err == OK;
}
