#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lesion/base.h"

/* A text that cannot be formatted in the C locale: it fails as one does for which there is no memory. */
#define NOT_PRINTABLE L"\x4e2d"

static void a_text_grows(void **state)
{
    (void)state;
    lsn_text text = {0};
    for (int i = 0; i < 1000; i++)
        lsn_text_add(&text, "%03d,", i);
    assert_false(text.failed);
    assert_int_equal(text.length, 4000);
    assert_int_equal(strlen(text.data), 4000);
    assert_memory_equal(text.data, "000,001,", 8);
    assert_string_equal(text.data + 3992, "998,999,");
    lsn_text_finish(&text);
    assert_null(text.data);
    assert_int_equal(text.length, 0);
}

static void bytes_are_added_as_they_are(void **state)
{
    (void)state;
    lsn_text text = {0};
    lsn_text_put(&text, "", 0);
    assert_string_equal(text.data, "");
    for (int i = 0; i < 1000; i++) {
        lsn_text_put(&text, "%s,more", 3);
        lsn_text_add(&text, "%d", i % 10);
    }
    assert_false(text.failed);
    assert_int_equal(text.length, 4000);
    assert_int_equal(strlen(text.data), 4000);
    assert_string_equal(text.data + 3992, "%s,8%s,9");
    lsn_text_finish(&text);
}

static void adding_nothing_gives_an_empty_string(void **state)
{
    (void)state;
    lsn_text text = {0};
    lsn_text_add(&text, "%s", "");
    assert_string_equal(text.data, "");
    lsn_text_finish(&text);
}

static void a_text_that_failed_stays_so(void **state)
{
    (void)state;
    lsn_text text = {0};
    lsn_text_add(&text, "before");
    lsn_text_add(&text, "%ls", NOT_PRINTABLE);
    assert_true(text.failed);
    lsn_text_add(&text, "after");
    lsn_text_put(&text, "after", 5);
    assert_true(text.failed);
    assert_string_equal(text.data, "before");
    lsn_text_finish(&text);
}

static void problems_stand_in_order(void **state)
{
    (void)state;
    lsn_problems problems = {0};
    char expected[32];
    for (int i = 0; i < 50; i++)
        assert_false(lsn_problem(&problems, "study.yaml:%d: wrong", i));
    assert_int_equal(problems.count, 50);
    for (int i = 0; i < 50; i++) {
        snprintf(expected, sizeof expected, "study.yaml:%d: wrong", i);
        assert_string_equal(problems.text[i], expected);
    }
    lsn_problems_finish(&problems);
    assert_int_equal(problems.count, 0);
    assert_null(problems.text);
}

static void a_lost_problem_counts(void **state)
{
    (void)state;
    lsn_problems problems = {0};
    for (int i = 0; i < 3; i++)
        assert_false(lsn_problem(&problems, "%ls", NOT_PRINTABLE));
    assert_false(lsn_problem(&problems, "another"));
    assert_true(problems.count >= 1);
    for (size_t i = 0; i < problems.count; i++)
        assert_true(strlen(problems.text[i]) > 0);
    lsn_problems_finish(&problems);
    assert_int_equal(problems.count, 0);
}

static void a_problem_lost_later_keeps_the_others(void **state)
{
    (void)state;
    lsn_problems problems = {0};
    lsn_problem(&problems, "first");
    lsn_problem(&problems, "%ls", NOT_PRINTABLE);
    lsn_problem(&problems, "last");
    assert_int_equal(problems.count, 2);
    assert_string_equal(problems.text[0], "first");
    assert_string_equal(problems.text[1], "last");
    lsn_problems_finish(&problems);
}

static void the_nearest_word_is_found(void **state)
{
    (void)state;
    const char *const known[] = {"layers", "filters", "mode", "metrics", "preprocess", NULL};
    assert_string_equal(lsn_nearest("layer", known), "layers");
    assert_string_equal(lsn_nearest("fitlers", known), "filters");
    assert_string_equal(lsn_nearest("mode", known), "mode");
    assert_string_equal(lsn_nearest("modes", known), "mode");
    assert_string_equal(lsn_nearest("prepocessing", known), "preprocess");
    assert_null(lsn_nearest("weights", known));
    assert_null(lsn_nearest("abcdefghijklmnop", known));
    const char *const brief[] = {"kl", "top1", "loss", NULL};
    assert_null(lsn_nearest("f1", brief));
    assert_string_equal(lsn_nearest("k", brief), "kl");
    assert_string_equal(lsn_nearest("lk", brief), "kl");
    assert_string_equal(lsn_nearest("otp1", brief), "top1");
    assert_string_equal(lsn_nearest("lsos", brief), "loss");
}

static void words_too_far_or_too_long_are_near_nothing(void **state)
{
    (void)state;
    const char *const none[] = {NULL};
    char word[200];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    const char *const one[] = {word, NULL};
    assert_null(lsn_nearest("layers", none));
    assert_null(lsn_nearest(word, one));
    assert_null(lsn_nearest("layers", one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_grows),
        cmocka_unit_test(bytes_are_added_as_they_are),
        cmocka_unit_test(adding_nothing_gives_an_empty_string),
        cmocka_unit_test(a_text_that_failed_stays_so),
        cmocka_unit_test(problems_stand_in_order),
        cmocka_unit_test(a_lost_problem_counts),
        cmocka_unit_test(a_problem_lost_later_keeps_the_others),
        cmocka_unit_test(the_nearest_word_is_found),
        cmocka_unit_test(words_too_far_or_too_long_are_near_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
