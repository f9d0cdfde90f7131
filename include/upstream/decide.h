/*
 * decide.h: what to do after a call to an upstream: one pure function for every outcome.
 *
 * Everything it looks at stands in two structs, everything it says in a third; no clock, no state,
 * no I/O, so that a table can test it whole. Random numbers come in as `chance`.
 *
 * An answer's status says more than a fault that cut its body, and its error code more than the
 * status: money that is gone comes as 402, 429 or 400. What is final stays final; what may pass is
 * tried again a stated number of times, after the wait the server asked for or one that doubles,
 * within the time left and the process's budget of retries. What cannot be tried again fails with
 * the reason that it had.
 */
#ifndef UPSTREAM_DECIDE_H
#define UPSTREAM_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "io/gate.h"
#include "io/http_client.h"

enum {
    DECIDE_ADAPTIONS_MAX = 3,              /* fields dropped for one call */
    DECIDE_SERVER_WAIT_MS_MAX = 120 * 1000 /* who asks for more gets no retry */
};

enum upstream_service {
    SERVICE_CHAT,
    SERVICE_EMBEDDINGS,
    SERVICE_IMAGES,
    SERVICE_PARSE_UPLOAD,
    SERVICE_PARSE_POLL, /* tried once: the next poll is its retry */
    SERVICE_PARSE_CONTROL,
    SERVICE_COUNT
};

/* What came of a call, as its service read it. No string is NULL. */
struct outcome {
    enum http_fault fault;
    int status;             /* HTTP; 0 with a fault before the headers */
    const char *code;       /* error.code or type of the body, that of money if either is; "" */
    const char *param;      /* error.param; "" */
    const char *message;    /* error.message; "": looked at where servers give no codes */
    bool unusable;          /* 200, but the body is not what was asked for */
    bool moderated;         /* the prompt or the picture was refused by policy, whatever the code */
    bool param_is_ours;     /* `param` names an optional field that was sent */
    int64_t server_wait_ms; /* retry-after-ms or Retry-After; -1: none said */
    int should_retry;       /* x-should-retry: 1, 0; -1: not said */
};

/* Where the operation stands. */
struct attempt {
    enum upstream_service service;
    unsigned tries;        /* made so far, this one included; those that were free aside */
    unsigned adaptions;    /* fields dropped so far */
    bool stale_retried;    /* a free retry after HTTP_FAULT_STALE was used up */
    bool unusable_retried; /* so was the one after an unusable body */
    bool budget_left;      /* of the process's retries */
    bool next_model;       /* there is another one to fall back on */
    uint64_t time_left_ms; /* until the deadline of the request */
    double chance;         /* in [0, 1) */
};

enum decision_kind { DECIDE_DONE, DECIDE_RETRY, DECIDE_ADAPT, DECIDE_NEXT_MODEL, DECIDE_FAIL };

struct decision {
    enum decision_kind kind;
    uint64_t wait_ms;        /* RETRY: without holding a place */
    bool fresh_connection;   /* RETRY at once on one: free, no try and nothing off the budget */
    bool complain;           /* RETRY: tell the model what was wrong with its answer */
    enum err fail;           /* FAIL: ERR_RATE_LIMITED, ERR_QUOTA, ERR_UPSTREAM_CONFIG, ERR_REFUSED,
                           ERR_UPSTREAM_REQUEST, ERR_UPSTREAM, ERR_DEADLINE, or ERR_INTERNAL when
                           the call failed on our side */
    enum gate_result report; /* to the gate, in any case */
    enum gate_narrowing narrow; /* likewise: it was too much for the service */
};

struct decision decide(const struct outcome *outcome, const struct attempt *attempt);

/* "done", "retry", "adapt", "next_model", "fail": for logs. */
const char *decision_name(enum decision_kind kind);

/* `retry-after-ms`, or `Retry-After` (seconds, decimal too, or an HTTP date in any of its three
 * forms) as milliseconds; -1 when absent (NULL) or senseless. A date that has passed is 0. `now_s`
 * is Unix time. */
int64_t decide_server_wait_ms(const char *retry_after_ms, const char *retry_after, int64_t now_s);

/* A duration as rate-limit headers have it ("1m0.5s", "12ms", or "20": seconds), in ms, rounded up;
 * -1 when it is none, or NULL. */
int64_t decide_duration_ms(const char *text);

/* How long nobody may follow, by a limit's headers (NULL: absent): 0 if `needed` of what is limited
 * (tokens, requests) are left, or nobody knows. `reset` says when all of `limit` will be there
 * again; as it fills up evenly, what is needed will be sooner. Without `limit`: all of the reset.
 */
uint64_t decide_hold_ms(const char *limit, const char *remaining, const char *reset,
                        uint64_t needed);

/* Retries of the process: at most a fifth of the calls of the last 10 s, and never fewer than 10.
 * `{0}` is a full one. */
struct retry_budget {
    uint64_t since_ms;                 /* when these 10 s began */
    unsigned calls, retries;           /* in these 10 s */
    unsigned last_calls, last_retries; /* in those before: their recent part counts */
};
void retry_budget_call(struct retry_budget *budget, uint64_t now_ms);
/* Takes one out; false when none is left. */
MUST_CHECK bool retry_budget_take(struct retry_budget *budget, uint64_t now_ms);

#endif
