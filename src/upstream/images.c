/*
 * The picture's bytes are the only large thing that is held: decoded as they come, or downloaded,
 * and freed once they are saved. The service's answer goes as soon as it was looked at.
 */
#include "upstream/images.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "upstream/images_parts.h"
#include "upstream/openai_api.h"

enum {
    CONNECT_MS = 5 * 1000,
    OFF_MS = 10 * 60 * 1000,        /* a server without pictures is not asked again so soon */
    MODEL_GONE_MS = 10 * 60 * 1000, /* nor is a model that is not there */
    PROMPT_BYTES_TYPICAL = 1500,    /* of a scene's prompt, for an estimate */
};

static const char model_itself[] = "model";

enum err images_init(struct images *images, struct upstream *upstream, struct image_store *store,
                     const struct images_settings *settings, struct error *error)
{
    *images = (struct images){.upstream = upstream, .store = store, .settings = *settings};
    arena_init(&images->arena);
    images->model_count =
        openai_models(&images->arena, settings->models, images->models, IMAGE_MODELS_MAX);
    if (images->model_count == 0) {
        arena_clear(&images->arena);
        return error_set(error, ERR_RANGE, "no image model is named");
    }
    capabilities_init(&images->capabilities);
    return OK;
}

void images_clear(struct images *images)
{
    capabilities_clear(&images->capabilities);
    arena_clear(&images->arena);
}

/* ---- models, and what they refuse ---- */

const char *image_model(const struct image_call *image)
{
    return image->images->models[image->model_index];
}

static uint64_t now_ms(const struct image_call *image)
{
    return loop_now_ms(image->op.link.loop);
}

bool image_allows(const struct image_call *image, const char *what)
{
    struct images *images = image->images;
    return capabilities_allow(&images->capabilities, images->upstream->base_url, image_model(image),
                              what, now_ms(image));
}

void image_refuse(struct image_call *image, const char *what, uint64_t for_ms)
{
    struct images *images = image->images;
    capabilities_refuse(&images->capabilities, images->upstream->base_url, image_model(image), what,
                        now_ms(image), for_ms);
}

/* The first from here on that was there when last asked for; false: none was. */
static bool find_model(struct image_call *image, size_t from)
{
    const size_t before = image->model_index;
    for (image->model_index = from; image->model_index < image->images->model_count;
         image->model_index++)
        if (image_allows(image, model_itself))
            return true;
    image->model_index = before;
    return false;
}

static bool image_next_model(struct upstream_call *call)
{
    struct image_call *image = container_of(call, struct image_call, call);
    image->model_missing = true;
    image_refuse(image, model_itself, MODEL_GONE_MS);
    return find_model(image, image->model_index + 1);
}

/* ---- what it cost ---- */

/* By the vendor's figures for 1024 x 1024 of its first model; "auto" may be as dear as "high". */
static uint64_t output_tokens(const struct images_settings *settings)
{
    enum { LOW = 272, MEDIUM = 1056, HIGH = 4160, PIXELS = 1024 * 1024 };
    const uint64_t tokens = strcmp(settings->quality, "low") == 0      ? LOW
                            : strcmp(settings->quality, "medium") == 0 ? MEDIUM
                                                                       : HIGH;
    unsigned width, height;
    image_size(settings, &width, &height);
    return width > 0 ? tokens * width * height / PIXELS : tokens;
}

static struct token_usage guess(const struct images *images, size_t prompt_bytes)
{
    return (struct token_usage){
        .prompt = token_estimate(prompt_bytes),
        .completion = output_tokens(&images->settings),
        .estimated = true,
    };
}

/* By tokens, where the service says how many; else by picture, where that has a price; else by a
 * guess at the tokens. */
static double price(const struct images *images, const char *model, const struct token_usage *said,
                    const struct token_usage *guessed)
{
    const struct prices *prices = images->settings.prices;
    const double each = prices_cost_each(prices, model, PRICE_PICTURE, 1);
    const double tokens = prices_cost(prices, model, said ? said : guessed);
    if (isnan(tokens) || (!said && !isnan(each)))
        return each;
    return tokens;
}

void image_account(struct image_call *image, const struct token_usage *usage, bool paid)
{
    image->in_flight = false;
    if (!usage && !paid)
        return;
    const struct images *images = image->images;
    const struct token_usage guessed = guess(images, strlen(image->prompt));
    token_usage_add(&image->usage, usage ? usage : &guessed);
    image->cost_usd += price(images, image_model(image), usage, &guessed);
}

double images_estimate_usd(const struct images *images)
{
    const struct token_usage guessed = guess(images, PROMPT_BYTES_TYPICAL);
    return price(images, images->models[0], NULL, &guessed);
}

/* ---- a try ---- */

static bool on_data(struct op *op, const char *bytes, size_t length, void *context)
{
    (void)op;
    struct image_call *image = context;
    return picture_reader_feed(&image->reader, bytes, length) == OK;
}

static void image_build(struct upstream_call *call, struct http_request *out)
{
    struct image_call *image = container_of(call, struct image_call, call);
    struct images *images = image->images;
    image->refused_field = -1;
    image->model_missing = false;
    image->in_flight = true;
    image_print_body(image);
    picture_reader_clear(&image->reader);
    picture_reader_init(&image->reader, IMAGE_BYTES_MAX);

    out->method = "POST";
    out->url = arena_printf(&image->arena, "%s/images/generations", call->upstream->base_url);
    openai_headers(out, &image->arena, call, "application/json", "image", ++images->sent);
    out->body = image->body.data;
    out->body_length = image->body.length;
    out->limits = (struct http_limits){
        .connect_ms = CONNECT_MS, /* and no idle_ms: the picture comes after a long silence */
        .total_ms = images->settings.total_ms,
        .body_max = IMAGE_RESPONSE_MAX,
    };
    out->on_data = on_data;
    out->context = image;
}

static const struct upstream_call_kind image_kind = {
    .service = SERVICE_IMAGES,
    .name = "image",
    .build = image_build,
    .read = image_read,
    .adapt = image_adapt,
    .next_model = image_next_model,
};

/* ---- steps ---- */

static enum flow fail_without_pictures(struct op *op)
{
    return op_fail(op, ERR_UNAVAILABLE, "%s: this server makes no pictures",
                   op_cast(op, image_call)->images->upstream->name);
}

static enum flow generate(struct op *op)
{
    struct image_call *image = op_cast(op, image_call);
    struct images *images = image->images;
    if (now_ms(image) < images->off_until_ms)
        return fail_without_pictures(op);
    upstream_call_start(&image->call, try(op), &image_kind, images->upstream, &image->rank,
                        image->deadline_ms);
    return FLOW_WAIT;
}

/* It knows the route no more than the model. */
static bool has_no_pictures(const struct image_call *image)
{
    const int status = image->call.outcome.status;
    return op_error(&image->call.op)->code == ERR_UPSTREAM_REQUEST && !image->model_missing &&
           (status == 404 || status == 501);
}

static void turn_off(struct image_call *image)
{
    struct images *images = image->images;
    if (now_ms(image) >= images->off_until_ms) /* others that were under way may have found out */
        log_warn(image->op.log_id, "no_pictures", "service=%s status=%d off_seconds=%d",
                 images->upstream->name, image->call.outcome.status, OFF_MS / 1000);
    images->off_until_ms = now_ms(image) + OFF_MS;
}

static bool has_plain_prompt(const struct image_call *image)
{
    const char *plain = image->request.plain_prompt;
    return plain && image->prompt != plain && strcmp(image->prompt, plain) != 0;
}

static enum flow look(struct op *op)
{
    struct image_call *image = op_cast(op, image_call);
    const struct error *error = op_error(&image->call.op);
    if (error->code == OK)
        return FLOW_NEXT;
    if (has_no_pictures(image)) {
        turn_off(image);
        return fail_without_pictures(op);
    }
    if (error->code != ERR_REFUSED || !has_plain_prompt(image))
        return op_fail_with(op, error);
    image->prompt = image->request.plain_prompt;
    upstream_call_clear(&image->call);
    memset(&image->call, 0, sizeof(image->call));
    return FLOW_AGAIN;
}

static enum flow download(struct op *op)
{
    struct image_call *image = op_cast(op, image_call);
    if (!image->url)
        return FLOW_NEXT;
    image_download_start(&image->download, need(op), image->images->upstream, image->url,
                         image->images->settings.total_ms);
    return FLOW_WAIT;
}

static enum flow save(struct op *op)
{
    struct image_call *image = op_cast(op, image_call);
    const struct buffer *picture = image->url ? &image->download.http.body : &image->reader.picture;
    image_save_start(&image->save, need(op), image->images->store, picture->data, picture->length);
    return FLOW_WAIT;
}

static enum flow take(struct op *op)
{
    struct image_call *image = op_cast(op, image_call);
    memcpy(image->name, image->save.name, sizeof(image->name));
    image->model = image_model(image);
    return FLOW_DONE;
}

static void image_end(struct op *op)
{
    struct image_call *image = op_cast(op, image_call);
    if (image->in_flight) /* it ended while the service was at work */
        image_account(image, NULL, true);
    image_download_clear(&image->download);
    picture_reader_clear(&image->reader);
}

static const struct step image_steps[] = {{"generate", generate}, {"look", look},
                                          {"download", download}, {"save", save},
                                          {"take", take},         {0}};
static const struct op_kind image_op_kind = {"image", image_steps, NULL, image_end};

static void limit_time(struct image_call *image)
{
    const uint64_t now = now_ms(image);
    op_deadline(&image->op, image->deadline_ms > now ? image->deadline_ms - now : 0,
                "the picture was not made in time");
}

void image_call_start(struct image_call *image, struct op_link link, struct images *images,
                      const struct image_request *request, const struct gate_rank *rank,
                      uint64_t deadline_ms)
{
    memset(image, 0, sizeof(*image));
    image->images = images;
    image->request = *request;
    image->prompt = request->prompt;
    image->rank = *rank;
    image->deadline_ms = deadline_ms;
    arena_init(&image->arena);
    op_start(&image->op, &image_op_kind, link);
    limit_time(image);
    (void)find_model(image, 0); /* if all are gone, the first one again */
}

void image_call_set_terms(struct image_call *image, const struct gate_rank *rank,
                          uint64_t deadline_ms)
{
    if (!image->images || op_finished(&image->op))
        return;
    image->rank = *rank;
    image->deadline_ms = deadline_ms;
    upstream_call_set_terms(&image->call, rank, deadline_ms);
    limit_time(image);
}

void image_call_clear(struct image_call *image)
{
    if (!image->images)
        return;
    upstream_call_clear(&image->call);
    buffer_clear(&image->body);
    arena_clear(&image->arena);
}
