/*
 * scenario_rows.h: the rows of a statement that reads scenarios with what is in them, to JSON.
 *
 *     struct scenario_rows rows;
 *     scenario_rows_init(&rows, result);
 *     if (scenario_rows_list(&rows, true, &out) == OK)
 *         ... out.data
 *
 * Columns: kind, place, ref, id, aside, json; ordered by the first four:
 *
 *     kind         place   ref      id       aside                 json
 *     0 caller     0       0        user     is active             -
 *     1 scenario   its n   0        its own  everybody sees it, -  object
 *     2 persona    of its  0        its own  name                  object
 *     3 scene      scena-  order    its own  -                     object
 *     4 cast       rio     scene's  persona's   -                  -
 *
 * `place` is a scenario's place in the list. An object never is empty. Whoever is in a scene, but
 * not in its scenario, is left out.
 */
#ifndef STORE_SCENARIO_ROWS_H
#define STORE_SCENARIO_ROWS_H

#include <stdbool.h>

#include <libpq-fe.h>

#include "base/buffer.h"

/* Rows [first, first + count) of a result. */
struct row_range {
    const PGresult *result;
    int first, count;
};

struct scenario_rows {
    struct row_range callers, scenarios, personas, scenes, cast;
};

void scenario_rows_init(struct scenario_rows *rows, const PGresult *result);

/* Is the `aside` of the first row `true`? Not where there is none. */
bool scenario_rows_flag(const struct row_range *range);

/* The only scenario, of which there must be one, with its personas and scenes, each scene with its
 * cast. ERR_LIMIT: `out` does not take it all. */
MUST_CHECK enum err scenario_rows_one(const struct scenario_rows *rows, struct buffer *out);

/* All of them as an array; the scenes with their cast or without. */
MUST_CHECK enum err scenario_rows_list(const struct scenario_rows *rows, bool with_cast,
                                       struct buffer *out);

#endif
