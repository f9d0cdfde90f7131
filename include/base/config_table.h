/*
 * config_table.h: the one table of settings. For config.c and config_print.c; see config.h.
 */
#ifndef BASE_CONFIG_TABLE_H
#define BASE_CONFIG_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* How a value is written, and what the field of struct config is. */
enum setting_type {
    SETTING_STRING,  /* const char * */
    SETTING_SECRET,  /* const char *, never shown */
    SETTING_WORD,    /* const char *, one of `choices` */
    SETTING_CHOICE,  /* an enum: the index in `choices` */
    SETTING_BOOL,    /* bool */
    SETTING_INT,     /* int */
    SETTING_BYTES,   /* size_t; KB, MB, GB */
    SETTING_SECONDS, /* uint64_t in milliseconds; decimal */
    SETTING_DECIMAL, /* double; decimal, to the millionth */
};

struct setting {
    const char *section; /* rows of one section stand together */
    const char *name;
    enum setting_type type;
    size_t offset;              /* of the field in struct config */
    const char *fallback;       /* the default as one would write it; NULL: unset */
    uint64_t min, max;          /* of a number, in the field's unit */
    const char *const *choices; /* NULL-terminated; else NULL */
    const char *allowed;        /* of strings and secrets: what may be written; NULL: anything */
    /* Of strings and secrets: why the value is refused, mostly `allowed`; NULL: it is not. */
    const char *(*refuse)(const char *value);
    const char *help; /* a sentence without its full stop */
};

/* In the order in which they are printed; the last has no name. */
extern const struct setting config_settings[];

/* Names the service before this one had, or later ones may have, and which do nothing here. */
extern const char *const config_retired_names[];

enum { SETTING_ALLOWED_BYTES = 128 };

/* What may be written, in words: "a number from 0 to 65535". "" for anything at all. */
void setting_allowed(const struct setting *setting, char out[SETTING_ALLOWED_BYTES]);

struct config;

/* Reads `value` into the row's field (config_value.c). Why it is refused, or NULL; the words may be
 * in `allowed`. */
const char *setting_read(const struct setting *setting, const char *value, struct config *config,
                         char allowed[SETTING_ALLOWED_BYTES]);

#endif
