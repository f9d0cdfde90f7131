/*
 * Folding is Unicode's compatibility caseless match (NFKD, case-fold, NFKD) without marks of a
 * non-zero combining class, that is accents and vowel points. Marks of class zero stay: they are
 * the vowels of many Asian scripts.
 */
#include "base/text.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

enum {
    WORD_BYTES_MAX = 64, /* longest word text_nearest compares: its work grows with the square */
};

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Letters that have no decomposition, but are written without their stroke, or as two letters,
 * by those who lack the key. (Case-folding already made sharp s "ss".) */
static const struct {
    unsigned letter;
    const char *plain;
} plain_letters[] = {
    {0xE6, "ae"},  /* ae ligature */
    {0xF0, "d"},   /* eth */
    {0xF8, "o"},   /* o with stroke */
    {0xFE, "th"},  /* thorn */
    {0x111, "d"},  /* d with stroke */
    {0x127, "h"},  /* h with stroke */
    {0x131, "i"},  /* dotless i */
    {0x142, "l"},  /* l with stroke */
    {0x153, "oe"}, /* oe ligature */
    {0x167, "t"},  /* t with stroke */
};

static const char *plain_letter(unsigned character)
{
    for (size_t i = 0; i < sizeof(plain_letters) / sizeof(*plain_letters); i++)
        if (plain_letters[i].letter == character)
            return plain_letters[i].plain;
    return NULL;
}

/* Words put one after another, a single space between two. */
struct words {
    char *end;    /* where the next byte goes */
    bool any;     /* anything written yet? */
    bool pending; /* a space is due before the next byte */
};

static void words_put(struct words *words, const char *bytes, size_t length)
{
    if (words->pending && words->any)
        *words->end++ = ' ';
    words->pending = false;
    words->any = true;
    memcpy(words->end, bytes, length);
    words->end += length;
}

static void fold_ascii(struct words *words, char c)
{
    const char lower = to_lower(c);
    if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9'))
        words_put(words, &lower, 1);
    else
        words->pending = true;
}

static void fold_character(struct words *words, unsigned character, const char *bytes,
                           size_t length)
{
    static const uint32_t word_categories =
        UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N | UC_CATEGORY_MASK_Mn | UC_CATEGORY_MASK_Mc;
    if (uc_combining_class(character) != 0 ||
        uc_is_property_default_ignorable_code_point(character))
        return; /* accents; soft hyphens, joiners, variation selectors */

    const char *plain = plain_letter(character);
    if (plain)
        words_put(words, plain, strlen(plain));
    else if (uc_is_general_category_withtable(character, word_categories))
        words_put(words, bytes, length);
    else
        words->pending = true;
}

/* Compatibility-decomposed and case-folded; freed by the caller. `text` is well-formed. */
static char *caseless(const char *text, size_t length, size_t *length_out)
{
    size_t decomposed_length;
    uint8_t *decomposed =
        u8_normalize(UNINORM_NFKD, (const uint8_t *)text, length, NULL, &decomposed_length);
    if (!decomposed)
        abort();
    uint8_t *folded =
        u8_casefold(decomposed, decomposed_length, NULL, UNINORM_NFKD, NULL, length_out);
    free(decomposed);
    if (!folded)
        abort();
    return (char *)folded;
}

static char *fold_well_formed(struct arena *arena, const char *text, size_t length)
{
    size_t folded_length;
    char *folded = caseless(text, length, &folded_length);
    char *out = arena_alloc(arena, folded_length + 1); /* nothing below makes it longer */
    struct words words = {.end = out};
    for (size_t at = 0; at < folded_length;) {
        unsigned character;
        const size_t bytes = text_next(folded + at, folded_length - at, &character);
        if (character < 0x80)
            fold_ascii(&words, folded[at]);
        else
            fold_character(&words, character, folded + at, bytes);
        at += bytes;
    }
    *words.end = '\0';
    free(folded);
    return out;
}

char *text_fold(struct arena *arena, const char *text, size_t length)
{
    size_t ascii = 0;
    while (ascii < length && (unsigned char)text[ascii] < 0x80)
        ascii++;
    if (ascii == length) {
        char *out = arena_alloc(arena, length + 1);
        struct words words = {.end = out};
        for (size_t i = 0; i < length; i++)
            fold_ascii(&words, text[i]);
        *words.end = '\0';
        return out;
    }
    if (text_is_clean(text, length))
        return fold_well_formed(arena, text, length);

    struct buffer clean;
    buffer_init(&clean, length * 3); /* each byte may become one U+FFFD of three */
    const enum err err = text_clean(text, length, &clean);
    assert(err == OK);
    char *out = fold_well_formed(arena, clean.data, clean.length);
    buffer_clear(&clean);
    return out;
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edit distance without regard to case; two neighbours swapped count as one edit, being the
 * commonest slip of all. Both words are at most WORD_BYTES_MAX long. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][WORD_BYTES_MAX + 1]; /* of the matrix: rows i, i - 1 and i - 2, in turn */
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3];
        const size_t *before_last = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            const char x = to_lower(a[i - 1]), y = to_lower(b[j - 1]);
            row[j] = min(min(row[j - 1], last[j]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == to_lower(b[j - 2]) && to_lower(a[i - 2]) == y)
                row[j] = min(row[j], before_last[j - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

const char *text_nearest(const char *word, const char *const *words)
{
    const size_t length = strlen(word);
    if (length > WORD_BYTES_MAX)
        return NULL;
    const char *nearest = NULL;
    size_t best = length / 3 + 1;
    for (; *words; words++) {
        const size_t other = strlen(*words);
        if (other > WORD_BYTES_MAX)
            continue;
        const size_t distance = edit_distance(word, length, *words, other);
        if (distance < best) {
            best = distance;
            nearest = *words;
        }
    }
    return nearest;
}
