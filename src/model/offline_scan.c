/*
 * Prose to sentences to tokens, by hand, since this is where the time goes: a word is read once,
 * its letters folded and hashed on the way, and looked up with one probe.
 *
 * A sentence ends at . ! ? or the end of a paragraph. A full stop ends none behind an abbreviation
 * or an initial, nor before a small letter; closing quotes and brackets belong to the sentence.
 */
#include <string.h>

#include "model/offline_text.h"

enum { SENTENCE_BYTES_MAX = 8 * 1024 };

void reader_init(struct reader *reader, const struct document *document, size_t start, size_t end,
                 struct vocabulary *vocabulary)
{
    *reader = (struct reader){
        .prose = document->prose, .at = start, .length = end, .vocabulary = vocabulary};
}

static unsigned character_at(const struct reader *reader, size_t at, size_t *bytes_out)
{
    const unsigned char byte = (unsigned char)reader->prose[at];
    if (byte < 0x80) {
        *bytes_out = 1;
        return byte;
    }
    unsigned character;
    *bytes_out = text_next(reader->prose + at, reader->length - at, &character);
    return character;
}

static bool is_apostrophe(unsigned character)
{
    return character == '\'' || character == 0x2019;
}

static struct letter letter_at(const struct reader *reader, size_t at, size_t *bytes_out)
{
    if (at >= reader->length) {
        *bytes_out = 0;
        return (struct letter){0, LETTER_NONE};
    }
    return letter_fold(character_at(reader, at, bytes_out));
}

/* "'s" or "s'" behind a word: how many bytes of it, or 0. */
static size_t possessive_at(const struct reader *reader, size_t at, char last)
{
    size_t bytes, more;
    if (at >= reader->length || !is_apostrophe(character_at(reader, at, &bytes)))
        return 0;
    const struct letter after = letter_at(reader, at + bytes, &more);
    if (after.kind == LETTER_NONE)
        return last == 's' && at + bytes < reader->length && reader->prose[at + bytes] == ' '
                   ? bytes
                   : 0;
    if (after.folded != 's')
        return 0;
    size_t ignored;
    return letter_at(reader, at + bytes + more, &ignored).kind == LETTER_NONE ? bytes + more : 0;
}

size_t text_possessive(const char *at)
{
    const size_t apostrophe = *at == '\'' ? 1 : 3;
    return apostrophe + (at[apostrophe] == 's' || at[apostrophe] == 'S');
}

/* Reads the letters of a word, with apostrophes and hyphens inside it. */
static size_t word_end(const struct reader *reader, size_t at, uint64_t *hash_out,
                       size_t *letters_out, size_t *capitals_out)
{
    uint64_t hash = WORD_HASH_START;
    size_t letters = 0, capitals = 0;
    char last = 0;
    while (at < reader->length) {
        size_t bytes;
        const unsigned character = character_at(reader, at, &bytes);
        const struct letter letter = letter_fold(character);
        if (letter.kind != LETTER_NONE) {
            hash = word_hash_add(hash, letter.folded);
            letters++;
            capitals += letter.kind == LETTER_CAPITAL;
            last = (char)letter.folded;
            at += bytes;
            continue;
        }
        size_t after;
        if (character == '-') {
            if (letter_at(reader, at + 1, &after).kind == LETTER_NONE)
                break;
            hash = word_hash_add(hash, '-');
        } else if (!is_apostrophe(character) || possessive_at(reader, at, last) > 0 ||
                   letter_at(reader, at + bytes, &after).kind == LETTER_NONE) {
            break;
        }
        at += bytes;
    }
    *hash_out = hash;
    *letters_out = letters;
    *capitals_out = capitals;
    return at;
}

/* More single letters with full stops behind one: "J.M.", "B.V.", "U.S." */
static size_t dotted_end(const struct reader *reader, size_t at, uint64_t *hash, size_t *letters)
{
    while (at + 1 < reader->length && reader->prose[at] == '.') {
        size_t bytes;
        const struct letter letter = letter_at(reader, at + 1, &bytes);
        const size_t next = at + 1 + bytes;
        if (letter.kind == LETTER_NONE || next >= reader->length || reader->prose[next] != '.')
            break;
        *hash = word_hash_add(*hash, letter.folded);
        (*letters)++;
        at = next;
    }
    return at;
}

static void count_word(struct word *word, const struct token *token, const char *prose)
{
    if (!(token->flags & TOKEN_CAPITAL)) {
        if (word->small++ == 0) {
            word->written = prose + token->start;
            word->length = token->length;
        }
    } else if (!(token->flags & TOKEN_FIRST)) {
        word->capital++;
    }
}

static size_t read_word(const struct reader *reader, size_t at, bool first, struct token *token)
{
    uint64_t hash;
    size_t letters, capitals, bytes;
    const struct letter opening = letter_at(reader, at, &bytes);
    size_t end = word_end(reader, at, &hash, &letters, &capitals);
    uint8_t flags = first ? TOKEN_FIRST : 0;
    const char *hyphen = memchr(reader->prose + at, '-', end - at < 4 ? end - at : 4);
    if (opening.kind == LETTER_CAPITAL ||
        (capitals > 0 && hyphen && hyphen > reader->prose + at + 1)) /* al-Masri */
        flags |= TOKEN_CAPITAL;
    if (letters == 1 && end < reader->length && reader->prose[end] == '.') {
        end = dotted_end(reader, end, &hash, &letters);
        if (opening.kind == LETTER_CAPITAL)
            flags |= TOKEN_INITIAL;
        if (letters > 1 || opening.kind == LETTER_CAPITAL) {
            end++; /* the full stop is the word's own */
            flags |= TOKEN_DOTTED;
        }
    } else if (letters > 1 && capitals == letters) {
        flags |= TOKEN_CAPS;
    }
    *token = (struct token){
        .kind = TOKEN_WORD, .flags = flags, .start = (uint32_t)at, .length = (uint32_t)(end - at)};
    if (opening.kind == LETTER_DIGIT)
        token->kind = TOKEN_NUMBER;
    if (end - at > WORD_BYTES_MAX)
        return end;
    hash = word_hash_end(hash);
    token->word = reader->counting ? vocabulary_add(reader->vocabulary, hash)
                                   : vocabulary_find(reader->vocabulary, hash);
    if (reader->counting && token->word && token->kind == TOKEN_WORD)
        count_word(token->word, token, reader->prose);
    if (end < reader->length && reader->prose[end] == '.' &&
        token_classes(token) & WORD_ABBREVIATION) {
        token->flags |= TOKEN_DOTTED;
        token->length++;
        return end + 1;
    }
    const size_t possessive = possessive_at(reader, end, reader->prose[end - 1]);
    if (possessive > 0)
        token->flags |= TOKEN_POSSESSIVE;
    return end + possessive;
}

static size_t read_number(const struct reader *reader, size_t at, struct token *token)
{
    size_t end = at;
    while (end < reader->length) {
        const char byte = reader->prose[end];
        const bool digit = byte >= '0' && byte <= '9';
        const bool between = (byte == '.' || byte == ',') && end + 1 < reader->length &&
                             reader->prose[end + 1] >= '0' && reader->prose[end + 1] <= '9';
        if (!digit && !between)
            break;
        end++;
    }
    *token =
        (struct token){.kind = TOKEN_NUMBER, .start = (uint32_t)at, .length = (uint32_t)(end - at)};
    return end;
}

static size_t read_mark(const struct reader *reader, size_t at, struct token *token)
{
    size_t bytes;
    const unsigned character = character_at(reader, at, &bytes);
    *token = (struct token){
        .kind = TOKEN_MARK, .start = (uint32_t)at, .length = (uint32_t)bytes, .mark = '~'};
    if (character < 0x80)
        token->mark = (char)character;
    else if (character == 0x2013 || character == 0x2014)
        token->mark = '-';
    else if (character == 0x2026)
        token->mark = '.';
    const bool quote = character == '"' || character == '\'' || character == 0xab ||
                       character == 0xbb || (character >= 0x2018 && character <= 0x201f);
    if (quote) {
        token->kind = TOKEN_QUOTE;
        token->mark = '"';
    }
    const size_t start = at;
    at += bytes;
    while (token->mark != '"' && at < reader->length && reader->prose[at] == reader->prose[start] &&
           (unsigned char)reader->prose[at] < 0x80)
        at++; /* "..." and "-----" are one */
    token->length = (uint32_t)(at - start);
    return at;
}

/* Whether a sentence ends behind a mark that ends at `at`; moves `at` past closing quotes. */
static bool sentence_ends(const struct reader *reader, char mark, size_t *at_io,
                          struct sentence *sentence)
{
    size_t at = *at_io, bytes;
    while (at < reader->length) {
        const unsigned character = character_at(reader, at, &bytes);
        const bool closing = character == '"' || character == '\'' || character == 0x201d ||
                             character == 0x2019 || character == 0xbb || character == ')' ||
                             character == ']';
        if (!closing || sentence->count == TOKENS_MAX)
            break;
        at = read_mark(reader, at, &sentence->tokens[sentence->count++]);
    }
    *at_io = at;
    if (at >= reader->length || reader->prose[at] == '\n')
        return true;
    if (reader->prose[at] != ' ')
        return false;
    size_t next = at + 1;
    if (next < reader->length) {
        const unsigned character = character_at(reader, next, &bytes);
        const bool opening = character == '"' || character == '\'' || character == 0x201c ||
                             character == 0x2018 || character == '(';
        next += opening ? bytes : 0;
    }
    const struct letter letter = letter_at(reader, next, &bytes);
    return mark == '.' ? letter.kind != LETTER_SMALL : letter.kind != LETTER_SMALL || at == next;
}

static bool begins_quotation(const struct sentence *sentence)
{
    return sentence->count > 0 && sentence->tokens[sentence->count - 1].kind == TOKEN_QUOTE;
}

/* A full stop that belongs to its word may end a sentence all the same: "... Works, Inc. The". */
static bool dotted_ends(const struct reader *reader, const struct token *token, size_t at)
{
    if (!(token->flags & TOKEN_DOTTED) || !(token_classes(token) & WORD_COMPANY))
        return false;
    size_t bytes;
    return at + 1 >= reader->length ||
           (reader->prose[at] == ' ' && letter_at(reader, at + 1, &bytes).kind == LETTER_CAPITAL &&
            !(token->flags & TOKEN_INITIAL));
}

bool reader_next(struct reader *reader, struct sentence *out)
{
    while (reader->at < reader->length &&
           (reader->prose[reader->at] == ' ' || reader->prose[reader->at] == '\n'))
        reader->paragraph += reader->prose[reader->at++] == '\n';
    if (reader->at >= reader->length)
        return false;

    size_t at = reader->at;
    out->start = (uint32_t)at;
    out->paragraph = reader->paragraph;
    out->count = 0;
    bool first = true;
    while (at < reader->length && reader->prose[at] != '\n' && out->count < TOKENS_MAX &&
           at - out->start < SENTENCE_BYTES_MAX) {
        size_t bytes;
        const unsigned character = character_at(reader, at, &bytes);
        if (character == ' ' || character == 0xa0 || character == 0x200b) {
            at += bytes;
            continue;
        }
        struct token *token = &out->tokens[out->count];
        if (character >= '0' && character <= '9') {
            at = read_number(reader, at, token);
        } else if (letter_fold(character).kind != LETTER_NONE) {
            at = read_word(reader, at, first || begins_quotation(out), token);
            first = false;
        } else {
            at = read_mark(reader, at, token);
        }
        out->count++;
        const bool stop = token->kind == TOKEN_MARK && strchr(".!?", token->mark);
        if ((stop && sentence_ends(reader, token->mark, &at, out)) ||
            (token->kind == TOKEN_WORD && dotted_ends(reader, token, at)))
            break;
    }
    reader->at = at;
    out->end = (uint32_t)at;
    return true;
}
