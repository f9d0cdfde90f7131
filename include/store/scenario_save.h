/*
 * scenario_save.h: a finished case study to the rows of a scenario: all or none of them, in one
 * statement.
 *
 *     scenario_save_start(&save, need(op), &pool, &(struct scenario_draft){
 *         .study = &study, .content = text, .files = files, ...}, deadline_ms);
 *     ... // in the next step: save.id
 *     scenario_save_clear(&save);
 *
 *     add rows ──▶ look ──▶ done
 *       ▲            │
 *       └─── rest ───┘ the connection was lost, or the database is not there just now
 *
 * A scenario has a key of its own from the start, and the statement adds nothing where that key is
 * there already. So it can be sent again when nobody knows what became of it, and what was paid for
 * is neither lost nor there twice.
 *
 * Of a longer main text the beginning is kept, and the scenario's log says so. Fails as pg_pool.h
 * says, and with ERR_LIMIT for more of anything else than a query takes.
 */
#ifndef STORE_SCENARIO_SAVE_H
#define STORE_SCENARIO_SAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/text.h"
#include "io/pg_pool.h"
#include "model/case_study.h"

enum {
    UNIQUE_ID_BYTES = 26,                  /* "SC-", then 132 random bits, and a NUL */
    SCENARIO_CONTENT_BYTES_MAX = 11 << 20, /* of a main text; and of all the rest: */
    SCENARIO_DOCUMENT_BYTES_MAX = 4 << 20,
};

/* An uploaded file. Its name and text are clean UTF-8. */
struct scenario_file {
    const char *name;
    uint64_t bytes;    /* as uploaded */
    struct slice text; /* as read, all of it; "" where it could not be */
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
    int64_t user_id; /* whose it is, if that user is there and active; 0: nobody's */
};

struct scenario_save {
    struct op op;
    /* results */
    int64_t id;                      /* of the row in scenarios */
    char unique_id[UNIQUE_ID_BYTES]; /* the scenario's own key */
    unsigned tries;
    bool outcome_unknown; /* after a failure: it may have been saved all the same */
    /* private */
    struct pg_pool *pool;
    const struct scenario_draft *draft;
    uint64_t deadline_ms; /* loop time */
    struct arena arena;
    struct buffer document; /* the draft as JSON */
    char user_id[24];
    const char *values[4];
    struct pg_query query;
    struct loop_timer rest;
};

/* `deadline_ms`, in loop time, is when the last try has to be over. */
void scenario_save_start(struct scenario_save *save, struct op_link link, struct pg_pool *pool,
                         const struct scenario_draft *draft, uint64_t deadline_ms);

/* After it has finished. Nothing happens for one that is `{0}`. */
void scenario_save_clear(struct scenario_save *save);

/* The draft as the JSON document that the statement takes. ERR_LIMIT: it is too long. */
MUST_CHECK enum err scenario_draft_json(const struct scenario_draft *draft, struct arena *arena,
                                        struct buffer *out);

#endif
