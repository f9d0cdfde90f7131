/*
 * upload.h: the form of a request as its body comes in: files to the spool, small fields to memory.
 *
 *     err = upload_new(&server->spool, config, &arena, content_type, length, &form, &error,
 * &upload); upload_feed(upload, bytes, n, &error)   // or wait: see upload_room upload_end(upload,
 * &error);             // the last byte is in
 *     ... upload_files(upload) ...
 *     upload_free(upload);
 *
 * multipart/form-data and application/x-www-form-urlencoded are forms; any other body counts as
 * one without fields. Of a field that may come once the last wins. Unknown parts are read and
 * thrown away.
 */
#ifndef API_UPLOAD_H
#define API_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/multipart.h"
#include "base/arena.h"
#include "base/config.h"
#include "io/spool.h"
#include "pipeline/extract.h"

enum {
    UPLOAD_TEXT_KEPT = 4096, /* bytes of a text field: ids and switches, never documents */
    UPLOAD_TEXTS_MAX = 64,   /* text fields kept; further ones are counted and thrown away */
};

/* Which parts a route knows. */
struct upload_form {
    const char *file_name;    /* of the main file */
    const char *context_name; /* of its context files; NULL: none */
};

/* A text field, or a file field that was sent as text. */
struct upload_text {
    const char *name;
    const char *value; /* the first UPLOAD_TEXT_KEPT bytes */
    size_t index;      /* among the fields of its name */
    struct upload_text *next;
};

enum upload_kind { UPLOAD_MULTIPART, UPLOAD_URLENCODED, UPLOAD_NO_FORM };

struct upload {
    enum upload_kind kind;
    struct spool *spool;
    const struct config *config;
    struct arena *arena;
    const struct upload_form *form;
    uint64_t body_bytes; /* announced: no file has more */
    struct multipart parser;
    struct buffer body; /* of an urlencoded form */
    bool incomplete;    /* the closing boundary never came: an unfinished part was dropped */

    struct input_file *files;  /* [0] is the main file's place, file NULL while there is none */
    size_t file_count;         /* with that place */
    size_t context_fields;     /* parts of the context's name, texts included */
    struct upload_text *texts; /* newest first */
    size_t text_count;

    /* the part being read: one of the two, or neither where it is thrown away */
    struct input_file part_file; /* its `file` NULL: not one to keep */
    bool part_is_main;
    const char *part_name; /* of a text to keep */
    struct buffer part_value;
};

/* `body_bytes` are announced, UINT64_MAX: nobody knows. ERR_SYNTAX with the framework's sentence
 * when the content type is unusable. */
MUST_CHECK enum err upload_new(struct spool *spool, const struct config *config,
                               struct arena *arena, const char *content_type, uint64_t body_bytes,
                               const struct upload_form *form, struct error *error,
                               struct upload **out);
void upload_free(struct upload *upload); /* NULL is fine */

/* Can upload_feed take `length` bytes now? If not, for which file does the waiter wait (NULL: for
 * room in memory)? */
bool upload_room(const struct upload *upload, struct spool_waiter *waiter, size_t length,
                 struct spool_file **file_out);

/* Takes them all, or fails: ERR_SYNTAX, ERR_LIMIT, ERR_NO_SPACE. */
MUST_CHECK enum err upload_feed(struct upload *upload, const char *bytes, size_t length,
                                struct error *error);
MUST_CHECK enum err upload_end(struct upload *upload, struct error *error);

/* The newest text of that name, or NULL. */
const struct upload_text *upload_text(const struct upload *upload, const char *name);

/* The first file that is still on its way to disk, or NULL when all are settled. */
struct spool_file *upload_unsettled(const struct upload *upload);

#endif
