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
    struct buffer opening; /* of each event, a comment before it included */
    struct buffer start;   /* of each chunk's JSON, up to its choices */
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

static void begin_event(struct stream *stream)
{
    exchange_append(stream->chat->exchange, stream->opening.data, stream->opening.length);
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

/* The bytes of the next piece, which begins at a character or an escape, and ends before one. */
static size_t piece_bytes(const char *text, size_t length, size_t most)
{
    size_t piece = 0;
    while (piece < length && piece < most) {
        const unsigned char c = (unsigned char)text[piece];
        if (c == '\\')
            piece += text[piece + 1] == 'u' ? 6 : 2;
        else
            piece += c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    }
    return piece < length ? piece : length;
}

/* Cuts `text`, the inside of a JSON string, into events: each has a piece of it between `head` and
 * `tail`. They are most of a stream's bytes, so there is room for all before the first. */
static void append_pieces(struct stream *stream, const struct buffer *head, const char *text,
                          size_t length, const struct buffer *tail)
{
    struct buffer *answer = &stream->chat->exchange->answer;
    const uint64_t tokens = stream->chat->upsim->options.event_tokens;
    const size_t most = TOKEN_BYTES * (size_t)(tokens > 0 ? tokens : 1);
    const size_t frame = head->length + tail->length;
    char *to = buffer_reserve(answer, (length / most + 1) * frame + length);
    for (size_t at = 0; to && at < length;) {
        const size_t piece = piece_bytes(text + at, length - at, most);
        to = mempcpy(to, head->data, head->length);
        to = mempcpy(to, text + at, piece);
        to = mempcpy(to, tail->data, tail->length);
        answer->length += frame + piece;
        note_end(stream);
        at += piece;
    }
}

/* What was said, in pieces; half of it for an error in mid-stream. Each piece is a string in a
 * delta, between `before` and `after`: all but the string is the same in each chunk, and it is made
 * JSON before it is cut. */
static void stream_text(struct stream *stream, const char *before, const char *text, size_t length,
                        const char *after)
{
    const struct chat *chat = stream->chat;
    if (fault_is(chat->call.fault, FAULT_SSE_ERROR))
        length = text_cut(text, length, length / 2);
    struct buffer head, tail, escaped;
    buffer_init(&head, 4096);
    buffer_init(&tail, 4096);
    buffer_init(&escaped, HTTP_ANSWER_BYTES_MAX);
    if (buffer_printf(&head, "%s%s%s%s\"", stream->opening.data, stream->start.data, choice_start,
                      before) ||
        buffer_printf(&tail, "\"%s%s%s}%s%s", after, choice_end,
                      chat->include_usage ? null_usage : "", stream->eol, stream->eol) ||
        json_print_string(&escaped, text, length))
        abort(); /* none of them can be near its maximum */
    append_pieces(stream, &head, escaped.data + 1, escaped.length - 2, &tail); /* no quotes */
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

/* What is the same in each event, and in each chunk up to and with "choices":. */
static void make_starts(struct stream *stream)
{
    struct chat *chat = stream->chat;
    struct buffer *start = &stream->start;
    buffer_init(&stream->opening, 4096);
    buffer_init(start, 4096);
    if ((fault_is(chat->call.fault, FAULT_SSE_COMMENTS) &&
         buffer_printf(&stream->opening, ": still here%s%s", stream->eol, stream->eol)) ||
        buffer_puts(&stream->opening, "data: ") ||
        buffer_printf(start,
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
    make_starts(&stream);
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
    buffer_clear(&stream.opening);
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
