/* ${NAME} in a study. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "study/tree.h"

static int open_with_variables(void **state)
{
    static char large[6000];
    memset(large, 'x', sizeof large - 1);
    setenv("LSN_TEST_A", "one", 1);
    setenv("LSN_TEST_EMPTY", "", 1);
    setenv("LSN_TEST_B_2", "{x: ${LSN_TEST_A}}", 1);
    setenv("LSN_TEST_LARGE", large, 1);
    setenv("LSN_TEST_COUNT", "3", 1);
    unsetenv("LSN_TEST_NOT");
    return fixture_open(state);
}

/* The text of a scalar with its variables' values; NULL where it is refused. */
static const char *expanded(lsn_arena *arena, const char *text)
{
    lsn_reading reading = {.path = "study.yaml", .arena = arena};
    lsn_node node = {.kind = LSN_SCALAR, .line = 1, .column = 1, .text = text};
    bool ok = lsn_variables_expand(&reading, &node);
    assert_int_equal(reading.n_mistakes, ok ? 0 : 1);
    assert_int_equal(reading.failure.code, LSN_OK);
    assert_int_equal(node.wrong, !ok);
    free(reading.mistakes);
    return ok ? node.text : NULL;
}

static void values_are_put_in(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"${LSN_TEST_A}", "one"},
        {"a/${LSN_TEST_A}/b${LSN_TEST_A}", "a/one/bone"},
        {"${LSN_TEST_EMPTY}x", "x"},
        {"${LSN_TEST_NOT:-else}", "else"},
        {"${LSN_TEST_NOT:-}", ""},
        {"${LSN_TEST_EMPTY:-else}", "else"},
        {"${LSN_TEST_A:-else}", "one"},
        {"${LSN_TEST_NOT:-/a:-b $ c}/d", "/a:-b $ c/d"},
        {"${LSN_TEST_B_2}", "{x: ${LSN_TEST_A}}"}, /* values are not expanded again */
        {"$${LSN_TEST_A}", "${LSN_TEST_A}"},
        {"$$${LSN_TEST_A}", "$${LSN_TEST_A}"},
        {"$", "$"},
        {"$LSN_TEST_A $5 $$", "$LSN_TEST_A $5 $$"},
        {"a$${b", "a${b"},
        {"plain", "plain"},
        {"", ""},
        {"${", NULL},
        {"${}", NULL},
        {"${LSN_TEST_A", NULL},
        {"${LSN_TEST_NOT}", NULL},
        {"${2A}", NULL},
        {"${A-B}", NULL},
        {"${ LSN_TEST_A}", NULL},
        {"${LSN_TEST_A:x}", NULL},
        {"${LSN_TEST_NOT:-x", NULL},
        {"${LSN_TEST_LARGE}", NULL},
        {"x${LSN_TEST_NOT:-y}${LSN_TEST_LARGE}", NULL},
    };
    lsn_arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = expanded(&arena, cases[i].text);
        if (cases[i].expected == NULL)
            assert_null(found);
        else {
            assert_non_null(found);
            assert_string_equal(found, cases[i].expected);
        }
    }
    lsn_arena_finish(&arena);
}

static void any_value_may_have_one(void **state)
{
    (void)state;
    lsn_plan *plan = planned("study: ${LSN_TEST_A}-x\n"
                             "model: {weights: \"${LSN_TEST_NOT:-weights}.safetensors\"}\n"
                             "data:\n"
                             "  format: \"${LSN_TEST_NOT:-idx}\"\n"
                             "  images: ${LSN_TEST_EMPTY}images.idx\n"
                             "  labels: labels.idx\n"
                             "  preprocess: {pad: 2}\n"
                             "  take: {count: \"${LSN_TEST_COUNT}\"}\n"
                             "ablate:\n"
                             "  - {name: \"${LSN_TEST_A}\", layers: \"conv${LSN_TEST_NOT:-1_1}\", filters: "
                             "[\"${LSN_TEST_COUNT}\"]}\n",
                             NULL);
    assert_string_equal(plan->name, "one-x");
    assert_string_equal(plan->experiments[1].name, "one");
    assert_int_equal(plan->images.count, 3);
    assert_non_null(strstr(plan->text, "${LSN_TEST_A}-x")); /* as it was read */
    lsn_plan_destroy(plan);
}

/* And nothing is said twice: a value that could not be had is not checked further. */
static void unset_ones_are_said(void **state)
{
    (void)state;
    refused("study: ${LSN_TEST_NOT}\n"
            "model: {weights: \"${LSN_TEST_NOT}\"}\n"
            "data: ${LSN_TEST_NOT}\n"
            "ablate:\n"
            "  - name: one\n"
            "    layers: [fc6, \"${LSN_TEST_NOT}\"]\n"
            "    filters: ${LSN_TEST_NOT}\n"
            "    mode: ${LSN_TEST_NOT}\n"
            "  - name: two\n"
            "    layers: ${LSN_TEST_NOT}\n"
            "    filters: {random: {count: \"${LSN_TEST_NOT}\", seeds: \"${\"}}\n"
            "  - ${LSN_TEST_NOT}\n"
            "metrics: ${LSN_TEST_NOT}\n",
            (const char *[]){"metrics=${LSN_TEST_NOT}", NULL},
            (const expected[]){
                {"1:8", "the environment has no variable LSN_TEST_NOT; set it, or write ${LSN_TEST_NOT:-default}"},
                {"2:18", "no variable LSN_TEST_NOT"},
                {"3:7", "no variable LSN_TEST_NOT"},
                {"6:19", "no variable LSN_TEST_NOT"},
                {"7:14", "no variable LSN_TEST_NOT"},
                {"8:11", "no variable LSN_TEST_NOT"},
                {"10:13", "no variable LSN_TEST_NOT"},
                {"11:31", "no variable LSN_TEST_NOT"},
                {"11:57", "\"${\": write a variable as ${NAME} or ${NAME:-default}"},
                {"12:5", "no variable LSN_TEST_NOT"},
                {"--set metrics=${LSN_TEST_NOT}", "no variable LSN_TEST_NOT"},
                {NULL, NULL},
            });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_put_in),
        cmocka_unit_test(any_value_may_have_one),
        cmocka_unit_test(unset_ones_are_said),
    };
    return cmocka_run_group_tests(tests, open_with_variables, fixture_close);
}
