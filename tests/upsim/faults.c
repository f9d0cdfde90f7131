#include "upsim/faults.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static const struct {
    const char *name;
    unsigned where;
} places[] = {
    {"job", ON_JOB},
    {"llamaparse", ON_LLAMAPARSE},
    {"openai", ON_OPENAI},
    {"all", ON_CALLS},
};

/* --- setting one --------------------------------------------------------------------------------
 */

static unsigned place_of(const char *name)
{
    for (size_t i = 0; i < SERVICE_COUNT; i++)
        if (strcmp(service_names[i], name) == 0)
            return 1u << i;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (strcmp(places[i].name, name) == 0)
            return places[i].where;
    return 0;
}

/* A string, or a number as one would write it. */
static bool copy_word(const cJSON *value, char *out, size_t size)
{
    if (cJSON_IsNumber(value)) {
        snprintf(out, size, "%.15g", value->valuedouble);
        return true;
    }
    if (cJSON_IsBool(value)) {
        snprintf(out, size, "%s", cJSON_IsTrue(value) ? "true" : "false");
        return true;
    }
    if (cJSON_IsNull(value)) {
        out[0] = '\0';
        return true;
    }
    if (!cJSON_IsString(value) || strlen(value->valuestring) >= size ||
        strpbrk(value->valuestring, "\r\n"))
        return false;
    snprintf(out, size, "%s", value->valuestring);
    return true;
}

/* A number, or a string that is one: a command line has nothing else. */
static bool read_number(const cJSON *value, double low, double high, double *out)
{
    double number;
    if (cJSON_IsNumber(value)) {
        number = value->valuedouble;
    } else if (cJSON_IsString(value) && value->valuestring[0]) {
        char *end;
        number = strtod(value->valuestring, &end);
        if (*end)
            return false;
    } else {
        return false;
    }
    if (!(number >= low && number <= high))
        return false;
    *out = number;
    return true;
}

static bool copy_headers(const cJSON *object, struct fault *fault)
{
    if (!cJSON_IsObject(object))
        return false;
    size_t length = strlen(fault->headers);
    for (const cJSON *item = object->child; item; item = item->next) {
        char value[FAULT_TEXT_BYTES];
        if (!copy_word(item, value, sizeof(value)) || strpbrk(item->string, ":\r\n "))
            return false;
        const size_t room = sizeof(fault->headers) - length;
        const int wrote =
            snprintf(fault->headers + length, room, "%s: %s\r\n", item->string, value);
        if (wrote < 0 || (size_t)wrote >= room)
            return false;
        length += (size_t)wrote;
    }
    return true;
}

static bool set_count(uint64_t *out, const cJSON *value)
{
    double number;
    if (!read_number(value, 0, 1e9, &number))
        return false;
    *out = (uint64_t)number;
    return true;
}

static bool set_whole(int64_t *out, const cJSON *value)
{
    double number;
    if (!read_number(value, -1, 1e9, &number))
        return false;
    *out = (int64_t)number;
    return true;
}

static bool set_status(int *out, const cJSON *value)
{
    double number;
    if (!read_number(value, 200, 599, &number))
        return false;
    *out = (int)number;
    return true;
}

static bool set_key(struct fault *fault, const char *key, const cJSON *value)
{
    const struct {
        const char *key;
        char *out;
        size_t size;
    } words[] = {
        {"call", fault->call, sizeof(fault->call)},
        {"model", fault->model, sizeof(fault->model)},
        {"type", fault->type, sizeof(fault->type)},
        {"code", fault->code, sizeof(fault->code)},
        {"param", fault->param, sizeof(fault->param)},
        {"message", fault->message, sizeof(fault->message)},
        {"retry_after", fault->retry_after, sizeof(fault->retry_after)},
        {"retry_after_ms", fault->retry_after_ms, sizeof(fault->retry_after_ms)},
        {"should_retry", fault->should_retry, sizeof(fault->should_retry)},
        {"to", fault->to, sizeof(fault->to)},
    };
    const struct {
        const char *key;
        uint64_t *out;
    } counts[] = {
        {"after", &fault->after},
        {"ms", &fault->ms},
        {"bytes", &fault->bytes},
        {"polls", &fault->polls},
        {"interval_ms", &fault->interval_ms},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i].key, key) == 0)
            return copy_word(value, words[i].out, words[i].size);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        if (strcmp(counts[i].key, key) == 0)
            return set_count(counts[i].out, value);
    if (strcmp(key, "times") == 0)
        return set_whole(&fault->times, value);
    if (strcmp(key, "retry_date_s") == 0)
        return set_whole(&fault->retry_date_s, value);
    if (strcmp(key, "status") == 0)
        return set_status(&fault->status, value);
    if (strcmp(key, "share") == 0)
        return read_number(value, 0, 1, &fault->share);
    return strcmp(key, "headers") == 0 && copy_headers(value, fault);
}

static void set_defaults(struct fault *fault, const struct fault_kind *kind, unsigned where)
{
    *fault = (struct fault){
        .kind = kind,
        .where = where & kind->where,
        .times = -1,
        .share = 1,
        .status = kind->status,
        .retry_date_s = -1,
        .bytes = kind->id == FAULT_BIG ? 100u << 20 : 64,
        .interval_ms = 20,
        .polls = 3,
    };
    snprintf(fault->type, sizeof(fault->type), "%s", kind->type ? kind->type : "");
    snprintf(fault->code, sizeof(fault->code), "%s", kind->code ? kind->code : "");
    snprintf(fault->param, sizeof(fault->param), "%s", kind->param ? kind->param : "");
    snprintf(fault->message, sizeof(fault->message), "%s", kind->message ? kind->message : "");
    if (kind->id == FAULT_URL_REDIRECT)
        snprintf(fault->to, sizeof(fault->to), "http://169.254.169.254/latest/meta-data/");
}

bool faults_add(struct faults *faults, const cJSON *object, char complaint[FAULT_TEXT_BYTES])
{
    const char *service = json_string(object, "service", "");
    const char *name = json_string(object, "fault", "");
    const unsigned where = place_of(service);
    const struct fault_kind *kind = fault_kind_find(name, where);
    if (!where || !kind || faults->count == FAULTS_MAX) {
        snprintf(complaint, FAULT_TEXT_BYTES,
                 !where  ? "no such service: \"%.100s\""
                 : !kind ? "no such fault of this service: \"%.100s\""
                         : "too many faults are set; \"%.100s\" was not",
                 !where ? service : name);
        return false;
    }
    struct fault fault;
    set_defaults(&fault, kind, where);
    for (const cJSON *item = object->child; item; item = item->next) {
        if (strcmp(item->string, "service") == 0 || strcmp(item->string, "fault") == 0)
            continue;
        if (!set_key(&fault, item->string, item)) {
            snprintf(complaint, FAULT_TEXT_BYTES, "\"%.100s\" is unknown, or not so", item->string);
            return false;
        }
    }
    if (fault.bytes == 0)
        fault.bytes = 1;
    faults->list[faults->count++] = fault;
    return true;
}

/* "3" is a number of times; "0.25" and "25%" are a share. */
static void add_amount(cJSON *object, const char *amount)
{
    const size_t length = strlen(amount);
    if (length > 0 && amount[length - 1] == '%')
        json_add_number(object, "share", strtod(amount, NULL) / 100);
    else
        json_add_string(object, strchr(amount, '.') ? "share" : "times", amount);
}

bool faults_add_text(struct faults *faults, const char *text, char complaint[FAULT_TEXT_BYTES])
{
    char copy[FAULT_TEXT_BYTES * 2];
    if (strlen(text) >= sizeof(copy)) {
        snprintf(complaint, FAULT_TEXT_BYTES, "too long");
        return false;
    }
    snprintf(copy, sizeof(copy), "%s", text);
    char *rest = copy;
    char *service = strsep(&rest, "=");
    char *name = rest ? strsep(&rest, ",") : NULL;
    if (!name) {
        snprintf(complaint, FAULT_TEXT_BYTES, "write SERVICE=NAME[:COUNT|SHARE][,KEY=VALUE...]");
        return false;
    }
    cJSON *object = json_new_object();
    char *amount = strchr(name, ':');
    if (amount) {
        *amount++ = '\0';
        add_amount(object, amount);
    }
    json_add_string(object, "service", service);
    json_add_string(object, "fault", name);
    while (rest) {
        char *value = strsep(&rest, ",");
        const char *key = strsep(&value, "=");
        json_add_string(object, key, value ? value : "");
    }
    const bool added = faults_add(faults, object, complaint);
    cJSON_Delete(object);
    return added;
}

void faults_reset(struct faults *faults)
{
    faults->count = 0;
}

/* --- taking one ---------------------------------------------------------------------------------
 */

static bool applies(const struct fault *fault, unsigned service, const char *call,
                    const char *model, bool reused)
{
    return (fault->where & 1u << service) && fault->times != 0 &&
           (!fault->call[0] || strcmp(fault->call, call) == 0) &&
           (!fault->model[0] || strcmp(fault->model, model) == 0) &&
           (fault->kind->id != FAULT_STALE || reused);
}

const struct fault *faults_take(struct faults *faults, unsigned service, const char *call,
                                const char *model, bool reused, struct dice *dice)
{
    for (size_t i = 0; i < faults->count; i++) {
        struct fault *fault = &faults->list[i];
        if (!applies(fault, service, call, model, reused))
            continue;
        if (fault->after > 0) {
            fault->after--;
            continue;
        }
        if (fault->share < 1 && dice_share(dice) >= fault->share)
            continue;
        if (fault->times > 0)
            fault->times--;
        fault->taken++;
        return fault;
    }
    return NULL;
}

bool fault_is(const struct fault *fault, enum fault_id id)
{
    return fault && fault->kind->id == id;
}

/* --- printing -----------------------------------------------------------------------------------
 */

void faults_print(const struct faults *faults, struct buffer *out)
{
    bool fits = buffer_puts(out, "[") == OK;
    for (size_t i = 0; i < faults->count; i++) {
        const struct fault *fault = &faults->list[i];
        fits = fits &&
               buffer_printf(out,
                             "%s{\"fault\":\"%s\",\"taken\":%" PRIu64 ",\"times_left\":%" PRId64
                             ",\"services\":[",
                             i > 0 ? "," : "", fault->kind->name, fault->taken, fault->times) == OK;
        const char *separator = "";
        for (size_t s = 0; s <= SERVICE_COUNT; s++) {
            if (!(fault->where & 1u << s))
                continue;
            fits = fits && buffer_printf(out, "%s\"%s\"", separator,
                                         s < SERVICE_COUNT ? service_names[s] : "job") == OK;
            separator = ",";
        }
        fits = fits && buffer_puts(out, "]}") == OK;
    }
    if (!fits || buffer_puts(out, "]"))
        abort(); /* the list is short and the maximum is not */
}
