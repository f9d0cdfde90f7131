/*
 * images.h, from the prompt to the file: a real loop, gate, HTTP client and store, and a server
 * that answers from a script. After each test: all of the script was asked for and no more, nobody
 * is at the gate, nothing half-written is in the store, and neither the key nor a picture's URL is
 * in an error.
 */
#include "upstream/images.h"
#include "upstream/images_parts.h"

#include <curl/curl.h>
#include <dirent.h>
#include <math.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/log.h"

#define KEY      "sk-very-secret-0123456789"
#define SECRET   "sig=0123456789abcdef" /* of a picture's URL */
#define PNG      "\x89PNG\r\n\x1a\n"
#define HOUR_MS  (60 * 60 * 1000)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { ANSWERS_MAX = 16, REQUEST_MAX = 1 << 20, QUOTA = 64 << 20 };

struct answer {
    const char *bytes; /* NULL: none, ever */
    size_t length;
    bool owned;
};

static struct {
    struct loop loop;
    struct upstream upstream;
    struct image_store store;
    struct prices prices;
    struct images images;
    struct images_settings settings;
    struct image_call image;
    char directory[64], base_url[64];
    size_t unfinished;
    /* the server */
    uv_tcp_t listener;
    struct answer answers[ANSWERS_MAX];
    size_t answer_count;
    struct buffer requests[ANSWERS_MAX]; /* that came, each whole */
    size_t request_count;
    unsigned port;
} world;

/* ---- the server ---- */

struct peer {
    uv_tcp_t tcp;
    struct buffer in;
    uv_write_t write;
};

static void on_peer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;
    buffer_clear(&peer->in);
    free(peer);
}

static void peer_close(struct peer *peer)
{
    if (!uv_is_closing((uv_handle_t *)&peer->tcp))
        uv_close((uv_handle_t *)&peer->tcp, on_peer_closed);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    peer_close(container_of(write, struct peer, write));
}

static void peer_answer(struct peer *peer)
{
    assert_true(world.request_count < world.answer_count);
    const struct answer *answer = &world.answers[world.request_count];
    world.requests[world.request_count++] = peer->in;
    memset(&peer->in, 0, sizeof(peer->in));
    if (!answer->bytes)
        return; /* until its client has enough */
    const uv_buf_t bytes = uv_buf_init((char *)answer->bytes, (unsigned)answer->length);
    assert_int_equal(uv_write(&peer->write, (uv_stream_t *)&peer->tcp, &bytes, 1, on_written), 0);
}

static bool is_whole(const struct buffer *in)
{
    const char *end = in->length > 0 ? strstr(in->data, "\r\n\r\n") : NULL;
    const char *length = end ? strcasestr(in->data, "Content-Length:") : NULL;
    const size_t body = length && length < end ? strtoul(length + 15, NULL, 10) : 0;
    return end && in->length >= (size_t)(end + 4 - in->data) + body;
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *bytes)
{
    struct peer *peer = stream->data;
    if (length < 0) {
        peer_close(peer);
    } else if (length > 0) {
        assert_int_equal(buffer_append(&peer->in, bytes->base, (size_t)length), OK);
        if (is_whole(&peer->in))
            peer_answer(peer);
    }
}

static void on_room_wanted(uv_handle_t *handle, size_t wanted, uv_buf_t *out)
{
    (void)handle, (void)wanted;
    static char room[65536];
    *out = uv_buf_init(room, sizeof(room));
}

static void on_connection(uv_stream_t *listener, int status)
{
    assert_int_equal(status, 0);
    struct peer *peer = calloc(1, sizeof(*peer));
    assert_non_null(peer);
    buffer_init(&peer->in, REQUEST_MAX);
    assert_int_equal(uv_tcp_init(&world.loop.uv, &peer->tcp), 0);
    peer->tcp.data = peer;
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&peer->tcp), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)&peer->tcp, on_room_wanted, on_read), 0);
}

static void server_open(void)
{
    struct sockaddr_in address;
    int length = sizeof(address);
    uv_ip4_addr("127.0.0.1", 0, &address);
    assert_int_equal(uv_tcp_init(&world.loop.uv, &world.listener), 0);
    assert_int_equal(uv_tcp_bind(&world.listener, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&world.listener, 16, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&world.listener, (struct sockaddr *)&address, &length), 0);
    world.port = ntohs(address.sin_port);
    snprintf(world.base_url, sizeof(world.base_url), "http://127.0.0.1:%u/v1", world.port);
}

/* ---- the script ---- */

static void will_send(const char *bytes, size_t length, bool owned)
{
    assert_true(world.answer_count < ANSWERS_MAX);
    world.answers[world.answer_count++] = (struct answer){bytes, length, owned};
}

/* `announced`: more than there is cuts the answer. */
static void will_say(int status, const char *headers, const char *body, size_t length,
                     size_t announced)
{
    struct buffer out;
    buffer_init(&out, 64 << 20);
    assert_int_equal(buffer_printf(&out,
                                   "HTTP/1.1 %d Word\r\nConnection: close\r\nContent-Length: "
                                   "%zu\r\n%s\r\n",
                                   status, announced, headers),
                     OK);
    assert_int_equal(buffer_append(&out, body, length), OK);
    size_t total;
    char *bytes = buffer_take(&out, &total);
    will_send(bytes, total, true);
}

static void will_answer(int status, const char *body)
{
    will_say(status, "Content-Type: application/json\r\n", body, strlen(body), strlen(body));
}

static void will_refuse(int status, const char *code, const char *param, const char *message)
{
    char body[1000];
    snprintf(body, sizeof(body),
             "{\"error\":{\"message\":\"%s\",\"type\":\"invalid_request_error\",\"param\":%s%s%s,"
             "\"code\":%s%s%s}}",
             message, *param ? "\"" : "", *param ? param : "null", *param ? "\"" : "",
             *code ? "\"" : "", *code ? code : "null", *code ? "\"" : "");
    will_answer(status, body);
}

/* The answer of a GPT model with these bytes as the picture. */
static char *with_picture(const char *bytes, size_t length, const char *usage)
{
    char *text = calloc(1, length / 3 * 4 + 8), *body = NULL;
    EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes, (int)length);
    assert_true(asprintf(&body, "{\"created\":1,\"data\":[{\"b64_json\":\"%s\"}]%s}", text, usage) >
                0);
    free(text);
    return body;
}

#define USAGE                                                                                      \
    ",\"usage\":{\"input_tokens\":100,\"output_tokens\":400,\"total_tokens\":500,"                 \
    "\"input_tokens_details\":{\"text_tokens\":100,\"image_tokens\":0}}"

static void will_draw(const char *bytes)
{
    char *body = with_picture(bytes, strlen(bytes), USAGE);
    will_answer(200, body);
    free(body);
}

static void will_point_to(const char *path)
{
    char body[500];
    snprintf(body, sizeof(body), "{\"data\":[{\"url\":\"http://127.0.0.1:%u%s\"}]}", world.port,
             path);
    will_answer(200, body);
}

static void will_deliver(int status, const char *type, const char *bytes)
{
    char headers[100];
    snprintf(headers, sizeof(headers), "Content-Type: %s\r\n", type);
    will_say(status, headers, bytes, strlen(bytes), strlen(bytes));
}

static void will_redirect(const char *location)
{
    char headers[200];
    snprintf(headers, sizeof(headers), "Location: %s\r\n", location);
    will_say(302, headers, "", 0, 0);
}

static void forget_script(void)
{
    for (size_t i = 0; i < ANSWERS_MAX; i++) {
        buffer_clear(&world.requests[i]);
        if (world.answers[i].owned)
            free((char *)world.answers[i].bytes);
    }
    memset(world.answers, 0, sizeof(world.answers));
    memset(world.requests, 0, sizeof(world.requests));
    world.request_count = world.answer_count = 0;
}

/* The line of the n-th request. */
static const char *request_line(size_t index)
{
    static char line[256];
    assert_true(index < world.request_count);
    snprintf(line, sizeof(line), "%.*s", (int)strcspn(world.requests[index].data, "\r"),
             world.requests[index].data);
    return line;
}

static bool has_header(size_t index, const char *line)
{
    return strstr(world.requests[index].data, line) != NULL;
}

/* A member of its body, as text; "": it is not there. */
static const char *sent(size_t index, const char *name)
{
    static char values[4][256];
    static size_t next;
    char *out = values[next++ % 4];
    assert_true(index < world.request_count);
    const struct buffer *request = &world.requests[index];
    const char *body = strstr(request->data, "\r\n\r\n") + 4;
    cJSON *root;
    assert_int_equal(
        json_parse(body, request->length - (size_t)(body - request->data), NULL, &root), OK);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, name);
    snprintf(out, sizeof(values[0]), "%s", cJSON_IsString(item) ? item->valuestring : "");
    if (cJSON_IsNumber(item))
        snprintf(out, sizeof(values[0]), "%g", item->valuedouble);
    cJSON_Delete(root);
    return out;
}

/* ---- the world ---- */

static void open_images(const char *models)
{
    struct error error = {0};
    world.settings.models = models;
    assert_int_equal(
        images_init(&world.images, &world.upstream, &world.store, &world.settings, &error), OK);
}

static int begin(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    assert_int_equal(loop_init(&world.loop), OK);
    server_open();
    strcpy(world.directory, "/tmp/images-test-XXXXXX");
    assert_non_null(mkdtemp(world.directory));
    struct error error = {0};
    assert_int_equal(image_store_init(&world.store, &world.loop, world.directory, QUOTA, &error),
                     OK);
    assert_int_equal(
        prices_init(&world.prices, "gpt-image-2=5/30, dear=50/300, each=0.04/picture", &error), OK);
    world.upstream = (struct upstream){
        .name = "images",
        .client = http_client_new(&world.loop,
                                  &(struct http_client_settings){.connections_max = 8,
                                                                 .user_agent = "test",
                                                                 .resolve_ttl_ms = 60000,
                                                                 .idle_connection_ms = 50000}),
        .base_url = world.base_url,
        .key = KEY,
        .key_setting = "IMAGE_API_KEY",
    };
    gate_init(&world.upstream.gate, &world.loop, "images",
              &(struct gate_settings){.places = 2,
                                      .failures_min = GATE_REPORTS_MAX,
                                      .failure_share = 0.5,
                                      .window_ms = 60000,
                                      .open_ms = 30000,
                                      .fatal_ms = 60000});
    world.settings = (struct images_settings){
        .size = "1536x1024", .quality = "low", .total_ms = 60000, .prices = &world.prices};
    open_images("gpt-image-2");
    return 0;
}

static bool is_temp_left(void)
{
    bool found = false;
    DIR *directory = opendir(world.directory);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));)
        found |= strstr(entry->d_name, ".tmp") != NULL;
    closedir(directory);
    return found;
}

static int end(void **state)
{
    (void)state;
    image_call_clear(&world.image);
    assert_int_equal(world.request_count, world.answer_count);
    assert_int_equal(world.upstream.gate.taken, 0);
    assert_int_equal(world.upstream.gate.waiting, 0);
    assert_false(is_temp_left());
    images_clear(&world.images);
    gate_clear(&world.upstream.gate);
    http_client_free((struct http_client *)world.upstream.client);
    image_store_clear(&world.store);
    prices_clear(&world.prices);
    uv_close((uv_handle_t *)&world.listener, NULL);
    loop_run(&world.loop); /* connections that were left hanging end with their clients */
    loop_clear(&world.loop);
    forget_script();
    char command[100];
    snprintf(command, sizeof(command), "rm -r '%s'", world.directory);
    assert_int_equal(system(command), 0);
    return 0;
}

static void on_finish(struct op *op, void *context)
{
    (void)op, (void)context;
    assert_int_equal(world.unfinished, 1);
    world.unfinished = 0;
    loop_stop(&world.loop);
}

static void start(const char *prompt, const char *plain)
{
    image_call_clear(&world.image);
    world.unfinished = 1;
    image_call_start(&world.image, root(&world.loop, on_finish, NULL), &world.images,
                     &(struct image_request){.prompt = prompt, .plain_prompt = plain},
                     &(struct gate_rank){0}, loop_now_ms(&world.loop) + HOUR_MS);
    world.image.op.log_id = "req-7";
    assert_false(op_finished(&world.image.op));
}

static enum err finish(void)
{
    if (world.unfinished > 0)
        loop_run(&world.loop);
    assert_true(op_finished(&world.image.op));
    const struct error *error = op_error(&world.image.op);
    assert_null(strstr(error->detail, KEY));
    assert_null(strstr(error->detail, SECRET));
    assert_null(strstr(error->detail, "127.0.0.1"));
    assert_null(world.image.reader.picture.data); /* nothing large outlives the work */
    assert_null(world.image.download.http.body.data);
    return error->code;
}

static enum err draw(const char *prompt, const char *plain)
{
    start(prompt, plain);
    return finish();
}

/* The picture that the call left is that. */
static void check_saved(const char *bytes)
{
    struct image_file file;
    char content[256];
    assert_int_equal(image_store_open(&world.store, world.image.name, &file), OK);
    assert_int_equal(file.size, strlen(bytes));
    assert_int_equal(read(file.fd, content, sizeof(content)), (ssize_t)strlen(bytes));
    assert_memory_equal(content, bytes, strlen(bytes));
    close(file.fd);
}

static bool is_near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

/* ---- what is asked and answered ---- */

static void a_picture_is_made_and_saved(void **state)
{
    (void)state;
    will_draw(PNG "a room");
    assert_int_equal(draw("A \"room\"\nwith a view", NULL), OK);
    assert_string_equal(request_line(0), "POST /v1/images/generations HTTP/1.1");
    assert_true(has_header(0, "Authorization: Bearer " KEY "\r\n"));
    assert_true(has_header(0, "X-Client-Request-Id: req-7:image:1\r\n"));
    assert_true(has_header(0, "Content-Type: application/json\r\n"));
    assert_string_equal(sent(0, "model"), "gpt-image-2");
    assert_string_equal(sent(0, "prompt"), "A \"room\"\nwith a view");
    assert_string_equal(sent(0, "n"), "1");
    assert_string_equal(sent(0, "size"), "1536x1024");
    assert_string_equal(sent(0, "quality"), "low");
    assert_string_equal(sent(0, "output_format"), "webp");
    assert_string_equal(sent(0, "output_compression"), "80");
    assert_string_equal(sent(0, "response_format"), "");
    assert_string_equal(sent(0, "style"), "");
    check_saved(PNG "a room");
    assert_string_equal(world.image.model, "gpt-image-2");
    assert_string_equal(world.image.prompt, "A \"room\"\nwith a view");
    assert_int_equal(world.image.usage.prompt, 100);
    assert_int_equal(world.image.usage.completion, 400);
    assert_false(world.image.usage.estimated);
    assert_true(is_near(world.image.cost_usd, (100 * 5 + 400 * 30) / 1e6));

    will_draw(PNG "another");
    assert_int_equal(draw("Another", NULL), OK);
    assert_true(has_header(1, "X-Client-Request-Id: req-7:image:2\r\n"));

    images_clear(&world.images);
    open_images("nobody-told-its-price");
    will_draw(PNG "a third");
    assert_int_equal(draw("A third", NULL), OK);
    assert_true(isnan(world.image.cost_usd));
}

static void dalle_has_fields_of_its_own(void **state)
{
    (void)state;
    static const char *const rows[][4] = {
        {"1536x1024", "low", "1792x1024", "standard"},
        {"1024x1536", "high", "1024x1792", "hd"},
        {"1024x1024", "auto", "1024x1024", "standard"},
        {"auto", "medium", "1792x1024", "standard"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        images_clear(&world.images);
        world.settings.size = rows[i][0];
        world.settings.quality = rows[i][1];
        open_images("dall-e-3");
        char *body = with_picture("\xff\xd8\xff!", 4, "");
        will_answer(200, body);
        free(body);
        assert_int_equal(draw("A room", NULL), OK);
        assert_string_equal(sent(i, "size"), rows[i][2]);
        assert_string_equal(sent(i, "quality"), rows[i][3]);
        assert_string_equal(sent(i, "response_format"), "b64_json");
        assert_string_equal(sent(i, "output_format"), "");
        assert_string_equal(sent(i, "output_compression"), "");
        check_saved("\xff\xd8\xff!");
        assert_true(world.image.usage.estimated);
        assert_true(is_near(world.image.cost_usd, 0.08)); /* by the picture: it counts no tokens */
        assert_true(is_near(images_estimate_usd(&world.images), 0.08));
    }
}

static size_t prompt_bytes_sent(size_t index)
{
    const char *body = strstr(world.requests[index].data, "\r\n\r\n") + 4;
    cJSON *root = cJSON_Parse(body);
    const size_t length = strlen(json_string(root, "prompt", ""));
    cJSON_Delete(root);
    return length;
}

static void long_prompts_are_cut_at_a_character(void **state)
{
    (void)state;
    enum { CHARACTERS = 32100 };
    char *prompt = calloc(1, 2 * CHARACTERS + 1);
    for (size_t i = 0; i < CHARACTERS; i++)
        memcpy(prompt + 2 * i, "\xc3\xa9", 2);
    will_draw(PNG);
    assert_int_equal(draw(prompt, NULL), OK);
    assert_int_equal(prompt_bytes_sent(0), 64000);
    images_clear(&world.images);
    open_images("dall-e-3");
    will_draw(PNG);
    assert_int_equal(draw(prompt, NULL), OK);
    assert_int_equal(prompt_bytes_sent(1), 8000);
    image_call_clear(&world.image);
    memset(&world.image, 0, sizeof(world.image));
    free(prompt);
}

/* ---- what is learned ---- */

static void refused_fields_are_left_out_from_then_on(void **state)
{
    (void)state;
    will_refuse(400, "unknown_parameter", "output_compression", "Unknown parameter.");
    will_refuse(400, "", "", "There is no 'quality' with a model of this size.");
    will_draw(PNG);
    assert_int_equal(draw("A room", NULL), OK);
    assert_string_equal(sent(1, "output_compression"), "");
    assert_string_equal(sent(1, "quality"), "low");
    assert_string_equal(sent(2, "quality"), "");
    assert_string_equal(sent(2, "size"), "1536x1024");
    assert_true(is_near(world.image.cost_usd, (100 * 5 + 400 * 30) / 1e6)); /* of one */

    will_draw(PNG);
    assert_int_equal(draw("A room", NULL), OK);
    assert_string_equal(sent(3, "output_compression"), "");
    assert_string_equal(sent(3, "quality"), "");
    assert_string_equal(sent(3, "output_format"), "webp");
}

static void a_format_that_is_refused_takes_its_compression_along(void **state)
{
    (void)state;
    will_refuse(400, "unknown_parameter", "output_format", "Unknown parameter.");
    will_draw(PNG);
    assert_int_equal(draw("A room", NULL), OK);
    assert_string_equal(sent(1, "output_format"), "");
    assert_string_equal(sent(1, "output_compression"), "");
}

static void not_more_than_three_fields_are_left_out(void **state)
{
    (void)state;
    static const char *const fields[] = {"n", "size", "quality", "output_format"};
    for (size_t i = 0; i < COUNT(fields); i++)
        will_refuse(400, "unknown_parameter", fields[i], "Unknown parameter.");
    assert_int_equal(draw("A room", NULL), ERR_UPSTREAM_REQUEST);
    assert_true(world.image.cost_usd == 0);

    will_refuse(400, "invalid_value", "prompt", "The size and quality of it.");
    assert_int_equal(draw("A room", NULL), ERR_UPSTREAM_REQUEST);
}

static void the_next_model_is_asked(void **state)
{
    (void)state;
    images_clear(&world.images);
    open_images(" gone-1,gone-2 , gpt-image-2,dear");
    will_refuse(404, "model_not_found", "model", "No such model.");
    will_refuse(404, "", "", "The model `gone-2` does not exist");
    will_draw(PNG);
    assert_int_equal(draw("A room", NULL), OK);
    assert_string_equal(sent(1, "model"), "gone-2");
    assert_string_equal(sent(2, "model"), "gpt-image-2");
    assert_string_equal(world.image.model, "gpt-image-2");

    will_draw(PNG);
    assert_int_equal(draw("A room", NULL), OK);
    assert_string_equal(sent(3, "model"), "gpt-image-2"); /* at once */

    images_clear(&world.images);
    open_images("gone");
    will_refuse(404, "model_not_found", "model", "No such model.");
    assert_int_equal(draw("A room", NULL), ERR_UPSTREAM_REQUEST);
    assert_int_equal(world.images.off_until_ms, 0);
    will_draw(PNG); /* there is no other to ask */
    assert_int_equal(draw("A room", NULL), OK);
}

static void a_server_without_pictures_is_left_alone(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
    } rows[] = {{404, "404 page not found"},
                {404, "{\"detail\":\"Not Found\"}"},
                {501, "{\"error\":{\"message\":\"not implemented\",\"code\":501}}"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        will_answer(rows[i].status, rows[i].body);
        assert_int_equal(draw("A room", "Plain"), ERR_UNAVAILABLE);
        const uint64_t off_ms = world.images.off_until_ms - loop_now_ms(&world.loop);
        assert_in_range(off_ms, 1, 10 * 60 * 1000);
        assert_true(off_ms > 9 * 60 * 1000);
        assert_int_equal(draw("A room", "Plain"), ERR_UNAVAILABLE); /* without a request */
        assert_int_equal(world.request_count, world.answer_count);
        world.images.off_until_ms = loop_now_ms(&world.loop); /* as if they were over */
    }
    will_draw(PNG);
    assert_int_equal(draw("A room", NULL), OK);
}

/* ---- policy and money ---- */

static void a_refused_prompt_is_made_plain(void **state)
{
    (void)state;
    static const char *const codes[] = {"moderation_blocked", "content_policy_violation",
                                        "content_filter", "image_generation_user_error"};
    for (size_t i = 0; i < COUNT(codes); i++) {
        will_refuse(400, codes[i], "", "Rejected.");
        will_draw(PNG);
        assert_int_equal(draw("Ms Reyes at the Acme plant", "A woman at a plant"), OK);
        assert_string_equal(sent(2 * i, "prompt"), "Ms Reyes at the Acme plant");
        assert_string_equal(sent(2 * i + 1, "prompt"), "A woman at a plant");
        assert_string_equal(world.image.prompt, "A woman at a plant");
    }
    assert_true(has_header(7, "X-Client-Request-Id: req-7:image:8\r\n"));
}

static void what_is_refused_twice_is_refused(void **state)
{
    (void)state;
    will_refuse(400, "moderation_blocked", "", "Rejected.");
    will_refuse(400, "moderation_blocked", "", "Rejected.");
    assert_int_equal(draw("Loud", "Plain"), ERR_REFUSED);
    will_refuse(400, "moderation_blocked", "", "Rejected.");
    assert_int_equal(draw("Loud", NULL), ERR_REFUSED);
    will_refuse(400, "moderation_blocked", "", "Rejected.");
    assert_int_equal(draw("Same", "Same"), ERR_REFUSED);
    assert_true(world.image.cost_usd == 0);
    assert_int_equal(world.image.usage.completion, 0);
}

static void an_error_may_come_with_status_200(void **state)
{
    (void)state;
    will_answer(200, "{\"error\":{\"message\":\"Rejected.\",\"type\":\"image_generation_user_error"
                     "\",\"param\":null,\"code\":\"moderation_blocked\"}}");
    will_answer(200, "{\"error\":{\"message\":\"No.\",\"type\":\"invalid_request_error\","
                     "\"param\":\"quality\",\"code\":\"unsupported_value\"}}");
    will_draw(PNG);
    assert_int_equal(draw("Loud", "Plain"), OK);
    assert_string_equal(sent(1, "prompt"), "Plain");
    assert_string_equal(sent(2, "quality"), "");
    assert_false(world.image.usage.estimated);
}

static void money_opens_the_breaker(void **state)
{
    (void)state;
    will_refuse(400, "billing_hard_limit_reached", "", "Billing hard limit has been reached");
    assert_int_equal(draw("A room", "Plain"), ERR_QUOTA);
    assert_int_equal(gate_state_now(&world.upstream.gate), GATE_OPEN);
    assert_int_equal(draw("A room", "Plain"), ERR_BREAKER_OPEN);
}

/* ---- bad answers ---- */

static void what_cannot_be_used_is_asked_for_once_more(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{\"data\":",
        "<html>busy</html>",
        "{}",
        "{\"data\":[]}",
        "{\"data\":[{\"b64_json\":null}]}",
        "{\"data\":[{\"b64_json\":\"!!!! this is not base64 ????\"}]}",
        "{\"data\":[{\"b64_json\":\"PGh0bWw+\"}]}", /* "<html>" */
        "{\"data\":[{\"url\":\"data:image/png;base64,iVBORw0KGgo=\"}]}",
        "{\"data\":[{\"url\":\"file:///etc/passwd\"}]}",
        "{\"data\":[{\"url\":\"/img/1.png\"}]}",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        world.upstream.budget = (struct retry_budget){0};
        will_answer(200, bad[i]);
        will_answer(200, bad[i]);
        assert_int_equal(draw("A room", "Plain"), ERR_UPSTREAM);
        assert_int_equal(world.request_count, 2);
        assert_true(world.image.usage.estimated);
        assert_int_equal(world.image.usage.completion, 2 * 408);
        forget_script();
    }
    world.upstream.budget = (struct retry_budget){0};
    will_answer(200, bad[0]);
    will_draw(PNG);
    assert_int_equal(draw("A room", NULL), OK);
    assert_int_equal(world.image.usage.completion, 408 + 400);
}

static void what_is_too_large_is_not_asked_for_again(void **state)
{
    (void)state;
    char *bytes = calloc(1, IMAGE_BYTES_MAX + 1);
    memcpy(bytes, PNG, 8);
    char *body = with_picture(bytes, IMAGE_BYTES_MAX + 1, "");
    will_answer(200, body);
    free(body);
    assert_int_equal(draw("A room", NULL), ERR_UPSTREAM);

    body = with_picture(bytes, IMAGE_BYTES_MAX, "");
    will_answer(200, body);
    free(body);
    free(bytes);
    assert_int_equal(draw("A room", NULL), OK);
    struct image_file file;
    assert_int_equal(image_store_open(&world.store, world.image.name, &file), OK);
    assert_int_equal(file.size, IMAGE_BYTES_MAX);
    close(file.fd);

    will_say(200, "", "{", 1, (size_t)IMAGE_RESPONSE_MAX + 1); /* announced */
    assert_int_equal(draw("A room", NULL), ERR_UPSTREAM);
}

static void a_whole_answer_counts_though_the_connection_breaks(void **state)
{
    (void)state;
    char *body = with_picture(PNG, 8, USAGE);
    will_say(200, "", body, strlen(body), strlen(body) + 10);
    assert_int_equal(draw("A room", NULL), OK);
    check_saved(PNG);

    will_say(200, "", body, strlen(body) - 10, strlen(body)); /* half of one does not */
    will_answer(200, body);
    free(body);
    assert_int_equal(draw("A room", NULL), OK);
    assert_true(world.image.usage.estimated); /* the first may be billed */
    assert_int_equal(world.image.usage.completion, 408 + 400);
}

static void after_a_time_out_there_is_one_more_try(void **state)
{
    (void)state;
    images_clear(&world.images);
    world.settings.total_ms = 300; /* plenty for the request to arrive */
    open_images("gpt-image-2");
    will_send(NULL, 0, false);
    will_send(NULL, 0, false);
    assert_int_equal(draw("A room", "Plain"), ERR_UPSTREAM);
    assert_true(world.image.usage.estimated);
    assert_int_equal(world.image.usage.completion, 2 * 408);
}

/* ---- pictures behind URLs ---- */

#define PATH "/img/1.png?" SECRET

static void a_picture_behind_a_url_is_fetched(void **state)
{
    (void)state;
    will_point_to(PATH);
    will_deliver(200, "text/html", PNG "fetched"); /* its bytes say what it is */
    assert_int_equal(draw("A room", NULL), OK);
    check_saved(PNG "fetched");
    assert_string_equal(request_line(1), "GET " PATH " HTTP/1.1");
    assert_false(has_header(1, "Authorization")); /* that is nobody's key but the service's */
    assert_true(world.image.usage.estimated);
}

static void a_download_that_fails_is_tried_once_more(void **state)
{
    (void)state;
    will_point_to(PATH);
    will_deliver(503, "text/plain", "busy");
    will_deliver(200, "image/png", PNG);
    assert_int_equal(draw("A room", NULL), OK);

    will_point_to(PATH);
    will_deliver(403, "application/xml", "<Error><Code>AuthenticationFailed</Code></Error>");
    will_deliver(403, "application/xml", "<Error><Code>AuthenticationFailed</Code></Error>");
    assert_int_equal(draw("A room", "Plain"), ERR_UPSTREAM);
    assert_non_null(strstr(op_error(&world.image.op)->detail, "403"));
    assert_int_equal(world.image.usage.completion, 408); /* made, though of no use */

    will_point_to(PATH);
    will_deliver(200, "image/png", "<html><body>not a picture</body></html>");
    will_deliver(200, "image/png", "");
    assert_int_equal(draw("A room", NULL), ERR_UPSTREAM);
}

static void redirects_lead_to_no_private_place(void **state)
{
    (void)state;
    char there[100];
    will_point_to(PATH);
    snprintf(there, sizeof(there), "http://127.0.0.1:%u/moved", world.port);
    will_redirect(there);
    will_deliver(200, "image/png", PNG);
    assert_int_equal(draw("A room", NULL), OK);

    will_point_to(PATH);
    will_redirect("http://169.254.169.254/latest/meta-data/");
    assert_int_equal(draw("A room", NULL), ERR_UPSTREAM);
    will_point_to(PATH);
    will_redirect("https://10.0.0.1/x");
    assert_int_equal(draw("A room", NULL), ERR_UPSTREAM);
    for (size_t i = 0; i < 2; i++) {
        static const char *const urls[] = {"http://127.0.0.2/x?" SECRET, "https://127.0.0.1/x"};
        char body[200];
        snprintf(body, sizeof(body), "{\"data\":[{\"url\":\"%s\"}]}", urls[i]);
        will_answer(200, body);
        assert_int_equal(draw("A room", NULL), ERR_UPSTREAM);
    }
}

static void a_download_is_not_larger_than_allowed(void **state)
{
    (void)state;
    will_point_to(PATH);
    will_say(200, "", PNG, 8, (size_t)IMAGE_BYTES_MAX + 1);
    assert_int_equal(draw("A room", NULL), ERR_UPSTREAM);
}

static void nobody_waits_at_the_gate_for_a_download(void **state)
{
    (void)state;
    will_point_to(PATH);
    will_send(NULL, 0, false);
    start("A room", NULL);
    while (world.request_count < 2)
        uv_run(&world.loop.uv, UV_RUN_ONCE);
    assert_int_equal(world.upstream.gate.taken, 0);
    op_cancel(&world.image.op);
    assert_int_equal(finish(), ERR_CANCELLED);
}

static char *captured_log(int fd)
{
    log_flush();
    const off_t length = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)length + 1);
    assert_int_equal(pread(fd, text, (size_t)length, 0), length);
    return text;
}

static void secrets_stay_out_of_the_log(void **state)
{
    (void)state;
    char path[] = "/tmp/images-log-XXXXXX";
    const int log = mkstemp(path), before = dup(STDERR_FILENO);
    unlink(path);
    log_init(LOG_DEBUG, LOG_FORMAT_TEXT);
    dup2(log, STDERR_FILENO);
    will_refuse(401, KEY, "", KEY);
    const enum err first = draw("A secret room", NULL);
    world.upstream.gate.state = GATE_CLOSED;
    will_point_to(PATH);
    will_deliver(403, "text/plain", SECRET);
    will_redirect("http://127.0.0.2/" SECRET);
    const enum err second = draw("A secret room", NULL);
    char *text = captured_log(log);
    dup2(before, STDERR_FILENO);
    close(before);
    close(log);
    log_init(LOG_WARN, LOG_FORMAT_TEXT);
    assert_int_equal(first, ERR_UPSTREAM_CONFIG);
    assert_int_equal(second, ERR_UPSTREAM);
    assert_non_null(strstr(text, "image_download"));
    assert_non_null(strstr(text, "fault=\"status 403\""));
    assert_null(strstr(text, KEY));
    assert_null(strstr(text, SECRET));
    assert_null(strstr(text, "secret room"));
    free(text);
}

/* ---- ends before the end ---- */

/* One that goes through all it can: refused, plain, a URL, a redirect, a file. */
static void will_need_everything(void)
{
    will_refuse(400, "moderation_blocked", "", "Rejected.");
    will_point_to(PATH);
    will_redirect("/moved");
    will_deliver(200, "image/png", PNG "at last");
}

static void it_can_be_cancelled_at_any_moment(void **state)
{
    (void)state;
    for (size_t rounds = 0;; rounds++) {
        assert_true(rounds < 10000);
        will_need_everything();
        start("Loud", "Plain");
        for (size_t i = 0; i < rounds && world.unfinished > 0; i++)
            uv_run(&world.loop.uv, UV_RUN_ONCE);
        const bool was_finished = world.unfinished == 0;
        op_cancel(&world.image.op);
        const enum err err = finish();
        assert_int_equal(world.upstream.gate.taken, 0);
        assert_int_equal(world.upstream.gate.waiting, 0);
        assert_false(is_temp_left());
        forget_script();
        if (was_finished) {
            assert_int_equal(err, OK);
            assert_true(rounds > 10);
            return;
        }
        assert_int_equal(err, ERR_CANCELLED);
        assert_string_equal(world.image.name, "");
        image_call_clear(&world.image);
        memset(&world.image, 0, sizeof(world.image));
    }
}

static void a_cancel_while_the_service_works_costs_a_guess(void **state)
{
    (void)state;
    will_send(NULL, 0, false);
    start("A room", NULL);
    while (world.request_count < 1)
        uv_run(&world.loop.uv, UV_RUN_ONCE);
    op_cancel(&world.image.op);
    assert_int_equal(finish(), ERR_CANCELLED);
    assert_true(world.image.usage.estimated);
    assert_int_equal(world.image.usage.completion, 408);
    assert_true(world.image.cost_usd > 0);

    start("A room", NULL);
    op_cancel(&world.image.op); /* before anything was sent */
    assert_int_equal(finish(), ERR_CANCELLED);
    assert_true(world.image.cost_usd == 0);
}

static void a_deadline_ends_it(void **state)
{
    (void)state;
    will_send(NULL, 0, false);
    world.unfinished = 1;
    image_call_start(&world.image, root(&world.loop, on_finish, NULL), &world.images,
                     &(struct image_request){.prompt = "A room"}, &(struct gate_rank){0},
                     loop_now_ms(&world.loop) + 500);
    while (world.request_count < 1 && world.unfinished > 0)
        uv_run(&world.loop.uv, UV_RUN_ONCE);
    assert_int_equal(finish(), ERR_DEADLINE);
}

static void a_full_store_is_said(void **state)
{
    (void)state;
    world.store.bytes_max = 4;
    will_draw(PNG);
    assert_int_equal(draw("A room", NULL), ERR_NO_SPACE);
    assert_int_equal(world.image.usage.completion, 400);
    assert_string_equal(world.image.name, "");
}

/* ---- settings ---- */

static void an_estimate_goes_by_size_and_quality(void **state)
{
    (void)state;
    const double low = images_estimate_usd(&world.images);
    assert_true(low > 408 * 30 / 1e6);
    assert_true(low < 2 * 408 * 30 / 1e6);
    images_clear(&world.images);
    world.settings.quality = "high";
    open_images("gpt-image-2");
    assert_true(images_estimate_usd(&world.images) > 10 * low);
    images_clear(&world.images);
    open_images("nobody-knows,gpt-image-2");
    assert_true(isnan(images_estimate_usd(&world.images)));
}

/* Its tokens are guessed at, its price is not. */
static void a_price_by_picture(void **state)
{
    (void)state;
    images_clear(&world.images);
    open_images("each");
    assert_true(is_near(images_estimate_usd(&world.images), 0.04));
    struct token_usage usage = {0};
    world.image.images = &world.images;
    world.image.prompt = "a workshop";
    image_account(&world.image, NULL, true);
    image_account(&world.image, &usage, true); /* counted by the service, but not priced so */
    image_account(&world.image, NULL, false);  /* refused */
    assert_true(is_near(world.image.cost_usd, 0.08));
    world.image = (struct image_call){0};
}

static void there_has_to_be_a_model(void **state)
{
    (void)state;
    struct images images;
    struct error error = {0};
    struct images_settings settings = world.settings;
    settings.models = " , ";
    assert_int_equal(images_init(&images, &world.upstream, &world.store, &settings, &error),
                     ERR_RANGE);
    image_call_clear(&(struct image_call){0});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

static int begin_all(void **state)
{
    (void)state;
    static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                          "ALL_PROXY"};
    for (size_t i = 0; i < COUNT(proxies); i++)
        unsetenv(proxies[i]);
    signal(SIGPIPE, SIG_IGN);
    log_init(LOG_ERROR, LOG_FORMAT_TEXT);
    work_init_threads();
    http_client_global_init();
    return 0;
}

static int end_all(void **state)
{
    (void)state;
    curl_global_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_picture_is_made_and_saved),
        TEST(dalle_has_fields_of_its_own),
        TEST(long_prompts_are_cut_at_a_character),
        TEST(refused_fields_are_left_out_from_then_on),
        TEST(a_format_that_is_refused_takes_its_compression_along),
        TEST(not_more_than_three_fields_are_left_out),
        TEST(the_next_model_is_asked),
        TEST(a_server_without_pictures_is_left_alone),
        TEST(a_refused_prompt_is_made_plain),
        TEST(what_is_refused_twice_is_refused),
        TEST(an_error_may_come_with_status_200),
        TEST(money_opens_the_breaker),
        TEST(what_cannot_be_used_is_asked_for_once_more),
        TEST(what_is_too_large_is_not_asked_for_again),
        TEST(a_whole_answer_counts_though_the_connection_breaks),
        TEST(after_a_time_out_there_is_one_more_try),
        TEST(a_picture_behind_a_url_is_fetched),
        TEST(a_download_that_fails_is_tried_once_more),
        TEST(redirects_lead_to_no_private_place),
        TEST(a_download_is_not_larger_than_allowed),
        TEST(nobody_waits_at_the_gate_for_a_download),
        TEST(secrets_stay_out_of_the_log),
        TEST(it_can_be_cancelled_at_any_moment),
        TEST(a_cancel_while_the_service_works_costs_a_guess),
        TEST(a_deadline_ends_it),
        TEST(a_full_store_is_said),
        TEST(an_estimate_goes_by_size_and_quality),
        TEST(a_price_by_picture),
        TEST(there_has_to_be_a_model),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}
