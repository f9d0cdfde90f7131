/* config.h: defaults, where a value comes from, what is refused, and what is printed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/config.h"

#define KEY "0123456789abcdef0123456789abcdef"

static struct config config;
static struct buffer faults, warnings;

static int begin(void **state)
{
    (void)state;
    config = (struct config){0};
    buffer_init(&faults, 64 * 1024);
    buffer_init(&warnings, 64 * 1024);
    return 0;
}

static int end(void **state)
{
    (void)state;
    config_clear(&config);
    buffer_clear(&faults);
    buffer_clear(&warnings);
    return 0;
}

/* Loads `dotenv` and at most one variable of an environment, in place of what was loaded before. */
static enum err load(const char *dotenv, const char *variable)
{
    config_clear(&config);
    buffer_reset(&faults);
    buffer_reset(&warnings);
    char *const environment[] = {"PATH=/bin", (char *)variable, NULL};
    return config_load_bytes(&config, dotenv, strlen(dotenv), environment, &faults, &warnings);
}

static void check_fault(const char *dotenv, const char *expected)
{
    assert_int_equal(load(dotenv, NULL), ERR_RANGE);
    assert_string_equal(faults.data, expected);
    assert_null(config.arena.newest); /* untouched */
}

static void check_warning(const char *dotenv, const char *expected)
{
    assert_int_equal(load(dotenv, NULL), OK);
    assert_string_equal(warnings.data ? warnings.data : "", expected);
}

static void defaults(void **state)
{
    (void)state;
    assert_int_equal(config_load(&config, NULL, NULL, &faults, &warnings), OK);
    assert_int_equal(faults.length, 0);
    assert_int_equal(warnings.length, 0);
    assert_string_equal(config.listen_address, "127.0.0.1");
    assert_int_equal(config.port, 8000);
    assert_string_equal(config.environment, "development");
    assert_string_equal(config.cors_origins, "http://localhost:3000,http://localhost:5173");
    assert_null(config.secret_key);
    assert_int_equal(config.auth_mode, AUTH_OPTIONAL);
    assert_int_equal(config.body_bytes_max, 64u << 20);
    assert_int_equal(config.header_bytes_max, 16u << 10);
    assert_int_equal(config.idle_timeout_ms, 30000);
    assert_int_equal(config.extract_sandbox, SANDBOX_AUTO);
    assert_int_equal(config.scene_count, 4);
    assert_null(config.llamaparse_api_key);
    assert_int_equal(config.pdf_parser, PARSER_AUTO);
    assert_string_equal(config.openai_base_url, "https://api.openai.com/v1");
    assert_int_equal(config.openai_concurrent, 2);
    assert_true(config.images);
    assert_null(config.public_url);
    assert_true(config.max_cost_usd_per_day == 0);
    assert_int_equal(config.log_level, LOG_INFO);
    assert_int_equal(config.log_format, LOG_FORMAT_TEXT);
    assert_true(config.server_timing);
    assert_int_equal(config.drain_delay_ms, 0);
}

static void every_type_is_read(void **state)
{
    (void)state;
    assert_int_equal(load("LISTEN_ADDRESS=::1\n"
                          "PORT=0\n"
                          "ENVIRONMENT=Development\n"
                          "SECRET_KEY=" KEY "\n"
                          "AUTH_MODE=REQUIRED\n"
                          "MAX_BODY_BYTES=1gb\n"
                          "MAX_FILE_BYTES=2048\n"
                          "MAX_HEADER_BYTES=24KB\n"
                          "DRAIN_DELAY=0.0259\n"
                          "IDLE_TIMEOUT=1.5\n"
                          "DRAIN_TIMEOUT=86400\n"
                          "LOG_FORMAT=json\n"
                          "LOG_LEVEL=error\n"
                          "SERVER_TIMING=No\n"
                          "OPENAI_API_KEY=sk-1\n"
                          "SPOOL_DIR='/var/spool/with blank'\n"
                          "PDF_PARSER=Llamaparse\n"
                          "LLAMAPARSE_API_KEY=llx-1\n"
                          "IMAGE_SIZE=1024x64\n"
                          "MAX_COST_USD_PER_DAY=12.3456789\n"
                          "OPENAI_BASE_URL=http://[::1]:11434/v1\n",
                          NULL),
                     OK);
    assert_string_equal(config.listen_address, "::1");
    assert_int_equal(config.port, 0);
    assert_string_equal(config.environment, "development");
    assert_string_equal(config.secret_key, KEY);
    assert_int_equal(config.auth_mode, AUTH_REQUIRED);
    assert_int_equal(config.body_bytes_max, 1u << 30);
    assert_int_equal(config.file_bytes_max, 2048);
    assert_int_equal(config.header_bytes_max, 24u << 10);
    assert_int_equal(config.drain_delay_ms, 25);
    assert_int_equal(config.idle_timeout_ms, 1500);
    assert_int_equal(config.drain_timeout_ms, 86400000);
    assert_int_equal(config.log_format, LOG_FORMAT_JSON);
    assert_int_equal(config.log_level, LOG_ERROR);
    assert_false(config.server_timing);
    assert_string_equal(config.openai_api_key, "sk-1");
    assert_string_equal(config.spool_dir, "/var/spool/with blank");
    assert_int_equal(config.pdf_parser, PARSER_LLAMAPARSE);
    assert_string_equal(config.image_size, "1024x64");
    assert_true(config.max_cost_usd_per_day == 12.345678);
    assert_string_equal(config.openai_base_url, "http://[::1]:11434/v1");
}

static void booleans(void **state)
{
    (void)state;
    static const char *const on[] = {"on", "true", "1", "yes", "TRUE"};
    static const char *const off[] = {"off", "false", "0", "no", "Off"};
    for (size_t i = 0; i < 5; i++) {
        char variable[64];
        snprintf(variable, sizeof(variable), "SERVER_TIMING=%s", on[i]);
        assert_int_equal(load("SERVER_TIMING=off", variable), OK);
        assert_true(config.server_timing);
        snprintf(variable, sizeof(variable), "SERVER_TIMING=%s", off[i]);
        assert_int_equal(load("", variable), OK);
        assert_false(config.server_timing);
    }
}

static void the_environment_wins_and_the_last_line_counts(void **state)
{
    (void)state;
    assert_int_equal(load("PORT=1\nPORT=2\n", NULL), OK);
    assert_int_equal(config.port, 2);
    assert_int_equal(load("PORT=2\n", "PORT=3"), OK);
    assert_int_equal(config.port, 3);
    assert_int_equal(load("PORT=2\n", "PORT="), OK); /* empty is unset */
    assert_int_equal(config.port, 2);
    assert_int_equal(load("PORT=\n", "PORTX=5"), OK);
    assert_int_equal(config.port, 8000);
    assert_int_equal(load("PORT=nonsense\n", "PORT=3"), OK); /* not looked at */
}

static void refused_values(void **state)
{
    (void)state;
    check_fault("PORT=99999", "PORT: \"99999\" is not allowed: a number from 0 to 65535\n");
    check_fault("PORT=-1", "PORT: \"-1\" is not allowed: a number from 0 to 65535\n");
    check_fault("PORT=8000x", "PORT: \"8000x\" is not allowed: a number from 0 to 65535\n");
    check_fault("PORT=18446744073709551617",
                "PORT: \"18446744073709551617\" is not allowed: a number from 0 to 65535\n");
    check_fault("SCENE_COUNT=0", "SCENE_COUNT: \"0\" is not allowed: a number from 1 to 12\n");
    check_fault("SCENE_COUNT=13", "SCENE_COUNT: \"13\" is not allowed: a number from 1 to 12\n");
    check_fault("MAX_HEADER_BYTES=25KB",
                "MAX_HEADER_BYTES: \"25KB\" is not allowed: a size from 1KB to 24KB\n");
    check_fault("MAX_HEADER_BYTES=KB",
                "MAX_HEADER_BYTES: \"KB\" is not allowed: a size from 1KB to 24KB\n");
    check_fault("MAX_HEADER_BYTES=2 MBytes",
                "MAX_HEADER_BYTES: \"2 MBytes\" is not allowed: a size from 1KB to 24KB\n");
    check_fault("MAX_HEADER_BYTES=17179869185GB",
                "MAX_HEADER_BYTES: \"17179869185GB\" is not allowed: a size from 1KB to 24KB\n");
    check_fault("DRAIN_DELAY=3600.001",
                "DRAIN_DELAY: \"3600.001\" is not allowed: seconds from 0 to 3600\n");
    check_fault("DRAIN_DELAY=1e3", "DRAIN_DELAY: \"1e3\" is not allowed: seconds from 0 to 3600\n");
    check_fault("IDLE_TIMEOUT=.5", "IDLE_TIMEOUT: \".5\" is not allowed: seconds from 1 to 3600\n");
    check_fault("SERVER_TIMING=maybe", "SERVER_TIMING: \"maybe\" is not allowed: on or off (true, "
                                       "false, yes, no, 1, 0)\n");
    check_fault("LOG_LEVEL=loud",
                "LOG_LEVEL: \"loud\" is not allowed: debug, info, warn or error\n");
    check_fault("ENVIRONMENT=test",
                "ENVIRONMENT: \"test\" is not allowed: development or production\n");
    check_fault("LISTEN_ADDRESS=localhost",
                "LISTEN_ADDRESS: \"localhost\" is not allowed: an IPv4 or IPv6 address\n");
    check_fault("SPOOL_DIR=tmp", "SPOOL_DIR: \"tmp\" is not allowed: an absolute path\n");
}

static void refused_values_are_shown_safely(void **state)
{
    (void)state;
    check_fault("PORT=\"a\\n\\\"b\"",
                "PORT: \"a\\n\\\"b\" is not allowed: a number from 0 to 65535\n");
    char variable[300] = "PORT=";
    memset(variable + 5, 'x', 290);
    assert_int_equal(load("", variable), ERR_RANGE);
    assert_true(faults.length < 200);
    assert_int_equal(load("", "SPOOL_DIR=/\xFF"), ERR_RANGE);
    assert_string_equal(faults.data, "SPOOL_DIR: the value is not UTF-8 text\n");
}

static void secrets_are_never_shown(void **state)
{
    (void)state;
    check_fault("SECRET_KEY=hunter2",
                "SECRET_KEY: the value is not allowed: at least 32 characters\n");
    check_fault("SECRET_KEY=éééééééééééééééé", /* 32 bytes, but 16 characters */
                "SECRET_KEY: the value is not allowed: at least 32 characters\n");
    check_fault("OPENAI_API_KEY=\"sk-1\\nX: y\"",
                "OPENAI_API_KEY: the value is not allowed: printable ASCII without spaces\n");
}

static void check_refused(const char *name, const char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char variable[200];
        snprintf(variable, sizeof(variable), "%s=%s", name, values[i]);
        assert_int_equal(load("", variable), ERR_RANGE);
    }
}

static void addresses_of_services(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "api.example.org", "ftp://example.org",   "https://",
        "https://a.org/",  "https://a.org/v1/",   "https://user:word@a.org",
        "https://a.org#t", "https://a.org/v1?a=", "https://a.org:99999/v1",
        "https://A.org",   "https://a.org/v 1",
    };
    check_refused("OPENAI_BASE_URL", bad, sizeof(bad) / sizeof(*bad));
    assert_non_null(strstr(faults.data, "an http or https address without user"));
    assert_int_equal(load("", "PUBLIC_URL=https://cases.example.org/personas"), OK);
    assert_string_equal(config.public_url, "https://cases.example.org/personas");
}

static void lists_of_models(void **state)
{
    (void)state;
    assert_int_equal(load("", "ANALYSIS_MODEL=org/model-7b:latest, gpt-4o"), OK);
    assert_string_equal(config.analysis_models, "org/model-7b:latest, gpt-4o");
    static const char *const bad[] = {",", "a,,b", "a b", "a,b,c,d,e,f,g,h,i", "\xC3\xA9"};
    check_refused("ANALYSIS_MODEL", bad, sizeof(bad) / sizeof(*bad));
}

static void sizes_of_pictures(void **state)
{
    (void)state;
    static const char *const bad[] = {"1536",
                                      "1536x",
                                      "x1024",
                                      "63x64",
                                      "64x3841",
                                      "64x64x",
                                      " 64x64",
                                      "+64x64",
                                      "64x+64",
                                      "64*64",
                                      "99999999999999999999x64"};
    check_refused("IMAGE_SIZE", bad, sizeof(bad) / sizeof(*bad));
}

static void decimals(void **state)
{
    (void)state;
    assert_int_equal(load("", "MAX_COST_USD_PER_DAY=0.000001"), OK);
    assert_true(config.max_cost_usd_per_day == 0.000001);
    static const char *const bad[] = {".5", "-1", "1e3", "1000000.1", "nan", "1,5", "1.5.5"};
    check_refused("MAX_COST_USD_PER_DAY", bad, sizeof(bad) / sizeof(*bad));
}

static void llamaparse_alone_needs_a_key(void **state)
{
    (void)state;
    assert_int_equal(load("PDF_PARSER=llamaparse", NULL), ERR_RANGE);
    assert_string_equal(faults.data,
                        "LLAMAPARSE_API_KEY: not set, but PDF_PARSER=llamaparse needs it\n");
}

static void production_wants_https(void **state)
{
    (void)state;
    static const char settings[] = "ENVIRONMENT=production\nAUTH_MODE=optional\nSECRET_KEY=" KEY
                                   "\nOPENAI_BASE_URL=http://models.example.org/v1\n";
    assert_int_equal(load(settings, NULL), OK); /* without a key nothing goes there */
    assert_int_equal(load(settings, "OPENAI_API_KEY=sk-1"), ERR_RANGE);
    assert_string_equal(faults.data, "OPENAI_BASE_URL: http://models.example.org/v1 is not https, "
                                     "which ENVIRONMENT=production needs\n");
}

static void origins(void **state)
{
    (void)state;
    static const char *const good[] = {
        "https://app.example.org",
        "http://localhost:3000, https://a-b.example.org:8443 ,http://[::1]:3000",
        "http://10.0.0.1:65535",
        "https://a.org,,",
        ",",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        char variable[200];
        snprintf(variable, sizeof(variable), "CORS_ORIGINS=%s", good[i]);
        assert_int_equal(load("", variable), OK);
        assert_string_equal(config.cors_origins, good[i]);
    }

    static const struct {
        const char *value, *reason;
    } bad[] = {
        {"*", "never *"},
        {"https://a.org,*", "never *"},
        {"https://*.a.org", "never *"},
        {"https://a.org/", "no / behind it"},
        {"https://a.org:80/x", "no / behind it"},
        {"a.org", "origins such as"},
        {"https:/a.org", "origins such as"},
        {"https://", "origins such as"},
        {"https://,a", "origins such as"},
        {"://a.org", "origins such as"},
        {"https://A.org", "origins such as"},
        {"https://a.org:", "origins such as"},
        {"https://a.org:65536", "origins such as"},
        {"https://a.org:123456", "origins such as"},
        {"https://u@a.org", "origins such as"},
        {"https://a.org?x", "origins such as"},
        {"https://[::1", "origins such as"},
        {"https://[]", "origins such as"},
        {"https://[x/]", "origins such as"},
        {"http://a.org http://b.org", "origins such as"},
        {"null", "origins such as"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char variable[200];
        snprintf(variable, sizeof(variable), "CORS_ORIGINS=%s", bad[i].value);
        assert_int_equal(load("", variable), ERR_RANGE);
        assert_non_null(strstr(faults.data, bad[i].reason));
    }
}

static void settings_that_need_each_other(void **state)
{
    (void)state;
    check_fault("AUTH_MODE=required", "SECRET_KEY: not set, but AUTH_MODE=required needs it\n");
    check_fault("ENVIRONMENT=production\nAUTH_MODE=optional",
                "SECRET_KEY: not set, but ENVIRONMENT=production needs it\n");
    check_fault("ENVIRONMENT=production\nSECRET_KEY=" KEY,
                "AUTH_MODE: not set, but ENVIRONMENT=production needs it stated: optional or "
                "required\n");
    check_fault("MAX_FILE_BYTES=2KB\nMAX_BODY_BYTES=1KB",
                "MAX_FILE_BYTES: 2048 is more than MAX_BODY_BYTES, which is 1024\n");
    assert_int_equal(load("ENVIRONMENT=production\nAUTH_MODE=optional\nSECRET_KEY=" KEY, NULL), OK);
    assert_string_equal(config.environment, "production");
    assert_int_equal(load("MAX_FILE_BYTES=1KB\nMAX_BODY_BYTES=1KB", NULL), OK);
}

static void all_faults_at_once(void **state)
{
    (void)state;
    check_fault("PORT=x\nnonsense\nAUTH_MODE=required\nSCENE_COUNT=99\nA='\n",
                ".env line 2: expected NAME=value\n"
                ".env line 5: the closing quote is missing\n"
                "PORT: \"x\" is not allowed: a number from 0 to 65535\n"
                "SCENE_COUNT: \"99\" is not allowed: a number from 1 to 12\n"
                "SECRET_KEY: not set, but AUTH_MODE=required needs it\n");
}

static void names_without_effect(void **state)
{
    (void)state;
    check_warning("\n\nPROT=1\n", ".env line 3: unknown setting PROT (did you mean PORT?)\n");
    check_warning("NOBODY_KNOWS_THIS=1\n", ".env line 1: unknown setting NOBODY_KNOWS_THIS\n");
    check_warning("port=1\n", ".env line 1: unknown setting port (did you mean PORT?)\n");
    check_warning("PORT=1\nENABLE_PERFORMANCE_MONITORING=true\n",
                  ".env line 2: ENABLE_PERFORMANCE_MONITORING has no effect in this version\n");
    check_warning("LLAMAPARSE_API_KEY=\n", "");
    assert_int_equal(load("", "PROT=1"), OK); /* an environment is full of other names */
    assert_int_equal(warnings.length, 0);
}

static void notes_have_an_end(void **state)
{
    (void)state;
    enum { LINES = 8000 };
    char *text = malloc(LINES * 8);
    assert_non_null(text);
    for (size_t i = 0; i < LINES; i++)
        memcpy(text + i * 8, "UNKN0=1\n", 8);
    char *const environment[] = {NULL};
    assert_int_equal(config_load_bytes(&config, text, LINES * 8, environment, &faults, &warnings),
                     OK);
    assert_in_range(warnings.length, 1000, 5000);

    for (size_t i = 0; i < LINES; i++)
        memcpy(text + i * 8, "nothing\n", 8);
    buffer_clear(&faults);
    buffer_init(&faults, 10); /* not even one line fits: it is refused all the same */
    config_clear(&config);
    assert_int_equal(config_load_bytes(&config, text, LINES * 8, environment, &faults, &warnings),
                     ERR_RANGE);
    assert_int_equal(faults.length, 0);
    free(text);
}

static void files_that_are_no_dotenv(void **state)
{
    (void)state;
    char *const environment[] = {NULL};
    assert_int_equal(config_load_bytes(&config, "PORT=1\0\n", 8, environment, &faults, &warnings),
                     ERR_RANGE);
    assert_string_equal(faults.data, ".env: not UTF-8 text, or with a NUL in it\n");

    buffer_reset(&faults);
    char *large = malloc(64 * 1024 + 1);
    assert_non_null(large);
    memset(large, '\n', 64 * 1024 + 1);
    assert_int_equal(config_load_bytes(&config, large, 64 * 1024, environment, &faults, &warnings),
                     OK);
    config_clear(&config);
    assert_int_equal(
        config_load_bytes(&config, large, 64 * 1024 + 1, environment, &faults, &warnings),
        ERR_RANGE);
    assert_string_equal(faults.data, ".env: more than 64 KB\n");
    free(large);
}

static void files(void **state)
{
    (void)state;
    char path[] = "/tmp/unit-config-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "PORT=7\n", 7), 7);
    close(fd);
    assert_int_equal(config_load(&config, path, NULL, &faults, &warnings), OK);
    assert_int_equal(config.port, 7);
    config_clear(&config);
    unlink(path);

    assert_int_equal(config_load(&config, path, NULL, &faults, &warnings), OK); /* not there */
    assert_int_equal(config.port, 8000);
    config_clear(&config);

    assert_int_equal(config_load(&config, "/", NULL, &faults, &warnings), ERR_RANGE);
    assert_string_equal(faults.data, "/: Is a directory\n");
}

typedef void print_fn(FILE *file);

/* What `print` prints; freed by the caller. */
static char *printed(print_fn *print)
{
    char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);
    assert_non_null(file);
    print(file);
    assert_int_equal(fclose(file), 0);
    return text;
}

/* A whole file of the source tree, or NULL; freed by the caller. */
static char *read_source(const char *path)
{
    char whole[1000];
    snprintf(whole, sizeof(whole), "%s/../../%s", TEST_DATA, path);
    FILE *file = fopen(whole, "r");
    if (!file)
        return NULL;
    enum { MAX = 256 * 1024 };
    char *text = malloc(MAX);
    assert_non_null(text);
    text[fread(text, 1, MAX - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void help_has_every_setting(void **state)
{
    (void)state;
    char *help = printed(config_print_help);
    assert_non_null(strstr(help, "Listening:\n  LISTEN_ADDRESS=127.0.0.1\n      The address"));
    assert_non_null(strstr(help, "  SECRET_KEY (unset)\n"));
    assert_non_null(strstr(help, "\n\nOperation:\n"));
    assert_non_null(strstr(help, "  DRAIN_TIMEOUT=300\n"));
    for (const char *line = help; *line; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 100);
    free(help);
}

static void the_example_is_what_is_printed(void **state)
{
    (void)state;
    char *example = read_source(".env.example");
    char *expected = printed(config_print_dotenv);
    assert_non_null(example);
    assert_string_equal(example, expected);
    free(example);

    /* With every # taken off, it loads, and changes nothing. */
    char *to = expected;
    for (const char *from = expected; *from; from++) {
        const bool line_start = from == expected || from[-1] == '\n';
        const size_t name = strspn(from + 1, " ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        if (line_start && *from == '#' && name > 3 && from[1 + name] == '=')
            from++;
        else
            *to++ = *from;
    }
    *to = '\0';
    assert_int_equal(load(expected, NULL), OK);
    assert_int_equal(warnings.length, 0);
    assert_int_equal(config.port, 8000);
    assert_null(config.secret_key);
    free(expected);
}

/* The table between its two markers, if the file is there (it is not in every package). */
static void the_readme_has_the_table(void **state)
{
    (void)state;
    char *readme = read_source("README.md");
    if (!readme)
        skip();
    static const char opening[] = "<!-- settings -->\n", closing[] = "<!-- /settings -->";
    char *from = strstr(readme, opening);
    assert_non_null(from);
    from += strlen(opening);
    char *to = strstr(from, closing);
    assert_non_null(to);
    from += strspn(from, "\n");
    while (to - from >= 2 && to[-2] == '\n')
        to--;
    *to = '\0';
    char *expected = printed(config_print_markdown);
    assert_string_equal(from, expected);
    free(expected);
    free(readme);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(every_type_is_read),
        TEST(booleans),
        TEST(the_environment_wins_and_the_last_line_counts),
        TEST(refused_values),
        TEST(refused_values_are_shown_safely),
        TEST(secrets_are_never_shown),
        TEST(addresses_of_services),
        TEST(lists_of_models),
        TEST(sizes_of_pictures),
        TEST(decimals),
        TEST(llamaparse_alone_needs_a_key),
        TEST(production_wants_https),
        TEST(origins),
        TEST(settings_that_need_each_other),
        TEST(all_faults_at_once),
        TEST(names_without_effect),
        TEST(notes_have_an_end),
        TEST(files_that_are_no_dotenv),
        TEST(files),
        TEST(help_has_every_setting),
        TEST(the_example_is_what_is_printed),
        TEST(the_readme_has_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
