/*
 * A stream and a whole response have the same members, but for the name of the message: "delta"
 * and "message". A server that ignores `stream` answers with a whole one: that is told by its first
 * byte, as no line of an event stream begins like a JSON text or a web page.
 */
#include <string.h>

#include "base/json.h"
#include "upstream/openai_api.h"
#include "upstream/openai_parts.h"

enum {
    EVENT_BYTES_MAX = 256 << 10, /* some servers send all of the content in one */
    MODEL_BYTES_MAX = 200,       /* of its name */
};

void chat_reading_clear(struct chat_call *chat)
{
    sse_clear(&chat->reading.events);
    chunk_frame_clear(&chat->reading.frame);
    buffer_clear(&chat->reading.whole);
    memset(&chat->reading, 0, sizeof(chat->reading));
}

static void read_usage(struct chat_call *chat, const cJSON *usage)
{
    if (!cJSON_IsObject(usage))
        return;
    chat->reading.has_usage = true;
    chat->reading.usage = (struct token_usage){
        .prompt = openai_count(usage, "prompt_tokens"),
        .cached = openai_count(openai_member(usage, "prompt_tokens_details"), "cached_tokens"),
        .completion = openai_count(usage, "completion_tokens"),
        .reasoning =
            openai_count(openai_member(usage, "completion_tokens_details"), "reasoning_tokens"),
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

/* ---- answers ---- */

static void read_error(struct chat_call *chat, const cJSON *root)
{
    struct chat_reading *reading = &chat->reading;
    struct openai_error error;
    reading->has_error = openai_error_read(&error, &chat->arena, root);
    if (!reading->has_error)
        return;
    reading->error_status = error.status;
    reading->code = error.code;
    reading->param = error.param;
    reading->message = error.message;
}

static bool add_content(struct chat_call *chat, struct slice text)
{
    if (text.length == 0)
        return true;
    if (buffer_append(&chat->content, text.data, text.length)) {
        chat->reading.overflowed = true;
        return false;
    }
    if (chat->request.on_content)
        chat->request.on_content(chat, text.data, text.length);
    return true;
}

static const cJSON *first_choice(const cJSON *root)
{
    const cJSON *choices = json_array(root, "choices");
    return choices ? choices->child : NULL;
}

/* A chunk of a stream, or all of an answer. False: there is no use in reading on. */
static bool read_part(struct chat_call *chat, const cJSON *root, const char *message_name)
{
    if (openai_has_error(root)) {
        read_error(chat, root);
        return false;
    }
    const char *model = json_string(root, "model", "");
    if (*model && !*chat->model)
        chat->model =
            arena_strndup(&chat->arena, model, text_cut(model, strlen(model), MODEL_BYTES_MAX));
    read_usage(chat, openai_member(root, "usage"));
    const cJSON *choice = first_choice(root);
    if (!choice)
        return true;
    const char *reason = json_string(choice, "finish_reason", "");
    if (*reason)
        chat->finish_reason = known_reason(reason);
    const cJSON *message = openai_member(choice, message_name);
    if (*json_string(message, "refusal", ""))
        chat->refused = true;
    return add_content(chat, slice_of(json_string(message, "content", "")));
}

static bool read_chunk(struct chat_call *chat, const char *data, size_t length)
{
    cJSON *root;
    if (json_parse(data, length, NULL, &root) != OK) {
        chat->reading.garbled = true;
        return false;
    }
    const bool go_on = read_part(chat, root, "delta");
    if (go_on && json_string(openai_member(first_choice(root), "delta"), "content", NULL))
        chunk_frame_learn(&chat->reading.frame, data, length);
    cJSON_Delete(root);
    return go_on;
}

/* All that is read but the content is the same when it is read again. */
static bool on_event(const char *data, size_t length, void *context)
{
    struct chat_call *chat = context;
    struct slice content;
    if (chunk_frame_match(&chat->reading.frame, data, length, &content))
        return add_content(chat, content);
    return read_chunk(chat, data, length);
}

bool chat_read_whole(struct chat_call *chat, const char *bytes, size_t length)
{
    cJSON *root;
    if (length == 0 || json_parse(bytes, length, NULL, &root) != OK)
        return false;
    const bool is_answer = json_array(root, "choices") || openai_has_error(root);
    if (is_answer)
        (void)read_part(chat, root, "message");
    else
        read_error(chat, root);
    cJSON_Delete(root);
    return is_answer || chat->reading.has_error;
}

/* ---- streams ---- */

void chat_reading_begin(struct chat_call *chat)
{
    chat_reading_clear(chat);
    struct chat_reading *reading = &chat->reading;
    sse_init(&reading->events, EVENT_BYTES_MAX, on_event, chat);
    chunk_frame_init(&reading->frame);
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
