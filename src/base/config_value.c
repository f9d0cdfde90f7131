/* A setting's value, from its words into its field. */
#include <assert.h>
#include <string.h>

#include "base/config.h"
#include "base/config_table.h"
#include "base/text.h"

enum { MS_PER_SECOND = 1000, MILLION = 1000000 };

/* Digits alone; false past `max`. */
static bool read_number(const char *text, size_t length, uint64_t max, uint64_t *out)
{
    uint64_t number = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned digit = (unsigned char)text[i] - (unsigned)'0';
        if (digit > 9 || digit > max || number > (max - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *out = number;
    return length > 0;
}

static bool read_bytes(const char *value, uint64_t max, uint64_t *out)
{
    static const char *const units[] = {"KB", "MB", "GB"};
    const size_t digits = strspn(value, "0123456789");
    unsigned shift = 0;
    for (unsigned i = 0; i < 3; i++)
        if (text_equal_ignore_case(value + digits, units[i]))
            shift = 10 * (i + 1);
    if (shift == 0 && value[digits] != '\0')
        return false;
    uint64_t number;
    if (!read_number(value, digits, max >> shift, &number))
        return false;
    *out = number << shift;
    return true;
}

/* A decimal number times `unit`, a power of ten; what is left behind that is dropped. */
static bool read_decimal(const char *value, uint64_t unit, uint64_t max, uint64_t *out)
{
    const size_t digits = strspn(value, "0123456789");
    uint64_t whole, fraction = 0;
    if (!read_number(value, digits, max / unit, &whole))
        return false;
    const char *rest = value + digits;
    if (*rest == '.') {
        rest++;
        for (uint64_t place = unit / 10; *rest >= '0' && *rest <= '9'; place /= 10)
            fraction += place * (uint64_t)(*rest++ - '0');
    }
    *out = whole * unit + fraction;
    return *rest == '\0' && *out <= max;
}

static bool read_bool(const char *value, bool *out)
{
    static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (text_equal_ignore_case(value, words[i])) {
            *out = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static bool read_choice(const char *value, const char *const *choices, unsigned *out)
{
    for (unsigned i = 0; choices[i]; i++) {
        if (text_equal_ignore_case(value, choices[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

static_assert(sizeof(enum log_level) == sizeof(unsigned), "an unsigned is copied into enums");

const char *setting_read(const struct setting *setting, const char *value, struct config *config,
                         char allowed[SETTING_ALLOWED_BYTES])
{
    void *field = (char *)config + setting->offset;
    uint64_t number = 0;
    unsigned choice = 0;
    bool on = false, read = false;
    setting_allowed(setting, allowed);

    switch (setting->type) {
    case SETTING_STRING:
    case SETTING_SECRET:
        if (setting->refuse && setting->refuse(value))
            return setting->refuse(value);
        *(const char **)field = arena_strdup(&config->arena, value);
        return NULL;
    case SETTING_WORD:
        if (!read_choice(value, setting->choices, &choice))
            return allowed;
        *(const char **)field = setting->choices[choice];
        return NULL;
    case SETTING_CHOICE:
        if (!read_choice(value, setting->choices, &choice))
            return allowed;
        memcpy(field, &choice, sizeof(choice)); /* an enum, whichever */
        return NULL;
    case SETTING_BOOL:
        if (!read_bool(value, &on))
            return allowed;
        *(bool *)field = on;
        return NULL;
    case SETTING_INT:
        read = read_number(value, strlen(value), setting->max, &number);
        break;
    case SETTING_BYTES:
        read = read_bytes(value, setting->max, &number);
        break;
    case SETTING_SECONDS:
        read = read_decimal(value, MS_PER_SECOND, setting->max, &number);
        break;
    case SETTING_DECIMAL:
        if (!read_decimal(value, MILLION, setting->max * MILLION, &number) ||
            number < setting->min * MILLION)
            return allowed;
        *(double *)field = (double)number / MILLION;
        return NULL;
    }
    if (!read || number < setting->min)
        return allowed;
    if (setting->type == SETTING_INT)
        *(int *)field = (int)number;
    else if (setting->type == SETTING_BYTES)
        *(size_t *)field = (size_t)number;
    else
        *(uint64_t *)field = number;
    return NULL;
}
