/*
 * pictures.h: small valid pictures, a different one for each seed, as bytes and as base64.
 */
#ifndef UPSIM_PICTURES_H
#define UPSIM_PICTURES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum picture_format { PICTURE_PNG, PICTURE_JPEG, PICTURE_WEBP };

/* Appends one of 64 x 64 of at least `bytes`. */
void picture_append(struct buffer *out, enum picture_format format, uint64_t seed, size_t bytes);

/* The same in base64. */
void picture_append_base64(struct buffer *out, enum picture_format format, uint64_t seed,
                           size_t bytes);

const char *picture_type(enum picture_format format);

void base64_append(struct buffer *out, const void *bytes, size_t length);

/* Frees what was kept for the next picture. */
void pictures_clear(void);

#endif
