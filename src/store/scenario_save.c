/*
 * One statement that adds rows to five tables. Rows refer to each other by their places in their
 * lists: ids are drawn from a sequence in the order in which rows are added, so that of rows
 * added in the order of their places the n-th smallest id is that of place n.
 *
 * A repeat finds its own key there, adds nothing, and answers with the id of that row. If the first
 * try is only being committed at that moment, the repeat waits for it, but reads the table as it
 * was before: there is neither a new row nor an old one to be seen, and it has to look once more.
 */
#include "store/scenario_save.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "store/sql.h"

_Static_assert(SCENARIO_CONTENT_BYTES_MAX + SCENARIO_LIST_BYTES_MAX < PG_VALUES_BYTES_MAX,
               "the longest text, and a list of which there is more than ever should be");

static const char UNIQUE_VIOLATION[] = "23505";

enum {
    TRIES_MAX = 6, /* over about six seconds: a database has been started again by then */
    REST_MS = 250, /* before the second try; then twice as long each time */
};

enum value {
    VALUE_UNIQUE_ID, /* $1, and so on */
    VALUE_USER_ID,
    VALUE_CONTENT,
    VALUE_TITLE,
    VALUE_DESCRIPTION,
    VALUE_STUDENT_ROLE,
    VALUE_LISTS,
    VALUE_KEY = VALUE_LISTS + LIST_COUNT, /* those of a reply */
    VALUE_FINGERPRINT,
    VALUE_DEGRADED,
    VALUE_REST,
    VALUE_COUNT,
};

_Static_assert(SAVE_VALUE_COUNT == (int)VALUE_COUNT, "there is room for them");

/* What the old service's code would have filled in is filled in. Laid out by hand, as lines of SQL
 * are not lines of C. */
/* clang-format off */
#define SAVE_ROWS \
    "WITH scenario AS (" \
    "  INSERT INTO scenarios (unique_id, title, description, challenge, industry," \
    "    learning_objectives, source_type, pdf_content, student_role, pdf_title, pdf_source," \
    "    processing_version, rating_avg, rating_count, is_public, is_template, allow_remixes," \
    "    status, is_draft, usage_count, clone_count, created_by, created_at, updated_at)" \
    "  VALUES ($1::text, $4::text, $5::text, $5::text, 'Business'," \
    "    $7::json, 'pdf_upload', $3::text, $6::text, $4::text, 'Uploaded PDF'," \
    "    '1.0', 0.0, 0, false, false, true," \
    "    'draft', true, 0, 0," \
    "    (SELECT id FROM users WHERE id = $2::bigint AND is_active), now(), now())" \
    "  ON CONFLICT (unique_id) DO NOTHING" \
    "  RETURNING id" \
    ")," \
    "persona AS (" \
    "  INSERT INTO scenario_personas (scenario_id, name, role, background, correlation," \
    "    primary_goals, personality_traits, created_at, updated_at)" \
    "  SELECT scenario.id, p.name, p.role, p.background, p.correlation," \
    "    p.primary_goals, p.personality_traits, now(), now()" \
    "  FROM scenario, json_to_recordset($9::json) AS p (place integer, name text," \
    "    role text, background text, correlation text, primary_goals json," \
    "    personality_traits json)" \
    "  ORDER BY p.place" \
    "  RETURNING id" \
    ")," \
    "scene AS (" \
    "  INSERT INTO scenario_scenes (scenario_id, title, description, user_goal, scene_order," \
    "    estimated_duration, timeout_turns, success_metric, max_attempts, success_threshold," \
    "    image_url, image_prompt, created_at, updated_at)" \
    "  SELECT scenario.id, s.title, s.description, s.user_goal, s.scene_order," \
    "    30, 15, s.success_metric, 5, 0.7," \
    "    s.image_url, s.image_prompt, now(), now()" \
    "  FROM scenario, json_to_recordset($10::json) AS s (place integer, title text," \
    "    description text, user_goal text, scene_order integer, success_metric text," \
    "    image_url text, image_prompt text)" \
    "  ORDER BY s.place" \
    "  RETURNING id" \
    ")," \
    "link AS (" \
    "  INSERT INTO scene_personas (scene_id, persona_id, involvement_level, created_at)" \
    "  SELECT (SELECT array_agg(id ORDER BY id) FROM scene)[involved.scene + 1]," \
    "    (SELECT array_agg(id ORDER BY id) FROM persona)[involved.persona + 1]," \
    "    'participant', now()" \
    "  FROM scenario, unnest($12::integer[], $13::integer[]) AS involved (scene, persona)" \
    "  RETURNING 1" \
    ")," \
    "file AS (" \
    "  INSERT INTO scenario_files (scenario_id, filename, file_size, file_type, original_content," \
    "    processing_status, processing_log, uploaded_at, processed_at)" \
    "  SELECT scenario.id, f.filename, least(f.file_size, 2147483647), f.file_type," \
    "    f.original_content," \
    "    'completed', json_build_object(" \
    "      'personas_count', (SELECT count(*) FROM persona)," \
    "      'scenes_count', (SELECT count(*) FROM scene)," \
    "      'processing_timestamp', " SQL_ISO("now()") "," \
    "      'warnings', $8::json), now(), now()" \
    "  FROM scenario, json_to_recordset($11::json) AS f (filename text," \
    "    file_size bigint, file_type text, original_content text)" \
    "  RETURNING 1" \
    ")"

#define SAVE_REPLY \
    ", reply AS (" \
    "  INSERT INTO personad.idempotency_keys (key, fingerprint, scenario_id, degraded, reply)" \
    "  SELECT $14::bytea, $15::bytea, scenario.id, $16::text," \
    "    '{\"scenario_id\":' || scenario.id || ',' || $17::text" \
    "  FROM scenario" \
    "  RETURNING 1" \
    ")"

#define SAVE_RESULT \
    "SELECT coalesce((SELECT id FROM scenario), (SELECT id FROM scenarios WHERE unique_id = $1))," \
    "  EXISTS (SELECT FROM scenario), (SELECT count(*) FROM persona)," \
    "  (SELECT count(*) FROM scene), (SELECT count(*) FROM link), (SELECT count(*) FROM file)"

static const struct pg_statement save_statement = {
    "scenario_save", SAVE_ROWS SAVE_RESULT, VALUE_KEY};
static const struct pg_statement save_with_reply_statement = {
    "scenario_save_reply", SAVE_ROWS SAVE_REPLY SAVE_RESULT, VALUE_COUNT};

/* clang-format on */

enum {
    COLUMN_ID,
    COLUMN_IS_NEW,
    COLUMN_PERSONAS,
    COLUMN_SCENES,
    COLUMN_LINKS,
    COLUMN_FILES,
};

/* --- trying again -------------------------------------------------------------------------------
 */

/* Not the statement's fault, nor that of what is to be saved: it may go well a little later. */
static bool may_pass(const struct pg_query *query)
{
    static const char *const classes[] = {
        "08",    /* the connection */
        "40",    /* another transaction was in the way */
        "53300", /* too many connections */
        "57P",   /* the server is being stopped, or started */
    };
    if (query->outcome_unknown)
        return true;
    if (op_error(&query->op)->code != ERR_DATABASE)
        return false;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strncmp(query->sqlstate, classes[i], strlen(classes[i])) == 0)
            return true;
    return query->sqlstate[0] == '\0';
}

static void on_rested(struct loop_timer *timer)
{
    op_release(&container_of(timer, struct scenario_save, rest)->op);
}

/* Of many that lost their connections together, not all come back together. */
static enum flow try_later(struct scenario_save *save)
{
    const uint64_t longest_ms = (uint64_t)REST_MS << (save->tries - 1);
    const uint64_t wait_ms = longest_ms - (uint64_t)rand() % (longest_ms / 2);
    if (loop_now_ms(save->op.link.loop) + wait_ms >= save->deadline_ms)
        return op_fail_with(&save->op, op_error(&save->query.op));
    op_hold(&save->op);
    loop_timer_start(save->op.link.loop, &save->rest, wait_ms, on_rested);
    return FLOW_AGAIN;
}

/* Its only hold is the rest. */
static void save_cancel(struct op *op)
{
    struct scenario_save *save = op_cast(op, scenario_save);
    if (save->rest.place == 0)
        return;
    loop_timer_stop(op->link.loop, &save->rest);
    op_release(op);
}

/* --- steps --------------------------------------------------------------------------------------
 */

void reply_key_print(const unsigned char bytes[REPLY_KEY_BYTES], char out[HEX_BYTES])
{
    strcpy(out, "\\x");
    for (size_t i = 0; i < REPLY_KEY_BYTES; i++)
        snprintf(out + 2 + 2 * i, 3, "%02x", bytes[i]);
}

static void prepare_reply(struct scenario_save *save, const struct scenario_reply *reply)
{
    reply_key_print(reply->key, save->key);
    reply_key_print(reply->fingerprint, save->fingerprint);
    save->values[VALUE_KEY] = save->key;
    save->values[VALUE_FINGERPRINT] = save->fingerprint;
    save->values[VALUE_DEGRADED] = reply->degraded;
    save->values[VALUE_REST] = reply->rest;
}

static enum flow prepare(struct op *op)
{
    struct scenario_save *save = op_cast(op, scenario_save);
    const struct scenario_draft *draft = save->draft;
    const struct slice *content = &draft->content;
    if (save->tries > 0)
        return FLOW_NEXT;
    if (scenario_lists_make(&save->lists, draft, &save->arena) != OK)
        return op_fail(op, ERR_LIMIT, "The scenario is too large to be saved");
    if (draft->user_id > 0)
        snprintf(save->user_id, sizeof(save->user_id), "%" PRId64, draft->user_id);
    const struct case_study *study = draft->study;
    save->values[VALUE_UNIQUE_ID] = save->unique_id;
    save->values[VALUE_USER_ID] = draft->user_id > 0 ? save->user_id : NULL;
    save->values[VALUE_CONTENT] =
        arena_strndup(&save->arena, content->data,
                      text_cut(content->data, content->length, SCENARIO_CONTENT_BYTES_MAX));
    save->values[VALUE_TITLE] = study->title ? study->title : "";
    save->values[VALUE_DESCRIPTION] = study->description ? study->description : "";
    save->values[VALUE_STUDENT_ROLE] = study->student_role ? study->student_role : "";
    for (size_t i = 0; i < LIST_COUNT; i++)
        save->values[VALUE_LISTS + i] = save->lists.texts[i].data;
    if (draft->reply)
        prepare_reply(save, draft->reply);
    return FLOW_NEXT;
}

static enum flow add_rows(struct op *op)
{
    struct scenario_save *save = op_cast(op, scenario_save);
    pg_query_clear(&save->query);
    memset(&save->query, 0, sizeof(save->query));
    save->tries++;
    const struct pg_statement *statement =
        save->draft->reply ? &save_with_reply_statement : &save_statement;
    pg_query_start(&save->query, try(op), save->pool, statement, save->values,
                   &(struct pg_query_options){.deadline_ms = save->deadline_ms});
    return FLOW_WAIT;
}

static size_t number(const PGresult *result, int column)
{
    return strtoul(PQgetvalue(result, 0, column), NULL, 10);
}

/* A repeat adds no rows. */
static bool is_complete(const struct scenario_save *save, const PGresult *result)
{
    const struct scenario_draft *draft = save->draft;
    return PQgetvalue(result, 0, COLUMN_IS_NEW)[0] == 'f' ||
           (number(result, COLUMN_PERSONAS) == draft->study->figure_count &&
            number(result, COLUMN_SCENES) == draft->study->scene_count &&
            number(result, COLUMN_LINKS) == save->lists.cast_count &&
            number(result, COLUMN_FILES) == draft->file_count);
}

static enum flow look(struct op *op)
{
    struct scenario_save *save = op_cast(op, scenario_save);
    const struct pg_query *query = &save->query;
    const PGresult *result = query->result;
    const bool is_last = save->tries == TRIES_MAX;
    if (op_error(&query->op)->code != OK) {
        save->outcome_unknown = save->outcome_unknown || query->outcome_unknown;
        if (!is_last && may_pass(query))
            return try_later(save);
        if (save->draft->reply && strcmp(query->sqlstate, UNIQUE_VIOLATION) == 0)
            return op_fail(op, ERR_CONFLICT, "Another server has answered this request meanwhile");
        return op_fail_with(op, op_error(&query->op));
    }
    save->outcome_unknown = false;
    if (PQgetisnull(result, 0, COLUMN_ID)) { /* our own row, since this statement began */
        if (is_last)
            return op_fail(op, ERR_DATABASE, "The saved scenario is not to be seen");
        return FLOW_AGAIN;
    }
    if (!is_complete(save, result))
        return op_fail(op, ERR_DATABASE, "The database has kept a part of the scenario only");
    save->id = strtoll(PQgetvalue(result, 0, COLUMN_ID), NULL, 10);
    return FLOW_DONE;
}

static const struct step save_steps[] = {
    {"prepare", prepare}, {"add_rows", add_rows}, {"look", look}, {0}};
static const struct op_kind save_kind = {"scenario_save", save_steps, save_cancel, NULL};

/* --- from outside -------------------------------------------------------------------------------
 */

static void make_unique_id(char out[UNIQUE_ID_BYTES])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static const char prefix[] = "SC-";
    enum { RANDOM_LENGTH = UNIQUE_ID_BYTES - sizeof(prefix) };
    unsigned char random[RANDOM_LENGTH];
    if (RAND_bytes(random, RANDOM_LENGTH) != 1)
        abort();
    char *to = stpcpy(out, prefix);
    for (size_t i = 0; i < RANDOM_LENGTH; i++)
        *to++ = alphabet[random[i] % 64];
    *to = '\0';
}

void scenario_save_start(struct scenario_save *save, struct op_link link, struct pg_pool *pool,
                         const struct scenario_draft *draft, uint64_t deadline_ms)
{
    memset(save, 0, sizeof(*save));
    save->pool = pool;
    save->draft = draft;
    save->deadline_ms = deadline_ms;
    arena_init(&save->arena);
    scenario_lists_init(&save->lists);
    make_unique_id(save->unique_id);
    op_start(&save->op, &save_kind, link);
}

void scenario_save_clear(struct scenario_save *save)
{
    if (!save->pool)
        return;
    pg_query_clear(&save->query);
    scenario_lists_clear(&save->lists);
    arena_clear(&save->arena);
}
