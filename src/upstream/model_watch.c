/*
 *     ask ──▶ read ──┐ FLOW_AGAIN, until all models were asked about
 *      ▲─────────────┘
 *
 * A round is a root operation, the next one a timer that its end starts; so there is at most one of
 * the two at any time.
 *
 * Many servers do not have the route, and say so with a 404 as well. Only the code tells that it is
 * the model that is missing.
 */
#include "upstream/model_watch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

enum {
    CALL_MS = 10 * 1000,
    BODY_BYTES_MAX = 64 * 1024, /* a model's object has some 200 */
    DATE_BYTES = 10,
    DAY_SECONDS = 24 * 60 * 60,
};

const char *model_state_name(enum model_state state)
{
    static const char *const names[] = {
        [MODEL_UNKNOWN] = "unknown",
        [MODEL_SERVED] = "served",
        [MODEL_ENDING] = "ending",
        [MODEL_GONE] = "gone",
    };
    return names[state];
}

/* --- dates ---------------------------------------------------------------------------------- */

/* Days since 1970. False: it is no day of the calendar, or not written as "YYYY-MM-DD". */
static bool read_date(const char *text, int64_t *day_out)
{
    static const char shape[] = "dddd-dd-dd";
    if (strlen(text) != DATE_BYTES)
        return false;
    for (size_t i = 0; i < DATE_BYTES; i++)
        if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != '-')
            return false;
    struct tm tm = {
        .tm_year = atoi(text) - 1900, .tm_mon = atoi(text + 5) - 1, .tm_mday = atoi(text + 8)};
    const struct tm asked = tm;
    *day_out = timegm(&tm) / DAY_SECONDS; /* which makes March 2 of February 30 */
    return tm.tm_mday == asked.tm_mday && tm.tm_mon == asked.tm_mon && *day_out >= 0;
}

/* --- what is known of a model --------------------------------------------------------------- */

static void say(const struct watched_model *model)
{
    const enum log_level level = model->state == MODEL_SERVED ? LOG_INFO : LOG_WARN;
    if (model->shutdown_date[0])
        log_event(level, "", "model", "model=%s state=%s shutdown_date=%s days_left=%d",
                  log_quote(model->name), model_state_name(model->state), model->shutdown_date,
                  model->days_left);
    else
        log_event(level, "", "model", "model=%s state=%s", log_quote(model->name),
                  model_state_name(model->state));
}

/* After each answer, also where it brings no news: days pass. */
static void update(struct watched_model *model, bool is_there)
{
    const enum model_state before = model->state;
    int64_t day = 0;
    const bool has_date = read_date(model->shutdown_date, &day);
    model->days_left = has_date ? (int)(day - time(NULL) / DAY_SECONDS) : 0;
    if (!is_there)
        model->state = MODEL_GONE;
    else if (has_date && model->days_left < MODEL_WATCH_DAYS)
        model->state = MODEL_ENDING;
    else
        model->state = MODEL_SERVED;
    const bool was_well = before == MODEL_UNKNOWN && model->state == MODEL_SERVED;
    if (model->state != before && !was_well)
        say(model);
}

/* {"id": "gpt-4o", ..., "shutdown_date": "2027-01-14"}. False: it is nothing of the kind. */
static bool read_model(const cJSON *root, struct watched_model *model)
{
    const cJSON *date = cJSON_GetObjectItemCaseSensitive(root, "shutdown_date");
    const bool has_none = !date || cJSON_IsNull(date);
    int64_t day;
    if (!*json_string(root, "id", "") ||
        (!has_none && (!cJSON_IsString(date) || !read_date(date->valuestring, &day))))
        return false;
    strcpy(model->shutdown_date, has_none ? "" : date->valuestring);
    return true;
}

static bool is_not_found(const cJSON *root)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(root, "error");
    return strcmp(json_string(error, "code", ""), "model_not_found") == 0;
}

static void learn(const struct http_call *call, struct watched_model *model)
{
    cJSON *root;
    if (call->fault != HTTP_FAULT_NONE ||
        json_parse(call->body.data, call->body.length, NULL, &root) != OK)
        root = NULL;
    if (call->status == 200 && read_model(root, model))
        update(model, true);
    else if (call->status == 404 && is_not_found(root))
        update(model, false);
    else if (model->state != MODEL_UNKNOWN)
        update(model, model->state != MODEL_GONE);
    cJSON_Delete(root);
}

/* --- a round -------------------------------------------------------------------------------- */

/* As the last part of a path: of what names may have, only the slash means something there. */
static void escape(const char *name, char out[3 * MODEL_NAME_BYTES])
{
    for (; *name; name++) {
        const bool is_slash = *name == '/';
        memcpy(out, is_slash ? "%2F" : name, is_slash ? 3 : 1);
        out += is_slash ? 3 : 1;
    }
    *out = '\0';
}

static enum flow ask(struct op *op)
{
    struct model_watch *watch = op_cast(op, model_watch);
    const struct upstream *upstream = watch->upstream;
    if (watch->asked == watch->count)
        return FLOW_DONE;
    char name[3 * MODEL_NAME_BYTES];
    escape(watch->models[watch->asked].name, name);
    struct arena arena;
    arena_init(&arena);
    struct http_request request = {
        .method = "GET",
        .url = arena_printf(&arena, "%s/models/%s", upstream->base_url, name),
        .headers = {{"Accept", "application/json"}},
        .header_count = 1,
        .limits = {.connect_ms = CALL_MS, .total_ms = CALL_MS, .body_max = BODY_BYTES_MAX},
    };
    if (upstream->key)
        request.headers[request.header_count++] =
            (struct http_header){"Authorization", arena_printf(&arena, "Bearer %s", upstream->key)};
    http_call_start(&watch->call, try(op), upstream->client, &request);
    arena_clear(&arena);
    return FLOW_WAIT;
}

static void clear_call(struct model_watch *watch)
{
    http_call_clear(&watch->call);
    watch->call = (struct http_call){0};
}

static enum flow read_answer(struct op *op)
{
    struct model_watch *watch = op_cast(op, model_watch);
    learn(&watch->call, &watch->models[watch->asked]);
    clear_call(watch);
    watch->asked++;
    return FLOW_AGAIN;
}

static void round_end(struct op *op)
{
    clear_call(op_cast(op, model_watch));
}

static const struct step round_steps[] = {{"ask", ask}, {"read", read_answer}, {0}};
static const struct op_kind round_kind = {"model_watch", round_steps, NULL, round_end};

static void begin_round(struct loop_timer *timer);

static void on_round_over(struct op *op, void *context)
{
    (void)op;
    struct model_watch *watch = context;
    if (!watch->stopped)
        loop_timer_start(watch->loop, &watch->next_round, MODEL_WATCH_MS, begin_round);
}

static void begin_round(struct loop_timer *timer)
{
    struct model_watch *watch = container_of(timer, struct model_watch, next_round);
    watch->asked = 0;
    op_start(&watch->op, &round_kind, root(watch->loop, on_round_over, watch));
}

/* --- the watch ------------------------------------------------------------------------------ */

void model_watch_start(struct model_watch *watch, struct loop *loop, struct upstream *upstream)
{
    *watch = (struct model_watch){.loop = loop, .upstream = upstream};
    loop_timer_start(loop, &watch->next_round, 0, begin_round);
}

/* "." and ".." would be steps in a path. */
static bool can_be_asked(struct slice name)
{
    if (name.length >= MODEL_NAME_BYTES || slice_equal(name, slice_of(".")) ||
        slice_equal(name, slice_of("..")))
        return false;
    for (size_t i = 0; i < name.length; i++) {
        const char c = name.data[i];
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && !(c && strchr("._:/-", c)))
            return false;
    }
    return name.length > 0;
}

static bool is_watched(const struct model_watch *watch, struct slice name)
{
    for (size_t i = 0; i < watch->count; i++)
        if (slice_equal(slice_of(watch->models[i].name), name))
            return true;
    return false;
}

void model_watch_add(struct model_watch *watch, const char *models)
{
    while (*models) {
        const size_t length = strcspn(models, ",");
        const struct slice name = slice_trim((struct slice){models, length});
        if (can_be_asked(name) && !is_watched(watch, name) && watch->count < MODEL_WATCH_MODELS_MAX)
            memcpy(watch->models[watch->count++].name, name.data, name.length);
        models += length + (models[length] == ',');
    }
}

void model_watch_stop(struct model_watch *watch)
{
    watch->stopped = true;
    loop_timer_stop(watch->loop, &watch->next_round);
    if (watch->op.kind)
        op_cancel(&watch->op);
}

bool model_watch_busy(const struct model_watch *watch)
{
    return watch->op.state != OP_NONE && watch->op.state != OP_FINISHED;
}
