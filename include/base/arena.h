/*
 * arena.h: memory that lives and dies together, such as with one request.
 *
 * Allocate as you go, free nothing, clear the whole at the end. Nothing handed out is ever moved.
 * Running out of memory aborts: check a size that comes from outside before you allocate it.
 *
 *     struct arena arena;
 *     arena_init(&arena);
 *     char *name = arena_strndup(&arena, text, length);
 *     arena_clear(&arena);
 *
 * One thread at a time: work off the loop gets an arena of its own.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *newest; /* blocks, newest first; NULL until the first allocation */
    size_t bytes;               /* held from malloc in all, for accounting */
};

void arena_init(struct arena *arena);

/* Frees everything; the arena is as after arena_init. */
void arena_clear(struct arena *arena);

/* `size` bytes, uninitialised, aligned for any type. A size of 0 gives a valid unique pointer. */
void *arena_alloc(struct arena *arena, size_t size);

/* `count` items of `size` bytes, zeroed. Aborts if the product overflows. */
void *arena_zalloc(struct arena *arena, size_t count, size_t size);

/* Copies, each with a terminating NUL. */
char *arena_strdup(struct arena *arena, const char *string);
char *arena_strndup(struct arena *arena, const char *bytes, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* A zeroed item of a type. */
#define arena_new(arena, type) ((type *)arena_zalloc((arena), 1, sizeof(type)))

#endif
