/*
 * image_folder.h: the names in a folder of pictures, and a walk through it. For image_store.c
 * alone; see image_store.h.
 */
#ifndef IO_IMAGE_FOLDER_H
#define IO_IMAGE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "io/image_store.h"

enum { IMAGE_OLDEST_MAX = 256 /* that one walk finds */ };

struct image_kind {
    const char *ending, *type;
};

/* NULL: the name is none of ours, or the bytes are no picture we know. */
const struct image_kind *image_kind_of_name(const char *name);
const struct image_kind *image_kind_of_bytes(const char *bytes, size_t length);

/* The name of a picture, which is of a kind we know; a name to write it under. */
void image_name_picture(char out[IMAGE_NAME_BYTES], const char *bytes, size_t length);
void image_name_temp(char out[IMAGE_NAME_BYTES]);

/* The oldest pictures that are not young, the oldest first. */
struct image_oldest {
    struct image_old_file {
        char name[IMAGE_NAME_BYTES];
        struct timespec modified;
        uint64_t size;
    } files[IMAGE_OLDEST_MAX];
    size_t count;
};

/* Adds up the pictures of the folder with this descriptor; `oldest` may be NULL. ERR_IO with errno.
 */
MUST_CHECK enum err image_folder_walk(int folder, uint64_t *bytes, struct image_oldest *oldest,
                                      bool remove_temps);

#endif
