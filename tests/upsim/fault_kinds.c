/* The table of faults; --help is printed from it. */
#include <stdio.h>
#include <string.h>

#include "upsim/faults.h"

#define REQUEST_ERROR "invalid_request_error"

static const struct fault_kind kinds[] = {
    /* An error, in the words of the vendor that it is set on. */
    {"status", FAULT_STATUS, ON_CALLS, 500, "server_error", NULL, NULL,
     "The server had an error while processing your request.", "any error: status, code, ..."},
    {"rate-limited", FAULT_STATUS, ON_CALLS, 429, "requests", "rate_limit_exceeded", NULL,
     "Rate limit reached for requests.", "429 for load"},
    {"quota", FAULT_STATUS, ON_OPENAI, 429, "insufficient_quota", "insufficient_quota", NULL,
     "You exceeded your current quota, please check your plan and billing details.",
     "429 for money"},
    {"billing", FAULT_STATUS, ON_OPENAI, 400, REQUEST_ERROR, "billing_hard_limit_reached", NULL,
     "Billing hard limit has been reached.", "400 for money"},
    {"no-credits", FAULT_STATUS, ON_CALLS, 402, "insufficient_quota", "credit_balance_exhausted",
     NULL, "You have run out of credits.", "402 for money"},
    {"overloaded", FAULT_STATUS, ON_CALLS, 503, "server_error", "server_is_overloaded", NULL,
     "The server is overloaded. Please try again later.", "503"},
    {"slow-down", FAULT_STATUS, ON_CALLS, 503, "server_error", "slow_down", NULL,
     "Slow down: your rate of requests has risen too quickly.", "503"},
    {"bad-key", FAULT_STATUS, ON_CALLS, 401, REQUEST_ERROR, "invalid_api_key", NULL,
     "Incorrect API key provided.", "401"},
    {"forbidden", FAULT_STATUS, ON_CALLS, 403, REQUEST_ERROR, "unsupported_country_region", NULL,
     "Your organization must be verified to use this.", "403"},
    {"not-found", FAULT_STATUS, ON_CALLS, 404, REQUEST_ERROR, NULL, NULL, "Not Found", "404"},
    {"gone", FAULT_STATUS, ON_CALLS, 410, REQUEST_ERROR, NULL, NULL, "Gone", "410"},
    {"model-not-found", FAULT_STATUS, ON_OPENAI, 404, REQUEST_ERROR, "model_not_found", NULL,
     "The model does not exist or you do not have access to it.", "404"},
    {"context-length", FAULT_STATUS, ON_CHAT | ON_EMBEDDINGS, 400, REQUEST_ERROR,
     "context_length_exceeded", "messages", "This model's maximum context length is 8192 tokens.",
     "400: the prompt is too long"},
    {"moderation", FAULT_STATUS, ON_CHAT | ON_IMAGES, 400, "image_generation_user_error",
     "moderation_blocked", NULL, "Your request was rejected by the safety system.",
     "400, with moderation_details"},
    {"content-policy", FAULT_STATUS, ON_CHAT | ON_IMAGES, 400, REQUEST_ERROR,
     "content_policy_violation", NULL, "Your request was rejected by our safety system.",
     "400 in the older words"},
    {"html", FAULT_HTML, ON_CALLS, 502, NULL, NULL, NULL, NULL, "a proxy's error page"},
    {"error-string", FAULT_ERROR_STRING, ON_CALLS, 500, NULL, NULL, NULL, "out of memory",
     "{\"error\":\"message\"}"},
    {"detail", FAULT_DETAIL, ON_CALLS, 500, NULL, NULL, NULL, "Internal error",
     "{\"detail\":\"message\"}"},
    {"garbage", FAULT_GARBAGE, ON_CALLS, 200, NULL, NULL, NULL, NULL, "200 with broken JSON"},
    {"empty", FAULT_EMPTY, ON_CALLS, 200, NULL, NULL, NULL, NULL, "200 with no body"},
    {"redirect", FAULT_REDIRECT, ON_CALLS, 302, NULL, NULL, NULL, NULL, "to the URL in `to`"},

    {"latency", FAULT_LATENCY, ON_CALLS, 0, NULL, NULL, NULL, NULL, "`ms` later, and right"},
    {"headers", FAULT_HEADERS, ON_CALLS, 0, NULL, NULL, NULL, NULL,
     "right, with `headers` or retry_after..."},
    {"hang", FAULT_HANG, ON_CALLS, 0, NULL, NULL, NULL, NULL, "never answers"},
    {"reset-first", FAULT_RESET_FIRST, ON_CALLS, 0, NULL, NULL, NULL, NULL,
     "a reset before any byte"},
    {"close-first", FAULT_CLOSE_FIRST, ON_CALLS, 0, NULL, NULL, NULL, NULL,
     "the connection ends before any byte"},
    {"stale", FAULT_STALE, ON_CALLS, 0, NULL, NULL, NULL, NULL,
     "the same, on a reused connection only"},
    {"cut", FAULT_CUT, ON_CALLS, 0, NULL, NULL, NULL, NULL, "half the body, then the end"},
    {"reset", FAULT_RESET, ON_CALLS, 0, NULL, NULL, NULL, NULL, "half the body, then a reset"},
    {"stall", FAULT_STALL, ON_CALLS, 0, NULL, NULL, NULL, NULL, "half the body, then nothing"},
    {"byte-chunks", FAULT_BYTE_CHUNKS, ON_CALLS, 0, NULL, NULL, NULL, NULL, "chunks of one byte"},
    {"drip", FAULT_DRIP, ON_CALLS, 0, NULL, NULL, NULL, NULL,
     "`bytes` [64] each `interval_ms` [20]"},
    {"big", FAULT_BIG, ON_CALLS, 0, NULL, NULL, NULL, NULL,
     "blanks after the body, to `bytes` [104857600] in all"},

    {"unknown-parameter", FAULT_UNKNOWN_PARAMETER, ON_OPENAI, 400, REQUEST_ERROR,
     "unknown_parameter", NULL, NULL, "400 if the field `param` was sent"},
    {"unsupported-parameter", FAULT_UNSUPPORTED_PARAMETER, ON_OPENAI, 400, REQUEST_ERROR,
     "unsupported_parameter", NULL, NULL, "likewise"},
    {"unsupported-value", FAULT_UNSUPPORTED_VALUE, ON_OPENAI, 400, REQUEST_ERROR,
     "unsupported_value", NULL, NULL, "likewise"},
    {"uncoded-parameter", FAULT_UNCODED_PARAMETER, ON_OPENAI, 400, REQUEST_ERROR, NULL, NULL, NULL,
     "likewise, and only the message says so"},
    {"bad-schema", FAULT_BAD_SCHEMA, ON_CHAT, 400, REQUEST_ERROR, "invalid_json_schema",
     "response_format", "Invalid schema for response_format.", "400 to a strict json_schema"},
    {"no-json-schema", FAULT_NO_JSON_SCHEMA, ON_CHAT, 400, REQUEST_ERROR, NULL, "response_format",
     "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
     "400 to any json_schema"},

    {"sse-error", FAULT_SSE_ERROR, ON_CHAT, 0, "server_error", "server_error", NULL,
     "The server had an error while processing your request.", "an error event in mid-stream"},
    {"no-done", FAULT_NO_DONE, ON_CHAT, 0, NULL, NULL, NULL, NULL, "no [DONE], and no usage"},
    {"sse-crlf", FAULT_SSE_CRLF, ON_CHAT, 0, NULL, NULL, NULL, NULL, "lines end in CR LF"},
    {"sse-cr", FAULT_SSE_CR, ON_CHAT, 0, NULL, NULL, NULL, NULL, "lines end in CR"},
    {"sse-comments", FAULT_SSE_COMMENTS, ON_CHAT, 0, NULL, NULL, NULL, NULL,
     "comments between the events"},
    {"stream-ignored", FAULT_STREAM_IGNORED, ON_CHAT, 0, NULL, NULL, NULL, NULL,
     "plain JSON, whatever was asked"},
    {"length", FAULT_FINISH_LENGTH, ON_CHAT, 0, NULL, NULL, NULL, NULL,
     "cut, finish_reason length"},
    {"content-filter", FAULT_CONTENT_FILTER, ON_CHAT, 0, NULL, NULL, NULL, NULL,
     "cut, finish_reason content_filter"},
    {"refusal", FAULT_REFUSAL, ON_CHAT, 0, NULL, NULL, NULL,
     "I'm sorry, I can't assist with that request.", "a refusal in place of content"},
    {"empty-content", FAULT_EMPTY_CONTENT, ON_CHAT, 0, NULL, NULL, NULL, NULL, "content \"\""},
    {"fenced", FAULT_FENCED, ON_CHAT, 0, NULL, NULL, NULL, NULL, "JSON in a Markdown fence"},
    {"prose", FAULT_PROSE, ON_CHAT, 0, NULL, NULL, NULL, NULL, "sentences around the JSON"},
    {"think", FAULT_THINK, ON_CHAT, 0, NULL, NULL, NULL, NULL, "<think>...</think> before it"},
    {"trailing-comma", FAULT_TRAILING_COMMA, ON_CHAT, 0, NULL, NULL, NULL, NULL,
     "a comma before the last brace"},
    {"not-json", FAULT_NOT_JSON, ON_CHAT, 0, NULL, NULL, NULL, NULL, "prose alone"},
    {"trait-range", FAULT_TRAIT_RANGE, ON_CHAT, 0, NULL, NULL, NULL, NULL,
     "whole numbers are 15, -3 or 6.5"},
    {"missing-array", FAULT_MISSING_ARRAY, ON_CHAT, 0, NULL, NULL, NULL, NULL,
     "the first array is not there"},
    {"wrong-type", FAULT_WRONG_TYPE, ON_CHAT, 0, NULL, NULL, NULL, NULL,
     "numbers are strings, arrays of strings a string"},
    {"wrong-names", FAULT_WRONG_NAMES, ON_CHAT, 0, NULL, NULL, NULL, NULL,
     "personas_involved in capitals, with honorifics, and one unknown"},
    {"fewer-scenes", FAULT_FEWER_SCENES, ON_CHAT, 0, NULL, NULL, NULL, NULL, "half of them"},
    {"more-scenes", FAULT_MORE_SCENES, ON_CHAT, 0, NULL, NULL, NULL, NULL, "three too many"},
    {"no-usage", FAULT_NO_USAGE, ON_CHAT | ON_IMAGES, 0, NULL, NULL, NULL, NULL, "no usage"},
    {"error-null", FAULT_ERROR_NULL, ON_CHAT, 0, NULL, NULL, NULL, NULL,
     "a good answer with \"error\":null"},
    {"tools-ignored", FAULT_TOOLS_IGNORED, ON_CHAT, 0, NULL, NULL, NULL, NULL,
     "prose where a tool call was forced"},

    {"url", FAULT_URL, ON_IMAGES, 0, NULL, NULL, NULL, NULL, "a URL, whatever was asked"},
    {"url-expired", FAULT_URL_EXPIRED, ON_IMAGES, 0, NULL, NULL, NULL, NULL,
     "a URL that is no longer good"},
    {"url-redirect", FAULT_URL_REDIRECT, ON_IMAGES, 0, NULL, NULL, NULL, NULL,
     "a URL that redirects to `to` [http://169.254.169.254/latest/meta-data/]"},
    {"no-picture", FAULT_NO_PICTURE, ON_IMAGES, 0, NULL, NULL, NULL, NULL, "\"data\":[]"},
    {"bad-base64", FAULT_BAD_BASE64, ON_IMAGES, 0, NULL, NULL, NULL, NULL, "base64 that is none"},
    {"not-an-image", FAULT_NOT_AN_IMAGE, ON_IMAGES | ON_DOWNLOAD, 0, NULL, NULL, NULL, NULL,
     "HTML where a picture should be"},

    {"out-of-order", FAULT_OUT_OF_ORDER, ON_EMBEDDINGS, 0, NULL, NULL, NULL, NULL, "last first"},
    {"base64", FAULT_BASE64, ON_EMBEDDINGS, 0, NULL, NULL, NULL, NULL, "whatever was asked"},
    {"floats", FAULT_FLOATS, ON_EMBEDDINGS, 0, NULL, NULL, NULL, NULL, "whatever was asked"},
    {"wrong-dimension", FAULT_WRONG_DIMENSION, ON_EMBEDDINGS, 0, NULL, NULL, NULL, NULL,
     "one number too few"},
    {"one-missing", FAULT_ONE_MISSING, ON_EMBEDDINGS, 0, NULL, NULL, NULL, NULL,
     "one vector too few"},

    {"pending", FAULT_JOB_PENDING, ON_JOB, 0, NULL, NULL, NULL, NULL,
     "`polls` [3] polls find it pending"},
    {"never", FAULT_JOB_NEVER, ON_JOB, 0, NULL, NULL, NULL, NULL, "pending for ever"},
    {"partial", FAULT_JOB_PARTIAL, ON_JOB, 0, NULL, NULL, NULL, NULL,
     "PARTIAL_SUCCESS, without the last page"},
    {"error", FAULT_JOB_ERROR, ON_JOB, 0, NULL, "PDF_IS_BROKEN", NULL, "The file could not be read",
     "ERROR with `code` (PDF_IS_PROTECTED, NO_DATA_FOUND_IN_FILE, UNSUPPORTED_FILE_TYPE, ...)"},
    {"expired", FAULT_JOB_ERROR, ON_JOB, 0, NULL, "EXPIRED", NULL, "Job expired in the queue",
     "ERROR with EXPIRED"},
    {"cancelled", FAULT_JOB_CANCELLED, ON_JOB, 0, NULL, "CANCELLED", NULL, NULL,
     "`code` [CANCELLED] as the status"},
    {"lost", FAULT_JOB_LOST, ON_JOB, 404, NULL, NULL, NULL, "Job not found", "404 once uploaded"},
    {"odd-status", FAULT_JOB_ODD_STATUS, ON_JOB, 0, NULL, "THROTTLED", NULL, NULL,
     "`code` as the status for `polls` [3] polls"},
    {"no-markdown", FAULT_JOB_NO_MARKDOWN, ON_JOB, 0, NULL, NULL, NULL, NULL,
     "text, but no Markdown"},
    {"no-text", FAULT_JOB_NO_TEXT, ON_JOB, 0, NULL, NULL, NULL, NULL, "neither"},

    {"shutdown-date", FAULT_SHUTDOWN_DATE, ON_MODELS, 0, NULL, NULL, NULL, NULL,
     "`to` as the shutdown_date"},
};

enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

/* A name may stand in more than one row; the row whose place fits is meant. */
const struct fault_kind *fault_kind_find(const char *name, unsigned where)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(kinds[i].name, name) == 0 && (kinds[i].where & where))
            return &kinds[i];
    return NULL;
}

static void print_places(FILE *file, unsigned where)
{
    if (where == ON_CALLS) {
        fprintf(file, "all");
        return;
    }
    const char *separator = "";
    if ((where & ON_OPENAI) == ON_OPENAI) {
        fprintf(file, "openai");
        where &= ~(unsigned)ON_OPENAI;
        separator = " ";
    }
    for (size_t i = 0; i < SERVICE_COUNT; i++)
        if (where & 1u << i) {
            fprintf(file, "%s%s", separator, service_names[i]);
            separator = " ";
        }
    if (where & ON_JOB)
        fprintf(file, "%sjob", separator);
}

void faults_print_help(FILE *file)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        fprintf(file, "  %-22s %s (", kinds[i].name, kinds[i].help);
        print_places(file, kinds[i].where);
        fprintf(file, ")\n");
    }
}
