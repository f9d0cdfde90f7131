/*
 * Every outcome is one of a few sights, by the first row that fits; a sight has one remedy, one
 * error for when that is not to be had, and a word each for the gate's breaker and its places.
 */
#include "upstream/decide.h"

#include <assert.h>
#include <string.h>

enum {
    BACKOFF_MS = 500,
    BACKOFF_MS_MAX = 8000,
    SERVER_JITTER_MS = 500, /* above the server's word, so that not all come back at once */
};

enum sight {
    SIGHT_SUCCESS,
    SIGHT_UNUSABLE,
    SIGHT_STALE,
    SIGHT_BROKEN,   /* no connection, none that held, no answer in time */
    SIGHT_BUSY,     /* 408, 5xx */
    SIGHT_FLOODED,  /* 5xx, and it says that we are part of the reason */
    SIGHT_CONFLICT, /* 409 */
    SIGHT_RATE,
    SIGHT_MONEY,
    SIGHT_CONFIG,
    SIGHT_MODEL,
    SIGHT_FIELD,
    SIGHT_POLICY,
    SIGHT_REQUEST,  /* any other 4xx, and what is not implemented */
    SIGHT_NONSENSE, /* redirects, bodies past the limit, what our reader refused */
    SIGHT_OUR_SIDE,
};

enum remedy { REMEDY_NONE, REMEDY_RETRY, REMEDY_FREE, REMEDY_COMPLAIN, REMEDY_ADAPT, REMEDY_MODEL };

static const struct {
    enum remedy remedy;
    enum err fail;
    enum gate_result report;
    enum gate_narrowing narrow;
} sights[] = {
    [SIGHT_SUCCESS] = {REMEDY_NONE, OK, GATE_SUCCESS, GATE_AS_IT_IS},
    [SIGHT_UNUSABLE] = {REMEDY_COMPLAIN, ERR_UPSTREAM, GATE_NEUTRAL, GATE_AS_IT_IS},
    [SIGHT_STALE] = {REMEDY_FREE, ERR_UPSTREAM, GATE_NEUTRAL, GATE_AS_IT_IS},
    [SIGHT_BROKEN] = {REMEDY_RETRY, ERR_UPSTREAM, GATE_FAILURE, GATE_AS_IT_IS},
    [SIGHT_BUSY] = {REMEDY_RETRY, ERR_UPSTREAM, GATE_FAILURE, GATE_AS_IT_IS},
    [SIGHT_FLOODED] = {REMEDY_RETRY, ERR_UPSTREAM, GATE_FAILURE, GATE_HALF},
    [SIGHT_CONFLICT] = {REMEDY_RETRY, ERR_UPSTREAM, GATE_NEUTRAL, GATE_AS_IT_IS},
    [SIGHT_RATE] = {REMEDY_RETRY, ERR_RATE_LIMITED, GATE_NEUTRAL, GATE_ONE_LESS},
    [SIGHT_MONEY] = {REMEDY_NONE, ERR_QUOTA, GATE_FATAL, GATE_AS_IT_IS},
    [SIGHT_CONFIG] = {REMEDY_NONE, ERR_UPSTREAM_CONFIG, GATE_FATAL, GATE_AS_IT_IS},
    [SIGHT_MODEL] = {REMEDY_MODEL, ERR_UPSTREAM_REQUEST, GATE_NEUTRAL, GATE_AS_IT_IS},
    [SIGHT_FIELD] = {REMEDY_ADAPT, ERR_UPSTREAM_REQUEST, GATE_NEUTRAL, GATE_AS_IT_IS},
    [SIGHT_POLICY] = {REMEDY_NONE, ERR_REFUSED, GATE_NEUTRAL, GATE_AS_IT_IS},
    [SIGHT_REQUEST] = {REMEDY_NONE, ERR_UPSTREAM_REQUEST, GATE_NEUTRAL, GATE_AS_IT_IS},
    [SIGHT_NONSENSE] = {REMEDY_NONE, ERR_UPSTREAM, GATE_NEUTRAL, GATE_AS_IT_IS},
    [SIGHT_OUR_SIDE] = {REMEDY_NONE, ERR_INTERNAL, GATE_NEUTRAL, GATE_AS_IT_IS},
};

static const enum sight fault_sights[HTTP_FAULT_COUNT] = {
    [HTTP_FAULT_NONE] = SIGHT_SUCCESS,     [HTTP_FAULT_RESOLVE] = SIGHT_BROKEN,
    [HTTP_FAULT_CONNECT] = SIGHT_BROKEN,   [HTTP_FAULT_TLS] = SIGHT_BROKEN,
    [HTTP_FAULT_STALE] = SIGHT_STALE,      [HTTP_FAULT_RESET] = SIGHT_BROKEN,
    [HTTP_FAULT_IDLE] = SIGHT_BROKEN,      [HTTP_FAULT_TOTAL] = SIGHT_BROKEN,
    [HTTP_FAULT_CUT] = SIGHT_BROKEN,       [HTTP_FAULT_TOO_LARGE] = SIGHT_NONSENSE,
    [HTTP_FAULT_REFUSED] = SIGHT_NONSENSE, [HTTP_FAULT_LOCAL] = SIGHT_OUR_SIDE,
};

/* By how a repeated call is paid for, and how much hangs on it. */
static const unsigned tries_max[SERVICE_COUNT] = {
    [SERVICE_CHAT] = 3,         [SERVICE_EMBEDDINGS] = 3, [SERVICE_IMAGES] = 2,
    [SERVICE_PARSE_UPLOAD] = 3, [SERVICE_PARSE_POLL] = 1, [SERVICE_PARSE_CONTROL] = 4,
};

static const char *const money_codes[] = {
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_hard_limit_reached",
    "billing_not_active",
    NULL,
};

static const char *const policy_codes[] = {
    "moderation_blocked",
    "content_policy_violation",
    "image_generation_user_error",
    "content_filter",
    NULL,
};

static const char *const flood_codes[] = {"slow_down", "server_is_overloaded", NULL};

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(*words, word) == 0)
            return true;
    }
    return false;
}

/* Local servers say it in words: `model "llama3" not found, try pulling it first`. */
static bool misses_model(const struct outcome *outcome)
{
    if (strcmp(outcome->code, "model_not_found") == 0)
        return true;
    return outcome->status == 404 && strcasestr(outcome->message, "model") &&
           (strcasestr(outcome->message, "not found") ||
            strcasestr(outcome->message, "does not exist"));
}

/* What a status of 400 to 499 is about, by its code as far as it has one that we know. */
static enum sight look_at_refusal(const struct outcome *outcome, const struct attempt *attempt)
{
    switch (outcome->status) {
    case 408:
        return SIGHT_BUSY;
    case 409:
        return SIGHT_CONFLICT;
    case 402:
        return SIGHT_MONEY;
    case 429:
        return is_one_of(outcome->code, money_codes) ? SIGHT_MONEY : SIGHT_RATE;
    }
    if (is_one_of(outcome->code, money_codes))
        return SIGHT_MONEY;
    if (outcome->moderated || is_one_of(outcome->code, policy_codes))
        return SIGHT_POLICY;
    if (misses_model(outcome))
        return SIGHT_MODEL;
    if (outcome->status == 401 || outcome->status == 403)
        return SIGHT_CONFIG;
    if (outcome->status == 400 && outcome->param_is_ours &&
        attempt->adaptions < DECIDE_ADAPTIONS_MAX)
        return SIGHT_FIELD;
    return SIGHT_REQUEST;
}

static enum sight look(const struct outcome *outcome, const struct attempt *attempt)
{
    if (outcome->status >= 500 && is_one_of(outcome->code, flood_codes))
        return SIGHT_FLOODED;
    if (outcome->status >= 500)
        return outcome->status == 501 ? SIGHT_REQUEST : SIGHT_BUSY;
    if (outcome->status >= 400)
        return look_at_refusal(outcome, attempt);
    if (outcome->moderated)
        return SIGHT_POLICY;
    /* Our own reader ends a stream that has gone wrong: then it is the body that is unusable. */
    const bool read_by_us =
        outcome->fault == HTTP_FAULT_NONE || outcome->fault == HTTP_FAULT_REFUSED;
    if (read_by_us && outcome->unusable)
        return SIGHT_UNUSABLE;
    if (outcome->fault != HTTP_FAULT_NONE)
        return fault_sights[outcome->fault];
    return outcome->status >= 200 && outcome->status < 300 ? SIGHT_SUCCESS : SIGHT_NONSENSE;
}

/* The server's word on whether to come back turns a remedy on or off; never for money, keys and
 * policy, where a retry is in vain whatever it says. */
static enum remedy heed(const struct outcome *outcome, enum sight sight)
{
    const enum remedy remedy = sights[sight].remedy;
    if (outcome->should_retry == 0 && remedy == REMEDY_RETRY)
        return REMEDY_NONE;
    if (outcome->should_retry == 1 && sight == SIGHT_REQUEST)
        return REMEDY_RETRY;
    return remedy;
}

static uint64_t wait_ms(const struct outcome *outcome, const struct attempt *attempt)
{
    if (outcome->server_wait_ms > 0)
        return (uint64_t)outcome->server_wait_ms + (uint64_t)(attempt->chance * SERVER_JITTER_MS);
    uint64_t wait = BACKOFF_MS;
    for (unsigned n = 1; n < attempt->tries && wait < BACKOFF_MS_MAX; n++)
        wait *= 2;
    return (uint64_t)((double)wait * (1 - 0.25 * attempt->chance));
}

/* A retry, as far as there are tries, budget and time for one. */
static bool retry(const struct outcome *outcome, const struct attempt *attempt, enum remedy remedy,
                  struct decision *decision)
{
    if (remedy == REMEDY_FREE && !attempt->stale_retried) {
        decision->fresh_connection = true;
        return true;
    }
    if (attempt->tries >= tries_max[attempt->service] || !attempt->budget_left)
        return false;
    if (remedy == REMEDY_COMPLAIN) {
        decision->complain = true;
        return !attempt->unusable_retried;
    }
    decision->wait_ms = wait_ms(outcome, attempt);
    return outcome->server_wait_ms <= DECIDE_SERVER_WAIT_MS_MAX &&
           decision->wait_ms < attempt->time_left_ms;
}

struct decision decide(const struct outcome *outcome, const struct attempt *attempt)
{
    assert(attempt->tries > 0);
    assert(attempt->service < SERVICE_COUNT);
    assert(outcome->fault < HTTP_FAULT_COUNT);
    const enum sight sight = look(outcome, attempt);
    const enum remedy remedy = heed(outcome, sight);
    /* A poll is of a job that has its place already. */
    const bool is_poll = attempt->service == SERVICE_PARSE_CONTROL;
    const struct decision failure = {
        .kind = DECIDE_FAIL,
        .fail = sights[sight].fail,
        .report = sights[sight].report,
        .narrow = is_poll ? GATE_AS_IT_IS : sights[sight].narrow,
    };
    struct decision decision = {.report = failure.report, .narrow = failure.narrow};
    if (sight == SIGHT_SUCCESS)
        return decision;
    if (remedy != REMEDY_NONE && attempt->time_left_ms == 0) {
        decision = failure;
        decision.fail = ERR_DEADLINE;
        return decision;
    }
    switch (remedy) {
    case REMEDY_NONE:
        return failure;
    case REMEDY_ADAPT:
        decision.kind = DECIDE_ADAPT;
        return decision;
    case REMEDY_MODEL:
        decision.kind = DECIDE_NEXT_MODEL;
        return attempt->next_model ? decision : failure;
    default:
        decision.kind = DECIDE_RETRY;
        return retry(outcome, attempt, remedy, &decision) ? decision : failure;
    }
}

const char *decision_name(enum decision_kind kind)
{
    static const char *const names[] = {
        [DECIDE_DONE] = "done",   [DECIDE_RETRY] = "retry",
        [DECIDE_ADAPT] = "adapt", [DECIDE_NEXT_MODEL] = "next_model",
        [DECIDE_FAIL] = "fail",
    };
    return names[kind];
}
