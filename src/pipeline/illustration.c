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
    for (size_t i = 0; i < illustration->count; i++) {
        const struct prompt_value values[] = {
            {"case_title", study->title},
            {"scene_title", study->scenes[i].title},
            {"scene_description", study->scenes[i].description},
        };
        struct picture *picture = &illustration->pictures[i];
        picture->question = (struct image_request){
            .prompt = prompt_text(job->arena, prompt_image, "scene", values, 3),
            .plain_prompt = plain,
        };
        picture_answer_start(&picture->answer, try(op), job, &picture->question, (unsigned)i);
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
        const struct error *error = op_error(&picture->answer.op);
        if (error->code == OK) {
            picture_answer_read(&picture->answer, job->arena, &picture->name, &picture->prompt);
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
        struct answer *answer = &illustration->pictures[i].answer;
        if (!answer->answers)
            continue;
        if (answer->queue_seconds > queue_seconds)
            queue_seconds = answer->queue_seconds;
        job_add_answer(job, answer);
        answer_clear(answer);
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
