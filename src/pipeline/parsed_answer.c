#include "pipeline/parsed_answer.h"

#include <string.h>

#include "pipeline/answer_key.h"

struct parsed_shared {
    struct shared_call call;
    struct parse_job job;
    struct parse_file file; /* on loan */
};

static struct parsed_shared *shared_of(struct shared_call *call)
{
    return container_of(call, struct parsed_shared, call);
}

static void parsed_prepare(struct shared_call *call, const void *question)
{
    const struct input_file *input = question;
    struct parse_file *file = &shared_of(call)->file;
    file->name = arena_strdup(&call->arena, input->name);
    file->content_type = arena_strdup(&call->arena, input->content_type);
    file->file = input->file;
    spool_file_lend(file->file);
}

static void parsed_begin(struct shared_call *call)
{
    struct parsed_shared *shared = shared_of(call);
    parse_job_start(&shared->job, try(&call->op), call->answers->services->llamaparse,
                    &shared->file, &call->rank, call->deadline_ms);
}

static void parsed_change_terms(struct shared_call *call)
{
    parse_job_set_terms(&shared_of(call)->job, &call->rank, call->deadline_ms);
}

static struct cached *parsed_take(struct shared_call *call, bool *keep, const struct error **error)
{
    const struct parse_job *job = &shared_of(call)->job;
    *error = op_error(&job->op);
    if ((*error)->code != OK)
        return NULL;
    struct cached *cached = cached_new(sizeof(struct parsed) + job->text.length + 1);
    struct parsed *parsed = (void *)cached->data;
    parsed->partial = job->partial;
    parsed->length = job->text.length;
    memcpy(parsed->text, job->text.data, job->text.length);
    parsed->text[parsed->length] = '\0';
    *keep = !job->partial;
    return cached;
}

/* What was read is to be paid for, whatever became of it. */
static void parsed_end(struct shared_call *call)
{
    struct parsed_shared *shared = shared_of(call);
    struct parse_job *job = &shared->job;
    call->queue_seconds = job->queue_seconds;
    if (job->pages > 0 && !job->cache_hit)
        bill_add_cost(&call->bill, prices_cost_each(&call->answers->services->prices, "llamaparse",
                                                    PRICE_PAGE, job->pages));
    parse_job_clear(job);
    spool_file_give_back(shared->file.file);
}

static const struct shared_call_kind parsed_kind = {
    .name = "parse",
    .bytes = sizeof(struct parsed_shared),
    .prepare = parsed_prepare,
    .begin = parsed_begin,
    .change_terms = parsed_change_terms,
    .take = parsed_take,
    .end = parsed_end,
};

void parsed_answer_start(struct answer *answer, struct op_link link, struct job *job,
                         const struct input_file *input, enum file_kind kind, unsigned order,
                         uint64_t deadline_ms)
{
    const struct llamaparse *parser = job->tools->services->llamaparse;
    struct answer_key key;
    answer_key_begin(&key, "parse");
    answer_key_text(&key, parser->upstream->base_url);
    answer_key_number(&key, parser->settings.version);
    answer_key_text(&key, parser->settings.tier);
    answer_key_number(&key, kind);
    answer_key_bytes(&key, input->file->sha256, SHA256_BYTES);
    answer_key_end(&key);
    struct answer_wish wish = job_wish(job, &parsed_kind, input, key.digest, order);
    wish.deadline_ms = deadline_ms;
    answer_start(answer, link, &job->tools->answers, &wish);
}

const struct parsed *parsed_answer_read(const struct answer *answer)
{
    return (const void *)answer->value->data;
}
