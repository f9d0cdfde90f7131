/*
 * scenario_rows.h: the rows of a statement that reads scenarios with what is in them, to JSON.
 *
 *     struct scenario_rows rows;
 *     scenario_rows_init(&rows, result);
 *     if (scenario_rows_list(&rows, true, &out) == OK)
 *         ... out.data
 *     scenario_rows_clear(&rows);
 *
 * Columns: kind, place, ref, id, aside, json; in any order, which costs less to put right here:
 *
 *     kind         place   ref      id       aside                 json
 *     0 caller     0       0        user     is active             -
 *     1 scenario   its n   0        its own  everybody sees it, -  object
 *     2 persona    of its  0        its own  name                  object
 *     3 scene      scena-  order    its own  -                     object
 *     4 cast       rio     scene's  persona's   -                  -
 *
 * `place` is a scenario's place in the list. Scenes without an order come last. An object never is
 * empty. Whoever is in a scene, but not in its scenario, is left out.
 */
#ifndef STORE_SCENARIO_ROWS_H
#define STORE_SCENARIO_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "base/buffer.h"

struct scenario_row {
    int64_t keys[4]; /* kind, place, ref, id */
    int number;      /* in the result */
};

struct scenario_row_range {
    const struct scenario_row *rows;
    size_t count;
};

struct scenario_rows {
    struct scenario_row_range callers, scenarios, personas, scenes, cast;
    const PGresult *result;
    struct scenario_row *rows; /* all of them, in order */
};

/* Borrows `result` until scenario_rows_clear. */
void scenario_rows_init(struct scenario_rows *rows, const PGresult *result);
void scenario_rows_clear(struct scenario_rows *rows);

/* Is the `aside` of the first row `true`? Not where there is none. */
bool scenario_rows_flag(const struct scenario_rows *rows, const struct scenario_row_range *range);

/* The only scenario, of which there must be one, with its personas and scenes, each scene with its
 * cast. ERR_LIMIT: `out` does not take it all. */
MUST_CHECK enum err scenario_rows_one(const struct scenario_rows *rows, struct buffer *out);

/* All of them as an array; the scenes with their cast or without. */
MUST_CHECK enum err scenario_rows_list(const struct scenario_rows *rows, bool with_cast,
                                       struct buffer *out);

#endif
