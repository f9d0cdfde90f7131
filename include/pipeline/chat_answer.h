/*
 * chat_answer.h: what a model answers to a question about an upload's texts: asked for, joined, or
 * kept (answers.h).
 *
 *     chat_question_init(&question, job, texts);
 *     question.request.name = "analysis"; ...
 *     chat_answer_start(&p->answer, try(op), job, &question);
 *     ... // in the next step
 *     chat_answer_read(&p->answer, &question, job->arena, &study, &faults);
 *     chat_answer_end(&p->answer, &question, job);       // in on_end, in any case
 *
 * An answer that leaves out what was asked for is asked for once more. What is then still missing
 * is in `faults`; where only the second asking fails, the first answer stands. Such answers are not
 * kept, nor those to texts that the model did not read whole.
 */
#ifndef PIPELINE_CHAT_ANSWER_H
#define PIPELINE_CHAT_ANSWER_H

#include "model/answer.h"
#include "pipeline/job.h"
#include "pipeline/prompt_texts.h"

struct chat_question;

/* The text of an answer to a case study. As answer.h has them. */
typedef enum err chat_reader(const struct chat_question *question, const char *text, size_t length,
                             struct arena *arena, struct case_study *out,
                             struct answer_faults *faults);

/* Borrowed until the answer has finished. */
struct chat_question {
    struct chat_request request; /* without `check`, `on_content` and `context` */
    struct prompt_bytes *bytes;  /* where texts of its documents are */
    const unsigned char *digest; /* of the documents but the first (prompt_texts.h) */
    chat_reader *read;
    const struct case_study *study; /* whose figures the answer names; NULL: it brings its own */
    size_t scene_count;
};

/* With what all questions about an upload's texts have in common. */
void chat_question_init(struct chat_question *question, const struct job *job,
                        const struct prompt_texts *texts);

void chat_answer_start(struct answer *answer, struct op_link link, struct job *job,
                       const struct chat_question *question);

/* Of one that succeeded. Reads it into `arena`; returns the name of the model, there as well. */
const char *chat_answer_read(const struct answer *answer, const struct chat_question *question,
                             struct arena *arena, struct case_study *out,
                             struct answer_faults *faults);

/* When it has finished: adds to the job what it cost, and says in its warnings if the model did not
 * read all that it was to read. Nothing happens for one that is `{0}`. */
void chat_answer_end(struct answer *answer, const struct chat_question *question, struct job *job);

#endif
