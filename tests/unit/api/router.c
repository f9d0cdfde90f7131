/* The table of routes as a request meets it. */
#include "api/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *path;
    const char *route; /* NULL: none */
    const char *part;
} paths[] = {
    {"/", "", NULL},
    {"", "", NULL},
    {"/health", "/health", NULL},
    {"/health/", "/health", NULL},
    {"/health//", NULL, NULL},
    {"//health", NULL, NULL},
    {"/healt", NULL, NULL},
    {"/healthy", NULL, NULL},
    {"/health/x", NULL, NULL},
    {"*", NULL, NULL},
    {"/static/images/scenes/3f.webp", "/static/images/scenes/{}", "3f.webp"},
    {"/static/images/scenes/3f.webp/", "/static/images/scenes/{}", "3f.webp"},
    {"/static/images/scenes/{}", "/static/images/scenes/{}", "{}"},
    {"/static/images/scenes/..", "/static/images/scenes/{}", ".."},
    {"/static/images/scenes/", NULL, NULL},
    {"/static/images/scenes", NULL, NULL},
    {"/static/images/scenes//", NULL, NULL},
    {"/static/images/scenes//x", NULL, NULL},
    {"/static/images/scenes/a/b", NULL, NULL},
    {"/static/images/scenes/a//", NULL, NULL},
};

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct arena arena;
        arena_init(&arena);
        const char *parts[REQUEST_PATH_PARTS_MAX] = {0};
        const struct route *route = router_find(paths[i].path, &arena, parts);
        if (!route != !paths[i].route)
            fail_msg("%s: %s", paths[i].path, route ? route->path : "none");
        if (route)
            assert_string_equal(route->path, paths[i].route);
        assert_int_equal(!parts[0], !paths[i].part);
        if (paths[i].part)
            assert_string_equal(parts[0], paths[i].part);
        assert_null(parts[1]);
        arena_clear(&arena);
    }
}

static void test_methods(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    const char *parts[REQUEST_PATH_PARTS_MAX] = {0};
    const struct route *picture = router_find("/static/images/scenes/x", &arena, parts);
    assert_true(route_serves(picture, "GET"));
    assert_true(route_serves(picture, "HEAD"));
    assert_false(route_serves(picture, "POST"));
    assert_false(route_serves(picture, "get"));
    const struct route *upload = router_find("/api/parse-pdf", &arena, parts);
    assert_true(route_serves(upload, "POST"));
    assert_false(route_serves(upload, "HEAD"));
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
