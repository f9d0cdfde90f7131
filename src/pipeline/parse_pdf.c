#include "pipeline/parse_pdf.h"

#include <string.h>

#include "base/log.h"

static const struct {
    unsigned part;
    const char *name;
} degraded_parts[] = {
    {DEGRADED_PARSE, "parse"},   {DEGRADED_CONTEXT, "context"}, {DEGRADED_ANALYSIS, "analysis"},
    {DEGRADED_SCENES, "scenes"}, {DEGRADED_IMAGES, "images"},
};

const char *degraded_names(unsigned degraded, struct arena *arena)
{
    const char *names = "";
    for (size_t i = 0; i < sizeof(degraded_parts) / sizeof(degraded_parts[0]); i++) {
        if (degraded & degraded_parts[i].part)
            names =
                arena_printf(arena, "%s%s%s", names, *names ? ", " : "", degraded_parts[i].name);
    }
    return names;
}

static void warn(struct parse_pdf *parse, unsigned part, const char *warning)
{
    parse->degraded |= part;
    if (parse->warning_count < PARSE_WARNINGS_MAX)
        parse->warnings[parse->warning_count++] = warning;
}

static enum flow read_files(struct op *op)
{
    struct parse_pdf *parse = op_cast(op, parse_pdf);
    parse_files_start(&parse->files, need(op), parse->tools, parse->arena, parse->inputs,
                      parse->input_count, &parse->rank);
    return FLOW_WAIT;
}

static enum flow analyse(struct op *op)
{
    struct parse_pdf *parse = op_cast(op, parse_pdf);
    analysis_start(&parse->analysis, need(op), parse->tools, &parse->files);
    return FLOW_WAIT;
}

static enum flow report(struct op *op)
{
    struct parse_pdf *parse = op_cast(op, parse_pdf);
    for (size_t i = 0; i < parse->files.note_count; i++)
        warn(parse, DEGRADED_CONTEXT, parse->files.notes[i]);
    warn(parse, DEGRADED_ANALYSIS,
         parse->tools->config->openai_api_key
             ? "Analysed offline: this version does not call a model yet"
             : "Analysed offline: OPENAI_API_KEY is not set");
    warn(parse, DEGRADED_SCENES, "Scenes were made from the text, without a model");
    warn(parse, DEGRADED_IMAGES, "Scenes have no pictures: there is no image model");
    log_marker(op->log_id, "[OPTIMIZED] AI pipeline finished in %.1fs",
               op_seconds(&parse->analysis.op));
    return FLOW_NEXT;
}

static const struct step parse_pdf_steps[] = {
    {"files", read_files}, {"analysis", analyse}, {"report", report}, {0}};
static const struct op_kind parse_pdf_kind = {"parse_pdf", parse_pdf_steps, NULL, NULL};

void parse_pdf_start(struct parse_pdf *parse, struct op_link link, struct pipeline_tools *tools,
                     struct arena *arena, const struct input_file *inputs, size_t input_count,
                     const struct gate_rank *rank)
{
    memset(parse, 0, sizeof(*parse));
    parse->tools = tools;
    parse->arena = arena;
    parse->inputs = inputs;
    parse->input_count = input_count;
    parse->rank = *rank;
    op_start(&parse->op, &parse_pdf_kind, link);
}

void parse_pdf_clear(struct parse_pdf *parse)
{
    if (!parse->tools)
        return;
    parse_files_clear(&parse->files);
    analysis_clear(&parse->analysis);
}
