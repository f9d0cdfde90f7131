/*
 * schema.h: are the tables there, and can our statements work with them?
 *
 * The tables belong to several services, and each of these may add to them. So what is looked at is
 * what our own statements need and no more: that the columns they name are there, of a type they
 * can use, and that a row of ours would not lack something. One statement reads what there is; a
 * pure function compares.
 *
 *     schema_check_start(&check, try(op), &pool);          // for /ready
 *     ... // in the next step: check.report.fault, "table scenarios is missing", "" for none
 *
 *     if (schema_create(url, &created, &error) != OK) ...  // personad --init-db
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "io/pg_pool.h"

enum { SCHEMA_FAULT_BYTES = 200, SCHEMA_TABLES_BYTES = 256 };

struct schema_report {
    size_t tables_missing;
    bool differs;                   /* a table that is there is not as we need it */
    char fault[SCHEMA_FAULT_BYTES]; /* the first difference, else the first table missing; "" */
};

/* The names of the tables, as an array in PostgreSQL's notation: the parameter of the statement
 * that reads what there is. */
void schema_tables(char out[SCHEMA_TABLES_BYTES]);

/* `found` is what that statement answers, a JSON object with each table's columns or
 * null. ERR_SYNTAX: it is something else. */
MUST_CHECK enum err schema_compare(const char *found, size_t length, struct schema_report *out);

/* Appends config/schema.sql without the tables that `found` has. What is in a schema of our own is
 * always in it, and says itself that it may be there. */
MUST_CHECK enum err schema_missing_sql(const char *found, size_t length, struct buffer *out);

struct schema_check {
    struct op op;
    struct schema_report report; /* the result */
    /* private */
    struct pg_query query;
    struct pg_pool *pool;
    char tables[SCHEMA_TABLES_BYTES];
    const char *values[1];
};

void schema_check_start(struct schema_check *check, struct op_link link, struct pg_pool *pool);

/* Makes the tables that are missing, all or none of them; there is nothing to do where all are
 * there. ERR_UNSUPPORTED: one that is there differs; nothing was done. Blocks, and so is for the
 * command line only; the detail may have the server's words in it, but no password. */
MUST_CHECK enum err schema_create(const char *url, size_t *created_out, struct error *error);

#endif
