/*
 * A picture that came whole is one, whatever befell the connection after it: it is paid for. What
 * is too large is not asked for again, as it would be as large, and as dear.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "upstream/images_parts.h"
#include "upstream/openai_api.h"

/* ---- errors ---- */

/* Some fields are common words: these count where they stand in quotes. */
static const char *find_in_message(const char *message, const char *field)
{
    const char *at = openai_mention(message, field);
    while (at && !strchr(field, '_') && (at == message || !strchr("'\"`", at[-1])))
        at = openai_mention(at + 1, field);
    return at;
}

/* The optional field of this try that a 400 is about; -1: none. Of several that a message has, the
 * first: what follows is advice. */
static int find_refused_field(const struct image_call *image, const struct outcome *outcome)
{
    int found = -1;
    const char *first = NULL;
    for (int i = 0; i < IMAGE_FIELD_COUNT; i++) {
        if (!(image->fields & 1u << i))
            continue;
        if (*outcome->param && openai_is_about(outcome->param, image_field_names[i]))
            return i;
        const char *at =
            *outcome->param ? NULL : find_in_message(outcome->message, image_field_names[i]);
        if (at && (!first || at < first)) {
            first = at;
            found = i;
        }
    }
    return found;
}

static bool read_error(struct image_call *image, const cJSON *root, struct outcome *out,
                       int *status)
{
    struct openai_error error;
    if (!openai_error_read(&error, &image->arena, root))
        return false;
    *status = error.status;
    out->code = error.code;
    out->param = error.param;
    out->message = error.message;
    image->refused_field = find_refused_field(image, out);
    out->param_is_ours = image->refused_field >= 0;
    return true;
}

static void read_refusal(struct image_call *image, struct outcome *out)
{
    const struct buffer *body = &image->call.http.body;
    cJSON *root;
    int status;
    if (body->length > 0 && json_parse(body->data, body->length, NULL, &root) == OK) {
        (void)read_error(image, root, out, &status);
        cJSON_Delete(root);
    }
}

/* ---- answers ---- */

static void set_unusable(struct outcome *out, const char *code)
{
    out->fault = HTTP_FAULT_NONE;
    out->unusable = true;
    out->code = code;
}

static void set_too_large(struct image_call *image, struct outcome *out)
{
    struct http_call *http = &image->call.http;
    out->fault = HTTP_FAULT_TOO_LARGE;
    snprintf(http->fault_text, sizeof(http->fault_text), "the answer is too large");
}

static bool read_usage(const cJSON *root, struct token_usage *out)
{
    const cJSON *usage = openai_member(root, "usage");
    if (!cJSON_IsObject(usage))
        return false;
    *out = (struct token_usage){
        .prompt = openai_count(usage, "input_tokens"),
        .cached = openai_count(openai_member(usage, "input_tokens_details"), "cached_tokens"),
        .completion = openai_count(usage, "output_tokens"),
    };
    return true;
}

static bool is_web_url(const char *url)
{
    return (strncasecmp(url, "https://", 8) == 0 || strncasecmp(url, "http://", 7) == 0) &&
           strnlen(url, HTTP_CALL_URL_BYTES) < HTTP_CALL_URL_BYTES;
}

/* Finds the picture, or where it is. */
static void read_picture(struct image_call *image, const cJSON *root, struct outcome *out)
{
    const struct buffer *picture = &image->reader.picture;
    const cJSON *data = json_array(root, "data");
    const char *url = json_string(data ? data->child : NULL, "url", "");
    if (picture->length > 0) {
        if (!image_type_of(picture->data, picture->length))
            set_unusable(out, "not_a_picture");
    } else if (is_web_url(url)) {
        image->url = arena_strdup(&image->arena, url);
    } else {
        set_unusable(out, "no_picture");
    }
}

/* A document in full. */
static void read_answer(struct image_call *image, const cJSON *root, struct outcome *out)
{
    out->fault = HTTP_FAULT_NONE;
    if (openai_has_error(root) && read_error(image, root, out, &out->status)) {
        image_account(image, NULL, false);
        return;
    }
    struct token_usage usage;
    const bool has_usage = read_usage(root, &usage);
    image_account(image, has_usage ? &usage : NULL, true);
    read_picture(image, root, out);
}

static void read_success(struct image_call *image, struct outcome *out)
{
    cJSON *root;
    const enum err err = picture_reader_end(&image->reader, &root);
    if (err == OK) {
        read_answer(image, root, out);
        cJSON_Delete(root);
        return;
    }
    image_account(image, NULL, true);
    if (err == ERR_LIMIT)
        set_too_large(image, out);
    else if (out->fault == HTTP_FAULT_NONE || out->fault == HTTP_FAULT_REFUSED)
        set_unusable(out, "not_json");
}

void image_read(struct upstream_call *call, struct outcome *out)
{
    struct image_call *image = container_of(call, struct image_call, call);
    if (out->status >= 200 && out->status < 300) {
        read_success(image, out);
    } else {
        const bool was_at_work = out->fault == HTTP_FAULT_IDLE || out->fault == HTTP_FAULT_TOTAL;
        image_account(image, NULL, was_at_work && out->status == 0);
        read_refusal(image, out);
    }
    if (out->fault != HTTP_FAULT_NONE || out->unusable || out->status >= 300)
        picture_reader_clear(&image->reader); /* nothing is held between two tries */
}

/* ---- what is learned of it ---- */

void image_adapt(struct upstream_call *call, const struct outcome *outcome)
{
    struct image_call *image = container_of(call, struct image_call, call);
    if (outcome->unusable)
        return;
    assert(image->refused_field >= 0);
    image_refuse(image, image_field_names[image->refused_field], CAPABILITY_MS);
}
