/*
 * offline_text.h: a business case as the offline analysis reads it: layout taken apart, prose in
 * paragraphs, sentences, tokens.
 *
 *     struct document document;
 *     if (document_read(&document, text, length, cancel) == OK) {
 *         struct reader reader;
 *         reader_init(&reader, &document, vocabulary);
 *         struct sentence sentence;
 *         while (reader_next(&reader, &sentence)) ...
 *     }
 *     document_clear(&document);
 */
#ifndef MODEL_OFFLINE_TEXT_H
#define MODEL_OFFLINE_TEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "model/offline_words.h"

enum {
    HEADINGS_MAX = 256,          /* a case has ten; past this a "heading" is something else */
    TOKENS_MAX = 256,            /* a longer sentence is read in pieces */
    TEXT_BYTES_MAX = 1024 << 20, /* offsets are 32 bits; what lies beyond is not read */
    WORD_BYTES_MAX = 64,         /* a longer run of letters is no word */
};

struct heading {
    char text[96];
    uint32_t at; /* where the prose that follows it begins */
};

/* The text without its layout: no page furniture, tables, headings, credits, marks of emphasis. */
struct document {
    char *prose; /* paragraphs, each ended by a line feed; words parted by single spaces */
    size_t length;
    char title[256]; /* "" when there is none */
    struct heading *headings;
    size_t heading_count;
};

/* Reads clean UTF-8. `cancel` (which may be NULL) is looked at every 32 KB at the latest. */
MUST_CHECK enum err document_read(struct document *out, const char *text, size_t length,
                                  const atomic_bool *cancel);
void document_clear(struct document *document);

enum token_kind { TOKEN_WORD, TOKEN_NUMBER, TOKEN_QUOTE, TOKEN_MARK };

enum token_flag {
    TOKEN_CAPITAL = 1 << 0,    /* begins with a capital letter */
    TOKEN_CAPS = 1 << 1,       /* two or more letters, all capitals */
    TOKEN_INITIAL = 1 << 2,    /* one capital with a full stop, or several: "J." "J.M." */
    TOKEN_POSSESSIVE = 1 << 3, /* 's follows; it is not part of the token */
    TOKEN_DOTTED = 1 << 4,     /* a full stop belongs to it: "Mr." "B.V." */
    TOKEN_FIRST = 1 << 5,      /* a sentence, or a quotation, begins with it */
};

struct token {
    uint32_t start;
    uint32_t length;
    struct word *word; /* NULL for marks and numbers, and for words without an entry */
    uint8_t kind;      /* of enum token_kind */
    uint8_t flags;     /* of enum token_flag */
    char mark;         /* a mark's character; '-' for any dash, '"' for any quote */
};

struct sentence {
    uint32_t start; /* in the prose */
    uint32_t end;
    uint32_t paragraph; /* counted from 0 */
    size_t count;
    struct token tokens[TOKENS_MAX];
};

struct reader {
    const char *prose;
    size_t length;
    struct vocabulary *vocabulary;
    size_t at;
    uint32_t paragraph;
    bool counting; /* whether words are entered into the vocabulary and counted */
};

/* Reads `prose` from `start` to `end`. */
void reader_init(struct reader *reader, const struct document *document, size_t start, size_t end,
                 struct vocabulary *vocabulary);

/* The next sentence, or false at the end. */
bool reader_next(struct reader *reader, struct sentence *out);

/* The bytes of the "'s" or "'" at `at`, which stands behind a possessive token. */
size_t text_possessive(const char *at);

static inline bool token_is_mark(const struct token *token, char mark)
{
    return token->kind != TOKEN_WORD && token->mark == mark;
}

static inline uint32_t token_classes(const struct token *token)
{
    return word_classes(token->word);
}

static inline bool token_has(const struct token *token, uint32_t classes)
{
    return (token_classes(token) & classes) != 0;
}

#endif
