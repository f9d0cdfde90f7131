/*
 * What goes over the wire and what comes back, and that a request goes over it once.
 */
#include "io/http_transfer.h"

#include <fcntl.h>
#include <unistd.h>

#include "fake_disk.h"
#include "http_fixture.h"

/* --- what comes back -------------------------------------------------------------------------- */

static void test_get(void **state)
{
    (void)state;
    struct http_call call;
    assert_int_equal(fetch(&call, get("/ok")), HTTP_FAULT_NONE);
    assert_int_equal(call.status, 200);
    assert_string_equal(call.body.data, "hello");
    assert_int_equal(call.body.length, 5);
    assert_string_equal(http_call_header(&call, "X-WORD"), "a: b");
    assert_string_equal(http_call_header(&call, "x-empty"), "");
    assert_null(http_call_header(&call, "X-Wor"));
    assert_false(call.reused);
    assert_true(call.any_byte);
    assert_true(call.connect_seconds > 0);
    assert_true(call.first_byte_seconds >= call.connect_seconds);
    assert_true(call.total_seconds >= call.first_byte_seconds);
    assert_non_null(strstr(server.head.data, "\r\nUser-Agent: personad-test/1\r\n"));
    assert_non_null(strstr(server.head.data, "\r\nAuthorization: Bearer secret-key\r\n"));
    assert_null(strcasestr(server.head.data, "\r\nAccept-Encoding"));
    http_call_clear(&call);
    http_call_clear(&(struct http_call){0});
}

static void test_what_is_passed_in_is_copied(void **state)
{
    (void)state;
    struct http_call call;
    char url[64], value[] = "v";
    snprintf(url, sizeof(url), "%s", at("/ok"));
    struct http_request request = get_url(url);
    request.headers[1] = (struct http_header){"X-Value", value};
    request.headers[2] = (struct http_header){"X-Empty", ""};
    request.header_count = 3;
    start(&call, &request);
    memset(url, 'x', sizeof(url) - 1);
    memset(&request, 0, sizeof(request));
    value[0] = 'w';
    loop_run(&loop);
    assert_int_equal(call.fault, HTTP_FAULT_NONE);
    assert_non_null(strstr(server.head.data, "\r\nX-Value: v\r\nX-Empty:\r\n"));
    http_call_clear(&call);
}

static void test_post(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 1000, 70 * 1000, 3 * 1000 * 1000};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct http_call call;
        char *body = malloc(lengths[i] + 1);
        for (size_t k = 0; k < lengths[i]; k++)
            body[k] = (char)(k * 7);
        assert_int_equal(fetch(&call, post("/echo", body, lengths[i])), HTTP_FAULT_NONE);
        assert_int_equal(call.body.length, lengths[i]);
        assert_memory_equal(call.body.data, body, lengths[i]);
        assert_int_equal(call.body.data[lengths[i]], '\0');
        assert_null(strcasestr(server.head.data, "\r\nExpect"));
        http_call_clear(&call);
        free(body);
    }
    assert_int_equal(server.connections, 1);
}

static void test_shapes_of_a_response(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int status;
        const char *body;
    } rows[] = {
        {"/status/500", 500, "why not"},  {"/status/429", 429, "why not"},
        {"/status/204", 204, ""},         {"/status/302", 302, "why not"},
        {"/chunked", 200, "hello world"}, {"/drip/30", 200, "abcdefghijklmnopqrstuvwxyzabcd"},
        {"/until-closed", 200, "hello"},  {"/length/0", 200, ""},
        {"/and-close", 200, "hello"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_call call;
        if (strcmp(rows[i].path, "/status/204") == 0)
            continue; /* a 204 has no body, and this server sends one */
        assert_int_equal(fetch(&call, get(rows[i].path)), HTTP_FAULT_NONE);
        assert_int_equal(call.status, rows[i].status);
        assert_string_equal(call.body.data, rows[i].body);
        http_call_clear(&call);
    }
}

static void test_limits(void **state)
{
    (void)state;
    static const char *const paths[] = {"/length/8000", "/chunk-much/500"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct http_call call;
        struct http_request request = get(paths[i]);
        request.limits.body_max = 8000;
        assert_int_equal(fetch(&call, request), HTTP_FAULT_NONE);
        assert_int_equal(call.body.length, 8000);
        http_call_clear(&call);
        request.limits.body_max = 7999;
        assert_int_equal(fetch(&call, request), HTTP_FAULT_TOO_LARGE);
        assert_int_equal(call.status, 200);
        assert_true(call.body.length <= 7999);
        http_call_clear(&call);
        request.limits.body_max = 0;
        assert_int_equal(fault_of(request), HTTP_FAULT_TOO_LARGE);
    }
    struct http_call call;
    assert_int_equal(fetch(&call, get("/headers/100x10")), HTTP_FAULT_NONE);
    assert_int_equal(call.response_header_count, HTTP_CALL_KEPT_HEADERS);
    assert_non_null(http_call_header(&call, "X-62"));
    assert_null(http_call_header(&call, "X-63")); /* Content-Length was the first */
    assert_string_equal(call.body.data, "hello");
    http_call_clear(&call);
    assert_int_equal(fetch(&call, get("/length/5000000")), HTTP_FAULT_NONE);
    assert_int_equal(call.body.length, 5000000);
    http_call_clear(&call);
}

/* Of what is no answer the beginning is enough, however much may come. */
static void test_errors_are_cut(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t kept;
    } rows[] = {
        {"/status/500x65535", 65535},  {"/status/500x65536", 65536},
        {"/status/429x65537", 65536},  {"/status/404x5000000", 65536},
        {"/status/302x100000", 65536}, {"/status/201x100000", 100000},
    };
    static_assert(HTTP_CALL_ERROR_BYTES == 65536, "as in the rows");
    struct http_call call;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(fetch(&call, get(rows[i].path)), HTTP_FAULT_NONE);
        assert_int_equal(call.body.length, rows[i].kept);
        assert_int_equal(strlen(call.body.data), rows[i].kept);
        assert_memory_equal(call.body.data, "abcdefghij", 10);
        http_call_clear(&call);
    }
    struct http_request request = get("/status/500x100001");
    request.limits.body_max = 100000;
    assert_int_equal(fault_of(request), HTTP_FAULT_TOO_LARGE);
    request = get("/status/500x1000");
    request.limits.body_max = 999;
    assert_int_equal(fault_of(request), HTTP_FAULT_TOO_LARGE);
}

/* --- bodies as they come ---------------------------------------------------------------------- */

struct stream {
    struct buffer bytes;
    size_t pieces;
    size_t refuse_at, cancel_at; /* which piece; 0: none */
};

static bool on_data(struct op *op, const char *bytes, size_t length, void *context)
{
    struct stream *stream = context;
    assert_int_equal(buffer_append(&stream->bytes, bytes, length), OK);
    assert_int_equal(op_cast(op, http_call)->status == 0, true); /* known at the end only */
    stream->pieces++;
    if (stream->pieces == stream->cancel_at)
        op_cancel(op);
    return stream->pieces != stream->refuse_at;
}

static struct http_request streamed(const char *path, struct stream *stream)
{
    memset(stream, 0, sizeof(*stream));
    buffer_init(&stream->bytes, 1 << 20);
    struct http_request request = get(path);
    request.on_data = on_data;
    request.context = stream;
    return request;
}

static void test_stream(void **state)
{
    (void)state;
    struct stream stream;
    struct http_call call;
    assert_int_equal(fetch(&call, streamed("/drip/26", &stream)), HTTP_FAULT_NONE);
    assert_string_equal(stream.bytes.data, "abcdefghijklmnopqrstuvwxyz");
    assert_int_equal(stream.pieces, 26);
    assert_int_equal(call.body.length, 0);
    assert_string_equal(call.body.data, "");
    http_call_clear(&call);
    buffer_clear(&stream.bytes);

    assert_int_equal(fetch(&call, streamed("/status/429", &stream)), HTTP_FAULT_NONE);
    assert_int_equal(stream.pieces, 0);
    assert_string_equal(call.body.data, "why not");
    http_call_clear(&call);

    struct http_request request = streamed("/drip/26", &stream);
    request.limits.body_max = 10;
    assert_int_equal(fetch(&call, request), HTTP_FAULT_TOO_LARGE);
    assert_int_equal(stream.bytes.length, 10);
    http_call_clear(&call);
    buffer_clear(&stream.bytes);
}

static void test_stream_refused(void **state)
{
    (void)state;
    for (size_t at_piece = 1; at_piece <= 5; at_piece++) {
        struct stream stream;
        struct http_request request = streamed("/drip/5", &stream);
        stream.refuse_at = at_piece;
        assert_int_equal(fault_of(request), HTTP_FAULT_REFUSED);
        assert_int_equal(stream.pieces, at_piece);
        buffer_clear(&stream.bytes);
    }
}

static void test_stream_cancelled_from_within(void **state)
{
    (void)state;
    for (size_t at_piece = 1; at_piece <= 5; at_piece++) {
        struct stream stream;
        struct http_call call;
        struct http_request request = streamed("/drip/5", &stream);
        stream.cancel_at = at_piece;
        start(&call, &request);
        loop_run(&loop);
        assert_int_equal(op_error(&call.op)->code, ERR_CANCELLED);
        assert_int_equal(stream.pieces, at_piece);
        http_call_clear(&call);
        buffer_clear(&stream.bytes);
    }
    assert_int_equal(fault_of(get("/ok")), HTTP_FAULT_NONE);
}

/* --- a request goes out once ------------------------------------------------------------------ */

/* On a connection that was kept, which it would send again on another: with one of them, and with
 * several to choose from. What the server has received may have been processed, so it is no stale
 * connection's fault. */
static void test_is_sent_once(void **state)
{
    (void)state;
    static char large[300 * 1000];
    memset(large, 'x', sizeof(large));
    struct spool_file *file = spool_bytes(FILE_BYTES);
    const struct http_part parts[] = {{.name = "language", .bytes = "en", .length = 2},
                                      {.name = "file", .filename = "a.pdf", .file = file}};
    static const char *const ends[] = {"/fin", "/rst", "/half-a-line"};
    static const size_t body_bytes[5] = {0, 10, sizeof(large), 0, 0};
    for (size_t round = 0; round < 3 * 5 * 2; round++) {
        const char *path = ends[round % 3];
        const size_t body = round / 3 % 5, kept = round < 15 ? 1 : 4;
        struct http_call calls[4];
        fetch_together(calls, kept, "/barrier");
        const size_t connections = server.connections, requests = server.requests;

        struct http_request request = post(path, large, body_bytes[body]);
        if (body == 3)
            request = upload(path, parts, 2);
        if (body == 4)
            request = get(path);
        assert_int_equal(fetch(&calls[0], request), HTTP_FAULT_RESET);
        assert_true(calls[0].reused);
        assert_false(calls[0].any_byte);
        assert_int_equal(calls[0].status, 0);
        http_call_clear(&calls[0]);
        assert_int_equal(server.requests, requests + 1);
        assert_int_equal(server.connections, connections);

        request.fresh_connection = true;
        assert_int_equal(fault_of(request), HTTP_FAULT_RESET);
        assert_int_equal(server.requests, requests + 2);
        assert_int_equal(server.connections, connections + 1);
    }
    spool_file_free(file);
}

/* --- multipart -------------------------------------------------------------------------------- */

static void expect_part(struct buffer *out, const char *boundary, const struct http_part *part)
{
    assert_int_equal(buffer_printf(out, "--%s\r\nContent-Disposition: form-data; name=\"%s\"",
                                   boundary, part->name),
                     OK);
    if (part->filename)
        assert_int_equal(buffer_printf(out, "; filename=\"%s\"", part->filename), OK);
    if (part->content_type)
        assert_int_equal(buffer_printf(out, "\r\nContent-Type: %s", part->content_type), OK);
    assert_int_equal(buffer_puts(out, "\r\n\r\n"), OK);
    if (part->file) {
        char *end = buffer_reserve(out, part->file->size);
        for (size_t done = 0; done < part->file->size;)
            done += (size_t)spool_file_read(part->file, done, end + done, part->file->size - done);
        out->length += part->file->size;
        out->data[out->length] = '\0';
    } else {
        assert_int_equal(buffer_append(out, part->bytes, part->length), OK);
    }
    assert_int_equal(buffer_puts(out, "\r\n"), OK);
}

static void expect_upload(const struct http_part *parts, size_t count)
{
    char boundary[128] = "";
    const char *type = strstr(server.head.data, "Content-Type: multipart/form-data; boundary=");
    assert_non_null(type);
    assert_int_equal(sscanf(type + 44, "%127[^\r]", boundary), 1);
    assert_null(strcasestr(server.head.data, "\r\nTransfer-Encoding"));
    struct buffer expected;
    buffer_init(&expected, PEER_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        expect_part(&expected, boundary, &parts[i]);
    assert_int_equal(buffer_printf(&expected, "--%s--\r\n", boundary), OK);
    assert_int_equal(server.body.length, expected.length);
    assert_memory_equal(server.body.data, expected.data, expected.length);
    buffer_clear(&expected);
}

static void test_multipart(void **state)
{
    (void)state;
    struct spool_file *large = spool_bytes(FILE_BYTES), *small = spool_bytes(1000),
                      *empty = spool_bytes(0);
    assert_true(large->on_disk);
    assert_false(small->on_disk);
    const struct http_part parts[] = {
        {.name = "language", .bytes = "en", .length = 2},
        {.name = "nothing", .bytes = "", .length = 0},
        {.name = "bytes",
         .filename = "b.bin",
         .content_type = "application/x",
         .bytes = "\0\r\n-",
         .length = 4},
        {.name = "file",
         .filename = "f\xc3\xa4.pdf",
         .content_type = "application/pdf",
         .file = large},
        {.name = "small", .filename = "s.txt", .content_type = "text/plain", .file = small},
        {.name = "empty", .filename = "e.txt", .content_type = "text/plain", .file = empty},
        {.name = "last", .bytes = "true", .length = 4},
    };
    for (size_t i = 0; i < 3; i++) { /* each time the whole of it */
        assert_int_equal(fault_of(upload("/ok", parts, COUNT(parts))), HTTP_FAULT_NONE);
        expect_upload(parts, COUNT(parts));
    }
    assert_int_equal(server.connections, 1);
    spool_file_free(large);
    spool_file_free(small);
    spool_file_free(empty);
}

static void test_multipart_names_are_escaped(void **state)
{
    (void)state;
    const struct http_part part = {
        .name = "file", .filename = "a\"; x=\"b\r\nX-Evil: 1\r\n\r\n", .bytes = "x", .length = 1};
    assert_int_equal(fault_of(upload("/ok", &part, 1)), HTTP_FAULT_NONE);
    assert_null(strstr(server.body.data, "\nX-Evil"));
    assert_non_null(
        strstr(server.body.data, "filename=\"a%22; x=%22b%0D%0AX-Evil: 1%0D%0A%0D%0A\""));
}

/* Never does the loop wait for a disk, but where reading ahead is of no use. */
static void test_upload_from_a_disk(void **state)
{
    (void)state;
    struct spool_file *file = spool_bytes(FILE_BYTES), *second = spool_bytes(FILE_BYTES);
    const struct http_part parts[] = {{.name = "file", .file = file},
                                      {.name = "file", .file = second}};
    fake_disk_set(true, false);
    assert_int_equal(fault_of(upload("/ok", parts, 1)), HTTP_FAULT_NONE);
    assert_int_equal(atomic_load(&fake_disk.refused), 2); /* 1.5 MB, a megabyte at once */
    assert_int_equal(atomic_load(&fake_disk.on_loop), 0);
    fake_disk_set(false, false);
    expect_upload(parts, 1);

    fake_disk_set(true, true);
    assert_int_equal(fault_of(upload("/ok", parts, 2)), HTTP_FAULT_NONE);
    assert_true(atomic_load(&fake_disk.on_loop) > 0);
    fake_disk_set(false, false);
    expect_upload(parts, 2);
    spool_file_free(file);
    spool_file_free(second);
}

/* The response comes before the request is out, and ends it; also where the server closes right
 * behind it, which resets the connection. */
static void test_upload_answered_early(void **state)
{
    (void)state;
    static const char *const paths[] = {"/early", "/early-reset"};
    struct spool_file *file = spool_bytes(FILE_BYTES);
    const struct http_part part = {.name = "file", .filename = "a.pdf", .file = file};
    for (size_t round = 0; round < 4; round++) {
        struct http_call call;
        fake_disk_set(round / 2, false);
        assert_int_equal(fetch(&call, upload(paths[round % 2], &part, 1)), HTTP_FAULT_NONE);
        assert_int_equal(call.status, 413);
        assert_string_equal(call.body.data, "why not");
        http_call_clear(&call);
        assert_int_equal(fault_of(get("/ok")), HTTP_FAULT_NONE);
        assert_int_equal(server.connections, round + 2); /* the one of the upload is not kept */
    }
    fake_disk_set(false, false);
    spool_file_free(file);
}

static void test_upload_that_cannot_be_read(void **state)
{
    (void)state;
    struct spool_file *file = spool_bytes(FILE_BYTES);
    const struct http_part part = {.name = "file", .file = file};
    const int fd = file->fd;
    file->fd = -1;
    assert_int_equal(fault_of(upload("/ok", &part, 1)), HTTP_FAULT_LOCAL);
    file->fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* shorter than it was */
    assert_int_equal(fault_of(upload("/ok", &part, 1)), HTTP_FAULT_LOCAL);
    close(file->fd);
    file->fd = fd;
    assert_int_equal(server.requests, 0);
    assert_int_equal(fault_of(upload("/ok", &part, 1)), HTTP_FAULT_NONE);
    expect_upload(&part, 1);
    spool_file_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(get),
        TEST(what_is_passed_in_is_copied),
        TEST(post),
        TEST(shapes_of_a_response),
        TEST(limits),
        TEST(errors_are_cut),
        TEST(stream),
        TEST(stream_refused),
        TEST(stream_cancelled_from_within),
        TEST(is_sent_once),
        TEST(multipart),
        TEST(multipart_names_are_escaped),
        TEST(upload_from_a_disk),
        TEST(upload_answered_early),
        TEST(upload_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
