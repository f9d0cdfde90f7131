/*
 * scenes.h: a model's scenes for a case study that has its figures.
 *
 * Adds SCENE_COUNT scenes, or fewer, to the study; fails as chat calls do, and then leaves the
 * study as it was. What an answer leaves out is asked for once more, as in analysis.h.
 */
#ifndef PIPELINE_SCENES_H
#define PIPELINE_SCENES_H

#include "pipeline/chat_answer.h"

struct scenes {
    struct op op;
    struct job *job;
    struct prompt_texts *texts;
    struct case_study *study;
    struct chat_question question;
    struct answer answer;
    struct answer_faults faults; /* what is missing in it */
};

void scenes_start(struct scenes *scenes, struct op_link link, struct job *job,
                  struct prompt_texts *texts, struct case_study *study);

#endif
