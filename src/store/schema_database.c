/*
 * Tables are made by libpq's blocking calls, as several statements in one transaction are more than
 * the pool is for, and nothing else goes on then. Two who make them at the same time take turns.
 */
#include "store/schema.h"

#include <assert.h>
#include <string.h>

#include <libpq-fe.h>

#include "base/embedded.h"

/* Tables are found as all our statements find them, by the search path. */
static const struct pg_statement columns = {
    "schema_columns",
    "SELECT json_object_agg(wanted.name, ("
    "  SELECT json_object_agg(a.attname, json_build_object("
    "    'type', format_type(a.atttypid, a.atttypmod),"
    "    'default', a.atthasdef OR a.attidentity <> '',"
    "    'required', a.attnotnull,"
    "    'unique', EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique"
    "      AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1"
    "      AND i.indkey[0] = a.attnum)))"
    "  FROM pg_attribute a"
    "  WHERE a.attrelid = to_regclass(wanted.name) AND a.attnum > 0 AND NOT a.attisdropped)) "
    "FROM unnest($1::text[]) AS wanted(name)",
    1,
};

/* --- checking -----------------------------------------------------------------------------------
 */

static enum flow ask(struct op *op)
{
    struct schema_check *check = op_cast(op, schema_check);
    schema_tables(check->tables);
    check->values[0] = check->tables;
    pg_query_start(&check->query, need(op), check->pool, &columns, check->values,
                   &(struct pg_query_options){.read_only = true});
    return FLOW_WAIT;
}

static enum flow compare(struct op *op)
{
    struct schema_check *check = op_cast(op, schema_check);
    const PGresult *result = check->query.result;
    if (schema_compare(PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0),
                       &check->report) != OK)
        return op_fail(op, ERR_DATABASE, "The database does not say which tables it has");
    return FLOW_NEXT;
}

static void schema_check_end(struct op *op)
{
    pg_query_clear(&op_cast(op, schema_check)->query);
}

static const struct step check_steps[] = {{"ask", ask}, {"compare", compare}, {0}};
static const struct op_kind check_kind = {"schema_check", check_steps, NULL, schema_check_end};

void schema_check_start(struct schema_check *check, struct op_link link, struct pg_pool *pool)
{
    memset(check, 0, sizeof(*check));
    check->pool = pool;
    op_start(&check->op, &check_kind, link);
}

/* --- making -------------------------------------------------------------------------------------
 */

enum { CREATE_SQL_MAX = 64 * 1024 };

/* The first line of what libpq or the server says. */
static enum err database_error(PGconn *connection, const char *what, struct error *error)
{
    const char *words = PQerrorMessage(connection);
    return error_set(error, ERR_DATABASE, "%s: %.*s", what, (int)strcspn(words, "\n"), words);
}

static enum err execute(PGconn *connection, const char *sql, struct error *error)
{
    PGresult *result = PQexec(connection, sql);
    const ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        return database_error(connection, "The tables cannot be made", error);
    return OK;
}

/* Makes what is missing, within the transaction that `found` was read in. */
static enum err create_missing(PGconn *connection, const char *found, size_t length,
                               size_t *created_out, struct error *error)
{
    struct schema_report report = {0};
    if (schema_compare(found, length, &report) != OK)
        return error_set(error, ERR_DATABASE, "The database does not say which tables it has");
    if (report.differs)
        return error_set(error, ERR_UNSUPPORTED, "The database has other tables: %s", report.fault);
    struct buffer sql;
    buffer_init(&sql, CREATE_SQL_MAX);
    enum err err = schema_missing_sql(found, length, &sql);
    assert(err == OK);
    if (sql.length > 0)
        err = execute(connection, sql.data, error);
    buffer_clear(&sql);
    if (err == OK)
        *created_out = report.tables_missing;
    return err;
}

static enum err read_and_create(PGconn *connection, size_t *created_out, struct error *error)
{
    char tables[SCHEMA_TABLES_BYTES];
    schema_tables(tables);
    const char *const values[] = {tables};
    PGresult *result =
        PQexecParams(connection, columns.sql, columns.parameter_count, NULL, values, NULL, NULL, 0);
    enum err err;
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        err = create_missing(connection, PQgetvalue(result, 0, 0),
                             (size_t)PQgetlength(result, 0, 0), created_out, error);
    else
        err = database_error(connection, "The tables cannot be read", error);
    PQclear(result);
    return err;
}

static enum err create_in_transaction(PGconn *connection, size_t *created_out, struct error *error)
{
    size_t created = 0;
    enum err err = execute(
        connection, "BEGIN; SELECT pg_advisory_xact_lock(hashtext('personad --init-db'))", error);
    if (!err)
        err = read_and_create(connection, &created, error);
    if (!err)
        err = execute(connection, "COMMIT", error); /* closing the connection is the rollback */
    if (!err)
        *created_out = created;
    return err;
}

enum err schema_create(const char *url, size_t *created_out, struct error *error)
{
    /* What libpq would say of a wrong one may quote it, and with it the password. */
    if (pg_url_check(url, error) != OK)
        return error->code;
    /* The URL comes behind what it may override. */
    static const char *const names[] = {"connect_timeout", "dbname", "client_encoding", NULL};
    const char *const values[] = {"10", url, "UTF8", NULL};
    PGconn *connection = PQconnectdbParams(names, values, 1);
    enum err err;
    if (PQstatus(connection) == CONNECTION_OK)
        err = create_in_transaction(connection, created_out, error);
    else
        err = database_error(connection, "The database cannot be reached", error);
    PQfinish(connection);
    return err;
}
