#include "pipeline/parse_files.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"

/* Each file has its own deadline, as one that is late only fails what it is needed for. */
static enum flow read_all(struct op *op)
{
    struct parse_files *files = op_cast(op, parse_files);
    struct job *job = files->job;
    const uint64_t until_ms = loop_now_ms(op->link.loop) + job->tools->config->files_timeout_ms;
    const uint64_t deadline_ms = until_ms < job->deadline_ms ? until_ms : job->deadline_ms;
    for (size_t i = 0; i < files->input_count; i++) {
        file_text_start(&files->files[i], i == 0 ? need(op) : try(op), job, &files->inputs[i],
                        (unsigned)i, deadline_ms);
    }
    return FLOW_WAIT;
}

/* What is to be said about a file that was read. */
static void tell(struct parse_files *files, size_t i)
{
    struct job *job = files->job;
    const struct file_text *file = &files->files[i];
    const char *name = files->inputs[i].name;
    if (file->llamaparse_error)
        job_degrade(job, DEGRADED_PARSE, "\"%s\" was read without LlamaParse: %s", name,
                    file->llamaparse_error->detail);
    if (file->partial)
        job_degrade(job, DEGRADED_PARSE, "Some pages of \"%s\" could not be read", name);
}

/* The model is told too: a teacher's file that is missing may be what the case turns on. */
static void note_unread(struct parse_files *files, const char *name, const char *why)
{
    struct job *job = files->job;
    const char *note =
        arena_printf(job->arena, "[Context file \"%s\" could not be read: %s]", name, why);
    files->notes = arena_printf(job->arena, "%s%s\n", files->notes, note);
    job_degrade(job, DEGRADED_CONTEXT, "%s", note);
}

static enum flow collect(struct op *op)
{
    struct parse_files *files = op_cast(op, parse_files);
    struct job *job = files->job;
    double queue_seconds = 0;
    files->context_texts = arena_zalloc(job->arena, files->input_count, sizeof(struct slice));
    for (size_t i = 0; i < files->input_count; i++) {
        const struct file_text *file = &files->files[i];
        const struct error *error = op_error(&file->op);
        if (file->queue_seconds > queue_seconds)
            queue_seconds = file->queue_seconds;
        tell(files, i);
        if (i == 0)
            files->main_text = file->text;
        else if (error->code == OK)
            files->context_texts[files->context_count++] = file->text;
        else
            note_unread(files, files->inputs[i].name, error->detail);
    }
    job->queue_seconds += queue_seconds;
    log_marker(op->log_id, "[OPTIMIZED] File processing completed in %.1fs", op_seconds(op));
    return FLOW_NEXT;
}

static void parse_files_end(struct op *op)
{
    op_reword(op, "Failed to parse PDF: ");
}

static const struct step parse_files_steps[] = {{"read", read_all}, {"collect", collect}, {0}};
static const struct op_kind parse_files_kind = {"parse_files", parse_files_steps, NULL,
                                                parse_files_end};

void parse_files_start(struct parse_files *files, struct op_link link, struct job *job,
                       const struct input_file *inputs, size_t input_count)
{
    assert(input_count > 0);
    memset(files, 0, sizeof(*files));
    files->job = job;
    files->inputs = inputs;
    files->input_count = input_count;
    files->notes = "";
    files->files = arena_zalloc(job->arena, input_count, sizeof(struct file_text));
    op_start(&files->op, &parse_files_kind, link);
}

void parse_files_clear(struct parse_files *files)
{
    for (size_t i = 0; i < files->input_count; i++)
        file_text_clear(&files->files[i]);
}
