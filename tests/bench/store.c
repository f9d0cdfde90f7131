/*
 * What saving and listing scenarios takes, against the ways in which that is mostly done; each way
 * in turn with the others, on one database, whose tables have been made.
 *
 *     bench-store URL        prints medians in microseconds, and saves a second: "name value"
 *
 * The rows one by one go in one transaction, ids by RETURNING: as the old service sends them, each
 * INSERT with its text, which the server parses and plans; and as prepared statements.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "io/work.h"
#include "store/scenario_read.h"
#include "store/scenario_save.h"

enum {
    FIGURES = 8,
    SCENES = 4,
    LINKS_EACH = 4, /* of a scene: 16 in all */
    FILES = 3,
    ROUNDS = 300,
    LISTED = 50,
    LIST_ROUNDS = 30,
    POOL = 20,
    TOGETHER = 200,
    SAVES = 4000, /* of those together */
    FAR_MS = 60 * 1000,
};

static struct loop loop;
static struct pg_pool pool;
static PGconn *plain;
static size_t unfinished;

/* --- what is saved ---------------------------------------------------------------------------- */

static const char text[] = "Dana Whitlock, the owner of Pell Street Bicycle Works, runs the "
                           "workshop and owes the bank 40,000 dollars; nobody else knows of it.";
static const char *const names[FIGURES] = {"Ana", "Bo", "Cy", "Di", "Ed", "Fay", "Gus", "Hal"};
static const char *involved[LINKS_EACH] = {"Ana", "Bo", "Cy", "Di"};
static struct key_figure figures[FIGURES];
static struct scene scenes[SCENES];
static const struct scenario_file files[FILES] = {{"a.pdf", 9, {text, sizeof(text) - 1}},
                                                  {"b.pdf", 9, {text, sizeof(text) - 1}},
                                                  {"c.pdf", 9, {text, sizeof(text) - 1}}};
static struct case_study study = {.title = "A case",
                                  .description = text,
                                  .student_role = "Owner",
                                  .figures = figures,
                                  .figure_count = FIGURES,
                                  .scenes = scenes,
                                  .scene_count = SCENES,
                                  .outcomes = {"1. a", "2. b", "3. c", "4. d", "5. e"}};
static struct scenario_draft draft = {
    .study = &study, .content = {text, sizeof(text) - 1}, .files = files, .file_count = FILES};

static void make_study(void)
{
    for (size_t i = 0; i < FIGURES; i++)
        figures[i] = (struct key_figure){.name = names[i],
                                         .role = "Manager",
                                         .correlation = text,
                                         .background = text,
                                         .goals = {"To be paid", "To stay"}};
    for (size_t i = 0; i < SCENES; i++)
        scenes[i] = (struct scene){.title = "A scene",
                                   .description = text,
                                   .personas_involved = involved,
                                   .personas_count = LINKS_EACH,
                                   .user_goal = text,
                                   .success_metric = text,
                                   .sequence_order = (int)i + 1,
                                   .image_url = ""};
}

/* --- measuring -------------------------------------------------------------------------------- */

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_median(const char *name, double *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_value);
    printf("%s %.1f\n", name, values[count / 2]);
}

static void on_finish(struct op *op, void *context)
{
    (void)context;
    if (op_error(op)->code != OK) {
        fprintf(stderr, "%s\n", op_error(op)->detail);
        exit(1);
    }
    if (--unfinished == 0)
        loop_stop(&loop);
}

static double save_once(void)
{
    static struct scenario_save save;
    const double start = now_us();
    unfinished = 1;
    scenario_save_start(&save, root(&loop, on_finish, NULL), &pool, &draft,
                        loop_now_ms(&loop) + FAR_MS);
    loop_run(&loop);
    const double taken = now_us() - start;
    scenario_save_clear(&save);
    return taken;
}

static PGresult *must(PGresult *result)
{
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s", PQresultErrorMessage(result));
        exit(1);
    }
    return result;
}

static void command(const char *sql)
{
    PQclear(must(PQexec(plain, sql)));
}

/* The id that a statement returned, 0 for none. */
static int first_id(PGresult *result)
{
    must(result);
    const int id = PQntuples(result) > 0 ? atoi(PQgetvalue(result, 0, 0)) : 0;
    PQclear(result);
    return id;
}

static int execute(const char *name, int count, const char *const *values)
{
    return first_id(PQexecPrepared(plain, name, count, values, NULL, NULL, 0));
}

/* --- one by one ------------------------------------------------------------------------------- */

struct insert {
    const char *name, *sql;
};

static const struct insert
    scenario_row = {"scenario",
                    "INSERT INTO scenarios (unique_id, title, description, challenge, industry,"
                    " learning_objectives, source_type, pdf_content, student_role, pdf_title,"
                    " pdf_source, processing_version, is_public, allow_remixes, status, is_draft)"
                    " VALUES (gen_random_uuid()::text, $1::text, $2::text, $2::text, 'Business',"
                    " '[]', 'pdf_upload', $2::text, 'Owner', $1::text, 'Uploaded PDF', '1.0',"
                    " false, true, 'draft', true) RETURNING id"},
    persona_row = {"persona", "INSERT INTO scenario_personas (scenario_id, name, role, background,"
                              " correlation, primary_goals, personality_traits)"
                              " VALUES ($1::int, $2, 'Manager', $3::text, $3::text, '[]', '{}')"
                              " RETURNING id"},
    scene_row = {"scene", "INSERT INTO scenario_scenes (scenario_id, title, description, user_goal,"
                          " scene_order, estimated_duration, success_metric)"
                          " VALUES ($1::int, 'A scene', $2::text, $2::text, $3::int, 30, $2::text)"
                          " RETURNING id"},
    link_row = {"link", "INSERT INTO scene_personas (scene_id, persona_id, involvement_level)"
                        " VALUES ($1::int, $2::int, 'participant')"},
    file_row = {"file", "INSERT INTO scenario_files (scenario_id, filename, original_content,"
                        " processing_status) VALUES ($1::int, 'a.pdf', $2, 'completed')"
                        " RETURNING id"};

static void prepare_rows(void)
{
    const struct insert *const all[] = {&scenario_row, &persona_row, &scene_row, &link_row,
                                        &file_row};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        PQclear(must(PQprepare(plain, all[i]->name, all[i]->sql, 0, NULL)));
}

/* Adds a row; the id that it returns, 0 for none. */
static int insert(const struct insert *row, bool prepared, int count, const char *const *values)
{
    if (prepared)
        return execute(row->name, count, values);
    return first_id(PQexecParams(plain, row->sql, count, NULL, values, NULL, NULL, 0));
}

static double save_rows(bool prepared)
{
    char scenario[16], scene[16], order[16], personas[FIGURES][16];
    const double start = now_us();
    command("BEGIN");
    snprintf(scenario, sizeof(scenario), "%d",
             insert(&scenario_row, prepared, 2, (const char *[]){"A case", text}));
    for (size_t i = 0; i < FIGURES; i++)
        snprintf(personas[i], sizeof(personas[i]), "%d",
                 insert(&persona_row, prepared, 3, (const char *[]){scenario, names[i], text}));
    for (size_t i = 0; i < SCENES; i++) {
        snprintf(order, sizeof(order), "%zu", i + 1);
        snprintf(scene, sizeof(scene), "%d",
                 insert(&scene_row, prepared, 3, (const char *[]){scenario, text, order}));
        for (size_t j = 0; j < LINKS_EACH; j++)
            insert(&link_row, prepared, 2, (const char *[]){scene, personas[j]});
    }
    for (size_t i = 0; i < FILES; i++)
        insert(&file_row, prepared, 2, (const char *[]){scenario, text});
    command("COMMIT");
    return now_us() - start;
}

static double insert_one(void)
{
    const double start = now_us();
    insert(&scenario_row, true, 2, (const char *[]){"A case", text});
    return now_us() - start;
}

/* --- lists ------------------------------------------------------------------------------------ */

static double list_once(int user)
{
    static struct scenario_read read;
    const double start = now_us();
    unfinished = 1;
    scenario_read_start(&read, root(&loop, on_finish, NULL), &pool,
                        &(struct scenario_question){.kind = READ_DRAFTS, .id = user});
    loop_run(&loop);
    const double taken = now_us() - start;
    assert(read.caller == CALLER_ACTIVE);
    scenario_read_clear(&read);
    return taken;
}

/* As an ORM does that loads what it is asked for: a query for the scenarios, for each of these one
 * for its personas and one for its scenes, for each scene one for who is in it. */
static double list_rows(const char *user)
{
    const double start = now_us();
    PGresult *all = must(PQexecPrepared(plain, "mine", 1, &user, NULL, NULL, 0));
    assert(PQntuples(all) == LISTED);
    for (int i = 0; i < PQntuples(all); i++) {
        const char *id = PQgetvalue(all, i, 0);
        execute("personas_of", 1, &id);
        PGresult *scenes_of = must(PQexecPrepared(plain, "scenes_of", 1, &id, NULL, NULL, 0));
        for (int j = 0; j < PQntuples(scenes_of); j++) {
            const char *scene = PQgetvalue(scenes_of, j, 0);
            execute("cast_of", 1, &scene);
        }
        PQclear(scenes_of);
    }
    PQclear(all);
    return now_us() - start;
}

static int prepare_lists(char user[16])
{
    command("SET client_min_messages = warning");
    command("TRUNCATE scenarios CASCADE");
    const int id =
        first_id(PQexec(plain, "INSERT INTO users (is_active) VALUES (true) RETURNING id"));
    snprintf(user, 16, "%d", id);
    draft.user_id = id;
    for (size_t i = 0; i < LISTED; i++)
        save_once();
    draft.user_id = 0;
    command("ANALYZE");
    PQclear(must(PQprepare(plain, "mine",
                           "SELECT * FROM scenarios WHERE created_by = $1::int AND is_draft", 0,
                           NULL)));
    PQclear(
        must(PQprepare(plain, "personas_of",
                       "SELECT * FROM scenario_personas WHERE scenario_id = $1::int", 0, NULL)));
    PQclear(must(PQprepare(plain, "scenes_of",
                           "SELECT * FROM scenario_scenes WHERE scenario_id = $1::int"
                           " ORDER BY scene_order",
                           0, NULL)));
    PQclear(must(PQprepare(plain, "cast_of",
                           "SELECT p.* FROM scenario_personas p JOIN scene_personas l"
                           " ON l.persona_id = p.id WHERE l.scene_id = $1::int",
                           0, NULL)));
    return id;
}

/* --- many together ---------------------------------------------------------------------------- */

static struct scenario_save saves[TOGETHER];
static size_t begun;

static void on_saved(struct op *op, void *context);

static void begin_save(struct scenario_save *save)
{
    begun++;
    unfinished++;
    scenario_save_start(save, root(&loop, on_saved, save), &pool, &draft,
                        loop_now_ms(&loop) + FAR_MS);
}

static void on_saved(struct op *op, void *context)
{
    struct scenario_save *save = context;
    if (op_error(op)->code != OK) {
        fprintf(stderr, "%s\n", op_error(op)->detail);
        exit(1);
    }
    scenario_save_clear(save);
    unfinished--;
    if (begun < SAVES)
        begin_save(save);
    else if (unfinished == 0)
        loop_stop(&loop);
}

static double save_together(void)
{
    const double start = now_us();
    begun = 0;
    for (size_t i = 0; i < TOGETHER; i++)
        begin_save(&saves[i]);
    loop_run(&loop);
    return SAVES / ((now_us() - start) / 1e6);
}

static void measure_saves(void)
{
    static double ours[ROUNDS], rows[ROUNDS], prepared[ROUNDS], one[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        ours[i] = save_once();
        rows[i] = save_rows(false);
        prepared[i] = save_rows(true);
        one[i] = insert_one();
    }
    print_median("save_us", ours, ROUNDS);
    print_median("rows_us", rows, ROUNDS);
    print_median("prepared_us", prepared, ROUNDS);
    print_median("insert_us", one, ROUNDS);
}

static void measure_lists(void)
{
    static double ours[LIST_ROUNDS], rows[LIST_ROUNDS];
    char user[16];
    const int id = prepare_lists(user);
    for (size_t i = 0; i < LIST_ROUNDS; i++) {
        ours[i] = list_once(id);
        rows[i] = list_rows(user);
    }
    print_median("list_us", ours, LIST_ROUNDS);
    print_median("list_rows_us", rows, LIST_ROUNDS);
}

int main(int argc, char **argv)
{
    struct error error;
    if (argc != 2) {
        fprintf(stderr, "usage: %s URL\n", argv[0]);
        return 2;
    }
    log_init(LOG_WARN, LOG_FORMAT_TEXT);
    work_init_threads();
    make_study();
    plain = PQconnectdb(argv[1]);
    if (PQstatus(plain) != CONNECTION_OK || loop_init(&loop) != OK ||
        pg_pool_init(&pool, &loop,
                     &(struct pg_pool_settings){.url = argv[1],
                                                .size = POOL,
                                                .wait_ms = FAR_MS,
                                                .connect_ms = FAR_MS,
                                                .statement_ms = FAR_MS,
                                                .check_idle_ms = FAR_MS},
                     &error) != OK)
        return 1;
    prepare_rows();
    measure_lists();
    /* Opens the connections; and plans that were made for tables with nothing in them are not for
     * those that grow: the server makes them anew when it has counted. */
    save_together();
    command("ANALYZE");
    measure_saves();
    printf("together_per_s %.1f\n", save_together());
    return 0;
}
