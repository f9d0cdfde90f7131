#include "store/saved_reply.h"

#include <stdio.h>
#include <string.h>

static const struct pg_statement statement = {
    "saved_reply",
    "WITH old AS ("
    "  DELETE FROM personad.idempotency_keys WHERE created_at < now() - interval '1 day'"
    ")"
    "SELECT encode(fingerprint, 'hex'), degraded, reply FROM personad.idempotency_keys"
    " WHERE key = $1::bytea AND created_at >= now() - interval '1 day'",
    1,
};

enum { COLUMN_FINGERPRINT, COLUMN_DEGRADED, COLUMN_REPLY };

/* There is no such schema, no such table, or it is not for us. */
static bool has_no_table(const struct pg_query *query)
{
    static const char *const states[] = {"3F000", "42P01", "42501"};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(query->sqlstate, states[i]) == 0)
            return true;
    return false;
}

static enum flow ask(struct op *op)
{
    struct saved_reply *saved = op_cast(op, saved_reply);
    saved->values[0] = saved->key;
    pg_query_start(&saved->query, try(op), saved->pool, &statement, saved->values,
                   &(struct pg_query_options){0});
    return FLOW_WAIT;
}

static struct slice column(const PGresult *result, int column_number)
{
    return (struct slice){PQgetvalue(result, 0, column_number),
                          (size_t)PQgetlength(result, 0, column_number)};
}

static enum flow take(struct op *op)
{
    struct saved_reply *saved = op_cast(op, saved_reply);
    const struct pg_query *query = &saved->query;
    const PGresult *result = query->result;
    if (op_error(&query->op)->code != OK && has_no_table(query))
        return FLOW_DONE;
    if (op_error(&query->op)->code != OK)
        return op_fail_with(op, op_error(&query->op));
    saved->can_save = true;
    if (PQntuples(result) == 0)
        return FLOW_DONE;
    const char *hex = PQgetvalue(result, 0, COLUMN_FINGERPRINT);
    for (size_t i = 0; i < REPLY_KEY_BYTES && strlen(hex) == 2 * (size_t)REPLY_KEY_BYTES; i++) {
        unsigned byte = 0;
        sscanf(hex + 2 * i, "%2x", &byte);
        saved->fingerprint[i] = (unsigned char)byte;
    }
    saved->degraded = column(result, COLUMN_DEGRADED);
    saved->reply = column(result, COLUMN_REPLY);
    saved->found = true;
    return FLOW_DONE;
}

static const struct step steps[] = {{"ask", ask}, {"take", take}, {0}};
static const struct op_kind kind = {"saved_reply", steps, NULL, NULL};

void saved_reply_start(struct saved_reply *saved, struct op_link link, struct pg_pool *pool,
                       const unsigned char key[REPLY_KEY_BYTES])
{
    memset(saved, 0, sizeof(*saved));
    saved->pool = pool;
    reply_key_print(key, saved->key);
    op_start(&saved->op, &kind, link);
}

void saved_reply_clear(struct saved_reply *saved)
{
    if (saved->pool)
        pg_query_clear(&saved->query);
}
