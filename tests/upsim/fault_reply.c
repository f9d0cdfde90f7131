/* What a fault makes of an answer, apart from what the model says in it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "upsim/faults.h"

static void print_or_null(struct exchange *exchange, const char *name, const char *text)
{
    exchange_print(exchange, ",\"%s\":", name);
    if (text && text[0])
        exchange_string(exchange, text);
    else
        exchange_print(exchange, "null");
}

void reply_error(struct exchange *exchange, enum error_shape shape, int status, const char *type,
                 const char *code, const char *param, const char *message)
{
    exchange->status = status;
    buffer_reset(&exchange->answer);
    switch (shape) {
    case SHAPE_LLAMAPARSE:
        exchange_print(exchange, "{\"detail\":");
        exchange_string(exchange, message);
        exchange_print(exchange, "}");
        break;
    case SHAPE_OPENAI:
        exchange_print(exchange, "{\"error\":{\"message\":");
        exchange_string(exchange, message);
        print_or_null(exchange, "type", type);
        print_or_null(exchange, "param", param);
        print_or_null(exchange, "code", code);
        if (code && strcmp(code, "moderation_blocked") == 0)
            exchange_print(exchange, ",\"moderation_details\":{\"moderation_stage\":\"input\","
                                     "\"categories\":[\"violence\"]}");
        exchange_print(exchange, "}}");
        break;
    case SHAPE_STORAGE:
        exchange->content_type = "application/xml";
        exchange_print(exchange,
                       "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code>"
                       "<Message>%s</Message></Error>",
                       code && code[0] ? code : "ServerError", message);
        break;
    }
}

static void reply_html(const struct fault *fault, struct exchange *exchange)
{
    exchange->status = fault->status;
    exchange->content_type = "text/html; charset=UTF-8";
    exchange_print(exchange,
                   "<!DOCTYPE html>\n<html><head><title>%d</title></head>\n<body>"
                   "<center><h1>%d</h1></center><hr><center>cloudfront</center></body></html>\n",
                   fault->status, fault->status);
}

static void reply_member(const struct fault *fault, struct exchange *exchange, const char *name)
{
    exchange->status = fault->status;
    exchange_print(exchange, "{\"%s\":", name);
    exchange_string(exchange, fault->message);
    exchange_print(exchange, "}");
}

bool fault_reply(const struct fault *fault, struct exchange *exchange, enum error_shape shape)
{
    switch (fault->kind->id) {
    case FAULT_STATUS:
        reply_error(exchange, shape, fault->status, fault->type, fault->code, fault->param,
                    fault->message);
        break;
    case FAULT_HTML:
        reply_html(fault, exchange);
        break;
    case FAULT_ERROR_STRING:
        reply_member(fault, exchange, "error");
        break;
    case FAULT_DETAIL:
        reply_member(fault, exchange, "detail");
        break;
    case FAULT_GARBAGE:
        exchange_print(exchange, "{\"id\":\"x\",\"choices\":[{\"index\":0,]}");
        break;
    case FAULT_EMPTY:
        break;
    case FAULT_REDIRECT:
        exchange->status = fault->status;
        exchange_head(exchange, "Location: %s\r\n", fault->to);
        break;
    default:
        return false;
    }
    fault_deliver(fault, exchange);
    return true;
}

static void add_retry_headers(const struct fault *fault, struct exchange *exchange)
{
    if (fault->retry_after[0])
        exchange_head(exchange, "Retry-After: %s\r\n", fault->retry_after);
    if (fault->retry_after_ms[0])
        exchange_head(exchange, "retry-after-ms: %s\r\n", fault->retry_after_ms);
    if (fault->should_retry[0])
        exchange_head(exchange, "x-should-retry: %s\r\n", fault->should_retry);
    if (fault->retry_date_s >= 0) {
        const time_t then = time(NULL) + (time_t)fault->retry_date_s;
        struct tm parts;
        char date[64];
        strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &parts));
        exchange_head(exchange, "Retry-After: %s\r\n", date);
    }
}

static void pad(struct exchange *exchange, uint64_t bytes)
{
    struct buffer *answer = &exchange->answer;
    if (bytes <= answer->length)
        return;
    const size_t more = (size_t)bytes - answer->length;
    char *end = buffer_reserve(answer, more);
    if (!end)
        return;
    memset(end, ' ', more);
    answer->length += more;
}

static enum delivery_kind delivery_of(enum fault_id id, enum delivery_kind otherwise)
{
    switch (id) {
    case FAULT_HANG:
        return DELIVER_NEVER;
    case FAULT_RESET_FIRST:
        return DELIVER_RESET_FIRST;
    case FAULT_CLOSE_FIRST:
    case FAULT_STALE:
        return DELIVER_CLOSE_FIRST;
    case FAULT_CUT:
        return DELIVER_CUT;
    case FAULT_RESET:
        return DELIVER_RESET;
    case FAULT_STALL:
        return DELIVER_STALL;
    case FAULT_BYTE_CHUNKS:
        return DELIVER_BYTE_CHUNKS;
    case FAULT_DRIP:
        return DELIVER_DRIP;
    default:
        return otherwise;
    }
}

void fault_deliver(const struct fault *fault, struct exchange *exchange)
{
    if (!fault)
        return;
    exchange->wait_ms += fault->ms;
    exchange->deliver = delivery_of(fault->kind->id, exchange->deliver);
    exchange->bytes = (size_t)fault->bytes;
    exchange->interval_ms = fault->interval_ms;
    exchange_head(exchange, "%s", fault->headers);
    add_retry_headers(fault, exchange);
    if (fault->kind->id == FAULT_BIG) {
        pad(exchange, fault->bytes);
        exchange->deliver = DELIVER_WHOLE;
    }
}
