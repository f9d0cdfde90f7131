/*
 * Both versions of the API have words of their own, and either may meet those of the other. A word
 * that is not known means that the job runs: its end will be known, or time will run out.
 *
 * Version 1 has a code for each failure; version 2 puts it before the message, if anywhere.
 */
#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "upstream/llamaparse_parts.h"

static const struct {
    const char *word;
    enum remote_state state;
} states[] = {
    {"SUCCESS", REMOTE_DONE},     {"COMPLETED", REMOTE_DONE}, {"PARTIAL_SUCCESS", REMOTE_PARTIAL},
    {"ERROR", REMOTE_FAILED},     {"FAILED", REMOTE_FAILED},  {"CANCELLED", REMOTE_STOPPED},
    {"CANCELED", REMOTE_STOPPED},
};

const char remote_job_no_text[] = "no text was found in the file: see that its pages are not empty";

/* What is the file's own fault, and can be helped by whoever sent it. */
static const struct {
    const char *code, *clause;
} faults_of_file[] = {
    {"PDF_IS_PROTECTED", "the PDF is protected: remove its password"},
    {"PDF_IS_BROKEN", "the PDF is damaged: export it anew"},
    {"NO_DATA_FOUND_IN_FILE", remote_job_no_text},
    {"UNSUPPORTED_FILE_TYPE", "a file of this type cannot be read: save it as PDF"},
};

static const char expired[] = "EXPIRED";

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *fault_of_file(const struct remote_job *job)
{
    for (size_t i = 0; i < COUNT(faults_of_file); i++) {
        if (strcmp(job->code, faults_of_file[i].code) == 0)
            return faults_of_file[i].clause;
    }
    return NULL;
}

/* --- what was said -------------------------------------------------------------------------- */

static enum remote_state state_of(const char *status)
{
    for (size_t i = 0; i < COUNT(states); i++) {
        if (text_equal_ignore_case(status, states[i].word))
            return states[i].state;
    }
    return REMOTE_RUNNING;
}

/* It becomes part of URLs. */
static bool is_safe_id(const char *id)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const size_t length = strlen(id);
    return length > 0 && length <= LLAMAPARSE_ID_BYTES && strspn(id, allowed) == length;
}

/* The length of the code that `text` begins with; 0: with none. */
static size_t code_length(const char *text)
{
    const size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return length <= LLAMAPARSE_WORD_BYTES && isupper((unsigned char)*text) ? length : 0;
}

static void copy(char *out, const char *text, size_t length)
{
    memcpy(out, text, length);
    out[length] = '\0';
}

/* A message goes to whoever sent the file, if it is harmless: printable, and without a key. The
 * vendor's keys begin with "llx-"; services have been known to repeat part of one. */
static void take_message(struct remote_job *job, const char *text, const char *key)
{
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return;
    }
    if (strstr(text, "llx-") || (key && *key && strstr(text, key)))
        return;
    copy(job->message, text, text_cut(text, strlen(text), LLAMAPARSE_MESSAGE_BYTES));
}

static void read_failure(struct remote_job *job, const cJSON *said, const char *key)
{
    const char *code = json_string(said, "error_code", "");
    const char *message = json_string(said, "error_message", "");
    const size_t length = code_length(code);
    if (length > 0 && code[length] == '\0') {
        copy(job->code, code, length);
    } else {
        const size_t before = code_length(message);
        const bool has_code = before > 0 && (message[before] == ':' || message[before] == '\0');
        if (has_code) {
            copy(job->code, message, before);
            message += before + strspn(message + before, ": ");
        }
    }
    take_message(job, message, key);
}

static bool read_job(struct remote_job *job, const cJSON *root, const char *key)
{
    const cJSON *inner = cJSON_GetObjectItemCaseSensitive(root, "job");
    const cJSON *said = cJSON_IsObject(inner) ? inner : root;
    const char *status = json_string(said, "status", "");
    const char *id = *job->id ? job->id : json_string(said, "id", "");
    if (!*status || !is_safe_id(id))
        return false;
    if (!*job->id)
        copy(job->id, id, strlen(id));
    job->state = state_of(status);
    if (job->state == REMOTE_FAILED || job->state == REMOTE_STOPPED)
        read_failure(job, said, key);
    return true;
}

bool remote_job_read(struct remote_job *job, const char *bytes, size_t length, const char *key)
{
    cJSON *root;
    if (json_parse(bytes, length, NULL, &root) != OK)
        return false;
    const bool known = read_job(job, root, key);
    cJSON_Delete(root);
    return known;
}

/* --- what it means -------------------------------------------------------------------------- */

bool remote_job_expired(const struct remote_job *job)
{
    return job->state == REMOTE_FAILED && strcmp(job->code, expired) == 0;
}

static enum err explain(const struct remote_job *job, const char **clause_out)
{
    *clause_out = fault_of_file(job);
    if (*clause_out)
        return ERR_UNPROCESSABLE;
    if (remote_job_expired(job)) {
        *clause_out = "llamaparse's queue is too long";
        return ERR_DEADLINE;
    }
    *clause_out = job->state == REMOTE_STOPPED ? "llamaparse stopped reading the file"
                                               : "llamaparse failed to read the file";
    return ERR_UPSTREAM;
}

enum err remote_job_error(const struct remote_job *job, struct error *error)
{
    assert(job->state != REMOTE_RUNNING);
    if (job->state == REMOTE_DONE || job->state == REMOTE_PARTIAL)
        return OK;
    const char *clause;
    const enum err err = explain(job, &clause);
    const char *between = *job->code && *job->message ? ": " : "";
    if (!*job->code && !*job->message)
        return error_set(error, err, "%s", clause);
    return error_set(error, err, "%s (%s%s%s)", clause, job->code, between, job->message);
}

/* A file that is at fault says nothing of the service, and may come any number of times; of other
 * failures nobody can tell whose they are. A queue that is too long is the service's. */
enum gate_result remote_job_report(const struct remote_job *job)
{
    struct error error;
    if (remote_job_error(job, &error) == OK)
        return GATE_SUCCESS;
    return remote_job_expired(job) ? GATE_FAILURE : GATE_NEUTRAL;
}
