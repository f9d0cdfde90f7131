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
    LISTED_MAX = 8 * 1024,  /* twice the lists */
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

static struct vocabulary *vocabulary_of(size_t slot_count)
{
    struct vocabulary *vocabulary = malloc(sizeof(*vocabulary));
    struct word *slots = calloc(slot_count, sizeof(*slots));
    if (!vocabulary || !slots)
        abort();
    *vocabulary = (struct vocabulary){.slots = slots, .slot_count = slot_count};
    return vocabulary;
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

/* The words of all lists in the order of their slots, made once: adding these, which runs through
 * memory from end to end, costs a tenth of reading the lists anew; for a text of a few pages that
 * would be a third of the analysis. */
static struct listed {
    uint64_t hash;
    uint32_t classes;
} listed[LISTED_MAX];
static size_t listed_count;
static pthread_once_t listed_once = PTHREAD_ONCE_INIT;

static void read_all_lists(void)
{
    struct vocabulary *all = vocabulary_of(SLOTS_MIN);
    add_lists(all, offline_word_lists);
    add_lists(all, offline_place_lists);
    add_lists(all, offline_given_names);
    add_lists(all, offline_given_names_world);
    assert(all->used <= LISTED_MAX);
    for (size_t i = 0; i < all->slot_count; i++) {
        const struct word *word = &all->slots[i];
        if (word->hash)
            listed[listed_count++] = (struct listed){word->hash, word->classes};
    }
    vocabulary_free(all);
}

struct vocabulary *vocabulary_new(size_t text_length)
{
    size_t slot_count = SLOTS_MIN;
    while (slot_count < SLOTS_MAX && slot_count < text_length / 8)
        slot_count *= 2;
    pthread_once(&listed_once, read_all_lists);
    struct vocabulary *vocabulary = vocabulary_of(slot_count);
    for (size_t i = 0; i < listed_count; i++) {
        struct word *word = vocabulary_add(vocabulary, listed[i].hash);
        assert(word);
        word->classes = listed[i].classes;
    }
    return vocabulary;
}

void vocabulary_free(struct vocabulary *vocabulary)
{
    if (!vocabulary)
        return;
    free(vocabulary->slots);
    free(vocabulary);
}
