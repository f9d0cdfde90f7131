/*
 * What stands before the text of a case and does not belong to it: publisher, numbers, dates and
 * authors; and among them the title. Credits are looked for near both ends of a text.
 */
#include "model/offline_lines.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { CREDIT_ZONE_BYTES = 16 * 1024 };

/* ---- masthead ---- */

void title_set(char *title, struct slice text, bool append)
{
    const size_t used = append ? strlen(title) : 0;
    const size_t room = 255 - used;
    if (room < 2)
        return;
    size_t at = used;
    if (append)
        title[at++] = ' ';
    const size_t length = text_cut(text.data, text.length, 255 - at);
    memcpy(title + at, text.data, length);
    title[at + length] = '\0';
}

/* A school, a press or the like stands in the line. */
static bool has_publisher(struct slice line)
{
    static const char *const words[] = {
        "school",        "university", "college", "press",  "publish",
        "collection",    "institut",   "journal", "review", "teaching",
        "business case", "case stud",  "faculty", "centre", "executive education"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (line_contains(line, words[i]))
            return true;
    return false;
}

static void set_quoted_title(struct layout *layout, struct slice text)
{
    text = slice_trim(text);
    while (text.length > 1 && strchr("\"'", text.data[0]))
        text = (struct slice){text.data + 1, text.length - 1};
    while (text.length > 1 && strchr("\"'", text.data[text.length - 1]))
        text.length--;
    title_set(layout->document->title, text, false);
    layout->title_sure = true;
}

void masthead_front_matter(struct layout *layout)
{
    struct line line;
    if (!line_next(layout, &line) || !slice_equal(line.text, slice_of("---"))) {
        layout->at = 0;
        return;
    }
    while (layout->at < MASTHEAD_BYTES_MAX && line_next(layout, &line)) {
        if (slice_equal(line.text, slice_of("---")))
            return;
        if (line_begins_with(line.text, "title:"))
            set_quoted_title(layout, (struct slice){line.text.data + 6, line.text.length - 6});
    }
    layout->at = 0; /* no end: it was something else */
}

void masthead_read(struct layout *layout, struct slice line, const struct shape *shape)
{
    static const char *const credits[] = {
        "by ",    "author", "prepared",  "written by", "date:",     "title:",        "professor ",
        "prof. ", "dr. ",   "this case", "teaching",   "for class", "working paper", "case study"};
    char *title = layout->document->title;
    if (line_begins_with(line, "title:")) {
        set_quoted_title(layout, (struct slice){line.data + 6, line.length - 6});
        return;
    }
    if (layout->title_sure || line.length > 160)
        return;
    for (size_t i = 0; i < sizeof(credits) / sizeof(credits[0]); i++)
        if (line_begins_with(heading_text(line), credits[i]) && (i != 13 || shape->words < 4)) {
            layout->title_open = false;
            return;
        }
    if (shape->first == '#') {
        title_set(title, heading_text(line), false);
        layout->title_sure = true;
        return;
    }
    const bool capitals = shape->capitals == shape->letters;
    if (capitals) {
        if (!layout->shouted[0] && !has_publisher(line))
            title_set(layout->shouted, heading_text(line), false);
        layout->title_open = false;
    } else if (layout->title_open && line.length < 80 && strlen(title) < 80) {
        title_set(title, heading_text(line), true);
        layout->title_open = false;
    } else if (!title[0] && !(has_publisher(line) && shape->words < 6)) {
        title_set(title, heading_text(line), false);
        layout->title_open = true;
    }
}

/* Does a block that begins with this line read like prose? One long line does, and so do several
 * lines, if the first is long or goes on in the middle of a sentence and the block ends one. */
bool masthead_ends(const struct layout *layout, struct slice line, const struct shape *shape)
{
    if (line.length > 100)
        return true;
    if (shape->first == '#' || shape->capitals == shape->letters)
        return false;
    const bool sentence = strchr(".!?", shape->last) != NULL && !shape_is_title(shape);
    const bool titled = layout->document->title[0] || layout->shouted[0];
    const bool list = memmem(line.data, line.length, ", ", 2) && !shape_is_title(shape);
    if (titled && list && shape->words >= 6)
        return true; /* who was there, and as what */
    if (next_is_blank(layout))
        return sentence && (shape->words >= 8 || (titled && (shape->quoted || shape->words >= 4)));
    return !shape_is_title(shape) && line.length >= (titled ? 30 : 45) &&
           shape->words >= (titled ? 5 : 7);
}

/* ---- credits ---- */

bool block_is_credit(const struct layout *layout, struct slice line)
{
    const size_t start = (size_t)(line.data - layout->text);
    if (start > CREDIT_ZONE_BYTES && layout->length - start > CREDIT_ZONE_BYTES)
        return false;
    size_t length = layout->length - start;
    if (length > CREDIT_BLOCK_BYTES)
        length = CREDIT_BLOCK_BYTES;
    const char *end = memmem(line.data, length, "\n\n", 2);
    char block[CREDIT_BLOCK_BYTES];
    if (end || length > line.length)
        length = end ? (size_t)(end - line.data) : line.length; /* no end: judged by one line */
    for (size_t i = 0; i < length; i++)                         /* phrases run over line ends */
        block[i] = line.data[i] == '\n' ? ' ' : line.data[i];

    static const char *const phrases[] = {
        "prepared this case",   "class discussion",        "wrote this case",
        "basis for discussion", "all rights reserved",     "permission to reproduce",
        "may be reproduced",    "from published sources",  "case was prepared",
        "case was written",     "supervision of professor"};
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (line_contains((struct slice){block, length}, phrases[i]))
            return true;
    /* What others wrote or prepared within the case is told in the middle of a longer text. */
    if (length > 300)
        return false;
    const struct slice opening = {block, length < 24 ? length : 24};
    return line_contains(opening, "prepared by ") || line_contains(opening, "written by ");
}
