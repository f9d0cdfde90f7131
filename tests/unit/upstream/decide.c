/*
 * Every row is a call that came out in some way, and what is to be done. Waits are given for a
 * chance of 0; the jitter is checked for all rows alike.
 */
#include "upstream/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    UNUSABLE = 1 << 0,
    MODERATED = 1 << 1,
    OURS = 1 << 2,       /* the param names a field that we sent and can do without */
    STALE_USED = 1 << 3, /* the free retry */
    UNUSABLE_USED = 1 << 4,
    NO_BUDGET = 1 << 5,
    MODELS = 1 << 6, /* there is another one */
    TIME_UP = 1 << 7,
    SAYS_RETRY = 1 << 8, /* x-should-retry */
    SAYS_NO = 1 << 9,
    ASKS_ZERO = 1 << 10, /* Retry-After: 0 */
    FRESH = 1 << 11,     /* expected: on a fresh connection */
    COMPLAIN = 1 << 12,  /* expected */
};

struct row {
    const char *what;
    int service; /* enum upstream_service */
    int status;
    enum http_fault fault;
    const char *code; /* NULL: "" */
    unsigned flags;
    int64_t asked_ms; /* server_wait_ms; 0: none */
    unsigned tries;   /* 0: the first */
    uint64_t left_ms; /* 0: ten minutes */
    int kind;         /* enum decision_kind */
    uint64_t wait_ms;
    int fail;   /* enum err */
    int report; /* enum gate_result */
};

enum { OTHERS_ADAPTIONS = 2 };

/* Short names, so that a row fits a line. */
enum {
    CHAT = SERVICE_CHAT,
    EMBED = SERVICE_EMBEDDINGS,
    IMAGE = SERVICE_IMAGES,
    UPLOAD = SERVICE_PARSE_UPLOAD,
    POLL = SERVICE_PARSE_POLL,
    CONTROL = SERVICE_PARSE_CONTROL,
    DONE = DECIDE_DONE,
    RETRY = DECIDE_RETRY,
    ADAPT = DECIDE_ADAPT,
    NEXT = DECIDE_NEXT_MODEL,
    FAIL = DECIDE_FAIL,
    GOOD = GATE_SUCCESS,
    BAD = GATE_FAILURE,
    NEUTRAL = GATE_NEUTRAL,
    FATAL = GATE_FATAL,
    UPSTREAM = ERR_UPSTREAM,
    REQUEST = ERR_UPSTREAM_REQUEST,
    CONFIG = ERR_UPSTREAM_CONFIG,
    RATE = ERR_RATE_LIMITED,
    QUOTA = ERR_QUOTA,
    REFUSED = ERR_REFUSED,
    LATE = ERR_DEADLINE,
};

/* clang-format off */
static const struct row rows[] = {
    /* what                      service  st.  fault                code   flags  asked tries left  decision wait fail  report */
    {"success",                  CHAT,    200, HTTP_FAULT_NONE,     NULL,  0,         0, 0, 0,      DONE, 0, OK, GOOD},
    {"created",                  UPLOAD,  201, HTTP_FAULT_NONE,     NULL,  0,         0, 0, 0,      DONE, 0, OK, GOOD},
    {"success at the end",       CHAT,    200, HTTP_FAULT_NONE,     NULL,  TIME_UP | NO_BUDGET, 0, 3, 0, DONE, 0, OK, GOOD},
    {"success, told not to",     CHAT,    200, HTTP_FAULT_NONE,     NULL,  SAYS_RETRY, 0, 0, 0,     DONE, 0, OK, GOOD},

    /* no answer */
    {"no such host",             CHAT,    0,   HTTP_FAULT_RESOLVE,  NULL,  0,         0, 1, 0,      RETRY, 500, OK, BAD},
    {"no such host, try 2",      CHAT,    0,   HTTP_FAULT_RESOLVE,  NULL,  0,         0, 2, 0,      RETRY, 1000, OK, BAD},
    {"no such host, try 3",      CHAT,    0,   HTTP_FAULT_RESOLVE,  NULL,  0,         0, 3, 0,      FAIL, 0, UPSTREAM, BAD},
    {"connect refused",          EMBED,   0,   HTTP_FAULT_CONNECT,  NULL,  0,         0, 1, 0,      RETRY, 500, OK, BAD},
    {"connect refused, try 3",   EMBED,   0,   HTTP_FAULT_CONNECT,  NULL,  0,         0, 3, 0,      FAIL, 0, UPSTREAM, BAD},
    {"certificate",              IMAGE,   0,   HTTP_FAULT_TLS,      NULL,  0,         0, 1, 0,      RETRY, 500, OK, BAD},
    {"certificate, try 2",       IMAGE,   0,   HTTP_FAULT_TLS,      NULL,  0,         0, 2, 0,      FAIL, 0, UPSTREAM, BAD},
    {"reset",                    UPLOAD,  0,   HTTP_FAULT_RESET,    NULL,  0,         0, 2, 0,      RETRY, 1000, OK, BAD},
    {"reset, try 3",             UPLOAD,  0,   HTTP_FAULT_RESET,    NULL,  0,         0, 3, 0,      FAIL, 0, UPSTREAM, BAD},
    {"control, try 3",           CONTROL, 0,   HTTP_FAULT_RESET,    NULL,  0,         0, 3, 0,      RETRY, 2000, OK, BAD},
    {"control, try 4",           CONTROL, 0,   HTTP_FAULT_RESET,    NULL,  0,         0, 4, 0,      FAIL, 0, UPSTREAM, BAD},
    {"poll",                     POLL,    0,   HTTP_FAULT_RESET,    NULL,  0,         0, 1, 0,      FAIL, 0, UPSTREAM, BAD},
    {"stale poll",               POLL,    0,   HTTP_FAULT_STALE,    NULL,  FRESH,     0, 1, 0,      RETRY, 0, OK, NEUTRAL},
    {"poll, 503",                POLL,    503, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      FAIL, 0, UPSTREAM, BAD},
    {"poll, 429",                POLL,    429, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      FAIL, 0, RATE, NEUTRAL},
    {"silence",                  CHAT,    0,   HTTP_FAULT_IDLE,     NULL,  0,         0, 1, 0,      RETRY, 500, OK, BAD},
    {"silence of an image",      IMAGE,   0,   HTTP_FAULT_IDLE,     NULL,  0,         0, 1, 0,      RETRY, 500, OK, BAD},
    {"silence of an image, 2",   IMAGE,   0,   HTTP_FAULT_IDLE,     NULL,  0,         0, 2, 0,      FAIL, 0, UPSTREAM, BAD},
    {"too slow",                 CHAT,    200, HTTP_FAULT_TOTAL,    NULL,  0,         0, 1, 0,      RETRY, 500, OK, BAD},
    {"too slow, image, 2",       IMAGE,   200, HTTP_FAULT_TOTAL,    NULL,  0,         0, 2, 0,      FAIL, 0, UPSTREAM, BAD},
    {"cut",                      CHAT,    200, HTTP_FAULT_CUT,      NULL,  0,         0, 1, 0,      RETRY, 500, OK, BAD},
    {"cut, and unusable so",     CHAT,    200, HTTP_FAULT_CUT,      NULL,  UNUSABLE,  0, 1, 0,      RETRY, 500, OK, BAD},
    {"stale",                    CHAT,    0,   HTTP_FAULT_STALE,    NULL,  FRESH,     0, 1, 0,      RETRY, 0, OK, NEUTRAL},
    {"stale at the last try",    CHAT,    0,   HTTP_FAULT_STALE,    NULL,  FRESH,     0, 3, 0,      RETRY, 0, OK, NEUTRAL},
    {"stale without budget",     CHAT,    0,   HTTP_FAULT_STALE,    NULL,  FRESH | NO_BUDGET, 0, 1, 0, RETRY, 0, OK, NEUTRAL},
    {"stale again",              CHAT,    0,   HTTP_FAULT_STALE,    NULL,  STALE_USED, 0, 1, 0,     RETRY, 500, OK, NEUTRAL},
    {"stale again, try 3",       CHAT,    0,   HTTP_FAULT_STALE,    NULL,  STALE_USED, 0, 3, 0,     FAIL, 0, UPSTREAM, NEUTRAL},
    {"stale, too late",          CHAT,    0,   HTTP_FAULT_STALE,    NULL,  TIME_UP,   0, 1, 0,      FAIL, 0, LATE, NEUTRAL},
    {"too large",                CHAT,    200, HTTP_FAULT_TOO_LARGE, NULL, 0,         0, 1, 0,      FAIL, 0, UPSTREAM, NEUTRAL},
    {"refused by our reader",    IMAGE,   200, HTTP_FAULT_REFUSED,  NULL,  0,         0, 1, 0,      FAIL, 0, UPSTREAM, NEUTRAL},
    {"refused as unusable",      CHAT,    200, HTTP_FAULT_REFUSED,  NULL,  UNUSABLE | COMPLAIN, 0, 1, 0, RETRY, 0, OK, NEUTRAL},
    {"our side",                 CHAT,    0,   HTTP_FAULT_LOCAL,    NULL,  0,         0, 1, 0,      FAIL, 0, ERR_INTERNAL, NEUTRAL},

    /* busy */
    {"408",                      CHAT,    408, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      RETRY, 500, OK, BAD},
    {"409",                      CHAT,    409, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      RETRY, 500, OK, NEUTRAL},
    {"409, try 3",               CHAT,    409, HTTP_FAULT_NONE,     NULL,  0,         0, 3, 0,      FAIL, 0, UPSTREAM, NEUTRAL},
    {"500",                      CHAT,    500, HTTP_FAULT_NONE,     "server_error", 0, 0, 1, 0,     RETRY, 500, OK, BAD},
    {"500, try 2",               CHAT,    500, HTTP_FAULT_NONE,     NULL,  0,         0, 2, 0,      RETRY, 1000, OK, BAD},
    {"500, try 3",               CHAT,    500, HTTP_FAULT_NONE,     NULL,  0,         0, 3, 0,      FAIL, 0, UPSTREAM, BAD},
    {"500 of an image, try 2",   IMAGE,   500, HTTP_FAULT_NONE,     NULL,  0,         0, 2, 0,      FAIL, 0, UPSTREAM, BAD},
    {"500 of an upload, try 2",  UPLOAD,  500, HTTP_FAULT_NONE,     NULL,  0,         0, 2, 0,      RETRY, 1000, OK, BAD},
    {"500 with a cut body",      CHAT,    500, HTTP_FAULT_CUT,      NULL,  0,         0, 1, 0,      RETRY, 500, OK, BAD},
    {"502",                      CHAT,    502, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      RETRY, 500, OK, BAD},
    {"503 slow_down",            CHAT,    503, HTTP_FAULT_NONE,     "slow_down", 0,   0, 1, 0,      RETRY, 500, OK, BAD},
    {"503 with a wait",          CHAT,    503, HTTP_FAULT_NONE,     NULL,  0,      3000, 1, 0,      RETRY, 3000, OK, BAD},
    {"503 with a long wait",     CHAT,    503, HTTP_FAULT_NONE,     NULL,  0,    120001, 1, 0,      FAIL, 0, UPSTREAM, BAD},
    {"504",                      CHAT,    504, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      RETRY, 500, OK, BAD},
    {"522",                      CHAT,    522, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      RETRY, 500, OK, BAD},
    {"529",                      CHAT,    529, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      RETRY, 500, OK, BAD},
    {"501",                      IMAGE,   501, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      FAIL, 0, REQUEST, NEUTRAL},
    {"500, told not to",         CHAT,    500, HTTP_FAULT_NONE,     NULL,  SAYS_NO,   0, 1, 0,      FAIL, 0, UPSTREAM, BAD},
    {"500, told to",             CHAT,    500, HTTP_FAULT_NONE,     NULL,  SAYS_RETRY, 0, 1, 0,     RETRY, 500, OK, BAD},
    {"500, told to, try 3",      CHAT,    500, HTTP_FAULT_NONE,     NULL,  SAYS_RETRY, 0, 3, 0,     FAIL, 0, UPSTREAM, BAD},

    /* time and budget */
    {"500, just time",           CHAT,    500, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 501,    RETRY, 500, OK, BAD},
    {"500, no time to wait",     CHAT,    500, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 375,    FAIL, 0, UPSTREAM, BAD},
    {"500, time is up",          CHAT,    500, HTTP_FAULT_NONE,     NULL,  TIME_UP,   0, 1, 0,      FAIL, 0, LATE, BAD},
    {"silence, time is up",      CHAT,    0,   HTTP_FAULT_IDLE,     NULL,  TIME_UP,   0, 1, 0,      FAIL, 0, LATE, BAD},
    {"401, time is up",          CHAT,    401, HTTP_FAULT_NONE,     NULL,  TIME_UP,   0, 1, 0,      FAIL, 0, CONFIG, FATAL},
    {"field, time is up",        CHAT,    400, HTTP_FAULT_NONE,     NULL,  OURS | TIME_UP, 0, 1, 0, FAIL, 0, LATE, NEUTRAL},
    {"model, time is up",        CHAT,    404, HTTP_FAULT_NONE,     "model_not_found", MODELS | TIME_UP, 0, 1, 0, FAIL, 0, LATE, NEUTRAL},
    {"500 without budget",       CHAT,    500, HTTP_FAULT_NONE,     NULL,  NO_BUDGET, 0, 1, 0,      FAIL, 0, UPSTREAM, BAD},
    {"reset without budget",     CHAT,    0,   HTTP_FAULT_RESET,    NULL,  NO_BUDGET, 0, 1, 0,      FAIL, 0, UPSTREAM, BAD},
    {"429 without budget",       CHAT,    429, HTTP_FAULT_NONE,     NULL,  NO_BUDGET, 0, 1, 0,      FAIL, 0, RATE, NEUTRAL},

    /* too many */
    {"429",                      CHAT,    429, HTTP_FAULT_NONE,     "rate_limit_exceeded", 0, 0, 1, 0, RETRY, 500, OK, NEUTRAL},
    {"429 without a code",       CONTROL, 429, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      RETRY, 500, OK, NEUTRAL},
    {"429, asked to wait",       CHAT,    429, HTTP_FAULT_NONE,     NULL,  0,      1500, 1, 0,      RETRY, 1500, OK, NEUTRAL},
    {"429, no need to wait",     CHAT,    429, HTTP_FAULT_NONE,     NULL,  ASKS_ZERO, 0, 2, 0,      RETRY, 1000, OK, NEUTRAL},
    {"429, two minutes",         CHAT,    429, HTTP_FAULT_NONE,     NULL,  0,    120000, 1, 0,      RETRY, 120000, OK, NEUTRAL},
    {"429, more than that",      CHAT,    429, HTTP_FAULT_NONE,     NULL,  0,    120001, 1, 0,      FAIL, 0, RATE, NEUTRAL},
    {"429, more, but told to",   CHAT,    429, HTTP_FAULT_NONE,     NULL,  SAYS_RETRY, 121000, 1, 0, FAIL, 0, RATE, NEUTRAL},
    {"429, past the deadline",   CHAT,    429, HTTP_FAULT_NONE,     NULL,  0,      5000, 1, 4999,   FAIL, 0, RATE, NEUTRAL},
    {"429, at the deadline",     CHAT,    429, HTTP_FAULT_NONE,     NULL,  0,      5000, 1, 5000,   FAIL, 0, RATE, NEUTRAL},
    {"429, time is up",          CHAT,    429, HTTP_FAULT_NONE,     NULL,  TIME_UP, 5000, 1, 0,     FAIL, 0, LATE, NEUTRAL},
    {"429, told not to",         CHAT,    429, HTTP_FAULT_NONE,     NULL,  SAYS_NO,   0, 1, 0,      FAIL, 0, RATE, NEUTRAL},
    {"429, try 3",               CHAT,    429, HTTP_FAULT_NONE,     NULL,  0,         0, 3, 0,      FAIL, 0, RATE, NEUTRAL},

    /* money */
    {"429 insufficient_quota",   CHAT,    429, HTTP_FAULT_NONE,     "insufficient_quota", 0, 0, 1, 0, FAIL, 0, QUOTA, FATAL},
    {"429 credit balance",       CHAT,    429, HTTP_FAULT_NONE,     "credit_balance_exhausted", 0, 0, 1, 0, FAIL, 0, QUOTA, FATAL},
    {"429 organization spend",   CHAT,    429, HTTP_FAULT_NONE,     "organization_spend_limit_exceeded", 0, 0, 1, 0, FAIL, 0, QUOTA, FATAL},
    {"429 project spend",        CHAT,    429, HTTP_FAULT_NONE,     "project_spend_limit_exceeded", 0, 0, 1, 0, FAIL, 0, QUOTA, FATAL},
    {"429 organization usage",   CHAT,    429, HTTP_FAULT_NONE,     "organization_usage_limit_exceeded", 0, 0, 1, 0, FAIL, 0, QUOTA, FATAL},
    {"429 money, told to",       CHAT,    429, HTTP_FAULT_NONE,     "insufficient_quota", SAYS_RETRY, 1000, 1, 0, FAIL, 0, QUOTA, FATAL},
    {"402",                      UPLOAD,  402, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      FAIL, 0, QUOTA, FATAL},
    {"402 of a poll",            CONTROL, 402, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      FAIL, 0, QUOTA, FATAL},
    {"400 billing",              IMAGE,   400, HTTP_FAULT_NONE,     "billing_hard_limit_reached", 0, 0, 1, 0, FAIL, 0, QUOTA, FATAL},
    {"400 billing and a field",  IMAGE,   400, HTTP_FAULT_NONE,     "billing_hard_limit_reached", OURS, 0, 1, 0, FAIL, 0, QUOTA, FATAL},
    {"403 billing",              CHAT,    403, HTTP_FAULT_NONE,     "billing_not_active", 0, 0, 1, 0, FAIL, 0, QUOTA, FATAL},

    /* the key */
    {"401",                      CHAT,    401, HTTP_FAULT_NONE,     "invalid_api_key", 0, 0, 1, 0,  FAIL, 0, CONFIG, FATAL},
    {"401 of LlamaParse",        UPLOAD,  401, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      FAIL, 0, CONFIG, FATAL},
    {"401 with a cut body",      CHAT,    401, HTTP_FAULT_CUT,      NULL,  0,         0, 1, 0,      FAIL, 0, CONFIG, FATAL},
    {"401, told to",             CHAT,    401, HTTP_FAULT_NONE,     NULL,  SAYS_RETRY, 0, 1, 0,     FAIL, 0, CONFIG, FATAL},
    {"403",                      IMAGE,   403, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      FAIL, 0, CONFIG, FATAL},

    /* the model */
    {"no such model",            CHAT,    404, HTTP_FAULT_NONE,     "model_not_found", MODELS, 0, 1, 0, NEXT, 0, OK, NEUTRAL},
    {"no such model, try 3",     CHAT,    404, HTTP_FAULT_NONE,     "model_not_found", MODELS, 0, 3, 0, NEXT, 0, OK, NEUTRAL},
    {"no such model, no budget", CHAT,    404, HTTP_FAULT_NONE,     "model_not_found", MODELS | NO_BUDGET, 0, 1, 0, NEXT, 0, OK, NEUTRAL},
    {"no model at all",          CHAT,    404, HTTP_FAULT_NONE,     "model_not_found", 0, 0, 1, 0,  FAIL, 0, REQUEST, NEUTRAL},
    {"no access to the model",   CHAT,    403, HTTP_FAULT_NONE,     "model_not_found", MODELS, 0, 1, 0, NEXT, 0, OK, NEUTRAL},
    {"404 of anything else",     CHAT,    404, HTTP_FAULT_NONE,     NULL,  MODELS,    0, 1, 0,      FAIL, 0, REQUEST, NEUTRAL},
    {"404 of a job",             CONTROL, 404, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      FAIL, 0, REQUEST, NEUTRAL},

    /* the request */
    {"400",                      CHAT,    400, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      FAIL, 0, REQUEST, NEUTRAL},
    {"400 names a field",        CHAT,    400, HTTP_FAULT_NONE,     "unsupported_parameter", OURS, 0, 1, 0, ADAPT, 0, OK, NEUTRAL},
    {"400 names one, try 3",     CHAT,    400, HTTP_FAULT_NONE,     "unsupported_value", OURS | NO_BUDGET, 0, 3, 0, ADAPT, 0, OK, NEUTRAL},
    {"400 names one, told not",  CHAT,    400, HTTP_FAULT_NONE,     "unknown_parameter", OURS | SAYS_NO, 0, 1, 0, ADAPT, 0, OK, NEUTRAL},
    {"400 moderated",            IMAGE,   400, HTTP_FAULT_NONE,     NULL,  MODERATED, 0, 1, 0,      FAIL, 0, REFUSED, NEUTRAL},
    {"400 moderation_blocked",   IMAGE,   400, HTTP_FAULT_NONE,     "moderation_blocked", 0, 0, 1, 0, FAIL, 0, REFUSED, NEUTRAL},
    {"400 content policy",       IMAGE,   400, HTTP_FAULT_NONE,     "content_policy_violation", OURS, 0, 1, 0, FAIL, 0, REFUSED, NEUTRAL},
    {"400 user error",           IMAGE,   400, HTTP_FAULT_NONE,     "image_generation_user_error", 0, 0, 1, 0, FAIL, 0, REFUSED, NEUTRAL},
    {"403 content filter",       CHAT,    403, HTTP_FAULT_NONE,     "content_filter", SAYS_RETRY, 0, 1, 0, FAIL, 0, REFUSED, NEUTRAL},
    {"410",                      UPLOAD,  410, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      FAIL, 0, REQUEST, NEUTRAL},
    {"413",                      UPLOAD,  413, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      FAIL, 0, REQUEST, NEUTRAL},
    {"422",                      UPLOAD,  422, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      FAIL, 0, REQUEST, NEUTRAL},
    {"422 names a field",        CHAT,    422, HTTP_FAULT_NONE,     NULL,  OURS,      0, 1, 0,      FAIL, 0, REQUEST, NEUTRAL},
    {"418, told to",             CHAT,    418, HTTP_FAULT_NONE,     NULL,  SAYS_RETRY, 0, 1, 0,     RETRY, 500, OK, NEUTRAL},
    {"418, told to, try 3",      CHAT,    418, HTTP_FAULT_NONE,     NULL,  SAYS_RETRY, 0, 3, 0,     FAIL, 0, REQUEST, NEUTRAL},

    /* the answer */
    {"unusable",                 CHAT,    200, HTTP_FAULT_NONE,     NULL,  UNUSABLE | COMPLAIN, 0, 1, 0, RETRY, 0, OK, NEUTRAL},
    {"unusable again",           CHAT,    200, HTTP_FAULT_NONE,     NULL,  UNUSABLE | UNUSABLE_USED, 0, 2, 0, FAIL, 0, UPSTREAM, NEUTRAL},
    {"unusable, try 3",          CHAT,    200, HTTP_FAULT_NONE,     NULL,  UNUSABLE,  0, 3, 0,      FAIL, 0, UPSTREAM, NEUTRAL},
    {"unusable, no budget",      CHAT,    200, HTTP_FAULT_NONE,     NULL,  UNUSABLE | NO_BUDGET, 0, 1, 0, FAIL, 0, UPSTREAM, NEUTRAL},
    {"unusable, time is up",     CHAT,    200, HTTP_FAULT_NONE,     NULL,  UNUSABLE | TIME_UP, 0, 1, 0, FAIL, 0, LATE, NEUTRAL},
    {"refusal in a 200",         CHAT,    200, HTTP_FAULT_NONE,     NULL,  MODERATED | UNUSABLE, 0, 1, 0, FAIL, 0, REFUSED, NEUTRAL},
    {"refusal, then cut off",    CHAT,    200, HTTP_FAULT_CUT,      NULL,  MODERATED, 0, 1, 0,      FAIL, 0, REFUSED, NEUTRAL},
    {"redirect",                 CHAT,    302, HTTP_FAULT_NONE,     NULL,  0,         0, 1, 0,      FAIL, 0, UPSTREAM, NEUTRAL},
};
/* clang-format on */

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static struct outcome outcome_of(const struct row *row)
{
    return (struct outcome){
        .fault = row->fault,
        .status = row->status,
        .code = or_empty(row->code),
        .param = row->flags & OURS ? "temperature" : "",
        .message = "",
        .unusable = row->flags & UNUSABLE,
        .moderated = row->flags & MODERATED,
        .param_is_ours = row->flags & OURS,
        .server_wait_ms = row->flags & ASKS_ZERO ? 0
                          : row->asked_ms        ? row->asked_ms
                                                 : -1,
        .should_retry = row->flags & SAYS_RETRY ? 1
                        : row->flags & SAYS_NO  ? 0
                                                : -1,
    };
}

static struct attempt attempt_of(const struct row *row)
{
    return (struct attempt){
        .service = (enum upstream_service)row->service,
        .tries = row->tries ? row->tries : 1,
        .adaptions = OTHERS_ADAPTIONS,
        .stale_retried = row->flags & STALE_USED,
        .unusable_retried = row->flags & UNUSABLE_USED,
        .budget_left = !(row->flags & NO_BUDGET),
        .next_model = row->flags & MODELS,
        .time_left_ms = row->flags & TIME_UP ? 0
                        : row->left_ms       ? row->left_ms
                                             : 600 * 1000,
    };
}

static void test_rows(void **state)
{
    (void)state;
    assert_true(sizeof(rows) / sizeof(rows[0]) >= 80);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        const struct outcome outcome = outcome_of(row);
        const struct attempt attempt = attempt_of(row);
        const struct decision decision = decide(&outcome, &attempt);
        if ((int)decision.kind != row->kind || decision.wait_ms != row->wait_ms ||
            (int)decision.fail != row->fail || (int)decision.report != row->report ||
            decision.fresh_connection != !!(row->flags & FRESH) ||
            decision.complain != !!(row->flags & COMPLAIN))
            fail_msg("%s: %s, wait %llu, fail %s, report %d", row->what,
                     decision_name(decision.kind), (unsigned long long)decision.wait_ms,
                     err_word(decision.fail), decision.report);
    }
}

/* Fewer calls at once where the service says that it gets too many. */
static void test_narrowing(void **state)
{
    (void)state;
    static const struct {
        int service, status;
        const char *code;
        enum gate_narrowing narrow;
    } said[] = {
        {CHAT, 200, "", GATE_AS_IT_IS},
        {CHAT, 429, "rate_limit_exceeded", GATE_ONE_LESS},
        {UPLOAD, 429, "", GATE_ONE_LESS},
        {CONTROL, 429, "", GATE_AS_IT_IS}, /* polls: fewer jobs would not make them fewer at once */
        {CHAT, 429, "insufficient_quota", GATE_AS_IT_IS},
        {CHAT, 503, "slow_down", GATE_HALF},
        {IMAGE, 503, "server_is_overloaded", GATE_HALF},
        {CHAT, 500, "server_is_overloaded", GATE_HALF}, /* within a stream */
        {CHAT, 503, "", GATE_AS_IT_IS},
        {CHAT, 500, "server_error", GATE_AS_IT_IS},
    };
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        const struct row row = {
            .service = said[i].service, .status = said[i].status, .code = said[i].code};
        const struct outcome outcome = outcome_of(&row);
        struct attempt attempt = attempt_of(&row);
        assert_int_equal(decide(&outcome, &attempt).narrow, said[i].narrow);
        attempt.tries = 9; /* also where nothing is left to be tried */
        assert_int_equal(decide(&outcome, &attempt).narrow, said[i].narrow);
    }
}

/* Below our own wait, above the server's, and never past the deadline. */
static void test_jitter(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct outcome outcome = outcome_of(&rows[i]);
        struct attempt attempt = attempt_of(&rows[i]);
        const struct decision still = decide(&outcome, &attempt);
        for (unsigned tenths = 1; tenths < 10; tenths++) {
            attempt.chance = tenths / 10.0;
            const struct decision decision = decide(&outcome, &attempt);
            assert_int_equal(decision.report, still.report);
            assert_true(decision.wait_ms < attempt.time_left_ms || decision.wait_ms == 0);
            if (still.kind != DECIDE_RETRY || still.wait_ms == 0)
                continue;
            assert_int_equal(decision.kind, DECIDE_RETRY);
            const uint64_t expected = outcome.server_wait_ms > 0
                                          ? still.wait_ms + 50 * tenths
                                          : still.wait_ms * (400 - 10 * tenths) / 400;
            assert_in_range(decision.wait_ms, expected - 1, expected + 1);
        }
    }
}

static void test_waits_double(void **state)
{
    (void)state;
    const struct row row = {.service = CONTROL, .status = 500};
    const struct outcome outcome = outcome_of(&row);
    struct attempt attempt = attempt_of(&row);
    uint64_t expected = 500;
    for (attempt.tries = 1; attempt.tries < 4; attempt.tries++, expected *= 2)
        assert_int_equal(decide(&outcome, &attempt).wait_ms, expected);
}

static void test_adaptions_end(void **state)
{
    (void)state;
    const struct row row = {.status = 400, .flags = OURS};
    const struct outcome outcome = outcome_of(&row);
    struct attempt attempt = attempt_of(&row);
    for (attempt.adaptions = 0; attempt.adaptions < 3; attempt.adaptions++)
        assert_int_equal(decide(&outcome, &attempt).kind, DECIDE_ADAPT);
    assert_int_equal(decide(&outcome, &attempt).kind, DECIDE_FAIL);
    assert_int_equal(decide(&outcome, &attempt).fail, ERR_UPSTREAM_REQUEST);
}

/* Servers without codes. */
static void test_models_missed_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        int status;
        bool missed;
    } said[] = {
        {"model \"llama3\" not found, try pulling it first", 404, true},
        {"The model `x` does not exist.", 404, true},
        {"The Model is NOT FOUND", 404, true},
        {"model not found", 400, false},
        {"page not found", 404, false},
        {"the model is busy", 404, false},
    };
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        const struct row row = {.status = said[i].status, .flags = MODELS};
        struct outcome outcome = outcome_of(&row);
        outcome.message = said[i].message;
        const struct attempt attempt = attempt_of(&row);
        assert_int_equal(decide(&outcome, &attempt).kind,
                         said[i].missed ? DECIDE_NEXT_MODEL : DECIDE_FAIL);
    }
}

/* --- headers -------------------------------------------------------------------------------- */

enum { NOW = 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */ };

static void test_server_waits(void **state)
{
    (void)state;
    static const struct {
        const char *ms, *after;
        int64_t expected;
    } said[] = {
        {NULL, NULL, -1},
        {"250", NULL, 250},
        {"250.2", NULL, 251},
        {"250", "9", 250}, /* the finer one wins */
        {"x", "9", 9000},
        {"-5", "9", 9000},
        {"", "", -1},
        {NULL, "0", 0},
        {NULL, "7", 7000},
        {NULL, "0.3", 300},
        {NULL, "0.07", 70},
        {NULL, "1.5", 1500},
        {NULL, "999999999999", 999999999999000},
        {NULL, "1000000000000", -1},
        {NULL, "-1", -1},
        {NULL, "+1", -1},
        {NULL, "1e3", -1},
        {NULL, "0x10", -1},
        {NULL, "nan", -1},
        {NULL, "inf", -1},
        {NULL, "1.", -1},
        {NULL, ".5", -1},
        {NULL, "7 s", -1},
        {NULL, "soon", -1},
        {NULL, "Sun, 06 Nov 1994 08:50:37 GMT", 60000},
        {NULL, "Sunday, 06-Nov-94 08:50:37 GMT", 60000},
        {NULL, "Sun Nov  6 08:50:37 1994", 60000},
        {NULL, "Wed Nov 16 08:49:37 1994", 864000000},
        {NULL, "Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {NULL, "Sun, 06 Nov 1994 08:49:36 GMT", 0},              /* has passed */
        {NULL, "Sunday, 06-Nov-44 08:49:37 GMT", 1577923200000}, /* 2044: 50 years ahead */
        {NULL, "Sunday, 06-Nov-45 08:49:37 GMT", -1},            /* 1945: before Unix time */
        {NULL, "Thursday, 01-Jan-71 00:00:00 GMT", 0},           /* 1971 */
        {NULL, "Thu, 31 Feb 1995 08:49:37 GMT", -1},
        {NULL, "Sun, 06 Nov 1994 25:49:37 GMT", -1},
        {NULL, "Sun, 06 Nov 1994 08:49:37 CET", -1},
        {NULL, "Sun, 06 Nov 1994 08:49:37 GMT, or so", -1},
        {NULL, "Sun, 06 Nov 1994", -1},
        {NULL, "Sun, 06 Nov 1994 08:49:37 GMT                                          ", -1},
    };
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        const int64_t wait = decide_server_wait_ms(said[i].ms, said[i].after, NOW);
        if (wait != said[i].expected)
            fail_msg("%s: %lld", said[i].after ? said[i].after : said[i].ms, (long long)wait);
    }
}

static void test_short_years_of_today(void **state)
{
    (void)state;
    const int64_t now = 1795478400; /* 2026-11-24 */
    assert_int_equal(decide_server_wait_ms(NULL, "Tuesday, 24-Nov-26 00:01:00 GMT", now), 60000);
    assert_int_equal(decide_server_wait_ms(NULL, "Wednesday, 06-Nov-94 08:49:37 GMT", now), 0);
    assert_true(decide_server_wait_ms(NULL, "Tuesday, 24-Nov-76 00:01:00 GMT", now) > 0);
    assert_int_equal(decide_server_wait_ms(NULL, "Tuesday, 24-Nov-77 00:01:00 GMT", now), 0);
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t expected;
    } said[] = {
        {"12ms", 12},
        {"1s", 1000},
        {"6m0s", 360000},
        {"1m0.5s", 60500},
        {"1h2m3.5s", 3723500},
        {"20", 20000},
        {"0", 0},
        {"0s", 0},
        {"0.1s", 100},
        {"1.5", 1500},
        {"500us", 1},
        {"1000ns", 1},
        {"1ns", 1},
        {"3m2s1ms", 182001},
        {"-1", -1},
        {"", -1},
        {"s", -1},
        {"1x", -1},
        {"1s2", -1},
        {"1m-2s", -1},
        {"1.s", -1},
        {" 1s", -1},
        {"1e3s", -1},
        {"9999999999999s", -1},
        {"999999999999h", -1},
        {"999999999999h999999999999h999999999999h999999999999h", -1},
        {"9999999999m", 599999999940000},
        {"1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s", -1},
    };
    assert_int_equal(decide_duration_ms(NULL), -1);
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        const int64_t duration = decide_duration_ms(said[i].text);
        if (duration != said[i].expected)
            fail_msg("%s: %lld", said[i].text, (long long)duration);
    }
}

static void test_holds(void **state)
{
    (void)state;
    static const struct {
        const char *limit, *remaining, *reset;
        uint64_t needed, expected;
    } said[] = {
        {NULL, "0", "6m0s", 1, 360000},
        {NULL, "1", "6m0s", 1, 0},
        {NULL, "999", "20", 1000, 20000},
        {NULL, "1000", "20", 1000, 0},
        {NULL, NULL, "20", 1000, 0},
        {NULL, "0", NULL, 1000, 0},
        {NULL, "0", "0", 1000, 0},
        {NULL, "0", "-1", 1000, 0},
        {NULL, "-1", "20", 1000, 0},
        {NULL, "", "20", 1000, 0},
        {NULL, "12.5", "20", 1000, 0},
        {NULL, "0x", "20", 1000, 0},
        {"10000", "0", "1m0s", 1, 6}, /* requests: one of 10,000 a minute */
        {"2000000", "40000", "58.8s", 60000, 600},
        {"2000000", "60000", "58.8s", 60000, 0},
        {"30000", "10000", "40s", 50000, 40000}, /* more than there ever is */
        {"30000", "30000", "40s", 50000, 0},
        {"nonsense", "0", "40s", 50000, 40000},
        {"1000000000000", "0", "40s", 1, 40000}, /* too many digits: as if not said */
        {"999999999999", "0", "999999999s", 1, 1},
    };
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        const uint64_t hold =
            decide_hold_ms(said[i].limit, said[i].remaining, said[i].reset, said[i].needed);
        if (hold != said[i].expected)
            fail_msg("%zu: %llu", i, (unsigned long long)hold);
    }
}

/* --- the budget ----------------------------------------------------------------------------- */

static unsigned take_all(struct retry_budget *budget, uint64_t now_ms)
{
    unsigned taken = 0;
    while (taken < 1000 && retry_budget_take(budget, now_ms))
        taken++;
    return taken;
}

static void test_budget(void **state)
{
    (void)state;
    struct retry_budget budget = {0};
    const uint64_t start = 1000 * 1000;
    assert_int_equal(take_all(&budget, start), 10); /* never fewer */
    assert_int_equal(take_all(&budget, start + 9999), 0);
    assert_int_equal(take_all(&budget, start + 20000), 10); /* all of it is past */

    budget = (struct retry_budget){0};
    for (unsigned i = 0; i < 100; i++)
        retry_budget_call(&budget, start);
    assert_int_equal(take_all(&budget, start), 20); /* a fifth */
    for (unsigned i = 0; i < 5; i++)
        retry_budget_call(&budget, start + 5000);
    assert_int_equal(take_all(&budget, start + 5000), 1);
    /* Half of the 105 calls and 21 retries are within the last 10 s: 10.5 of each kind. */
    assert_int_equal(take_all(&budget, start + 15000), 0);
    /* A tenth of them: 2.1 retries of the 10 that there are always. */
    budget.retries = 0;
    assert_int_equal(take_all(&budget, start + 19000), 7);
    assert_int_equal(take_all(&budget, start + 1000 * 1000), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),          cmocka_unit_test(test_narrowing),
        cmocka_unit_test(test_jitter),        cmocka_unit_test(test_waits_double),
        cmocka_unit_test(test_adaptions_end), cmocka_unit_test(test_models_missed_in_words),
        cmocka_unit_test(test_server_waits),  cmocka_unit_test(test_short_years_of_today),
        cmocka_unit_test(test_durations),     cmocka_unit_test(test_holds),
        cmocka_unit_test(test_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
