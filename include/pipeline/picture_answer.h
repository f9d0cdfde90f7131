/*
 * picture_answer.h: a prompt to a picture in the image store: made, joined, or kept (answers.h).
 * What is kept is its name: one whose file is gone is made anew.
 *
 *     picture_answer_start(&picture->answer, try(op), job, &picture->question, order);
 *     ... // in the next step
 *     picture_answer_read(&picture->answer, job->arena, &name, &prompt);
 *     answer_clear(&picture->answer);
 */
#ifndef PIPELINE_PICTURE_ANSWER_H
#define PIPELINE_PICTURE_ANSWER_H

#include "pipeline/job.h"

/* `order` is its place among the job's pictures. */
void picture_answer_start(struct answer *answer, struct op_link link, struct job *job,
                          const struct image_request *question, unsigned order);

/* Of one that succeeded: the picture's name in the store and the prompt it was made from, in the
 * arena. */
void picture_answer_read(const struct answer *answer, struct arena *arena, const char **name,
                         const char **prompt);

#endif
