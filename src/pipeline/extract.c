/*
 *   look ──▶ run ──▶ clean          a text file: no gate, no child
 *     └──▶ enter ──▶ run ──▶ clean  all others
 */
#include "pipeline/extract.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

enum { READ_BYTES = 256 * 1024 };

/* Each input byte of a text file may become three: Windows-1252 to UTF-8. */
static const size_t text_growth = 3;

enum err extract_look(const struct input_file *input, enum file_kind kind, struct error *error)
{
    char head[EXTRACT_HEAD_BYTES];
    const long count = spool_file_read(input->file, 0, head, sizeof(head));
    if (count < 0)
        return error_set(error, ERR_IO, "the upload could not be read back: %s", strerror(errno));
    return extract_tool_sniff(kind, head, (size_t)count, input->file->size, error);
}

static enum flow look(struct op *op)
{
    const struct extract *extract = op_cast(op, extract);
    struct error error = {0};
    if (extract_look(extract->input, extract->kind, &error) != OK)
        return op_fail_with(op, &error);
    return FLOW_NEXT;
}

static enum flow enter(struct op *op)
{
    struct extract *extract = op_cast(op, extract);
    if (extract->kind == FILE_TEXT || extract->kind == FILE_UNKNOWN)
        return FLOW_NEXT;
    gate_enter(&extract->pass, need(op), &extract->tools->extract_gate, &extract->rank);
    return FLOW_WAIT;
}

static enum flow run(struct op *op)
{
    struct extract *extract = op_cast(op, extract);
    if (!extract->pass.gate)
        return FLOW_NEXT;
    extract->queue_seconds = op_seconds(&extract->pass.op);

    const struct extract_limits *limits = &extract->tools->extract_limits;
    struct error error = {0};
    if (extract_tool_command(extract->kind, limits, &extract->arena, extract->argv, &error) != OK)
        return op_fail_with(op, &error);
    const int fd = spool_file_fd(extract->input->file);
    if (fd < 0)
        return op_fail(op, ERR_IO, "the upload could not be read back: %s", strerror(errno));
    subprocess_start(&extract->child, need(op),
                     &(struct subprocess_options){
                         .argv = extract->argv,
                         .stdin_fd = fd,
                         .output_max = limits->output,
                         .timeout_ms = extract->tools->config->extract_timeout_ms,
                     });
    return FLOW_WAIT;
}

/* Off the loop for large ones. */

static enum err clean_output(struct work *work, struct error *error)
{
    struct extract *extract = container_of(work, struct extract, cleaning);
    const struct buffer *output = &extract->child.output;
    if (text_clean(output->data, output->length, &extract->text) != OK)
        return error_set(error, ERR_UNPROCESSABLE, "it has too much text");
    return OK;
}

static enum err decode_text(struct work *work, struct error *error)
{
    struct extract *extract = container_of(work, struct extract, cleaning);
    struct spool_file *file = extract->input->file;
    const size_t max = extract->tools->extract_limits.output;
    if (file->size > max) /* of a kind that others may know, or a text */
        return error_set(error, extract->kind == FILE_UNKNOWN ? ERR_UNSUPPORTED : ERR_UNPROCESSABLE,
                         "it is larger than %zu MB", max >> 20);

    char *bytes = arena_alloc(&work->arena, (size_t)file->size);
    for (size_t have = 0; have < file->size;) {
        const long count = spool_file_read(file, have, bytes + have, READ_BYTES);
        if (count <= 0)
            return error_set(error, ERR_IO, "the upload could not be read back");
        have += (size_t)count;
        if (atomic_load(&work->cancel))
            return ERR_CANCELLED;
    }
    switch (text_decode(bytes, (size_t)file->size, &extract->text)) {
    case OK:
        break;
    case ERR_ENCODING:
        return extract->kind == FILE_UNKNOWN
                   ? error_set(error, ERR_UNSUPPORTED, "it is not a kind of file that can be read")
                   : error_set(error, ERR_UNPROCESSABLE, "it is not a text file");
    default:
        return error_set(error, ERR_UNPROCESSABLE, "it has too much text");
    }
    if (slice_trim((struct slice){extract->text.data, extract->text.length}).length == 0)
        return error_set(error, ERR_UNPROCESSABLE, "the file has no text");
    return OK;
}

static enum flow clean(struct op *op)
{
    struct extract *extract = op_cast(op, extract);
    const struct extract_limits *limits = &extract->tools->extract_limits;
    buffer_init(&extract->text, limits->output * text_growth);
    if (!extract->pass.gate) {
        work_start(&extract->cleaning, need(op), decode_text,
                   extract->input->file->size > WORK_INLINE_BYTES);
        return FLOW_WAIT;
    }
    gate_leave(&extract->pass);
    struct error error = {0};
    if (extract_tool_verdict(extract->kind, limits, &extract->child, &error) != OK)
        return op_fail_with(op, &error);
    work_start(&extract->cleaning, need(op), clean_output,
               extract->child.output.length > WORK_INLINE_BYTES);
    return FLOW_WAIT;
}

/* What is only needed on the way; the text stays until extract_clear. */
static void extract_end(struct op *op)
{
    struct extract *extract = op_cast(op, extract);
    gate_leave(&extract->pass);
    subprocess_clear(&extract->child);
    extract->child = (struct subprocess){0};
    work_clear(&extract->cleaning);
    extract->cleaning = (struct work){0};
    arena_clear(&extract->arena);
}

static const struct step extract_steps[] = {
    {"look", look}, {"enter", enter}, {"run", run}, {"clean", clean}, {0}};
static const struct op_kind extract_kind = {"extract", extract_steps, NULL, extract_end};

void extract_start(struct extract *extract, struct op_link link, struct pipeline_tools *tools,
                   const struct input_file *input, const struct gate_rank *rank)
{
    memset(extract, 0, sizeof(*extract));
    extract->tools = tools;
    extract->input = input;
    extract->rank = *rank;
    extract->kind = file_kind_of(input->name, input->content_type);
    arena_init(&extract->arena);
    op_start(&extract->op, &extract_kind, link);
}

void extract_clear(struct extract *extract)
{
    if (!extract->tools)
        return;
    buffer_clear(&extract->text);
}
