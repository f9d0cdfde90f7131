/*
 * offline_names.h: who is in a text: capitalised names, the evidence around each, and the cast of
 * people and organisations that is left when forms of one name are merged and the rest is judged.
 *
 *     struct names names;
 *     names_init(&names, length);
 *     if (names_find(&names, &document, vocabulary, cancel) == OK)
 *         cast_choose(&names, &document, arena, &cast);
 *     names_clear(&names);
 */
#ifndef MODEL_OFFLINE_NAMES_H
#define MODEL_OFFLINE_NAMES_H

#include <stdatomic.h>

#include "base/arena.h"
#include "model/offline_text.h"

enum {
    CANDIDATES_MAX = 20000, /* different names: a case has a hundred */
    MENTIONS_MAX = 200000,  /* kept in order of the text; later ones are counted only */
    PARTS_MAX = 10,         /* parts of a name, split at spaces and hyphens */
    RUN_WORDS_MAX = 8,      /* more capitalised words in a row are a headline, not a name */
    MEMBER_MENTIONS_MAX = 256,
};

/* What the words around a name, or the words of the name, say: the weight of one such find, and how
 * many finds count. A person's name has its weights' sum above a threshold (offline_cast.c). */
#define EVIDENCE_TABLE(X)                                                                          \
    X(EVIDENCE_HONORIFIC, 7, 1) /* Ms. Chen */                                                     \
    X(EVIDENCE_KIN, 3, 1)       /* her brother Ruben */                                            \
    X(EVIDENCE_TITLE, 5, 1)     /* CFO Dana Ruiz, head of design Dana Ruiz */                      \
    X(EVIDENCE_ROLE, 5, 1)      /* Dana Ruiz, the finance director, / Her deputy, Dana Ruiz, */    \
    X(EVIDENCE_WHO, 4, 1)       /* Dana Ruiz, who had ... */                                       \
    X(EVIDENCE_SPEECH, 3, 2)    /* Ruiz said / said Ruiz / told Ruiz */                            \
    X(EVIDENCE_HUMAN, 2, 2)     /* Ruiz had studied, nodded, joined */                             \
    X(EVIDENCE_AGE, 4, 1)       /* Dana Ruiz, 44, */                                               \
    X(EVIDENCE_NAMED, 2, 1)     /* a clerk named Dana Ruiz */                                      \
    X(EVIDENCE_PRONOUN, 1, 2)   /* Ruiz ... she ... in one sentence */                             \
    X(EVIDENCE_SURNAME, 3, 1)   /* its last part alone stands for it elsewhere */                  \
    X(EVIDENCE_WHERE, -3, 2)    /* in Norwich, near Norwich */                                     \
    X(EVIDENCE_TOWARDS, -1, 2)  /* at, to, from Kestrel */                                         \
    X(EVIDENCE_ARTICLE, -3, 2)  /* the Torrent, a Toyota */                                        \
    X(EVIDENCE_NUMBER, -3, 1)   /* Exhibit 2 */                                                    \
    X(EVIDENCE_THING, -2, 2)    /* the noun of a thing right behind: Torrent range */              \
    X(EVIDENCE_OWNS, 0, 0)      /* Kestrel's mill: for organisations */                            \
    X(EVIDENCE_OWN_S, 0, 0)     /* Kestrel's and nothing owned: "Kestrel's" is the name */

enum evidence {
#define X(name, weight, most) name,
    EVIDENCE_TABLE(X)
#undef X
        EVIDENCE_COUNT
};

/* One spelling of a name. */
struct candidate {
    uint64_t key;
    uint64_t parts[PARTS_MAX]; /* hashes of its parts */
    uint8_t part_count;
    uint8_t word_count;
    bool is_company; /* has a legal form or a word like Bank behind it */
    int8_t shape;    /* what the words themselves say about a person */
    uint8_t found[EVIDENCE_COUNT];
    uint32_t classes_all;   /* classes that every word has */
    uint32_t first_classes; /* of the first word */
    uint32_t last_classes;  /* of the last word */
    uint32_t start, length; /* where it is first written */
    uint32_t mentions;
    uint32_t head; /* the candidate it is a form of; itself until merged */
};

struct mention {
    uint32_t candidate;
    uint32_t start, end; /* of the name, in the prose */
    uint32_t sentence_start, sentence_end;
};

struct names {
    const struct vocabulary *vocabulary; /* of the text at work */
    struct candidate *candidates;
    size_t candidate_count;
    uint32_t *slots; /* candidates by key: index + 1 */
    size_t slot_count;
    struct mention *mentions;
    size_t mention_count, mention_capacity;
};

void names_init(struct names *names, size_t text_length);
void names_clear(struct names *names);

/* Reads the prose twice: for how its words are written, then for names. */
MUST_CHECK enum err names_find(struct names *names, const struct document *document,
                               struct vocabulary *vocabulary, const atomic_bool *cancel);

/* A person or organisation. */
struct member {
    const char *name;
    bool is_organisation;
    uint32_t candidate;
    uint32_t mention_total;
    uint32_t *mentions; /* indices into names->mentions, in order of the text */
    size_t mention_count;
    double weight;
};

/* By weight, the heaviest first. */
struct cast {
    struct member *members;
    size_t count;
};

/* Merges forms of one name, judges, and keeps the `most` heaviest. */
void cast_choose(struct names *names, const struct document *document, size_t most,
                 struct arena *arena, struct cast *out);

#endif
