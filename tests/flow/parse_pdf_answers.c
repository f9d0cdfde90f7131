/*
 * The pipeline with models that say what the test has written for them: what becomes of each kind
 * of answer, and of an answer that is followed by a failure. Then a run is cancelled in each round
 * of the loop, with texts so long that worker threads read them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/parse_pdf.h"
#include "upstream/openai.h"

enum {
    ANSWERS_MAX = 8,
    FILES_MAX = 3,
    PIECE = 10000,
    ANSWER_BYTES = 16 * 1024,
    TOKENS_IN = 1000, /* that each answer costs */
    TOKENS_OUT = 100,
    LONG_BYTES = 300 * 1000,
    FAR_MS = 600 * 1000,
    KEPT_BYTES = 1 << 20, /* of answers */
};

static const double ANSWER_USD = 0.25;
static const double ESTIMATE_USD = 1; /* of a call */

static const char text[] =
    "Pell Street Bicycle Works\n\n"
    "Dana Whitlock, the owner of Pell Street Bicycle Works, runs the workshop and owes the bank "
    "40,000 dollars. Arturo Benitez, the sales manager of Harbor Components Inc., wants to be paid "
    "by Friday. Ingrid Solheim, the chief auditor of Tern Bank, has doubts.\n\n"
    "Dana Whitlock asked Arturo Benitez for another month. Arturo Benitez said no. Ingrid Solheim "
    "said that Dana Whitlock has to decide by Friday.\n";

/* What a model says when it is asked, or how the call fails. */
struct reply {
    const char *call; /* "analysis", "scenes" */
    const char *content;
    enum err fail;
    bool cut; /* at the limit of tokens, and taken all the same */
    bool shortened, input_cut;
};

#define SAID(call_, ...)                                                                           \
    {                                                                                              \
        .call = call_, .content = __VA_ARGS__                                                      \
    }
#define FAILED(call_, fail_)                                                                       \
    {                                                                                              \
        .call = call_, .fail = fail_                                                               \
    }

static struct {
    struct loop loop;
    struct spool spool;
    struct config config;
    struct upstream upstream;
    struct openai openai;
    struct services services;
    struct pipeline_tools tools;
    struct arena arena;
    struct input_file inputs[FILES_MAX];
    size_t input_count;
    struct parse_pdf parse;
    struct reply script[ANSWERS_MAX];
    size_t script_length;
    bool said[ANSWERS_MAX];
    size_t answers;  /* that were given */
    char *cast;      /* that the scenes were asked for */
    char asked[128]; /* the titles of the documents of the latest call */
    size_t asked_bytes;
    uv_prepare_t prepare;
    size_t rounds, cancel_round; /* 0: not at all */
    size_t finishes;
} flow;

/* --- models --------------------------------------------------------------------------------- */

static struct reply *next_reply(const struct chat_call *chat)
{
    for (size_t i = 0; i < flow.script_length; i++)
        if (!flow.said[i] && strcmp(flow.script[i].call, chat->request.name) == 0)
            return &flow.script[i];
    return NULL;
}

bool chat_call_is_last(const struct chat_call *chat)
{
    return !next_reply(chat);
}

static enum flow answer_once(struct op *op)
{
    struct upstream_call *call = op_cast(op, upstream_call);
    struct chat_call *chat = container_of(call, struct chat_call, call);
    struct reply *reply = next_reply(chat);
    assert_non_null(reply);
    flow.said[reply - flow.script] = true;
    flow.answers++;
    chat->call.tries++;
    chat->usage.prompt += TOKENS_IN;
    chat->usage.completion += TOKENS_OUT;
    chat->cost_usd += ANSWER_USD;
    buffer_reset(&chat->content);
    chat->model = "";
    if (reply->fail != OK)
        return op_fail(op, reply->fail, "openai said no");
    chat->model = "model-x";
    chat->shortened = reply->shortened;
    chat->input_cut = reply->input_cut;
    chat->fault = reply->cut ? "length" : "";
    assert_int_equal(buffer_puts(&chat->content, reply->content), OK);
    const char *complaint = NULL;
    if (chat->request.check(chat, &complaint) == OK)
        return FLOW_DONE;
    assert_non_null(complaint);
    assert_true(*complaint);
    return chat_call_is_last(chat) ? op_fail(op, ERR_UPSTREAM, "openai said nonsense") : FLOW_AGAIN;
}

static const struct step chat_steps[] = {{"answer", answer_once}, {0}};
static const struct op_kind chat_kind = {"chat", chat_steps, NULL, NULL};

void chat_call_start(struct chat_call *chat, struct op_link link, struct openai *openai,
                     const struct chat_request *request, const struct gate_rank *rank,
                     uint64_t deadline_ms)
{
    (void)rank, (void)deadline_ms;
    memset(chat, 0, sizeof(*chat));
    chat->openai = openai;
    chat->request = *request;
    buffer_init(&chat->content, CHAT_CONTENT_BYTES_MAX);
    flow.asked[0] = '\0';
    flow.asked_bytes = 0;
    for (size_t i = 0; i < request->document_count; i++) {
        strcat(flow.asked, i > 0 ? ", " : "");
        strcat(flow.asked, request->documents[i].title);
        flow.asked_bytes += request->documents[i].text.length;
    }
    if (strcmp(request->name, "scenes") == 0)
        flow.cast = strndup(request->documents[0].text.data, request->documents[0].text.length);
    op_start(&chat->call.op, &chat_kind, link);
}

void chat_call_clear(struct chat_call *chat)
{
    buffer_clear(&chat->content);
}

struct token_usage chat_call_usage(const struct chat_call *chat)
{
    return chat->usage;
}

double chat_call_cost_usd(const struct chat_call *chat)
{
    return chat->cost_usd;
}

double chat_estimate_usd(const struct openai *openai, const struct chat_request *request)
{
    (void)openai;
    assert_true(request->document_count > 0);
    return ESTIMATE_USD;
}

/* --- what they say -------------------------------------------------------------------------- */

#define FIGURE(name, role, main)                                                                   \
    "{\"name\":\"" name "\",\"role\":\"" role "\",\"correlation\":\"c\",\"background\":\"b\","     \
    "\"primary_goals\":[\"g\"],\"personality_traits\":{},\"is_main_character\":" main "}"
#define ANALYSIS(title, role, figures, outcomes)                                                   \
    "{\"title\":\"" title "\",\"student_role\":\"" role "\",\"key_figures\":[" figures "],"        \
    "\"description\":\"d\",\"learning_outcomes\":[" outcomes "]}"
#define OWNER    FIGURE("Dana Whitlock", "Owner", "true")
#define SELLER   FIGURE("Mr. Arturo Ben\xc3\xadtez", "Sales Manager", "false")
#define AUDITOR  FIGURE("Ingrid Solheim", "Chief Auditor", "false")
#define FIGURES  OWNER "," SELLER "," AUDITOR
#define OUTCOMES "\"1. a\",\"2. b\",\"3. c\",\"4. d\",\"5. e\""
#define SCENE(title, who)                                                                          \
    "{\"title\":\"" title "\",\"description\":\"d\",\"personas_involved\":[\"" who "\"],"          \
    "\"user_goal\":\"g\",\"success_metric\":\"m\",\"sequence_order\":7}"
#define SCENES(scenes) "{\"scenes\":[" scenes "]}"
#define FOUR                                                                                       \
    SCENE("one", "arturo benitez")                                                                 \
    "," SCENE("two", "Solheim") "," SCENE("three", "Dr Ingrid Solheim") "," SCENE("four", "Artur"  \
                                                                                          "o")

static const char whole_analysis[] = ANALYSIS("The Model's Title", "Owner", FIGURES, OUTCOMES);
static const char without_a_title[] = ANALYSIS("", "Owner", FIGURES, OUTCOMES);
static const char whole_scenes[] = SCENES(FOUR);
static const char two_scenes[] = SCENES(SCENE("one", "Arturo") "," SCENE("two", "Solheim"));

/* --- the world around it -------------------------------------------------------------------- */

static struct spool_file *spool_bytes(const char *bytes, size_t length)
{
    struct spool_file *file = spool_file_new(&flow.spool, UINT64_MAX);
    for (size_t at = 0; at < length; at += PIECE) {
        const size_t piece = length - at < PIECE ? length - at : PIECE;
        while (!spool_room(&flow.spool, NULL, file, piece))
            uv_run(&flow.loop.uv, UV_RUN_ONCE);
        spool_file_append(file, bytes + at, piece);
    }
    spool_file_finish(file);
    while (!spool_file_settled(file))
        uv_run(&flow.loop.uv, UV_RUN_ONCE);
    return file;
}

static void add_file(const char *name, const char *bytes, size_t length)
{
    flow.inputs[flow.input_count++] = (struct input_file){name, "", spool_bytes(bytes, length)};
}

static void begin(const struct reply *replies, size_t count)
{
    memset(&flow, 0, sizeof(flow));
    assert_true(count <= ANSWERS_MAX);
    for (size_t i = 0; i < count; i++)
        flow.script[i] = replies[i];
    flow.script_length = count;
    assert_int_equal(loop_init(&flow.loop), OK);
    struct error error;
    assert_int_equal(spool_init(&flow.spool, &flow.loop, "/tmp", 16 << 20, &error), OK);
    arena_init(&flow.arena);
    flow.config.extract_timeout_ms = 30000;
    flow.config.files_timeout_ms = 60000;
    flow.config.analysis_input_chars = 200000;
    flow.config.scene_count = 4;
    flow.upstream.base_url = "http://127.0.0.1/v1";
    flow.openai.upstream = &flow.upstream;
    spending_init(&flow.services.spending, 0);
    if (count > 0)
        flow.services.openai = &flow.openai;
    flow.tools.config = &flow.config;
    flow.tools.services = &flow.services;
    answers_init(&flow.tools.answers, &flow.loop, &flow.services, KEPT_BYTES);
    flow.tools.extract_limits = (struct extract_limits){.output = 16 << 20};
    add_file("case.txt", text, sizeof(text) - 1);
}

#define BEGIN(...)                                                                                 \
    begin((const struct reply[]){__VA_ARGS__},                                                     \
          sizeof((const struct reply[]){__VA_ARGS__}) / sizeof(struct reply))

static void on_finish(struct op *op, void *context)
{
    (void)context;
    assert_int_equal(op->children_count, 0);
    flow.finishes++;
    uv_close((uv_handle_t *)&flow.prepare, NULL);
}

static void on_round(uv_prepare_t *prepare)
{
    (void)prepare;
    if (++flow.rounds == flow.cancel_round)
        op_cancel(&flow.parse.op);
}

static enum err run(void)
{
    uv_prepare_init(&flow.loop.uv, &flow.prepare);
    uv_prepare_start(&flow.prepare, on_round);
    parse_pdf_start(&flow.parse, root(&flow.loop, on_finish, NULL), &flow.tools,
                    &(struct parse_pdf_task){
                        .arena = &flow.arena,
                        .inputs = flow.inputs,
                        .input_count = flow.input_count,
                        .rank = {.request = &flow},
                        .deadline_ms = loop_now_ms(&flow.loop) + FAR_MS,
                        .base_url = "http://here",
                    });
    loop_run(&flow.loop);
    assert_int_equal(flow.finishes, 1);
    assert_int_equal(flow.services.spending.shares, 0);
    assert_int_equal(flow.tools.answers.under_way, 0);
    if (flow.cancel_round == 0) { /* else nobody may be there to be charged */
        assert_int_equal(flow.parse.job.bill.tokens_in, TOKENS_IN * flow.answers); /* each once */
        assert_int_equal(flow.parse.job.bill.tokens_out, TOKENS_OUT * flow.answers);
    }
    assert_true(fabs(flow.services.spending.spent_usd - ANSWER_USD * (double)flow.answers) < 1e-9);
    return op_error(&flow.parse.op)->code;
}

static void end(void)
{
    parse_pdf_clear(&flow.parse);
    answers_clear(&flow.tools.answers);
    for (size_t i = 0; i < flow.input_count; i++)
        spool_file_free(flow.inputs[i].file);
    free(flow.cast);
    arena_clear(&flow.arena);
    loop_clear(&flow.loop);
    spool_clear(&flow.spool);
}

/* Runs to a result, of which only these parts may be degraded. */
static const struct case_study *run_well(unsigned degraded)
{
    assert_int_equal(run(), OK);
    for (size_t i = 0; i < flow.script_length; i++)
        assert_true(flow.said[i]);
    assert_int_equal(flow.parse.job.degraded, degraded);
    assert_true(flow.parse.job.warning_count > 0 || degraded == 0);
    return &flow.parse.study;
}

static bool has_figure(const char *name)
{
    const struct case_study *study = &flow.parse.study;
    for (size_t i = 0; i < study->figure_count; i++)
        if (strcmp(study->figures[i].name, name) == 0)
            return true;
    return false;
}

static bool is_warned(const char *words)
{
    for (size_t i = 0; i < flow.parse.job.warning_count; i++)
        if (strstr(flow.parse.job.warnings[i], words))
            return true;
    return false;
}

/* Every scene has somebody, and nobody but the figures. */
static void check_scenes(size_t count)
{
    const struct case_study *study = &flow.parse.study;
    assert_int_equal(study->scene_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(study->scenes[i].sequence_order, i + 1);
        assert_int_equal(study->scenes[i].personas_count > 0, study->figure_count > 0);
        for (size_t j = 0; j < study->scenes[i].personas_count; j++)
            assert_true(has_figure(study->scenes[i].personas_involved[j]));
    }
}

/* --- analyses ------------------------------------------------------------------------------- */

static void test_good_answers(void **state)
{
    (void)state;
    BEGIN(SAID("analysis", whole_analysis), SAID("scenes", whole_scenes));
    const struct case_study *study = run_well(0);
    assert_int_equal(flow.parse.job.warning_count, 0); /* IMAGES=off is no fault */
    assert_string_equal(study->title, "The Model's Title");
    assert_int_equal(study->figure_count, 2); /* but for the owner */
    check_scenes(4);
    assert_string_equal(study->scenes[0].personas_involved[0], "Mr. Arturo Ben\xc3\xadtez");
    assert_string_equal(study->scenes[2].personas_involved[0], "Ingrid Solheim");
    assert_string_equal(study->outcomes[4], "5. e");
    assert_string_equal(flow.parse.model, "model-x");
    end();
}

static void test_gaps_are_filled_from_the_text(void **state)
{
    (void)state;
    BEGIN(SAID("analysis", ANALYSIS("", "Owner", FIGURES, "\"a\",\"b\"")),
          SAID("scenes", whole_scenes));
    const struct case_study *study = run_well(DEGRADED_ANALYSIS);
    assert_string_equal(study->title, "Pell Street Bicycle Works");
    assert_string_equal(study->description, "d");
    assert_string_equal(study->outcomes[1], "2. b");
    assert_memory_equal(study->outcomes[2], "3. ", 3);
    assert_memory_equal(study->outcomes[4], "5. ", 3);
    assert_true(is_warned("title"));
    assert_true(is_warned("learning_outcomes"));
    assert_int_equal(study->figure_count, 2);
    end();
}

/* The role comes from the text: whoever has it in the model's cast is the student. */
static void test_a_role_from_the_text_takes_the_student_out(void **state)
{
    (void)state;
    begin(NULL, 0);
    assert_int_equal(run(), OK);
    char analysis[ANSWER_BYTES];
    snprintf(
        analysis, sizeof(analysis),
        ANALYSIS("T", "", FIGURE("Dana Whitlock", "%s", "false") "," SELLER "," AUDITOR, OUTCOMES),
        flow.parse.study.student_role);
    end();

    BEGIN(SAID("analysis", analysis), SAID("scenes", whole_scenes));
    const struct case_study *study = run_well(DEGRADED_ANALYSIS);
    assert_true(*study->student_role);
    assert_false(has_figure("Dana Whitlock"));
    assert_true(has_figure("Ingrid Solheim"));
    assert_null(strstr(flow.cast, "Dana Whitlock"));
    assert_non_null(strstr(flow.cast, "Ingrid Solheim"));
    end();
}

static void test_an_answer_is_corrected(void **state)
{
    (void)state;
    BEGIN(SAID("analysis", without_a_title), SAID("analysis", whole_analysis),
          SAID("scenes", two_scenes), SAID("scenes", whole_scenes));
    const struct case_study *study = run_well(0);
    assert_string_equal(study->title, "The Model's Title");
    check_scenes(4);
    end();
}

/* What there is already is better than nothing, and paid for. */
static void test_a_correction_that_fails_leaves_the_answer_before(void **state)
{
    (void)state;
    static const struct reply failures[] = {{.fail = ERR_UPSTREAM},
                                            {.content = "I would rather not."},
                                            {.content = "{\"key_figures\":"}};
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        struct reply analysis = failures[i], scenes = failures[i];
        analysis.call = "analysis";
        scenes.call = "scenes";
        BEGIN(SAID("analysis", without_a_title), analysis, SAID("scenes", two_scenes), scenes);
        const struct case_study *study = run_well(DEGRADED_ANALYSIS | DEGRADED_SCENES);
        assert_true(has_figure("Mr. Arturo Ben\xc3\xadtez"));
        assert_string_equal(study->title, "Pell Street Bicycle Works");
        assert_true(is_warned("title"));
        assert_string_equal(flow.parse.model, "model-x");
        check_scenes(2);
        assert_string_equal(study->scenes[1].title, "two");
        assert_true(is_warned("2 scenes"));
        end();
    }
}

static void test_without_figures_the_text_is_analysed(void **state)
{
    (void)state;
    static const char *const contents[] = {ANALYSIS("T", "Owner", "", OUTCOMES), "[]", "no",
                                           "{\"key_figures\":[{\"name\":\"\"}]}"};
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        BEGIN(SAID("analysis", contents[i]), SAID("scenes", whole_scenes));
        run_well(DEGRADED_ANALYSIS);
        assert_true(has_figure("Arturo Benitez"));
        assert_false(has_figure("Dana Whitlock"));
        assert_non_null(strstr(flow.cast, "Arturo Benitez"));
        assert_string_equal(flow.parse.model, "");
        check_scenes(4);
        assert_string_equal(flow.parse.study.scenes[3].title, "four");
        end();
    }
}

static void test_nobody_but_the_student(void **state)
{
    (void)state;
    BEGIN(SAID("analysis", ANALYSIS("T", "Owner", OWNER, OUTCOMES)), SAID("scenes", whole_scenes));
    assert_int_equal(run_well(0)->figure_count, 0);
    check_scenes(4);
    end();
}

static void test_answers_that_were_cut(void **state)
{
    (void)state;
    BEGIN(SAID("analysis", whole_analysis, .cut = true), SAID("scenes", whole_scenes, .cut = true));
    run_well(0); /* nothing is missing */
    end();

    static const char cut[] = "{\"title\":\"T\",\"student_role\":\"Owner\",\"key_figures\":[" SELLER
                              "," AUDITOR ",{\"name\":\"Dana";
    BEGIN(SAID("analysis", cut, .cut = true),
          SAID("scenes", "{\"scenes\":[" SCENE("one", "Solheim") ",{\"title\":\"tw", .cut = true));
    const struct case_study *study = run_well(DEGRADED_ANALYSIS | DEGRADED_SCENES);
    assert_true(*study->description);
    assert_non_null(study->outcomes[4]);
    assert_true(has_figure("Ingrid Solheim"));
    assert_string_equal(study->scenes[0].title, "one");
    end();
}

static void test_what_the_model_did_not_read(void **state)
{
    (void)state;
    BEGIN(SAID("analysis", whole_analysis, .shortened = true),
          SAID("scenes", whole_scenes, .input_cut = true));
    run_well(0);
    assert_int_equal(flow.parse.job.warning_count, 2);
    assert_true(is_warned("analysis"));
    assert_true(is_warned("scenes"));
    end();
}

/* --- scenes --------------------------------------------------------------------------------- */

/* Their people are those of the text; the names are the model's. */
static void test_scenes_from_the_text_with_the_models_cast(void **state)
{
    (void)state;
    static const struct reply failures[] = {
        FAILED("scenes", ERR_DEADLINE), SAID("scenes", "{\"scenes\":[]}"), SAID("scenes", "no")};
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        BEGIN(SAID("analysis", whole_analysis), failures[i]);
        const struct case_study *study = run_well(DEGRADED_SCENES);
        assert_string_equal(study->title, "The Model's Title");
        check_scenes(4);
        bool met = false;
        for (size_t j = 0; j < study->scenes[0].personas_count; j++)
            met = met || strstr(study->scenes[0].personas_involved[j], "Ben\xc3\xadtez");
        assert_true(met);
        end();
    }
}

static void test_all_fails(void **state)
{
    (void)state;
    BEGIN(FAILED("analysis", ERR_UPSTREAM_CONFIG), FAILED("scenes", ERR_BREAKER_OPEN));
    run_well(DEGRADED_ANALYSIS | DEGRADED_SCENES);
    assert_true(has_figure("Arturo Benitez"));
    assert_true(is_warned("openai said no"));
    check_scenes(4);
    end();
}

static void test_numbers_of_scenes(void **state)
{
    (void)state;
    static const struct {
        int asked;
        const char *content;
        size_t got;
        unsigned degraded;
    } rows[] = {
        {1, whole_scenes, 1, 0},
        {12, SCENES(FOUR "," FOUR "," FOUR), 12, 0},
        {12, whole_scenes, 4, DEGRADED_SCENES},
        {4, SCENES(FOUR "," FOUR), 4, 0},
        {1, "no", 1, DEGRADED_SCENES},
        {12, "no", 12, DEGRADED_SCENES},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BEGIN(SAID("analysis", whole_analysis), SAID("scenes", rows[i].content));
        flow.config.scene_count = rows[i].asked;
        run_well(rows[i].degraded);
        check_scenes(rows[i].got);
        end();
    }
}

/* --- files ---------------------------------------------------------------------------------- */

static void test_context_files(void **state)
{
    (void)state;
    BEGIN(SAID("analysis", whole_analysis), SAID("scenes", whole_scenes));
    add_file("empty.txt", "", 0);
    add_file("notes.txt", "Maria Quillfeather is the mayor.", 32);
    run_well(DEGRADED_CONTEXT);
    assert_string_equal(flow.parse.job.warnings[0],
                        "[Context file \"empty.txt\" could not be read: the file is empty]");
    assert_string_equal(flow.asked, "THE CAST, CONTEXT FILE 1, CONTEXT FILES THAT ARE MISSING, "
                                    "CASE STUDY");
    end();
}

static void test_long_texts(void **state)
{
    (void)state;
    BEGIN(SAID("analysis", whole_analysis), SAID("scenes", whole_scenes));
    flow.config.analysis_input_chars = 1000;
    static char words[LONG_BYTES];
    for (size_t i = 0; i < sizeof(words); i++)
        words[i] = i % 500 == 499 ? '\n' : i % 7 == 6 ? ' ' : (char)('a' + i % 26);
    add_file("long.txt", words, sizeof(words));
    run_well(0);
    assert_true(is_warned("1000 characters"));
    assert_true(flow.asked_bytes - strlen(flow.cast) <= 1000);
    assert_true(flow.asked_bytes - strlen(flow.cast) > 800);
    end();
}

/* --- money ---------------------------------------------------------------------------------- */

static void test_spending(void **state)
{
    (void)state;
    BEGIN(SAID("analysis", whole_analysis), SAID("scenes", whole_scenes));
    spending_init(&flow.services.spending, 2 * ESTIMATE_USD);
    run_well(0);
    end();

    BEGIN(SAID("analysis", whole_analysis));
    spending_init(&flow.services.spending, 1.9 * ESTIMATE_USD);
    assert_int_not_equal(run(), OK);
    assert_int_equal(flow.answers, 0);
    assert_non_null(strstr(op_error(&flow.parse.op)->detail, "MAX_COST_USD_PER_DAY"));
    end();
}

/* --- cancelled ------------------------------------------------------------------------------ */

static void begin_long(void)
{
    BEGIN(SAID("analysis", without_a_title), SAID("analysis", without_a_title),
          SAID("scenes", two_scenes), FAILED("scenes", ERR_UPSTREAM));
    static char words[LONG_BYTES];
    for (size_t at = 0; at + sizeof(text) < sizeof(words); at += sizeof(text) - 1)
        memcpy(words + at, text, sizeof(text));
    add_file("long.txt", words, strlen(words));
}

static void test_cancel_in_each_round(void **state)
{
    (void)state;
    size_t cancelled = 0;
    for (bool reached = true; reached;) {
        begin_long();
        flow.cancel_round = cancelled + 1;
        const enum err err = run();
        reached = err != OK;
        assert_int_equal(err, reached ? ERR_CANCELLED : OK);
        cancelled += reached;
        end();
    }
    assert_true(cancelled > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_answers),
        cmocka_unit_test(test_gaps_are_filled_from_the_text),
        cmocka_unit_test(test_a_role_from_the_text_takes_the_student_out),
        cmocka_unit_test(test_an_answer_is_corrected),
        cmocka_unit_test(test_a_correction_that_fails_leaves_the_answer_before),
        cmocka_unit_test(test_without_figures_the_text_is_analysed),
        cmocka_unit_test(test_nobody_but_the_student),
        cmocka_unit_test(test_answers_that_were_cut),
        cmocka_unit_test(test_what_the_model_did_not_read),
        cmocka_unit_test(test_scenes_from_the_text_with_the_models_cast),
        cmocka_unit_test(test_all_fails),
        cmocka_unit_test(test_numbers_of_scenes),
        cmocka_unit_test(test_context_files),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_spending),
        cmocka_unit_test(test_cancel_in_each_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
