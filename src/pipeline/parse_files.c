#include "pipeline/parse_files.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"

static const char deadline_detail[] = "processing the files took too long";

static enum flow extract_all(struct op *op)
{
    struct parse_files *files = op_cast(op, parse_files);
    op_deadline(op, files->tools->config->files_timeout_ms, deadline_detail);
    for (size_t i = 0; i < files->input_count; i++) {
        struct gate_rank rank = files->rank;
        rank.order = (unsigned)i;
        extract_start(&files->extracts[i], i == 0 ? need(op) : try(op), files->tools,
                      &files->inputs[i], &rank);
    }
    return FLOW_WAIT;
}

static struct slice text_of(const struct extract *extract)
{
    return (struct slice){extract->text.data, extract->text.length};
}

static enum flow collect(struct op *op)
{
    struct parse_files *files = op_cast(op, parse_files);
    files->main_text = text_of(&files->extracts[0]);
    files->context_texts = arena_zalloc(files->arena, files->input_count, sizeof(struct slice));
    files->notes = arena_zalloc(files->arena, files->input_count, sizeof(char *));
    for (size_t i = 0; i < files->input_count; i++) {
        const struct extract *extract = &files->extracts[i];
        const struct error *error = op_error(&extract->op);
        if (extract->queue_seconds > files->queue_seconds)
            files->queue_seconds = extract->queue_seconds;
        if (i == 0)
            continue;
        if (error->code == OK) {
            files->context_texts[files->context_count++] = text_of(extract);
            continue;
        }
        files->notes[files->note_count++] =
            arena_printf(files->arena, "[Context file \"%s\" could not be read: %s]",
                         files->inputs[i].name, error->detail);
    }
    log_marker(op->log_id, "[OPTIMIZED] File processing completed in %.1fs", op_seconds(op));
    return FLOW_NEXT;
}

static void parse_files_end(struct op *op)
{
    op_reword(op, "Failed to parse PDF: ");
}

static const struct step parse_files_steps[] = {
    {"extract", extract_all}, {"collect", collect}, {0}};
static const struct op_kind parse_files_kind = {"parse_files", parse_files_steps, NULL,
                                                parse_files_end};

void parse_files_start(struct parse_files *files, struct op_link link, struct pipeline_tools *tools,
                       struct arena *arena, const struct input_file *inputs, size_t input_count,
                       const struct gate_rank *rank)
{
    assert(input_count > 0);
    memset(files, 0, sizeof(*files));
    files->tools = tools;
    files->arena = arena;
    files->inputs = inputs;
    files->input_count = input_count;
    files->rank = *rank;
    files->extracts = arena_zalloc(arena, input_count, sizeof(struct extract));
    op_start(&files->op, &parse_files_kind, link);
}

void parse_files_clear(struct parse_files *files)
{
    for (size_t i = 0; i < files->input_count; i++)
        extract_clear(&files->extracts[i]);
}
