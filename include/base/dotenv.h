/*
 * dotenv.h: the lines of a `.env` file, one after another.
 *
 *     NAME=value               # a comment after white space
 *     export NAME = value
 *     NAME='taken as it stands, # and all'
 *     NAME="with \n, \" and \\"
 *
 * Nothing is expanded, and a value ends with its line. Lines may end in CR LF; a byte order mark at
 * the start is skipped.
 *
 *     struct dotenv dotenv;
 *     struct dotenv_line line;
 *     dotenv_init(&dotenv, bytes, length, &arena);
 *     while (dotenv_next(&dotenv, &line))
 *         if (line.fault) ...
 */
#ifndef BASE_DOTENV_H
#define BASE_DOTENV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct dotenv {
    const char *at, *end; /* what is still to be read */
    int number;           /* of the last line read, from 1 */
    struct arena *arena;
};

/* An assignment, or a line that is none. */
struct dotenv_line {
    int number;
    const char *name;  /* letters, digits, underscores; in the arena */
    const char *value; /* in the arena */
    const char *fault; /* NULL, or why the line is no assignment: then there is no name or value */
};

/* `bytes` stay the caller's, are without NUL, and outlive the reading. */
void dotenv_init(struct dotenv *dotenv, const char *bytes, size_t length, struct arena *arena);

/* The next line that is neither empty nor a comment; false at the end. */
bool dotenv_next(struct dotenv *dotenv, struct dotenv_line *out);

#endif
