/*
 * image_store.h: pictures on disk: written whole or not at all, found by name, within a quota.
 *
 *     struct image_store store;
 *     err = image_store_init(&store, &loop, config->image_dir, config->image_dir_bytes, &error);
 *     if (err != OK) ...                            // error.detail says what to do
 *
 *     image_save_start(&save, try(op), &store, bytes, length);
 *     ... // in the next step: save.name, such as "3f0c...9a.webp"
 *
 *     struct image_file file;
 *     if (image_store_open(&store, name, &file) == OK) ...         // file.fd is the caller's
 *
 * A picture's name is made from the SHA-256 of its bytes: equal pictures are one file, a name never
 * changes what it stands for, and nobody guesses one. Pictures are PNG, JPEG or WebP by their first
 * bytes, whatever anybody says they are.
 *
 * When the quota is reached the oldest go, but none that is kept (image_store_keep: a saved row
 * names it), and none younger than IMAGE_YOUNG_MS, which somebody may be looking at. Where that
 * does not make room, saving fails with ERR_NO_SPACE. Kept ones count, too.
 *
 * Saving does not wait for the disk: a power cut may take the pictures of the last half minute, and
 * leave names without bytes, which count as not there. Keeping waits: what a saved row names stays.
 *
 *     <directory>/3f0c...9a.webp         a picture
 *     <directory>/kept/3f0c...9a.webp    the same once it is kept
 *     <directory>/.0123456789abcdef.tmp  one being written
 *
 * Files with other names are left alone and not counted. A folder is one process's own: another
 * that starts in it would take what is being written for what a crash has left.
 */
#ifndef IO_IMAGE_STORE_H
#define IO_IMAGE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/work.h"

enum {
    IMAGE_NAME_BYTES = 64,
    IMAGE_YOUNG_MS = 60 * 60 * 1000,
};

struct image_store {
    struct loop *loop;
    const char *directory;
    uint64_t bytes_max;
    /* private */
    int fd, kept_fd;    /* the two folders */
    size_t saves;       /* at work */
    uv_mutex_t lock;    /* of worker threads alone; for what follows, and who makes a name */
    uint64_t bytes;     /* of all pictures there */
    uint64_t bytes_due; /* of those that are being written */
};

/* Makes the folder where it is missing, and one above it; removes what a crash left half-written.
 * `directory` may be relative to the working directory of that moment. ERR_UNAVAILABLE where it
 * cannot be written to; then there is nothing to clear. */
MUST_CHECK enum err image_store_init(struct image_store *store, struct loop *loop,
                                     const char *directory, uint64_t bytes_max,
                                     struct error *error);
/* Asserts that no save is at work. */
void image_store_clear(struct image_store *store);

/* Writing one, off the loop. `bytes` are borrowed until it has finished. One that is there already
 * becomes as young as a new one. ERR_SYNTAX: no picture of a kind we know. ERR_NO_SPACE: the quota,
 * or the disk. ERR_IO. */
struct image_save {
    struct op op;
    char name[IMAGE_NAME_BYTES]; /* the result */
    /* private */
    struct image_store *store;
    const char *bytes;
    size_t length;
    struct work work;
};
void image_save_start(struct image_save *save, struct op_link link, struct image_store *store,
                      const char *bytes, size_t length);

/* From now on it is never removed, nor lost with the power: before a row that names it is saved.
 * Waits for the disk: for a worker thread. ERR_NOT_FOUND: it is gone, or the name is none of ours.
 * ERR_IO. */
MUST_CHECK enum err image_store_keep(struct image_store *store, const char *name);

struct image_file {
    int fd; /* at offset 0; close-on-exec */
    uint64_t size;
    int64_t modified_s;       /* Unix time */
    const char *content_type; /* static */
};

/* ERR_NOT_FOUND, also for any name that is not one of ours; ERR_IO. */
MUST_CHECK enum err image_store_open(struct image_store *store, const char *name,
                                     struct image_file *out);

/* The media type of a picture by its first bytes; NULL: none we know. */
const char *image_type_of(const char *bytes, size_t length);

#endif
