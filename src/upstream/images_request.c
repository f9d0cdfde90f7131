/*
 * Two families of models take two sets of fields. What is neither is taken for one of the newer,
 * as all that are to come will be.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "upstream/images_parts.h"

enum {
    PROMPT_CHARACTERS = 32000,
    DALLE_PROMPT_CHARACTERS = 4000,
    COMPRESSION = 80,         /* per cent: a scene is then 100 to 300 KB */
    BODY_BYTES_MAX = 1 << 20, /* the longest prompt, each character of it escaped, and more */
};

const char *const image_field_names[IMAGE_FIELD_COUNT] = {
#define X(field, name) [field] = name,
    IMAGE_FIELD_TABLE(X)
#undef X
};

void image_size(const struct images_settings *settings, unsigned *width, unsigned *height)
{
    char rest;
    if (sscanf(settings->size, "%4ux%4u%c", width, height, &rest) != 2 || *width == 0 ||
        *height == 0)
        *width = *height = 0;
}

/* The nearest that dall-e-3 has; where nothing is said, scenes are landscapes. */
static const char *dalle_size(const struct images_settings *settings)
{
    unsigned width, height;
    image_size(settings, &width, &height);
    if (width == height && width > 0)
        return "1024x1024";
    return width < height ? "1024x1792" : "1792x1024";
}

static const char *dalle_quality(const struct images_settings *settings)
{
    return strcmp(settings->quality, "high") == 0 ? "hd" : "standard";
}

/* Notes that the field is sent, or says that it may not be. */
static bool use(struct image_call *image, enum image_field field)
{
    if (!image_allows(image, image_field_names[field]))
        return false;
    image->fields |= 1u << field;
    return true;
}

static void add_string(struct image_call *image, cJSON *body, enum image_field field,
                       const char *value)
{
    if (use(image, field))
        json_add_string(body, image_field_names[field], value);
}

static void add_dalle_fields(struct image_call *image, cJSON *body)
{
    const struct images_settings *settings = &image->images->settings;
    add_string(image, body, IMAGE_SIZE, dalle_size(settings));
    add_string(image, body, IMAGE_QUALITY, dalle_quality(settings));
    add_string(image, body, IMAGE_RESPONSE_FORMAT, "b64_json");
}

static void add_fields(struct image_call *image, cJSON *body)
{
    const struct images_settings *settings = &image->images->settings;
    add_string(image, body, IMAGE_SIZE, settings->size);
    add_string(image, body, IMAGE_QUALITY, settings->quality);
    add_string(image, body, IMAGE_FORMAT, "webp");
    /* Of PNG, which it is without a format, there is no compression to choose. */
    if (image->fields & 1u << IMAGE_FORMAT && use(image, IMAGE_COMPRESSION))
        json_add_number(body, image_field_names[IMAGE_COMPRESSION], COMPRESSION);
}

void image_print_body(struct image_call *image)
{
    const bool is_dalle = strncmp(image_model(image), "dall-e", 6) == 0;
    const size_t length =
        text_cut_characters(image->prompt, strlen(image->prompt),
                            is_dalle ? DALLE_PROMPT_CHARACTERS : PROMPT_CHARACTERS);
    cJSON *body = json_new_object();
    json_add_string(body, "model", image_model(image));
    json_add_string(body, "prompt", arena_strndup(&image->arena, image->prompt, length));
    image->fields = 0;
    if (use(image, IMAGE_COUNT))
        json_add_number(body, image_field_names[IMAGE_COUNT], 1);
    if (is_dalle)
        add_dalle_fields(image, body);
    else
        add_fields(image, body);

    buffer_clear(&image->body);
    buffer_init(&image->body, BODY_BYTES_MAX);
    const enum err err = json_print(body, &image->body);
    assert(err == OK);
    (void)err;
    cJSON_Delete(body);
}
