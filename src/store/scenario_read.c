/*
 * PostgreSQL writes the JSON of each row, in which json columns stand as they are. What is in
 * another, as scenes in a scenario, comes in rows beside it and is put into its place here, by
 * scenario_rows.h: one aggregate in the other, as SQL would have it, copies all of it at each
 * level, and sends a persona as often as it is in a scene.
 *
 * Nothing is looked up scenario by scenario: the tables have no index by scenario, so that each of
 * them is read once and joined.
 */
#include "store/scenario_read.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/scenario_rows.h"
#include "store/sql.h"

/* --- pieces -------------------------------------------------------------------------------------
 */

/* A kind of row, as scenario_rows.h has it. */
#define ROWS(kind, place, ref, id, aside, json)                                                    \
    "SELECT " kind " AS kind, " place " AS place, " ref " AS ref, " id " AS id,"                   \
    " " aside " AS aside, " json " AS json "

#define UNION_ALL " UNION ALL "

/* Columns as an object that has their names: a third faster than json_build_object, which looks up
 * the type of each name and of each value. */
#define OBJECT(columns) "(SELECT row_to_json(o) FROM (SELECT " columns ") AS o)"

/* Of a row `s` of scenarios. */
#define SCENARIO_COLUMNS                                                                           \
    "s.id, s.title, s.description, s.challenge, s.industry, s.learning_objectives,"                \
    "s.student_role, s.category, s.difficulty_level, s.estimated_duration, s.tags, s.pdf_title,"   \
    "s.pdf_source, s.processing_version, s.rating_avg, s.source_type, s.is_public,"                \
    "s.is_template, s.allow_remixes, s.usage_count, s.clone_count, s.created_by," TIMES("s")

#define OWN_COLUMNS                                                                                \
    "s.id, s.title, s.description, s.challenge, s.industry, s.learning_objectives,"                \
    "s.student_role, s.status, s.is_public," SQL_ISO("s.created_at") " AS created_at"

/* Of a row `c` of scenario_scenes. */
#define OWN_SCENE_COLUMNS                                                                          \
    "c.id, c.title, c.description, c.user_goal, c.scene_order, c.estimated_duration, c.image_url"

#define TIMES(row)                                                                                 \
    SQL_ISO(row ".created_at") " AS created_at," SQL_ISO(row ".updated_at") " AS updated_at"

/* Does everybody see a row `s`? */
#define IS_PUBLIC "(s.is_public AND NOT s.is_draft) IS TRUE "

/* What follows WITH chosen AS (the ids of scenarios, and their places in the list). */
#define SCENARIO_ROWS(aside, columns)                                                              \
    ROWS("1", "place", "0", "s.id", aside, OBJECT(columns))                                        \
    "FROM chosen JOIN scenarios s ON s.id = chosen.id"

#define PERSONA_ROWS                                                                               \
    ROWS("2", "place", "0", "p.id", "to_json(p.name)",                                             \
         OBJECT("p.id, p.name, p.role, p.background, p.correlation, p.primary_goals,"              \
                "p.personality_traits"))                                                           \
    "FROM chosen JOIN scenario_personas p ON p.scenario_id = chosen.id"

#define SCENE_ROWS(columns)                                                                        \
    ROWS("3", "place", "c.scene_order", "c.id", "NULL::json", OBJECT(columns))                     \
    "FROM chosen JOIN scenario_scenes c ON c.scenario_id = chosen.id"

#define CAST_ROWS                                                                                  \
    ROWS("4", "place", "l.scene_id", "l.persona_id", "NULL::json", "NULL::json")                   \
    "FROM chosen JOIN scenario_scenes c ON c.scenario_id = chosen.id"                              \
    " JOIN scene_personas l ON l.scene_id = c.id"

/* The caller, and of the caller's scenarios those that are meant. Of an inactive one there are
 * none. `$2` is the most. */
#define WITH_OWN(condition)                                                                        \
    "WITH caller AS (SELECT id, is_active FROM users WHERE id = $1::bigint),"                      \
    "chosen AS ("                                                                                  \
    "  SELECT s.id, row_number() OVER (ORDER BY s.created_at DESC, s.id DESC) AS place"            \
    "  FROM scenarios s JOIN caller ON caller.id = s.created_by AND caller.is_active"              \
    "  WHERE s.deleted_at IS NULL AND " condition                                                  \
    "  ORDER BY s.created_at DESC, s.id DESC LIMIT $2::bigint"                                     \
    ")"

#define CALLER_ROW                                                                                 \
    ROWS("0", "0::bigint", "0", "id", "to_json(is_active IS TRUE)", "NULL::json") "FROM caller"

/* --- statements ---------------------------------------------------------------------------------
 */

/* Laid out by hand, as lines of SQL are not lines of C. */
/* clang-format off */

static const char full_sql[] =
    "WITH chosen AS ("
    "  SELECT id, 1::bigint AS place FROM scenarios WHERE id = $1::bigint AND deleted_at IS NULL"
    ")"
    SCENARIO_ROWS("to_json(" IS_PUBLIC ")", SCENARIO_COLUMNS) UNION_ALL
    PERSONA_ROWS UNION_ALL
    SCENE_ROWS(
        "c.id, c.scenario_id, c.title, c.description, c.user_goal, c.scene_order,"
        "c.estimated_duration, c.image_url, c.image_prompt, c.timeout_turns, c.success_metric,"
        TIMES("c")) UNION_ALL
    CAST_ROWS;

static const char scenario_sql[] =
    "SELECT " OBJECT(SCENARIO_COLUMNS ", s.rating_count,"
        "(SELECT count(*) FROM scenario_personas WHERE scenario_id = s.id) AS persona_count,"
        "(SELECT count(*) FROM scenario_scenes WHERE scenario_id = s.id) AS scene_count")
    "," IS_PUBLIC
    "FROM scenarios s WHERE s.id = $1::bigint AND s.deleted_at IS NULL";

static const char public_sql[] =
    "SELECT coalesce(json_agg(" OBJECT(
        "s.id, s.title, s.description, s.category, s.difficulty_level, s.estimated_duration,"
        "s.rating_avg, s.rating_count, s.usage_count")
    "  ORDER BY s.id), '[]'::json), coalesce(bool_and(NOT s.is_draft), true) "
    "FROM ("
    "  SELECT * FROM scenarios WHERE is_public AND deleted_at IS NULL"
    "  ORDER BY id OFFSET $1::bigint LIMIT $2::bigint"
    ") AS s";

static const char published_sql[] =
    WITH_OWN("NOT s.is_draft")
    CALLER_ROW UNION_ALL
    SCENARIO_ROWS("NULL::json", OWN_COLUMNS) UNION_ALL
    PERSONA_ROWS UNION_ALL
    SCENE_ROWS(OWN_SCENE_COLUMNS);

static const char drafts_sql[] =
    WITH_OWN("s.is_draft")
    CALLER_ROW UNION_ALL
    SCENARIO_ROWS("NULL::json",
        OWN_COLUMNS ", s.unique_id, s.is_draft, s.published_version_id") UNION_ALL
    PERSONA_ROWS UNION_ALL
    SCENE_ROWS(OWN_SCENE_COLUMNS ", c.timeout_turns, c.success_metric," TIMES("c")) UNION_ALL
    CAST_ROWS;

/* clang-format on */

static const char user_sql[] =
    "SELECT '', (SELECT is_active IS TRUE FROM users WHERE id = $1::bigint)";

static const struct pg_statement statements[] = {
    [READ_FULL] = {"scenario_full", full_sql, 1},
    [READ_SCENARIO] = {"scenario_columns", scenario_sql, 1},
    [READ_PUBLIC] = {"scenarios_public", public_sql, 2},
    [READ_PUBLISHED] = {"scenarios_published", published_sql, 2},
    [READ_DRAFTS] = {"scenarios_drafts", drafts_sql, 2},
    [READ_USER] = {"scenarios_user", user_sql, 1},
};

/* Of the kinds whose answer is one row: the second column says whether everybody sees it or, of
 * READ_USER, whether the user is active. */
enum { COLUMN_JSON, COLUMN_FLAG };

/* --- steps --------------------------------------------------------------------------------------
 */

static enum flow ask(struct op *op)
{
    struct scenario_read *read = op_cast(op, scenario_read);
    const struct scenario_question *question = &read->question;
    const bool is_public = question->kind == READ_PUBLIC;
    const int64_t numbers[] = {is_public ? question->skip : question->id,
                               is_public ? question->limit : OWN_SCENARIOS_MAX};
    for (size_t i = 0; i < 2; i++) {
        snprintf(read->numbers[i], sizeof(read->numbers[i]), "%" PRId64, numbers[i]);
        read->values[i] = read->numbers[i];
    }
    pg_query_start(&read->query, need(op), read->pool, &statements[question->kind], read->values,
                   &(struct pg_query_options){.read_only = true});
    return FLOW_WAIT;
}

static enum caller caller_of(bool is_there, bool is_active)
{
    if (!is_there)
        return CALLER_UNKNOWN;
    return is_active ? CALLER_ACTIVE : CALLER_INACTIVE;
}

static enum flow not_found(struct op *op)
{
    return op_fail(op, ERR_NOT_FOUND, "Scenario not found");
}

/* The answer is one row. */
static enum flow take_row(struct scenario_read *read)
{
    const PGresult *result = read->query.result;
    if (PQntuples(result) == 0)
        return not_found(&read->op);
    const bool flag = PQgetvalue(result, 0, COLUMN_FLAG)[0] == 't';
    read->json = (struct slice){PQgetvalue(result, 0, COLUMN_JSON),
                                (size_t)PQgetlength(result, 0, COLUMN_JSON)};
    if (read->question.kind == READ_USER)
        read->caller = caller_of(!PQgetisnull(result, 0, COLUMN_FLAG), flag);
    else
        read->is_public = flag;
    return FLOW_NEXT;
}

/* It is rows of all kinds. */
static enum flow take_rows(struct scenario_read *read, bool is_list)
{
    struct op *op = &read->op;
    struct scenario_rows rows;
    scenario_rows_init(&rows, read->query.result);
    const bool found = is_list || rows.scenarios.count > 0;
    enum err err = OK;
    if (is_list) {
        err = scenario_rows_list(&rows, read->question.kind == READ_DRAFTS, &read->text);
        read->caller = caller_of(rows.callers.count > 0, scenario_rows_flag(&rows, &rows.callers));
    } else if (found) {
        err = scenario_rows_one(&rows, &read->text);
        read->is_public = scenario_rows_flag(&rows, &rows.scenarios);
    }
    scenario_rows_clear(&rows);
    if (!found)
        return not_found(op);
    if (err != OK)
        return op_fail(op, ERR_DATABASE, "More than %d MB of scenarios", SCENARIOS_BYTES_MAX >> 20);
    read->json = (struct slice){read->text.data, read->text.length};
    pg_query_clear(&read->query); /* whose rows are as long as what was made of them */
    return FLOW_NEXT;
}

static enum flow take(struct op *op)
{
    struct scenario_read *read = op_cast(op, scenario_read);
    const enum scenario_read_kind kind = read->question.kind;
    const bool is_list = kind == READ_PUBLISHED || kind == READ_DRAFTS;
    return is_list || kind == READ_FULL ? take_rows(read, is_list) : take_row(read);
}

static const struct step read_steps[] = {{"ask", ask}, {"take", take}, {0}};
static const struct op_kind read_kind = {"scenario_read", read_steps, NULL, NULL};

void scenario_read_start(struct scenario_read *read, struct op_link link, struct pg_pool *pool,
                         const struct scenario_question *question)
{
    assert(question->skip >= 0);
    assert(question->limit >= 0);
    memset(read, 0, sizeof(*read));
    read->pool = pool;
    read->question = *question;
    buffer_init(&read->text, SCENARIOS_BYTES_MAX);
    op_start(&read->op, &read_kind, link);
}

void scenario_read_clear(struct scenario_read *read)
{
    if (!read->pool)
        return;
    pg_query_clear(&read->query);
    buffer_clear(&read->text);
}
