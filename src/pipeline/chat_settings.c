#include "pipeline/chat_settings.h"

#include <string.h>

/* Other servers sample at their own default, which is too lively for facts; OpenAI's newer models
 * take no temperature at all. */
static const double TEMPERATURE = 0.3;

static bool is_openai(const char *base_url)
{
    return strncmp(base_url, "https://api.openai.com/", 23) == 0;
}

struct chat_request chat_settings(const struct services *services)
{
    const bool openai = is_openai(services->openai->upstream->base_url);
    return (struct chat_request){
        .temperature = openai ? -1 : TEMPERATURE,
        .reasoning_effort = "low",
        .stream = true, /* a stalled one is noticed long before its time is over */
    };
}

void chat_account(const struct chat_call *chat, struct job *job)
{
    job->queue_seconds += chat->call.queue_seconds;
    if (chat->call.tries == 0)
        return;
    const struct token_usage usage = chat_call_usage(chat);
    bill_add_usage(&job->bill, &usage, chat_call_cost_usd(chat));
}
