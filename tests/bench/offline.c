/*
 * How fast the offline analysis reads: the files given are repeated up to 16 MB and analysed as one
 * text, five times; the best is printed.
 *
 *     bench-offline tests/data/cases/tuning/01-*.txt
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/offline.h"

enum { TEXT_BYTES = 16 << 20, ROUNDS = 5 };

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t append_file(char *text, size_t length, const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(1);
    }
    length += fread(text + length, 1, TEXT_BYTES - length, file);
    fclose(file);
    return length;
}

/* Gives each line of a copy an ending of its own, so that none is taken for a running head. */
static void make_distinct(char *copy, size_t length, size_t number)
{
    for (size_t at = 8; at < length; at++) {
        if (copy[at] != '\n')
            continue;
        for (size_t i = 2, rest = number; i < 5; i++, rest /= 26)
            if (copy[at - i] >= 'a' && copy[at - i] <= 'z')
                copy[at - i] = (char)('a' + rest % 26);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE...\n", argv[0]);
        return 2;
    }
    char *text = malloc(TEXT_BYTES);
    if (!text)
        return 1;
    size_t once = 0;
    for (int i = 1; i < argc; i++)
        once = append_file(text, once, argv[i]);
    if (once == 0)
        return 1;
    size_t length = once;
    for (size_t copy = 1; length + once <= TEXT_BYTES; copy++, length += once) {
        memcpy(text + length, text, once);
        make_distinct(text + length, once, copy);
    }

    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        struct arena arena;
        struct case_study study;
        const struct offline_options options = {.scene_count = 4};
        arena_init(&arena);
        const double start = seconds();
        if (offline_analyse(text, length, &options, &arena, &study) != OK)
            return 1;
        const double taken = seconds() - start;
        best = taken < best ? taken : best;
        if (round == 0)
            printf("%zu bytes, %zu figures, %zu bytes of arena\n", length, study.figure_count,
                   arena.bytes);
        arena_clear(&arena);
    }
    printf("%.3f s, %.1f MB/s\n", best, (double)length / best / 1e6);
    free(text);
    return 0;
}
