/*
 *   build ──▶ (the exchange) ──▶ read ──▶ adapt ──▶ build ...
 *
 * Each try begins with nothing of the last but what was learned: refused fields, the rung of the
 * ladder, a doubled limit, an answer that was rejected. What a try cost is added up as it ends,
 * usable or not.
 */
#include "upstream/openai.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "upstream/openai_api.h"
#include "upstream/openai_parts.h"

enum {
    CONNECT_MS = 5 * 1000,
    STREAM_BYTES_MAX = 32 << 20,    /* an event of some 200 bytes carries one token of four */
    MODEL_GONE_MS = 10 * 60 * 1000, /* a model that is not there is not asked for again so soon */
};

static const char model_itself[] = "model";

enum err openai_init(struct openai *openai, struct upstream *upstream, const char *prices,
                     struct error *error)
{
    *openai = (struct openai){.upstream = upstream};
    capabilities_init(&openai->capabilities);
    fence_init(&openai->fence);
    return prices_init(&openai->prices, prices, error);
}

void openai_clear(struct openai *openai)
{
    capabilities_clear(&openai->capabilities);
    prices_clear(&openai->prices);
}

/* ---- models, and what they refuse ---- */

const char *chat_model(const struct chat_call *chat)
{
    return chat->models[chat->model_index];
}

static uint64_t now_ms(const struct chat_call *chat)
{
    return loop_now_ms(chat->call.op.link.loop);
}

static bool model_allows(const struct chat_call *chat, size_t model, const char *what)
{
    struct openai *openai = chat->openai;
    return capabilities_allow(&openai->capabilities, openai->upstream->base_url,
                              chat->models[model], what, now_ms(chat));
}

bool chat_allows(const struct chat_call *chat, const char *what)
{
    return model_allows(chat, chat->model_index, what);
}

void chat_refuse(struct chat_call *chat, const char *what, uint64_t for_ms)
{
    struct openai *openai = chat->openai;
    capabilities_refuse(&openai->capabilities, openai->upstream->base_url, chat_model(chat), what,
                        now_ms(chat), for_ms);
}

/* The next model that was there when last asked for; at the end of the list, false. */
static bool chat_next_model(struct upstream_call *call)
{
    struct chat_call *chat = container_of(call, struct chat_call, call);
    chat_refuse(chat, model_itself, MODEL_GONE_MS);
    size_t next = chat->model_index + 1;
    while (next < chat->model_count && !model_allows(chat, next, model_itself))
        next++;
    if (next == chat->model_count)
        return false;
    chat->model_index = next;
    chat->rejected = NULL;
    return true;
}

/* Past those known to be gone; if all are, the first one again. */
static void choose_model(struct chat_call *chat)
{
    size_t index = 0;
    while (index < chat->model_count && !model_allows(chat, index, model_itself))
        index++;
    chat->model_index = index < chat->model_count ? index : 0;
}

/* ---- a try ---- */

static void begin_try(struct chat_call *chat)
{
    chat_reading_begin(chat);
    buffer_reset(&chat->content);
    chat->finish_reason = "";
    chat->refused = false;
    chat->model = "";
    chat->fault = "";
    chat->complaint = NULL;
    chat->input_cut = false;
    chat->refused_field = -1;
    chat->in_flight = true;
    if (chat->request.on_content && chat->call.tries > 1)
        chat->request.on_content(chat, "", 0);
}

static void chat_build(struct upstream_call *call, struct http_request *out)
{
    struct chat_call *chat = container_of(call, struct chat_call, call);
    const struct upstream *upstream = call->upstream;
    chat_print_body(chat);
    call->tokens = token_estimate(chat->body.length) + chat->output_tokens;
    begin_try(chat);

    const bool streams = chat->fields & 1u << CHAT_STREAM;
    out->method = "POST";
    out->url = arena_printf(&chat->arena, "%s/chat/completions", upstream->base_url);
    openai_headers(out, &chat->arena, call, streams ? "text/event-stream" : "application/json",
                   chat->request.name, call->tries);
    out->body = chat->body.data;
    out->body_length = chat->body.length;
    const uint64_t idle_ms = chat->request.idle_ms ? chat->request.idle_ms : CHAT_IDLE_MS;
    out->limits = (struct http_limits){
        .connect_ms = CONNECT_MS,
        .idle_ms = streams ? idle_ms : 0, /* a whole answer comes after a long silence */
        .total_ms = chat->request.total_ms,
        .body_max = streams ? STREAM_BYTES_MAX : CHAT_WHOLE_BYTES_MAX,
    };
    if (streams) {
        out->on_data = chat_on_data;
        out->context = chat;
    }
}

/* ---- what it cost ---- */

static size_t input_bytes(const struct chat_request *request)
{
    size_t bytes = strlen(request->system) + strlen(request->user);
    if (request->closing)
        bytes += strlen(request->closing);
    if (request->schema)
        bytes += strlen(request->schema);
    for (size_t i = 0; i < request->document_count; i++)
        bytes += request->documents[i].text.length;
    return bytes;
}

static struct token_usage estimate(const struct chat_call *chat)
{
    return (struct token_usage){
        .prompt = token_estimate(input_bytes(&chat->request) / chat->input_divisor),
        .completion = chat->content.length > 0 ? token_estimate(chat->content.length) : 0,
        .estimated = true,
    };
}

/* By the model that answered, which may be another than was asked for; NaN: unknown. */
static double cost_of(const struct chat_call *chat, const struct token_usage *usage)
{
    const double cost = prices_cost(&chat->openai->prices, chat->model, usage);
    return isnan(cost) ? prices_cost(&chat->openai->prices, chat_model(chat), usage) : cost;
}

void chat_account(struct chat_call *chat, bool paid)
{
    chat->in_flight = false;
    const struct token_usage guess = estimate(chat);
    if (chat->reading.has_usage) {
        const struct token_usage *usage = &chat->reading.usage;
        chat->input_cut = usage->prompt > 0 && usage->prompt < guess.prompt / 2;
        token_usage_add(&chat->usage, usage);
        chat->cost_usd += cost_of(chat, usage);
    } else if (paid) {
        token_usage_add(&chat->usage, &guess);
        chat->cost_usd += cost_of(chat, &guess);
    }
}

struct token_usage chat_call_usage(const struct chat_call *chat)
{
    struct token_usage usage = chat->usage;
    if (chat->in_flight) {
        const struct token_usage open = estimate(chat);
        token_usage_add(&usage, &open);
    }
    return usage;
}

double chat_call_cost_usd(const struct chat_call *chat)
{
    if (!chat->in_flight)
        return chat->cost_usd;
    const struct token_usage open = estimate(chat);
    return chat->cost_usd + cost_of(chat, &open);
}

double chat_estimate_usd(const struct openai *openai, const struct chat_request *request)
{
    const struct slice list = slice_trim(slice_of(request->models));
    const char *comma = memchr(list.data, ',', list.length);
    const struct slice first =
        slice_trim((struct slice){list.data, comma ? (size_t)(comma - list.data) : list.length});
    struct arena arena;
    arena_init(&arena);
    const struct token_usage usage = {
        .prompt = token_estimate(input_bytes(request)),
        .completion = request->output_tokens_max,
    };
    const double cost =
        prices_cost(&openai->prices, arena_strndup(&arena, first.data, first.length), &usage);
    arena_clear(&arena);
    return cost;
}

/* ---- its life ---- */

static const struct upstream_call_kind chat_kind = {
    .service = SERVICE_CHAT,
    .build = chat_build,
    .read = chat_read,
    .adapt = chat_adapt,
    .next_model = chat_next_model,
};

static void make_marks(struct chat_call *chat)
{
    const struct chat_request *request = &chat->request;
    struct slice texts[CHAT_DOCUMENTS_MAX];
    for (size_t i = 0; i < request->document_count; i++)
        texts[i] = request->documents[i].text;
    chat->marks = arena_alloc(&chat->arena, request->document_count * sizeof(*chat->marks));
    fence_marks(&chat->openai->fence, texts, request->document_count, chat->marks);
}

void chat_call_start(struct chat_call *chat, struct op_link link, struct openai *openai,
                     const struct chat_request *request, const struct gate_rank *rank,
                     uint64_t deadline_ms)
{
    assert(request->document_count <= CHAT_DOCUMENTS_MAX);
    assert(input_bytes(request) <= CHAT_INPUT_BYTES_MAX);
    assert(!request->schema == !request->schema_name);
    memset(chat, 0, sizeof(*chat));
    chat->openai = openai;
    chat->request = *request;
    chat->kind = chat_kind;
    chat->kind.name = request->name;
    chat->finish_reason = chat->model = chat->fault = "";
    chat->refused_field = -1;
    chat->input_divisor = 1;
    chat->output_tokens = request->output_tokens_max;
    chat->effort = request->reasoning_effort;
    arena_init(&chat->arena);
    buffer_init(&chat->content, CHAT_CONTENT_BYTES_MAX);
    chat_reading_begin(chat);
    make_marks(chat);
    chat->model_count = openai_models(&chat->arena, request->models, chat->models, CHAT_MODELS_MAX);
    assert(chat->model_count > 0);
    upstream_call_start(&chat->call, link, &chat->kind, openai->upstream, rank, deadline_ms);
    choose_model(chat);
}

void chat_call_clear(struct chat_call *chat)
{
    if (!chat->openai)
        return;
    upstream_call_clear(&chat->call);
    chat_reading_clear(chat);
    buffer_clear(&chat->content);
    buffer_clear(&chat->body);
    arena_clear(&chat->arena);
}

bool chat_call_is_last(const struct chat_call *chat)
{
    return upstream_call_is_last(&chat->call);
}
