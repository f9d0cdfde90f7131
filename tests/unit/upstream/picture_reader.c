/* Answers, each read whole and cut into pieces of every length, with the same result. */
#include "upstream/picture_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PICTURE_MAX = 24 };

static enum err read_in_pieces(struct picture_reader *reader, const char *text, size_t piece,
                               cJSON **out)
{
    const size_t size = strlen(text);
    picture_reader_init(reader, PICTURE_MAX);
    for (size_t at = 0; at < size; at += piece) {
        const size_t length = size - at < piece ? size - at : piece;
        char *part = malloc(length);
        memcpy(part, text + at, length);
        const enum err err = picture_reader_feed(reader, part, length);
        assert_int_equal(err, reader->ended);
        free(part);
    }
    return picture_reader_end(reader, out);
}

/* `picture` is without NULs; "": none. */
static void check(const char *text, enum err expected, const char *picture)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        struct picture_reader reader;
        cJSON *root;
        assert_int_equal(read_in_pieces(&reader, text, piece, &root), expected);
        assert_int_equal(root != NULL, expected == OK);
        assert_int_equal(reader.picture.length, strlen(picture));
        assert_memory_equal(reader.picture.data ? reader.picture.data : "", picture,
                            strlen(picture));
        cJSON_Delete(root);
        picture_reader_clear(&reader);
    }
}

static void the_picture_is_decoded(void **state)
{
    (void)state;
    check("{\"data\":[{\"b64_json\":\"Zm9vYmFy\"}]}", OK, "foobar");
    check("{\"data\":[{\"b64_json\":\"Zm9vYmE=\"}]}", OK, "fooba");
    check("{\"data\":[{\"b64_json\":\"Zm9vYg==\"}]}", OK, "foob");
    check("{\"data\":[{\"b64_json\":\"/+8A\"}]}x", ERR_SYNTAX, "");
    check(" {\t\"data\" :\r\n[ { \"b64_json\"\n: \"Zm9v\" } ] } ", OK, "foo");
    check("{\"created\":1,\"data\":[{\"revised_prompt\":\"\\\"b64_json\\\":\\\"?\\\\\","
          "\"b64_json\":\"Zm9v\"},{\"b64_json\":\"?\"}],\"usage\":{\"input_tokens\":3}}",
          OK, "foo");
}

static void escapes_are_understood(void **state)
{
    (void)state;
    check("{\"data\":[{\"b64_json\":\"Pz8\\/Pz8\\u002f\"}]}", OK, "?\?\?\?\?\?");
    check("{\"d\\u0061ta\":[{\"b64\\u005Fjson\":\"Zm9v\"}]}", OK, "foo");
    check("{\"data\":[{\"b64_json\":\"Zm9v\\n\"}]}", ERR_SYNTAX, "");
    check("{\"data\":[{\"b64_json\":\"Zm9\\u0100\"}]}", ERR_SYNTAX, "");
    check("{\"data\":[{\"b64_json\":\"Zm9\\ud83d\"}]}", ERR_SYNTAX, "");
    check("{\"data\":[{\"b64_json\":\"Zm9v\\x\"}]}", ERR_SYNTAX, "");
    check("{\"data\":[{\"b64_json\":\"Zm9\\\"\"}]}", ERR_SYNTAX, "");
}

static void it_is_looked_for_in_one_place(void **state)
{
    (void)state;
    static const char *const elsewhere[] = {
        "{}",
        "null",
        "\"data\"",
        "{\"b64_json\":\"Zm9v\"}",
        "{\"data\":{\"b64_json\":\"Zm9v\"}}",
        "{\"data\":[[{\"b64_json\":\"Zm9v\"}]]}",
        "{\"data\":[]}",
        "{\"data\":[{},{\"b64_json\":\"Zm9v\"}]}",
        "{\"data\":[1,{\"b64_json\":\"Zm9v\"}]}",
        "{\"Data\":[{\"b64_json\":\"Zm9v\"}]}",
        "{\"data\":[{\"x\":{\"b64_json\":\"Zm9v\"}}]}",
        "{\"data\":[{\"x\":[\"b64_json\",\"Zm9v\"]}]}",
        "{\"data\":[{\"b64_json\":[\"Zm9v\"]}]}",
        "{\"data\":[{\"b64_json\":null,\"url\":\"x\"}]}",
        "{\"data\":[{\"b64_json\":\"\"}]}",
        "[{\"data\":[{\"b64_json\":\"Zm9v\"}]}]",
    };
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
        check(elsewhere[i], OK, "");
}

static void the_last_of_several_counts(void **state)
{
    (void)state;
    check("{\"data\":[{\"b64_json\":\"Zm9v\",\"b64_json\":\"YmFy\"}]}", OK, "bar");
    check("{\"data\":[{\"b64_json\":\"Zm9v\"}],\"data\":[{\"b64_json\":\"YmFy\"}]}", OK, "bar");
    check("{\"data\":[{\"b64_json\":\"Zm9v\",\"b64_json\":null}]}", OK, "");
    check("{\"data\":[{\"b64_json\":\"Zm9v\"}],\"data\":[]}", OK, "");
}

static void what_is_malformed_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "<html></html>",
        "{\"data\":[{\"b64_json\":\"Zm9v\"}]",
        "{\"data\":[{\"b64_json\":\"Zm9v",
        "{\"data\":[{\"b64_json\":\"Zm9v\\",
        "{\"data\":[{\"b64_json\":\"Zm9\"}]}",
        "{\"data\":[{\"b64_json\":\"Zm9vY\"}]}",
        "{\"data\":[{\"b64_json\":\"Zm=v\"}]}",
        "{\"data\":[{\"b64_json\":\"Z===\"}]}",
        "{\"data\":[{\"b64_json\":\"====\"}]}",
        "{\"data\":[{\"b64_json\":\"Zm8=Zm9v\"}]}",
        "{\"data\":[{\"b64_json\":\"Zm9v \"}]}",
        "{\"data\":[{\"b64_json\":\"Zm9v\n\"}]}",
        "{\"data\":[{\"b64_json\":\"Zm9-\"}]}",
        "{\"data\":[{\"b64_json\" \"Zm9v\"}]}",
        "{\"data\":[{\"b64_json\":\"Zm9v\" 1}]}",
        "}{",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check(bad[i], ERR_SYNTAX, "");
}

static void nothing_grows_without_end(void **state)
{
    (void)state;
    check("{\"data\":[{\"b64_json\":\"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\"}]}", OK,
          "AAAAAAAAAAAAAAAAAAAAAAAA"); /* just as large as it may be */
    check("{\"data\":[{\"b64_json\":\"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQQ==\"}]}", ERR_LIMIT, "");

    struct picture_reader reader;
    picture_reader_init(&reader, PICTURE_MAX);
    enum err err = picture_reader_feed(&reader, "{\"a\":\"", 6);
    char piece[4096];
    memset(piece, 'x', sizeof(piece));
    for (int i = 0; i < 1000 && err == OK; i++)
        err = picture_reader_feed(&reader, piece, sizeof(piece));
    assert_int_equal(err, ERR_LIMIT);
    assert_true(reader.document.capacity <= PICTURE_DOCUMENT_MAX);
    assert_int_equal(picture_reader_feed(&reader, "\"}", 2), ERR_LIMIT);
    cJSON *root;
    assert_int_equal(picture_reader_end(&reader, &root), ERR_LIMIT);
    assert_null(root);
    picture_reader_clear(&reader);
}

/* A picture of some size keeps the memory of its bytes, not of its text. */
static void the_text_is_not_held(void **state)
{
    (void)state;
    struct picture_reader reader;
    picture_reader_init(&reader, 8 << 20);
    assert_int_equal(picture_reader_feed(&reader, "{\"data\":[{\"b64_json\":\"", 22), OK);
    char piece[4096];
    memset(piece, 'A', sizeof(piece));
    for (int i = 0; i < 256; i++)
        assert_int_equal(picture_reader_feed(&reader, piece, sizeof(piece)), OK);
    assert_int_equal(picture_reader_feed(&reader, "\"}]}", 4), OK);
    assert_int_equal(reader.picture.length, 256 * 4096 / 4 * 3);
    assert_true(reader.document.length < 64);
    picture_reader_clear(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_picture_is_decoded),
        cmocka_unit_test(escapes_are_understood),
        cmocka_unit_test(it_is_looked_for_in_one_place),
        cmocka_unit_test(the_last_of_several_counts),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(nothing_grows_without_end),
        cmocka_unit_test(the_text_is_not_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
