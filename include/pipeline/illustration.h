/*
 * illustration.h: a picture for each scene, all at once; a failed one is left out.
 *
 *     illustration_start(&p->illustration, need(op), job, &study);
 *     ... // in the next step: p->illustration.pictures[i].name, "" where there is none
 *
 * Never fails but by cancel; why a picture is missing is said in the job's warnings.
 */
#ifndef PIPELINE_ILLUSTRATION_H
#define PIPELINE_ILLUSTRATION_H

#include "model/case_study.h"
#include "pipeline/picture_answer.h"

/* Of one scene. */
struct picture {
    struct image_request question;
    struct answer answer;
    const char *name;   /* in the image store; "": none */
    const char *prompt; /* that it was made from; NULL: none */
};

struct illustration {
    struct op op;
    struct job *job;
    const struct case_study *study;
    struct picture *pictures; /* one for each scene, in the job's arena */
    size_t count;
};

/* Where clients find the picture of that name; "" for "". */
const char *image_address(const char *name, const char *base_url, struct arena *arena);

void illustration_start(struct illustration *illustration, struct op_link link, struct job *job,
                        const struct case_study *study);

#endif
