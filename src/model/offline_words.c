/*
 * The vocabulary is one open-addressed table. The word lists go into it first (some 20,000 bytes,
 * tens of microseconds), so that a text's word and its classes are found with one look.
 */
#include "model/offline_words.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>

#include "base/text.h"

enum {
    SLOTS_MIN = 16 * 1024,  /* four times the lists */
    SLOTS_MAX = 256 * 1024, /* 10 MB: more distinct words than any language's texts have */
    PROBES_MAX = 24,        /* at half load, one word in a million needs more */
};

struct vocabulary {
    struct word *slots;
    size_t slot_count; /* a power of two */
    size_t used;
};

/* U+00C0 to U+017F, each as the letter it is an accented form of; ' ' for what is no letter. */
static const char latin[] = "AAAAAAACEEEEIIIIDNOOOOO OUUUUYTsaaaaaaaceeeeiiiidnooooo ouuuuyty"
                            "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiJjJjKkkLlLlLlL"
                            "lLlNnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";
enum { LATIN_FIRST = 0xc0 };

struct letter letter_fold_wide(unsigned character)
{
    if (character - LATIN_FIRST < sizeof(latin) - 1)
        return letter_fold((unsigned char)latin[character - LATIN_FIRST]);
    if (uc_is_alpha(character)) {
        const unsigned small = uc_tolower(character);
        return (struct letter){small, small == character ? LETTER_SMALL : LETTER_CAPITAL};
    }
    if (uc_is_general_category_withtable(character, UC_CATEGORY_MASK_Nd))
        return (struct letter){character, LETTER_DIGIT};
    if (uc_is_general_category_withtable(character, UC_CATEGORY_MASK_M))
        return (struct letter){character, LETTER_SMALL}; /* an accent of its own */
    return (struct letter){character, LETTER_NONE};
}

uint64_t word_hash(const char *bytes, size_t length)
{
    uint64_t hash = WORD_HASH_START;
    for (size_t at = 0; at < length;) {
        unsigned character;
        at += text_next(bytes + at, length - at, &character);
        const struct letter letter = letter_fold(character);
        if (letter.kind != LETTER_NONE || character == '-')
            hash = word_hash_add(hash, letter.folded);
    }
    return word_hash_end(hash);
}

static struct word *slot_for(const struct vocabulary *vocabulary, uint64_t hash)
{
    const size_t mask = vocabulary->slot_count - 1;
    size_t at = hash & mask;
    for (int probe = 0; probe < PROBES_MAX; probe++, at = (at + 1) & mask) {
        struct word *slot = &vocabulary->slots[at];
        if (slot->hash == hash || slot->hash == 0)
            return slot;
    }
    return NULL;
}

struct word *vocabulary_find(const struct vocabulary *vocabulary, uint64_t hash)
{
    struct word *slot = slot_for(vocabulary, hash);
    return slot && slot->hash ? slot : NULL;
}

struct word *vocabulary_add(struct vocabulary *vocabulary, uint64_t hash)
{
    struct word *slot = slot_for(vocabulary, hash);
    if (!slot || slot->hash)
        return slot;
    if (vocabulary->used >= vocabulary->slot_count / 2)
        return NULL;
    slot->hash = hash;
    vocabulary->used++;
    return slot;
}

struct word *vocabulary_words(const struct vocabulary *vocabulary, size_t *count_out)
{
    *count_out = vocabulary->slot_count;
    return vocabulary->slots;
}

static void add_lists(struct vocabulary *vocabulary, const struct word_list *lists)
{
    for (const struct word_list *list = lists; list->words; list++) {
        const char *at = list->words;
        while (*at) {
            uint64_t hash = WORD_HASH_START;
            for (; *at && *at != ' '; at++)
                hash = word_hash_add(hash, (unsigned char)*at);
            struct word *word = vocabulary_add(vocabulary, word_hash_end(hash));
            assert(word);
            word->classes |= list->classes;
            while (*at == ' ')
                at++;
        }
    }
}

static void add_all_lists(struct vocabulary *vocabulary)
{
    add_lists(vocabulary, offline_word_lists);
    add_lists(vocabulary, offline_place_lists);
    add_lists(vocabulary, offline_given_names);
    add_lists(vocabulary, offline_given_names_world);
}

/* The smallest vocabulary with the lists in it, made once: a copy of it costs a tenth of making one
 * anew, which for a text of a few pages would be a third of the analysis. */
static struct word prepared_slots[SLOTS_MIN];
static struct vocabulary prepared = {.slots = prepared_slots, .slot_count = SLOTS_MIN};
static pthread_once_t prepared_once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
    add_all_lists(&prepared);
}

struct vocabulary *vocabulary_new(size_t text_length)
{
    struct vocabulary *vocabulary = malloc(sizeof(*vocabulary));
    if (!vocabulary)
        abort();
    size_t slot_count = SLOTS_MIN;
    while (slot_count < SLOTS_MAX && slot_count < text_length / 8)
        slot_count *= 2;
    pthread_once(&prepared_once, prepare);
    *vocabulary = prepared;
    vocabulary->slot_count = slot_count;
    const bool small = slot_count == SLOTS_MIN;
    const size_t bytes = slot_count * sizeof(*vocabulary->slots);
    vocabulary->slots = small ? malloc(bytes) : calloc(1, bytes);
    if (!vocabulary->slots)
        abort();
    if (small) {
        memcpy(vocabulary->slots, prepared_slots, sizeof(prepared_slots));
        return vocabulary;
    }
    *vocabulary = (struct vocabulary){.slots = vocabulary->slots, .slot_count = slot_count};
    add_all_lists(vocabulary);
    return vocabulary;
}

void vocabulary_free(struct vocabulary *vocabulary)
{
    if (!vocabulary)
        return;
    free(vocabulary->slots);
    free(vocabulary);
}
