/*
 * offline_runs.h: runs of capitalised words that may be names; between offline_runs.c and
 * offline_names.c.
 */
#ifndef MODEL_OFFLINE_RUNS_H
#define MODEL_OFFLINE_RUNS_H

#include "model/offline_text.h"

/* A run of tokens that may be a name: [first, end). */
struct run {
    size_t first, end;
    size_t words;
    bool company;    /* ends in a legal form, or is a "University of ..." */
    bool honorific;  /* Mr. and the like stood before it */
    bool titled;     /* a job title stood before it */
    bool kin;        /* Uncle, Grandfather stood before it */
    bool possessive; /* ends in 's */
};

bool token_is_capital(const struct token *token);
bool token_is_small(const struct token *token);

/* May a name begin with this token? */
bool run_begins(const struct sentence *sentence, size_t at);

/* The longest run from there. */
struct run run_at(const struct sentence *sentence, size_t first);

/* Takes titles and other words that are not part of the name off its front and end. */
void run_trim(const struct sentence *sentence, struct run *run);

/* Not just a title, a date, a place or a concept? */
bool run_is_name(const struct sentence *sentence, const struct run *run);

/* What its words themselves say about its being a person's, before any context: a score, to which
 * the weights of EVIDENCE_TABLE are added. */
int run_shape(const struct vocabulary *vocabulary, const struct sentence *sentence,
              const struct run *run, const char *prose);

#endif
