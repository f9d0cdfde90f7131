/*
 * Everything is read by name with a default, so that one slip of a model costs one value. Texts are
 * trimmed and cut, arrays read up to their maximum.
 */
#include "model/answer.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "model/answer_reader.h"
#include "model/figure_name.h"

enum { TRAIT_DEFAULT = 5 };

/* ---- figures ---- */

static double number_in(const char *text)
{
    const struct slice trimmed = slice_trim(slice_of(text));
    cJSON *value = NULL;
    if (json_parse(trimmed.data, trimmed.length, NULL, &value) != OK)
        return NAN;
    const double number = cJSON_IsNumber(value) ? value->valuedouble : NAN;
    cJSON_Delete(value);
    return number;
}

static int read_trait(const cJSON *traits, const char *name)
{
    double value = json_number(traits, name, NAN);
    if (isnan(value))
        value = number_in(json_string(traits, name, ""));
    if (isnan(value))
        return TRAIT_DEFAULT;
    return (int)round(fmin(fmax(value, 0), TRAIT_MAX));
}

static bool read_flag(const cJSON *object, const char *name)
{
    return json_bool(object, name, false) ||
           text_equal_ignore_case(json_string(object, name, ""), "true");
}

/* An array of texts, or one text. */
static void read_goals(const struct answer_reader *reader, const cJSON *object,
                       struct key_figure *figure)
{
    const cJSON *goals = cJSON_GetObjectItemCaseSensitive(object, "primary_goals");
    const bool several = cJSON_IsArray(goals);
    const cJSON *item = several ? goals->child : goals;
    for (size_t count = 0; item && count < GOALS_MAX; item = several ? item->next : NULL) {
        const char *goal = answer_item(reader, item, ANSWER_NAME_MAX);
        if (*goal)
            figure->goals[count++] = goal;
    }
}

static void read_figure(const struct answer_reader *reader, const cJSON *object, const char *name,
                        struct key_figure *out)
{
    static const char *const members[] = {
        "name",
        "role",
        "correlation",
        "background",
        "primary_goals",
        "personality_traits",
        "is_main_character",
        NULL,
    };
    *out = (struct key_figure){
        .name = name,
        .role = answer_text(reader, object, "role", ANSWER_NAME_MAX),
        .correlation = answer_text(reader, object, "correlation", ANSWER_TEXT_MAX),
        .background = answer_text(reader, object, "background", ANSWER_TEXT_MAX),
        .is_main_character = read_flag(object, "is_main_character"),
        .extra_json = answer_extra(reader, object, members),
    };
    read_goals(reader, object, out);
    const cJSON *traits = cJSON_GetObjectItemCaseSensitive(object, "personality_traits");
    for (size_t i = 0; i < TRAIT_COUNT; i++)
        out->traits[i] = read_trait(traits, trait_names[i]);
}

static bool is_among(const char *const *keys, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

static void read_figures(struct answer_reader *reader, const cJSON *array, struct case_study *study)
{
    const char *keys[FIGURES_MAX];
    study->figures = arena_zalloc(reader->arena, FIGURES_MAX, sizeof(*study->figures));
    const cJSON *item = array->child;
    for (size_t i = 0; item && i < 2 * FIGURES_MAX; i++, item = item->next) {
        const char *name = answer_text(reader, item, "name", ANSWER_NAME_MAX);
        const char *key = figure_key(name, reader->arena);
        if (!*key)
            answer_complain(reader, ANSWER_NO_NAME, "key_figures[%zu] has no name.", i);
        else if (study->figure_count < FIGURES_MAX && !is_among(keys, study->figure_count, key)) {
            keys[study->figure_count] = key;
            read_figure(reader, item, name, &study->figures[study->figure_count++]);
        }
    }
}

/* The student plays one of them: a flag that all have tells nothing, and would leave nobody. */
static void drop_idle_flags(struct case_study *study)
{
    size_t flagged = 0;
    for (size_t i = 0; i < study->figure_count; i++)
        flagged += study->figures[i].is_main_character;
    for (size_t i = 0; flagged > 1 && flagged == study->figure_count && i < flagged; i++)
        study->figures[i].is_main_character = false;
}

/* ---- the rest ---- */

/* Behind the "3. ", "3) " or "- " that it begins with: not the "2." of "2.5 million". */
static const char *without_number(const char *text)
{
    const size_t digits = strspn(text, "0123456789");
    if (digits > 0 && digits <= 2 && (text[digits] == '.' || text[digits] == ')') &&
        !isdigit((unsigned char)text[digits + 1]))
        text += digits + 1;
    else if ((text[0] == '-' || text[0] == '*') && text[1] == ' ')
        text++;
    return text + strspn(text, " ");
}

static void read_outcomes(struct answer_reader *reader, const cJSON *root, struct case_study *study)
{
    const cJSON *array = json_array(root, "learning_outcomes");
    const cJSON *item = array ? array->child : NULL;
    size_t count = 0;
    for (; item && count < OUTCOME_COUNT; item = item->next) {
        const char *text = without_number(answer_item(reader, item, ANSWER_TEXT_MAX));
        if (!*text)
            continue;
        study->outcomes[count] = arena_printf(reader->arena, "%zu. %s", count + 1, text);
        count++;
    }
    if (count < OUTCOME_COUNT)
        answer_complain(reader, ANSWER_FEW_OUTCOMES, "learning_outcomes has %zu of %d texts.",
                        count, OUTCOME_COUNT);
}

static void read_texts(struct answer_reader *reader, const cJSON *root, struct case_study *study)
{
    static const char *const members[] = {
        "title",       "student_role", "key_figures",       "personas",
        "description", "scenes",       "learning_outcomes", NULL};
    study->title = answer_text(reader, root, "title", ANSWER_NAME_MAX);
    study->description = answer_text(reader, root, "description", ANSWER_TEXT_MAX);
    study->student_role = answer_text(reader, root, "student_role", ANSWER_NAME_MAX);
    study->extra_json = answer_extra(reader, root, members);
    if (!*study->title)
        answer_complain(reader, ANSWER_NO_TITLE, "title is missing or empty.");
    if (!*study->student_role)
        answer_complain(reader, ANSWER_NO_STUDENT_ROLE, "student_role is missing or empty.");
}

/* Title, role and figures. The object that has them may be a member of the root, which is that one
 * then. */
static enum err read_cast(struct answer_reader *reader, const cJSON **root, struct case_study *out)
{
    if (!cJSON_IsObject(*root)) {
        answer_complain(reader, ANSWER_WRONG_ROOT, "The JSON has to be one object.");
        return ERR_SYNTAX;
    }
    struct case_study study = {0};
    const cJSON *figures = answer_list(root, "key_figures", "personas");
    if (figures)
        read_figures(reader, figures, &study);
    if (study.figure_count == 0) {
        answer_complain(reader, ANSWER_NO_FIGURES, "The array key_figures is missing or empty.");
        return ERR_SYNTAX;
    }
    drop_idle_flags(&study);
    read_texts(reader, *root, &study);
    *out = study;
    return OK;
}

static enum err read_personas(struct answer_reader *reader, const cJSON *root,
                              struct case_study *out)
{
    return read_cast(reader, &root, out);
}

static enum err read_analysis(struct answer_reader *reader, const cJSON *root,
                              struct case_study *out)
{
    const enum err err = read_cast(reader, &root, out);
    if (err != OK)
        return err;
    if (!*out->description)
        answer_complain(reader, ANSWER_NO_DESCRIPTION, "description is missing or empty.");
    read_outcomes(reader, root, out);
    return OK;
}

static enum err read_by(enum err (*read)(struct answer_reader *reader, const cJSON *root,
                                         struct case_study *out),
                        const char *text, size_t length, struct arena *arena,
                        struct case_study *out, struct answer_faults *faults)
{
    struct answer_reader reader;
    cJSON *root;
    enum err err = answer_begin(&reader, text, length, arena, &root);
    if (err == OK)
        err = read(&reader, root, out);
    answer_end(&reader, root, faults);
    return err;
}

enum err answer_read_personas(const char *text, size_t length, struct arena *arena,
                              struct case_study *out, struct answer_faults *faults)
{
    return read_by(read_personas, text, length, arena, out, faults);
}

enum err answer_read_analysis(const char *text, size_t length, struct arena *arena,
                              struct case_study *out, struct answer_faults *faults)
{
    return read_by(read_analysis, text, length, arena, out, faults);
}
