/*
 * What came of a job, in the shapes of both versions. Only a text file's own text is kept: a
 * business case is made up anew from the digest whenever it is asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "upsim/case_text.h"
#include "upsim/jobs.h"

enum { CASE_BYTES_MAX = 64 * 1024, PAGES_MAX = 1000 };

/* The parts of a text that count as its pages. */
struct pages {
    struct {
        const char *text;
        size_t length;
    } list[PAGES_MAX];
    size_t count;
};

/* The Markdown of a job, into `out`, which has room for any. */
static void write_markdown(const struct job *job, struct buffer *out)
{
    if (job->text) {
        if (buffer_append(out, job->text, job->text_length))
            abort();
        return;
    }
    case_text_append(out, job->digest);
}

/* Each section, and what follows a form feed, is a page. */
static void split_pages(const struct buffer *text, struct pages *out)
{
    const char *at = text->data, *end = text->data + text->length;
    out->count = 0;
    while (at < end && out->count < PAGES_MAX) {
        const char *section = memmem(at + 1, (size_t)(end - at - 1), "\n## ", 4);
        const char *feed = memchr(at, '\f', (size_t)(end - at));
        const char *next = section && (!feed || section < feed) ? section : feed;
        if (!next || out->count + 1 == PAGES_MAX)
            next = end;
        out->list[out->count].text = at;
        out->list[out->count++].length = (size_t)(next - at);
        at = next < end ? next + 1 : end;
    }
}

/* Markdown without its marks. */
static void strip_marks(struct buffer *text)
{
    size_t length = 0;
    for (size_t i = 0; i < text->length; i++) {
        const bool line_start = i == 0 || text->data[i - 1] == '\n';
        if (line_start)
            while (i < text->length && (text->data[i] == '#' || text->data[i] == '>'))
                i++;
        if (i < text->length && text->data[i] != '*')
            text->data[length++] = text->data[i];
    }
    text->length = length;
    if (text->data)
        text->data[length] = '\0';
}

static void print_text(struct exchange *exchange, const char *text, size_t length)
{
    if (json_print_string(&exchange->answer, text ? text : "", length))
        abort(); /* the texts are far smaller than the answer's maximum */
}

static void print_metadata(struct exchange *exchange, const struct job *job, size_t pages)
{
    exchange_print(exchange,
                   ",\"job_metadata\":{\"job_pages\":%zu,\"job_auto_mode_triggered_pages\":0,"
                   "\"job_is_cache_hit\":%s}}",
                   job->cache_hit ? 0 : pages, job->cache_hit ? "true" : "false");
}

static void print_pages(struct exchange *exchange, const struct pages *pages)
{
    exchange_print(exchange, "{\"pages\":[");
    for (size_t i = 0; i < pages->count; i++) {
        exchange_print(exchange, "%s{\"page\":%zu,\"text\":", i > 0 ? "," : "", i + 1);
        print_text(exchange, pages->list[i].text, pages->list[i].length);
        exchange_print(exchange, ",\"md\":");
        print_text(exchange, pages->list[i].text, pages->list[i].length);
        exchange_print(exchange, ",\"images\":[],\"items\":[],\"links\":[],\"width\":612,"
                                 "\"height\":792,\"status\":\"OK\"}");
    }
    exchange_print(exchange, "]");
}

/* The text as the job gives it: without its last page if it was partial. */
static void load(const struct job *job, struct buffer *text, struct pages *pages)
{
    buffer_init(text, JOB_TEXT_BYTES_MAX + CASE_BYTES_MAX);
    if (job->fault != FAULT_JOB_NO_TEXT)
        write_markdown(job, text);
    split_pages(text, pages);
    if (job->fault == FAULT_JOB_PARTIAL && pages->count > 1) {
        pages->count--;
        text->length = (size_t)(pages->list[pages->count].text - text->data);
    }
}

void job_print_result(struct exchange *exchange, const struct job *job, const char *form)
{
    struct buffer text;
    struct pages pages;
    load(job, &text, &pages);
    const bool markdown = strcmp(form, "markdown") == 0;
    if (markdown || strcmp(form, "text") == 0) {
        if (markdown && (job->fault == FAULT_JOB_NO_MARKDOWN || job->fast_tier))
            text.length = 0;
        if (!markdown)
            strip_marks(&text);
        exchange_print(exchange, "{\"%s\":", form);
        print_text(exchange, text.data, text.length);
        print_metadata(exchange, job, pages.count);
    } else if (strcmp(form, "json") == 0) {
        print_pages(exchange, &pages);
        print_metadata(exchange, job, pages.count);
    } else {
        reply_error(exchange, SHAPE_LLAMAPARSE, 404, NULL, NULL, NULL, "Not Found");
    }
    buffer_clear(&text);
}

/* --- version 2 ----------------------------------------------------------------------------------
 */

static bool expands(const char *list, const char *what)
{
    const size_t length = strlen(what);
    for (const char *at = list; (at = strstr(at, what)); at += length)
        if ((at == list || at[-1] == ',') && (at[length] == '\0' || at[length] == ','))
            return true;
    return false;
}

static void print_v2_pages(struct exchange *exchange, const struct job *job,
                           const struct pages *pages, const char *name)
{
    exchange_print(exchange, ",\"%s\":{\"pages\":[", name);
    for (size_t i = 0; i < pages->count; i++) {
        exchange_print(exchange,
                       "%s{\"page_number\":%zu,\"success\":true,\"%s\":", i > 0 ? "," : "", i + 1,
                       name);
        print_text(exchange, pages->list[i].text, pages->list[i].length);
        exchange_print(exchange, "}");
    }
    if (job->fault == FAULT_JOB_PARTIAL)
        exchange_print(exchange,
                       "%s{\"page_number\":%zu,\"success\":false,\"error\":\"page failed\"}",
                       pages->count > 0 ? "," : "", pages->count + 1);
    exchange_print(exchange, "]}");
}

void job_print_expansions(struct exchange *exchange, const struct job *job, const char *list)
{
    struct buffer text;
    struct pages pages;
    load(job, &text, &pages);
    const bool no_markdown = job->fault == FAULT_JOB_NO_MARKDOWN || job->fast_tier;
    if (expands(list, "markdown") && !no_markdown)
        print_v2_pages(exchange, job, &pages, "markdown");
    if (expands(list, "text"))
        print_v2_pages(exchange, job, &pages, "text");
    if (expands(list, "markdown_full")) {
        exchange_print(exchange, ",\"markdown_full\":");
        if (no_markdown)
            exchange_print(exchange, "null");
        else
            print_text(exchange, text.data, text.length);
    }
    if (expands(list, "text_full")) {
        strip_marks(&text);
        exchange_print(exchange, ",\"text_full\":");
        print_text(exchange, text.data, text.length);
    }
    if (expands(list, "metadata"))
        exchange_print(exchange, ",\"metadata\":{\"pages\":%zu,\"is_cache_hit\":%s}", pages.count,
                       job->cache_hit ? "true" : "false");
    buffer_clear(&text);
}
