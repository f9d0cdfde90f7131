#include "pipeline/saving.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"

/* --- pictures --------------------------------------------------------------------------------- */

static enum err keep_all(struct work *work, struct error *error)
{
    const struct saving *saving = container_of(work, struct saving, keeping);
    const struct case_study *study = saving->study;
    (void)error; /* a picture that is gone fails nothing */
    for (size_t i = 0; i < study->scene_count; i++)
        if (*study->scenes[i].image_url)
            saving->kept[i] = image_store_keep(saving->job->tools->services->pictures,
                                               study->scenes[i].image_url);
    return OK;
}

static enum flow keep_pictures(struct op *op)
{
    struct saving *saving = op_cast(op, saving);
    const struct case_study *study = saving->study;
    saving->kept = arena_zalloc(saving->job->arena, study->scene_count, sizeof(*saving->kept));
    for (size_t i = 0; i < study->scene_count; i++) {
        if (*study->scenes[i].image_url) {
            work_start(&saving->keeping, need(op), keep_all, true);
            return FLOW_WAIT;
        }
    }
    return FLOW_NEXT;
}

/* --- the draft -------------------------------------------------------------------------------- */

static void fill_scenes(struct saving *saving)
{
    struct job *job = saving->job;
    struct case_study *study = saving->study;
    const struct illustration *illustration = saving->sources.illustration;
    const char **urls = arena_zalloc(job->arena, study->scene_count, sizeof(*urls));
    const char **prompts = arena_zalloc(job->arena, study->scene_count, sizeof(*prompts));
    for (size_t i = 0; i < study->scene_count; i++) {
        struct scene *scene = &study->scenes[i];
        if (saving->kept[i] != OK) {
            job_degrade(job, DEGRADED_IMAGES, "The picture of scene %zu was lost", i + 1);
            scene->image_url = "";
        }
        urls[i] = image_address(scene->image_url, saving->sources.base_url, job->arena);
        prompts[i] = i < illustration->count ? illustration->pictures[i].prompt : NULL;
    }
    saving->draft.image_urls = urls;
    saving->draft.image_prompts = prompts;
}

static void fill_files(struct saving *saving)
{
    const struct parse_files *files = saving->sources.files;
    struct scenario_file *saved =
        arena_zalloc(saving->job->arena, files->input_count, sizeof(*saved));
    for (size_t i = 0; i < files->input_count; i++) {
        const struct slice *text = &files->files[i].text;
        saved[i] = (struct scenario_file){
            .name = files->inputs[i].name,
            .bytes = files->inputs[i].file->size,
            .text = {text->data ? text->data : "", text->length},
        };
    }
    saving->draft.files = saved;
    saving->draft.file_count = files->input_count;
    saving->draft.content = files->main_text;
}

static enum flow save(struct op *op)
{
    struct saving *saving = op_cast(op, saving);
    saving->draft.study = saving->study;
    saving->draft.user_id = saving->sources.user_id;
    fill_scenes(saving);
    fill_files(saving);
    const struct saving_reply *reply = saving->sources.reply;
    if (reply) {
        saving->reply = (struct scenario_reply){
            .key = reply->key,
            .fingerprint = reply->fingerprint,
            .degraded = degraded_names(saving->job->degraded, saving->job->arena),
            .rest = reply->print(reply->context),
        };
        saving->draft.reply = &saving->reply;
    }
    saving->draft.warnings = saving->job->warnings;
    saving->draft.warning_count = saving->job->warning_count;
    scenario_save_start(&saving->save, need(op), &saving->job->tools->store->pool, &saving->draft,
                        saving->sources.deadline_ms);
    return FLOW_WAIT;
}

static enum flow report(struct op *op)
{
    const struct saving *saving = op_cast(op, saving);
    log_marker(op->log_id, "[DB_OPTIMIZED] Batch operations completed in %.1fs", op_seconds(op));
    log_info(op->log_id, "saved", "scenario_id=%" PRId64 " tries=%u seconds=%.3f", saving->save.id,
             saving->save.tries, op_seconds(op));
    return FLOW_NEXT;
}

static void saving_end(struct op *op)
{
    op_reword(op, op_cast(op, saving)->save.outcome_unknown
                      ? "It is not known whether the scenario was saved: "
                      : "The scenario was not saved: ");
}

static const struct step saving_steps[] = {
    {"keep_pictures", keep_pictures}, {"save", save}, {"report", report}, {0}};
static const struct op_kind saving_kind = {"saving", saving_steps, NULL, saving_end};

void saving_start(struct saving *saving, struct op_link link, struct job *job,
                  struct case_study *study, const struct saving_sources *sources)
{
    memset(saving, 0, sizeof(*saving));
    saving->job = job;
    saving->study = study;
    saving->sources = *sources;
    op_start(&saving->op, &saving_kind, link);
}

void saving_clear(struct saving *saving)
{
    work_clear(&saving->keeping);
    scenario_save_clear(&saving->save);
}
