#include "pipeline/picture_answer.h"

#include <string.h>
#include <unistd.h>

#include "pipeline/answer_key.h"

struct picture_value {
    char name[IMAGE_NAME_BYTES];
    char prompt[];
};

struct picture_shared {
    struct shared_call call;
    struct image_call image;
    struct image_request request;
};

static struct picture_shared *shared_of(struct shared_call *call)
{
    return container_of(call, struct picture_shared, call);
}

static void picture_prepare(struct shared_call *call, const void *question)
{
    const struct image_request *from = question;
    struct picture_shared *shared = shared_of(call);
    shared->request.prompt = arena_strdup(&call->arena, from->prompt);
    if (from->plain_prompt)
        shared->request.plain_prompt = arena_strdup(&call->arena, from->plain_prompt);
}

static void picture_begin(struct shared_call *call)
{
    struct picture_shared *shared = shared_of(call);
    image_call_start(&shared->image, try(&call->op), call->answers->services->images,
                     &shared->request, &call->rank, call->deadline_ms);
}

static void picture_change_terms(struct shared_call *call)
{
    image_call_set_terms(&shared_of(call)->image, &call->rank, call->deadline_ms);
}

static struct cached *picture_take(struct shared_call *call, bool *keep, const struct error **error)
{
    const struct image_call *image = &shared_of(call)->image;
    *error = op_error(&image->op);
    if ((*error)->code != OK)
        return NULL;
    const size_t length = strlen(image->prompt) + 1;
    struct cached *cached = cached_new(sizeof(struct picture_value) + length);
    struct picture_value *value = (void *)cached->data;
    memcpy(value->name, image->name, sizeof(value->name));
    memcpy(value->prompt, image->prompt, length);
    *keep = true;
    return cached;
}

static void picture_end(struct shared_call *call)
{
    struct image_call *image = &shared_of(call)->image;
    if (!image->images)
        return;
    call->queue_seconds = image->call.queue_seconds;
    if (image->usage.prompt + image->usage.completion > 0) /* one was made, or may have been */
        bill_add_usage(&call->bill, &image->usage, image->cost_usd);
    image_call_clear(image);
}

static bool picture_is_usable(const struct answers *answers, const struct cached *cached)
{
    const struct picture_value *value = (const void *)cached->data;
    struct image_file file;
    if (image_store_open(answers->services->pictures, value->name, &file) != OK)
        return false;
    close(file.fd);
    return true;
}

static const struct shared_call_kind picture_kind = {
    .name = "picture",
    .bytes = sizeof(struct picture_shared),
    .prepare = picture_prepare,
    .begin = picture_begin,
    .change_terms = picture_change_terms,
    .take = picture_take,
    .end = picture_end,
    .is_usable = picture_is_usable,
};

void picture_answer_start(struct answer *answer, struct op_link link, struct job *job,
                          const struct image_request *question, unsigned order)
{
    const struct images *images = job->tools->services->images;
    struct answer_key key;
    answer_key_begin(&key, "picture");
    answer_key_text(&key, images->upstream->base_url);
    answer_key_text(&key, images->settings.models);
    answer_key_text(&key, images->settings.size);
    answer_key_text(&key, images->settings.quality);
    answer_key_text(&key, question->prompt);
    answer_key_text(&key, question->plain_prompt);
    answer_key_end(&key);
    const struct answer_wish wish = job_wish(job, &picture_kind, question, key.digest, order);
    answer_start(answer, link, &job->tools->answers, &wish);
}

void picture_answer_read(const struct answer *answer, struct arena *arena, const char **name,
                         const char **prompt)
{
    const struct picture_value *value = (const void *)answer->value->data;
    *name = arena_strdup(arena, value->name);
    *prompt = arena_strdup(arena, value->prompt);
}
