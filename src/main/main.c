/* The command line: what to do, and with which settings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/log.h"
#include "main/process.h"
#include "store/schema.h"
#include "store/store.h"

extern char **environ;

enum {
    EXIT_SETTINGS = 2, /* wrong settings or command line */
    MESSAGES_BYTES = 64 * 1024,
};

static void print_help(FILE *file)
{
    fputs("personad " PERSONAD_VERSION ": personas and scenes from business cases, over HTTP\n"
          "\n"
          "usage: personad [option]\n"
          "\n"
          "  (no option)           serve until SIGTERM or Ctrl-C\n"
          "  --init-db             make the tables that DATABASE_URL lacks, and exit\n"
          "  --check-config        check all settings, say what is wrong, and exit\n"
          "  --help                this text\n"
          "  --version             the version\n"
          "  --settings-markdown   the table of settings, for README.md\n"
          "  --settings-env        the same as a .env file\n"
          "\n"
          "Settings come from the environment and from a .env file in the working directory; the\n"
          "environment wins.\n"
          "\n",
          file);
    config_print_help(file);
}

static void print_version(FILE *file)
{
    fputs("personad " PERSONAD_VERSION "\n", file);
}

static int load_settings(struct config *config)
{
    struct buffer faults, warnings;
    buffer_init(&faults, MESSAGES_BYTES);
    buffer_init(&warnings, MESSAGES_BYTES);
    struct error error = {0};
    enum err err = config_load(config, ".env", environ, &faults, &warnings);
    if (warnings.length > 0)
        fprintf(stderr, "%s", warnings.data);
    if (err != OK)
        fprintf(stderr, "%s", faults.data ? faults.data : "the settings cannot be read\n");
    else if ((err = services_check(config, &error)) != OK ||
             (err = store_check(config, &error)) != OK)
        fprintf(stderr, "%s\n", error.detail);
    buffer_clear(&faults);
    buffer_clear(&warnings);
    return err == OK ? EXIT_SUCCESS : EXIT_SETTINGS;
}

static int serve(struct process *process)
{
    log_init(process->config.log_level, process->config.log_format);
    return process_serve(process);
}

static int check_config(struct process *process)
{
    (void)process;
    puts("The settings are fine.");
    return EXIT_SUCCESS;
}

static int init_db(struct process *process)
{
    struct error error = {0};
    size_t created = 0;
    if (!process->config.database_url) {
        fputs("personad: --init-db makes tables in DATABASE_URL, which is not set\n", stderr);
        return EXIT_SETTINGS;
    }
    if (schema_create(process->config.database_url, &created, &error) != OK) {
        fprintf(stderr, "personad: %s\n", error.detail);
        return EXIT_FAILURE;
    }
    if (created > 0)
        printf("%zu tables were made.\n", created);
    else
        puts("All tables are there: nothing to do.");
    return EXIT_SUCCESS;
}

/* What only prints needs no settings. */
static const struct {
    const char *option;
    void (*print)(FILE *file);
    int (*run)(struct process *process);
} commands[] = {
    {"", .run = serve},
    {"--init-db", .run = init_db},
    {"--check-config", .run = check_config},
    {"--help", .print = print_help},
    {"-h", .print = print_help},
    {"--version", .print = print_version},
    {"--settings-markdown", .print = config_print_markdown},
    {"--settings-env", .print = config_print_dotenv},
};

static int run_with_settings(int (*run)(struct process *process))
{
    static struct process process;
    int status = load_settings(&process.config);
    if (status == EXIT_SUCCESS)
        status = run(&process);
    config_clear(&process.config);
    return status;
}

int main(int argc, char **argv)
{
    const char *option = argc > 1 ? argv[1] : "";
    if (argc > 2) {
        fputs("personad: at most one option; see personad --help\n", stderr);
        return EXIT_SETTINGS;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(option, commands[i].option) != 0)
            continue;
        if (commands[i].run)
            return run_with_settings(commands[i].run);
        commands[i].print(stdout);
        return EXIT_SUCCESS;
    }
    fprintf(stderr, "personad: unknown option %s; see personad --help\n", option);
    return EXIT_SETTINGS;
}
