/*
 * What costs nothing comes first: a file that is visibly not what its name says is refused before
 * anything is paid for. LlamaParse gets the time that is left less what reading the file here may
 * take, so that a slow service ends in a text all the same.
 */
#include "pipeline/file_text.h"

#include <string.h>

enum { LOCAL_SHARE = 4 /* at most a quarter of the time is kept for reading here */ };

static void make_plan(struct file_text *file)
{
    const bool remote = file->tools->services->llamaparse != NULL;
    const bool local_too = file->tools->config->pdf_parser != PARSER_LLAMAPARSE;
    if (remote && (file->kind == FILE_PDF || file->kind == FILE_DOC)) {
        file->plan[0] = READER_LLAMAPARSE;
        file->plan[1] = local_too ? READER_LOCAL : READER_NONE;
    } else {
        file->plan[0] = READER_LOCAL;
        file->plan[1] = remote && file->kind == FILE_UNKNOWN ? READER_LLAMAPARSE : READER_NONE;
    }
}

/* --- steps ---------------------------------------------------------------------------------- */

static void ask_llamaparse(struct file_text *file)
{
    const uint64_t now = loop_now_ms(file->op.link.loop);
    const uint64_t left = file->deadline_ms > now ? file->deadline_ms - now : 0;
    uint64_t kept = 0;
    if (file->plan[1] == READER_LOCAL) {
        kept = left / LOCAL_SHARE;
        if (kept > file->tools->config->extract_timeout_ms)
            kept = file->tools->config->extract_timeout_ms;
    }
    file->asked_llamaparse = true;
    parse_job_start(&file->job, try(&file->op), file->tools->services->llamaparse,
                    &(struct parse_file){
                        .name = file->input->name,
                        .content_type = file->input->content_type,
                        .file = file->input->file,
                    },
                    &file->rank, file->deadline_ms - kept);
}

static enum flow read_file(struct op *op)
{
    struct file_text *file = op_cast(op, file_text);
    struct error error = {0};
    if (file->turn == 0 && extract_look(file->input, file->kind, &error) != OK)
        return op_fail_with(op, &error);
    if (file->plan[file->turn] == READER_LLAMAPARSE)
        ask_llamaparse(file);
    else
        extract_start(&file->extract, try(op), file->tools, file->input, &file->rank);
    return FLOW_WAIT;
}

/* Takes the text from the reader whose turn it was; why there is none. */
static const struct error *take_result(struct file_text *file)
{
    const bool local = file->plan[file->turn] == READER_LOCAL;
    const struct error *error = op_error(local ? &file->extract.op : &file->job.op);
    if (error->code != OK)
        return error;
    struct buffer *text = local ? &file->extract.text : &file->job.text;
    file->text = *text;
    *text = (struct buffer){0};
    file->partial = !local && file->job.partial;
    return error;
}

/* Of two failures: a fault of the file says more than one of a service. */
static enum flow fail(struct file_text *file)
{
    const struct error *first = &file->errors[0], *second = &file->errors[1];
    if (file->turn == 1) /* nobody else was to be asked */
        return op_fail_with(&file->op, first);
    const bool local_first = file->plan[0] == READER_LOCAL;
    const struct error *here = local_first ? first : second;
    const struct error *there = local_first ? second : first;
    if (there->code == ERR_UNPROCESSABLE && here->code != ERR_UNPROCESSABLE)
        return op_fail_with(&file->op, there);
    if (there->code == ERR_UNPROCESSABLE)
        return op_fail_with(&file->op, here);
    return op_fail(&file->op, here->code, "%s (and %s)", here->detail, there->detail);
}

static enum flow judge(struct op *op)
{
    struct file_text *file = op_cast(op, file_text);
    const enum reader reader = file->plan[file->turn];
    const struct error *error = take_result(file);
    if (error->code == OK) {
        if (file->turn == 1 && reader == READER_LOCAL)
            file->llamaparse_error = &file->errors[0];
        return FLOW_DONE;
    }
    file->errors[file->turn++] = *error;
    const bool other_may_read = reader == READER_LLAMAPARSE || error->code == ERR_UNSUPPORTED;
    if (file->turn < READERS_MAX && file->plan[file->turn] != READER_NONE && other_may_read)
        return FLOW_AGAIN;
    return fail(file);
}

/* Frees what is only needed on the way, the file itself as well: models take far longer than it
 * took to read it, and others have to wait for the memory. What was read is to be paid for,
 * whatever became of it. */
static void file_text_end(struct op *op)
{
    struct file_text *file = op_cast(op, file_text);
    file->pages = file->job.cache_hit ? 0 : file->job.pages;
    file->queue_seconds = file->job.queue_seconds + file->extract.queue_seconds;
    spool_file_drop(file->input->file);
    parse_job_clear(&file->job);
    extract_clear(&file->extract);
    file->job = (struct parse_job){0};
    file->extract = (struct extract){0};
}

static const struct step file_text_steps[] = {{"read", read_file}, {"judge", judge}, {0}};
static const struct op_kind file_text_kind = {"file_text", file_text_steps, NULL, file_text_end};

void file_text_start(struct file_text *file, struct op_link link, struct pipeline_tools *tools,
                     const struct input_file *input, const struct gate_rank *rank,
                     uint64_t deadline_ms)
{
    memset(file, 0, sizeof(*file));
    file->tools = tools;
    file->input = input;
    file->rank = *rank;
    file->deadline_ms = deadline_ms;
    file->kind = file_kind_of(input->name, input->content_type);
    make_plan(file);
    const uint64_t now = loop_now_ms(link.loop);
    op_start(&file->op, &file_text_kind, link);
    op_deadline(&file->op, deadline_ms > now ? deadline_ms - now : 0,
                "processing the files took too long");
}

void file_text_clear(struct file_text *file)
{
    buffer_clear(&file->text);
}
