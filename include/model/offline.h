/*
 * offline.h: the analysis of a business case without AI and without a network.
 *
 * Finds the names in the text, then reasons about the words around them: who the people and
 * organisations are, their roles and backgrounds, who decides; a title, a description, learning
 * outcomes and the four scenes of a simulation. Everything it says is made from the text by stated
 * rules. Pure and re-entrant: on the loop for small texts, on a worker thread with an arena of its
 * own for large ones. 40 to 80 MB of text a second (hostile ones 12 or more); memory: a copy of the
 * prose and tables of at most 30 MB, all freed before it returns.
 *
 *     struct case_study study;
 *     if (offline_analyse(text, length, &options, &arena, &study) == OK) ...
 */
#ifndef MODEL_OFFLINE_H
#define MODEL_OFFLINE_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "model/case_study.h"

struct offline_options {
    size_t scene_count;        /* SCENE_COUNT: 4 unless set otherwise; 0 to 12 */
    const atomic_bool *cancel; /* looked at every 32 KB at the latest; NULL: cannot be cancelled */
};

/* `text` is clean UTF-8 (text.h). Main characters are flagged, not yet removed (see
 * case_study_settle). Strings and arrays of `out` live in `arena`. ERR_CANCELLED when asked to
 * stop. */
MUST_CHECK enum err offline_analyse(const char *text, size_t length,
                                    const struct offline_options *options, struct arena *arena,
                                    struct case_study *out);

#endif
