/*
 * scenario_draft.h: what is to be saved, and its lists in the forms in which a statement takes
 * them.
 *
 *     struct scenario_lists lists;
 *     scenario_lists_init(&lists);
 *     if (scenario_lists_make(&lists, &draft, &arena) == OK)
 *         ... lists.texts[LIST_PERSONAS].data
 *     scenario_lists_clear(&lists);
 */
#ifndef STORE_SCENARIO_DRAFT_H
#define STORE_SCENARIO_DRAFT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/text.h"
#include "model/case_study.h"

enum {
    SCENARIO_CONTENT_BYTES_MAX = 11 << 20, /* of a main text */
    SCENARIO_LIST_BYTES_MAX = 4 << 20,     /* of each list */
};

/* An uploaded file. Its name and text are clean UTF-8. */
struct scenario_file {
    const char *name;
    uint64_t bytes;    /* as uploaded */
    struct slice text; /* as read, all of it; "" where it could not be */
};

enum { REPLY_KEY_BYTES = 32 /* SHA-256 */ };

/* The reply to the request that saves, for whoever repeats it: saved with the scenario. */
struct scenario_reply {
    const unsigned char *key;         /* of who asks, where, and their Idempotency-Key */
    const unsigned char *fingerprint; /* of the request's content */
    const char *degraded;             /* X-Degraded; "" */
    const char *rest;                 /* the JSON object behind {"scenario_id":N, */
};

/* What is to be saved; borrowed until the operation has finished. All text is clean UTF-8. */
struct scenario_draft {
    const struct case_study *study;
    const char *const *image_urls;     /* of each scene: absolute; "" for none */
    const char *const *image_prompts;  /* of each scene: as sent; NULL for none */
    struct slice content;              /* the text of the main file */
    const struct scenario_file *files; /* [0] is the main file */
    size_t file_count;
    const char *const *warnings; /* what came out worse than it should */
    size_t warning_count;
    const struct scenario_reply *reply; /* NULL: nobody will repeat the request */
    int64_t user_id; /* whose it is, if that user is there and active; 0: nobody's */
};

/* JSON arrays, in which each persona and each scene has its `place`; and who is in which scene: of
 * each pair the place of the scene, and in the other that of the persona, as arrays of PostgreSQL.
 */
enum scenario_list {
    LIST_OUTCOMES,
    LIST_WARNINGS,
    LIST_PERSONAS,
    LIST_SCENES,
    LIST_FILES,
    LIST_CAST_SCENES,
    LIST_CAST_PERSONAS,
    LIST_COUNT,
};

struct scenario_lists {
    struct buffer texts[LIST_COUNT];
    size_t cast_count; /* pairs */
};

void scenario_lists_init(struct scenario_lists *lists);

/* ERR_LIMIT: one is too long. In any case they are to be cleared. */
MUST_CHECK enum err scenario_lists_make(struct scenario_lists *lists,
                                        const struct scenario_draft *draft, struct arena *arena);

void scenario_lists_clear(struct scenario_lists *lists);

#endif
