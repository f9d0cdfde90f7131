/* Keys are words with single spaces between: what text_fold leaves. */
#include "model/figure_name.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

static const char *const honorifics[] = {"mr",   "mrs",  "ms",  "miss",   "mx",
                                         "dr",   "prof", "sir", "dame",   "professor",
                                         "herr", "frau", "mme", "madame", NULL};

static bool is_honorific(const char *word, size_t length)
{
    for (size_t i = 0; honorifics[i]; i++)
        if (strlen(honorifics[i]) == length && memcmp(honorifics[i], word, length) == 0)
            return true;
    return false;
}

const char *figure_key(const char *name, struct arena *arena)
{
    if (!name)
        return "";
    const char *key = text_fold(arena, name, text_cut(name, strlen(name), FIGURE_NAME_BYTES_MAX));
    for (;;) {
        const size_t length = strcspn(key, " ");
        if (key[length] == '\0' || !is_honorific(key, length))
            return key;
        key += length + 1;
    }
}

static bool has_word(const char *key, const char *word, size_t length)
{
    for (size_t words = 0; words < FIGURE_NAME_WORDS_MAX; words++) {
        const size_t other = strcspn(key, " ");
        if (other == length && memcmp(key, word, length) == 0)
            return true;
        if (key[other] == '\0')
            return false;
        key += other + 1;
    }
    return false;
}

/* Is each word of `part` one of `whole`? */
static bool has_words(const char *whole, const char *part)
{
    for (size_t words = 0; words < FIGURE_NAME_WORDS_MAX; words++) {
        const size_t length = strcspn(part, " ");
        if (!has_word(whole, part, length))
            return false;
        if (part[length] == '\0')
            return true;
        part += length + 1;
    }
    return false;
}

void figure_names_init(struct figure_names *names, const struct key_figure *figures, size_t count,
                       struct arena *arena)
{
    *names = (struct figure_names){.figures = figures, .count = count};
    names->keys = arena_zalloc(arena, count, sizeof(*names->keys));
    for (size_t i = 0; i < count; i++)
        names->keys[i] = figure_key(figures[i].name, arena);
}

const struct key_figure *figure_names_find(const struct figure_names *names, const char *name,
                                           struct arena *arena)
{
    const char *key = figure_key(name, arena);
    if (!*key)
        return NULL;
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->keys[i], key) == 0)
            return &names->figures[i];

    const struct key_figure *found = NULL;
    for (size_t i = 0; i < names->count; i++) {
        const char *other = names->keys[i];
        if (!*other || (!has_words(other, key) && !has_words(key, other)))
            continue;
        if (found)
            return NULL;
        found = &names->figures[i];
    }
    return found;
}
