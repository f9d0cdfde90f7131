/*
 * The file is opened for every request, also for one that gets no body: it says how large the
 * picture is, and holds it while somebody reads, though the store may remove it meanwhile.
 */
#include "api/static_routes.h"

#include <string.h>
#include <unistd.h>

#include "api/conditional.h"
#include "io/image_store.h"

static struct selection select_part(struct request *request, const char *etag,
                                    const struct image_file *picture)
{
    const struct exchange *exchange = request->exchange;
    const bool is_get = strcmp(exchange_method(exchange), "GET") == 0;
    const struct conditions conditions = {
        .if_match = exchange_header(exchange, "If-Match"),
        .if_unmodified_since = exchange_header(exchange, "If-Unmodified-Since"),
        .if_none_match = exchange_header(exchange, "If-None-Match"),
        .if_modified_since = exchange_header(exchange, "If-Modified-Since"),
        .range = is_get ? exchange_header(exchange, "Range") : NULL, /* RFC 9110 14.2 */
        .if_range = exchange_header(exchange, "If-Range"),
    };
    return conditional_select(&(struct representation){etag, picture->modified_s, picture->size},
                              &conditions);
}

static void refuse(struct request *request, const struct selection *selection,
                   const struct image_file *picture)
{
    close(picture->fd);
    if (selection->status == 416)
        request_header(
            request, "Content-Range",
            arena_printf(&request->arena, "bytes */%llu", (unsigned long long)picture->size));
    request_reply_error(request, selection->status, NULL, http_reason(selection->status));
}

static void send_picture(struct request *request, const char *name,
                         const struct image_file *picture)
{
    struct arena *arena = &request->arena;
    const char *etag = arena_printf(arena, "\"%.*s\"", (int)strcspn(name, "."), name);
    const struct selection selection = select_part(request, etag, picture);
    if (selection.status >= 400) {
        refuse(request, &selection, picture);
        return;
    }
    char *modified = arena_alloc(arena, HTTP_DATE_BYTES);
    http_date_format(picture->modified_s, modified);
    request_header(request, "ETag", etag);
    request_header(request, "Last-Modified", modified);
    request_header(request, "Cache-Control", "public, max-age=31536000, immutable");
    request_header(request, "Accept-Ranges", "bytes");
    request_header(request, "X-Content-Type-Options", "nosniff");
    if (selection.status == 206)
        request_header(request, "Content-Range",
                       arena_printf(arena, "bytes %llu-%llu/%llu",
                                    (unsigned long long)selection.offset,
                                    (unsigned long long)(selection.offset + selection.length - 1),
                                    (unsigned long long)picture->size));
    request_reply_file(request, selection.status, picture->content_type, picture->fd,
                       selection.offset, selection.length);
}

void handle_scene_picture(struct request *request)
{
    struct image_store *images = request->server->services.pictures;
    const char *name = request->path_parts[0];
    struct image_file picture;
    const enum err err = images ? image_store_open(images, name, &picture) : ERR_NOT_FOUND;
    if (err == OK) {
        send_picture(request, name, &picture);
    } else if (err == ERR_NOT_FOUND) {
        request_reply_error(request, 404, NULL, "Not Found");
    } else {
        struct error error = {0};
        error_set(&error, err, "The picture cannot be read");
        request_reply_failure(request, &error);
    }
}
