/*
 * The rules of the offline analysis on small texts, one by one; then how many of the people it
 * finds in whole cases: the tuning half, which the rules were made with, and the held-out half,
 * which nobody looks into (only its figures are printed).
 */
#include "model/offline.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"

/* ---- one text ---- */

struct fixture {
    struct arena arena;
    struct case_study study;
};

static void analyse_bytes(struct fixture *fixture, const char *text, size_t length, size_t scenes)
{
    const struct offline_options options = {.scene_count = scenes};
    arena_init(&fixture->arena);
    assert_int_equal(offline_analyse(text, length, &options, &fixture->arena, &fixture->study), OK);
}

static void analyse(struct fixture *fixture, const char *text)
{
    analyse_bytes(fixture, text, strlen(text), 4);
}

static const struct key_figure *figure(const struct fixture *fixture, const char *name)
{
    for (size_t i = 0; i < fixture->study.figure_count; i++)
        if (strcmp(fixture->study.figures[i].name, name) == 0)
            return &fixture->study.figures[i];
    return NULL;
}

static size_t people(const struct fixture *fixture)
{
    size_t count = 0;
    for (size_t i = 0; i < fixture->study.figure_count; i++)
        count += !fixture->study.figures[i].is_organisation;
    return count;
}

static void expect_person(const char *text, const char *name, const char *role)
{
    struct fixture fixture;
    analyse(&fixture, text);
    const struct key_figure *found = figure(&fixture, name);
    if (!found)
        print_error("no \"%s\" in: %s\n", name, text);
    assert_non_null(found);
    assert_false(found->is_organisation);
    if (role)
        assert_string_equal(found->role, role);
    arena_clear(&fixture.arena);
}

static void expect_organisation(const char *text, const char *name)
{
    struct fixture fixture;
    analyse(&fixture, text);
    const struct key_figure *found = figure(&fixture, name);
    if (!found)
        print_error("no \"%s\" in: %s\n", name, text);
    assert_non_null(found);
    assert_true(found->is_organisation);
    arena_clear(&fixture.arena);
}

static void expect_people(const char *text, size_t count)
{
    struct fixture fixture;
    analyse(&fixture, text);
    if (people(&fixture) != count)
        for (size_t i = 0; i < fixture.study.figure_count; i++)
            print_error("found \"%s\" in: %s\n", fixture.study.figures[i].name, text);
    assert_int_equal(people(&fixture), count);
    arena_clear(&fixture.arena);
}

/* ---- title, description ---- */

static void expect_title(const char *text, const char *title)
{
    struct fixture fixture;
    analyse(&fixture, text);
    assert_string_equal(fixture.study.title, title);
    arena_clear(&fixture.arena);
}

static void title_skips_the_masthead(void **state)
{
    (void)state;
    expect_title(
        "NORTHGATE SCHOOL OF BUSINESS\n\n9-712-044\n\nREV. MAY 3, 2021\n\nANNA B. CARVER\n\n"
        "Kestrel Mills: A Question of Flour\n\nOn a cold morning in March the mill stood "
        "still, and Anna had to say why it did so to all the people in the yard.\n",
        "Kestrel Mills: A Question of Flour");
    expect_title(
        "---\ntitle: \"Kestrel Mills\"\nauthor: Anna Carver\n---\n\n# Kestrel Mills\n\nText.",
        "Kestrel Mills");
    expect_title("# Kestrel *Mills*\n\nThe mill stood still.\n", "Kestrel *Mills");
    expect_title(
        "12 May 2020\n\nPage 1 of 9\n\nKestrel Mills\nA Question of Flour\n\nThe mill stood "
        "still on the first of May and nobody knew why it did.\n",
        "Kestrel Mills A Question of Flour");
}

static void title_without_a_heading_is_how_the_text_begins(void **state)
{
    (void)state;
    expect_title("The mill stood still on the first of May and nobody knew why it did.",
                 "The mill stood still on the first of May and nobody knew why it did.");
    expect_title("", "Business Case Study");
    expect_title("x", "x");
}

static void description_is_the_lead_cut_at_a_sentence(void **state)
{
    (void)state;
    char text[8192] = "Title\n\n";
    for (int i = 0; i < 60; i++)
        strcat(text, "The mill by the river stood still again, and no one said why. ");
    struct fixture fixture;
    analyse(&fixture, text);
    const size_t length = strlen(fixture.study.description);
    assert_in_range(length, 800, 1500);
    assert_int_equal(fixture.study.description[length - 1], '.');
    arena_clear(&fixture.arena);
}

/* ---- people ---- */

static void roles_are_read_in_each_form(void **state)
{
    (void)state;
    expect_person("It was CFO Dana Ruiz who counted.", "Dana Ruiz", "CFO");
    expect_person("Then Dana Ruiz, the chief financial officer, counted.", "Dana Ruiz",
                  "Chief financial officer");
    expect_person("Dana Ruiz, founder and chief executive of Nordwind Foods, Inc., counted.",
                  "Dana Ruiz", "Founder and chief executive of Nordwind Foods, Inc.");
    expect_person("The head of supply chain Luc\xc3\xad"
                  "a Ortega counted.",
                  "Luc\xc3\xad"
                  "a Ortega",
                  "Head of supply chain");
    expect_person("With her came her deputy, Kwame Mensah, and sat down.", "Kwame Mensah",
                  "Deputy");
    expect_person("Dana Ruiz, who ran operations in Lisbon, counted.", "Dana Ruiz",
                  "Ran operations in Lisbon");
    expect_person("Dana Ruiz had been managing director of the firm for two years.", "Dana Ruiz",
                  "Managing director of the firm");
    expect_person("A young baker named Dana Ruiz had counted them all.", "Dana Ruiz",
                  "Young baker");
    expect_person("General Manager Dana Ruiz counted.", "Dana Ruiz", "General Manager");
}

static void names_of_many_shapes_are_people(void **state)
{
    (void)state;
    expect_person("\"No,\" said Siobh\xc3\xa1n O'Rourke.", "Siobh\xc3\xa1n O'Rourke", NULL);
    expect_person("Then Ewan McAllister nodded.", "Ewan McAllister", NULL);
    expect_person("Liesbeth van der Meulen said no.", "Liesbeth van der Meulen", NULL);
    expect_person("Sof\xc3\xad"
                  "a de la Torre said no.",
                  "Sof\xc3\xad"
                  "a de la Torre",
                  NULL);
    expect_person("J. M. Otieno, the agronomist, said no.", "J. M. Otieno", "Agronomist");
    expect_person("Khalid bin Rashid, the investor, said no.", "Khalid bin Rashid", "Investor");
    expect_person("Wanjiku Kamau-Ndegwa said no.", "Wanjiku Kamau-Ndegwa", NULL);
    expect_person("Thandeka Mkhize-Vos, an auditor, said no.", "Thandeka Mkhize-Vos", "Auditor");
    expect_person("Mr. Sandoval retired early.", "Sandoval", NULL);
    expect_person("\xd0\x90\xd0\xbd\xd0\xbd\xd0\xb0 met Dr. \xc5\xbdivkovi\xc4\x87 twice.",
                  "\xc5\xbdivkovi\xc4\x87", NULL);
}

static void forms_of_one_name_are_one_person(void **state)
{
    (void)state;
    const char *text = "Maria Chen, the director, had come early. Ms. Chen sat down. \"No,\" said "
                       "Chen. Then Maria left.";
    expect_people(text, 1);
    expect_person(text, "Maria Chen", "Director");
    expect_people("Jean-Luc M\xc3\xa9tivier said no. \"Why?\" asked Metivier.", 1);
    expect_people("Tom Ruiz, the baker, nodded. His sister Ana Ruiz said no. Ana laughed.", 2);
    expect_people("Dr. van der Meulen said no. Liesbeth van der Meulen, a physicist, had gone.", 1);
}

static void a_company_and_a_person_of_one_name_stay_two(void **state)
{
    (void)state;
    struct fixture fixture;
    analyse(&fixture, "Hayashi Trading K.K. paid well. Mr. Hayashi had been there and bowed. "
                      "Walt Gunderson, who owned Gunderson Cycle, said no.");
    assert_non_null(figure(&fixture, "Hayashi"));
    assert_false(figure(&fixture, "Hayashi")->is_organisation);
    assert_true(figure(&fixture, "Hayashi Trading K.K.")->is_organisation);
    assert_false(figure(&fixture, "Walt Gunderson")->is_organisation);
    assert_int_equal(people(&fixture), 2);
    arena_clear(&fixture.arena);
}

static void other_capitals_are_nobody(void **state)
{
    (void)state;
    expect_people("They flew from New York to San Diego County in early May.", 0);
    expect_people("On Black Friday the Torrent range sold well near Sowerby Bridge.", 0);
    expect_people("Total Quality Management raised the Net Promoter Score.", 0);
    expect_people("Under the Provident Societies Act, and the Suez Canal rules, all was well.", 0);
    expect_people("The Chief Financial Officer and the Vice President met on Mother's Day.", 0);
    expect_people("Price competition was hard. The price fell. Price wars began.", 0);
    expect_people("Swedish Krona and German Mark rose. He spoke French.", 0);
    expect_people("The story of the Schwinn family was well known.", 0);
    expect_people("| Anna Meyer | 12 |\n| Tom Ruiz | 14 |\n", 0);
}

static void those_present_are_not_a_masthead(void **state)
{
    (void)state;
    static const char text[] = "MINUTES OF THE MEETING\n\nPresent: Dana Ruiz (chair), Tom Berg "
                               "(treasurer), and the vicar\n\nBerg: We have no money left, Dana.\n";
    expect_title(text, "MINUTES OF THE MEETING");
    expect_people(text, 2);
    expect_person(text, "Tom Berg", "Treasurer");
}

static void authors_are_not_in_the_cast(void **state)
{
    (void)state;
    expect_people(
        "Professor Anna Carver and Research Associate Tom Ruiz prepared this case.\n\n"
        "Kestrel Mills\n\nThe mill by the river stood still on the first of May, and nobody "
        "in the whole town knew why it did so.\n",
        0);
}

static void organisations_are_told_from_people(void **state)
{
    (void)state;
    expect_organisation("It was bought by Nordwind Foods, Inc. in May.", "Nordwind Foods, Inc.");
    expect_organisation("The offer of Polderbank N.V. was low.", "Polderbank N.V.");
    expect_organisation("He studied at the University of Leeds for a year.", "University of Leeds");
    expect_organisation("It went to Burren & Shannon Dairies plc at last.",
                        "Burren & Shannon Dairies plc");
    expect_organisation("Mercy General Hospital closed.", "Mercy General Hospital");
    expect_organisation("He dealt with Pennington's and left. At Pennington's, the grocer, nobody "
                        "knew. If Pennington's goes, all is lost. He wrote to Pennington's.",
                        "Pennington's");
}

static void the_protagonist_decides(void **state)
{
    (void)state;
    struct fixture fixture;
    analyse(&fixture,
            "Dana Ruiz, the managing director of Kestrel, had to decide by Friday whether "
            "the mill should be sold to a rival. Tom Berg, the owner, said no. Berg spoke "
            "for an hour. Berg left. Ruiz wondered what to do.");
    assert_string_equal(fixture.study.student_role, "Managing director of Kestrel");
    assert_true(figure(&fixture, "Dana Ruiz")->is_main_character);
    assert_false(figure(&fixture, "Tom Berg")->is_main_character);
    assert_non_null(strstr(figure(&fixture, "Dana Ruiz")->goals[0], "whether the mill should be"));
    arena_clear(&fixture.arena);
}

static void goals_come_from_verbs_of_wanting(void **state)
{
    (void)state;
    struct fixture fixture;
    analyse(&fixture,
            "Tom Berg, the owner, wanted to keep the mill open. Ana Diaz, the buyer, asked "
            "for a lower price. Ewan Roy, the cook, did not want the new oven.");
    assert_string_equal(figure(&fixture, "Tom Berg")->goals[0], "Keep the mill open");
    assert_string_equal(figure(&fixture, "Ana Diaz")->goals[0], "Obtain a lower price");
    assert_string_equal(figure(&fixture, "Ewan Roy")->goals[0], "Prevent the new oven");
    arena_clear(&fixture.arena);
}

static void traits_follow_the_words(void **state)
{
    (void)state;
    struct fixture fixture;
    analyse(&fixture, "Tom Berg insisted, demanded and refused. Ana Diaz smiled.");
    assert_true(figure(&fixture, "Tom Berg")->traits[2] > figure(&fixture, "Ana Diaz")->traits[2]);
    assert_int_equal(figure(&fixture, "Ana Diaz")->traits[0], 5);
    arena_clear(&fixture.arena);
}

/* ---- layout ---- */

static void broken_lines_and_pages_are_joined(void **state)
{
    (void)state;
    struct fixture fixture;
    analyse(&fixture,
            "Kestrel Mills\n\nOn the first day of May the manage-\nment of the mill met early "
            "to hear what Dana\nRuiz had to say, and it closed a\n\nCopyright 2020 Northgate."
            "\n\n2\n\f\nwarehouse in the town.\n");
    assert_non_null(strstr(fixture.study.description, "the management of the mill"));
    assert_non_null(strstr(fixture.study.description, "it closed a warehouse in the town."));
    assert_non_null(figure(&fixture, "Dana Ruiz"));
    arena_clear(&fixture.arena);
}

static void markdown_is_read_without_its_marks(void **state)
{
    (void)state;
    struct fixture fixture;
    analyse(&fixture,
            "# Kestrel\n\n## The Mill\n\n**Dana Ruiz**, the owner, said no.\n\n- She had no "
            "*money* left.\n\n> \"None,\" said Ruiz.\n");
    assert_non_null(strstr(fixture.study.description, "Dana Ruiz, the owner, said no."));
    assert_null(strchr(fixture.study.description, '*'));
    assert_null(strstr(fixture.study.description, "The Mill"));
    arena_clear(&fixture.arena);
}

/* ---- outcomes and scenes ---- */

static void check_shape(const struct fixture *fixture, size_t scenes)
{
    const struct case_study *study = &fixture->study;
    assert_true(*study->title);
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        const char start[] = {(char)('1' + i), '.', ' ', 0};
        assert_int_equal(strncmp(study->outcomes[i], start, 3), 0);
    }
    assert_int_equal(study->scene_count, scenes);
    for (size_t i = 0; i < scenes; i++) {
        assert_int_equal(study->scenes[i].sequence_order, i + 1);
        assert_true(*study->scenes[i].title);
        assert_true(*study->scenes[i].user_goal);
        assert_true(*study->scenes[i].success_metric);
        for (size_t j = 0; j < study->scenes[i].personas_count; j++) {
            const struct key_figure *who = figure(fixture, study->scenes[i].personas_involved[j]);
            assert_non_null(who);
            assert_false(who->is_main_character);
        }
    }
    for (size_t i = 0; i < study->figure_count; i++) {
        assert_non_null(study->figures[i].goals[0]);
        assert_true(*study->figures[i].background);
        assert_true(*study->figures[i].correlation);
        for (int trait = 0; trait < TRAIT_COUNT; trait++)
            assert_in_range(study->figures[i].traits[trait], 0, TRAIT_MAX);
    }
}

static const char small_case[] =
    "Kestrel Mills\n\nDana Ruiz, the managing director of Kestrel Mills Ltd, had to choose between "
    "two offers before the end of the week.\n\nThe Flour\n\nTom Berg, the miller, said that it was "
    "too "
    "wet. \"It rains,\" said Berg.\n\nThe Bank\n\nAna Diaz, the banker, wanted the loan back. Diaz "
    "had "
    "waited for a year.\n\nThe Meeting\n\nThe chairman, Ewan Roy, asked Ruiz for her answer.\n";

static void scenes_follow_the_progression(void **state)
{
    (void)state;
    for (size_t scenes = 0; scenes <= 12; scenes++) {
        struct fixture fixture;
        analyse_bytes(&fixture, small_case, strlen(small_case), scenes);
        check_shape(&fixture, scenes);
        for (size_t i = 0; i < scenes; i++)
            assert_true(fixture.study.scenes[i].personas_count > 0);
        if (scenes > 0)
            assert_int_equal(strncmp(fixture.study.scenes[0].title, "Briefing", 8), 0);
        if (scenes >= 4)
            assert_int_equal(strncmp(fixture.study.scenes[scenes - 1].title, "Approval", 8), 0);
        arena_clear(&fixture.arena);
    }
}

/* ---- hostile and empty texts ---- */

static void tiny_texts_give_whole_results(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",      " ", "\n\n\n", "x",  ".",  "\"",           "#", "---", "A",    "Mr.",
        "Mr. X", "*", "-",      "O'", "a-", "\xe2\x80\x9c", "1", "\f",  "Dr. ", "A.B."};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct fixture fixture;
        analyse(&fixture, texts[i]);
        check_shape(&fixture, 4);
        arena_clear(&fixture.arena);
    }
}

/* A text of `length` bytes made by repeating what `write` gives for 0, 1, 2... */
static char *repeated(size_t length, int (*write)(char *out, size_t room, unsigned i))
{
    char *text = malloc(length + 64);
    assert_non_null(text);
    size_t at = 0;
    for (unsigned i = 0; at < length; i++)
        at += (size_t)write(text + at, 64, i);
    text[length] = '\0';
    return text;
}

static int write_capitals(char *out, size_t room, unsigned i)
{
    return snprintf(out, room, "%c", 'A' + (int)(i * 7 % 26));
}

static int write_one_word(char *out, size_t room, unsigned i)
{
    (void)i;
    return snprintf(out, room, "Maria ");
}

static int write_names(char *out, size_t room, unsigned i)
{
    return snprintf(out, room, "Maria %c%c%c%c%cson said no. ", 'A' + (int)(i % 26),
                    'a' + (int)(i / 26 % 26), 'a' + (int)(i / 676 % 26),
                    'a' + (int)(i / 17576 % 26), 'a' + (int)(i / 456976 % 26));
}

static int write_marks(char *out, size_t room, unsigned i)
{
    return snprintf(out, room, "%c", ".\"'*-#|>&,_ \n"[i * 5 % 13]);
}

static int write_headings(char *out, size_t room, unsigned i)
{
    return snprintf(out, room, "# The %c%c Part\n\n", 'A' + (int)(i % 26),
                    'a' + (int)(i / 26 % 26));
}

static int write_shouting(char *out, size_t room, unsigned i)
{
    return snprintf(out, room, "SCHOOL %c%c%c\n", 'A' + (int)(i % 26), 'A' + (int)(i / 26 % 26),
                    'A' + (int)(i / 676 % 26));
}

static int write_particles(char *out, size_t room, unsigned i)
{
    return snprintf(out, room, i % 5 ? "van der " : "Aa-Bb ");
}

static int write_quotes(char *out, size_t room, unsigned i)
{
    (void)i;
    return snprintf(out, room, ".\xe2\x80\x9d");
}

static void hostile_texts_are_borne(void **state)
{
    (void)state;
    static int (*const writers[])(char *, size_t, unsigned) = {
        write_capitals, write_one_word, write_names,     write_marks,
        write_headings, write_shouting, write_particles, write_quotes};
    const size_t length = 2u << 20;
    for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
        char *text = repeated(length, writers[i]);
        struct fixture fixture;
        analyse_bytes(&fixture, text, text_cut(text, length, length), 4);
        check_shape(&fixture, 4);
        assert_true(fixture.study.figure_count <= FIGURES_MAX);
        assert_true(fixture.arena.bytes < 1u << 20);
        arena_clear(&fixture.arena);
        free(text);
    }
}

/* Whatever is cut is cut between characters, wherever a text happens to end. */
static void no_character_is_cut(void **state)
{
    (void)state;
    static const char whole[] =
        "\u738b\u5c0f\u660e\n\nDana Whitlock, the manager, met \u738b\u5c0f\u660e. Dana Whitlock "
        "said: "
        "\u738b\u5c0f\u660e. \u0645\u062d\u0645\u062f \u0627\u0644\u0623\u0645\u064a\u0646"
        "\u3002\u4f1a\u793e\u306e\u793e\u9577\u306f\u738b\u5c0f\u660e\u3067\u3059";
    for (size_t length = 1; length < sizeof(whole); length++) {
        if (!text_is_clean(whole, length))
            continue;
        for (size_t scenes = 1; scenes <= 12; scenes++) {
            struct fixture fixture;
            analyse_bytes(&fixture, whole, length, scenes);
            cJSON *json = case_study_json(&fixture.study);
            char *printed = cJSON_PrintUnformatted(json);
            assert_true(text_is_clean(printed, strlen(printed)));
            cJSON_free(printed);
            cJSON_Delete(json);
            arena_clear(&fixture.arena);
        }
    }
}

static void cancelling_stops_it(void **state)
{
    (void)state;
    const atomic_bool cancel = true;
    const struct offline_options options = {.scene_count = 4, .cancel = &cancel};
    struct arena arena;
    arena_init(&arena);
    struct case_study study = {.title = "untouched"};
    assert_int_equal(offline_analyse(small_case, strlen(small_case), &options, &arena, &study),
                     ERR_CANCELLED);
    assert_string_equal(study.title, "untouched");
    arena_clear(&arena);
}

static void it_always_says_the_same(void **state)
{
    (void)state;
    struct fixture first, second;
    analyse(&first, small_case);
    analyse(&second, small_case);
    cJSON *a = case_study_json(&first.study), *b = case_study_json(&second.study);
    assert_true(cJSON_Compare(a, b, true));
    cJSON_Delete(a);
    cJSON_Delete(b);
    arena_clear(&first.arena);
    arena_clear(&second.arena);
}

/* ---- whole cases ---- */

struct score {
    size_t expected, found; /* people of the cast; those found */
    size_t given, right;    /* people given; those in the cast */
    size_t protagonists, cases;
};

static char *file_text(const char *folder, const char *name, size_t *length_out)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = malloc(1u << 20);
    assert_non_null(text);
    *length_out = fread(text, 1, (1u << 20) - 1, file);
    text[*length_out] = '\0';
    fclose(file);
    return text;
}

static size_t split(char *folded, char *words[16])
{
    size_t count = 0;
    for (char *save, *word = strtok_r(folded, " ", &save); word && count < 16;
         word = strtok_r(NULL, " ", &save))
        words[count++] = word;
    return count;
}

/* Every word of the shorter name is in the longer one, and both end in the same word. */
static bool subset(struct arena *arena, const char *a, const char *b)
{
    char *wa[16], *wb[16];
    const size_t na = split(arena_strdup(arena, a), wa), nb = split(arena_strdup(arena, b), wb);
    if (na == 0 || nb == 0 || strcmp(wa[na - 1], wb[nb - 1]) != 0)
        return false;
    char **shorter = na < nb ? wa : wb, **longer = na < nb ? wb : wa;
    const size_t few = na < nb ? na : nb, many = na < nb ? nb : na;
    for (size_t i = 0; i < few; i++) {
        bool there = false;
        for (size_t j = 0; j < many; j++)
            there |= strcmp(shorter[i], longer[j]) == 0;
        if (!there)
            return false;
    }
    return true;
}

/* Folded and without an honorific. */
static const char *plain(struct arena *arena, const char *name)
{
    static const char *const honorifics[] = {"mr ",  "mrs ",  "ms ",     "dr ",    "prof ",
                                             "sir ", "herr ", "father ", "madame "};
    const char *folded = text_fold(arena, name, strlen(name));
    for (size_t i = 0; i < sizeof(honorifics) / sizeof(honorifics[0]); i++)
        if (strncmp(folded, honorifics[i], strlen(honorifics[i])) == 0)
            folded += strlen(honorifics[i]);
    return folded;
}

static bool is_person(struct arena *arena, const char *given, const cJSON *person)
{
    const char *mine = plain(arena, given);
    const char *name = plain(arena, json_string(person, "name", ""));
    if (strcmp(mine, name) == 0 || subset(arena, mine, name))
        return true;
    const cJSON *alias;
    cJSON_ArrayForEach(alias, json_array(person, "aliases"))
    {
        const char *other = plain(arena, cJSON_IsString(alias) ? alias->valuestring : "");
        if (strcmp(mine, other) == 0)
            return true;
    }
    return false;
}

static void score_case(struct fixture *fixture, const cJSON *cast, struct score *score)
{
    const cJSON *persons = json_array(cast, "people"), *person;
    cJSON_ArrayForEach(person, persons)
    {
        bool found = false;
        for (size_t i = 0; i < fixture->study.figure_count; i++)
            found |= !fixture->study.figures[i].is_organisation &&
                     is_person(&fixture->arena, fixture->study.figures[i].name, person);
        score->expected++;
        score->found += found;
    }
    for (size_t i = 0; i < fixture->study.figure_count; i++) {
        const struct key_figure *given = &fixture->study.figures[i];
        if (given->is_organisation)
            continue;
        bool right = false;
        cJSON_ArrayForEach(person, persons) right |=
            is_person(&fixture->arena, given->name, person);
        score->given++;
        score->right += right;
        score->protagonists += given->is_main_character &&
                               subset(&fixture->arena, plain(&fixture->arena, given->name),
                                      plain(&fixture->arena, json_string(cast, "protagonist", "")));
    }
    score->cases++;
}

static double ratio(size_t part, size_t whole)
{
    return whole == 0 ? 0 : (double)part / (double)whole;
}

static void score_file(const char *folder, const char *name, struct score *score)
{
    char cast_name[512];
    snprintf(cast_name, sizeof(cast_name), "%.*s.cast.json", (int)(strrchr(name, '.') - name),
             name);
    size_t length;
    char *json = file_text(folder, cast_name, &length);
    cJSON *cast;
    assert_int_equal(json_parse(json, length, NULL, &cast), OK);
    free(json);
    char *text = file_text(folder, name, &length);
    struct fixture fixture;
    analyse_bytes(&fixture, text, length, 4);
    check_shape(&fixture, 4);
    score_case(&fixture, cast, score);
    arena_clear(&fixture.arena);
    free(text);
    cJSON_Delete(cast);
}

static int is_case(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && (strcmp(dot, ".txt") == 0 || strcmp(dot, ".md") == 0) &&
           entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
}

/* Prints recall and precision of each text, by number only, and checks those of the whole half. */
static void score_half(const char *half, const char *folder)
{
    struct dirent **entries;
    const int count = scandir(folder, &entries, is_case, alphasort);
    assert_true(count >= 5);
    struct score all = {0};
    for (int i = 0; i < count; i++) {
        struct score one = {0};
        score_file(folder, entries[i]->d_name, &one);
        print_message("%-8s %d   recall %.2f   precision %.2f\n", half, i + 1,
                      ratio(one.found, one.expected), ratio(one.right, one.given));
        all.expected += one.expected;
        all.found += one.found;
        all.given += one.given;
        all.right += one.right;
        all.protagonists += one.protagonists;
        all.cases += one.cases;
        free(entries[i]);
    }
    free(entries);
    print_message("%-8s all recall %.3f  precision %.3f  protagonists %zu of %zu\n", half,
                  ratio(all.found, all.expected), ratio(all.right, all.given), all.protagonists,
                  all.cases);
    assert_true(ratio(all.found, all.expected) >= 0.90);
    assert_true(ratio(all.right, all.given) >= 0.85);
}

static void tuning_half(void **state)
{
    (void)state;
    score_half("tuning", TEST_DATA "/cases/tuning");
}

static void heldout_half(void **state)
{
    (void)state;
    score_half("heldout", TEST_DATA "/cases/heldout");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(title_skips_the_masthead),
        cmocka_unit_test(title_without_a_heading_is_how_the_text_begins),
        cmocka_unit_test(description_is_the_lead_cut_at_a_sentence),
        cmocka_unit_test(roles_are_read_in_each_form),
        cmocka_unit_test(names_of_many_shapes_are_people),
        cmocka_unit_test(forms_of_one_name_are_one_person),
        cmocka_unit_test(a_company_and_a_person_of_one_name_stay_two),
        cmocka_unit_test(other_capitals_are_nobody),
        cmocka_unit_test(those_present_are_not_a_masthead),
        cmocka_unit_test(authors_are_not_in_the_cast),
        cmocka_unit_test(organisations_are_told_from_people),
        cmocka_unit_test(the_protagonist_decides),
        cmocka_unit_test(goals_come_from_verbs_of_wanting),
        cmocka_unit_test(traits_follow_the_words),
        cmocka_unit_test(broken_lines_and_pages_are_joined),
        cmocka_unit_test(markdown_is_read_without_its_marks),
        cmocka_unit_test(scenes_follow_the_progression),
        cmocka_unit_test(tiny_texts_give_whole_results),
        cmocka_unit_test(hostile_texts_are_borne),
        cmocka_unit_test(no_character_is_cut),
        cmocka_unit_test(cancelling_stops_it),
        cmocka_unit_test(it_always_says_the_same),
        cmocka_unit_test(tuning_half),
        cmocka_unit_test(heldout_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
