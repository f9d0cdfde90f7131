/*
 * Every setting is looked at before the first fault is returned, so that a person mends them all at
 * once. A value is read by its row's type into the row's field; what one row cannot tell, because
 * it takes two settings, check_together does.
 */
#include "base/config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/config_table.h"
#include "base/dotenv.h"
#include "base/json.h"
#include "base/text.h"

enum {
    DOTENV_BYTES_MAX = 64 * 1024, /* a hundred times what all settings take */
    SETTINGS_MAX = 128,           /* rows of the table */
    NOTES_MAX = 50,               /* of each kind: who needs more to understand? */
    VALUE_SHOWN_MAX = 80,         /* bytes of a value in a fault */
};

/* Lines for a person, and how many there were. */
struct notes {
    struct buffer *lines;
    size_t count;
};

/* The settings while they are put together. */
struct loader {
    struct config config;
    struct notes faults, warnings;
    const char *from_dotenv[SETTINGS_MAX]; /* by row; NULL: not there */
    bool stated[SETTINGS_MAX];             /* not left to the default */
    struct arena scratch;                  /* for what `.env` says */
};

static void note(struct notes *notes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(struct notes *notes, const char *format, ...)
{
    if (notes->count++ >= NOTES_MAX)
        return;
    struct arena scratch;
    arena_init(&scratch);
    va_list args;
    va_start(args, format);
    const char *line = arena_vprintf(&scratch, format, args);
    va_end(args);
    if (buffer_printf(notes->lines, "%s\n", line) != OK)
        notes->count = NOTES_MAX; /* no room for more */
    arena_clear(&scratch);
}

static void note_refused(struct loader *loader, const struct setting *setting, const char *value,
                         const char *reason)
{
    if (setting->type == SETTING_SECRET) {
        note(&loader->faults, "%s: the value is not allowed: %s", setting->name, reason);
        return;
    }
    struct buffer shown;
    buffer_init(&shown, 6 * VALUE_SHOWN_MAX + 2);
    const size_t length = text_cut(value, strlen(value), VALUE_SHOWN_MAX);
    const enum err err = json_print_string(&shown, value, length);
    assert(err == OK);
    note(&loader->faults, "%s: %s is not allowed: %s", setting->name, shown.data, reason);
    buffer_clear(&shown);
}

/* The value of `name` in an environment, or NULL. */
static const char *environment_value(char *const *environment, const char *name)
{
    const size_t length = strlen(name);
    for (; environment && *environment; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    return NULL;
}

static void apply(struct loader *loader, size_t row, char *const *environment)
{
    const struct setting *setting = &config_settings[row];
    const char *value = environment_value(environment, setting->name);
    if (!value || !*value)
        value = loader->from_dotenv[row];
    loader->stated[row] = value && *value;
    if (!loader->stated[row])
        value = setting->fallback;
    if (!value)
        return;
    if (!text_is_clean(value, strlen(value))) {
        note(&loader->faults, "%s: the value is not UTF-8 text", setting->name);
        return;
    }
    char allowed[SETTING_ALLOWED_BYTES];
    const char *reason = setting_read(setting, value, &loader->config, allowed);
    assert(!reason || loader->stated[row]); /* defaults are allowed */
    if (reason)
        note_refused(loader, setting, value, reason);
}

/* The row of a name; the table's end when it is not there. */
static size_t row_of(const char *name)
{
    size_t row = 0;
    while (config_settings[row].name && strcmp(config_settings[row].name, name) != 0)
        row++;
    return row;
}

static bool is_retired(const char *name)
{
    for (const char *const *retired = config_retired_names; *retired; retired++)
        if (strcmp(*retired, name) == 0)
            return true;
    return false;
}

static void warn_unknown(struct loader *loader, const struct dotenv_line *line)
{
    enum { NAME_SHOWN_MAX = 64 };
    const char *names[SETTINGS_MAX + 1] = {NULL};
    for (size_t row = 0; config_settings[row].name; row++)
        names[row] = config_settings[row].name;
    const char *nearest = text_nearest(line->name, names);
    note(&loader->warnings, ".env line %d: unknown setting %.*s%s%s%s", line->number,
         NAME_SHOWN_MAX, line->name, nearest ? " (did you mean " : "", nearest ? nearest : "",
         nearest ? "?)" : "");
}

static void read_dotenv(struct loader *loader, const char *bytes, size_t length)
{
    if (length > DOTENV_BYTES_MAX) {
        note(&loader->faults, ".env: more than %d KB", DOTENV_BYTES_MAX / 1024);
        return;
    }
    if (!text_is_clean(bytes, length)) {
        note(&loader->faults, ".env: not UTF-8 text, or with a NUL in it");
        return;
    }
    struct dotenv dotenv;
    struct dotenv_line line;
    dotenv_init(&dotenv, bytes, length, &loader->scratch);
    while (dotenv_next(&dotenv, &line)) {
        if (line.fault) {
            note(&loader->faults, ".env line %d: %s", line.number, line.fault);
            continue;
        }
        const size_t row = row_of(line.name);
        if (config_settings[row].name)
            loader->from_dotenv[row] = line.value;
        else if (!is_retired(line.name))
            warn_unknown(loader, &line);
        else if (*line.value)
            note(&loader->warnings, ".env line %d: %s has no effect in this version", line.number,
                 line.name);
    }
}

/* Keys and texts go there. */
static void check_https(struct loader *loader)
{
    const struct config *config = &loader->config;
    const struct {
        const char *name, *key, *url;
    } services[] = {
        {"LLAMAPARSE_BASE_URL", config->llamaparse_api_key, config->llamaparse_base_url},
        {"OPENAI_BASE_URL", config->openai_api_key, config->openai_base_url},
    };
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
        if (services[i].key && services[i].url && strncmp(services[i].url, "https://", 8) != 0)
            note(&loader->faults, "%s: %s is not https, which ENVIRONMENT=production needs",
                 services[i].name, services[i].url);
}

/* What takes two settings to tell. */
static void check_together(struct loader *loader)
{
    const struct config *config = &loader->config;
    const bool key = loader->stated[row_of("SECRET_KEY")]; /* a bad one has been noted already */
    const bool mode = loader->stated[row_of("AUTH_MODE")];
    const bool production = config->environment && strcmp(config->environment, "production") == 0;

    if (config->auth_mode == AUTH_REQUIRED && !key)
        note(&loader->faults, "SECRET_KEY: not set, but AUTH_MODE=required needs it");
    else if (production && !key)
        note(&loader->faults, "SECRET_KEY: not set, but ENVIRONMENT=production needs it");
    if (production && !mode)
        note(&loader->faults, "AUTH_MODE: not set, but ENVIRONMENT=production needs it stated: "
                              "optional or required");
    if (config->pdf_parser == PARSER_LLAMAPARSE && !loader->stated[row_of("LLAMAPARSE_API_KEY")])
        note(&loader->faults, "LLAMAPARSE_API_KEY: not set, but PDF_PARSER=llamaparse needs it");
    if (production)
        check_https(loader);
    if (config->file_bytes_max > config->body_bytes_max && config->body_bytes_max > 0)
        note(&loader->faults, "MAX_FILE_BYTES: %zu is more than MAX_BODY_BYTES, which is %zu",
             config->file_bytes_max, config->body_bytes_max);
}

static void loader_init(struct loader *loader, struct buffer *faults, struct buffer *warnings)
{
    *loader = (struct loader){.faults.lines = faults, .warnings.lines = warnings};
    arena_init(&loader->config.arena);
    arena_init(&loader->scratch);
}

/* Fills `out` from the bytes of a `.env` file and the environment, and ends the loader. */
static enum err finish(struct loader *loader, const char *dotenv, size_t length,
                       char *const *environment, struct config *out)
{
    read_dotenv(loader, dotenv, length);
    for (size_t row = 0; config_settings[row].name; row++) {
        assert(row < SETTINGS_MAX);
        apply(loader, row, environment);
    }
    check_together(loader);
    arena_clear(&loader->scratch);
    if (loader->faults.count > 0) {
        config_clear(&loader->config);
        return ERR_RANGE;
    }
    *out = loader->config;
    return OK;
}

enum err config_load_bytes(struct config *out, const char *dotenv, size_t length,
                           char *const *environment, struct buffer *faults, struct buffer *warnings)
{
    struct loader loader;
    loader_init(&loader, faults, warnings);
    return finish(&loader, dotenv, length, environment, out);
}

/* Up to one byte more than is allowed, which read_dotenv then refuses; freed by the caller. NULL
 * when there is no file, or it cannot be read, which is noted. */
static char *read_file(struct loader *loader, const char *path, size_t *length_out)
{
    *length_out = 0;
    FILE *file = path ? fopen(path, "re") : NULL;
    if (!file) {
        if (path && errno != ENOENT && errno != ENOTDIR)
            note(&loader->faults, "%s: %s", path, strerror(errno));
        return NULL;
    }
    char *bytes = malloc(DOTENV_BYTES_MAX + 1);
    if (!bytes)
        abort();
    *length_out = fread(bytes, 1, DOTENV_BYTES_MAX + 1, file);
    if (ferror(file)) {
        note(&loader->faults, "%s: %s", path, strerror(errno));
        *length_out = 0;
    }
    fclose(file);
    return bytes;
}

enum err config_load(struct config *out, const char *dotenv_path, char *const *environment,
                     struct buffer *faults, struct buffer *warnings)
{
    struct loader loader;
    loader_init(&loader, faults, warnings);
    size_t length;
    char *bytes = read_file(&loader, dotenv_path, &length);
    const enum err err = finish(&loader, bytes, length, environment, out);
    free(bytes);
    return err;
}

void config_clear(struct config *config)
{
    arena_clear(&config->arena);
    *config = (struct config){0};
}
