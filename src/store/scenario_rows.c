/* Rows are ordered, so that what belongs to something is a range of them, found by halving. */
#include "store/scenario_rows.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

enum key { KEY_KIND, KEY_PLACE, KEY_REF, KEY_ID, KEY_COUNT }; /* the first columns, too */

enum column { COLUMN_ASIDE = KEY_COUNT, COLUMN_JSON };

enum kind { KIND_CALLER, KIND_SCENARIO, KIND_PERSONA, KIND_SCENE, KIND_CAST };

/* --- ranges -------------------------------------------------------------------------------------
 */

static int64_t number(const PGresult *result, int row, enum key key)
{
    if (PQgetisnull(result, row, (int)key))
        return INT64_MAX;
    return strtoll(PQgetvalue(result, row, (int)key), NULL, 10);
}

static int by_keys(const void *a, const void *b)
{
    const struct scenario_row *x = a, *y = b;
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (x->keys[i] != y->keys[i])
            return x->keys[i] < y->keys[i] ? -1 : 1;
    return 0;
}

/* The first row of a range whose `key` is `at_least` that; the count where there is none. */
static size_t lower_bound(const struct scenario_row_range *range, enum key key, int64_t at_least)
{
    size_t low = 0, high = range->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (range->rows[middle].keys[key] < at_least)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of a range that is ordered by a key, those that have `value` there. */
static struct scenario_row_range where(const struct scenario_row_range *range, enum key key,
                                       int64_t value)
{
    const size_t first = lower_bound(range, key, value);
    return (struct scenario_row_range){range->rows + first,
                                       lower_bound(range, key, value + 1) - first};
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

struct writer {
    const struct scenario_rows *all;
    struct buffer *out;
    enum err err; /* the first failure, after which nothing is written */
};

static void put_text(struct writer *writer, const char *text)
{
    if (writer->err == OK)
        writer->err = buffer_puts(writer->out, text);
}

/* A column but for its last `less` bytes. */
static void put(struct writer *writer, const struct scenario_row *row, enum column column,
                size_t less)
{
    const PGresult *result = writer->all->result;
    const size_t length = (size_t)PQgetlength(result, row->number, (int)column);
    assert(length > less);
    if (writer->err == OK)
        writer->err =
            buffer_append(writer->out, PQgetvalue(result, row->number, (int)column), length - less);
}

/* An object but for its closing brace. */
static void put_open(struct writer *writer, const struct scenario_row *row)
{
    put(writer, row, COLUMN_JSON, 1);
}

static void put_objects(struct writer *writer, const struct scenario_row_range *range)
{
    put_text(writer, "[");
    for (size_t i = 0; i < range->count; i++) {
        put_text(writer, i > 0 ? "," : "");
        put(writer, &range->rows[i], COLUMN_JSON, 0);
    }
    put_text(writer, "]");
}

/* Of each persona who is in a scene the `column`. */
static void put_cast(struct writer *writer, const struct scenario_row_range *cast,
                     const struct scenario_row_range *personas, enum column column)
{
    const char *comma = "";
    put_text(writer, "[");
    for (size_t i = 0; i < cast->count; i++) {
        const struct scenario_row_range persona =
            where(personas, KEY_ID, cast->rows[i].keys[KEY_ID]);
        if (persona.count == 0)
            continue;
        put_text(writer, comma);
        put(writer, persona.rows, column, 0);
        comma = ",";
    }
    put_text(writer, "]");
}

static void put_scene(struct writer *writer, const struct scenario_row *scene,
                      const struct scenario_row_range *cast,
                      const struct scenario_row_range *personas)
{
    const struct scenario_row_range own = where(cast, KEY_REF, scene->keys[KEY_ID]);
    put_open(writer, scene);
    put_text(writer, ",\"personas_involved\":");
    put_cast(writer, &own, personas, COLUMN_ASIDE);
    put_text(writer, ",\"personas\":");
    put_cast(writer, &own, personas, COLUMN_JSON);
    put_text(writer, "}");
}

static void put_scenario(struct writer *writer, const struct scenario_row *scenario, bool with_cast)
{
    const int64_t place = scenario->keys[KEY_PLACE];
    const struct scenario_row_range personas = where(&writer->all->personas, KEY_PLACE, place);
    const struct scenario_row_range scenes = where(&writer->all->scenes, KEY_PLACE, place);
    const struct scenario_row_range cast = where(&writer->all->cast, KEY_PLACE, place);
    put_open(writer, scenario);
    put_text(writer, ",\"personas\":");
    put_objects(writer, &personas);
    put_text(writer, ",\"scenes\":");
    if (!with_cast) {
        put_objects(writer, &scenes);
    } else {
        put_text(writer, "[");
        for (size_t i = 0; i < scenes.count; i++) {
            put_text(writer, i > 0 ? "," : "");
            put_scene(writer, &scenes.rows[i], &cast, &personas);
        }
        put_text(writer, "]");
    }
    put_text(writer, "}");
}

/* --- from outside -------------------------------------------------------------------------------
 */

void scenario_rows_init(struct scenario_rows *rows, const PGresult *result)
{
    const size_t count = (size_t)PQntuples(result);
    rows->result = result;
    rows->rows = malloc((count + 1) * sizeof(*rows->rows));
    if (!rows->rows)
        abort();
    for (size_t i = 0; i < count; i++) {
        rows->rows[i].number = (int)i;
        for (enum key key = KEY_KIND; key < KEY_COUNT; key++)
            rows->rows[i].keys[key] = number(result, (int)i, key);
    }
    qsort(rows->rows, count, sizeof(*rows->rows), by_keys);
    const struct scenario_row_range all = {rows->rows, count};
    rows->callers = where(&all, KEY_KIND, KIND_CALLER);
    rows->scenarios = where(&all, KEY_KIND, KIND_SCENARIO);
    rows->personas = where(&all, KEY_KIND, KIND_PERSONA);
    rows->scenes = where(&all, KEY_KIND, KIND_SCENE);
    rows->cast = where(&all, KEY_KIND, KIND_CAST);
}

void scenario_rows_clear(struct scenario_rows *rows)
{
    free(rows->rows);
    *rows = (struct scenario_rows){0};
}

bool scenario_rows_flag(const struct scenario_rows *rows, const struct scenario_row_range *range)
{
    return range->count > 0 &&
           PQgetvalue(rows->result, range->rows->number, COLUMN_ASIDE)[0] == 't';
}

enum err scenario_rows_one(const struct scenario_rows *rows, struct buffer *out)
{
    struct writer writer = {rows, out, OK};
    assert(rows->scenarios.count == 1);
    put_scenario(&writer, rows->scenarios.rows, true);
    return writer.err;
}

enum err scenario_rows_list(const struct scenario_rows *rows, bool with_cast, struct buffer *out)
{
    struct writer writer = {rows, out, OK};
    put_text(&writer, "[");
    for (size_t i = 0; i < rows->scenarios.count; i++) {
        put_text(&writer, i > 0 ? "," : "");
        put_scenario(&writer, &rows->scenarios.rows[i], with_cast);
    }
    put_text(&writer, "]");
    return writer.err;
}
