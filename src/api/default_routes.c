/* The reply is printed once; only its time is written each time. */
#include "api/default_routes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "model/default_personas.h"

enum { DEFAULT_REPLY_BYTES_MAX = 64 * 1024 };

/* The reply without its brace and processing time, the same for ever: printed once. */
static struct buffer default_reply;

static void print_default_reply(void)
{
    cJSON *personas = json_new_array();
    for (size_t i = 0; i < DEFAULT_PERSONA_COUNT; i++)
        json_append(personas, key_figure_json(&default_personas[i]));

    cJSON *body = json_new_object();
    json_add_string(body, "title", default_title);
    json_add_string(body, "student_role", default_student_role);
    json_add(body, "key_figures", cJSON_Duplicate(personas, true));
    json_add(body, "personas", personas);
    buffer_init(&default_reply, DEFAULT_REPLY_BYTES_MAX);
    const enum err err = json_print(body, &default_reply);
    assert(err == OK);
    (void)err;
    cJSON_Delete(body);
}

void handle_default_personas(struct request *request)
{
    if (!default_reply.data)
        print_default_reply();
    char head[80];
    const int head_length =
        snprintf(head, sizeof(head), "{\"status\":\"instant_fallback\",\"processing_time\":%.6f,",
                 request_seconds(request));
    const size_t tail_length = default_reply.length - 1; /* without its opening brace */
    char *body = malloc((size_t)head_length + tail_length);
    if (!body)
        abort();
    memcpy(body, head, (size_t)head_length);
    memcpy(body + head_length, default_reply.data + 1, tail_length);
    request_reply_json(request, 200, body, (size_t)head_length + tail_length);
}
