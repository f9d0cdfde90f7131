/*
 * default_personas.h: the four personas that are there before any document is: GET
 * /api/get-default-personas/, and the fast autofill when its model fails.
 */
#ifndef MODEL_DEFAULT_PERSONAS_H
#define MODEL_DEFAULT_PERSONAS_H

#include "model/case_study.h"

enum { DEFAULT_PERSONA_COUNT = 4 };

extern const struct key_figure default_personas[DEFAULT_PERSONA_COUNT];
extern const char default_title[];        /* "Business Case Study" */
extern const char default_student_role[]; /* "Business Manager" */

#endif
