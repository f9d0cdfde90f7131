/*
 * From a text file's lines to a document: title, headings, and prose without anything else.
 *
 * Line by line, with one line of lookahead and two facts about the past (what the last line was,
 * and whether it ended a sentence). What a line is:
 *   furniture  page numbers, rules, copyright and revision lines, dates and case numbers that stand
 *              alone, and lines that come back on other pages (running heads): dropped
 *   table      Markdown rows, and lines with several wide gaps or mostly numbers: dropped
 *   heading    "# ...", "1.2 ...", or a short line without a full stop that stands alone, or that
 *              is written in capitals or Title Case after the end of a sentence
 *   prose      the rest; lines are joined, words broken by a hyphen at a line's end made whole, and
 *              a paragraph that a page break has cut in two is joined again when its second half
 *              begins with a small letter
 * Blocks that say who wrote the case ("prepared this case", "class discussion") are credits, looked
 * for near both ends of the text only, and dropped with the names in them. Everything before the
 * first block that reads like prose is the masthead: the title is the first of its lines left when
 * publishers, dates, numbers and authors are taken away.
 */
#include "model/offline_lines.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- prose ---- */

static void put(struct document *document, char byte)
{
    document->prose[document->length++] = byte;
}

/* How the next line is tied to what is there: nothing, a space, or a new paragraph. */
static void join(struct layout *layout, struct slice line, bool same_paragraph)
{
    struct document *document = layout->document;
    if (document->length == 0 || layout->glued)
        return;
    char *prose = document->prose;
    const bool small = line.data[0] >= 'a' && line.data[0] <= 'z';
    const size_t end = document->length;
    if (prose[end - 1] == '\n') {
        if (!small || layout->sentence_ended || layout->before == LINE_HEADING)
            return;
        prose[end - 1] = ' '; /* the page broke inside a sentence */
        return;
    }
    if (!same_paragraph) {
        put(document, '\n');
        return;
    }
    const size_t hyphen = line_division((struct slice){prose, end}, line);
    if (hyphen > 0)
        document->length -= hyphen;
    else
        put(document, ' ');
}

static void end_paragraph(struct document *document)
{
    if (document->length > 0 && document->prose[document->length - 1] != '\n')
        put(document, '\n');
}

/* Past the marks that begin a quoted line or an item of a list; `item` when there was one. */
static struct slice without_marks(struct slice line, bool *item)
{
    size_t at = 0;
    while (at < line.length && (line.data[at] == '>' || line.data[at] == ' '))
        at++;
    size_t mark = at;
    if (line.length - at > 2 && strchr("-*+", line.data[at]) && line.data[at + 1] == ' ')
        mark = at + 2;
    else if (line.length - at > 4 && memcmp(line.data + at, "\xe2\x80\xa2", 3) == 0)
        mark = at + 3;
    else {
        while (mark < line.length && isdigit((unsigned char)line.data[mark]))
            mark++;
        const bool number = mark > at && mark - at < 3 && mark + 1 < line.length &&
                            strchr(".)", line.data[mark]) && line.data[mark + 1] == ' ';
        mark = number ? mark + 2 : at;
    }
    *item = mark > at;
    return slice_trim((struct slice){line.data + mark, line.length - mark});
}

/* Copies a line with its runs of white space made single and emphasis taken away. */
static void copy_line(struct document *document, struct slice line)
{
    for (size_t at = 0; at < line.length; at++) {
        const char byte = line.data[at];
        if ((unsigned char)byte <= ' ') {
            if (document->length > 0 && document->prose[document->length - 1] != ' ')
                put(document, ' ');
        } else if (byte == '*' || byte == '`') {
            continue;
        } else if (byte == '_' && (at == 0 || at + 1 == line.length || line.data[at - 1] == ' ' ||
                                   !isalnum((unsigned char)line.data[at + 1]))) {
            continue;
        } else {
            put(document, byte);
        }
    }
}

static void add_prose(struct layout *layout, const struct line *line, const struct shape *shape)
{
    bool item;
    const struct slice text = without_marks(line->text, &item);
    if (text.length == 0)
        return;
    const bool new_paragraph =
        item || (line->indented && !layout->indented && layout->sentence_ended);
    join(layout, text, layout->before == LINE_PROSE && !new_paragraph);
    layout->indented = line->indented;
    copy_line(layout->document, text);
    layout->sentence_ended = strchr(".!?:", shape->last) != NULL;
    layout->glued = line->continues;
}

/* ---- the whole ---- */

/* Past the next blank line, if one is near. */
static void skip_block(struct layout *layout)
{
    const size_t left = layout->length - layout->at;
    const size_t near = left < CREDIT_BLOCK_BYTES ? left : CREDIT_BLOCK_BYTES;
    const char *end = memmem(layout->text + layout->at, near, "\n\n", 2);
    if (end)
        layout->at = (size_t)(end - layout->text) + 1;
    else if (near == left)
        layout->at = layout->length;
}

static void add_heading(struct layout *layout, struct slice line)
{
    struct document *document = layout->document;
    const struct slice text = heading_text(line);
    if (document->heading_count == HEADINGS_MAX || text.length == 0)
        return;
    struct heading *heading = &document->headings[document->heading_count];
    const size_t length = text_cut(text.data, text.length, sizeof(heading->text) - 1);
    memcpy(heading->text, text.data, length);
    heading->text[length] = '\0';
    if (strcasecmp(heading->text, document->title) == 0)
        return;
    heading->at = (uint32_t)document->length;
    document->heading_count++;
}

static void read_line(struct layout *layout, const struct line *line)
{
    const struct shape shape = line_shape(line->text);
    enum line_kind kind = line_kind(layout, line, &shape);
    const bool block_begins = layout->before != LINE_PROSE && kind != LINE_BLANK;
    if (block_begins && !layout->glued && block_is_credit(layout, line->text)) {
        if (!next_is_blank(layout) && !line->continues)
            skip_block(layout);
        layout->before = LINE_BLANK;
        layout->title_open = false;
        return;
    }
    if (layout->in_masthead && kind != LINE_BLANK) {
        const bool section = layout->title_sure && kind == LINE_HEADING && shape.first == '#';
        layout->in_masthead = layout->at < MASTHEAD_BYTES_MAX && !section &&
                              !(kind == LINE_PROSE && masthead_ends(layout, line->text, &shape));
        if (layout->in_masthead) {
            if (kind == LINE_HEADING || kind == LINE_PROSE)
                masthead_read(layout, line->text, &shape);
            layout->before = LINE_FURNITURE;
            return;
        }
    }
    switch (kind) {
    case LINE_BLANK:
        layout->title_open = false;
        if (layout->before == LINE_PROSE)
            end_paragraph(layout->document);
        break;
    case LINE_HEADING:
        end_paragraph(layout->document);
        add_heading(layout, line->text);
        break;
    case LINE_PROSE:
        add_prose(layout, line, &shape);
        break;
    case LINE_FURNITURE:
        return; /* as if it were not there: prose may go on behind it */
    case LINE_TABLE:
        end_paragraph(layout->document);
        break;
    }
    layout->before = kind;
}

static enum err read_lines(struct layout *layout, const atomic_bool *cancel)
{
    struct line line;
    while (line_next(layout, &line)) {
        if (cancelled(cancel))
            return ERR_CANCELLED;
        line_count(layout, line.text);
    }
    layout->at = 0;
    masthead_front_matter(layout);
    const size_t start = layout->at;
    while (line_next(layout, &line)) {
        if (cancelled(cancel))
            return ERR_CANCELLED;
        read_line(layout, &line);
    }
    if (layout->document->length > 0 || !layout->in_masthead)
        return OK;
    layout->at = start; /* all of a short text was taken for a masthead */
    layout->in_masthead = false;
    while (line_next(layout, &line))
        read_line(layout, &line);
    return OK;
}

static void *checked(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

enum err document_read(struct document *out, const char *text, size_t length,
                       const atomic_bool *cancel)
{
    if (length > TEXT_BYTES_MAX)
        length = text_cut(text, length, TEXT_BYTES_MAX);
    *out = (struct document){0};
    /* Joining adds at most one byte a line, in place of its line feed. */
    out->prose = checked(malloc(length + 2));
    out->headings = checked(calloc(HEADINGS_MAX, sizeof(*out->headings)));
    struct layout layout = {.text = text, .length = length, .document = out, .in_masthead = true};
    layout.repeats = repeats_new();
    const enum err err = read_lines(&layout, cancel);
    repeats_free(layout.repeats);
    if (!out->title[0])
        title_set(out->title, slice_of(layout.shouted), false);
    end_paragraph(out);
    out->prose[out->length] = '\0';
    return err;
}

void document_clear(struct document *document)
{
    free(document->prose);
    free(document->headings);
    *document = (struct document){0};
}
