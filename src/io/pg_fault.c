#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "io/pg_connection.h"

enum { WORDS_BYTES = 512 };

static const struct {
    char sqlstate[6];
    const char *sentence;
} sentences[] = {
    {"08P01", "the database and we do not understand each other"},
    {"22021", "a value is not valid UTF-8"},
    {"22P02", "a value is not of its column's type"},
    {"22P05", "a value has a character that the database cannot keep"},
    {"23502", "a value that has to be there is not"},
    {"23503", "a row refers to one that is not there"},
    {"23505", "such a row is there already"},
    {"25006", "the database is read-only"},
    {"28000", "the database does not let this user in"},
    {"28P01", "the database refuses the password"},
    {"3D000", "there is no database of this name"},
    {"40001", "other transactions were in the way"},
    {"40P01", "transactions waited for each other"},
    {"42501", "the database's user lacks a permission"},
    {"42601", "the statement is not well-formed"},
    {"42703", "a column is missing in the database"},
    {"42883", "a function is missing in the database"},
    {"42P01", "a table is missing in the database"},
    {"53100", "the database's disk is full"},
    {"53200", "the database is out of memory"},
    {"53300", "the database has too many connections"},
    {"55P03", "another transaction held a lock for too long"},
    {"57014", "the statement took too long"},
    {"57P01", "the database is shutting down"},
    {"57P02", "the database has crashed"},
    {"57P03", "the database is starting or shutting down"},
};

enum err pg_fault_describe(struct error *error, const char *sqlstate, const char *otherwise)
{
    if (!*sqlstate)
        return error_set(error, ERR_DATABASE, "%s", otherwise);
    const char *sentence = otherwise;
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
        if (strcmp(sentences[i].sqlstate, sqlstate) == 0)
            sentence = sentences[i].sentence;
    }
    const bool late = strcmp(sqlstate, "57014") == 0;
    return error_set(error, late ? ERR_DEADLINE : ERR_DATABASE, "%s (%s)", sentence, sqlstate);
}

/* Does it begin with five characters and a colon? */
static bool is_sqlstate(const char *text)
{
    size_t length = 0;
    while (isupper((unsigned char)text[length]) || isdigit((unsigned char)text[length]))
        length++;
    return length == 5 && text[length] == ':';
}

/* Verbose, it says "connection to server at ... failed: FATAL:  28P01: password ...". */
void pg_fault_sqlstate(const PGconn *pq, char out[6])
{
    out[0] = '\0';
    const char *text = PQerrorMessage(pq);
    while ((text = strstr(text, ":  "))) {
        text += strlen(":  ");
        if (is_sqlstate(text))
            snprintf(out, 6, "%.5s", text);
    }
}

const char *pg_fault_words(const char *message)
{
    static char words[WORDS_BYTES];
    const size_t length = message ? strcspn(message, "\n") : 0;
    snprintf(words, sizeof(words), "%.*s", (int)(length < WORDS_BYTES ? length : WORDS_BYTES),
             message ? message : "");
    return words;
}
