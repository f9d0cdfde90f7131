/*
 * tools.h: what every pipeline works with: settings and shared things of the server, built in
 * main/process.c and handed down.
 */
#ifndef PIPELINE_TOOLS_H
#define PIPELINE_TOOLS_H

#include "base/config.h"
#include "io/extract_tool.h"
#include "io/gate.h"
#include "pipeline/answers.h"
#include "store/store.h"
#include "upstream/services.h"

struct pipeline_tools {
    const struct config *config;
    struct services *services;
    struct answers answers;   /* of these services */
    struct store *store;      /* NULL: no database is configured */
    struct gate extract_gate; /* MAX_CONCURRENT_EXTRACT child processes at once */
    struct extract_limits extract_limits;
};

#endif
