/* answer.h: what is found, what is repaired, what is complained of, and what is kept. */
#include "model/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/json.h"

static struct arena arena;
static struct case_study study;
static struct answer_faults faults;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    memset(&study, 0, sizeof(study));
    memset(&faults, 0xFF, sizeof(faults));
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

static enum err read_analysis(const char *text)
{
    return answer_read_analysis(text, strlen(text), &arena, &study, &faults);
}

static enum err read_scenes(const char *text, size_t count)
{
    return answer_read_scenes(text, strlen(text), count, &arena, &study, &faults);
}

#define OUTCOMES "\"learning_outcomes\":[\"1. a\",\"2. b\",\"3. c\",\"4. d\",\"5. e\"]"
#define FRAME    "\"title\":\"T\",\"description\":\"D\",\"student_role\":\"CEO\"," OUTCOMES

static const char whole[] =
    "{\"title\":\" The Case \",\"student_role\":\"CEO of Kestrel\",\"key_figures\":["
    "{\"name\":\"Maria Chen\",\"role\":\"CFO\",\"correlation\":\"c\",\"background\":\"b\","
    "\"primary_goals\":[\"save\",\"grow\"],\"personality_traits\":{\"analytical\":9,\"creative\":1,"
    "\"assertive\":2,\"collaborative\":3,\"detail_oriented\":4},\"is_main_character\":false},"
    "{\"name\":\"Kestrel Ltd\",\"is_main_character\":true}],\"description\":\"One.\\n\\nTwo.\","
    "\"learning_outcomes\":[\"1. a\",\"2. b\",\"3. c\",\"4. d\",\"5. e\"]}";

static void check_whole(const char *text)
{
    memset(&study, 0, sizeof(study));
    assert_int_equal(read_analysis(text), OK);
    assert_int_equal(faults.found, 0);
    assert_string_equal(faults.complaint, "");
    assert_string_equal(study.title, "The Case");
    assert_int_equal(study.figure_count, 2);
}

static void a_whole_answer_is_read_whole(void **state)
{
    (void)state;
    check_whole(whole);
    assert_string_equal(study.student_role, "CEO of Kestrel");
    assert_string_equal(study.description, "One.\n\nTwo.");
    assert_string_equal(study.outcomes[0], "1. a");
    assert_string_equal(study.outcomes[4], "5. e");
    assert_null(study.extra_json);
    assert_int_equal(study.scene_count, 0);
    const struct key_figure *chen = &study.figures[0];
    assert_string_equal(chen->name, "Maria Chen");
    assert_string_equal(chen->role, "CFO");
    assert_string_equal(chen->correlation, "c");
    assert_string_equal(chen->background, "b");
    assert_string_equal(chen->goals[0], "save");
    assert_string_equal(chen->goals[1], "grow");
    assert_null(chen->goals[2]);
    static const int traits[TRAIT_COUNT] = {9, 1, 2, 3, 4};
    assert_memory_equal(chen->traits, traits, sizeof(traits));
    assert_false(chen->is_main_character);
    assert_null(chen->extra_json);
    assert_true(study.figures[1].is_main_character);
    assert_string_equal(study.figures[1].role, "");
    assert_null(study.figures[1].goals[0]);
    assert_int_equal(study.figures[1].traits[0], 5);
}

static void json_is_found_among_words(void **state)
{
    (void)state;
    static const char *const around[][2] = {
        {"\xEF\xBB\xBF \n", "\n "},
        {"```json\n", "\n```"},
        {"Here is [1] what {you} asked for:\n\n```\n", "\n```\nIs it all right? {yes}"},
        {"Sure! ", " Anything else?"},
        {"<think>{\"title\":\"no\", \"key_figures\": [{\"name\":\"X\"}]}</think>", ""},
        {"no opening mark {\"a\":{\"b\":1}}</think>\n", ""},
        {"See [1], [2, 3] and {}.\n", ""},
        {"{\"an unclosed brace\n", ""},
        {"{{{ ((( [[[ \n```json\n", "```"},
        {"{\"answer\":", "}"},
        {"Of [1, 2, ", "] this:"},
        {"", "<think>too late {\"a\":1}"},
    };
    for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++)
        check_whole(arena_printf(&arena, "%s%s%s", around[i][0], whole, around[i][1]));
}

static void small_slips_are_forgiven(void **state)
{
    (void)state;
    assert_int_equal(read_analysis("{\"title\":\"one,]\ntwo\",\"description\":\"\\\"D,}\","
                                   "\"student_role\":\"\t x \\\\\" , " OUTCOMES
                                   ",\"key_figures\":[{\"name\":\"A\" , },],\n}"),
                     OK);
    assert_int_equal(faults.found, 0);
    assert_string_equal(study.title, "one,]\ntwo");
    assert_string_equal(study.description, "\"D,}");
    assert_string_equal(study.student_role, "x \\");
    assert_string_equal(study.figures[0].name, "A");
}

static void check_refused(const char *text, enum answer_fault fault, const char *complaint)
{
    const struct case_study before = study;
    assert_int_equal(read_analysis(text), ERR_SYNTAX);
    assert_int_equal(faults.found, 1u << fault);
    assert_string_equal(faults.complaint, complaint);
    assert_memory_equal(&study, &before, sizeof(study));
}

static void without_figures_there_is_nothing(void **state)
{
    (void)state;
    static const char no_json[] = "There is no valid JSON in the answer.";
    static const char no_figures[] = "The array key_figures is missing or empty.";
    check_refused("", ANSWER_NO_JSON, no_json);
    check_refused("I am sorry, I can't.", ANSWER_NO_JSON, no_json);
    check_refused("{\"title\": \"cut off", ANSWER_NO_JSON, no_json);
    check_refused("<think>{\"a\":1}", ANSWER_NO_JSON, no_json);
    check_refused("{'title': 'Python'}", ANSWER_NO_JSON, no_json);
    check_refused("[{\"name\":\"A\"}]", ANSWER_WRONG_ROOT, "The JSON has to be one object.");
    check_refused("7", ANSWER_WRONG_ROOT, "The JSON has to be one object.");
    check_refused("{}", ANSWER_NO_FIGURES, no_figures);
    check_refused("{\"key_figures\":{}}", ANSWER_NO_FIGURES, no_figures);
    check_refused("{\"key_figures\":[]}", ANSWER_NO_FIGURES, no_figures);
    assert_int_equal(read_analysis("{\"key_figures\":[1,{\"role\":\"x\"}]}"), ERR_SYNTAX);
    assert_int_equal(faults.found, 1u << ANSWER_NO_NAME | 1u << ANSWER_NO_FIGURES);
    assert_string_equal(faults.complaint,
                        "key_figures[0] has no name. key_figures[1] has no name. The array "
                        "key_figures is missing or empty.");
}

/* Wherever it is cut: figures are whole, and as many as had been written. */
static void a_cut_answer_is_read_as_far_as_it_is_whole(void **state)
{
    (void)state;
    const size_t first = (size_t)(strstr(whole, ",{\"name\":\"Kestrel") - whole);
    const size_t second = (size_t)(strstr(whole, "],\"description\"") - whole);
    const size_t described = (size_t)(strstr(whole, ",\"learning_outcomes") - whole);
    const size_t length = sizeof(whole) - 1;
    for (size_t cut = 0; cut <= length; cut++) {
        memset(&study, 0, sizeof(study));
        const enum err err = answer_read_analysis(whole, cut, &arena, &study, &faults);
        assert_int_equal(err, cut < first ? ERR_SYNTAX : OK);
        assert_int_equal(study.figure_count, cut < first ? 0 : cut < second ? 1 : 2);
        if (err != OK)
            continue;
        assert_int_equal((faults.found & 1u << ANSWER_CUT) != 0, cut < length);
        assert_int_equal((faults.found & 1u << ANSWER_FEW_OUTCOMES) != 0, cut < length - 1);
        assert_string_equal(study.title, "The Case");
        assert_string_equal(study.figures[0].goals[1], "grow");
        assert_string_equal(study.description, cut <= described ? "" : "One.\n\nTwo.");
    }
    assert_int_equal(read_analysis("Here:\n```json\n{\"analysis\":{" FRAME
                                   ",\"key_figures\":[{\"name\":\"A\",},{\"name\":\"B"),
                     OK);
    assert_int_equal(faults.found, 1u << ANSWER_CUT);
    assert_string_equal(faults.complaint, "The answer ends before its JSON does.");
    assert_int_equal(study.figure_count, 1);
}

static void gaps_are_named(void **state)
{
    (void)state;
    assert_int_equal(read_analysis("{\"key_figures\":[{\"name\":\"A\"},{\"name\":\" \"}],"
                                   "\"learning_outcomes\":[\"x\",7,\"\"],\"title\":null}"),
                     OK);
    assert_int_equal(faults.found, 1u << ANSWER_NO_NAME | 1u << ANSWER_NO_TITLE |
                                       1u << ANSWER_NO_DESCRIPTION | 1u << ANSWER_NO_STUDENT_ROLE |
                                       1u << ANSWER_FEW_OUTCOMES);
    assert_non_null(strstr(faults.complaint, "learning_outcomes has 1 of 5 texts."));
    assert_int_equal(study.figure_count, 1);
    assert_string_equal(study.title, "");
    assert_string_equal(study.outcomes[0], "1. x");
    assert_null(study.outcomes[1]);
}

static void complaints_are_bounded(void **state)
{
    (void)state;
    struct buffer text;
    buffer_init(&text, 1 << 20);
    assert_int_equal(buffer_puts(&text, "{" FRAME ",\"key_figures\":[{\"name\":\"A\"}"), OK);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buffer_puts(&text, ",{}"), OK);
    assert_int_equal(buffer_puts(&text, "]}"), OK);
    assert_int_equal(read_analysis(text.data), OK);
    assert_int_equal(faults.found, 1u << ANSWER_NO_NAME);
    assert_true(strlen(faults.complaint) <= 1024);
    assert_string_equal(strrchr(faults.complaint, ' '), " name.");
    buffer_clear(&text);
}

static void traits_are_rounded_and_clamped(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int trait;
    } cases[] = {
        {"7", 7},           {"\"7\"", 7},  {"6.5", 7},      {"\" 6.4 \"", 6}, {"15", 10},
        {"-3", 0},          {"1e300", 10}, {"\"high\"", 5}, {"\"nan\"", 5},   {"\"inf\"", 5},
        {"\"0x1F\"", 5},    {"null", 5},   {"true", 5},     {"[7]", 5},       {"\"\"", 5},
        {"\"7 of 10\"", 5}, {"0", 0},      {"\"-1\"", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = arena_printf(&arena,
                                        "{" FRAME ",\"key_figures\":[{\"name\":\"A\","
                                        "\"personality_traits\":{\"creative\":%s}}]}",
                                        cases[i].value);
        assert_int_equal(read_analysis(text), OK);
        assert_int_equal(faults.found, 0);
        assert_int_equal(study.figures[0].traits[1], cases[i].trait);
        assert_int_equal(study.figures[0].traits[0], 5);
    }
}

static void figures_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(
        read_analysis(
            "{" FRAME ",\"personas\":[{\"name\":\"Dr. Mar\xC3\xAD"
            "a Chen\",\"is_main_character\":\"True\"},{\"name\":\"maria chen\"},"
            "{\"name\":\"Mario Chen\",\"primary_goals\":\"one only\",\"role\":\"CFO\"}]}"),
        OK);
    assert_int_equal(faults.found, 0);
    assert_int_equal(study.figure_count, 2);
    assert_string_equal(study.figures[0].name, "Dr. Mar\xC3\xAD"
                                               "a Chen");
    assert_true(study.figures[0].is_main_character);
    assert_string_equal(study.figures[1].goals[0], "one only");
    assert_null(study.figures[1].goals[1]);
}

/* All of them cannot be played by the student: then the flag says nothing. */
static void a_flag_that_all_have_is_none(void **state)
{
    (void)state;
    assert_int_equal(read_analysis("{" FRAME
                                   ",\"key_figures\":[{\"name\":\"A\",\"is_main_character\":"
                                   "true},{\"name\":\"B\",\"is_main_character\":true}]}"),
                     OK);
    assert_false(study.figures[0].is_main_character || study.figures[1].is_main_character);
    assert_int_equal(read_analysis("{" FRAME
                                   ",\"key_figures\":[{\"name\":\"A\",\"is_main_character\":"
                                   "true}]}"),
                     OK);
    assert_true(study.figures[0].is_main_character);
}

static void numbers_are_bounded(void **state)
{
    (void)state;
    struct buffer text;
    buffer_init(&text, 1 << 20);
    assert_int_equal(buffer_puts(&text, "{" FRAME ",\"key_figures\":["), OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(buffer_printf(&text,
                                       "%s{\"name\":\"N%d\",\"primary_goals\":[\"1\",\"2\",\"3\","
                                       "\"4\",\"5\",\"6\"],\"role\":\"%0500d\"}",
                                       i ? "," : "", i, i),
                         OK);
    assert_int_equal(buffer_puts(&text, "]}"), OK);
    assert_int_equal(read_analysis(text.data), OK);
    assert_int_equal(study.figure_count, FIGURES_MAX);
    assert_string_equal(study.figures[FIGURES_MAX - 1].name, "N39");
    assert_string_equal(study.figures[0].goals[GOALS_MAX - 1], "5");
    assert_int_equal(strlen(study.figures[0].role), ANSWER_NAME_MAX);
    buffer_clear(&text);
}

static void outcomes_are_numbered_anew(void **state)
{
    (void)state;
    assert_int_equal(read_analysis("{\"title\":\"T\",\"description\":\"D\",\"student_role\":\"R\","
                                   "\"key_figures\":[{\"name\":\"A\"}],\"learning_outcomes\":"
                                   "[\"1) a\",\"b\",\"7. c\",\"- 2024 d\",\"5.e\",\"6. f\"]}"),
                     OK);
    assert_int_equal(faults.found, 0);
    static const char *const expected[] = {"1. a", "2. b", "3. c", "4. 2024 d", "5. e"};
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        assert_string_equal(study.outcomes[i], expected[i]);
}

/* A number or a sign that belongs to the text. */
static void outcomes_may_begin_with_numbers(void **state)
{
    (void)state;
    assert_int_equal(read_analysis("{\"title\":\"T\",\"description\":\"D\",\"student_role\":\"R\","
                                   "\"key_figures\":[{\"name\":\"A\"}],\"learning_outcomes\":"
                                   "[\"2.5 million: weigh it\",\"12 months\",\"-3 % growth\","
                                   "\"**Weigh** it\",\"5. 12\"]}"),
                     OK);
    static const char *const expected[] = {"1. 2.5 million: weigh it", "2. 12 months",
                                           "3. -3 % growth", "4. **Weigh** it", "5. 12"};
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        assert_string_equal(study.outcomes[i], expected[i]);
}

static void what_nobody_asked_for_is_kept(void **state)
{
    (void)state;
    assert_int_equal(read_analysis("{" FRAME ",\"year\":2024,\"key_figures\":[{\"name\":\"A\","
                                   "\"age\":44,\"notes\":{\"a\":[1,\"\\n\"]}}],\"scenes\":[]}"),
                     OK);
    assert_string_equal(study.extra_json, "{\"year\":2024}");
    assert_string_equal(study.figures[0].extra_json, "{\"age\":44,\"notes\":{\"a\":[1,\"\\n\"]}}");
    assert_int_equal(read_scenes("{\"scenes\":[{\"title\":\"S\",\"mood\":\"tense\","
                                 "\"image_url\":\"http://x\",\"Title\":\"no\"}]}",
                                 1),
                     OK);
    assert_string_equal(study.scenes[0].extra_json, "{\"mood\":\"tense\",\"Title\":\"no\"}");
    assert_string_equal(study.scenes[0].image_url, "");

    cJSON *json = case_study_json(&study);
    assert_int_equal((int)json_number(json, "year", 0), 2024);
    const cJSON *figure = json_array(json, "key_figures")->child;
    assert_int_equal((int)json_number(figure, "age", 0), 44);
    const cJSON *scene = json_array(json, "scenes")->child;
    assert_string_equal(json_string(scene, "mood", ""), "tense");
    assert_string_equal(json_string(scene, "title", ""), "S");
    assert_false(cJSON_HasObjectItem(scene, "Title") &&
                 cJSON_GetObjectItemCaseSensitive(scene, "Title"));
    cJSON_Delete(json);
}

static void too_much_of_it_is_not(void **state)
{
    (void)state;
    const char *text = arena_printf(
        &arena, "{" FRAME ",\"x\":\"%0*d\",\"key_figures\":[{\"name\":\"A\",\"y\":1}]}",
        ANSWER_EXTRA_BYTES_MAX, 0);
    assert_int_equal(read_analysis(text), OK);
    assert_null(study.extra_json);
    assert_string_equal(study.figures[0].extra_json, "{\"y\":1}");
}

/* ---- scenes ---- */

static void with_cast(void)
{
    assert_int_equal(read_analysis("{" FRAME ",\"key_figures\":[{\"name\":\"Maria Chen\"},"
                                   "{\"name\":\"Ren\xC3\xA9"
                                   "e Stallworth\"},{\"name\":\"Tom Chen-Hill\"},"
                                   "{\"name\":\"Kestrel Ltd.\"}]}"),
                     OK);
}

static void scenes_are_read(void **state)
{
    (void)state;
    with_cast();
    assert_int_equal(
        read_scenes("{\"scenes\":[{\"title\":\" A \",\"description\":\"d\",\"personas_involved\":"
                    "[\"Maria Chen\"],\"user_goal\":\"g\",\"success_metric\":\"m\","
                    "\"sequence_order\":9},{\"title\":\"B\",\"description\":\"d\","
                    "\"personas_involved\":[\"Kestrel Ltd.\"],\"goal\":\"h\","
                    "\"successMetric\":\"n\",\"sequence_order\":9}]}",
                    2),
        OK);
    assert_int_equal(faults.found, 0);
    assert_int_equal(study.scene_count, 2);
    assert_string_equal(study.scenes[0].title, "A");
    assert_string_equal(study.scenes[0].user_goal, "g");
    assert_string_equal(study.scenes[0].success_metric, "m");
    assert_int_equal(study.scenes[0].sequence_order, 1);
    assert_ptr_equal(study.scenes[0].personas_involved[0], study.figures[0].name);
    assert_string_equal(study.scenes[1].user_goal, "h");
    assert_string_equal(study.scenes[1].success_metric, "n");
    assert_int_equal(study.scenes[1].sequence_order, 2);
}

static void names_are_written_as_in_the_cast(void **state)
{
    (void)state;
    with_cast();
    static const struct {
        const char *written, *meant;
    } cases[] = {
        {"MARIA CHEN", "Maria Chen"},
        {"Dr. Maria  Chen", "Maria Chen"},
        {"Prof. Dr. maria chen!", "Maria Chen"},
        {"Maria", "Maria Chen"},
        {"Maria Chen, the CFO", "Maria Chen"},
        {"Renee Stallworth", "Ren\xC3\xA9"
                             "e Stallworth"},
        {"Ms. Stallworth", "Ren\xC3\xA9"
                           "e Stallworth"},
        {"Kestrel", "Kestrel Ltd."},
        {"Chen", NULL}, /* which of the two? */
        {"Dana Ruiz", NULL},
        {"", NULL},
        {"Mr.", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = arena_printf(&arena,
                                        "[{\"title\":\"A\",\"description\":\"d\",\"user_goal\":"
                                        "\"g\",\"personas_involved\":[\"%s\"]}]",
                                        cases[i].written);
        assert_int_equal(read_scenes(text, 1), OK);
        assert_int_equal(faults.found, cases[i].meant ? 0 : 1u << ANSWER_SCENE_ALONE);
        assert_int_equal(study.scenes[0].personas_count, cases[i].meant ? 1 : 0);
        if (cases[i].meant)
            assert_string_equal(study.scenes[0].personas_involved[0], cases[i].meant);
    }
}

static void other_ways_to_name_somebody(void **state)
{
    (void)state;
    with_cast();
    assert_int_equal(read_scenes("{\"scenes\":[{\"title\":\"A\",\"description\":\"d\",\"goal\":"
                                 "\"g\",\"personas_involved\":[{\"name\":\"Maria\"},\"maria chen\","
                                 "7,\"nobody\",\"kestrel\"]},{\"title\":\"B\",\"description\":"
                                 "\"d\",\"personas_involved\":\"Stallworth\",\"goal\":\"g\"}]}",
                                 2),
                     OK);
    assert_int_equal(faults.found, 0);
    assert_int_equal(study.scenes[0].personas_count, 2);
    assert_string_equal(study.scenes[0].personas_involved[1], "Kestrel Ltd.");
    assert_int_equal(study.scenes[1].personas_count, 1);
}

static void more_scenes_than_asked_for_are_cut(void **state)
{
    (void)state;
    static const char text[] =
        "{\"scenes\":[{\"title\":\"A\",\"description\":\"d\",\"goal\":\"g\"},"
        "{},{\"title\":\"B\",\"description\":\"d\",\"goal\":\"g\"},"
        "{\"title\":\"C\"}]}";
    assert_int_equal(read_scenes(text, 2), OK);
    assert_int_equal(faults.found, 0); /* there is no cast: nobody is missed */
    assert_int_equal(study.scene_count, 2);
    assert_string_equal(study.scenes[1].title, "B");
    assert_int_equal(study.scenes[1].sequence_order, 2);
}

static void scenes_before_a_cut_are_kept(void **state)
{
    (void)state;
    static const char text[] =
        "[{\"title\":\"A\",\"description\":\"d\",\"goal\":\"g\"},"
        "{\"title\":\"B\",\"description\":\"d\",\"goal\":\"g\"},"
        "{\"title\":\"C\",\"description\":\"d\",\"personas_involved\":[\"X\",";
    assert_int_equal(read_scenes(arena_printf(&arena, "{\"scenes\":%s", text), 4), OK);
    assert_int_equal(faults.found, 1u << ANSWER_CUT | 1u << ANSWER_FEW_SCENES);
    assert_int_equal(study.scene_count, 2);
    assert_int_equal(read_scenes(text, 2), OK);
    assert_int_equal(faults.found, 1u << ANSWER_CUT);
    assert_string_equal(study.scenes[1].title, "B");
    assert_int_equal(read_scenes("{\"scenes\":[{\"title\":\"A\",", 4), ERR_SYNTAX);
}

static void gaps_in_scenes_are_named(void **state)
{
    (void)state;
    assert_int_equal(read_scenes("{\"scenes\":[{\"title\":\"A\"},{\"description\":\"d\","
                                 "\"user_goal\":\"g\"}]}",
                                 3),
                     OK);
    assert_int_equal(faults.found, 1u << ANSWER_SCENE_GAP | 1u << ANSWER_FEW_SCENES);
    assert_string_equal(faults.complaint,
                        "scenes[0] has no description. scenes[0] has no user_goal. scenes[1] has "
                        "no title. There are 2 scenes, not 3.");
    assert_int_equal(study.scene_count, 2);

    assert_int_equal(read_scenes("{\"scenes\":[]}", 3), ERR_SYNTAX);
    assert_int_equal(faults.found, 1u << ANSWER_NO_SCENES);
    assert_int_equal(read_scenes("{\"scenes\":4}", 3), ERR_SYNTAX);
    assert_int_equal(faults.found, 1u << ANSWER_NO_SCENES);
    assert_int_equal(read_scenes("true", 3), ERR_SYNTAX);
    assert_int_equal(faults.found, 1u << ANSWER_WRONG_ROOT);
    assert_int_equal(study.scene_count, 2); /* as they were */
}

/* Brackets without end would each cost a look at all that follows. */
static void hostile_texts_take_no_time(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    static const char *const pieces[] = {"{",  "[",     "{\"a\":",   "[1]", ",",       "```{",
                                         "\"", "{\"\\", "{\"a\":1,", "[1,", "[\"a\",{"};
    char *text = arena_alloc(&arena, BYTES);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        const size_t length = strlen(pieces[i]);
        for (size_t at = 0; at < BYTES; at++)
            text[at] = pieces[i][at % length];
        assert_int_equal(answer_read_analysis(text, BYTES, &arena, &study, &faults), ERR_SYNTAX);
    }
}

static void faults_have_words(void **state)
{
    (void)state;
    assert_string_equal(answer_fault_word(ANSWER_NO_JSON), "no_json");
    assert_string_equal(answer_fault_word(ANSWER_SCENE_ALONE), "scene_alone");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_answer_is_read_whole),
        TEST(json_is_found_among_words),
        TEST(small_slips_are_forgiven),
        TEST(without_figures_there_is_nothing),
        TEST(a_cut_answer_is_read_as_far_as_it_is_whole),
        TEST(gaps_are_named),
        TEST(complaints_are_bounded),
        TEST(traits_are_rounded_and_clamped),
        TEST(figures_are_told_apart),
        TEST(a_flag_that_all_have_is_none),
        TEST(numbers_are_bounded),
        TEST(outcomes_are_numbered_anew),
        TEST(outcomes_may_begin_with_numbers),
        TEST(what_nobody_asked_for_is_kept),
        TEST(too_much_of_it_is_not),
        TEST(scenes_are_read),
        TEST(names_are_written_as_in_the_cast),
        TEST(other_ways_to_name_somebody),
        TEST(more_scenes_than_asked_for_are_cut),
        TEST(scenes_before_a_cut_are_kept),
        TEST(gaps_in_scenes_are_named),
        TEST(hostile_texts_take_no_time),
        TEST(faults_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
