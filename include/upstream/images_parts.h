/*
 * images_parts.h: what the files of the image client share. Private to them; see images.h.
 *
 *     images.c          the call: its steps, its models, what it cost
 *     images_request.c  a request's fields and body
 *     images_judge.c    what a try came to, and what is learned of it
 *     picture_reader.c  an answer with a picture, as it comes
 *     image_download.c  the picture behind a URL
 */
#ifndef UPSTREAM_IMAGES_PARTS_H
#define UPSTREAM_IMAGES_PARTS_H

#include "upstream/images.h"

/* Optional fields: those a server may refuse, and which are left out then. */
#define IMAGE_FIELD_TABLE(X)                                                                       \
    X(IMAGE_COUNT, "n")                                                                            \
    X(IMAGE_SIZE, "size")                                                                          \
    X(IMAGE_QUALITY, "quality")                                                                    \
    X(IMAGE_FORMAT, "output_format")                                                               \
    X(IMAGE_COMPRESSION, "output_compression")                                                     \
    X(IMAGE_RESPONSE_FORMAT, "response_format")

enum image_field {
#define X(field, name) field,
    IMAGE_FIELD_TABLE(X)
#undef X
        IMAGE_FIELD_COUNT
};

extern const char *const image_field_names[IMAGE_FIELD_COUNT];

const char *image_model(const struct image_call *image);

/* May this field be sent to the model? */
bool image_allows(const struct image_call *image, const char *what);
void image_refuse(struct image_call *image, const char *what, uint64_t for_ms);

/* Fills image->body and fields for the next try. */
void image_print_body(struct image_call *image);

/* The try is over; `usage`: by the service's own count; NULL: a guess, if it was `paid`. */
void image_account(struct image_call *image, const struct token_usage *usage, bool paid);

/* A picture's width and height by the settings; 0 where they say nothing of it. */
void image_size(const struct images_settings *settings, unsigned *width, unsigned *height);

/* Of upstream_call_kind. */
void image_read(struct upstream_call *call, struct outcome *out);
void image_adapt(struct upstream_call *call, const struct outcome *outcome);

#endif
