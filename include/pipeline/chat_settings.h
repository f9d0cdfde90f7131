/*
 * chat_settings.h: what all chat calls of the pipelines have in common.
 */
#ifndef PIPELINE_CHAT_SETTINGS_H
#define PIPELINE_CHAT_SETTINGS_H

#include "pipeline/job.h"
#include "upstream/openai.h"

/* A request with what does not depend on what is asked. */
struct chat_request chat_settings(const struct services *services);

/* When a call has finished: adds what it used to the job's bill, and its waiting to the job's; says
 * in the job's warnings if the model did not read all that it was to read. */
void job_add_chat(const struct chat_call *chat, struct job *job);

#endif
