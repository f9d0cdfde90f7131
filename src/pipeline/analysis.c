/*
 * The main file comes first: the title and the lead are looked for at the beginning, and the people
 * of the context files are found wherever they stand.
 */
#include "pipeline/analysis.h"

#include <string.h>

#include "model/offline.h"

static enum err run_offline(struct work *work, struct error *error)
{
    struct analysis *analysis = container_of(work, struct analysis, work);
    const struct offline_options options = {
        .scene_count = (size_t)analysis->tools->config->scene_count,
        .cancel = &work->cancel,
    };
    const enum err err = offline_analyse(analysis->text.data, analysis->text.length, &options,
                                         &work->arena, &analysis->study);
    if (err != OK)
        return error_set(error, err, "the analysis did not end");
    case_study_settle(&analysis->study, &work->arena);
    return OK;
}

static enum flow gather(struct op *op)
{
    struct analysis *analysis = op_cast(op, analysis);
    const struct parse_files *files = analysis->files;
    enum err err = buffer_append(&analysis->text, files->main_text.data, files->main_text.length);
    for (size_t i = 0; i < files->context_count && err == OK; i++) {
        err = buffer_puts(&analysis->text, "\n\n");
        if (err == OK)
            err = buffer_append(&analysis->text, files->context_texts[i].data,
                                files->context_texts[i].length);
    }
    if (err != OK)
        return op_fail(op, err, "the files have too much text");
    return FLOW_NEXT;
}

static enum flow analyse(struct op *op)
{
    struct analysis *analysis = op_cast(op, analysis);
    work_start(&analysis->work, need(op), run_offline, analysis->text.length > WORK_INLINE_BYTES);
    return FLOW_WAIT;
}

static void analysis_end(struct op *op)
{
    buffer_clear(&op_cast(op, analysis)->text);
}

static const struct step analysis_steps[] = {{"gather", gather}, {"analyse", analyse}, {0}};
static const struct op_kind analysis_kind = {"analysis", analysis_steps, NULL, analysis_end};

void analysis_start(struct analysis *analysis, struct op_link link, struct pipeline_tools *tools,
                    const struct parse_files *files)
{
    memset(analysis, 0, sizeof(*analysis));
    analysis->tools = tools;
    analysis->files = files;
    buffer_init(&analysis->text, SIZE_MAX / 2); /* each file's text is bounded, and their number */
    op_start(&analysis->op, &analysis_kind, link);
}

void analysis_clear(struct analysis *analysis)
{
    if (analysis->tools)
        work_clear(&analysis->work);
}
