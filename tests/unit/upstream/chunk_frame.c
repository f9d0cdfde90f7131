/* chunk_frame.h: what is told by way of the frame is what json_parse would have told. */
#include "upstream/chunk_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BEFORE "{\"id\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":{"
#define AFTER  "},\"finish_reason\":null}],\"usage\":null}"

static struct chunk_frame frame;

static int set_up(void **state)
{
    (void)state;
    chunk_frame_init(&frame);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    chunk_frame_clear(&frame);
    return 0;
}

static void learn(const char *chunk)
{
    chunk_frame_learn(&frame, chunk, strlen(chunk));
}

/* `content` NULL: the chunk is to be parsed whole. */
static void expect(const char *chunk, const char *content)
{
    struct slice found;
    const bool matches = chunk_frame_match(&frame, chunk, strlen(chunk), &found);
    assert_int_equal(matches, content != NULL);
    if (!content)
        return;
    assert_int_equal(found.length, strlen(content));
    assert_memory_equal(found.data, content, found.length);
}

static void only_the_content_differs(void **state)
{
    (void)state;
    expect(BEFORE "\"content\":\"a\"" AFTER, NULL);
    learn(BEFORE "\"content\":\"a \\\"quoted\\\\\"" AFTER);
    expect(BEFORE "\"content\":\"\"" AFTER, "");
    expect(BEFORE "\"content\":\"caf\xC3\xA9 \"" AFTER, "caf\xC3\xA9 ");
    expect(BEFORE "\"content\":\"\\\"x\\n\\u00e9\\\\\"" AFTER, "\"x\n\xC3\xA9\\");
    expect(BEFORE "\"content\":\"\\ud83d\"" AFTER, "\xEF\xBF\xBD");
}

static void spaces_are_part_of_the_frame(void **state)
{
    (void)state;
    learn("{ \"delta\" : { \"content\" : \"a\" } }\n");
    expect("{ \"delta\" : { \"content\" : \"b\" } }\n", "b");
    expect("{ \"delta\" : { \"content\":\"b\" } }\n", NULL);
}

static void another_chunk_is_parsed_whole(void **state)
{
    (void)state;
    learn(BEFORE "\"content\":\"a\"" AFTER);
    static const char *const others[] = {
        "",
        BEFORE AFTER,
        BEFORE "\"content\":null" AFTER,
        BEFORE "\"content\":1" AFTER,
        BEFORE "\"content\":\"a\",\"refusal\":\"b\"" AFTER,
        BEFORE "\"content\":\"a\",\"content\":\"b\"" AFTER,
        BEFORE "\"role\":\"assistant\",\"content\":\"a\"" AFTER,
        BEFORE "\"content\":\"a" AFTER,
        BEFORE "\"content\":\"a\\\"" AFTER,
        BEFORE "\"content\":\"a\x01\"" AFTER,
        BEFORE "\"content\":\"a\xC3\"" AFTER,
        BEFORE "\"content\":" AFTER,
        BEFORE "\"content\":\"a\"}",
        "{\"id\":\"c-2\"}",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        expect(others[i], NULL);
    expect(BEFORE "\"content\":\"b\"" AFTER, "b");
}

static void the_latest_counts(void **state)
{
    (void)state;
    learn(BEFORE "\"role\":\"assistant\",\"content\":\"\"" AFTER);
    learn(BEFORE "\"content\":\"a\"" AFTER);
    expect(BEFORE "\"role\":\"assistant\",\"content\":\"b\"" AFTER, NULL);
    expect(BEFORE "\"content\":\"b\"" AFTER, "b");
}

static void what_could_be_mistaken_is_not_learned(void **state)
{
    (void)state;
    static const char *const chunks[] = {
        "{\"content\":\"x\",\"delta\":{\"content\":\"a\"}}",
        "{\"delta\":{\"content\":\"a\"},\"content\":\"x\"}",
        "{\"delta\":{\"\\u0063ontent\":\"a\"},\"other\":{\"content\":\"x\"}}",
        "{\"other\":{\"content\":\"x\"},\"delta\":{\"\\u0063ontent\":\"a\"}}",
        "{\"type\":\"content\",\"delta\":{\"content\":\"a\"}}",
        "{\"delta\":{\"content\":null}}",
        "{\"delta\":{\"a\\\"content\":\"a\"}}",
        "{}",
    };
    for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
        learn(BEFORE "\"content\":\"a\"" AFTER);
        learn(chunks[i]);
        expect(chunks[i], NULL);
        expect(BEFORE "\"content\":\"b\"" AFTER, NULL);
    }
}

static void a_large_frame_is_not_kept(void **state)
{
    (void)state;
    char chunk[8192];
    snprintf(chunk, sizeof(chunk), "{\"delta\":{\"content\":\"a\"},\"x\":\"%05000d\"}", 0);
    learn(chunk);
    expect(chunk, NULL);
    snprintf(chunk, sizeof(chunk), "{\"x\":\"%05000d\",\"delta\":{\"content\":\"a\"}}", 0);
    learn(chunk);
    expect(chunk, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_the_content_differs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(spaces_are_part_of_the_frame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_chunk_is_parsed_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_latest_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_could_be_mistaken_is_not_learned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_frame_is_not_kept, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
