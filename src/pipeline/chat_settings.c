#include "pipeline/chat_settings.h"

#include "upstream/openai_api.h"

/* Other servers sample at their own default, which is too lively for facts; OpenAI's newer models
 * take no temperature at all. */
static const double TEMPERATURE = 0.3;

struct chat_request chat_settings(const struct services *services)
{
    const bool hosted = openai_is_hosted(services->openai->upstream->base_url);
    return (struct chat_request){
        .temperature = hosted ? -1 : TEMPERATURE,
        .reasoning_effort = "low",
        .stream = true, /* a stalled one is noticed long before its time is over */
    };
}

static void warn_unread(const struct chat_call *chat, struct job *job)
{
    if (chat->shortened)
        job_degrade(job, 0,
                    "The texts are longer than the model takes: for the %s only the beginning of "
                    "each was read",
                    chat->request.name);
    if (chat->input_cut)
        job_degrade(job, 0,
                    "The model seems to have read only a part of the texts for the %s: check how "
                    "much text it takes at once",
                    chat->request.name);
}

void job_add_chat(const struct chat_call *chat, struct job *job)
{
    if (op_error(&chat->call.op)->code == OK)
        warn_unread(chat, job);
    job->queue_seconds += chat->call.queue_seconds;
    if (chat->call.tries == 0)
        return;
    const struct token_usage usage = chat_call_usage(chat);
    bill_add_usage(&job->bill, &usage, chat_call_cost_usd(chat));
}
