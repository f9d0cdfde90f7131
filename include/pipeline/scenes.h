/*
 * scenes.h: a model's scenes for a case study that has its figures.
 *
 * Adds SCENE_COUNT scenes, or fewer, to the study; fails as chat calls do, and then leaves the
 * study as it was.
 */
#ifndef PIPELINE_SCENES_H
#define PIPELINE_SCENES_H

#include "model/answer.h"
#include "pipeline/prompt_texts.h"

struct scenes {
    struct op op;
    struct job *job;
    struct prompt_texts *texts;
    struct case_study *study;
    struct chat_call chat;
    struct case_study answer;    /* the study with the scenes of the latest answer */
    struct answer_faults faults; /* what is still missing after success */
};

void scenes_start(struct scenes *scenes, struct op_link link, struct job *job,
                  struct prompt_texts *texts, struct case_study *study);

#endif
