/* case_study.h: who is taken out, what scenes are left with, and the wire form. */
#include "model/case_study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

enum { FIGURES = 3 };

struct fixture {
    struct arena arena;
    struct key_figure figures[FIGURES];
    const char *first[4], *second[2];
    struct scene scenes[3];
    struct case_study study;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){
        .figures = {{.name = "Dana Ruiz", .role = "Director", .goals = {"Decide"}},
                    {.name = "Mar\xc3\xad"
                             "a Chen",
                     .role = "Buyer",
                     .goals = {"Pay less", "Sleep"}},
                    {.name = "Nordwind plc", .role = "Rival", .is_organisation = true}},
        .first = {"Dana Ruiz", "Ms. Maria CHEN", "Maria Chen", "Nobody Known"},
        .second = {"dana ruiz"}};
    fixture.scenes[0] = (struct scene){.title = "A",
                                       .personas_involved = fixture.first,
                                       .personas_count = 4,
                                       .sequence_order = 7,
                                       .user_goal = "Learn",
                                       .success_metric = "Known"};
    fixture.scenes[1] =
        (struct scene){.title = "B", .personas_involved = fixture.second, .personas_count = 1};
    fixture.scenes[2] = (struct scene){.title = "C"};
    fixture.study = (struct case_study){.title = "Title",
                                        .description = "Text",
                                        .student_role = "Somebody",
                                        .figures = fixture.figures,
                                        .figure_count = FIGURES,
                                        .scenes = fixture.scenes,
                                        .scene_count = 3,
                                        .outcomes = {"1. a", "2. b"}};
    arena_init(&fixture.arena);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_clear(&fixture->arena);
    return 0;
}

static void expect_dana_gone(const struct fixture *fixture)
{
    assert_int_equal(fixture->study.figure_count, FIGURES - 1);
    for (size_t i = 0; i < fixture->study.figure_count; i++)
        assert_string_not_equal(fixture->study.figures[i].name, "Dana Ruiz");
    for (size_t i = 0; i < fixture->study.scene_count; i++)
        for (size_t j = 0; j < fixture->study.scenes[i].personas_count; j++)
            assert_string_not_equal(fixture->study.scenes[i].personas_involved[j], "Dana Ruiz");
}

static void the_flagged_main_character_is_taken_out(void **state)
{
    struct fixture *fixture = *state;
    fixture->figures[0].is_main_character = true;
    case_study_settle(&fixture->study, &fixture->arena);
    expect_dana_gone(fixture);
}

static void the_student_is_known_by_name_or_role(void **state)
{
    struct fixture *fixture = *state;
    static const char *const roles[] = {"dana  ruiz", "Ms. Dana Ruiz", "DIRECTOR"};
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        set_up(state);
        fixture->study.student_role = roles[i];
        case_study_settle(&fixture->study, &fixture->arena);
        expect_dana_gone(fixture);
        arena_clear(&fixture->arena);
    }
}

static void nobody_is_taken_out_for_an_empty_role(void **state)
{
    struct fixture *fixture = *state;
    fixture->study.student_role = "";
    fixture->figures[2].role = "";
    case_study_settle(&fixture->study, &fixture->arena);
    assert_int_equal(fixture->study.figure_count, FIGURES);
}

static void names_in_scenes_are_written_as_the_figures_are(void **state)
{
    struct fixture *fixture = *state;
    case_study_settle(&fixture->study, &fixture->arena);
    const struct scene *scene = &fixture->study.scenes[0];
    assert_int_equal(scene->personas_count, 2); /* one twice, one unknown */
    assert_string_equal(scene->personas_involved[0], "Dana Ruiz");
    assert_string_equal(scene->personas_involved[1], "Mar\xc3\xad"
                                                     "a Chen");
}

static void every_scene_involves_somebody(void **state)
{
    struct fixture *fixture = *state;
    fixture->figures[0].is_main_character = true;
    case_study_settle(&fixture->study, &fixture->arena);
    for (size_t i = 0; i < 3; i++) {
        assert_true(fixture->study.scenes[i].personas_count > 0);
        assert_int_equal(fixture->study.scenes[i].sequence_order, i + 1);
    }
}

static void without_figures_scenes_are_empty(void **state)
{
    struct fixture *fixture = *state;
    fixture->study.figure_count = 0;
    case_study_settle(&fixture->study, &fixture->arena);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(fixture->study.scenes[i].personas_count, 0);
}

static void the_wire_form_has_every_key(void **state)
{
    struct fixture *fixture = *state;
    cJSON *json = case_study_json(&fixture->study);
    assert_string_equal(json_string(json, "title", ""), "Title");
    assert_string_equal(json_string(json, "description", ""), "Text");
    assert_string_equal(json_string(json, "student_role", ""), "Somebody");
    assert_true(cJSON_Compare(json_array(json, "key_figures"), json_array(json, "personas"), true));
    assert_int_equal(cJSON_GetArraySize(json_array(json, "learning_outcomes")), 2);

    const cJSON *scene = cJSON_GetArrayItem(json_array(json, "scenes"), 0);
    assert_string_equal(json_string(scene, "user_goal", ""), "Learn");
    assert_string_equal(json_string(scene, "goal", ""), "Learn");
    assert_string_equal(json_string(scene, "successMetric", ""), "Known");
    assert_string_equal(json_string(scene, "image_url", "none"), "");
    assert_int_equal((int)json_number(scene, "sequence_order", -1), 7);
    assert_int_equal(cJSON_GetArraySize(json_array(scene, "personas_involved")), 4);
    cJSON_Delete(json);
}

static void a_figure_has_its_goals_and_traits(void **state)
{
    struct fixture *fixture = *state;
    fixture->figures[1].traits[4] = 9;
    cJSON *json = key_figure_json(&fixture->figures[1]);
    assert_int_equal(cJSON_GetArraySize(json_array(json, "primary_goals")), 2);
    assert_string_equal(json_string(json, "background", "none"), "");
    assert_false(json_bool(json, "is_main_character", true));
    const cJSON *traits = cJSON_GetObjectItemCaseSensitive(json, "personality_traits");
    assert_int_equal(cJSON_GetArraySize(traits), TRAIT_COUNT);
    assert_int_equal((int)json_number(traits, "detail_oriented", -1), 9);
    assert_int_equal(cJSON_GetArraySize(json), 7);
    cJSON_Delete(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(the_flagged_main_character_is_taken_out),
        TEST(the_student_is_known_by_name_or_role),
        TEST(nobody_is_taken_out_for_an_empty_role),
        TEST(names_in_scenes_are_written_as_the_figures_are),
        TEST(every_scene_involves_somebody),
        TEST(without_figures_scenes_are_empty),
        TEST(the_wire_form_has_every_key),
        TEST(a_figure_has_its_goals_and_traits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
