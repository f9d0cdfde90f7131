/*
 * Chat completions. Which of the server's calls it is, is told by the name of the schema or of the
 * forced tool, else by the system prompt's words.
 */
#include "upsim/chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "upsim/answer.h"
#include "upsim/fence.h"

enum {
    PROMPT_BYTES_MAX = 64 << 20,
    CONTENT_BYTES_MAX = 16 << 20,
    SCENES_MAX = 12, /* that a prompt may ask for */
};

static const char *const known_fields[] = {"model",
                                           "messages",
                                           "max_completion_tokens",
                                           "max_tokens",
                                           "temperature",
                                           "top_p",
                                           "n",
                                           "stop",
                                           "stream",
                                           "stream_options",
                                           "response_format",
                                           "reasoning_effort",
                                           "prompt_cache_key",
                                           "prompt_cache_retention",
                                           "safety_identifier",
                                           "user",
                                           "seed",
                                           "tools",
                                           "tool_choice",
                                           "parallel_tool_calls",
                                           "store",
                                           "metadata",
                                           "service_tier",
                                           "presence_penalty",
                                           "frequency_penalty",
                                           "logprobs",
                                           "top_logprobs",
                                           "logit_bias",
                                           "verbosity",
                                           "modalities",
                                           "prediction",
                                           NULL};

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* --- what was asked -----------------------------------------------------------------------------
 */

static const cJSON *json_schema_of(const cJSON *root)
{
    return member(member(root, "response_format"), "json_schema");
}

/* The function that has to be called, or NULL. */
static const cJSON *forced_tool(const cJSON *root)
{
    const cJSON *choice = member(root, "tool_choice");
    const char *name = json_string(member(choice, "function"), "name", NULL);
    const bool required = cJSON_IsString(choice) && strcmp(choice->valuestring, "required") == 0;
    const cJSON *tools = json_array(root, "tools");
    for (const cJSON *tool = tools ? tools->child : NULL; tool; tool = tool->next) {
        const cJSON *function = member(tool, "function");
        if (required || (name && strcmp(json_string(function, "name", ""), name) == 0))
            return function;
    }
    return NULL;
}

/* Appends a message's text, which may come in parts. A prompt past the maximum is cut. */
static void append_content(struct buffer *out, const cJSON *message)
{
    const cJSON *content = member(message, "content");
    if (cJSON_IsString(content))
        (void)!buffer_puts(out, content->valuestring);
    for (const cJSON *part = cJSON_IsArray(content) ? content->child : NULL; part;
         part = part->next)
        (void)!buffer_puts(out, json_string(part, "text", ""));
    (void)!buffer_puts(out, "\n");
}

static bool is_system(const cJSON *message)
{
    const char *role = json_string(message, "role", "");
    return strcmp(role, "system") == 0 || strcmp(role, "developer") == 0;
}

/* The call that a prompt's earliest telling word stands for. */
static const char *name_in_words(const cJSON *root)
{
    static const struct {
        const char *word, *name;
    } words[] = {{"analy", "analysis"}, {"scene", "scenes"}, {"persona", "personas"}};
    const cJSON *messages = json_array(root, "messages");
    for (const cJSON *message = messages ? messages->child : NULL; message;
         message = message->next) {
        const char *text = json_string(message, "content", NULL), *earliest = NULL;
        const char *name = "chat";
        for (size_t i = 0; text && is_system(message) && i < 3; i++) {
            const char *at = strcasestr(text, words[i].word);
            if (at && (!earliest || at < earliest)) {
                earliest = at;
                name = words[i].name;
            }
        }
        if (earliest)
            return name;
    }
    return "chat";
}

static const char *name_of(const cJSON *root)
{
    const char *name = json_string(json_schema_of(root), "name", NULL);
    if (!name)
        name = json_string(forced_tool(root), "name", NULL);
    return name && name[0] && strlen(name) < CALL_NAME_BYTES ? name : name_in_words(root);
}

static void read_messages(struct chat *chat)
{
    const cJSON *messages = json_array(chat->call.root, "messages");
    buffer_init(&chat->system, PROMPT_BYTES_MAX);
    buffer_init(&chat->user, PROMPT_BYTES_MAX);
    for (const cJSON *message = messages ? messages->child : NULL; message; message = message->next)
        append_content(is_system(message) ? &chat->system : &chat->user, message);
    chat->document = chat->user.length > 0 ? chat->user.data : "";
    chat->document_length = chat->user.length;
    chat->prompt_tokens = (chat->system.length + chat->user.length) / TOKEN_BYTES + 1;

    struct fence_record record = {0};
    snprintf(record.call, sizeof(record.call), "%s", chat->name);
    fence_check(&chat->upsim->options, chat->document, chat->document_length, &record,
                &chat->document, &chat->document_length);
    stats_fence(&chat->upsim->stats, &record);
    chat->seed = record.sha256[0] ? dice_hash(record.sha256, strlen(record.sha256))
                                  : dice_hash(chat->document, chat->document_length);
}

/* --- what is refused ----------------------------------------------------------------------------
 */

static bool good_name(const char *name)
{
    const size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789_-");
    return length > 0 && length <= 64 && !name[length];
}

/* NULL, or why the response_format would be refused. */
static const char *format_fault(const struct chat *chat, const char **code_out)
{
    const cJSON *format = member(chat->call.root, "response_format");
    const char *type = json_string(format, "type", "");
    const cJSON *schema = json_schema_of(chat->call.root);
    *code_out = NULL;
    if (!format || strcmp(type, "text") == 0)
        return NULL;
    if (strcmp(type, "json_object") == 0)
        return (chat->system.data && strcasestr(chat->system.data, "json")) ||
                       (chat->user.data && strcasestr(chat->user.data, "json"))
                   ? NULL
                   : "'messages' must contain the word 'json' in some form, to use "
                     "'response_format' of type 'json_object'.";
    if (strcmp(type, "json_schema") != 0)
        return "Invalid value: 'response_format.type'.";
    if (!good_name(json_string(schema, "name", "")))
        return "Missing or invalid parameter: 'response_format.json_schema.name'.";
    if (!json_bool(schema, "strict", false))
        return NULL;
    *code_out = "invalid_json_schema";
    return strict_schema_fault(member(schema, "schema"));
}

static bool check(struct chat *chat)
{
    struct upsim *upsim = chat->upsim;
    struct exchange *exchange = chat->exchange;
    if (!openai_check(upsim, exchange, &chat->call, known_fields))
        return false;
    const cJSON *messages = json_array(chat->call.root, "messages");
    if (!messages || !messages->child) {
        openai_refuse(exchange, 400, "missing_required_parameter", "messages",
                      "Missing required parameter: 'messages'.");
        return false;
    }
    if (!upsim->options.stream && member(chat->call.root, "stream")) {
        openai_refuse(exchange, 400, "unknown_parameter", "stream", "Unknown parameter: 'stream'.");
        return false;
    }
    const char *code;
    const char *fault = upsim->options.strict ? format_fault(chat, &code) : NULL;
    if (fault)
        openai_refuse(exchange, 400, code, "response_format", fault);
    return !fault;
}

/* --- what the model says ------------------------------------------------------------------------
 */

/* "exactly 4", in the schema's words on scenes or in the system prompt. */
static size_t scenes_asked(const struct chat *chat)
{
    const cJSON *scenes = member(member(chat->schema, "properties"), "scenes");
    const char *const places[] = {json_string(scenes, "description", NULL), chat->system.data};
    for (size_t i = 0; i < 2; i++)
        for (const char *at = places[i]; at && (at = strcasestr(at, "exactly ")); at++) {
            const unsigned long count = strtoul(at + 8, NULL, 10);
            if (count >= 1 && count <= SCENES_MAX)
                return count;
        }
    return (size_t)chat->upsim->options.scenes;
}

/* The document's first line that says anything, without Markdown's marks. */
static void read_title(const struct chat *chat, char out[TITLE_BYTES])
{
    const char *at = chat->document, *end = at + chat->document_length;
    while (at < end && strchr("# \t\r\n>*", *at) && *at)
        at++;
    const char *line_end = memchr(at, '\n', (size_t)(end - at));
    const size_t line = (size_t)((line_end ? line_end : end) - at);
    const size_t length = text_cut(at, line, TITLE_BYTES - 48);
    snprintf(out, TITLE_BYTES, "%.*s", (int)length, length > 0 ? at : "");
    if (!out[0])
        snprintf(out, TITLE_BYTES, "A Business Case");
}

/* The schema to answer by: the one that was sent, the tool's, or one that the call's name means. */
static void choose_schema(struct chat *chat)
{
    const cJSON *root = chat->call.root;
    const cJSON *tool = forced_tool(root);
    if (tool && !fault_is(chat->call.fault, FAULT_TOOLS_IGNORED)) {
        chat->tool = json_string(tool, "name", "");
        chat->schema = member(tool, "parameters");
        return;
    }
    const cJSON *format = member(root, "response_format");
    const cJSON *sent = json_schema_of(root);
    chat->schema = member(sent, "schema") ? member(sent, "schema") : member(format, "schema");
    if (chat->schema || fault_is(chat->call.fault, FAULT_TOOLS_IGNORED))
        return;
    const char *usual = answer_default_schema(chat->name);
    if (usual && json_parse(usual, strlen(usual), NULL, &chat->own_schema) == OK)
        chat->schema = chat->own_schema;
}

static void say(struct chat *chat)
{
    choose_schema(chat);
    struct answer answer = {
        .fault = chat->call.fault ? chat->call.fault->kind->id : FAULT_LATENCY,
        .dice = {chat->seed},
        .scenes = scenes_asked(chat),
        .out = &chat->content,
    };
    names_find(&answer.names, chat->document, chat->document_length);
    read_title(chat, answer.title);
    if (chat->schema && answer.fault != FAULT_NOT_JSON)
        answer_write(&answer, chat->schema);
    else
        answer_speak(&answer);
}

/* Puts words around what was said. */
static void wrap(struct buffer *content, const char *before, const char *after)
{
    struct buffer wrapped;
    buffer_init(&wrapped, content->max);
    if (buffer_puts(&wrapped, before) || buffer_append(&wrapped, content->data, content->length) ||
        buffer_puts(&wrapped, after))
        abort(); /* an answer is far below the maximum */
    buffer_clear(content);
    *content = wrapped;
}

static void cut_content(struct chat *chat, size_t length, const char *why)
{
    struct buffer *content = &chat->content;
    content->length = text_cut(content->data, content->length, length);
    content->data[content->length] = '\0';
    chat->finish_reason = why;
}

static void mangle(struct chat *chat)
{
    struct buffer *content = &chat->content;
    const struct fault *fault = chat->call.fault;
    switch (fault ? fault->kind->id : FAULT_LATENCY) {
    case FAULT_FINISH_LENGTH:
        cut_content(chat, content->length / 2, "length");
        break;
    case FAULT_CONTENT_FILTER:
        cut_content(chat, content->length / 2, "content_filter");
        break;
    case FAULT_REFUSAL:
        buffer_reset(content);
        chat->refusal = fault->message;
        break;
    case FAULT_EMPTY_CONTENT:
        buffer_reset(content);
        break;
    case FAULT_FENCED:
        wrap(content, "```json\n", "\n```");
        break;
    case FAULT_PROSE:
        wrap(content, "Sure! Here is the {JSON} you asked for:\n\n",
             "\n\nLet me know if [anything] should be changed.");
        break;
    case FAULT_THINK:
        wrap(content, "<think>They want JSON, such as {\"title\": 1}. Let me see.</think>\n", "");
        break;
    case FAULT_TRAILING_COMMA:
        if (content->length > 1)
            cut_content(chat, content->length - 1, "stop");
        wrap(content, "", ",}");
        break;
    default:
        break;
    }
}

/* The output limit of the request, which cuts as the vendor's does. */
static void keep_to_limit(struct chat *chat)
{
    const double limit = json_number(chat->call.root, "max_completion_tokens",
                                     json_number(chat->call.root, "max_tokens", CONTENT_BYTES_MAX));
    if (limit >= 1 && (double)chat->content.length / TOKEN_BYTES > limit)
        cut_content(chat, (size_t)limit * TOKEN_BYTES, "length");
    chat->completion_tokens = chat->content.length / TOKEN_BYTES + 1;
}

/* --- the call -----------------------------------------------------------------------------------
 */

static const struct range *latency_of(const struct chat *chat)
{
    const struct options *options = &chat->upsim->options;
    if (strcmp(chat->name, "analysis") == 0)
        return &options->analysis_ms;
    return strcmp(chat->name, "scenes") == 0 ? &options->scenes_ms : &options->chat_ms;
}

static void answer(struct chat *chat)
{
    struct upsim *upsim = chat->upsim;
    buffer_init(&chat->content, CONTENT_BYTES_MAX);
    say(chat);
    mangle(chat);
    keep_to_limit(chat);
    const cJSON *root = chat->call.root;
    chat->stream =
        json_bool(root, "stream", false) && !fault_is(chat->call.fault, FAULT_STREAM_IGNORED);
    chat->include_usage = json_bool(member(root, "stream_options"), "include_usage", false) &&
                          !fault_is(chat->call.fault, FAULT_NO_USAGE);
    upsim->stats.streamed += chat->stream;
    upsim->stats.prompt_tokens += chat->prompt_tokens;
    upsim->stats.completion_tokens += chat->completion_tokens;
    chat_print(chat);
    fault_deliver(chat->call.fault, chat->exchange);
    buffer_clear(&chat->content);
}

void chat_completions(struct upsim *upsim, struct exchange *exchange)
{
    struct chat chat = {.upsim = upsim, .exchange = exchange, .finish_reason = "stop"};
    if (openai_begin(upsim, exchange, &chat.call, name_of)) {
        chat.name = name_of(chat.call.root);
        stats_chat_call(&upsim->stats, chat.name);
        read_messages(&chat);
        exchange->wait_ms = range_draw(latency_of(&chat), &upsim->dice);
        if (check(&chat))
            answer(&chat);
        else
            exchange->wait_ms = 0; /* refusals are quick */
    } else if (chat.call.root) {
        stats_chat_call(&upsim->stats, name_of(chat.call.root));
    }
    buffer_clear(&chat.system);
    buffer_clear(&chat.user);
    cJSON_Delete(chat.own_schema);
    cJSON_Delete(chat.call.root);
}
