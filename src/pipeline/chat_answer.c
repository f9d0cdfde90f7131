#include "pipeline/chat_answer.h"

#include <assert.h>
#include <string.h>

#include "pipeline/answer_key.h"
#include "upstream/openai_api.h"

/* Other servers sample at their own default, which is too lively for facts; OpenAI's newer models
 * take no temperature at all. */
static const double TEMPERATURE = 0.3;

/* What is kept. */
struct chat_value {
    bool shortened, input_cut; /* as in struct chat_call */
    size_t model_length;       /* of the model's name, with its NUL; then comes the answer */
    size_t text_length;
    char texts[];
};

struct chat_shared {
    struct shared_call call;
    struct chat_call chat;
    struct chat_question question; /* in the call's arena, but for the texts */
    const char *accepted;          /* the latest answer that can be used */
    size_t accepted_length;
    const char *model;
    bool is_faulty; /* something is missing in it */
};

/* --- the call ----------------------------------------------------------------------------------
 */

static struct chat_shared *shared_of(struct shared_call *call)
{
    return container_of(call, struct chat_shared, call);
}

static enum err check(struct chat_call *chat, const char **complaint_out)
{
    struct chat_shared *shared = chat->request.context;
    const struct chat_question *question = &shared->question;
    struct arena *arena = &shared->call.arena;
    struct case_study study;
    struct answer_faults faults;
    const enum err err =
        question->read(question, chat->content.data, chat->content.length, arena, &study, &faults);
    *complaint_out = faults.complaint;
    if (err != OK)
        return err;
    shared->accepted = arena_strndup(arena, chat->content.data, chat->content.length);
    shared->accepted_length = chat->content.length;
    shared->model = arena_strdup(arena, chat->model);
    shared->is_faulty = faults.found;
    return faults.found && !chat_call_is_last(chat) ? ERR_SYNTAX : OK;
}

static bool is_in(const struct prompt_bytes *bytes, const char *text)
{
    for (size_t i = 0; i < bytes->count; i++) {
        const struct buffer *clean = &bytes->clean[i];
        if (clean->data && text >= clean->data && text <= clean->data + clean->length)
            return true;
    }
    return false;
}

/* Long texts are shared, all others copied. */
static const struct chat_document *copy_documents(const struct chat_question *question,
                                                  struct arena *arena)
{
    const size_t count = question->request.document_count;
    struct chat_document *copy = arena_zalloc(arena, count, sizeof(*copy));
    for (size_t i = 0; i < count; i++) {
        const struct chat_document *from = &question->request.documents[i];
        copy[i].title = arena_strdup(arena, from->title);
        copy[i].text = from->text;
        if (!is_in(question->bytes, from->text.data))
            copy[i].text.data = arena_strndup(arena, from->text.data, from->text.length);
    }
    return copy;
}

/* The names and roles of its figures, which is what an answer is compared with. */
static const struct case_study *copy_cast(const struct case_study *study, struct arena *arena)
{
    struct case_study *copy = arena_zalloc(arena, 1, sizeof(*copy));
    copy->title = arena_strdup(arena, study->title);
    copy->student_role = arena_strdup(arena, study->student_role);
    copy->figure_count = study->figure_count;
    copy->figures = arena_zalloc(arena, study->figure_count, sizeof(*copy->figures));
    for (size_t i = 0; i < study->figure_count; i++) {
        copy->figures[i].name = arena_strdup(arena, study->figures[i].name);
        copy->figures[i].role = arena_strdup(arena, study->figures[i].role);
    }
    return copy;
}

static void chat_prepare(struct shared_call *call, const void *from)
{
    struct chat_shared *shared = shared_of(call);
    const struct chat_question *question = from;
    struct chat_request *request = &shared->question.request;
    shared->question = *question;
    request->system = arena_strdup(&call->arena, request->system);
    request->user = arena_strdup(&call->arena, request->user);
    request->closing = arena_strdup(&call->arena, request->closing);
    request->documents = copy_documents(question, &call->arena);
    request->check = check;
    request->context = shared;
    prompt_bytes_hold(shared->question.bytes);
    if (question->study)
        shared->question.study = copy_cast(question->study, &call->arena);
}

static void chat_begin(struct shared_call *call)
{
    struct chat_shared *shared = shared_of(call);
    chat_call_start(&shared->chat, try(&call->op), call->answers->services->openai,
                    &shared->question.request, &call->rank, call->deadline_ms);
}

static void chat_change_terms(struct shared_call *call)
{
    upstream_call_set_terms(&shared_of(call)->chat.call, &call->rank, call->deadline_ms);
}

static struct cached *chat_take(struct shared_call *call, bool *keep, const struct error **error)
{
    const struct chat_shared *shared = shared_of(call);
    const struct chat_call *chat = &shared->chat;
    *error = op_error(&chat->call.op);
    if (!shared->accepted)
        return NULL;
    const bool is_whole = (*error)->code == OK;
    const size_t model_length = strlen(shared->model) + 1;
    struct cached *cached =
        cached_new(sizeof(struct chat_value) + model_length + shared->accepted_length);
    struct chat_value *value = (void *)cached->data;
    *value = (struct chat_value){
        .shortened = is_whole && chat->shortened,
        .input_cut = is_whole && chat->input_cut,
        .model_length = model_length,
        .text_length = shared->accepted_length,
    };
    memcpy(value->texts, shared->model, model_length);
    memcpy(value->texts + model_length, shared->accepted, shared->accepted_length);
    *keep = is_whole && !shared->is_faulty && !chat->shortened && !chat->input_cut &&
            strcmp(chat->fault, "length") != 0;
    return cached;
}

/* Also of a call that failed or was broken off: what was used is to be paid for. */
static void chat_end(struct shared_call *call)
{
    struct chat_shared *shared = shared_of(call);
    struct chat_call *chat = &shared->chat;
    if (chat->openai) {
        call->queue_seconds = chat->call.queue_seconds;
        if (chat->call.tries > 0) {
            const struct token_usage usage = chat_call_usage(chat);
            bill_add_usage(&call->bill, &usage, chat_call_cost_usd(chat));
        }
    }
    chat_call_clear(chat);
    prompt_bytes_release(shared->question.bytes);
}

static const struct shared_call_kind chat_kind = {
    .name = "chat",
    .bytes = sizeof(struct chat_shared),
    .prepare = chat_prepare,
    .begin = chat_begin,
    .change_terms = chat_change_terms,
    .take = chat_take,
    .end = chat_end,
};

/* --- from outside ------------------------------------------------------------------------------
 */

void chat_question_init(struct chat_question *question, const struct job *job,
                        const struct prompt_texts *texts)
{
    const struct upstream *upstream = job->tools->services->openai->upstream;
    *question = (struct chat_question){
        .request =
            {
                .temperature = openai_is_hosted(upstream->base_url) ? -1 : TEMPERATURE,
                .reasoning_effort = "low",
                .stream = true, /* a stalled one is noticed long before its time is over */
            },
        .bytes = texts->bytes,
        .digest = texts->digest,
    };
}

static void make_key(struct answer_key *key, const char *base_url,
                     const struct chat_question *question)
{
    const struct chat_request *request = &question->request;
    answer_key_begin(key, "chat");
    answer_key_text(key, base_url);
    answer_key_text(key, request->name);
    answer_key_text(key, request->models);
    answer_key_text(key, request->system);
    answer_key_text(key, request->user);
    answer_key_text(key, request->closing);
    answer_key_text(key, request->schema_name);
    answer_key_text(key, request->schema);
    answer_key_text(key, request->reasoning_effort);
    answer_key_number(key, request->temperature);
    answer_key_number(key, request->output_tokens_max);
    answer_key_number(key, (double)request->document_count);
    answer_key_bytes(key, question->digest, CACHE_KEY_BYTES);
    if (question->study) { /* the first document is about these, and only about these */
        answer_key_text(key, request->documents[0].title);
        answer_key_bytes(key, request->documents[0].text.data, request->documents[0].text.length);
    }
    answer_key_end(key);
}

void chat_answer_start(struct answer *answer, struct op_link link, struct job *job,
                       const struct chat_question *question)
{
    struct answer_key key;
    make_key(&key, job->tools->services->openai->upstream->base_url, question);
    const struct answer_wish wish = job_wish(job, &chat_kind, question, key.digest, 0);
    answer_start(answer, link, &job->tools->answers, &wish);
}

const char *chat_answer_read(const struct answer *answer, const struct chat_question *question,
                             struct arena *arena, struct case_study *out,
                             struct answer_faults *faults)
{
    const struct chat_value *value = (const void *)answer->value->data;
    const enum err err = question->read(question, value->texts + value->model_length,
                                        value->text_length, arena, out, faults);
    assert(err == OK); /* it has been read before */
    (void)err;
    return arena_strdup(arena, value->texts);
}

void chat_answer_end(struct answer *answer, const struct chat_question *question, struct job *job)
{
    if (!answer->answers)
        return;
    const struct chat_value *value = answer->value ? (const void *)answer->value->data : NULL;
    const char *name = question->request.name;
    if (value && value->shortened)
        job_degrade(job, 0,
                    "The texts are longer than the model takes: for the %s only the beginning of "
                    "each was read",
                    name);
    if (value && value->input_cut)
        job_degrade(job, 0,
                    "The model seems to have read only a part of the texts for the %s: check how "
                    "much text it takes at once",
                    name);
    job->queue_seconds += answer->queue_seconds;
    job_add_answer(job, answer);
    answer_clear(answer);
}
