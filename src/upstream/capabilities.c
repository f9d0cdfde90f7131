/* A process talks to a handful of models, so both levels of the table are searched in order. */
#include "upstream/capabilities.h"

#include <stdlib.h>
#include <string.h>

void capabilities_init(struct capabilities *capabilities)
{
    memset(capabilities, 0, sizeof(*capabilities));
}

static void forget(struct capability_model *row)
{
    free(row->base_url);
    free(row->model);
    memset(row, 0, sizeof(*row));
}

void capabilities_clear(struct capabilities *capabilities)
{
    for (size_t i = 0; i < CAPABILITY_MODELS_MAX; i++)
        forget(&capabilities->models[i]);
}

static struct capability_model *find(struct capabilities *capabilities, const char *base_url,
                                     const char *model)
{
    for (size_t i = 0; i < CAPABILITY_MODELS_MAX; i++) {
        struct capability_model *row = &capabilities->models[i];
        if (row->model && strcmp(row->model, model) == 0 && strcmp(row->base_url, base_url) == 0) {
            row->used = ++capabilities->turn;
            return row;
        }
    }
    return NULL;
}

static char *copy(const char *string)
{
    char *result = strdup(string);
    if (!result)
        abort();
    return result;
}

/* In a free row, or in that of the model longest unused: a free one was never used. */
static struct capability_model *add(struct capabilities *capabilities, const char *base_url,
                                    const char *model)
{
    struct capability_model *oldest = &capabilities->models[0];
    for (size_t i = 1; i < CAPABILITY_MODELS_MAX; i++)
        if (capabilities->models[i].used < oldest->used)
            oldest = &capabilities->models[i];
    forget(oldest);
    oldest->base_url = copy(base_url);
    oldest->model = copy(model);
    oldest->used = ++capabilities->turn;
    return oldest;
}

/* The index of the refusal, or the count of them. */
static size_t refusal(const struct capability_model *row, const char *what)
{
    size_t i = 0;
    while (i < row->refusal_count && strcmp(row->refusals[i].what, what) != 0)
        i++;
    return i;
}

bool capabilities_allow(struct capabilities *capabilities, const char *base_url, const char *model,
                        const char *what, uint64_t now_ms)
{
    const struct capability_model *row = find(capabilities, base_url, model);
    if (!row)
        return true;
    const size_t at = refusal(row, what);
    return at == row->refusal_count || row->refusals[at].until_ms <= now_ms;
}

void capabilities_refuse(struct capabilities *capabilities, const char *base_url, const char *model,
                         const char *what, uint64_t now_ms, uint64_t for_ms)
{
    struct capability_model *row = find(capabilities, base_url, model);
    if (!row)
        row = add(capabilities, base_url, model);
    const size_t at = refusal(row, what);
    if (at == CAPABILITY_REFUSALS_MAX)
        return; /* it is learned anew each time, and dropped within that call */
    if (at == row->refusal_count)
        row->refusals[row->refusal_count++].what = what;
    row->refusals[at].until_ms = now_ms + for_ms;
}
