/* What libyaml refuses, and what is refused before it costs much. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "study/tree.h"

static void check_one(const char *text, const char *place, const char *part)
{
    refused(text, NULL, (const expected[]){{place, part}, {NULL, NULL}});
}

static void syntax_errors_have_their_place(void **state)
{
    (void)state;
    check_one("study: \"a\n", "2:1",
              "YAML: found unexpected end of stream, while scanning a quoted scalar that begins "
              "at line 1, column 8");
    check_one("study: [a, b\n", "2:1", "YAML: did not find expected ',' or ']'");
    check_one("study: a\n\tb: c\n", "2:1",
              "YAML: found a tab character that violates indentation, while scanning a "
              "plain scalar that begins at line 1, column 8; indent with spaces");
    check_one("study: a: b\n", "1:9", "YAML: mapping values are not allowed in this context; write text that contains");
    check_one("study: @a\n", "1:8", "write text that begins with @, % or ` in quotes");
    check_one("study: \xff\n", "1:8", "YAML: invalid leading UTF-8 octet; the file must be UTF-8 text");
    check_one("# \xc3\xa4\xc3\xb6\nstudy: \xc3\xa4\x01\n", "2:9", "YAML: control characters are not allowed");
    check_one("layers: *conv\n", "1:9",
              "alias \"conv\" stands for no anchor above it; write a pattern that begins with "
              "* in quotes");
    check_one("layers: *\n", "1:10", "write a pattern that begins with * in quotes");
    check_one("\xc3\xa4: {a: ${B}}\n", "1:9", "between brackets write \"${NAME}\" in quotes");
    check_one(ONE("!!str fc6", "0", "zero"), "13:13", "tag \"tag:yaml.org,2002:str\": a study has no tags; remove it");
    check_one("study: \"a\\0b\"\n", "1:8", "a value contains a zero byte");
    check_one("[a]: b\n", "1:1", "a key must be a word, not a list");
    check_one("study: a\n---\nstudy: b\n", "2:1", "a second document begins here");
}

static void keys_stand_once(void **state)
{
    (void)state;
    refused(HEAD "ablate:\n  - name: one\n    layers: fc6\n    layers: [fc7, {a: b}]\n    filters: all\nmetrics: x\n",
            NULL,
            (const expected[]){{"14:5", "key \"layers\" is already given at line 13; keep one of them"},
                               {"16:1", "key \"metrics\" is already given at line 10"},
                               {NULL, NULL}});
}

static void aliases_stand_for_their_anchors(void **state)
{
    (void)state;
    lsn_plan *plan = planned(HEAD "ablate:\n"
                                  "  - &first {name: a, layers: &l [conv1_1, conv2_1], filters: &f {lowest: l1, "
                                  "fraction: 0.5}}\n"
                                  "  - {name: b, layers: *l, filters: *f}\n",
                             NULL);
    assert_int_equal(plan->n_jobs, 5);
    assert_int_equal(plan->n_evaluations, 3);
    lsn_plan_destroy(plan);
    check_one("study: &a [x, *a]\n", "1:15", "alias \"a\" stands for no anchor above it");
    /* an override of one does not change the other */
    plan = planned(HEAD "ablate:\n  - {name: a, layers: &l [fc6], filters: 0}\n  - {name: b, layers: *l, filters: 0}\n",
                   (const char *[]){"ablate.b.layers.0=fc7", NULL});
    assert_int_equal(plan->n_evaluations, 3);
    lsn_plan_destroy(plan);
}

/* Ten lists of ten aliases each: 10^9 values from 400 bytes. */
static void bombs_are_refused(void **state)
{
    (void)state;
    lsn_text text = {0};
    lsn_text_add(&text, "a0: &a0 x\n");
    for (int i = 1; i < 10; i++) {
        lsn_text_add(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            lsn_text_add(&text, "*a%d,", i - 1);
        lsn_text_add(&text, "]\n");
    }
    check_one(text.data, "6:38", "the study has more than 100000 values (aliases count as what they stand for)");
    lsn_text_finish(&text);
}

static void aliases_do_not_nest_without_end(void **state)
{
    (void)state;
    check_one("a: &a [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]\nb: [[[[[[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]]]]]\n",
              "2:24", "nested more than 32 deep");
}

/* `unit` many times over, up to `bytes`. */
static void check_repeated(const char *unit, size_t bytes, const char *place, const char *part)
{
    size_t length = strlen(unit), count = bytes / length;
    char *text = malloc(count * length + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * length, unit, length);
    text[count * length] = '\0';
    check_one(text, place, part);
    free(text);
}

static void large_files_are_refused(void **state)
{
    (void)state;
    check_repeated("[", 1 << 20, "1:33", "nested more than 32 deep");
    check_repeated("? ", 1 << 20, "1:65", "nested more than 32 deep");
    check_repeated("- x\n", 1 << 20, "100000:3", "more than 100000 values");
    check_repeated("- &a x\n", 1 << 20, "101:3", "more than 100 anchors");
    check_repeated("#", (16 << 20) + 1, "", "has 16777217 bytes; a study has at most 16777216");
    check_repeated("#", 16 << 20, "", "is empty");
}

static void large_maps_are_refused(void **state)
{
    (void)state;
    lsn_text text = {0};
    for (int i = 0; i < 1000; i++)
        lsn_text_add(&text, "k%d: x\n", i);
    check_one(text.data, "65:1", "this map has more than 64 keys");
    lsn_text_finish(&text);
}

static void long_values_are_cut_in_messages(void **state)
{
    (void)state;
    char text[300], shown[LSN_SHOWN_BYTES];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    lsn_shown(text, shown);
    assert_int_equal(strlen(shown), LSN_SHOWN_BYTES - 1);
    assert_string_equal(shown + LSN_SHOWN_BYTES - 6, "a...\"");
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = i % 2 == 0 ? '\xc3' : '\xa4';
    lsn_shown(text + 1, shown); /* the cut would fall within a character */
    assert_int_equal((unsigned char)shown[strlen(shown) - 5], 0xa4);
    assert_string_equal(lsn_shown("a\n\tb\x7f", shown), "\"a  b \"");
    assert_string_equal(lsn_shown("", shown), "\"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax_errors_have_their_place),  cmocka_unit_test(keys_stand_once),
        cmocka_unit_test(aliases_stand_for_their_anchors), cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(aliases_do_not_nest_without_end), cmocka_unit_test(large_files_are_refused),
        cmocka_unit_test(large_maps_are_refused),          cmocka_unit_test(long_values_are_cut_in_messages),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
