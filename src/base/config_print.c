/* The table of settings, three times over. A section's title is printed before its first row. */
#include "base/config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/config_table.h"

static bool begins_section(size_t row)
{
    return row == 0 || strcmp(config_settings[row].section, config_settings[row - 1].section) != 0;
}

void config_print_help(FILE *file)
{
    for (size_t row = 0; config_settings[row].name; row++) {
        const struct setting *setting = &config_settings[row];
        char allowed[SETTING_ALLOWED_BYTES];
        setting_allowed(setting, allowed);
        if (begins_section(row))
            fprintf(file, "%s%s:\n", row > 0 ? "\n" : "", setting->section);
        if (setting->fallback)
            fprintf(file, "  %s=%s\n", setting->name, setting->fallback);
        else
            fprintf(file, "  %s (unset)\n", setting->name);
        fprintf(file, "      %s.\n", setting->help);
        fprintf(file, "      Allowed: %s.\n", allowed);
    }
}

void config_print_markdown(FILE *file)
{
    fputs("| Setting | Default | What it is for | Allowed |\n| --- | --- | --- | --- |\n", file);
    for (size_t row = 0; config_settings[row].name; row++) {
        const struct setting *setting = &config_settings[row];
        char allowed[SETTING_ALLOWED_BYTES];
        setting_allowed(setting, allowed);
        if (begins_section(row))
            fprintf(file, "| **%s** | | | |\n", setting->section);
        if (setting->fallback)
            fprintf(file, "| `%s` | `%s` |", setting->name, setting->fallback);
        else
            fprintf(file, "| `%s` | unset |", setting->name);
        fprintf(file, " %s. | %s |\n", setting->help, allowed);
    }
}

void config_print_dotenv(FILE *file)
{
    fputs("# Every setting with its default. Copy this file to .env, and take the # off what you\n"
          "# change. The environment wins over .env; an empty value counts as unset.\n"
          "# Sizes take KB, MB and GB.\n",
          file);
    for (size_t row = 0; config_settings[row].name; row++) {
        const struct setting *setting = &config_settings[row];
        char allowed[SETTING_ALLOWED_BYTES];
        setting_allowed(setting, allowed);
        if (begins_section(row))
            fprintf(file, "\n### %s\n", setting->section);
        fprintf(file, "\n# %s.\n", setting->help);
        fprintf(file, "# Allowed: %s.\n", allowed);
        fprintf(file, "# %s=%s\n", setting->name, setting->fallback ? setting->fallback : "");
    }
}
