/*
 * The main file comes first: the title and the lead are looked for at the beginning, and the people
 * of the context files are found wherever they stand.
 */
#include "pipeline/offline_study.h"

#include <string.h>

#include "model/offline.h"

static enum err run_offline(struct work *work, struct error *error)
{
    struct offline_study *offline = container_of(work, struct offline_study, work);
    const struct offline_options options = {
        .scene_count = (size_t)offline->job->tools->config->scene_count,
        .cancel = &work->cancel,
    };
    const enum err err = offline_analyse(offline->text.data, offline->text.length, &options,
                                         &work->arena, &offline->study);
    if (err != OK)
        return error_set(error, err, "the analysis did not end");
    case_study_settle(&offline->study, &work->arena);
    return OK;
}

static enum flow gather(struct op *op)
{
    struct offline_study *offline = op_cast(op, offline_study);
    const struct parse_files *files = offline->files;
    enum err err = buffer_append(&offline->text, files->main_text.data, files->main_text.length);
    for (size_t i = 0; i < files->context_count && err == OK; i++) {
        err = buffer_puts(&offline->text, "\n\n");
        if (err == OK)
            err = buffer_append(&offline->text, files->context_texts[i].data,
                                files->context_texts[i].length);
    }
    if (err != OK)
        return op_fail(op, err, "the files have too much text");
    return FLOW_NEXT;
}

static enum flow analyse(struct op *op)
{
    struct offline_study *offline = op_cast(op, offline_study);
    work_start(&offline->work, need(op), run_offline, offline->text.length > WORK_INLINE_BYTES);
    return FLOW_WAIT;
}

static void offline_study_end(struct op *op)
{
    buffer_clear(&op_cast(op, offline_study)->text);
}

static const struct step offline_study_steps[] = {{"gather", gather}, {"analyse", analyse}, {0}};
static const struct op_kind offline_study_kind = {"offline_study", offline_study_steps, NULL,
                                                  offline_study_end};

void offline_study_start(struct offline_study *offline, struct op_link link, struct job *job,
                         const struct parse_files *files)
{
    memset(offline, 0, sizeof(*offline));
    offline->job = job;
    offline->files = files;
    buffer_init(&offline->text, SIZE_MAX / 2); /* each file's text is bounded, and their number */
    op_start(&offline->op, &offline_study_kind, link);
}

void offline_study_clear(struct offline_study *offline)
{
    work_clear(&offline->work);
}
