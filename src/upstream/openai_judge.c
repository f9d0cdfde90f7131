/*
 * An answer counts as whole once it says that it is finished: what befalls the connection after
 * that changes nothing, and to pay for it twice would be a waste.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "upstream/openai_api.h"
#include "upstream/openai_parts.h"

enum { REJECTED_BYTES_MAX = 64 << 10 /* of an answer that goes back with a complaint */ };

/* ---- refused fields ---- */

static bool is_too_long(const struct outcome *outcome)
{
    return strcmp(outcome->code, "context_length_exceeded") == 0 ||
           strcmp(outcome->code, "exceed_context_size_error") == 0 ||
           strcasestr(outcome->message, "maximum context length");
}

/* In the words of those who do not name it. */
static bool is_about_format(const struct outcome *outcome)
{
    return strcmp(outcome->code, "invalid_json_schema") == 0 ||
           (!*outcome->param &&
            (strcasestr(outcome->message, "schema") || strcasestr(outcome->message, "grammar") ||
             strcasestr(outcome->message, "json_object")));
}

/* The optional field of this try that `param` names: of several the longest, as that is the most
 * particular. */
static int field_in_param(const struct chat_call *chat, const char *param)
{
    int found = -1;
    for (int i = 0; i < CHAT_FIELD_COUNT; i++) {
        if (chat->fields & 1u << i && openai_is_about(param, chat_field_names[i]) &&
            (found < 0 || strlen(chat_field_names[i]) > strlen(chat_field_names[found])))
            found = i;
    }
    return found;
}

/* The one that the message mentions first: what follows is advice. "stream" is too common a word.
 */
static int field_in_message(const struct chat_call *chat, const char *message)
{
    int found = -1;
    const char *first = NULL;
    for (int i = 0; i < CHAT_FIELD_COUNT; i++) {
        if (i == CHAT_STREAM || !(chat->fields & 1u << i))
            continue;
        const char *at = openai_mention(message, chat_field_names[i]);
        if (at && (!first || at <= first)) {
            first = at;
            found = i;
        }
    }
    return found;
}

/* What of this try a 400 is about; -1: nothing that could be left out. */
static int find_refused_field(const struct chat_call *chat, const struct outcome *outcome)
{
    if (is_too_long(outcome))
        return chat->request.document_count > 0 ? CHAT_INPUT : -1;
    const int found = *outcome->param ? field_in_param(chat, outcome->param)
                                      : field_in_message(chat, outcome->message);
    const bool has_format = chat->fields & 1u << CHAT_RESPONSE_FORMAT;
    return found < 0 && has_format && is_about_format(outcome) ? CHAT_RESPONSE_FORMAT : found;
}

static void read_error(struct chat_call *chat, struct outcome *out)
{
    const struct chat_reading *reading = &chat->reading;
    out->code = reading->code;
    out->message = reading->message;
    out->param = reading->param;
    chat->refused_field = find_refused_field(chat, out);
    out->param_is_ours = chat->refused_field >= 0;
}

/* ---- what came of a try ---- */

static void set_unusable(struct chat_call *chat, struct outcome *out, const char *fault)
{
    chat->fault = out->code = fault;
    out->unusable = true;
}

/* The answer came to its end: is it one? */
static void judge(struct chat_call *chat, struct outcome *out)
{
    out->fault = HTTP_FAULT_NONE; /* whatever befell the connection afterwards */
    if (strcmp(chat->finish_reason, "content_filter") == 0 || chat->refused) {
        chat->fault = out->code = chat->refused ? "refusal" : "content_filter";
        chat->refused = true;
        out->moderated = true;
        return;
    }
    const bool cut = strcmp(chat->finish_reason, "length") == 0;
    if (chat->content.length == 0)
        set_unusable(chat, out, cut ? "length" : "empty");
    else if (cut && !chat_call_is_last(chat)) /* more room first */
        set_unusable(chat, out, "length");
    else if (chat->request.check && chat->request.check(chat, &chat->complaint) != OK)
        set_unusable(chat, out, cut ? "length" : "unusable");
    else if (cut)
        chat->fault = "length";
}

static void read_success(struct chat_call *chat, struct outcome *out)
{
    struct chat_reading *reading = &chat->reading;
    const bool events = chat->fields & 1u << CHAT_STREAM && reading->form != CHAT_FORM_WHOLE;
    if (!events && !reading->overflowed && out->fault == HTTP_FAULT_NONE) {
        const struct buffer *whole =
            reading->form == CHAT_FORM_WHOLE ? &reading->whole : &chat->call.http.body;
        reading->garbled = !chat_read_whole(chat, whole->data, whole->length);
    }
    const bool ended = *chat->finish_reason || reading->events.done;
    chat_account(chat, !reading->has_error || chat->content.length > 0);

    if (reading->has_error) {
        out->fault = HTTP_FAULT_NONE;
        out->status = reading->error_status;
        read_error(chat, out);
    } else if (reading->overflowed) {
        set_unusable(chat, out, "too_large");
    } else if (reading->garbled) {
        set_unusable(chat, out, "not_json");
    } else if (ended || (!events && out->fault == HTTP_FAULT_NONE)) {
        judge(chat, out);
    } else {
        chat->fault = out->fault == HTTP_FAULT_TOO_LARGE ? "too_large" : "cut";
        if (out->fault == HTTP_FAULT_NONE) {
            struct http_call *http = &chat->call.http;
            out->fault = HTTP_FAULT_CUT;
            snprintf(http->fault_text, sizeof(http->fault_text),
                     "the stream ended before the answer did");
        }
    }
}

void chat_read(struct upstream_call *call, struct outcome *out)
{
    struct chat_call *chat = container_of(call, struct chat_call, call);
    if (out->status >= 200 && out->status < 300) {
        read_success(chat, out);
        return;
    }
    const bool was_at_work = out->fault == HTTP_FAULT_IDLE || out->fault == HTTP_FAULT_TOTAL;
    chat_account(chat, was_at_work && out->status == 0);
    const struct buffer *body = &call->http.body;
    if (out->status >= 400 && body->length <= CHAT_ERROR_BYTES_MAX &&
        chat_read_whole(chat, body->data, body->length) && chat->reading.has_error)
        read_error(chat, out);
}

/* ---- what is learned of it ---- */

/* The rung to go on with. Some servers know no schemas at all, some no response_format. */
static int lower_rung(const struct chat_call *chat, const struct outcome *outcome)
{
    const bool is_unknown = strcmp(outcome->code, "unknown_parameter") == 0 ||
                            strcmp(outcome->code, "unsupported_parameter") == 0;
    if (is_unknown && strcmp(outcome->param, "response_format") == 0)
        return RUNG_WORDS;
    const bool is_detail = strcmp(outcome->code, "invalid_json_schema") == 0 ||
                           openai_mention(outcome->message, "strict") ||
                           strstr(outcome->param, "strict");
    if (!is_detail && chat->rung < RUNG_OBJECT && openai_mention(outcome->message, "json_schema"))
        return RUNG_OBJECT;
    return chat->rung + 1;
}

static void step_down(struct chat_call *chat, const struct outcome *outcome)
{
    const int lower = lower_rung(chat, outcome);
    for (int rung = chat->rung; rung < lower; rung++)
        chat_refuse(chat, chat_rung_names[rung], CAPABILITY_MS);
}

/* More room for what was cut at the limit, and less of it spent on thinking. */
static void make_room(struct chat_call *chat)
{
    const struct token_usage *usage = &chat->reading.usage;
    chat->output_tokens *= 2;
    if (chat->effort && usage->reasoning > usage->completion / 2 &&
        strcmp(chat->effort, "none") != 0 && strcmp(chat->effort, "minimal") != 0)
        chat->effort = "low";
}

/* The next try goes on with this answer and the complaint. */
static void reject(struct chat_call *chat)
{
    const struct buffer *content = &chat->content;
    chat->rejected = arena_strndup(&chat->arena, content->data,
                                   text_cut(content->data, content->length, REJECTED_BYTES_MAX));
    chat->rejected_why = chat->complaint;
}

void chat_adapt(struct upstream_call *call, const struct outcome *outcome)
{
    struct chat_call *chat = container_of(call, struct chat_call, call);
    if (outcome->unusable) {
        if (strcmp(chat->fault, "length") == 0)
            make_room(chat);
        else if (chat->complaint)
            reject(chat);
    } else if (chat->refused_field == CHAT_INPUT) {
        chat->input_divisor *= 2;
        chat->shortened = true;
    } else if (chat->refused_field == CHAT_RESPONSE_FORMAT) {
        step_down(chat, outcome);
    } else {
        assert(chat->refused_field >= 0);
        chat_refuse(chat, chat_field_names[chat->refused_field], CAPABILITY_MS);
    }
}
