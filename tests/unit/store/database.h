/*
 * database.h: a PostgreSQL cluster of one's own, and in place of pg_pool.c queries that go to it at
 * once, one statement each; with faults on request. For the one file of a test program; the loop is
 * unit/io/virtual_loop.h's.
 *
 *     cmocka_run_group_tests(tests, database_begin, database_end);
 *
 *     database_make();                       // in a test: a new database with the tables in it
 *     sql("INSERT ... ('%s')", name);        // gives the first value of the first row
 *     database.lose_answers = 1;             // the next statement is done, but nobody hears of it
 *     run(&save.op);
 *     database_drop();
 */
#ifndef TEST_STORE_DATABASE_H
#define TEST_STORE_DATABASE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/embedded.h"
#include "io/pg_pool.h"
#include "store/schema.h"
#include "unit/io/pg_cluster.h"
#include "unit/io/virtual_loop.h"

enum { DATABASE_VALUE_BYTES = 64 * 1024 };

static struct {
    char inner[256];    /* the URL of the one that a test made */
    PGconn *connection; /* NULL between database_drop and database_make */
    struct loop loop;
    struct pg_pool pool;
    unsigned made;
    size_t statements; /* queries done */
    /* faults: how many of the next queries have them */
    unsigned lose_answers;
    unsigned refuse;
    enum err refusal; /* with this */
    const char *sqlstate;
} database;

/* --- databases ----------------------------------------------------------------------------------
 */

static inline int database_begin(void **state)
{
    (void)state;
    cluster_begin();
    return 0;
}

static inline int database_end(void **state)
{
    (void)state;
    cluster_end();
    return 0;
}

static inline void run_sql(PGconn *connection, const char *text)
{
    PGresult *result = PQexec(connection, text);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(connection));
    PQclear(result);
}

static inline PGconn *database_connect(void)
{
    PGconn *connection = PQconnectdb(database.inner);
    assert_int_equal(PQstatus(connection), CONNECTION_OK);
    run_sql(connection, "SET client_min_messages = warning");
    return connection;
}

/* A new, empty database. */
static inline void database_make_empty(void)
{
    admin("CREATE DATABASE test%u", ++database.made);
    const char *host = strchr(cluster.url, '?');
    assert_non_null(host);
    snprintf(database.inner, sizeof(database.inner), "postgresql://personad@/test%u%s",
             database.made, host);
    database.connection = database_connect();
    database.loop = virtual_loop();
    database.statements = 0;
    database.lose_answers = database.refuse = 0;
}

static inline void database_make(void)
{
    database_make_empty();
    run_sql(database.connection, sql_schema);
}

static inline void database_drop(void)
{
    PQfinish(database.connection);
    database.connection = NULL;
    admin("DROP DATABASE test%u WITH (FORCE)", database.made);
}

/* The first value of the first row, "" for NULL or no row; until the next call. */
static inline const char *sql(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline const char *sql(const char *format, ...)
{
    static char text[DATABASE_VALUE_BYTES], value[DATABASE_VALUE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    PGresult *result = PQexec(database.connection, text);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(database.connection));
    snprintf(value, sizeof(value), "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return value;
}

static inline long sql_number(const char *text)
{
    return strtol(sql("%s", text), NULL, 10);
}

/* --- in place of the pool -----------------------------------------------------------------------
 */

static inline enum flow database_lose(struct op *op, enum err err, const char *sqlstate)
{
    struct pg_query *query = op_cast(op, pg_query);
    PQclear(query->result);
    query->result = NULL;
    snprintf(query->sqlstate, sizeof(query->sqlstate), "%s", sqlstate);
    return op_fail(op, err, "As the test wants it: %s", sqlstate);
}

/* Prepared under its name on the first use, as by the pool. */
static inline enum flow database_query(struct op *op)
{
    struct pg_query *query = op_cast(op, pg_query);
    const struct pg_statement *statement = query->statement;
    assert_int_equal(PQstatus(database.connection), CONNECTION_OK);
    if (database.refuse > 0) {
        database.refuse--;
        return database_lose(op, database.refusal, database.sqlstate);
    }
    PGresult *known = PQdescribePrepared(database.connection, statement->name);
    if (PQresultStatus(known) != PGRES_COMMAND_OK) {
        PQclear(known);
        known = PQprepare(database.connection, statement->name, statement->sql, 0, NULL);
        if (PQresultStatus(known) != PGRES_COMMAND_OK)
            fail_msg("%s: %s", statement->name, PQerrorMessage(database.connection));
    }
    PQclear(known);
    database.statements++;
    query->result = PQexecPrepared(database.connection, statement->name, statement->parameter_count,
                                   query->values, NULL, NULL, 0);
    const char *sqlstate = PQresultErrorField(query->result, PG_DIAG_SQLSTATE);
    if (sqlstate) {
        char copy[6];
        snprintf(copy, sizeof(copy), "%s", sqlstate);
        return database_lose(op, ERR_DATABASE, copy);
    }
    if (database.lose_answers > 0) {
        database.lose_answers--;
        query->outcome_unknown = true;
        return database_lose(op, ERR_DATABASE, "");
    }
    return FLOW_DONE;
}

static const struct step database_steps[] = {{"query", database_query}, {0}};
static const struct op_kind database_kind = {"pg_query", database_steps, NULL, NULL};

void pg_query_start(struct pg_query *query, struct op_link link, struct pg_pool *pool,
                    const struct pg_statement *statement, const char *const *values,
                    const struct pg_query_options *options)
{
    memset(query, 0, sizeof(*query));
    query->pool = pool;
    query->statement = statement;
    query->values = values;
    query->options = *options;
    op_start(&query->op, &database_kind, link);
}

void pg_query_clear(struct pg_query *query)
{
    PQclear(query->result);
    query->result = NULL;
}

/* --- operations ---------------------------------------------------------------------------------
 */

static inline void database_ignore(struct op *op, void *context)
{
    (void)op;
    (void)context;
}

static inline struct op_link database_link(void)
{
    return root(&database.loop, database_ignore, NULL);
}

/* Until it has finished, however long it rests. */
static inline enum err run(struct op *op)
{
    virtual_loop_settle(&database.loop);
    while (!op_finished(op) && virtual_loop_fire(&database.loop, UINT64_MAX))
        virtual_loop_settle(&database.loop);
    assert_true(op_finished(op));
    return op_error(op)->code;
}

static inline bool database_differs(void)
{
    struct schema_check check;
    schema_check_start(&check, database_link(), &database.pool);
    assert_int_equal(run(&check.op), OK);
    return check.report.differs;
}

/* Takes away every column that the check does not miss. */
static inline void database_strip(void)
{
    assert_false(database_differs());
    PGresult *columns =
        PQexec(database.connection, "SELECT table_name, column_name FROM information_schema.columns"
                                    " WHERE table_schema = 'public'");
    assert_int_equal(PQresultStatus(columns), PGRES_TUPLES_OK);
    for (int i = 0; i < PQntuples(columns); i++) {
        sql("BEGIN; ALTER TABLE %s DROP COLUMN \"%s\" CASCADE", PQgetvalue(columns, i, 0),
            PQgetvalue(columns, i, 1));
        sql(database_differs() ? "ROLLBACK" : "COMMIT");
    }
    PQclear(columns);
    database.statements = 0;
}

#endif
