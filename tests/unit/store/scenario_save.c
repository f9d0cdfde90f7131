/* scenario_save.h: the rows, column by column; what text may be; and that nothing is saved twice,
 * half, or lost, whatever becomes of the connection. */
#include "store/scenario_save.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/json.h"
#include "unit/store/database.h"

enum { DEADLINE_MS = 60 * 1000, FIGURES = 40, SCENES = 12, LARGE = 10 << 20 };

static struct scenario_save save;

static void start(const struct scenario_draft *draft)
{
    scenario_save_start(&save, database_link(), &database.pool, draft,
                        loop_now_ms(&database.loop) + DEADLINE_MS);
}

static enum err saved(const struct scenario_draft *draft)
{
    start(draft);
    const enum err err = run(&save.op);
    scenario_save_clear(&save);
    return err;
}

/* The rows of a table as JSON, in the order of their ids, without those and their times. */
static const char *rows(const char *table)
{
    return sql("SELECT jsonb_agg(to_jsonb(t) - '{id,scenario_id,created_at,updated_at,uploaded_at,"
               "processed_at,unique_id}'::text[] ORDER BY id) FROM %s t",
               table);
}

static long count(const char *table)
{
    char text[80];
    snprintf(text, sizeof(text), "SELECT count(*) FROM %s", table);
    return sql_number(text);
}

static void check_empty(void)
{
    static const char *const tables[] = {"scenarios", "scenario_personas", "scenario_scenes",
                                         "scene_personas", "scenario_files"};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        assert_int_equal(count(tables[i]), 0);
}

/* --- a small case -------------------------------------------------------------------------------
 */

static struct key_figure two_figures[] = {
    {.name = "Dana Ruiz",
     .role = "CFO",
     .correlation = "Holds the purse",
     .background = "Came from a bank",
     .goals = {"Save money", "Keep her job"},
     .traits = {9, 3, 7, 4, 10}},
    {.name = "Pell Street", .role = "Supplier", .is_organisation = true},
};
static const char *both[] = {"Pell Street", "Dana Ruiz"};
static const char *dana[] = {"Dana Ruiz"};
static struct scene two_scenes[] = {
    {.title = "Briefing",
     .description = "The crisis",
     .personas_involved = both,
     .personas_count = 2,
     .user_goal = "Understand it",
     .success_metric = "Asks three questions",
     .sequence_order = 1},
    {.title = "Approval",
     .description = "The board decides",
     .personas_involved = dana,
     .personas_count = 1,
     .sequence_order = 2},
};
static const struct case_study small_case = {
    .title = "Pell Street Works",
    .description = "A workshop in trouble",
    .student_role = "Consultant",
    .figures = two_figures,
    .figure_count = 2,
    .scenes = two_scenes,
    .scene_count = 2,
    .outcomes = {"1. Count", "2. Weigh", "3. Plan", "4. Speak", "5. Decide"},
};
static const struct scenario_file two_files[] = {
    {"case.study.PDF", 48211, {"whole text", 10}},
    {"notes", 12, {"a note", 6}},
};
static const struct scenario_draft small_draft = {
    .study = &small_case,
    .image_urls = (const char *const[]){"https://x.test/static/images/scenes/1.webp", ""},
    .image_prompts = (const char *const[]){"A workshop, early", NULL},
    .content = {"whole text", 10},
    .files = two_files,
    .file_count = 2,
    .warnings = (const char *const[]){"Scenes have no pictures"},
    .warning_count = 1,
};

/* --- rows ---------------------------------------------------------------------------------------
 */

static void check_rows(const char *table, const char *expected)
{
    char normal[8192];
    snprintf(normal, sizeof(normal), "%s", sql("SELECT '%s'::jsonb", expected));
    assert_string_equal(rows(table), normal);
}

static void test_every_column_is_filled(void **state)
{
    (void)state;
    database_make();
    sql("INSERT INTO users (id) VALUES (7)");
    struct scenario_draft draft = small_draft;
    draft.user_id = 7;
    assert_int_equal(saved(&draft), OK);
    assert_int_equal(database.statements, 1);
    assert_int_equal(save.id, sql_number("SELECT id FROM scenarios"));
    assert_int_equal(save.tries, 1);
    check_rows("scenarios",
               "[{\"title\":\"Pell Street Works\",\"description\":\"A workshop in trouble\","
               "\"challenge\":\"A workshop in trouble\",\"industry\":\"Business\","
               "\"learning_objectives\":[\"1. Count\",\"2. Weigh\",\"3. Plan\",\"4. Speak\","
               "\"5. Decide\"],\"source_type\":\"pdf_upload\",\"pdf_content\":\"whole text\","
               "\"student_role\":\"Consultant\",\"category\":null,\"difficulty_level\":null,"
               "\"estimated_duration\":null,\"tags\":null,\"pdf_title\":\"Pell Street Works\","
               "\"pdf_source\":\"Uploaded PDF\",\"processing_version\":\"1.0\",\"rating_avg\":0,"
               "\"rating_count\":0,\"is_public\":false,\"is_template\":false,"
               "\"allow_remixes\":true,\"status\":\"draft\",\"is_draft\":true,"
               "\"published_version_id\":null,\"draft_of_id\":null,\"usage_count\":0,"
               "\"clone_count\":0,\"deleted_at\":null,\"deleted_by\":null,"
               "\"deletion_reason\":null,\"created_by\":7}]");
    check_rows("scenario_personas",
               "[{\"name\":\"Dana Ruiz\",\"role\":\"CFO\",\"background\":\"Came from a bank\","
               "\"correlation\":\"Holds the purse\","
               "\"primary_goals\":[\"Save money\",\"Keep her job\"],"
               "\"personality_traits\":{\"analytical\":9,\"creative\":3,\"assertive\":7,"
               "\"collaborative\":4,\"detail_oriented\":10}},"
               "{\"name\":\"Pell Street\",\"role\":\"Supplier\",\"background\":\"\","
               "\"correlation\":\"\",\"primary_goals\":[],"
               "\"personality_traits\":{\"analytical\":0,\"creative\":0,\"assertive\":0,"
               "\"collaborative\":0,\"detail_oriented\":0}}]");
    check_rows(
        "scenario_scenes",
        "[{\"title\":\"Briefing\",\"description\":\"The crisis\",\"user_goal\":\"Understand it\","
        "\"scene_order\":1,\"estimated_duration\":30,\"timeout_turns\":15,"
        "\"success_metric\":\"Asks three questions\",\"max_attempts\":5,"
        "\"success_threshold\":0.7,\"goal_criteria\":null,\"hint_triggers\":null,"
        "\"scene_context\":null,\"persona_instructions\":null,"
        "\"image_url\":\"https://x.test/static/images/scenes/1.webp\","
        "\"image_prompt\":\"A workshop, early\"},"
        "{\"title\":\"Approval\",\"description\":\"The board decides\",\"user_goal\":\"\","
        "\"scene_order\":2,\"estimated_duration\":30,\"timeout_turns\":15,\"success_metric\":\"\","
        "\"max_attempts\":5,\"success_threshold\":0.7,\"goal_criteria\":null,"
        "\"hint_triggers\":null,\"scene_context\":null,\"persona_instructions\":null,"
        "\"image_url\":\"\",\"image_prompt\":null}]");
    sql("UPDATE scenario_files SET processing_log = (processing_log::jsonb"
        " - 'processing_timestamp')::json WHERE processing_log->>'processing_timestamp' ~"
        " '^20\\d\\d-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{6})?\\+00:00$'");
    check_rows(
        "scenario_files",
        "[{\"filename\":\"case.study.PDF\",\"file_path\":null,\"file_size\":48211,"
        "\"file_type\":\"PDF\",\"original_content\":\"whole text\",\"processed_content\":null,"
        "\"processing_status\":\"completed\",\"processing_log\":{\"personas_count\":2,"
        "\"scenes_count\":2,\"warnings\":[\"Scenes have no pictures\"]},"
        "\"llamaparse_job_id\":null},"
        "{\"filename\":\"context_notes\",\"file_path\":null,\"file_size\":12,\"file_type\":null,"
        "\"original_content\":\"a note\",\"processed_content\":null,"
        "\"processing_status\":\"completed\",\"processing_log\":{\"personas_count\":2,"
        "\"scenes_count\":2,\"warnings\":[\"Scenes have no pictures\"]},"
        "\"llamaparse_job_id\":null}]");
    assert_string_equal(sql("SELECT string_agg(s.title || '-' || p.name || '-' ||"
                            " l.involvement_level, ', ' ORDER BY s.id, p.id)"
                            " FROM scene_personas l JOIN scenario_scenes s ON s.id = l.scene_id"
                            " JOIN scenario_personas p ON p.id = l.persona_id"),
                        "Briefing-Dana Ruiz-participant, Briefing-Pell Street-participant, "
                        "Approval-Dana Ruiz-participant");
    assert_string_equal(sql("SELECT bool_and(t BETWEEN now() - interval '1 hour' AND now()) FROM ("
                            "SELECT created_at t FROM scenarios UNION ALL SELECT updated_at FROM"
                            " scenarios UNION ALL SELECT created_at FROM scenario_personas UNION"
                            " ALL SELECT updated_at FROM scenario_scenes UNION ALL SELECT"
                            " created_at FROM scene_personas UNION ALL SELECT processed_at FROM"
                            " scenario_files) times"),
                        "t");
    database_drop();
}

static void test_whose_it_is(void **state)
{
    (void)state;
    static const struct {
        int64_t user_id;
        const char *created_by;
    } users[] = {{1, "1"}, {2, ""}, {3, ""}, {4, ""}, {0, ""}, {INT64_MAX, ""}, {-1, ""}};
    database_make();
    sql("INSERT INTO users (id, is_active) VALUES (1, true), (2, false), (3, NULL)");
    struct scenario_draft draft = small_draft;
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
        draft.user_id = users[i].user_id;
        assert_int_equal(saved(&draft), OK);
        assert_string_equal(sql("SELECT created_by FROM scenarios WHERE id = %d", (int)save.id),
                            users[i].created_by);
    }
    database_drop();
}

static void test_keys_cannot_be_guessed(void **state)
{
    (void)state;
    database_make();
    for (int i = 0; i < 3; i++)
        assert_int_equal(saved(&small_draft), OK);
    assert_int_equal(sql_number("SELECT count(DISTINCT unique_id) FROM scenarios"
                                " WHERE unique_id ~ '^SC-[A-Za-z0-9_-]{22}$'"),
                     3);
    database_drop();
}

/* --- sizes --------------------------------------------------------------------------------------
 */

static void test_the_largest_case(void **state)
{
    (void)state;
    static struct key_figure figures[FIGURES];
    static struct scene scenes[SCENES];
    static const char *names[FIGURES];
    static char texts[FIGURES][16];
    for (size_t i = 0; i < FIGURES; i++) {
        snprintf(texts[i], sizeof(texts[i]), "Figure %02zu", FIGURES - i);
        names[i] = texts[i];
        figures[i] = (struct key_figure){.name = names[i], .role = "r"};
    }
    for (size_t i = 0; i < SCENES; i++)
        scenes[i] = (struct scene){.title = names[i],
                                   .description = "d",
                                   .personas_involved = names + i,
                                   .personas_count = FIGURES - i,
                                   .sequence_order = (int)i + 1};
    const struct case_study study = {.title = "t",
                                     .description = "",
                                     .student_role = "",
                                     .figures = figures,
                                     .figure_count = FIGURES,
                                     .scenes = scenes,
                                     .scene_count = SCENES};
    struct scenario_draft draft = small_draft;
    draft.study = &study;
    draft.image_urls = draft.image_prompts = NULL;
    database_make();
    assert_int_equal(saved(&draft), OK);
    assert_int_equal(count("scenario_personas"), FIGURES);
    assert_int_equal(count("scene_personas"), FIGURES * SCENES - SCENES * (SCENES - 1) / 2);
    /* In the order given, and scene k is with all but the first k figures. */
    assert_int_equal(sql_number("SELECT count(*) FROM (SELECT name, lag(name) OVER (ORDER BY id)"
                                " AS before FROM scenario_personas) p WHERE name < before"),
                     FIGURES - 1);
    assert_int_equal(
        sql_number("SELECT count(*) FROM scenario_scenes s JOIN LATERAL (SELECT max(p.name),"
                   " count(*) FROM scene_personas l JOIN scenario_personas p ON p.id ="
                   " l.persona_id WHERE l.scene_id = s.id) c ON c.max = s.title"
                   " AND c.count = 41 - s.scene_order"),
        SCENES);
    database_drop();
}

static void test_an_empty_case(void **state)
{
    (void)state;
    const struct case_study nothing = {.title = "", .description = "", .student_role = ""};
    const struct scenario_file file = {"x.", 0, {"", 0}};
    const struct scenario_draft draft = {
        .study = &nothing, .content = {"", 0}, .files = &file, .file_count = 1};
    database_make();
    assert_int_equal(saved(&draft), OK);
    assert_int_equal(count("scenarios"), 1);
    assert_int_equal(count("scenario_personas") + count("scenario_scenes"), 0);
    assert_string_equal(sql("SELECT learning_objectives::text || (file_type IS NULL)"
                            " FROM scenarios, scenario_files"),
                        "[]true");
    database_drop();
}

static void test_a_file_larger_than_its_column_counts(void **state)
{
    (void)state;
    const struct scenario_file files[] = {{"a.txt", (1u << 31) - 1, {"", 0}},
                                          {"b.txt", (uint64_t)4 << 30, {"", 0}}};
    struct scenario_draft draft = small_draft;
    draft.files = files;
    database_make();
    assert_int_equal(saved(&draft), OK);
    assert_string_equal(sql("SELECT string_agg(file_size::text, ' ') FROM scenario_files"),
                        "2147483647 2147483647");
    database_drop();
}

/* Each character of it is two bytes, so that a cut in the wrong place would be seen. */
static void test_long_texts(void **state)
{
    (void)state;
    char *text = malloc(LARGE + 1);
    for (size_t i = 0; i < LARGE; i += 2)
        memcpy(text + i, "\u00e9", 2);
    text[LARGE] = '!'; /* not part of it */
    const struct scenario_file files[] = {{"a.txt", LARGE, {text, LARGE}},
                                          {"b.txt", LARGE, {text, LARGE}}};
    struct scenario_draft draft = small_draft;
    draft.content = (struct slice){text, LARGE};
    draft.files = files;
    database_make();
    assert_int_equal(saved(&draft), OK);
    assert_string_equal(
        sql("SELECT (pdf_content = repeat('\u00e9', %d))::text FROM scenarios", LARGE / 2), "true");
    assert_string_equal(sql("SELECT string_agg((original_content = repeat('\u00e9',"
                            " CASE WHEN filename LIKE 'context%%' THEN 5000 ELSE 10000 END))::text,"
                            " ',' ) FROM scenario_files"),
                        "true,true");
    database_drop();
    free(text);
}

/* --- text ---------------------------------------------------------------------------------------
 */

static const char *const texts[] = {
    "'); DROP TABLE scenarios; --",
    "$1 $$ %s \\x00 \\u0000 {\"a\":1} [1,2] null",
    "\"quoted\" 'single' `back` \\ backslash / slash",
    "\x01\x02\x1f\x7f \b\f\t\r\n",
    "\u5de5\u5834 \u0645\u0635 \u05d1 \u0e01 \U0001f3ed \U0010ffff \ufeff \ufffd \u202e",
    "e\u0301 vs \u00e9",
    "{1,2}", /* an array, in PostgreSQL's notation */
    "NULL",
};

static void test_any_text_comes_back_in_every_field(void **state)
{
    (void)state;
    database_make();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = texts[i];
        struct key_figure figure = {
            .name = text, .role = text, .correlation = text, .background = text, .goals = {text}};
        struct scene scene = {.title = text,
                              .description = text,
                              .personas_involved = &text,
                              .personas_count = 1,
                              .user_goal = text,
                              .success_metric = text,
                              .sequence_order = 1};
        const struct case_study study = {.title = text,
                                         .description = text,
                                         .student_role = text,
                                         .figures = &figure,
                                         .figure_count = 1,
                                         .scenes = &scene,
                                         .scene_count = 1,
                                         .outcomes = {text}};
        const struct scenario_file file = {text, 1, slice_of(text)};
        const struct scenario_draft draft = {.study = &study,
                                             .image_urls = &text,
                                             .image_prompts = &text,
                                             .content = slice_of(text),
                                             .files = &file,
                                             .file_count = 1,
                                             .warnings = &text,
                                             .warning_count = 1};
        assert_int_equal(saved(&draft), OK);
        char *literal = PQescapeLiteral(database.connection, text, strlen(text));
        assert_string_equal(
            sql("SELECT string_agg(DISTINCT field, '|') = %s AND count(*) = 22 FROM ("
                " SELECT unnest(ARRAY[title, description, challenge, pdf_content, student_role,"
                "  pdf_title, learning_objectives->>0]) AS field FROM scenarios WHERE id = %d"
                " UNION ALL SELECT unnest(ARRAY[name, role, background, correlation,"
                "  primary_goals->>0]) FROM scenario_personas WHERE scenario_id = %d"
                " UNION ALL SELECT unnest(ARRAY[title, description, user_goal, success_metric,"
                "  image_url, image_prompt]) FROM scenario_scenes WHERE scenario_id = %d"
                " UNION ALL SELECT unnest(ARRAY[filename, original_content,"
                "  processing_log->'warnings'->>0]) FROM scenario_files WHERE scenario_id = %d"
                " UNION ALL SELECT p.name FROM scene_personas l JOIN scenario_personas p ON"
                "  p.id = l.persona_id WHERE p.scenario_id = %d) fields",
                literal, (int)save.id, (int)save.id, (int)save.id, (int)save.id, (int)save.id),
            "t");
        PQfreemem(literal);
    }
    database_drop();
}

static void test_of_one_name_the_first_is_meant(void **state)
{
    (void)state;
    static struct key_figure figures[] = {{.name = "Lee", .role = "first"},
                                          {.name = "Lee", .role = "second"}};
    static const char *lee[] = {"Lee", "Lee", "Nobody"};
    static struct scene scene = {.title = "t",
                                 .description = "d",
                                 .personas_involved = lee,
                                 .personas_count = 3,
                                 .sequence_order = 1};
    const struct case_study study = {.title = "t",
                                     .description = "",
                                     .student_role = "",
                                     .figures = figures,
                                     .figure_count = 2,
                                     .scenes = &scene,
                                     .scene_count = 1};
    struct scenario_draft draft = small_draft;
    draft.study = &study;
    draft.image_urls = draft.image_prompts = NULL;
    database_make();
    assert_int_equal(saved(&draft), OK);
    assert_string_equal(sql("SELECT string_agg(role, ',') FROM scene_personas JOIN"
                            " scenario_personas ON id = persona_id"),
                        "first");
    database_drop();
}

/* --- all or none, once --------------------------------------------------------------------------
 */

static void test_all_or_none(void **state)
{
    (void)state;
    static const char *const tables[] = {"scenarios", "scenario_personas", "scenario_scenes",
                                         "scene_personas", "scenario_files"};
    database_make();
    sql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'no'; END $$");
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        sql("CREATE TRIGGER refuse AFTER INSERT ON %s FOR EACH STATEMENT EXECUTE FUNCTION"
            " refuse()",
            tables[i]);
        assert_int_equal(saved(&small_draft), ERR_DATABASE);
        assert_int_equal(save.tries, 1); /* it would fail again */
        assert_false(save.outcome_unknown);
        check_empty();
        sql("DROP TRIGGER refuse ON %s", tables[i]);
    }
    assert_int_equal(saved(&small_draft), OK);
    database_drop();
}

static void test_rows_that_the_database_drops_are_missed(void **state)
{
    (void)state;
    database_make();
    sql("CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN NULL; END $$;"
        "CREATE TRIGGER swallow BEFORE INSERT ON scene_personas FOR EACH ROW"
        " EXECUTE FUNCTION swallow()");
    assert_int_equal(saved(&small_draft), ERR_DATABASE);
    database_drop();
}

static void test_a_repeat_saves_nothing_twice(void **state)
{
    (void)state;
    database_make();
    for (unsigned lost = 1; lost <= 5; lost++) {
        database.lose_answers = lost;
        assert_int_equal(saved(&small_draft), OK);
        assert_int_equal(save.tries, lost + 1);
        assert_false(save.outcome_unknown);
        assert_int_equal(count("scenarios"), lost);
        assert_int_equal(count("scenario_personas"), 2 * lost);
        assert_int_equal(save.id, sql_number("SELECT max(id) FROM scenarios"));
    }
    database_drop();
}

static void test_at_last_it_is_not_known(void **state)
{
    (void)state;
    database_make();
    database.lose_answers = 100;
    assert_int_equal(saved(&small_draft), ERR_DATABASE);
    assert_int_equal(save.tries, 6);
    assert_true(save.outcome_unknown);
    assert_int_equal(count("scenarios"), 1);
    database_drop();
}

static const struct {
    enum err err;
    const char *sqlstate;
    bool is_tried_again;
} refusals[] = {
    {ERR_DATABASE, "", true},       {ERR_DATABASE, "08006", true},  {ERR_DATABASE, "57P01", true},
    {ERR_DATABASE, "57P03", true},  {ERR_DATABASE, "40001", true},  {ERR_DATABASE, "40P01", true},
    {ERR_DATABASE, "53300", true},  {ERR_DATABASE, "42P01", false}, {ERR_DATABASE, "22P05", false},
    {ERR_DATABASE, "23503", false}, {ERR_DATABASE, "53100", false}, {ERR_DATABASE, "28P01", false},
    {ERR_OVERLOADED, "", false},    {ERR_DEADLINE, "57014", false}, {ERR_DRAINING, "", false},
};

static void test_what_may_pass_is_tried_again(void **state)
{
    (void)state;
    database_make();
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const long before = count("scenarios");
        database.refuse = 1;
        database.refusal = refusals[i].err;
        database.sqlstate = refusals[i].sqlstate;
        assert_int_equal(saved(&small_draft), refusals[i].is_tried_again ? OK : refusals[i].err);
        assert_int_equal(save.tries, refusals[i].is_tried_again ? 2 : 1);
        assert_int_equal(count("scenarios"), before + refusals[i].is_tried_again);
    }
    database_drop();
}

static void test_no_try_begins_past_the_deadline(void **state)
{
    (void)state;
    database_make();
    database.refuse = 100;
    database.refusal = ERR_DATABASE;
    database.sqlstate = "57P03";
    scenario_save_start(&save, database_link(), &database.pool, &small_draft,
                        loop_now_ms(&database.loop) + 600);
    const uint64_t began = loop_now_ms(&database.loop);
    assert_int_equal(run(&save.op), ERR_DATABASE);
    assert_in_range(save.tries, 2, 3);
    assert_in_range(loop_now_ms(&database.loop) - began, 125, 600);
    scenario_save_clear(&save);
    check_empty();
    database_drop();
}

static void test_cancelled_while_it_rests(void **state)
{
    (void)state;
    database_make();
    database.refuse = 1;
    database.refusal = ERR_DATABASE;
    database.sqlstate = "";
    start(&small_draft);
    virtual_loop_settle(&database.loop);
    assert_false(op_finished(&save.op));
    op_cancel(&save.op);
    assert_int_equal(run(&save.op), ERR_CANCELLED);
    scenario_save_clear(&save);
    check_empty();
    database_drop();
}

/* The first try is still at work at the server when the repeat comes: it waits, finds the key
 * taken, and the row not to be seen yet. */
static void test_a_repeat_while_the_first_try_commits(void **state)
{
    (void)state;
    database_make();
    PGconn *first = database_connect();
    start(&small_draft);
    char text[256];
    snprintf(text, sizeof(text), "BEGIN; INSERT INTO scenarios (id, unique_id) VALUES (4711, '%s')",
             save.unique_id);
    run_sql(first, text);
    assert_int_equal(PQsendQuery(first,
                                 "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks"
                                 " WHERE NOT granted) LOOP PERFORM pg_sleep(0.002); END LOOP;"
                                 " END $$; COMMIT"),
                     1);
    assert_int_equal(run(&save.op), OK);
    assert_int_equal(save.id, 4711);
    assert_int_equal(save.tries, 2);
    assert_int_equal(count("scenarios"), 1);
    assert_int_equal(count("scenario_personas"), 0);
    scenario_save_clear(&save);
    PQfinish(first);
    database_drop();
}

static void test_no_other_columns_are_needed(void **state)
{
    (void)state;
    database_make();
    database_strip();
    assert_int_equal(saved(&small_draft), OK);
    assert_int_equal(count("scene_personas"), 3);
    database_drop();
}

/* --- limits -------------------------------------------------------------------------------------
 */

static void test_of_a_longer_text_the_beginning_is_kept(void **state)
{
    (void)state;
    enum { LONGER = SCENARIO_CONTENT_BYTES_MAX + 1 };
    char *text = malloc(LONGER);
    memset(text, 'x', LONGER);
    memcpy(text + LONGER - 2, "\u00e9", 2); /* lies across the limit */
    struct scenario_draft draft = small_draft;
    draft.content = (struct slice){text, LONGER};
    database_make();
    assert_int_equal(saved(&draft), OK);
    assert_int_equal(sql_number("SELECT octet_length(pdf_content) FROM scenarios"), LONGER - 2);
    assert_string_equal(sql("SELECT processing_log->'warnings' FROM scenario_files"),
                        "[\"Scenes have no pictures\",\"Of the text the first 11 MB were saved\"]");
    draft.content.length = SCENARIO_CONTENT_BYTES_MAX - 1;
    assert_int_equal(saved(&draft), OK);
    assert_string_equal(sql("SELECT processing_log->'warnings' FROM scenario_files"
                            " ORDER BY id DESC"),
                        "[\"Scenes have no pictures\"]");
    database_drop();
    free(text);
}

static void test_more_than_a_query_takes_is_refused(void **state)
{
    (void)state;
    char *text = malloc(SCENARIO_LIST_BYTES_MAX + 1);
    memset(text, 'x', SCENARIO_LIST_BYTES_MAX);
    text[SCENARIO_LIST_BYTES_MAX] = '\0';
    struct case_study study = small_case;
    study.outcomes[0] = text;
    struct scenario_draft draft = small_draft;
    draft.study = &study;
    database_make();
    assert_int_equal(saved(&draft), ERR_LIMIT);
    assert_int_equal(database.statements, 0);
    database_drop();
    free(text);
}

static void test_nothing_is_there_to_clear(void **state)
{
    (void)state;
    struct scenario_save none = {0};
    scenario_save_clear(&none);
    assert_int_equal(none.id, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_column_is_filled),
        cmocka_unit_test(test_whose_it_is),
        cmocka_unit_test(test_keys_cannot_be_guessed),
        cmocka_unit_test(test_the_largest_case),
        cmocka_unit_test(test_an_empty_case),
        cmocka_unit_test(test_a_file_larger_than_its_column_counts),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_any_text_comes_back_in_every_field),
        cmocka_unit_test(test_of_one_name_the_first_is_meant),
        cmocka_unit_test(test_all_or_none),
        cmocka_unit_test(test_rows_that_the_database_drops_are_missed),
        cmocka_unit_test(test_a_repeat_saves_nothing_twice),
        cmocka_unit_test(test_at_last_it_is_not_known),
        cmocka_unit_test(test_what_may_pass_is_tried_again),
        cmocka_unit_test(test_no_try_begins_past_the_deadline),
        cmocka_unit_test(test_cancelled_while_it_rests),
        cmocka_unit_test(test_a_repeat_while_the_first_try_commits),
        cmocka_unit_test(test_no_other_columns_are_needed),
        cmocka_unit_test(test_of_a_longer_text_the_beginning_is_kept),
        cmocka_unit_test(test_more_than_a_query_takes_is_refused),
        cmocka_unit_test(test_nothing_is_there_to_clear),
    };
    return cmocka_run_group_tests(tests, database_begin, database_end);
}
