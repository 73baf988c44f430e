#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
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

static void a_text_is_handed_over(void **state)
{
    (void)state;
    lsn_error err = {0};
    lsn_text text = {0};
    lsn_text_add(&text, "%d", 7);
    char *taken = lsn_text_take(&text, &err);
    assert_string_equal(taken, "7");
    assert_null(text.data);
    free(taken);
    taken = lsn_text_take(&text, &err);
    assert_string_equal(taken, "");
    free(taken);
    taken = lsn_compose(&err, "%s/%d", "a", 8);
    assert_string_equal(taken, "a/8");
    free(taken);
    assert_int_equal(err.code, LSN_OK);
    assert_null(lsn_compose(&err, "%ls", NOT_PRINTABLE));
    assert_int_equal(err.code, LSN_FAILED);
}

static void characters_of_utf8_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int bytes;
    } cases[] = {
        {"a", 1},
        {"", 1},
        {"\xC3\xA9x", 2},
        {"\xE2\x82\xAC", 3},
        {"\xF0\x9F\x98\x80", 4},
        {"\xF4\x8F\xBF\xBF", 4},
        {"\x80", 0},
        {"\xC1\x80", 0},
        {"\xC3", 0},
        {"\xC3x", 0},
        {"\xE0\x9F\x80", 0},
        {"\xED\xA0\x80", 0},
        {"\xE2\x82", 0},
        {"\xF0\x8F\xBF\xBF", 0},
        {"\xF4\x90\x80\x80", 0},
        {"\xF5\x80\x80\x80", 0},
        {"\xFF", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(lsn_utf8_bytes(cases[i].text), cases[i].bytes);
    assert_int_equal(lsn_utf8_count("a\xC3\xA9\xE2\x82\xAC", 6), 3);
    assert_int_equal(lsn_utf8_count("a\xC3\xA9\xE2\x82\xAC", 1), 1);
}

static void numbers_read_back_as_the_same(void **state)
{
    (void)state;
    char text[LSN_REAL_BYTES];
    assert_int_equal(lsn_real_text(0.1, text), 3);
    assert_string_equal(text, "0.1");
    const double numbers[] = {1.0 / 3, -2.2250738585072014e-308, 1.7976931348623157e308, 5e-324, 0.1 + 0.2};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const int length = lsn_real_text(numbers[i], text);
        const double back = strtod(text, NULL);
        assert_int_equal(length, strlen(text));
        assert_memory_equal(&back, &numbers[i], sizeof back);
    }
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
        cmocka_unit_test(a_text_is_handed_over),
        cmocka_unit_test(characters_of_utf8_are_known),
        cmocka_unit_test(numbers_read_back_as_the_same),
        cmocka_unit_test(a_text_that_failed_stays_so),
        cmocka_unit_test(problems_stand_in_order),
        cmocka_unit_test(a_lost_problem_counts),
        cmocka_unit_test(a_problem_lost_later_keeps_the_others),
        cmocka_unit_test(the_nearest_word_is_found),
        cmocka_unit_test(words_too_far_or_too_long_are_near_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
