/*
 * libpq's PQcancel waits: for a connection of its own, and for the server to close that. So it runs
 * on a worker thread, with what it needs of the connection in a copy, and may outlive it.
 */
#include <stdlib.h>

#include "base/log.h"
#include "io/pg_connection.h"
#include "io/work.h"

enum { WORDS_BYTES = 256 /* libpq's own recommendation */ };

struct pg_cancel {
    struct work work;
    struct pg_pool *pool;
    struct pg_connection *connection; /* NULL: closed meanwhile */
    PGcancel *request;
};

static enum err tell(struct work *work, struct error *error)
{
    const struct pg_cancel *cancel = container_of(work, struct pg_cancel, work);
    char words[WORDS_BYTES];
    if (PQcancel(cancel->request, words, sizeof(words)))
        return OK;
    return error_set(error, ERR_DATABASE, "%s", words);
}

static void on_finish(struct op *op, void *context)
{
    (void)op;
    struct pg_cancel *cancel = context;
    struct pg_connection *connection = cancel->connection;
    const struct error *error = op_error(&cancel->work.op);
    const bool told = error->code == OK;
    if (!told)
        log_debug("", "database", "fault=cancel message=%s", log_quote(error->detail));
    cancel->pool->cancels--;
    PQfreeCancel(cancel->request);
    work_clear(&cancel->work);
    free(cancel);
    if (!connection)
        return;
    connection->cancel = NULL;
    pg_connection_cancelled(connection, told);
}

bool pg_cancel_start(struct pg_connection *connection)
{
    struct pg_pool *pool = connection->pool;
    if (pool->cancels == PG_CANCELS_MAX)
        return false;
    struct pg_cancel *cancel = calloc(1, sizeof(*cancel));
    if (!cancel)
        abort();
    cancel->request = PQgetCancel(connection->pq);
    if (!cancel->request) {
        free(cancel);
        return false;
    }
    cancel->pool = pool;
    cancel->connection = connection;
    connection->cancel = cancel;
    pool->cancels++;
    work_start(&cancel->work, root(pool->loop, on_finish, cancel), tell, true);
    return true;
}

void pg_cancel_forget(struct pg_cancel *cancel)
{
    cancel->connection = NULL;
}
