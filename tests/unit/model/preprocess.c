/*
 * Each rule on small texts, what it takes and what it must leave; then whole cases, and texts put
 * together at random, of which a second run must change nothing.
 */
#include "model/preprocess.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"

/* ---- helpers ---- */

/* The text without what the rules take; and checks what holds for every text. */
static struct buffer clean_bytes(const char *text, size_t length)
{
    struct buffer once, twice;
    buffer_init(&once, length + 1);
    assert_int_equal(preprocess(text, length, NULL, &once), OK);
    assert_true(text_is_clean(once.data, once.length));
    assert_null(memchr(once.data, '\f', once.length));
    assert_null(strstr(once.data, "\n\n\n"));

    buffer_init(&twice, once.length + 1);
    assert_int_equal(preprocess(once.data, once.length, NULL, &twice), OK);
    if (once.length != twice.length || memcmp(once.data, twice.data, once.length) != 0)
        print_error("A second run changed\n<<%s>>\nto\n<<%s>>\n", once.data, twice.data);
    assert_int_equal(twice.length, once.length);
    assert_memory_equal(twice.data, once.data, once.length);
    buffer_clear(&twice);
    return once;
}

static void expect(const char *text, const char *clean)
{
    struct buffer out = clean_bytes(text, strlen(text));
    if (strcmp(out.data, clean) != 0)
        print_error("of: %s\n", text);
    assert_string_equal(out.data, clean);
    buffer_clear(&out);
}

static void expect_same(const char *text)
{
    expect(text, text);
}

/* ---- lines ---- */

static void blanks_and_empty_lines_are_made_few(void **state)
{
    (void)state;
    expect("", "");
    expect(" \n\t\n\f", "");
    expect("a", "a\n");
    expect("\n\n  a  \t\n \n\n\nb\r\nc", "  a\n\nb\nc\n");
    expect("a\fb", "a\nb\n"); /* an empty line would make it longer */
}

static void divided_words_are_made_whole(void **state)
{
    (void)state;
    expect("the chief execu-\ntive officer\nsaid", "the chief executive officer\nsaid\n");
    expect("a com-\nmu-\nter", "a commuter\n");
    expect("Lef\xc3\xa8-\nvre and \xc3\xa9t\xc3\xa9-\n\xc3\xa9t\xc3\xa9",
           "Lef\xc3\xa8vre and \xc3\xa9t\xc3\xa9\xc3\xa9t\xc3\xa9\n");
    expect("the execu\xc2\xad\ntive and the sec\xe2\x80\x90\nretary",
           "the executive and the secretary\n");
    /* across a page that ends inside a sentence */
    expect("the chief execu-\n\n\ftive officer\n", "the chief executive officer\n");
}

static void compounds_keep_their_hyphen(void **state)
{
    (void)state;
    expect("forty-\nfour and state-of-the-\nart e-\nmail",
           "forty-four and state-of-the-art e-mail\n");
    expect("Wanjiku Kamau-\nNdegwa", "Wanjiku Kamau-Ndegwa\n");
}

static void hyphens_that_divide_no_word_stay(void **state)
{
    (void)state;
    expect_same("from 2019-\nand on\n");
    expect_same("the mill -\nand the river\n");
    expect_same("a well-known execu-\n\ntive\n"); /* another paragraph */
    expect_same("left   execu-\ntive   right\n"); /* columns */
    expect_same("| execu-\ntive | b |\n");        /* a table */
    expect_same("# The execu-\ntive\n");          /* a heading */
    expect_same("5-\n7\n");
}

/* ---- pages ---- */

static void running_heads_and_page_numbers_go(void **state)
{
    (void)state;
    expect("Kestrel Mills\n\nOne.\n\n1\n\f"
           "821-044   Kestrel Mills\n2\n\nTwo.\n\nNorthgate Case Collection\n\f"
           "821-044   Kestrel Mills\n3\n\nThree.\n\nNorthgate Case Collection\n\f"
           "821-044   Kestrel Mills\n4\n\nFour.\n\nNorthgate Case Collection\n\f",
           "Kestrel Mills\n\nOne.\n\nTwo.\n\nThree.\n\nFour.\n");
    /* numbers that count pages, wherever they stand in the line */
    expect("One.\n\nKestrel Mills, page 7 of 9\n\fTwo.\n\nKestrel Mills, page 8 of 9\n\f",
           "One.\n\nTwo.\n");
    expect("One.\n\n[12]\n\fTwo.\n\n[13]\n\f", "One.\n\nTwo.\n");
    /* of LlamaParse, whose title comes back as a heading: the first one stays */
    expect("# Mill\n\nOne.\n---\n# Mill\n\nTwo.\n---\n# Mill\n\nThree.\n---\nNO_CONTENT_HERE\n",
           "# Mill\n\nOne.\n\nTwo.\n\nThree.\n");
}

static void lines_at_page_edges_that_are_text_stay(void **state)
{
    (void)state;
    /* exhibits, one a page; their numbers count the pages by chance */
    expect("Exhibit 1\n\na\n\fExhibit 2\n\nb\n\fExhibit 3\n\nc\n\f",
           "Exhibit 1\n\na\n\nExhibit 2\n\nb\n\nExhibit 3\n\nc\n");
    expect("Step 1\n\na\n\fStep 2\n\nb\n\f", "Step 1\n\na\n\nStep 2\n\nb\n");
    /* the columns of tables */
    expect("Sales\n281\n\fOther\n2,600\n6.3\n\fMore\n19\n\f",
           "Sales\n281\n\nOther\n2,600\n6.3\n\nMore\n19\n");
    expect("| Total | 1 |\n\f| Total | 2 |\n\f| Total | 3 |\n",
           "| Total | 1 |\n\n| Total | 2 |\n\n| Total | 3 |\n");
    /* twice is no habit without a number, and quotations are no heads */
    expect("Mr. Hu\n\na\n\fMr. Hu\n\nb\n", "Mr. Hu\n\na\n\nMr. Hu\n\nb\n");
    expect("\"Eleven\"\nq\n\f\"Eleven\"\nr\n\f\"Eleven\"\ns\n\f",
           "\"Eleven\"\nq\n\n\"Eleven\"\nr\n\n\"Eleven\"\ns\n");
    /* within a page nothing comes back too often */
    expect_same("Mill\n\nMill\n\nMill\n\nMill\n\nMill\n\n1\n\n2\n");
}

static void pages_that_break_a_sentence_are_joined(void **state)
{
    (void)state;
    expect("He closed a\n\n1\n\f\n\nwarehouse.\n\n2\n\fThen he left.\n\n3\n\f",
           "He closed a\nwarehouse.\n\nThen he left.\n");
    expect("| a |\n\fand\n", "| a |\n\nand\n");
}

static void page_lines_go_wherever_they_are(void **state)
{
    (void)state;
    expect("a\n- 12 -\nb\n\xe2\x80\x93 7 \xe2\x80\x93\n\nPage 3 of 9\nc\n**Page 4**\nPage 5 / 9\nd",
           "a\n\nb\n\nc\n\nd\n");
    expect("NO_CONTENT_HERE", "");
    expect_same("Page 3 of the contract was missing.\n\n- 12 pumps\n\n- 12\n\n12\n\n3 of 9\n\n-\n");
}

static void separators_go_and_rules_stay(void **state)
{
    (void)state;
    expect("One.\n\n---\n\nTwo.\n---\nThree.\n", "One.\n\nTwo.\n\nThree.\n");
    expect_same("The Mill\n---\n\nIt stood still.\n");
    expect_same("One.\n\n* * *\n\nTwo.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n____\n");
    /* a rule goes with the heading that it belongs to */
    expect("Page 3\n---\n\nText.\n", "Text.\n");
    expect("Copyright 2020 Lake Street\n---\n\nText.\n", "Text.\n");
}

static void front_matter_stays(void **state)
{
    (void)state;
    expect("\n---  \ntitle: \"Mill\"\nauthor: A. Carver\n---\n\n# Mill\n",
           "---\ntitle: \"Mill\"\nauthor: A. Carver\n---\n\n# Mill\n");
    expect("---\n\nNo such thing.\n\n---\n\nText.\n", "No such thing.\n\nText.\n");
}

/* ---- mastheads ---- */

static void mastheads_go(void **state)
{
    (void)state;
    expect("HARVARD BUSINESS SCHOOL | 9-123-456 | REV: MAY 2, 2019\n\nKestrel Mills\n\nIt stood.\n",
           "Kestrel Mills\n\nIt stood.\n");
    expect("# NORTHGATE SCHOOL OF BUSINESS\n\n9-712-044\n\nREV. MAY 3, 2021\n\nANNA B. CARVER\n"
           "JOHN DOE\n\n# Kestrel Mills: A Question of Flour\n\nIt stood.\n",
           "# Kestrel Mills: A Question of Flour\n\nIt stood.\n");
    expect("9B17M052\nMarch 15, 2019\nKestrel Mills\nIt stood.\n", "Kestrel Mills\nIt stood.\n");
    expect("WHARFEDALE CASE COLLECTION\nCase 24-117\nRev. 14 May 2024\n"
           "Prepared by Dr. Judith Haverley as a basis for class discussion rather than to show\n"
           "handling of a business situation. Some figures have been disguised.\n\nKestrel Mills\n",
           "Kestrel Mills\n");
}

static void what_may_be_the_title_stays(void **state)
{
    (void)state;
    expect_same("Northgate Business School\n\nThe Dean had a week.\n");
    expect_same("Northgate Business School\n\nIntroduction\n\nThe Dean had a week.\n");
    expect_same("KESTREL MILLS\n\n9-712-044\n\nA Question of Flour\n");
    expect_same("March 15, 2019\n\nKestrel Mills\n");
    expect_same("2019-2021\n\nThe Lean Years\n");
    expect_same("The Carver Business School: Whose Milk?\n\n9-712-044\n\nIntroduction\n");
    /* a publisher below a number may be the title; so may an author above it */
    expect("9-712-044\n\nNorthgate Business School\n\nThe Dean had a week.\n",
           "Northgate Business School\n\nThe Dean had a week.\n");
    expect_same("JOHN M. CASE\n\nIntroduction\n");
    /* no title follows: then all of it stays */
    expect_same("9-712-044\n\nit stood still, and nobody knew why.\n");
}

/* ---- notices ---- */

static void notices_go(void **state)
{
    (void)state;
    static const char *const notices[] = {
        "This document is authorized for use only by Dana Ruiz in BUS 500.",
        "\xc2\xa9 2021 Lake Street School. All rights reserved.",
        "(c) 2021 Lake Street School. All rights reserved.",
        "*Copyright \xc2\xa9 2019 \xe2\x80\x93 2021 by Lake Street School*",
        "Copyright (c) 2020, 2021 Lake Street School",
        "COPYRIGHT 2020 LAKE STREET SCHOOL",
        "Copyright Lake Street School, 2020. All rights reserved.",
        "All rights reserved.",
        "Copying or posting is an infringement of copyright. Permissions@lake.example",
        "Do not copy or post.",
        "No part of this publication may be reproduced, stored or sent.",
        "Purchased by: Dana Ruiz (dana@ruiz.example) on 12 May 2021",
        "This copy was purchased by Dana Ruiz on 2021-05-12.",
        "For the exclusive use of D. Ruiz, 2021.",
        "> Usage permitted only within these parameters otherwise write to us.",
    };
    for (size_t i = 0; i < sizeof(notices) / sizeof(notices[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), "It stood still.\n\n%s\n\nNobody knew why.\n", notices[i]);
        expect(text, "It stood still.\n\nNobody knew why.\n");
        snprintf(text, sizeof(text), "It stood still.\n%s\nNobody knew why.\n", notices[i]);
        expect(text, "It stood still.\n\nNobody knew why.\n");
    }
}

static void notices_go_to_their_end(void **state)
{
    (void)state;
    expect("Copyright \xc2\xa9 2012 President and Fellows. To order copies or request permission,\n"
           "call 1-800-555-0100, or go to www.lake.example/educators.\n"
           "This publication may not be digitized, photocopied, or otherwise reproduced, without\n"
           "the permission of Lake Street School.\n\nIt stood still.\n",
           "It stood still.\n");
    expect("This document is authorized for use only by Dana Ruiz in BUS 500 taught by\n"
           "Jo Smith, Northgate University from Aug 2021 to Feb 2022.\n\nIt stood still.\n",
           "It stood still.\n");
    expect("It stood.\n\n____\nProfessor Anna Carver and Research Associate John Doe\n"
           "prepared this case. It is intended solely as the basis for class\ndiscussion.\n",
           "It stood.\n");
}

/* A page may go on with the case right below a notice. */
static void the_case_below_a_notice_stays(void **state)
{
    (void)state;
    expect("\xc2\xa9 2021 Lake Street School\nThe mill stood still.\nAnna knew why.\n",
           "The mill stood still.\nAnna knew why.\n");
    expect("Do not copy or post.\nAnna asked for permission to sell.\n",
           "Anna asked for permission to sell.\n");
    expect("\xc2\xa9 2021 Lake Street School\n# The Mill\n| a, | the |\n",
           "# The Mill\n| a, | the |\n");
}

static void stories_about_copyright_stay(void **state)
{
    (void)state;
    static const char *const stories[] = {
        "Copyright was what Dana had in mind when she wrote the letter.",
        "Copyright law in 2019 said nothing about it.",
        "Copyright \xc2\xa9 2019 was printed on each page, and nobody had read it.",
        "Dana wrote \"All rights reserved\" below the drawing.",
        "All rights reserved to the founder had been sold in 1998.",
        "The file said: this document is authorized for use only by the board.",
        "No part of this was known to the board, which may have been a reason.",
        "No part of this quarrel may be forgotten, said Dana.",
        "For the exclusive use of the machine, Delphin paid 2000 a month.",
        "Purchased by her father in 1961 on credit, the mill had never paid.",
        "Licensed to kill, she joked, and put the 2 contracts on the table.",
        "(c) the third option, in 2021 at the latest",
        "\"Copying or posting is an infringement,\" the lawyer wrote.",
        "The judge found that copying was an infringement of copyright. Permission to reproduce "
        "the "
        "drawings had never been given, and posting them without the permission of the owner was "
        "another matter.",
    };
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), "The Suit\n\n%s\n\n%s\n", stories[i], stories[i]);
        expect_same(text);
    }
}

static void others_may_prepare_and_discuss(void **state)
{
    (void)state;
    expect_same("The Mill\n\nAnna had prepared this case for the court for years.\n");
    expect_same("The Mill\n\n## Questions for Class Discussion\n\n1. Who stopped it?\n");
    expect_same("The Mill\n\nThe plan prepared by Ms. Diaz led to a class discussion.\n");
}

static void what_a_case_is_made_of_stays(void **state)
{
    (void)state;
    expect_same(
        "# Kestrel Mills\n\n## The Market\n\n- flour\n- *bread*\n  1. rye\n\n> Anna: \"No.\"\n\n"
        "| Year | Sales |\n|---|---:|\n| 2019 | 4 |\n\nExhibit 1: Sales\n\n"
        "                2016   2017\nNet sales       37.9   43.2\n\n2019\n\n2020\n\n"
        "Source: company accounts.\n");
}

/* ---- whole cases ---- */

static char *read_text(FILE *file, size_t *length_out)
{
    enum { MOST = 1 << 20 };
    char *text = malloc(MOST);
    assert_non_null(text);
    *length_out = fread(text, 1, MOST - 1, file);
    assert_true(*length_out > 0);
    text[*length_out] = '\0';
    return text;
}

static char *read_path(const char *path, size_t *length_out)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = read_text(file, length_out);
    fclose(file);
    return text;
}

static void expect_somewhere(const char *folded, const char *name, struct arena *arena)
{
    const char *wanted = text_fold(arena, name, strlen(name));
    if (!strstr(folded, wanted))
        print_error("no \"%s\"\n", name);
    assert_non_null(strstr(folded, wanted));
}

/* All that is to be found in a case is still there, and its authors are not. */
static void expect_cast(const char *cast_path, const struct buffer *out, const char *const *gone)
{
    size_t length;
    char *json = read_path(cast_path, &length);
    cJSON *cast;
    assert_int_equal(json_parse(json, length, NULL, &cast), OK);
    free(json);
    struct arena arena;
    arena_init(&arena);
    const char *folded = text_fold(&arena, out->data, out->length);
    expect_somewhere(folded, json_string(cast, "title", ""), &arena);
    const cJSON *item, *alias;
    cJSON_ArrayForEach(item, json_array(cast, "people"))
    {
        expect_somewhere(folded, json_string(item, "name", ""), &arena);
        expect_somewhere(folded, json_string(item, "role", ""), &arena);
        cJSON_ArrayForEach(alias, json_array(item, "aliases"))
            expect_somewhere(folded, alias->valuestring, &arena);
    }
    cJSON_ArrayForEach(item, json_array(cast, "organisations"))
        expect_somewhere(folded, item->valuestring, &arena);
    for (; *gone; gone++)
        assert_null(strstr(out->data, *gone));
    arena_clear(&arena);
    cJSON_Delete(cast);
}

static void the_sample_keeps_its_cast(void **state)
{
    (void)state;
    FILE *pipe = popen("pdftotext -enc UTF-8 " TEST_DATA "/sample/case.pdf -", "r");
    assert_non_null(pipe);
    size_t length;
    char *text = read_text(pipe, &length);
    assert_int_equal(pclose(pipe), 0);
    struct buffer out = clean_bytes(text, length);
    static const char *const gone[] = {"Copyright", "Haverley", "WHARFEDALE",
                                       "24-117",    "\n6\n\n",  NULL};
    expect_cast(TEST_DATA "/sample/cast.json", &out, gone);
    assert_memory_equal(out.data, "Ferrow Pumps Ltd: Selling Uptime\n", 33);
    assert_non_null(strstr(out.data, "\xe2\x80\x9cYou have\nthe hands and we have"));
    assert_non_null(strstr(out.data, "\n312\n182\n\n46\n")); /* a table's columns */
    buffer_clear(&out);
    free(text);
}

static int is_cast(const struct dirent *entry)
{
    return strstr(entry->d_name, ".cast.json") != NULL;
}

static void the_tuning_cases_keep_their_casts(void **state)
{
    (void)state;
    static const char folder[] = TEST_DATA "/cases/tuning";
    static const char *const gone[] = {"Whitmore", "Copyright", "5-821-044", "Prepared by", NULL};
    struct dirent **entries;
    const int count = scandir(folder, &entries, is_cast, alphasort);
    assert_int_equal(count, 5);
    for (int i = 0; i < count; i++) {
        char cast_path[512], path[512];
        const int stem = (int)(strstr(entries[i]->d_name, ".cast") - entries[i]->d_name);
        snprintf(cast_path, sizeof(cast_path), "%s/%s", folder, entries[i]->d_name);
        snprintf(path, sizeof(path), "%s/%.*s.txt", folder, stem, entries[i]->d_name);
        FILE *text_file = fopen(path, "r");
        if (text_file)
            fclose(text_file);
        else
            snprintf(path, sizeof(path), "%s/%.*s.md", folder, stem, entries[i]->d_name);
        size_t length;
        char *text = read_path(path, &length);
        struct buffer out = clean_bytes(text, length);
        assert_true(out.length > length * 8 / 10);
        expect_cast(cast_path, &out, gone);
        buffer_clear(&out);
        free(text);
        free(entries[i]);
    }
    free(entries);
}

/* ---- any text ---- */

/* A small generator, so that each run tries the same texts. */
static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Lines and pieces that the rules look for, in any order, with any ends. */
static void random_lines_settle_in_one_run(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "9-123-456",
        "HARVARD BUSINESS SCHOOL",
        "REV: MAY 2, 2019",
        "March 3, 2020",
        "ALAN R. WHITMORE",
        "DENISE LIU",
        "Kestrel Mills",
        "# Kestrel Mills",
        "---",
        "title: Mill",
        "Copyright \xc2\xa9 2020 Lake Street",
        "All rights reserved.",
        "permission to reproduce",
        "without the consent of the",
        "and posting it,",
        "Professor Hu prepared this case",
        "for class",
        "discussion.",
        "Prepared by Hu",
        "NO_CONTENT_HERE",
        "Page 3 of 9",
        "- 12 -",
        "1",
        "2",
        "3",
        "4",
        "Kestrel Mills 1",
        "Kestrel Mills 2",
        "Kestrel Mills 3",
        "execu-",
        "tive",
        "Kamau-",
        "Ndegwa",
        "forty-",
        "four",
        "e-",
        "x\xc2\xad",
        "\xc3\xa9",
        "| a | b |",
        "a   b   c",
        "Dis-",
        "cussion",
        "Copy-",
        "right 2020 Lake",
        "The mill stood still.",
        "said, and",
        "\"No\"",
        "Exhibit 1",
        "  indented",
        "\t",
        "Page",
        "of",
        "-",
        "class",
        "====",
        "a,",
        "This document is authorized for use only by Dana Ruiz in BUS 500 taught by"};
    static const char *const ends[] = {"\n", "\n", "\n",     "\n\n", "\n\n",    "\f",  "\n\f",
                                       " ",  "",   "\n\n\f", "  \n", "\n---\n", "\r\n"};
    uint32_t seed = 20190503;
    char text[2048];
    for (int round = 0; round < 20000; round++) {
        size_t length = 0;
        const size_t count = 1 + next_random(&seed) % 24;
        for (size_t i = 0; i < count; i++) {
            const char *piece = pieces[next_random(&seed) % (sizeof(pieces) / sizeof(pieces[0]))];
            const char *end = ends[next_random(&seed) % (sizeof(ends) / sizeof(ends[0]))];
            length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", piece, end);
        }
        struct buffer out = clean_bytes(text, length);
        buffer_clear(&out);
    }
}

static void any_characters_are_borne(void **state)
{
    (void)state;
    uint32_t seed = 7;
    char bytes[400];
    for (int round = 0; round < 3000; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)(next_random(&seed) >> 11);
        struct buffer text;
        buffer_init(&text, 3 * sizeof(bytes));
        assert_int_equal(text_clean(bytes, sizeof(bytes), &text), OK);
        struct buffer out = clean_bytes(text.data, text.length);
        buffer_clear(&out);
        buffer_clear(&text);
    }
}

/* What would be slow if it were looked at more than once. */
static void large_texts_are_borne(void **state)
{
    (void)state;
    static const char *const pieces[] = {"\f",         "a\f",   "ab-\n",       "(c) 2020\nx\n",
                                         "Foo\n---\n", "---\n", "x 1 2 3\n\f", " ",
                                         "a",          "\n",    "|",           "\xc3\xa9-\n"};
    enum { LENGTH = 256 * 1024 };
    char *text = malloc(LENGTH + 16);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        const size_t piece = strlen(pieces[i]);
        size_t length = 0;
        for (; length < LENGTH; length += piece)
            memcpy(text + length, pieces[i], piece);
        struct buffer out = clean_bytes(text, length);
        buffer_clear(&out);
    }
    free(text);
}

static void the_buffer_is_appended_to(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 8);
    assert_int_equal(buffer_puts(&out, "a:"), OK);
    assert_int_equal(preprocess("b\n\n\fC", 5, NULL, &out), OK);
    assert_string_equal(out.data, "a:b\n\nC\n");
    assert_int_equal(out.length, 7);
    assert_int_equal(preprocess("d", 1, NULL, &out), ERR_LIMIT);
    assert_string_equal(out.data, "a:b\n\nC\n");
    buffer_clear(&out);
}

static void cancelling_stops_it(void **state)
{
    (void)state;
    atomic_bool cancel;
    atomic_init(&cancel, true);
    struct buffer out;
    buffer_init(&out, 100);
    assert_int_equal(preprocess("a", 1, &cancel, &out), ERR_CANCELLED);
    assert_int_equal(out.length, 0);
    assert_string_equal(out.data, "");
    atomic_store(&cancel, false);
    assert_int_equal(preprocess("a", 1, &cancel, &out), OK);
    assert_string_equal(out.data, "a\n");
    buffer_clear(&out);
}

/* ---- cutting ---- */

static void expect_cut(const char *text, size_t characters, const char *kept)
{
    const size_t cut = preprocess_cut(text, strlen(text), characters);
    assert_int_equal(cut, strlen(kept));
    assert_memory_equal(text, kept, cut);
}

static void cuts_at_the_best_place(void **state)
{
    (void)state;
    expect_cut("One. Two.\n\nThree four. Five", 18, "One. Two."); /* a paragraph */
    expect_cut("One. Two.\n\nThree four. Five", 26, "One. Two.\n\nThree four.");
    expect_cut("One two. Three four", 14, "One two."); /* a sentence */
    expect_cut("\xe2\x80\x9cOne two.\xe2\x80\x9d Three four", 14,
               "\xe2\x80\x9cOne two.\xe2\x80\x9d");
    expect_cut("(One two!) Three four", 14, "(One two!)");
    expect_cut("One two three four", 11, "One two");       /* a word */
    expect_cut("One two three four", 13, "One two three"); /* which ends right there */
    expect_cut("Onetwothree", 5, "Onetw");                 /* a character */
}

static void a_cut_keeps_half_of_what_fits(void **state)
{
    (void)state;
    expect_cut("One.\n\nTwo three four five", 20, "One.\n\nTwo three four");
    expect_cut("A Bcdefghijklmn", 10, "A Bcdefghi");
    expect_cut("Ab. Cdefgh", 6, "Ab."); /* exactly half */
    expect_cut("Ab. Cdefgh", 7, "Ab. Cde");
}

static void a_cut_counts_characters(void **state)
{
    (void)state;
    expect_cut("\xc3\xa9\xc3\xa9\xc3\xa9", 3, "\xc3\xa9\xc3\xa9\xc3\xa9");
    expect_cut("\xc3\xa9\xc3\xa9\xc3\xa9", 2, "\xc3\xa9\xc3\xa9");
    expect_cut("\xf0\x9f\x8c\xbe\xf0\x9f\x8c\xbe", 1, "\xf0\x9f\x8c\xbe");
    expect_cut("\xc3\xa9\xc3\xa9 \xc3\xa9\xc3\xa9\xc3\xa9", 4, "\xc3\xa9\xc3\xa9");
    expect_cut("", 5, "");
    expect_cut("abc", 0, "");
    expect_cut("abc", 3, "abc");
    expect_cut("abc", 4, "abc");
    expect_cut("a b\n", 3, "a b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blanks_and_empty_lines_are_made_few),
        cmocka_unit_test(divided_words_are_made_whole),
        cmocka_unit_test(compounds_keep_their_hyphen),
        cmocka_unit_test(hyphens_that_divide_no_word_stay),
        cmocka_unit_test(running_heads_and_page_numbers_go),
        cmocka_unit_test(lines_at_page_edges_that_are_text_stay),
        cmocka_unit_test(pages_that_break_a_sentence_are_joined),
        cmocka_unit_test(page_lines_go_wherever_they_are),
        cmocka_unit_test(separators_go_and_rules_stay),
        cmocka_unit_test(front_matter_stays),
        cmocka_unit_test(mastheads_go),
        cmocka_unit_test(what_may_be_the_title_stays),
        cmocka_unit_test(notices_go),
        cmocka_unit_test(notices_go_to_their_end),
        cmocka_unit_test(the_case_below_a_notice_stays),
        cmocka_unit_test(stories_about_copyright_stay),
        cmocka_unit_test(others_may_prepare_and_discuss),
        cmocka_unit_test(what_a_case_is_made_of_stays),
        cmocka_unit_test(the_sample_keeps_its_cast),
        cmocka_unit_test(the_tuning_cases_keep_their_casts),
        cmocka_unit_test(random_lines_settle_in_one_run),
        cmocka_unit_test(any_characters_are_borne),
        cmocka_unit_test(large_texts_are_borne),
        cmocka_unit_test(the_buffer_is_appended_to),
        cmocka_unit_test(cancelling_stops_it),
        cmocka_unit_test(cuts_at_the_best_place),
        cmocka_unit_test(a_cut_keeps_half_of_what_fits),
        cmocka_unit_test(a_cut_counts_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
