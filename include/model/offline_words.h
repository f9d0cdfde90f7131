/*
 * offline_words.h: what the offline analysis knows of words, before and about a text.
 *
 * A vocabulary holds one entry per distinct word: the classes that general word lists give it
 * (given names, titles, places, verbs of speech...), and how often the text writes it small and
 * capitalised. Words are equal regardless of case, of accents on Latin letters and of apostrophes.
 *
 *     struct vocabulary *vocabulary = vocabulary_new(length);     // knows the word lists
 *     struct word *word = vocabulary_add(vocabulary, word_hash(...));
 *     vocabulary_free(vocabulary);
 *
 * A word is known by a 64-bit hash of its folded letters and nothing else: two words that share one
 * count as the same, which at worst misjudges a name. Look-ups try a fixed number of places, so
 * that no choice of words can make them slow; a word that finds no place stays unknown.
 */
#ifndef MODEL_OFFLINE_WORDS_H
#define MODEL_OFFLINE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The classes; a word may have several. */
enum word_class {
    WORD_GIVEN = 1 << 0,         /* given names, of many cultures */
    WORD_STOP = 1 << 1,          /* never in a name, though capitals begin sentences with them */
    WORD_HONORIFIC = 1 << 2,     /* Mr, Dr, Sir, Madame */
    WORD_TITLE = 1 << 3,         /* stands capitalised before a name: CFO, General Manager */
    WORD_ROLE = 1 << 4,          /* nouns for what a person does: director, nurse, founder */
    WORD_KIN = 1 << 5,           /* brother, aunt */
    WORD_COMPANY = 1 << 6,       /* legal forms: Inc, GmbH */
    WORD_ORGANISATION = 1 << 7,  /* Bank, University, Partners */
    WORD_PLACE = 1 << 8,         /* countries, cities, regions, nationalities, languages */
    WORD_PLACE_NOUN = 1 << 9,    /* Street, Lake, County */
    WORD_TIME = 1 << 10,         /* months, days, feasts */
    WORD_THING = 1 << 11,        /* concepts, products, documents: Quality, Project, Act */
    WORD_SPEECH = 1 << 12,       /* said, argued, asked */
    WORD_HUMAN = 1 << 13,        /* what only people do: smiled, hoped, studied */
    WORD_WANT = 1 << 14,         /* wanted, hoped, insisted */
    WORD_DECIDE = 1 << 15,       /* decide, choose, wondered */
    WORD_PARTICLE = 1 << 16,     /* van, de, bin */
    WORD_AUXILIARY = 1 << 17,    /* had, was, never: between a name and its verb */
    WORD_WHERE = 1 << 18,        /* prepositions of place that people seldom follow: in, near */
    WORD_TOWARDS = 1 << 19,      /* at, from, to: places and firms more often than people */
    WORD_ARTICLE = 1 << 20,      /* the, a, this, its: seldom before a person */
    WORD_PRONOUN = 1 << 21,      /* he, she, his, her */
    WORD_ABBREVIATION = 1 << 22, /* its full stop ends no sentence */
    WORD_ANALYTICAL = 1 << 23,   /* the five traits, in the order of trait_names */
    WORD_CREATIVE = 1 << 24,
    WORD_ASSERTIVE = 1 << 25,
    WORD_COLLABORATIVE = 1 << 26,
    WORD_DETAILED = 1 << 27,
    WORD_NAMED = 1 << 28,        /* "a clerk named ..." */
    WORD_ACCORDING = WORD_NAMED, /* "according to ..." */
    WORD_WHO = 1 << 29,
    WORD_OF = 1 << 30, /* ties what follows to a Bank or University before it */
};

struct word {
    uint64_t hash;       /* 0: no entry */
    uint32_t classes;    /* of enum word_class */
    uint32_t small;      /* times written with a small first letter */
    uint32_t capital;    /* times capitalised where no sentence begins */
    uint32_t length;     /* of its first small occurrence, in bytes */
    const char *written; /* its first small occurrence in the text; NULL: none */
};

struct vocabulary;

/* A row of the word lists: words, separated by white space, folded already. */
struct word_list {
    uint32_t classes;
    const char *words;
};

/* The lists, each in a file of its name; each ends with NULL words. */
extern const struct word_list offline_word_lists[]; /* offline_lists.c */
extern const struct word_list offline_place_lists[];
extern const struct word_list offline_given_names[];
extern const struct word_list offline_given_names_world[];

/* A vocabulary with the word lists, sized for a text of `text_length` bytes, within bounds. */
struct vocabulary *vocabulary_new(size_t text_length);
void vocabulary_free(struct vocabulary *vocabulary);

/* The entry for a hash; `_add` makes one where there is none. NULL: no entry, or no place left. */
struct word *vocabulary_find(const struct vocabulary *vocabulary, uint64_t hash);
struct word *vocabulary_add(struct vocabulary *vocabulary, uint64_t hash);

/* All entries, used or not (`hash` 0), for walking over. */
struct word *vocabulary_words(const struct vocabulary *vocabulary, size_t *count_out);

/* The classes of a word, 0 for NULL. */
static inline uint32_t word_classes(const struct word *word)
{
    return word ? word->classes : 0;
}

/* How a character takes part in words. */
enum letter_kind { LETTER_NONE, LETTER_SMALL, LETTER_CAPITAL, LETTER_DIGIT };

struct letter {
    unsigned folded; /* without case, and without accents where it is Latin */
    enum letter_kind kind;
};

/* Any character; letter_fold is the same with a fast path. */
struct letter letter_fold_wide(unsigned character);

static inline struct letter letter_fold(unsigned character)
{
    if (character >= 0x80)
        return letter_fold_wide(character);
    if (character - 'a' < 26)
        return (struct letter){character, LETTER_SMALL};
    if (character - 'A' < 26)
        return (struct letter){character | 0x20, LETTER_CAPITAL};
    if (character - '0' < 10)
        return (struct letter){character, LETTER_DIGIT};
    return (struct letter){character, LETTER_NONE};
}

/* Hashes character by character: start with WORD_HASH_START, end with word_hash_end. */
#define WORD_HASH_START 0xcbf29ce484222325u

static inline uint64_t word_hash_add(uint64_t hash, unsigned folded)
{
    return (hash ^ folded) * 0x100000001b3u;
}

static inline uint64_t word_hash_end(uint64_t hash)
{
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

/* The hash of a word as it is written, in UTF-8. */
uint64_t word_hash(const char *bytes, size_t length);

#endif
