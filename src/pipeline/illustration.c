#include "pipeline/illustration.h"

#include <string.h>

#include "base/embedded.h"
#include "upstream/prompt.h"

const char *image_address(const char *name, const char *base_url, struct arena *arena)
{
    return *name ? arena_printf(arena, "%s/static/images/scenes/%s", base_url, name) : "";
}

static enum flow draw(struct op *op)
{
    struct illustration *illustration = op_cast(op, illustration);
    struct job *job = illustration->job;
    const struct case_study *study = illustration->study;
    const char *plain = prompt_text(job->arena, prompt_image, "plain", NULL, 0);
    job->asked = true;
    for (size_t i = 0; i < illustration->count; i++) {
        const struct prompt_value values[] = {
            {"case_title", study->title},
            {"scene_title", study->scenes[i].title},
            {"scene_description", study->scenes[i].description},
        };
        const struct image_request request = {
            .prompt = prompt_text(job->arena, prompt_image, "scene", values, 3),
            .plain_prompt = plain,
        };
        struct gate_rank rank = job->rank;
        rank.order = (unsigned)i;
        image_call_start(&illustration->pictures[i].call, try(op), job->tools->services->images,
                         &request, &rank, job->deadline_ms);
    }
    return FLOW_WAIT;
}

/* One warning for all that failed: they mostly fail for the same reason. */
static enum flow collect(struct op *op)
{
    struct illustration *illustration = op_cast(op, illustration);
    struct job *job = illustration->job;
    const struct error *first = NULL;
    size_t failed = 0;
    for (size_t i = 0; i < illustration->count; i++) {
        struct picture *picture = &illustration->pictures[i];
        const struct error *error = op_error(&picture->call.op);
        if (error->code == OK) {
            picture->name = arena_strdup(job->arena, picture->call.name);
            picture->prompt = picture->call.prompt;
            continue;
        }
        failed++;
        if (!first)
            first = error;
    }
    if (first)
        job_degrade(job, DEGRADED_IMAGES, "%zu of %zu scenes have no picture: %s", failed,
                    illustration->count, first->detail);
    return FLOW_NEXT;
}

static void illustration_end(struct op *op)
{
    struct illustration *illustration = op_cast(op, illustration);
    struct job *job = illustration->job;
    double queue_seconds = 0;
    for (size_t i = 0; i < illustration->count; i++) {
        struct image_call *call = &illustration->pictures[i].call;
        if (!call->images)
            continue;
        if (call->call.queue_seconds > queue_seconds)
            queue_seconds = call->call.queue_seconds;
        if (call->usage.prompt + call->usage.completion >
            0) /* something was made, or may have been */
            bill_add_usage(&job->bill, &call->usage, call->cost_usd);
        image_call_clear(call);
        call->images = NULL;
    }
    job->queue_seconds += queue_seconds;
}

static const struct step illustration_steps[] = {{"draw", draw}, {"collect", collect}, {0}};
static const struct op_kind illustration_kind = {"illustration", illustration_steps, NULL,
                                                 illustration_end};

void illustration_start(struct illustration *illustration, struct op_link link, struct job *job,
                        const struct case_study *study)
{
    memset(illustration, 0, sizeof(*illustration));
    illustration->job = job;
    illustration->study = study;
    illustration->count = study->scene_count;
    illustration->pictures = arena_zalloc(job->arena, illustration->count, sizeof(struct picture));
    for (size_t i = 0; i < illustration->count; i++)
        illustration->pictures[i].name = "";
    op_start(&illustration->op, &illustration_kind, link);
}
