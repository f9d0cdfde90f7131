/*
 * Saving and reading through the real pool: one statement each, by the server's own log; a
 * connection lost under a save; and a save cancelled in each round of the loop. What is left is
 * whole scenarios or nothing.
 */
#include "unit/io/pg_fixture.h"

#include "store/scenario_read.h"
#include "store/scenario_save.h"
#include "store/schema.h"

enum { DEADLINE_MS = 60 * 1000, TEXT_BYTES = 10 << 20, LINE_BYTES = 64 * 1024 };

static const char *names[] = {"Ana"};
static struct key_figure figure = {.name = "Ana", .role = "CFO"};
static struct scene scene = {.title = "One",
                             .description = "d",
                             .personas_involved = names,
                             .personas_count = 1,
                             .sequence_order = 1};
static const struct case_study study = {.title = "T",
                                        .description = "D",
                                        .student_role = "R",
                                        .figures = &figure,
                                        .figure_count = 1,
                                        .scenes = &scene,
                                        .scene_count = 1};
static const struct scenario_file file = {"a.txt", 4, {"text", 4}};
static const struct scenario_draft draft = {
    .study = &study, .content = {"text", 4}, .files = &file, .file_count = 1};

static struct scenario_save save;

static enum err wait_for(struct op *op)
{
    finish_all();
    return op_error(op)->code;
}

static void start_save(const struct scenario_draft *what)
{
    unfinished++;
    scenario_save_start(&save, root(&loop, on_finish, NULL), &pool, what,
                        loop_now_ms(&loop) + DEADLINE_MS);
}

static enum err saved(const struct scenario_draft *what)
{
    start_save(what);
    const enum err err = wait_for(&save.op);
    scenario_save_clear(&save);
    return err;
}

static void check_whole(int scenarios)
{
    static const char *const tables[] = {"scenarios", "scenario_personas", "scenario_scenes",
                                         "scene_personas", "scenario_files"};
    for (size_t i = 0; i < COUNT(tables); i++)
        assert_int_equal(atoi(admin("SELECT count(*) FROM %s", tables[i])), scenarios);
}

static void begin(void)
{
    size_t created;
    struct error error;
    if (schema_create(cluster.url, &created, &error) != OK)
        fail_msg("%s", error.detail);
    admin("SET client_min_messages = warning");
    admin("TRUNCATE scenarios, scenario_personas, scenario_scenes, scene_personas, scenario_files"
          " CASCADE");
    pool_open(SETTINGS(.size = 1));
}

/* How often the server has run prepared statements, and others, since this database began. */
static size_t statements_run(void)
{
    char path[64];
    static char line[LINE_BYTES];
    snprintf(path, sizeof(path), "%s/log", cluster.directory);
    FILE *log = fopen(path, "re");
    assert_non_null(log);
    size_t count = 0;
    while (fgets(line, sizeof(line), log))
        count += strstr(line, "LOG:  execute ") || strstr(line, "LOG:  statement: ");
    fclose(log);
    return count;
}

static void test_one_statement_each(void **state)
{
    (void)state;
    struct scenario_read read;
    admin("ALTER DATABASE personad SET log_statement = 'all'"); /* for those who connect now */
    begin();
    assert_int_equal(saved(&draft), OK);
    const size_t before = statements_run();
    assert_int_equal(saved(&draft), OK);
    assert_int_equal(statements_run() - before, 1);
    for (enum scenario_read_kind kind = READ_FULL; kind <= READ_USER; kind++) {
        const size_t until_now = statements_run();
        unfinished++;
        scenario_read_start(&read, root(&loop, on_finish, NULL), &pool,
                            &(struct scenario_question){.kind = kind, .id = save.id, .limit = 20});
        assert_int_equal(wait_for(&read.op), OK);
        if (kind == READ_FULL)
            assert_non_null(strstr(read.json.data, "\"personas_involved\":[\"Ana\"]"));
        scenario_read_clear(&read);
        assert_int_equal(statements_run() - until_now, 1);
    }
    admin("ALTER DATABASE personad RESET log_statement");
    check_whole(2);
}

/* Of several lengths, as it is chance how much of one a socket takes at a time. */
static void test_long_texts(void **state)
{
    (void)state;
    char *text = malloc(TEXT_BYTES);
    memset(text, 'x', TEXT_BYTES);
    struct scenario_draft long_draft = draft;
    begin();
    for (size_t length = TEXT_BYTES / 16; length <= TEXT_BYTES; length += TEXT_BYTES / 16) {
        long_draft.content = (struct slice){text, length};
        assert_int_equal(saved(&long_draft), OK);
        assert_int_equal(save.tries, 1);
        assert_int_equal(
            atoi(admin("SELECT length(pdf_content) FROM scenarios WHERE id = %d", (int)save.id)),
            length);
    }
    free(text);
}

/* The server ends the connection under the first try, when its rows are there but not committed. */
static void test_a_lost_connection(void **state)
{
    (void)state;
    begin();
    admin("CREATE SEQUENCE deaths");
    admin("CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
          " IF nextval('deaths') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
          " RETURN NULL; END $$");
    admin("CREATE TRIGGER die AFTER INSERT ON scenario_files EXECUTE FUNCTION die()");
    assert_int_equal(saved(&draft), OK);
    assert_int_equal(save.tries, 2);
    check_whole(1);
    assert_int_equal(atoi(admin("SELECT id FROM scenarios")), save.id);
    admin("DROP FUNCTION die CASCADE");
    admin("DROP SEQUENCE deaths");
}

static void test_cancelled_in_each_round(void **state)
{
    (void)state;
    bool was_in_time;
    int round = 0;
    begin();
    do {
        start_save(&draft);
        for (int i = 0; i < round && !op_finished(&save.op); i++)
            uv_run(&loop.uv, UV_RUN_ONCE);
        was_in_time = !op_finished(&save.op);
        op_cancel(&save.op);
        finish_all();
        assert_int_equal(op_error(&save.op)->code, was_in_time ? ERR_CANCELLED : OK);
        scenario_save_clear(&save);
        round++;
    } while (was_in_time);
    assert_true(round > 2);
    assert_int_equal(saved(&draft), OK); /* what was told to stop has stopped */
    check_whole(atoi(admin("SELECT count(*) FROM scenarios")));
}

static void test_the_check(void **state)
{
    (void)state;
    struct schema_check check;
    begin();
    unfinished++;
    schema_check_start(&check, root(&loop, on_finish, NULL), &pool);
    assert_int_equal(wait_for(&check.op), OK);
    assert_string_equal(check.report.fault, "");
    admin("ALTER TABLE conversation_logs RENAME TO elsewhere");
    unfinished++;
    schema_check_start(&check, root(&loop, on_finish, NULL), &pool);
    assert_int_equal(wait_for(&check.op), OK);
    assert_string_equal(check.report.fault, "table conversation_logs is missing");
    admin("ALTER TABLE elsewhere RENAME TO conversation_logs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_statement_each),      TEST(long_texts), TEST(a_lost_connection),
        TEST(cancelled_in_each_round), TEST(the_check),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
