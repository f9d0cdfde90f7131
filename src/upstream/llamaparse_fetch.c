/*
 *     ┌──────────────────────────────────────┐
 *     ▼                                      │ FLOW_AGAIN: text, as there is no markdown,
 *     ask ──▶ read ──▶ judge ────────────────┘ or once more, as what came was no JSON
 *
 * The result of a long report has many megabytes in one JSON string. So it is read by a worker
 * thread, which touches nothing here but the body that came and the results.
 *
 * Version 2 is asked for the pages beside the whole: only there it says which of them failed.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "upstream/llamaparse_parts.h"

enum {
    FETCH_IDLE_MS = 30 * 1000,
    FETCH_TOTAL_MS = 120 * 1000, /* of 64 MB: half a megabyte a second */
    PAGES_MAX = 1000 * 1000,     /* more is no number of pages */
    VALUES_MAX = 256 * 1024,     /* version 2 has some ten for each page; off the loop alone */
};

/* --- the request ---------------------------------------------------------------------------- */

static void fetch_build(struct upstream_call *call, struct http_request *out)
{
    struct parse_fetch *fetch = container_of(call, struct parse_fetch, call);
    const struct remote_job *job = fetch->remote;
    const char *form = fetch->plain ? "text" : "markdown";
    struct arena *arena = &fetch->arena;
    const char *path = job->version == 1
                           ? arena_printf(arena, "/api/v1/parsing/job/%s/result/%s", job->id, form)
                           : arena_printf(arena, "/api/v2/parse/%s?expand=%s,%s_full,metadata",
                                          job->id, form, form);
    parse_request(fetch->parser, arena, "GET", path, out);
    out->limits.idle_ms = FETCH_IDLE_MS;
    out->limits.total_ms = FETCH_TOTAL_MS;
    out->limits.body_max = LLAMAPARSE_RESULT_BYTES;
}

/* The body is for the worker thread. */
static void fetch_read(struct upstream_call *call, struct outcome *out)
{
    (void)call;
    (void)out;
}

static const struct upstream_call_kind fetch_kind = {
    .service = SERVICE_PARSE_CONTROL,
    .name = "fetch",
    .build = fetch_build,
    .read = fetch_read,
};

/* --- the result ----------------------------------------------------------------------------- */

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* A number, or a list with an item for each page. */
static unsigned count_pages(const cJSON *pages)
{
    const double count = cJSON_IsArray(pages)    ? (double)cJSON_GetArraySize(pages)
                         : cJSON_IsNumber(pages) ? pages->valuedouble
                                                 : 0;
    return count > 0 && count < PAGES_MAX ? (unsigned)count : 0;
}

static bool has_failed_page(const cJSON *pages)
{
    const cJSON *page;
    cJSON_ArrayForEach(page, pages)
    {
        if (!json_bool(page, "success", true))
            return true;
    }
    return false;
}

static enum err read_v1(struct parse_fetch *fetch, const cJSON *root)
{
    const char *text = json_string(root, fetch->plain ? "text" : "markdown", "");
    const cJSON *metadata = member(root, "job_metadata");
    fetch->pages = count_pages(member(metadata, "job_pages"));
    fetch->cache_hit = json_bool(metadata, "job_is_cache_hit", false);
    return buffer_puts(&fetch->text, text);
}

static enum err read_v2(struct parse_fetch *fetch, const cJSON *root)
{
    const char *text = json_string(root, fetch->plain ? "text_full" : "markdown_full", "");
    const cJSON *metadata = member(root, "metadata");
    const cJSON *pages = json_array(member(root, fetch->plain ? "text" : "markdown"), "pages");
    fetch->partial = has_failed_page(pages);
    fetch->pages = count_pages(member(metadata, "pages"));
    fetch->cache_hit = json_bool(metadata, "is_cache_hit", false);
    return buffer_puts(&fetch->text, text);
}

static bool is_blank(const struct buffer *text)
{
    return text->length == 0 || strspn(text->data, " \t\r\n\f\v") == text->length;
}

static enum err read_result(struct work *work, struct error *error)
{
    struct parse_fetch *fetch = container_of(work, struct parse_fetch, work);
    const struct buffer *body = &fetch->call.http.body;
    const size_t values_max = body->length > WORK_INLINE_BYTES ? VALUES_MAX : JSON_VALUES_MAX;
    cJSON *root;
    enum err err = json_parse_up_to(body->data, body->length, values_max, NULL, &root);
    if (err == OK) {
        err = fetch->remote->version == 1 ? read_v1(fetch, root) : read_v2(fetch, root);
        cJSON_Delete(root);
    }
    if (err != OK)
        return error_set(error, err, "the result that llamaparse sent is unreadable");
    if (is_blank(&fetch->text))
        buffer_reset(&fetch->text);
    return OK;
}

/* --- steps ---------------------------------------------------------------------------------- */

static enum flow ask(struct op *op)
{
    struct parse_fetch *fetch = op_cast(op, parse_fetch);
    upstream_call_start_inside(&fetch->call, try(op), &fetch_kind, fetch->parser->upstream,
                               fetch->pass, fetch->deadline_ms);
    return FLOW_WAIT;
}

static enum flow again(struct parse_fetch *fetch)
{
    upstream_call_clear(&fetch->call);
    memset(&fetch->call, 0, sizeof(fetch->call));
    work_clear(&fetch->work);
    memset(&fetch->work, 0, sizeof(fetch->work));
    buffer_reset(&fetch->text);
    return FLOW_AGAIN;
}

static enum flow again_as_text(struct parse_fetch *fetch)
{
    fetch->plain = true;
    return again(fetch);
}

static enum flow read_body(struct op *op)
{
    struct parse_fetch *fetch = op_cast(op, parse_fetch);
    const struct error *error = op_error(&fetch->call.op);
    if (error->code != OK && fetch->call.outcome.status == 404 && !fetch->plain)
        return again_as_text(fetch);
    if (error->code != OK)
        return op_fail_with(op, error);
    work_start(&fetch->work, try(op), read_result,
               fetch->call.http.body.length > WORK_INLINE_BYTES);
    return FLOW_WAIT;
}

static enum flow judge(struct op *op)
{
    struct parse_fetch *fetch = op_cast(op, parse_fetch);
    if (op_error(&fetch->work.op)->code != OK) {
        if (fetch->repeated)
            return op_fail(op, ERR_UPSTREAM, "%s", op_error(&fetch->work.op)->detail);
        fetch->repeated = true;
        return again(fetch);
    }
    if (fetch->text.length > 0)
        return FLOW_DONE;
    if (!fetch->plain)
        return again_as_text(fetch);
    return op_fail(op, ERR_UNPROCESSABLE, "%s", remote_job_no_text);
}

static const struct step fetch_steps[] = {{"ask", ask}, {"read", read_body}, {"judge", judge}, {0}};
static const struct op_kind fetch_op_kind = {"parse_fetch", fetch_steps, NULL, NULL};

void parse_fetch_start(struct parse_fetch *fetch, struct op_link link, struct llamaparse *parser,
                       struct gate_pass *pass, const struct remote_job *remote,
                       uint64_t deadline_ms)
{
    memset(fetch, 0, sizeof(*fetch));
    fetch->parser = parser;
    fetch->pass = pass;
    fetch->remote = remote;
    fetch->deadline_ms = deadline_ms;
    /* The tier without markdown need not be asked for it. */
    fetch->plain = remote->version == 2 && strcmp(parser->settings.tier, "fast") == 0;
    arena_init(&fetch->arena);
    buffer_init(&fetch->text, LLAMAPARSE_RESULT_BYTES);
    op_start(&fetch->op, &fetch_op_kind, link);
}

void parse_fetch_clear(struct parse_fetch *fetch)
{
    upstream_call_clear(&fetch->call);
    work_clear(&fetch->work);
    buffer_clear(&fetch->text);
    arena_clear(&fetch->arena);
}
