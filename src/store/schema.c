/*
 * A neighbour's migration may add columns, drop those that only it used, or widen a type; none of
 * that may stop us. It may also add a column that has to be filled, or make a text shorter than
 * ours can be; that would fail each save, after all the work was paid for.
 */
#include "store/schema.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/embedded.h"
#include "base/json.h"
#include "base/text.h"

enum kind { WHOLE, NUMBER, TEXT, FLAG, TIME, JSON, KIND_COUNT };

enum { TYPES_MAX = 3 };

/* As format_type has them: a text with a limit has another name, "character varying(80)". */
static const char *const kind_types[KIND_COUNT][TYPES_MAX] = {
    [WHOLE] = {"integer", "bigint"},        [NUMBER] = {"double precision", "real", "numeric"},
    [TEXT] = {"text", "character varying"}, [FLAG] = {"boolean"},
    [TIME] = {"timestamp with time zone"},  [JSON] = {"json", "jsonb"},
};

/* A table and the columns that our statements name. */
struct table {
    const char *name;
    bool grows;                      /* rows of ours are added */
    const char *columns[KIND_COUNT]; /* names with a blank between; NULL: none */
};

static const struct table tables[] = {
    {"users", false, {[WHOLE] = "id", [FLAG] = "is_active"}},
    {"scenarios",
     true,
     {[WHOLE] = ("id estimated_duration rating_count published_version_id usage_count clone_count "
                 "created_by"),
      [NUMBER] = "rating_avg",
      [TEXT] = ("unique_id title description challenge industry source_type pdf_content "
                "student_role category difficulty_level pdf_title pdf_source processing_version "
                "status"),
      [FLAG] = "is_public is_template allow_remixes is_draft",
      [TIME] = "deleted_at created_at updated_at",
      [JSON] = "learning_objectives tags"}},
    {"scenario_personas",
     true,
     {[WHOLE] = "id scenario_id",
      [TEXT] = "name role background correlation",
      [TIME] = "created_at updated_at",
      [JSON] = "primary_goals personality_traits"}},
    {"scenario_scenes",
     true,
     {[WHOLE] = "id scenario_id scene_order estimated_duration timeout_turns max_attempts",
      [NUMBER] = "success_threshold",
      [TEXT] = "title description user_goal success_metric image_url image_prompt",
      [TIME] = "created_at updated_at"}},
    {"scene_personas",
     true,
     {[WHOLE] = "scene_id persona_id", [TEXT] = "involvement_level", [TIME] = "created_at"}},
    {"scenario_files",
     true,
     {[WHOLE] = "id scenario_id file_size",
      [TEXT] = "filename file_type original_content processing_status",
      [TIME] = "uploaded_at processed_at",
      [JSON] = "processing_log"}},
    {"user_progress",
     false,
     {[WHOLE] = "id user_id scenario_id current_scene_id", [TIME] = "last_activity updated_at"}},
    {"scene_progress",
     true,
     {[WHOLE] = ("id user_progress_id scene_id attempts hints_used time_spent messages_sent "
                 "ai_responses"),
      [NUMBER] = "goal_achievement_score",
      [TEXT] = "status",
      [FLAG] = "goal_achieved forced_progression",
      [TIME] = "started_at completed_at created_at updated_at"}},
    {"conversation_logs",
     true,
     {[WHOLE] = "id user_progress_id scene_id persona_id message_order attempt_number",
      [NUMBER] = "processing_time",
      [TEXT] = "message_type sender_name message_content ai_model_version",
      [FLAG] = "is_hint led_to_progress",
      [TIME] = "timestamp",
      [JSON] = "ai_context_used"}},
};

enum { TABLE_COUNT = sizeof(tables) / sizeof(tables[0]) };

void schema_tables(char out[SCHEMA_TABLES_BYTES])
{
    size_t length = 0;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        length += (size_t)snprintf(out + length, SCHEMA_TABLES_BYTES - length, "%c%s",
                                   i > 0 ? ',' : '{', tables[i].name);
        assert(length + 1 < SCHEMA_TABLES_BYTES);
    }
    out[length] = '}';
    out[length + 1] = '\0';
}

/* --- comparing ----------------------------------------------------------------------------------
 */

/* Only the first is told. */
static void differ(struct schema_report *report, const struct table *table, struct slice column,
                   const char *what, const char *more)
{
    if (report->differs)
        return;
    report->differs = true;
    snprintf(report->fault, sizeof(report->fault), "%s.%.*s %s%s", table->name, (int)column.length,
             column.data, what, more);
}

static bool type_fits(const char *type, enum kind kind)
{
    for (size_t i = 0; i < TYPES_MAX && kind_types[kind][i]; i++)
        if (strcmp(type, kind_types[kind][i]) == 0)
            return true;
    return false;
}

/* The next word of a list, which moves past it; empty at its end. */
static struct slice next_word(const char **list)
{
    *list += strspn(*list, " ");
    const struct slice word = {*list, strcspn(*list, " ")};
    *list += word.length;
    return word;
}

static const cJSON *member(const cJSON *object, struct slice name)
{
    for (const cJSON *item = object->child; item; item = item->next)
        if (slice_equal(slice_of(item->string), name))
            return item;
    return NULL;
}

static void compare_column(const struct table *table, struct slice name, enum kind kind,
                           const cJSON *columns, struct schema_report *report)
{
    const cJSON *column = member(columns, name);
    if (!column) {
        differ(report, table, name, "is missing", "");
        return;
    }
    const char *type = json_string(column, "type", "");
    if (!type_fits(type, kind))
        differ(report, table, name, "cannot be used, its type being ", type);
    /* Who adds rows leaves their ids to the database, and looks at unique_id for a repeat. */
    if (table->grows && slice_equal(name, slice_of("id")) && !json_bool(column, "default", false))
        differ(report, table, name, "has no default", "");
    if (slice_equal(name, slice_of("unique_id")) && !json_bool(column, "unique", false))
        differ(report, table, name, "is not unique", "");
}

static bool names_column(const struct table *table, const char *column)
{
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        const char *list = table->columns[kind];
        struct slice name;
        while (list && (name = next_word(&list)).length > 0)
            if (slice_equal(name, slice_of(column)))
                return true;
    }
    return false;
}

static void compare_table(const struct table *table, const cJSON *columns,
                          struct schema_report *report)
{
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        const char *list = table->columns[kind];
        struct slice name;
        while (list && (name = next_word(&list)).length > 0)
            compare_column(table, name, (enum kind)kind, columns, report);
    }
    for (const cJSON *column = columns->child; table->grows && column; column = column->next)
        if (!names_column(table, column->string) && json_bool(column, "required", false) &&
            !json_bool(column, "default", false))
            differ(report, table, slice_of(column->string), "has to be filled, and is not known",
                   "");
}

static enum err parse_found(const char *found, size_t length, cJSON **out)
{
    cJSON *root;
    if (json_parse(found, length, NULL, &root) != OK)
        return ERR_SYNTAX;
    if (!cJSON_IsObject(root)) {
        cJSON_Delete(root);
        return ERR_SYNTAX;
    }
    *out = root;
    return OK;
}

enum err schema_compare(const char *found, size_t length, struct schema_report *out)
{
    cJSON *root;
    const enum err err = parse_found(found, length, &root);
    if (err)
        return err;
    struct schema_report report = {0};
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const cJSON *columns = member(root, slice_of(tables[i].name));
        if (cJSON_IsObject(columns))
            compare_table(&tables[i], columns, &report);
        else if (report.tables_missing++ == 0 && !report.differs)
            snprintf(report.fault, sizeof(report.fault), "table %s is missing", tables[i].name);
    }
    cJSON_Delete(root);
    *out = report;
    return OK;
}

/* The next paragraph of schema.sql; empty at its end. */
static struct slice next_paragraph(const char **text)
{
    *text += strspn(*text, "\n");
    const char *end = strstr(*text, "\n\n");
    const struct slice paragraph = {*text, end ? (size_t)(end - *text) : strlen(*text)};
    *text += paragraph.length;
    return paragraph;
}

enum err schema_missing_sql(const char *found, size_t length, struct buffer *out)
{
    static const char create[] = "CREATE TABLE ", ours[] = "CREATE SCHEMA IF NOT EXISTS ";
    cJSON *root;
    enum err err = parse_found(found, length, &root);
    if (err)
        return err;
    const char *text = sql_schema;
    struct slice paragraph;
    while (!err && (paragraph = next_paragraph(&text)).length > 0) {
        const bool is_ours = strncmp(paragraph.data, ours, strlen(ours)) == 0;
        if (!is_ours && strncmp(paragraph.data, create, strlen(create)) != 0)
            continue; /* a comment */
        const char *name = paragraph.data + strlen(create);
        if (!is_ours && cJSON_IsObject(member(root, (struct slice){name, strcspn(name, " ")})))
            continue;
        err = buffer_append(out, paragraph.data, paragraph.length);
        if (!err)
            err = buffer_puts(out, "\n");
    }
    cJSON_Delete(root);
    return err;
}
