/*
 * prompt.h: the texts of config/prompts/, with values filled in.
 *
 * A file has sections, each below a line with its name in brackets. In a section, `{name}` stands
 * for a value.
 *
 *     [system]
 *     You write {count} scenes ...
 *
 *     char *system = prompt_text(&arena, prompt_scenes, "system",
 *                                (const struct prompt_value[]){{"count", "4"}}, 1);
 */
#ifndef UPSTREAM_PROMPT_H
#define UPSTREAM_PROMPT_H

#include <stddef.h>

#include "base/arena.h"

struct prompt_value {
    const char *name;
    const char *value; /* put in as it is: braces in it mean nothing */
};

/* A section without white space at its ends, in `arena`. As the files are ours, one that lacks the
 * section, or uses a name that has no value, is a bug. */
char *prompt_text(struct arena *arena, const char *file, const char *section,
                  const struct prompt_value *values, size_t count);

#endif
