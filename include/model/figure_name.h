/*
 * figure_name.h: who is meant by a name: people and models write one and the same name in many
 * ways.
 *
 *     struct figure_names names;
 *     figure_names_init(&names, study->figures, study->figure_count, arena);
 *     const struct key_figure *figure = figure_names_find(&names, "Dr. chen", arena);
 *
 * Case, accents, punctuation and honorifics make no difference. A part of a name, or more than it
 * ("Chen" or "Maria Chen, the CFO" for Maria Chen), will do where only one figure fits.
 */
#ifndef MODEL_FIGURE_NAME_H
#define MODEL_FIGURE_NAME_H

#include "base/arena.h"
#include "model/case_study.h"

enum {
    FIGURE_NAME_BYTES_MAX = 512, /* compared: of longer names the beginning */
    FIGURE_NAME_WORDS_MAX = 12,  /* of a part: each is looked for in all words of the other name */
};

struct figure_names {
    const struct key_figure *figures;
    const char **keys; /* of each figure's name */
    size_t count;
};

/* Two names with equal keys are one name. NULL gives "", which equals no name. */
const char *figure_key(const char *name, struct arena *arena);

/* `figures` may not change as long as it is used. */
void figure_names_init(struct figure_names *names, const struct key_figure *figures, size_t count,
                       struct arena *arena);

/* NULL: nobody, or more than one. */
const struct key_figure *figure_names_find(const struct figure_names *names, const char *name,
                                           struct arena *arena);

#endif
