/* scenario_read.h: rows written by hand, and the JSON that comes of them; who sees what; and that
 * statements need no column but those that schema.h looks at. */
#include "store/scenario_read.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "unit/store/database.h"

static struct scenario_read reading;

static enum err ask(const struct scenario_question *question)
{
    scenario_read_start(&reading, database_link(), &database.pool, question);
    return run(&reading.op);
}

static enum err read_one(enum scenario_read_kind kind, int64_t id)
{
    return ask(&(struct scenario_question){.kind = kind, .id = id});
}

static enum err read_public(int64_t skip, int64_t limit)
{
    return ask(&(struct scenario_question){.kind = READ_PUBLIC, .skip = skip, .limit = limit});
}

/* Is the answer this, but for white space? Ends the reading. */
static void check_json(const char *expected)
{
    const char *values[] = {reading.json.data, expected};
    PGresult *result =
        PQexecParams(database.connection, "SELECT $1::jsonb = $2::jsonb, jsonb_pretty($1::jsonb)",
                     2, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(database.connection));
    if (PQgetvalue(result, 0, 0)[0] != 't')
        fail_msg("it is %s", PQgetvalue(result, 0, 1));
    PQclear(result);
    assert_int_equal(reading.json.length, strlen(reading.json.data));
    scenario_read_clear(&reading);
}

/* The ids of a list, in its order, as PostgreSQL shows them. */
static void check_ids(const char *expected)
{
    const char *values[] = {reading.json.data};
    PGresult *result =
        PQexecParams(database.connection,
                     "SELECT coalesce(string_agg(e->>'id', ' ' ORDER BY n), '')"
                     " FROM json_array_elements($1::json) WITH ORDINALITY AS list (e, n)",
                     1, NULL, values, NULL, NULL, 0);
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    assert_string_equal(PQgetvalue(result, 0, 0), expected);
    PQclear(result);
    scenario_read_clear(&reading);
}

/* Scenario 5 has all there is, 6 nothing but its key. */
static void fill(void)
{
    sql("INSERT INTO users (id) VALUES (1), (2);"
        "INSERT INTO scenarios VALUES (5, 'SC-five', 'T', 'D', 'C', 'Business', '[\"1. x\"]',"
        " 'pdf_upload', 'the text', 'Consultant', 'Strategy', 'hard', 90, '[\"a\", {\"b\":  1e2}]',"
        " 'P', 'Uploaded PDF', '1.0', 4.3, 7, true, false, true, 'active', false, NULL, NULL, 12, "
        "3,"
        " NULL, NULL, NULL, 1, '2026-01-02 03:04:05.6789+00', '2026-01-02 04:04:05+01');"
        "INSERT INTO scenarios (id, unique_id, created_at, updated_at)"
        " VALUES (6, 'SC-six', NULL, NULL);"
        "INSERT INTO scenario_personas VALUES (31, 5, 'Bo', 'CEO', 'b', 'c', '[\"g\"]',"
        " '{\"analytical\": 5}');"
        "INSERT INTO scenario_personas (id, scenario_id, name, role) VALUES"
        " (30, 5, 'Al', 'CFO'), (32, 6, 'Cy', 'COO');"
        "INSERT INTO scenario_scenes (id, scenario_id, title, description, user_goal, scene_order,"
        " estimated_duration, timeout_turns, success_metric, image_url, image_prompt, created_at,"
        " updated_at) VALUES (41, 5, 'Second', 'd2', 'u', 2, 30, 15, 'm', 'https://x/1.webp', 'p',"
        " '2026-01-02 03:04:05.000001+00', '2026-01-02 03:04:05+00');"
        "INSERT INTO scenario_scenes (id, scenario_id, title, description, scene_order, created_at,"
        " updated_at) VALUES (42, 5, 'First', 'd1', 1, NULL, NULL);"
        "INSERT INTO scene_personas (scene_id, persona_id) VALUES (41, 31), (41, 30);"
        "SELECT setval('scenarios_id_seq', 100), setval('scenario_personas_id_seq', 100)");
}

#define AL                                                                                         \
    "{\"id\":30,\"name\":\"Al\",\"role\":\"CFO\",\"background\":null,\"correlation\":null,"        \
    "\"primary_goals\":null,\"personality_traits\":null}"
#define BO                                                                                         \
    "{\"id\":31,\"name\":\"Bo\",\"role\":\"CEO\",\"background\":\"b\",\"correlation\":\"c\","      \
    "\"primary_goals\":[\"g\"],\"personality_traits\":{\"analytical\":5}}"
#define FIVE                                                                                       \
    "\"id\":5,\"title\":\"T\",\"description\":\"D\",\"challenge\":\"C\",\"industry\":\"Business\"" \
    ",\"learning_objectives\":[\"1. x\"],\"student_role\":\"Consultant\","                         \
    "\"category\":\"Strategy\",\"difficulty_level\":\"hard\",\"estimated_duration\":90,"           \
    "\"tags\":[\"a\",{\"b\":100}],\"pdf_title\":\"P\",\"pdf_source\":\"Uploaded PDF\","            \
    "\"processing_version\":\"1.0\",\"rating_avg\":4.3,\"source_type\":\"pdf_upload\","            \
    "\"is_public\":true,\"is_template\":false,\"allow_remixes\":true,\"usage_count\":12,"          \
    "\"clone_count\":3,\"created_by\":1,\"created_at\":\"2026-01-02T03:04:05.678900+00:00\","      \
    "\"updated_at\":\"2026-01-02T03:04:05+00:00\""
#define FIRST                                                                                      \
    "\"id\":42,\"title\":\"First\",\"description\":\"d1\",\"user_goal\":null,\"scene_order\":1,"   \
    "\"estimated_duration\":null,\"image_url\":null"
#define FIRST_MORE                                                                                 \
    ",\"timeout_turns\":null,\"success_metric\":null,\"personas_involved\":[],"                    \
    "\"created_at\":null,\"updated_at\":null,\"personas\":[]"
#define SECOND                                                                                     \
    "\"id\":41,\"title\":\"Second\",\"description\":\"d2\",\"user_goal\":\"u\",\"scene_order\":2," \
    "\"estimated_duration\":30,\"image_url\":\"https://x/1.webp\""
#define SECOND_MORE                                                                                \
    ",\"timeout_turns\":15,\"success_metric\":\"m\",\"personas_involved\":[\"Al\",\"Bo\"],"        \
    "\"created_at\":\"2026-01-02T03:04:05.000001+00:00\","                                         \
    "\"updated_at\":\"2026-01-02T03:04:05+00:00\",\"personas\":[" AL "," BO "]"
#define OWN_FIVE                                                                                   \
    "\"id\":5,\"title\":\"T\",\"description\":\"D\",\"challenge\":\"C\",\"industry\":\"Business\"" \
    ",\"learning_objectives\":[\"1. x\"],\"student_role\":\"Consultant\",\"status\":\"active\","   \
    "\"created_at\":\"2026-01-02T03:04:05.678900+00:00\",\"is_public\":true,"                      \
    "\"personas\":[" AL "," BO "]"

/* --- one ----------------------------------------------------------------------------------------
 */

static void test_a_whole_scenario(void **state)
{
    (void)state;
    database_make();
    fill();
    assert_int_equal(read_one(READ_FULL, 5), OK);
    assert_int_equal(database.statements, 1);
    check_json("{" FIVE ",\"personas\":[" AL "," BO "],\"scenes\":[{" FIRST FIRST_MORE
               ",\"scenario_id\":5,\"image_prompt\":null},{" SECOND SECOND_MORE
               ",\"scenario_id\":5,\"image_prompt\":\"p\"}]}");
    assert_int_equal(read_one(READ_FULL, 6), OK);
    check_json(
        "{\"id\":6,\"title\":null,\"description\":null,\"challenge\":null,\"industry\":null,"
        "\"learning_objectives\":null,\"student_role\":null,\"category\":null,"
        "\"difficulty_level\":null,\"estimated_duration\":null,\"tags\":null,\"pdf_title\":null,"
        "\"pdf_source\":null,\"processing_version\":null,\"rating_avg\":null,"
        "\"source_type\":null,\"is_public\":null,\"is_template\":null,\"allow_remixes\":null,"
        "\"usage_count\":null,\"clone_count\":null,\"created_by\":null,\"created_at\":null,"
        "\"updated_at\":null,\"personas\":[{\"id\":32,\"name\":\"Cy\",\"role\":\"COO\","
        "\"background\":null,\"correlation\":null,\"primary_goals\":null,"
        "\"personality_traits\":null}],\"scenes\":[]}");
    database_drop();
}

static void test_a_scenario_in_short(void **state)
{
    (void)state;
    database_make();
    fill();
    assert_int_equal(read_one(READ_SCENARIO, 5), OK);
    check_json("{" FIVE ",\"rating_count\":7,\"persona_count\":2,\"scene_count\":2}");
    database_drop();
}

/* What is stored as JSON is handed on as it stands, though it could be written otherwise. */
static void test_stored_json_stays_as_it_is(void **state)
{
    (void)state;
    database_make();
    fill();
    assert_int_equal(read_one(READ_FULL, 5), OK);
    assert_non_null(strstr(reading.json.data, "[\"a\", {\"b\":  1e2}]"));
    scenario_read_clear(&reading);
    sql("UPDATE scenarios SET tags = '\"\\u0000 \\ud800\"', rating_avg = 0.1 + 0.2::float8");
    assert_int_equal(read_one(READ_FULL, 5), OK);
    assert_non_null(strstr(reading.json.data, "\"\\u0000 \\ud800\""));
    assert_non_null(strstr(reading.json.data, "0.30000000000000004"));
    scenario_read_clear(&reading);
    database_drop();
}

static void test_what_there_is_not(void **state)
{
    (void)state;
    static const int64_t ids[] = {0, 7, -1, 2147483648, INT64_MAX, INT64_MIN};
    static const enum scenario_read_kind kinds[] = {READ_FULL, READ_SCENARIO};
    database_make();
    fill();
    for (size_t kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
            assert_int_equal(read_one(kinds[kind], ids[i]), ERR_NOT_FOUND);
            assert_string_equal(op_error(&reading.op)->detail, "Scenario not found");
            scenario_read_clear(&reading);
        }
    }
    database_drop();
}

static void test_a_deleted_one_is_not_seen(void **state)
{
    (void)state;
    database_make();
    fill();
    sql("UPDATE scenarios SET deleted_at = now() WHERE id = 5");
    assert_int_equal(read_one(READ_FULL, 5), ERR_NOT_FOUND);
    scenario_read_clear(&reading);
    assert_int_equal(read_one(READ_SCENARIO, 5), ERR_NOT_FOUND);
    scenario_read_clear(&reading);
    assert_int_equal(read_public(0, 100), OK);
    check_ids("");
    assert_int_equal(read_one(READ_PUBLISHED, 1), OK);
    check_ids("");
    sql("UPDATE scenarios SET is_draft = true");
    assert_int_equal(read_one(READ_DRAFTS, 1), OK);
    check_ids("");
    database_drop();
}

/* The session's settings are not ours alone to choose. */
static void test_times_are_in_utc_whatever_the_zone(void **state)
{
    (void)state;
    database_make();
    fill();
    sql("SET timezone = 'Asia/Kolkata'; SET datestyle = 'German'");
    assert_int_equal(read_one(READ_FULL, 5), OK);
    assert_non_null(strstr(reading.json.data, "\"2026-01-02T03:04:05.678900+00:00\""));
    scenario_read_clear(&reading);
    database_drop();
}

/* --- lists --------------------------------------------------------------------------------------
 */

static void test_public_ones(void **state)
{
    (void)state;
    database_make();
    assert_int_equal(read_public(0, 20), OK);
    check_json("[]");
    fill();
    assert_int_equal(read_public(0, 20), OK);
    check_json("[{\"id\":5,\"title\":\"T\",\"description\":\"D\",\"category\":\"Strategy\","
               "\"difficulty_level\":\"hard\",\"estimated_duration\":90,\"rating_avg\":4.3,"
               "\"rating_count\":7,\"usage_count\":12}]");
    sql("INSERT INTO scenarios (id, unique_id, is_public) SELECT i, i::text, i %% 2 = 0"
        " FROM generate_series(20, 11, -1) AS i");
    static const struct {
        int64_t skip, limit;
        const char *ids;
    } pages[] = {
        {0, 20, "5 12 14 16 18 20"}, {0, 2, "5 12"}, {1, 2, "12 14"}, {5, 100, "20"}, {6, 1, ""},
        {INT64_MAX, 100, ""},        {0, 0, ""},
    };
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        assert_int_equal(read_public(pages[i].skip, pages[i].limit), OK);
        check_ids(pages[i].ids);
    }
    database_drop();
}

static void test_what_a_user_has_published(void **state)
{
    (void)state;
    database_make();
    fill();
    database.statements = 0;
    assert_int_equal(read_one(READ_PUBLISHED, 1), OK);
    assert_int_equal(database.statements, 1);
    assert_int_equal(reading.caller, CALLER_ACTIVE);
    check_json("[{" OWN_FIVE ",\"scenes\":[{" FIRST "},{" SECOND "}]}]");
    assert_int_equal(read_one(READ_DRAFTS, 1), OK);
    assert_int_equal(reading.caller, CALLER_ACTIVE);
    check_json("[]");
    database_drop();
}

static void test_a_users_drafts(void **state)
{
    (void)state;
    database_make();
    fill();
    sql("UPDATE scenarios SET is_draft = true, published_version_id = 6 WHERE id = 5");
    assert_int_equal(read_one(READ_DRAFTS, 1), OK);
    check_json("[{" OWN_FIVE ",\"scenes\":[{" FIRST FIRST_MORE "},{" SECOND SECOND_MORE "}],"
               "\"unique_id\":\"SC-five\",\"is_draft\":true,\"published_version_id\":6}]");
    assert_int_equal(read_one(READ_PUBLISHED, 1), OK);
    check_json("[]");
    database_drop();
}

static void test_own_ones_only_the_newest_first(void **state)
{
    (void)state;
    database_make();
    fill();
    sql("INSERT INTO scenarios (id, unique_id, is_draft, created_by, created_at) VALUES"
        " (51, 'a', true, 2, '2026-01-01'), (52, 'b', true, 2, '2026-01-03'),"
        " (53, 'c', true, 2, '2026-01-03'), (54, 'd', false, 2, '2026-01-04'),"
        " (55, 'e', NULL, 2, '2026-01-05'), (56, 'f', true, NULL, '2026-01-06')");
    assert_int_equal(read_one(READ_DRAFTS, 2), OK);
    check_ids("53 52 51");
    assert_int_equal(read_one(READ_PUBLISHED, 2), OK);
    check_ids("54");
    assert_int_equal(read_one(READ_PUBLISHED, 1), OK);
    check_ids("5");
    database_drop();
}

static void test_a_long_list_ends(void **state)
{
    (void)state;
    database_make();
    fill();
    sql("INSERT INTO scenarios (unique_id, is_draft, created_by, created_at)"
        " SELECT i::text, true, 2, timestamptz '2026-01-01' + i * interval '1 minute'"
        " FROM generate_series(1, 1005) AS i");
    sql("INSERT INTO scenario_personas (scenario_id, name, role)"
        " SELECT id, unique_id, '' FROM scenarios");
    assert_int_equal(read_one(READ_DRAFTS, 2), OK);
    const char *values[] = {reading.json.data};
    PGresult *result = PQexecParams(
        database.connection,
        "SELECT count(*) = 1000 AND bool_and(e->>'unique_id' = e#>>'{personas,0,name}')"
        " AND max((e->>'unique_id')::int) = 1005 FROM json_array_elements($1::json) AS e",
        1, NULL, values, NULL, NULL, 0);
    assert_string_equal(PQgetvalue(result, 0, 0), "t");
    PQclear(result);
    scenario_read_clear(&reading);
    database_drop();
}

/* --- users --------------------------------------------------------------------------------------
 */

static void test_who_is_asking(void **state)
{
    (void)state;
    static const enum scenario_read_kind kinds[] = {READ_PUBLISHED, READ_DRAFTS, READ_USER};
    static const struct {
        int64_t id;
        enum caller caller;
    } callers[] = {
        {1, CALLER_ACTIVE},  {3, CALLER_INACTIVE}, {4, CALLER_INACTIVE},
        {9, CALLER_UNKNOWN}, {0, CALLER_UNKNOWN},  {INT64_MAX, CALLER_UNKNOWN},
    };
    database_make();
    fill();
    sql("INSERT INTO users (id, is_active) VALUES (3, false), (4, NULL);"
        "INSERT INTO scenarios (unique_id, is_draft, created_by)"
        " VALUES ('a', true, 3), ('b', false, 3), ('c', true, 4), ('d', false, 4)");
    for (size_t kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++) {
            assert_int_equal(read_one(kinds[kind], callers[i].id), OK);
            assert_int_equal(reading.caller, callers[i].caller);
            if (kinds[kind] == READ_USER)
                assert_int_equal(reading.json.length, 0);
            else if (callers[i].caller != CALLER_ACTIVE)
                assert_string_equal(reading.json.data, "[]");
            scenario_read_clear(&reading);
        }
    }
    database_drop();
}

/* --- columns ------------------------------------------------------------------------------------
 */

static void test_no_other_columns_are_needed(void **state)
{
    (void)state;
    database_make();
    fill();
    database_strip();
    assert_int_equal(sql_number("SELECT count(*) FROM information_schema.columns"
                                " WHERE table_name = 'users'"),
                     2);
    for (enum scenario_read_kind kind = READ_FULL; kind <= READ_USER; kind++) {
        assert_int_equal(ask(&(struct scenario_question){.kind = kind, .id = 5, .limit = 1}), OK);
        scenario_read_clear(&reading);
    }
    database_drop();
}

static void test_a_failure_is_handed_on(void **state)
{
    (void)state;
    database_make();
    database.refuse = 1;
    database.refusal = ERR_OVERLOADED;
    database.sqlstate = "";
    assert_int_equal(read_one(READ_FULL, 5), ERR_OVERLOADED);
    assert_int_equal(reading.json.length, 0);
    scenario_read_clear(&reading);
    struct scenario_read none = {0};
    scenario_read_clear(&none);
    database_drop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_scenario),
        cmocka_unit_test(test_a_scenario_in_short),
        cmocka_unit_test(test_stored_json_stays_as_it_is),
        cmocka_unit_test(test_what_there_is_not),
        cmocka_unit_test(test_a_deleted_one_is_not_seen),
        cmocka_unit_test(test_times_are_in_utc_whatever_the_zone),
        cmocka_unit_test(test_public_ones),
        cmocka_unit_test(test_what_a_user_has_published),
        cmocka_unit_test(test_a_users_drafts),
        cmocka_unit_test(test_own_ones_only_the_newest_first),
        cmocka_unit_test(test_a_long_list_ends),
        cmocka_unit_test(test_who_is_asking),
        cmocka_unit_test(test_no_other_columns_are_needed),
        cmocka_unit_test(test_a_failure_is_handed_on),
    };
    return cmocka_run_group_tests(tests, database_begin, database_end);
}
