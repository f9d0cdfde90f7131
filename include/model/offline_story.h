/*
 * offline_story.h: from a document and its cast to a case study. One `struct story` holds what all
 * the steps read; each step fills its part of the study. Strings live in the story's arena.
 */
#ifndef MODEL_OFFLINE_STORY_H
#define MODEL_OFFLINE_STORY_H

#include "model/case_study.h"
#include "model/offline_names.h"

enum {
    BACKGROUND_BYTES_MAX = 400,
    GOAL_BYTES_MAX = 160,
    ROLE_BYTES_MAX = 120,
    DESCRIPTION_MIN = 800, /* characters */
    DESCRIPTION_MAX = 1500,
    TOPICS_MAX = 6,
};

struct story {
    const struct document *document;
    struct vocabulary *vocabulary;
    const struct names *names;
    const struct cast *cast;
    struct arena *arena;
    size_t protagonist;   /* index into the cast; SIZE_MAX: nobody */
    const char *decision; /* "decide whether ...", in the text's words; NULL: none found */
    const char *topics[TOPICS_MAX + 1]; /* what it is about: headings, else frequent words */
    size_t topic_count;
};

/* Who decides, what, and about what (offline_story.c). */
void story_read(struct story *story);

/* The text's first paragraphs, 800 to 1,500 characters, ending with a sentence. */
const char *story_description(const struct story *story);

/* Five outcomes, "1. ..." to "5. ...". */
void story_outcomes(const struct story *story, const struct case_study *study,
                    const char *outcomes[OUTCOME_COUNT]);

/* How the words around a name tell its role (offline_roles.c). */
struct role {
    const char *text;
    enum { ROLE_PHRASE, ROLE_CLAUSE, ROLE_UNKNOWN } form; /* "works manager", "ran operations" */
};
struct role member_role(const struct story *story, const struct member *member);

/* All of a key figure (offline_figures.c). */
struct key_figure member_figure(const struct story *story, size_t index);

/* The scenes (offline_scenes.c). `study` has its figures already, in the cast's order. */
void story_scenes(const struct story *story, struct case_study *study, size_t count);

/* ---- sentences, for all of them ---- */

/* Reads the sentence that holds a mention again; the mention's tokens are [first, end). */
void mention_read(const struct story *story, const struct mention *mention,
                  struct sentence *sentence, size_t *first, size_t *end);

/* The text of tokens [first, end) as a string, cut at a word before `most` bytes. */
const char *tokens_text(const struct story *story, const struct sentence *sentence, size_t first,
                        size_t end, size_t most);

/* Is the token one of these words, parted by spaces, in any case? */
bool token_reads(const struct story *story, const struct token *token, const char *words);

/* A copy with its first letter a capital. */
const char *capitalised(struct arena *arena, const char *text);

/* A heading as one would quote it: not in capitals throughout. */
const char *heading_quoted(const struct story *story, const struct heading *heading);

/* The heading above a place in the prose, as one would quote it; NULL: none. */
const char *heading_above(const struct story *story, uint32_t at);

#endif
