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
    const struct pipeline_tools *tools = file->job->tools;
    const bool remote = tools->services->llamaparse != NULL;
    const bool local_too = tools->config->pdf_parser != PARSER_LLAMAPARSE;
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
        if (kept > file->job->tools->config->extract_timeout_ms)
            kept = file->job->tools->config->extract_timeout_ms;
    }
    parsed_answer_start(&file->answer, try(&file->op), file->job, file->input, file->kind,
                        file->order, file->deadline_ms - kept);
}

static void read_here(struct file_text *file)
{
    struct gate_rank rank = file->job->rank;
    rank.order = file->order;
    extract_start(&file->extract, try(&file->op), file->job->tools, file->input, &rank);
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
        read_here(file);
    return FLOW_WAIT;
}

/* Takes the text from the reader whose turn it was; why there is none. */
static const struct error *take_result(struct file_text *file)
{
    const bool local = file->plan[file->turn] == READER_LOCAL;
    const struct error *error = op_error(local ? &file->extract.op : &file->answer.op);
    if (error->code != OK)
        return error;
    if (local) {
        file->text = (struct slice){file->extract.text.data, file->extract.text.length};
    } else {
        const struct parsed *parsed = parsed_answer_read(&file->answer);
        file->text = (struct slice){parsed->text, parsed->length};
        file->partial = parsed->partial;
    }
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

/* The file itself goes: models take far longer than it took to read it, and others have to wait for
 * the memory. */
static void file_text_end(struct op *op)
{
    struct file_text *file = op_cast(op, file_text);
    file->queue_seconds = file->answer.queue_seconds + file->extract.queue_seconds;
    job_add_answer(file->job, &file->answer);
    spool_file_drop(file->input->file);
}

static const struct step file_text_steps[] = {{"read", read_file}, {"judge", judge}, {0}};
static const struct op_kind file_text_kind = {"file_text", file_text_steps, NULL, file_text_end};

void file_text_start(struct file_text *file, struct op_link link, struct job *job,
                     const struct input_file *input, unsigned order, uint64_t deadline_ms)
{
    memset(file, 0, sizeof(*file));
    file->job = job;
    file->input = input;
    file->order = order;
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
    extract_clear(&file->extract);
    file->extract = (struct extract){0};
    answer_clear(&file->answer);
}
