/*
 * PostgreSQL writes the JSON: rows become the reply where they are, and json columns go into it as
 * they stand. For the lists nothing is looked up scenario by scenario: the tables have no index by
 * scenario, so that each of them is read once and joined.
 */
#include "store/scenario_read.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/sql.h"

/* --- pieces -------------------------------------------------------------------------------------
 */

#define EMPTY_LIST(list) "coalesce(" list ", '[]'::json)"

/* Of a row `p` of scenario_personas. */
#define PERSONA_JSON                                                                               \
    "json_build_object('id', p.id, 'name', p.name, 'role', p.role, 'background', p.background,"    \
    " 'correlation', p.correlation, 'primary_goals', p.primary_goals,"                             \
    " 'personality_traits', p.personality_traits)"

/* What follows WITH chosen AS (the ids of scenarios): their personas, each made once for all lists
 * that it is in; and by scenario. */
#define PERSONA_LISTS                                                                              \
    "persona AS MATERIALIZED ("                                                                    \
    "  SELECT p.id, p.scenario_id, p.name, " PERSONA_JSON " AS json"                               \
    "  FROM chosen JOIN scenario_personas p ON p.scenario_id = chosen.id"                          \
    "),"                                                                                           \
    "persona_list AS ("                                                                            \
    "  SELECT scenario_id, json_agg(json ORDER BY id) AS list FROM persona GROUP BY scenario_id"   \
    ")"

/* Their scenes, for the next two. */
#define SCENES                                                                                     \
    "scene AS ("                                                                                   \
    "  SELECT c.* FROM chosen JOIN scenario_scenes c ON c.scenario_id = chosen.id"                 \
    ")"

/* Who is in which of them. */
#define CAST_LISTS                                                                                 \
    "cast_list AS ("                                                                               \
    "  SELECT l.scene_id, json_agg(p.name ORDER BY p.id) AS names,"                                \
    "    json_agg(p.json ORDER BY p.id) AS list"                                                   \
    "  FROM scene JOIN scene_personas l ON l.scene_id = scene.id"                                  \
    "    JOIN persona p ON p.id = l.persona_id"                                                    \
    "  GROUP BY l.scene_id"                                                                        \
    ")"

/* The scenes by scenario. `columns` is for json_build_object, of rows `c` and, where `joins` has
 * it, `cast_list`. */
#define SCENE_LISTS(columns, joins)                                                                \
    "scene_list AS ("                                                                              \
    "  SELECT c.scenario_id,"                                                                      \
    "    json_agg(json_build_object(" columns ") ORDER BY c.scene_order, c.id) AS list"            \
    "  FROM scene c " joins " GROUP BY c.scenario_id"                                              \
    ")"

#define JOIN_CAST "LEFT JOIN cast_list ON cast_list.scene_id = c.id"

#define SCENE_CAST                                                                                 \
    "'personas_involved', " EMPTY_LIST(                                                            \
        "cast_list.names") ","                                                                     \
                           "'created_at', " SQL_ISO("c.created_at") ", 'updated_at', " SQL_ISO(    \
                               "c.updated_at") ","                                                 \
                                               "'personas', " EMPTY_LIST("cast_list.list")

#define SCENARIO_LISTS                                                                             \
    "'personas', " EMPTY_LIST("persona_list.list") ", 'scenes', " EMPTY_LIST("scene_list.list")

/* The chosen scenarios as rows `s`, with their lists. */
#define FROM_CHOSEN                                                                                \
    "FROM chosen JOIN scenarios s ON s.id = chosen.id"                                             \
    " LEFT JOIN persona_list ON persona_list.scenario_id = s.id"                                   \
    " LEFT JOIN scene_list ON scene_list.scenario_id = s.id"

#define SCENARIO_COLUMNS                                                                           \
    "'id', s.id, 'title', s.title, 'description', s.description, 'challenge', s.challenge,"        \
    "'industry', s.industry, 'learning_objectives', s.learning_objectives,"                        \
    "'student_role', s.student_role, 'category', s.category,"                                      \
    "'difficulty_level', s.difficulty_level, 'estimated_duration', s.estimated_duration,"          \
    "'tags', s.tags, 'pdf_title', s.pdf_title, 'pdf_source', s.pdf_source,"                        \
    "'processing_version', s.processing_version, 'rating_avg', s.rating_avg,"                      \
    "'source_type', s.source_type, 'is_public', s.is_public, 'is_template', s.is_template,"        \
    "'allow_remixes', s.allow_remixes, 'usage_count', s.usage_count,"                              \
    "'clone_count', s.clone_count, 'created_by', s.created_by,"                                    \
    "'created_at', " SQL_ISO("s.created_at") ", 'updated_at', " SQL_ISO("s.updated_at")

#define OWN_COLUMNS                                                                                \
    "'id', s.id, 'title', s.title, 'description', s.description, 'challenge', s.challenge,"        \
    "'industry', s.industry, 'learning_objectives', s.learning_objectives,"                        \
    "'student_role', s.student_role, 'status', s.status,"                                          \
    "'created_at', " SQL_ISO("s.created_at") ", 'is_public', s.is_public"

#define OWN_SCENE_COLUMNS                                                                          \
    "'id', c.id, 'title', c.title, 'description', c.description, 'user_goal', c.user_goal,"        \
    "'scene_order', c.scene_order, 'estimated_duration', c.estimated_duration,"                    \
    "'image_url', c.image_url"

/* Does everybody see a row `s`? */
#define IS_PUBLIC "(s.is_public AND NOT s.is_draft) IS TRUE "

/* The caller, and of the caller's scenarios those that are meant. Of an inactive one there are
 * none. `$2` is the most. */
#define CALLER "caller AS (SELECT id, is_active FROM users WHERE id = $1::bigint)"

#define CHOSEN_OWN(condition)                                                                      \
    "chosen AS ("                                                                                  \
    "  SELECT s.id FROM scenarios s JOIN caller ON caller.id = s.created_by AND caller.is_active"  \
    "  WHERE s.deleted_at IS NULL AND " condition                                                  \
    "  ORDER BY s.created_at DESC, s.id DESC LIMIT $2::bigint"                                     \
    ")"

/* One row in any case: a list, and whether the caller is active, NULL where there is none. */
#define SELECT_OWN(columns)                                                                        \
    "SELECT " EMPTY_LIST("(SELECT json_agg(json_build_object(" columns "," SCENARIO_LISTS ")"      \
                         " ORDER BY s.created_at DESC, s.id DESC) " FROM_CHOSEN                    \
                         ")") ", (SELECT is_active IS TRUE FROM caller)"

/* --- statements ---------------------------------------------------------------------------------
 */

/* Laid out by hand, as lines of SQL are not lines of C. */
/* clang-format off */

static const char full_sql[] =
    "WITH chosen AS ("
    "  SELECT id FROM scenarios WHERE id = $1::bigint AND deleted_at IS NULL"
    ")," PERSONA_LISTS "," SCENES "," CAST_LISTS ","
    SCENE_LISTS(
        "'id', c.id, 'scenario_id', c.scenario_id, 'title', c.title,"
        "'description', c.description, 'user_goal', c.user_goal, 'scene_order', c.scene_order,"
        "'estimated_duration', c.estimated_duration, 'image_url', c.image_url,"
        "'image_prompt', c.image_prompt, 'timeout_turns', c.timeout_turns,"
        "'success_metric', c.success_metric," SCENE_CAST,
        JOIN_CAST)
    "SELECT json_build_object(" SCENARIO_COLUMNS "," SCENARIO_LISTS "), " IS_PUBLIC
    FROM_CHOSEN;

static const char scenario_sql[] =
    "SELECT json_build_object(" SCENARIO_COLUMNS ", 'rating_count', s.rating_count,"
    "  'persona_count', (SELECT count(*) FROM scenario_personas WHERE scenario_id = s.id),"
    "  'scene_count', (SELECT count(*) FROM scenario_scenes WHERE scenario_id = s.id)), " IS_PUBLIC
    "FROM scenarios s WHERE s.id = $1::bigint AND s.deleted_at IS NULL";

static const char public_sql[] =
    "SELECT " EMPTY_LIST(
        "json_agg(json_build_object('id', s.id, 'title', s.title, 'description', s.description,"
        "  'category', s.category, 'difficulty_level', s.difficulty_level,"
        "  'estimated_duration', s.estimated_duration, 'rating_avg', s.rating_avg,"
        "  'rating_count', s.rating_count, 'usage_count', s.usage_count) ORDER BY s.id)")
    ", coalesce(bool_and(NOT s.is_draft), true) "
    "FROM ("
    "  SELECT * FROM scenarios WHERE is_public AND deleted_at IS NULL"
    "  ORDER BY id OFFSET $1::bigint LIMIT $2::bigint"
    ") AS s";

static const char published_sql[] =
    "WITH " CALLER "," CHOSEN_OWN("NOT s.is_draft") "," PERSONA_LISTS "," SCENES ","
    SCENE_LISTS(OWN_SCENE_COLUMNS, "")
    SELECT_OWN(OWN_COLUMNS);

static const char drafts_sql[] =
    "WITH " CALLER "," CHOSEN_OWN("s.is_draft") "," PERSONA_LISTS "," SCENES "," CAST_LISTS ","
    SCENE_LISTS(
        OWN_SCENE_COLUMNS ", 'timeout_turns', c.timeout_turns,"
        "'success_metric', c.success_metric," SCENE_CAST,
        JOIN_CAST)
    SELECT_OWN(
        OWN_COLUMNS ", 'unique_id', s.unique_id, 'is_draft', s.is_draft,"
        "'published_version_id', s.published_version_id");

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

/* The second column says whether everybody sees it or, of the kinds that ask for a user, whether
 * the user is active. */
enum { COLUMN_JSON, COLUMN_FLAG };

static bool asks_for_user(enum scenario_read_kind kind)
{
    return kind == READ_PUBLISHED || kind == READ_DRAFTS || kind == READ_USER;
}

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

static bool flag_of(const PGresult *result)
{
    return PQgetvalue(result, 0, COLUMN_FLAG)[0] == 't';
}

static enum caller caller_of(const PGresult *result)
{
    if (PQgetisnull(result, 0, COLUMN_FLAG))
        return CALLER_UNKNOWN;
    return flag_of(result) ? CALLER_ACTIVE : CALLER_INACTIVE;
}

static enum flow take(struct op *op)
{
    struct scenario_read *read = op_cast(op, scenario_read);
    const PGresult *result = read->query.result;
    if (PQntuples(result) == 0)
        return op_fail(op, ERR_NOT_FOUND, "Scenario not found");
    read->json = (struct slice){PQgetvalue(result, 0, COLUMN_JSON),
                                (size_t)PQgetlength(result, 0, COLUMN_JSON)};
    if (asks_for_user(read->question.kind))
        read->caller = caller_of(result);
    else
        read->is_public = flag_of(result);
    return FLOW_NEXT;
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
    op_start(&read->op, &read_kind, link);
}

void scenario_read_clear(struct scenario_read *read)
{
    if (read->pool)
        pg_query_clear(&read->query);
}
