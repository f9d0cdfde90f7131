/* schema.h without a database: what is missing, what differs, and what does not matter. */
#include "store/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/embedded.h"

#define COLUMN(name, type)                                                                         \
    "\"" name "\":{\"type\":\"" type "\",\"default\":false,\"required\":false,\"unique\":false}"
#define ID "\"id\":{\"type\":\"integer\",\"default\":true,\"required\":true,\"unique\":true}"

static struct schema_report report_of(const char *found)
{
    struct schema_report report;
    assert_int_equal(schema_compare(found, strlen(found), &report), OK);
    return report;
}

static void test_an_empty_database_lacks_all(void **state)
{
    (void)state;
    const struct schema_report report = report_of("{}");
    assert_int_equal(report.tables_missing, 9);
    assert_false(report.differs);
    assert_string_equal(report.fault, "table users is missing");
}

static void test_tables_are_named_for_the_statement(void **state)
{
    (void)state;
    char tables[SCHEMA_TABLES_BYTES];
    schema_tables(tables);
    assert_string_equal(tables, "{users,scenarios,scenario_personas,scenario_scenes,scene_personas,"
                                "scenario_files,user_progress,scene_progress,conversation_logs}");
}

static const struct {
    const char *users; /* and there are no other tables */
    const char *fault;
} users_tables[] = {
    {"{" COLUMN("id", "integer") "," COLUMN("is_active", "boolean") "}",
     "table scenarios is missing"},
    {"{" COLUMN("id", "bigint") "," COLUMN("is_active", "boolean") "}",
     "table scenarios is missing"},
    {"{" COLUMN("is_active", "boolean") "}", "users.id is missing"},
    {"{" COLUMN("id", "integer") "}", "users.is_active is missing"},
    {"{}", "users.id is missing"},
    {"{" COLUMN("id", "uuid") "," COLUMN("is_active", "boolean") "}",
     "users.id cannot be used, its type being uuid"},
    {"{" COLUMN("id", "integer") "," COLUMN("is_active", "text") "}",
     "users.is_active cannot be used, its type being text"},
    {"{" COLUMN("id", "integer") ",\"is_active\":{}}",
     "users.is_active cannot be used, its type being "},
    {"{" COLUMN("id", "integer") ",\"is_active\":1}",
     "users.is_active cannot be used, its type being "},
};

static void test_columns_are_compared(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(users_tables) / sizeof(users_tables[0]); i++) {
        char found[1024];
        snprintf(found, sizeof(found), "{\"users\":%s,\"scenarios\":null}", users_tables[i].users);
        assert_string_equal(report_of(found).fault, users_tables[i].fault);
    }
}

static const struct {
    const char *links; /* columns of scene_personas, to which rows are added */
    const char *fault; /* "" where it is as it should be */
} links_tables[] = {
    {COLUMN("involvement_level", "character varying"), ""},
    {COLUMN("involvement_level", "text"), ""},
    {COLUMN("involvement_level", "character varying(8)"),
     "scene_personas.involvement_level cannot be used, its type being character varying(8)"},
    {COLUMN("involvement_level", "text") "," COLUMN("note", "text"), ""},
    {COLUMN("involvement_level",
            "text") ",\"tenant\":{\"type\":\"integer\",\"default\":true,\"required\":true}",
     ""},
    {COLUMN("involvement_level",
            "text") ",\"tenant\":{\"type\":\"integer\",\"default\":false,\"required\":true}",
     "scene_personas.tenant has to be filled, and is not known"},
};

static void test_what_would_fail_a_save_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(links_tables) / sizeof(links_tables[0]); i++) {
        char found[1024];
        snprintf(found, sizeof(found),
                 "{\"scene_personas\":{" COLUMN("scene_id", "integer") "," COLUMN(
                     "persona_id", "integer") "," COLUMN("created_at",
                                                         "timestamp with time zone") ",%s}}",
                 links_tables[i].links);
        const struct schema_report report = report_of(found);
        assert_int_equal(report.tables_missing, 8);
        if (*links_tables[i].fault)
            assert_string_equal(report.fault, links_tables[i].fault);
        assert_int_equal(report.differs, *links_tables[i].fault != '\0');
    }
}

static void test_what_is_no_list_of_tables_is_refused(void **state)
{
    (void)state;
    static const char *const founds[] = {"", "null", "[]", "{", "{\"users\":", "7"};
    struct schema_report report = {.tables_missing = 77};
    for (size_t i = 0; i < sizeof(founds) / sizeof(founds[0]); i++)
        assert_int_equal(schema_compare(founds[i], strlen(founds[i]), &report), ERR_SYNTAX);
    assert_int_equal(report.tables_missing, 77);
}

static size_t count(const char *text, const char *word)
{
    size_t found = 0;
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        found++;
    return found;
}

static void test_only_missing_tables_are_made(void **state)
{
    (void)state;
    struct buffer sql;
    buffer_init(&sql, 64 * 1024);
    assert_int_equal(schema_missing_sql("{}", 2, &sql), OK);
    assert_int_equal(count(sql.data, "CREATE TABLE"), 9 + 1); /* and our own */
    assert_int_equal(count(sql.data, "CREATE TABLE"), count(sql_schema, "CREATE TABLE "));
    assert_int_equal(count(sql.data, "CREATE INDEX"), 3 + 1);

    static const char some[] = "{\"users\":{" ID "},\"scenarios\":{},\"scenario_files\":null}";
    buffer_reset(&sql);
    assert_int_equal(schema_missing_sql(some, strlen(some), &sql), OK);
    assert_int_equal(count(sql.data, "CREATE TABLE"), 7 + 1);
    assert_int_equal(count(sql.data, "CREATE SCHEMA IF NOT EXISTS personad"), 1);
    assert_int_equal(count(sql.data, "CREATE TABLE users"), 0);
    assert_int_equal(count(sql.data, "CREATE TABLE scenarios "), 0);
    assert_int_equal(count(sql.data, "CREATE INDEX"), 1); /* others are with their table */
    assert_int_equal(count(sql.data, "CREATE TABLE scenario_files"), 1);
    buffer_clear(&sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_database_lacks_all),
        cmocka_unit_test(test_tables_are_named_for_the_statement),
        cmocka_unit_test(test_columns_are_compared),
        cmocka_unit_test(test_what_would_fail_a_save_is_found),
        cmocka_unit_test(test_what_is_no_list_of_tables_is_refused),
        cmocka_unit_test(test_only_missing_tables_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
