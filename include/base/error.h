/*
 * error.h: what can go wrong, as one table.
 *
 * A function that can fail returns `enum err`: 0 (OK) is success. Results come back through last
 * parameters named `out`, which stay untouched on failure. The table gives each error the HTTP
 * status a client sees for it and a stable word for logs and metrics. Where the code alone does
 * not tell a person what to do, the failing function also fills a `struct error` with a sentence.
 *
 *     struct error error = {0};
 *     if (spool_open(&spool, &error) != OK)
 *         log_warn("spool", "detail=%s", error.detail);
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#define MUST_CHECK __attribute__((warn_unused_result))

/* code, HTTP status, word */
#define ERROR_TABLE(X)                                                                             \
    X(ERR_INTERNAL, 500, "internal")            /* a bug, or a library that ran out of memory */   \
    X(ERR_CANCELLED, 503, "cancelled")          /* nobody wants the result any more */             \
    X(ERR_DEADLINE, 504, "deadline")            /* time ran out */                                 \
    X(ERR_LIMIT, 413, "limit")                  /* more bytes or items than a stated maximum */    \
    X(ERR_SYNTAX, 400, "syntax")                /* bytes that do not follow their grammar */       \
    X(ERR_ENCODING, 400, "encoding")            /* not the character encoding it has to be */      \
    X(ERR_RANGE, 422, "range")                  /* a number outside what is allowed */             \
    X(ERR_UNPROCESSABLE, 422, "unprocessable")  /* a file that cannot be read: its own fault */    \
    X(ERR_UNSUPPORTED, 400, "unsupported_type") /* a kind of file that is not taken */             \
    X(ERR_NOT_FOUND, 404, "not_found")          /* no such thing */                                \
    X(ERR_CONFLICT, 409, "conflict")            /* the same is being done for somebody already */  \
    X(ERR_UNAUTHORIZED, 401, "unauthorized")    /* nobody we know, where it matters */             \
    X(ERR_OVERLOADED, 503, "overloaded")        /* a queue or a connection limit is full */        \
    X(ERR_DRAINING, 503, "draining")            /* the server is being stopped */                  \
    X(ERR_UNAVAILABLE, 503, "unavailable")      /* something the request needs is not there */     \
    X(ERR_NO_SPACE, 503, "no_space")            /* the disk for uploads is full */                 \
    X(ERR_IO, 500, "io")                        /* a system call failed */                         \
    X(ERR_UPSTREAM, 502, "upstream")            /* an outside service failed or said nonsense */   \
    X(ERR_UPSTREAM_CONFIG, 502, "upstream_config")    /* it refuses our key or our set-up */       \
    X(ERR_UPSTREAM_REQUEST, 502, "upstream_request")  /* it refuses what we asked */               \
    X(ERR_REFUSED, 502, "refused")                    /* its policy refuses the content */         \
    X(ERR_RATE_LIMITED, 503, "upstream_rate_limited") /* too many calls; it said when again */     \
    X(ERR_QUOTA, 503, "upstream_quota")               /* no money or credits left there */         \
    X(ERR_BUDGET, 503, "budget_spent")                /* what we may spend today is used up */     \
    X(ERR_BREAKER_OPEN, 503, "breaker_open") /* it failed too often lately: not even tried */      \
    X(ERR_DATABASE, 503, "database")         /* it cannot be reached, or refuses a statement */

enum err {
    OK = 0,
#define X(code, status, word) code,
    ERROR_TABLE(X)
#undef X
        ERR_COUNT
};

enum { ERROR_DETAIL_BYTES = 256 };

/* An error with its sentence. `{0}` is "no error". Plain data: copy it freely. */
struct error {
    enum err code;
    char detail[ERROR_DETAIL_BYTES]; /* for people; cut at a character if too long; "" if unset */
};

/* The stable word, "ok" for OK. */
const char *err_word(enum err err);

/* The HTTP status a client gets for it; 200 for OK. */
int err_status(enum err err);

/* Fills `error` (which may be NULL) and returns `code`, so that a caller can `return
 * error_set(...)`. */
enum err error_set(struct error *error, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
