/*
 * upstream.h: one paid call, from the gate to a usable answer: what all services share.
 *
 *      ┌──────────────────────────────────────────────────────────┐
 *      ▼                                                          │ FLOW_AGAIN
 *     enter ──▶ send ──▶ judge ──retry, adapt, next model──▶ rest (no place held)
 *                          └──▶ done, or failed with what decide() says
 *
 * A service embeds a struct upstream_call in its own operation's struct and gives a table of
 * functions: build makes the request anew for each try (so that a retried upload is whole), read
 * says what came of it. Retries, waits, the breaker, the retry budget, the learned capabilities and
 * the log line (one for each try) are here, once. So are rate limits: where a response says that
 * not enough is left for another call like this one, nobody enters until there is (gate_hold_off).
 *
 *     upstream_call_start(&chat->call, need(op), &chat_kind, openai, &rank, deadline_ms);
 *     ... // in the next step: what read() left in the service's own struct
 *     upstream_call_clear(&chat->call);
 */
#ifndef UPSTREAM_UPSTREAM_H
#define UPSTREAM_UPSTREAM_H

#include "io/gate.h"
#include "io/http_client.h"
#include "upstream/decide.h"

/* One vendor's API as this process uses it; lives as long as the server. */
struct upstream {
    const char *name; /* "llamaparse", "openai", "images": for logs, /ready and metrics */
    struct gate gate;
    struct http_client *client;
    const char *base_url;    /* without a slash at its end */
    const char *key;         /* NULL: not configured */
    const char *key_setting; /* "OPENAI_API_KEY": named when the key is refused */
    struct retry_budget budget;
    uint64_t calls;    /* that were sent once at least, since the start */
    uint64_t retries;  /* sent beyond the first of a call */
    uint64_t failures; /* calls that failed in the end, those nobody wanted any more aside */
};

struct upstream_call;

struct upstream_call_kind {
    enum upstream_service service;
    const char *name; /* of the call, for logs: "analysis", "upload" */
    /* Fills the request of the next try, and call->tokens where the service counts in tokens. What
     * it points to lives until the call is cleared. */
    void (*build)(struct upstream_call *call, struct http_request *out);
    /* Reads call->http into the service's own result, and says what came of it. Also called after
     * a transport fault, with `out` filled in so far (fault, status, waits, empty strings). The
     * response, and what `out` points to in it, is gone before the next try. */
    void (*read)(struct upstream_call *call, struct outcome *out);
    /* Leave out the optional field `param` (ADAPT), or where `unusable` is set simplify what that
     * was about. NULL: the service has nothing to adapt. */
    void (*adapt)(struct upstream_call *call, const struct outcome *outcome);
    /* Falls back on the next model; false when there is none. NULL: no models. */
    bool (*next_model)(struct upstream_call *call);
    /* One of dozens about the same thing: it is not counted, its line in the log is for debugging
     * unless it fails, and it tells the breaker nothing but GATE_FATAL, since all other calls would
     * be outvoted. Whoever polls tells it in the end, by upstream_report. */
    bool is_poll;
};

struct upstream_call {
    struct op op;
    struct upstream *upstream;
    const struct upstream_call_kind *kind;
    struct gate_rank rank;
    uint64_t deadline_ms;   /* loop time: nothing of it goes on past it */
    struct gate_pass *held; /* the place of whoever called, if they have one */
    struct gate_pass pass;  /* else our own */
    struct http_call http;  /* the latest try */
    struct outcome outcome; /* of the latest try, until the next */
    unsigned tries;         /* sent, all of them */
    unsigned counted;       /* of these, what decide() counts: with this model, and not free */
    unsigned adaptions;     /* of the requests to this model */
    bool stale_retried;
    bool complaining; /* this try repeats one whose answer was unusable: build may say so */
    bool fresh;       /* this try must not reuse a connection */
    uint64_t tokens;  /* that this try may use up, by our estimate: input and most output */
    uint64_t wait_ms; /* to rest before the next */
    struct loop_timer rest;
    double queue_seconds; /* waited at the gate, all tries */
    char late_detail[64];
};

/* `deadline_ms` is in loop time; then the call ends with ERR_DEADLINE wherever it is. The operation
 * fails with what decide() or the gate says, and a detail such as "openai answered 401
 * (invalid_api_key): check OPENAI_API_KEY"; never with the key or the content. */
void upstream_call_start(struct upstream_call *call, struct op_link link,
                         const struct upstream_call_kind *kind, struct upstream *upstream,
                         const struct gate_rank *rank, uint64_t deadline_ms);

/* The same for somebody who is inside the gate already and stays there, also while the call rests:
 * one of several calls that share a place, such as the polls of a job. */
void upstream_call_start_inside(struct upstream_call *call, struct op_link link,
                                const struct upstream_call_kind *kind, struct upstream *upstream,
                                struct gate_pass *held, uint64_t deadline_ms);

/* Whom it is for has changed: where it stands at the gate, and by when it ends. Nothing happens for
 * one that is `{0}` or has finished. */
void upstream_call_set_terms(struct upstream_call *call, const struct gate_rank *rank,
                             uint64_t deadline_ms);

/* Tells the breaker what came of something that `pass` is inside for, and the log if that changes
 * it. Calls do this by themselves. */
void upstream_report(struct upstream *upstream, struct gate_pass *pass, enum gate_result result,
                     const char *log_id);

/* For read(): is there no other try if this answer is unusable? Then one with gaps is better than
 * nothing. */
bool upstream_call_is_last(const struct upstream_call *call);

/* After it has finished: frees the response. Nothing happens for one that is `{0}`. */
void upstream_call_clear(struct upstream_call *call);

#endif
