/*
 * answer.h: a model's answer, a JSON text or something like one, to a case study.
 *
 *     struct answer_faults faults;
 *     if (answer_read_analysis(text, length, &arena, &study, &faults) != OK)
 *         ...                          // nothing to go on with: faults.complaint says why
 *     else if (faults.found)
 *         ...                          // usable, with gaps: faults.complaint says which
 *
 * The JSON is the whole text, or stands in a fence (```), or is the first value with an object in
 * it; thinking before it (`<think>...</think>`) is passed over; commas behind the last item of a
 * list, and line breaks in strings, are forgiven. Of an answer that was cut off, what is whole is
 * read: complete figures, scenes, and texts before them.
 *
 * Repaired without a word: traits ("7" is 7, 6.5 is 7, 15 is 10, what is no number is 5),
 * numbering, scenes beyond those asked for, figures named twice, names of figures in scenes
 * (figure_name.h), `goal` for `user_goal`, `personas` for `key_figures`, a flag of the main
 * character that all figures have. What is missing is a fault, so that the model can be asked once
 * more, with a complaint that names it. Members that nobody asked for are kept as `extra_json`.
 */
#ifndef MODEL_ANSWER_H
#define MODEL_ANSWER_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "model/case_study.h"

/* Each with a stable word for logs. */
#define ANSWER_FAULT_TABLE(X)                                                                      \
    X(ANSWER_NO_JSON, "no_json")           /* none was found, or none that can be read */          \
    X(ANSWER_CUT, "cut")                   /* it ends too early: some at the end is missing */     \
    X(ANSWER_WRONG_ROOT, "wrong_root")     /* not an object */                                     \
    X(ANSWER_NO_FIGURES, "no_key_figures") /* no array, or nobody with a name in it */             \
    X(ANSWER_NO_SCENES, "no_scenes")       /* no array, or none with a title or description */     \
    X(ANSWER_NO_TITLE, "no_title")         /* of the case */                                       \
    X(ANSWER_NO_DESCRIPTION, "no_description")                                                     \
    X(ANSWER_NO_STUDENT_ROLE, "no_student_role")                                                   \
    X(ANSWER_NO_NAME, "no_name")           /* of a figure, which was dropped */                    \
    X(ANSWER_FEW_OUTCOMES, "few_outcomes") /* fewer than OUTCOME_COUNT */                          \
    X(ANSWER_FEW_SCENES, "few_scenes")     /* fewer than asked for */                              \
    X(ANSWER_SCENE_GAP, "scene_gap")       /* a scene without title, description or goal */        \
    X(ANSWER_SCENE_ALONE, "scene_alone")   /* a scene with nobody of the cast */

enum answer_fault {
#define X(name, word) name,
    ANSWER_FAULT_TABLE(X)
#undef X
        ANSWER_FAULT_COUNT
};

struct answer_faults {
    unsigned found;        /* a bit, 1u << fault, for each */
    const char *complaint; /* sentences for the model; "" when nothing is wrong; in the arena */
};

enum {
    ANSWER_NAME_MAX = 200,      /* characters of names, roles, titles and goals */
    ANSWER_TEXT_MAX = 20000,    /* of all other texts */
    ANSWER_EXTRA_KEYS_MAX = 32, /* members kept that nobody asked for */
    ANSWER_EXTRA_BYTES_MAX = 1 << 16,
};

/* `text` is clean UTF-8. Fills everything but the scenes. ERR_SYNTAX when there is no figure in it.
 */
MUST_CHECK enum err answer_read_analysis(const char *text, size_t length, struct arena *arena,
                                         struct case_study *out, struct answer_faults *faults);

/* The same without description and outcomes, which were not asked for and stay empty. */
MUST_CHECK enum err answer_read_personas(const char *text, size_t length, struct arena *arena,
                                         struct case_study *out, struct answer_faults *faults);

/* Fills the scenes, at most `scene_count`, with figures that `out` has already. ERR_SYNTAX when
 * there is no scene in it. */
MUST_CHECK enum err answer_read_scenes(const char *text, size_t length, size_t scene_count,
                                       struct arena *arena, struct case_study *out,
                                       struct answer_faults *faults);

const char *answer_fault_word(enum answer_fault fault);

#endif
