/*
 * A read is one lookup: its bytes are the body. All of it may be kept by a client, and asked for
 * again with If-None-Match, which costs a read but no transfer.
 */
#include "api/scenario_routes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/conditional.h"
#include "api/query.h"
#include "api/router.h"
#include "store/store.h"

enum { LIMIT_DEFAULT = 20, LIMIT_MAX = 100 };

struct scenario_work {
    struct scenario_lookup lookup;
    struct scenario_question question;
    bool for_user;
};

static enum flow ask(struct op *op)
{
    struct request *request = op_cast(op, request);
    struct scenario_work *work = request->work;
    scenario_lookup_start(&work->lookup, need(op), &request->server->tools.store->cache,
                          &work->question, request_wants_fresh(request));
    return FLOW_WAIT;
}

static enum flow check_user(struct op *op)
{
    const struct request *request = op_cast(op, request);
    const struct scenario_work *work = request->work;
    if (!work->for_user || work->lookup.caller == CALLER_ACTIVE)
        return FLOW_NEXT;
    if (work->lookup.caller == CALLER_INACTIVE)
        return op_fail(op, ERR_SYNTAX, "Inactive user");
    return op_fail(op, ERR_UNAUTHORIZED, "a user that is not there");
}

static const struct step read_steps[] = {{"ask", ask}, {"check_user", check_user}, {0}};
static const struct op_kind read_kind = {"read_request", read_steps, NULL, NULL};

static int select_status(struct request *request, const struct scenario_answer *answer)
{
    const struct conditions conditions = {
        .if_match = exchange_header(request->exchange, "If-Match"),
        .if_none_match = exchange_header(request->exchange, "If-None-Match"),
    };
    return conditional_select(
               &(struct representation){.etag = answer->etag, .size = answer->length}, &conditions)
        .status;
}

static void reply(struct request *request)
{
    static const char *const origins[] = {
        [LOOKUP_READ] = "miss", [LOOKUP_COALESCED] = "coalesced", [LOOKUP_KEPT] = "hit"};
    const struct scenario_work *work = request->work;
    const struct scenario_answer *answer = work->lookup.answer;
    request_timing(request, "db", op_seconds(&work->lookup.op));
    request_header(request, "X-Cache", origins[work->lookup.origin]);
    request_header(request, "ETag", arena_strdup(&request->arena, answer->etag));
    request_header(request, "Cache-Control", answer->is_public ? "no-cache" : "private, no-cache");
    const int status = select_status(request, answer);
    if (status >= 400) {
        request_reply_error(request, status, NULL, http_reason(status));
        return;
    }
    char *body = malloc(answer->length);
    if (!body)
        abort();
    memcpy(body, answer->json, answer->length);
    request_reply_json(request, status, body, answer->length);
}

static void end(struct request *request)
{
    struct scenario_work *work = request->work;
    scenario_lookup_clear(&work->lookup);
}

/* Input first, then whether there is a database at all. */
static void answer(struct request *request, const struct scenario_question *question)
{
    if (request_reply_faults(request))
        return;
    if (!request->server->tools.store) {
        request_reply_no_database(request);
        return;
    }
    struct scenario_work *work = arena_new(&request->arena, struct scenario_work);
    work->question = *question;
    work->for_user = request->route->access == ACCESS_USER;
    request->work = work;
    request_run(request, &read_kind, reply, end);
}

static void answer_one(struct request *request, enum scenario_read_kind kind)
{
    struct scenario_question question = {.kind = kind};
    path_int(request, "scenario_id", &question.id);
    answer(request, &question);
}

void handle_scenario_full(struct request *request)
{
    answer_one(request, READ_FULL);
}

void handle_scenario(struct request *request)
{
    answer_one(request, READ_SCENARIO);
}

void handle_scenarios(struct request *request)
{
    struct scenario_question question = {.kind = READ_PUBLIC};
    query_int(request, "skip", 0, 0, INT64_MAX, &question.skip);
    query_int(request, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX, &question.limit);
    answer(request, &question);
}

void handle_own_scenarios(struct request *request)
{
    answer(request, &(struct scenario_question){.kind = READ_PUBLISHED, .id = request->user_id});
}

void handle_own_drafts(struct request *request)
{
    answer(request, &(struct scenario_question){.kind = READ_DRAFTS, .id = request->user_id});
}
