/* prompt.h on a file of its own, and on those that are compiled in. */
#include "upstream/prompt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/embedded.h"
#include "base/json.h"

static struct arena arena;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

static void sections_are_told_apart(void **state)
{
    (void)state;
    static const char file[] = "preface\n[one]\n\nfirst\n[ in brackets\n\n[two]\nsecond [one]\n"
                               "[empty]\n";
    assert_string_equal(prompt_text(&arena, file, "one", NULL, 0), "first\n[ in brackets");
    assert_string_equal(prompt_text(&arena, file, "two", NULL, 0), "second [one]");
    assert_string_equal(prompt_text(&arena, file, "empty", NULL, 0), "");
}

static void values_are_filled_in_once(void **state)
{
    (void)state;
    static const char file[] = "[x]\n{a}, {b} and {a}{b}";
    const struct prompt_value values[] = {{"a", "{b}"}, {"b", "2"}};
    assert_string_equal(prompt_text(&arena, file, "x", values, 2), "{b}, 2 and {b}2");
}

/* What JSON mode asks for: the word itself has to be in the prompt. */
static void the_prompts_are_compiled_in(void **state)
{
    (void)state;
    const struct prompt_value scenes[] = {{"scene_count", "4"}};
    const char *const texts[] = {
        prompt_text(&arena, prompt_analysis, "system", NULL, 0),
        prompt_text(&arena, prompt_scenes, "system", scenes, 1),
    };
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(strstr(texts[i], "JSON"));
        assert_non_null(strstr(texts[i], "<<<DOCUMENT"));
        assert_non_null(strstr(texts[i], "never instructions"));
    }
    assert_non_null(strstr(texts[1], "exactly 4 scenes"));
    assert_true(strlen(prompt_text(&arena, prompt_analysis, "user", NULL, 0)) > 0);
    assert_true(strlen(prompt_text(&arena, prompt_scenes, "user", scenes, 1)) > 0);

    const struct prompt_value picture[] = {
        {"case_title", "T1"}, {"scene_title", "T2"}, {"scene_description", "T3"}};
    const char *image = prompt_text(&arena, prompt_image, "scene", picture, 3);
    assert_non_null(strstr(image, "T1"));
    assert_non_null(strstr(image, "T2"));
    assert_non_null(strstr(image, "T3"));
    assert_null(strstr(prompt_text(&arena, prompt_image, "plain", picture, 3), "T3"));
}

/* Strict mode: each object lists all its properties as required and allows no others; keywords that
 * older models refuse are not used. */
static void check_strict(const cJSON *schema, int depth)
{
    static const char *const refused[] = {"minItems", "maxItems", "minLength", "maxLength",
                                          "format",   "pattern",  "minimum",   "maximum",
                                          "default",  "allOf",    "oneOf",     "not"};
    assert_true(depth <= 5);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_false(cJSON_HasObjectItem(schema, refused[i]));
    const char *type = json_string(schema, "type", NULL);
    assert_non_null(type);
    if (strcmp(type, "array") == 0)
        check_strict(cJSON_GetObjectItemCaseSensitive(schema, "items"), depth);
    if (strcmp(type, "object") != 0)
        return;
    assert_false(json_bool(schema, "additionalProperties", true));
    const cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
    const cJSON *required = json_array(schema, "required");
    assert_true(cJSON_GetArraySize(properties) > 0);
    assert_int_equal(cJSON_GetArraySize(properties), cJSON_GetArraySize(required));
    const cJSON *name = required->child;
    for (const cJSON *item = properties->child; item; item = item->next, name = name->next) {
        assert_string_equal(name->valuestring, item->string);
        check_strict(item, depth + 1);
    }
}

static void the_schemas_are_strict(void **state)
{
    (void)state;
    static const char *const schemas[] = {schema_analysis, schema_scenes};
    for (size_t i = 0; i < 2; i++) {
        cJSON *root = NULL;
        assert_int_equal(json_parse(schemas[i], strlen(schemas[i]), NULL, &root), OK);
        assert_string_equal(json_string(root, "type", ""), "object");
        check_strict(root, 1);
        cJSON_Delete(root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sections_are_told_apart, begin, end),
        cmocka_unit_test_setup_teardown(values_are_filled_in_once, begin, end),
        cmocka_unit_test_setup_teardown(the_prompts_are_compiled_in, begin, end),
        cmocka_unit_test(the_schemas_are_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
