/* sql.h: pieces of SQL that several statements have in them, as string literals. */
#ifndef STORE_SQL_H
#define STORE_SQL_H

/* A timestamp as Python's isoformat has it, in UTC: 2026-01-02T03:04:05.678900+00:00, and without a
 * fraction on the whole second. JSON functions would drop zeros and follow the session's zone. */
#define SQL_ISO(time)                                                                              \
    "replace(to_char(" time " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"'),"      \
    " '.000000', '')"

#endif
