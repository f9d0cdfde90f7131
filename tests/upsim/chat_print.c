/*
 * A stream is written whole, with a note of where each event ends; its pace is the server's matter.
 * An event carries a token of four bytes, or as many as --event-tokens says.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/text.h"
#include "upsim/chat.h"

struct stream {
    struct chat *chat;
    const char *eol;
    struct buffer start; /* of each chunk, up to its choices */
    size_t events;
};

/* --- whole --------------------------------------------------------------------------------------
 */

static void print_usage(struct chat *chat)
{
    exchange_print(chat->exchange,
                   "{\"prompt_tokens\":%" PRIu64 ",\"completion_tokens\":%" PRIu64
                   ",\"total_tokens\":%" PRIu64
                   ",\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
                   "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}}",
                   chat->prompt_tokens, chat->completion_tokens,
                   chat->prompt_tokens + chat->completion_tokens);
}

static void print_content(struct chat *chat)
{
    if (json_print_string(&chat->exchange->answer, chat->content.data ? chat->content.data : "",
                          chat->content.length))
        abort(); /* content is far below an answer's maximum */
}

static void print_message(struct chat *chat)
{
    struct exchange *exchange = chat->exchange;
    exchange_print(exchange, "{\"role\":\"assistant\",\"content\":");
    if (chat->tool || chat->refusal)
        exchange_print(exchange, "null");
    else
        print_content(chat);
    exchange_print(exchange, ",\"refusal\":");
    if (chat->refusal)
        exchange_string(exchange, chat->refusal);
    else
        exchange_print(exchange, "null");
    if (chat->tool) {
        exchange_print(exchange,
                       ",\"tool_calls\":[{\"id\":\"call_%" PRIu64
                       "\",\"type\":\"function\",\"function\":{\"name\":",
                       exchange->number);
        exchange_string(exchange, chat->tool);
        exchange_print(exchange, ",\"arguments\":");
        print_content(chat);
        exchange_print(exchange, "}}]");
    }
    exchange_print(exchange, ",\"annotations\":[]}");
}

static void print_whole(struct chat *chat)
{
    struct exchange *exchange = chat->exchange;
    exchange_print(exchange,
                   "{\"id\":\"chatcmpl-%016" PRIx64 "\",\"object\":\"chat.completion\","
                   "\"created\":%lld,\"model\":",
                   exchange->number, (long long)time(NULL));
    exchange_string(exchange, chat->call.model);
    exchange_print(exchange, ",\"choices\":[{\"index\":0,\"message\":");
    print_message(chat);
    exchange_print(exchange, ",\"logprobs\":null,\"finish_reason\":\"%s\"}]", chat->finish_reason);
    if (!fault_is(chat->call.fault, FAULT_NO_USAGE)) {
        exchange_print(exchange, ",\"usage\":");
        print_usage(chat);
    }
    if (fault_is(chat->call.fault, FAULT_ERROR_NULL))
        exchange_print(exchange, ",\"error\":null");
    exchange_print(exchange, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_upsim\"}");
    const uint64_t pace = chat->upsim->options.tokens_per_second;
    if (pace > 0)
        exchange->wait_ms += chat->completion_tokens * 1000 / pace;
}

/* --- streamed -----------------------------------------------------------------------------------
 */

static const char null_usage[] = ",\"usage\":null";

static void print_comment(struct stream *stream)
{
    if (fault_is(stream->chat->call.fault, FAULT_SSE_COMMENTS))
        exchange_print(stream->chat->exchange, ": still here%s%s", stream->eol, stream->eol);
}

static void begin_event(struct stream *stream)
{
    print_comment(stream);
    exchange_append(stream->chat->exchange, "data: ", 6);
}

static void note_end(struct stream *stream)
{
    struct exchange *exchange = stream->chat->exchange;
    if (stream->chat->upsim->options.tokens_per_second > 0 &&
        buffer_append(&exchange->ends, &exchange->answer.length, sizeof(size_t)))
        abort(); /* as many events as an answer can have fit */
    stream->events++;
}

static void end_event(struct stream *stream)
{
    struct exchange *exchange = stream->chat->exchange;
    const size_t eol = strlen(stream->eol);
    exchange_append(exchange, stream->eol, eol);
    exchange_append(exchange, stream->eol, eol);
    note_end(stream);
}

static void begin_chunk(struct stream *stream)
{
    begin_event(stream);
    exchange_append(stream->chat->exchange, stream->start.data, stream->start.length);
}

static void end_chunk(struct stream *stream)
{
    struct exchange *exchange = stream->chat->exchange;
    if (stream->chat->include_usage)
        exchange_append(exchange, null_usage, sizeof(null_usage) - 1);
    exchange_append(exchange, "}", 1);
    end_event(stream);
}

static const char choice_start[] = "[{\"index\":0,\"delta\":{";
static const char choice_end[] = "},\"logprobs\":null,\"finish_reason\":null}]";

/* Appends `head`, `text` as it stands in a JSON string, and `tail`: most of a stream's bytes. */
static void append_piece(struct buffer *out, const struct buffer *head, const char *text,
                         size_t length, const struct buffer *tail)
{
    char *at = buffer_reserve(out, head->length + length + tail->length);
    if (!at)
        return;
    memcpy(at, head->data, head->length);
    memcpy(at + head->length, text, length);
    memcpy(at + head->length + length, tail->data, tail->length);
    out->length += head->length + length + tail->length;
}

/* The bytes of the next piece, which begins at a character or an escape, and ends before one. */
static size_t piece_bytes(const char *text, size_t length, size_t most)
{
    size_t piece = 0;
    while (piece < length && piece < most) {
        size_t step = 1;
        if (text[piece] == '\\')
            step = text[piece + 1] == 'u' ? 6 : 2;
        else
            while (piece + step < length && ((unsigned char)text[piece + step] & 0xC0) == 0x80)
                step++;
        piece += step;
    }
    return piece < length ? piece : length;
}

/* What was said, in pieces; half of it for an error in mid-stream. Each piece is a string in a
 * delta, between `before` and `after`: all but the string is the same in each chunk, and it is made
 * JSON before it is cut. */
static void stream_text(struct stream *stream, const char *before, const char *text, size_t length,
                        const char *after)
{
    const struct chat *chat = stream->chat;
    struct exchange *exchange = chat->exchange;
    if (fault_is(chat->call.fault, FAULT_SSE_ERROR))
        length = text_cut(text, length, length / 2);
    struct buffer head, tail, escaped;
    buffer_init(&head, 4096);
    buffer_init(&tail, 4096);
    buffer_init(&escaped, HTTP_ANSWER_BYTES_MAX);
    if (buffer_printf(&head, "data: %s%s%s\"", stream->start.data, choice_start, before) ||
        buffer_printf(&tail, "\"%s%s%s}%s%s", after, choice_end,
                      chat->include_usage ? null_usage : "", stream->eol, stream->eol) ||
        json_print_string(&escaped, text, length))
        abort(); /* none of them can be near its maximum */
    const size_t most =
        TOKEN_BYTES *
        (size_t)(chat->upsim->options.event_tokens > 0 ? chat->upsim->options.event_tokens : 1);
    const char *inner = escaped.data + 1; /* without the quotes */
    const size_t inner_length = escaped.length - 2;
    for (size_t at = 0; at < inner_length;) {
        const size_t piece = piece_bytes(inner + at, inner_length - at, most);
        print_comment(stream);
        append_piece(&exchange->answer, &head, inner + at, piece, &tail);
        note_end(stream);
        at += piece;
    }
    buffer_clear(&escaped);
    buffer_clear(&head);
    buffer_clear(&tail);
}

/* The first chunk says who speaks. */
static void stream_role(struct stream *stream)
{
    begin_chunk(stream);
    exchange_print(stream->chat->exchange,
                   "%s\"role\":\"assistant\",\"content\":\"\",\"refusal\":null%s", choice_start,
                   choice_end);
    end_chunk(stream);
}

static void stream_tool(struct stream *stream)
{
    struct chat *chat = stream->chat;
    struct exchange *exchange = chat->exchange;
    begin_chunk(stream);
    exchange_print(exchange,
                   "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,"
                   "\"tool_calls\":[{\"index\":0,\"id\":\"call_%" PRIu64
                   "\",\"type\":\"function\",\"function\":{\"arguments\":\"\",\"name\":",
                   exchange->number);
    exchange_string(exchange, chat->tool);
    exchange_print(exchange, "}}],\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}]");
    end_chunk(stream);
    stream_text(stream,
                "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":", chat->content.data,
                chat->content.length, "}}]");
}

static void stream_error(struct stream *stream)
{
    const struct fault *fault = stream->chat->call.fault;
    struct exchange *exchange = stream->chat->exchange;
    begin_event(stream);
    exchange_print(exchange, "{\"error\":{\"message\":");
    exchange_string(exchange, fault->message);
    exchange_print(exchange, ",\"type\":");
    exchange_string(exchange, fault->type);
    exchange_print(exchange, ",\"param\":null,\"code\":");
    exchange_string(exchange, fault->code);
    exchange_print(exchange, "}}");
    end_event(stream);
}

static void stream_end(struct stream *stream)
{
    struct chat *chat = stream->chat;
    struct exchange *exchange = chat->exchange;
    begin_chunk(stream);
    exchange_print(exchange,
                   "[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"%s\"}]",
                   chat->finish_reason);
    end_chunk(stream);
    if (fault_is(chat->call.fault, FAULT_NO_DONE))
        return;
    if (chat->include_usage) {
        begin_chunk(stream);
        exchange_print(exchange, "[],\"usage\":");
        print_usage(chat);
        exchange_print(exchange, "}");
        end_event(stream);
    }
    begin_event(stream);
    exchange_print(exchange, "[DONE]");
    end_event(stream);
}

/* Up to and with "choices":, the same in each chunk. */
static void make_start(struct stream *stream)
{
    struct chat *chat = stream->chat;
    struct buffer *start = &stream->start;
    buffer_init(start, 4096);
    if (buffer_printf(start,
                      "{\"id\":\"chatcmpl-%016" PRIx64 "\",\"object\":\"chat.completion.chunk\","
                      "\"created\":%lld,\"model\":",
                      chat->exchange->number, (long long)time(NULL)) ||
        json_print_string(start, chat->call.model, strlen(chat->call.model)) ||
        buffer_puts(start, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_upsim\","
                           "\"choices\":"))
        abort(); /* a model's name has at most WORD_BYTES */
}

static void print_stream(struct chat *chat)
{
    struct exchange *exchange = chat->exchange;
    struct stream stream = {
        .chat = chat,
        .eol = fault_is(chat->call.fault, FAULT_SSE_CRLF) ? "\r\n"
               : fault_is(chat->call.fault, FAULT_SSE_CR) ? "\r"
                                                          : "\n",
    };
    make_start(&stream);
    exchange->content_type = "text/event-stream; charset=utf-8";
    exchange->chunked = true;
    if (chat->tool)
        stream_tool(&stream);
    else
        stream_role(&stream);
    if (chat->refusal)
        stream_text(&stream, "\"refusal\":", chat->refusal, strlen(chat->refusal), "");
    else if (!chat->tool)
        stream_text(&stream, "\"content\":", chat->content.data ? chat->content.data : "",
                    chat->content.length, "");
    if (fault_is(chat->call.fault, FAULT_SSE_ERROR))
        stream_error(&stream);
    else
        stream_end(&stream);
    buffer_clear(&stream.start);

    const struct options *options = &chat->upsim->options;
    if (options->tokens_per_second > 0) {
        exchange->deliver = DELIVER_PACED;
        exchange->pieces_per_ms = (double)stream.events / (double)chat->completion_tokens *
                                  (double)options->tokens_per_second / 1000;
    }
}

void chat_print(struct chat *chat)
{
    if (chat->stream)
        print_stream(chat);
    else if (fault_is(chat->call.fault, FAULT_SSE_ERROR))
        reply_error(chat->exchange, SHAPE_OPENAI, 200, chat->call.fault->type,
                    chat->call.fault->code, NULL, chat->call.fault->message);
    else
        print_whole(chat);
}
