/* Rows are ordered, so that what belongs to something is a range of them, found by halving. */
#include "store/scenario_rows.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

enum column { COLUMN_KIND, COLUMN_PLACE, COLUMN_REF, COLUMN_ID, COLUMN_ASIDE, COLUMN_JSON };

enum kind { KIND_CALLER, KIND_SCENARIO, KIND_PERSONA, KIND_SCENE, KIND_CAST };

/* --- ranges -------------------------------------------------------------------------------------
 */

static int64_t number(const PGresult *result, int row, enum column column)
{
    return strtoll(PQgetvalue(result, row, (int)column), NULL, 10);
}

/* The first row of a range whose `column` is `at_least` that, or the row behind the range. */
static int lower_bound(const struct row_range *range, enum column column, int64_t at_least)
{
    int low = range->first, high = range->first + range->count;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (number(range->result, middle, column) < at_least)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of a range that is ordered by a column, those that have `value` there. */
static struct row_range where(const struct row_range *range, enum column column, int64_t value)
{
    const int first = lower_bound(range, column, value);
    return (struct row_range){range->result, first, lower_bound(range, column, value + 1) - first};
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

static enum err put(struct buffer *out, const PGresult *result, int row, enum column column)
{
    return buffer_append(out, PQgetvalue(result, row, (int)column),
                         (size_t)PQgetlength(result, row, (int)column));
}

/* An object but for its closing brace. */
static enum err put_open(struct buffer *out, const PGresult *result, int row)
{
    const int length = PQgetlength(result, row, COLUMN_JSON);
    assert(length > 2);
    return buffer_append(out, PQgetvalue(result, row, COLUMN_JSON), (size_t)length - 1);
}

/* Of each row of a range its `column`, as an array. */
static enum err put_array(struct buffer *out, const struct row_range *range, enum column column)
{
    enum err err = buffer_puts(out, "[");
    for (int i = 0; i < range->count && err == OK; i++) {
        if (i > 0)
            err = buffer_puts(out, ",");
        err = err ? err : put(out, range->result, range->first + i, column);
    }
    return err ? err : buffer_puts(out, "]");
}

/* Of each persona who is in a scene the `column`, as an array. */
static enum err put_cast(struct buffer *out, const struct row_range *cast,
                         const struct row_range *personas, enum column column)
{
    enum err err = buffer_puts(out, "[");
    const char *comma = "";
    for (int i = 0; i < cast->count && err == OK; i++) {
        const int64_t id = number(cast->result, cast->first + i, COLUMN_ID);
        const struct row_range persona = where(personas, COLUMN_ID, id);
        if (persona.count == 0)
            continue;
        err = buffer_puts(out, comma);
        err = err ? err : put(out, persona.result, persona.first, column);
        comma = ",";
    }
    return err ? err : buffer_puts(out, "]");
}

static enum err put_scene(struct buffer *out, const struct row_range *scenes, int row,
                          const struct row_range *cast, const struct row_range *personas)
{
    const int64_t id = number(scenes->result, row, COLUMN_ID);
    const struct row_range own_cast = where(cast, COLUMN_REF, id);
    enum err err = put_open(out, scenes->result, row);
    err = err ? err : buffer_puts(out, ",\"personas_involved\":");
    err = err ? err : put_cast(out, &own_cast, personas, COLUMN_ASIDE);
    err = err ? err : buffer_puts(out, ",\"personas\":");
    err = err ? err : put_cast(out, &own_cast, personas, COLUMN_JSON);
    return err ? err : buffer_puts(out, "}");
}

static enum err put_scenes(struct buffer *out, const struct row_range *scenes,
                           const struct row_range *cast, const struct row_range *personas)
{
    enum err err = buffer_puts(out, "[");
    for (int i = 0; i < scenes->count && err == OK; i++) {
        if (i > 0)
            err = buffer_puts(out, ",");
        err = err ? err : put_scene(out, scenes, scenes->first + i, cast, personas);
    }
    return err ? err : buffer_puts(out, "]");
}

static enum err put_scenario(struct buffer *out, const struct scenario_rows *rows, int row,
                             bool with_cast)
{
    const int64_t place = number(rows->scenarios.result, row, COLUMN_PLACE);
    const struct row_range personas = where(&rows->personas, COLUMN_PLACE, place);
    const struct row_range scenes = where(&rows->scenes, COLUMN_PLACE, place);
    const struct row_range cast = where(&rows->cast, COLUMN_PLACE, place);
    enum err err = put_open(out, rows->scenarios.result, row);
    err = err ? err : buffer_puts(out, ",\"personas\":");
    err = err ? err : put_array(out, &personas, COLUMN_JSON);
    err = err ? err : buffer_puts(out, ",\"scenes\":");
    if (with_cast)
        err = err ? err : put_scenes(out, &scenes, &cast, &personas);
    else
        err = err ? err : put_array(out, &scenes, COLUMN_JSON);
    return err ? err : buffer_puts(out, "}");
}

/* --- from outside -------------------------------------------------------------------------------
 */

void scenario_rows_init(struct scenario_rows *rows, const PGresult *result)
{
    const struct row_range all = {result, 0, PQntuples(result)};
    rows->callers = where(&all, COLUMN_KIND, KIND_CALLER);
    rows->scenarios = where(&all, COLUMN_KIND, KIND_SCENARIO);
    rows->personas = where(&all, COLUMN_KIND, KIND_PERSONA);
    rows->scenes = where(&all, COLUMN_KIND, KIND_SCENE);
    rows->cast = where(&all, COLUMN_KIND, KIND_CAST);
}

bool scenario_rows_flag(const struct row_range *range)
{
    return range->count > 0 && PQgetvalue(range->result, range->first, COLUMN_ASIDE)[0] == 't';
}

enum err scenario_rows_one(const struct scenario_rows *rows, struct buffer *out)
{
    assert(rows->scenarios.count == 1);
    return put_scenario(out, rows, rows->scenarios.first, true);
}

enum err scenario_rows_list(const struct scenario_rows *rows, bool with_cast, struct buffer *out)
{
    enum err err = buffer_puts(out, "[");
    for (int i = 0; i < rows->scenarios.count && err == OK; i++) {
        if (i > 0)
            err = buffer_puts(out, ",");
        err = err ? err : put_scenario(out, rows, rows->scenarios.first + i, with_cast);
    }
    return err ? err : buffer_puts(out, "]");
}
