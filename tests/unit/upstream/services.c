/* services.h: what there is by which settings, and a start that fails half-way. */
#include "upstream/services.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop loop;
static struct config config;
static struct services services;
static char folder[] = "/tmp/services-test-XXXXXX";

/* `settings` are lines of a .env file. Nothing is called: the loop does not run in between. */
static enum err init(const char *settings, struct error *error)
{
    char dotenv[1024];
    struct buffer faults, warnings;
    buffer_init(&faults, 4096);
    buffer_init(&warnings, 4096);
    const int length = snprintf(dotenv, sizeof(dotenv), "IMAGE_DIR=%s\n%s", folder, settings);
    assert_int_equal(config_load_bytes(&config, dotenv, (size_t)length, NULL, &faults, &warnings),
                     OK);
    buffer_clear(&faults);
    buffer_clear(&warnings);
    assert_int_equal(loop_init(&loop), OK);
    return services_init(&services, &loop, &config, error);
}

/* All memory and every handle of the loop has to be gone. */
static void clear_rest(void)
{
    loop_clear(&loop);
    config_clear(&config);
}

static void clear(void)
{
    services_stop(&services);
    assert_false(services_busy(&services));
    services_clear(&services);
    clear_rest();
}

static void what_has_a_key_is_there(void **state)
{
    (void)state;
    static const struct {
        const char *settings;
        bool llamaparse, openai, images;
    } rows[] = {
        {"", false, false, false},
        {"LLAMAPARSE_API_KEY=llx-1\n", true, false, false},
        {"LLAMAPARSE_API_KEY=llx-1\nPDF_PARSER=local\n", false, false, false},
        {"LLAMAPARSE_API_KEY=llx-1\nPDF_PARSER=llamaparse\n", true, false, false},
        {"OPENAI_API_KEY=sk-1\n", false, true, true},
        {"OPENAI_API_KEY=sk-1\nIMAGES=off\n", false, true, false},
        {"OPENAI_API_KEY=sk-1\nLLAMAPARSE_API_KEY=llx-1\n", true, true, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {0};
        assert_int_equal(init(rows[i].settings, &error), OK);
        assert_int_equal(services_uses(&services, UPSTREAM_LLAMAPARSE), rows[i].llamaparse);
        assert_int_equal(services_uses(&services, UPSTREAM_OPENAI), rows[i].openai);
        assert_int_equal(services_uses(&services, UPSTREAM_IMAGES), rows[i].images);
        assert_int_equal(services.client != NULL,
                         rows[i].llamaparse || rows[i].openai || config.llamaparse_api_key != NULL);
        clear();
    }
}

static void a_start_that_fails_leaves_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *settings;
        enum err err;
        const char *word; /* of the reason */
    } rows[] = {
        {"OPENAI_API_KEY=sk-1\nMODEL_PRICES=cheap\n", ERR_RANGE, "cheap"},
        {"OPENAI_API_KEY=sk-1\nMAX_COST_USD_PER_DAY=1\n", ERR_RANGE, "gpt-image-2 of IMAGE_MODEL"},
        {"OPENAI_API_KEY=sk-1\nIMAGES=off\nMAX_COST_USD_PER_DAY=1\nSCENES_MODEL=gpt-4o,mine\n",
         ERR_RANGE, "mine of SCENES_MODEL"},
        {"OPENAI_API_KEY=sk-1\nLLAMAPARSE_API_KEY=llx-1\nIMAGE_DIR=/dev/null/pictures\n",
         ERR_UNAVAILABLE, "/dev/null/pictures"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {0};
        assert_int_equal(init(rows[i].settings, &error), rows[i].err);
        assert_non_null(strstr(error.detail, rows[i].word));
        clear_rest();
    }
}

static void a_limit_takes_prices_of_either_kind(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(init("OPENAI_API_KEY=sk-1\nMAX_COST_USD_PER_DAY=1\nIMAGE_MODEL=dall-e-3, "
                          "gpt-image-2\nMODEL_PRICES=gpt-image-2=5/30\n",
                          &error),
                     OK);
    clear();
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : 1;
}

static int remove_folder(void **state)
{
    (void)state;
    char kept[64];
    snprintf(kept, sizeof(kept), "%s/kept", folder);
    rmdir(kept);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_a_key_is_there),
        cmocka_unit_test(a_start_that_fails_leaves_nothing),
        cmocka_unit_test(a_limit_takes_prices_of_either_kind),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
