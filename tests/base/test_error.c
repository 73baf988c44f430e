#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lesion/base.h"

static void a_failure_has_code_and_text(void **state)
{
    (void)state;
    lsn_error err = {0};
    assert_false(lsn_fail(&err, LSN_INVALID, "%s: line %d", "study.yaml", 7));
    assert_int_equal(err.code, LSN_INVALID);
    assert_string_equal(err.text, "study.yaml: line 7");
}

static void a_failure_says_what_it_is_about(void **state)
{
    (void)state;
    lsn_error err;
    assert_false(lsn_fail_part(&err, LSN_INVALID, "images.npy", "preprocess", "pad is %d", -1));
    assert_string_equal(err.text, "images.npy: preprocess: pad is -1");
    assert_string_equal(err.part, "preprocess");
    assert_false(lsn_fail_line(&err, LSN_INVALID, "classes.txt", 7, "is empty"));
    assert_string_equal(err.text, "classes.txt:7: is empty");
    assert_int_equal(err.line, 7);
    assert_string_equal(err.part, "");
    assert_false(lsn_fail_at(&err, LSN_FAILED, "a.db", "disk %s", "full"));
    assert_string_equal(err.text, "a.db: disk full");
    assert_int_equal(err.code, LSN_FAILED);
    assert_int_equal(err.line, 0);
    assert_string_equal(err.file, "a.db");
    assert_true(lsn_error_is_about(&err, "a.db"));
    assert_false(lsn_error_is_about(&err, "a.db2") || lsn_error_is_about(&err, "a.d") || lsn_error_is_about(&err, ""));
    assert_false(lsn_error_is_about(&err, NULL));
    lsn_fail(&err, LSN_FAILED, "a.db: of no file");
    assert_false(lsn_error_is_about(&err, "a.db"));
}

static void an_error_is_handed_on_whole(void **state)
{
    (void)state;
    lsn_error err, cause;
    lsn_fail_line(&cause, LSN_STOPPED, "a.yaml", 3, "stop");
    assert_false(lsn_fail_as(&err, &cause));
    assert_memory_equal(&err, &cause, sizeof err);
    assert_false(lsn_fail_as(NULL, &cause));
}

static void no_error_object_is_accepted(void **state)
{
    (void)state;
    assert_false(lsn_fail(NULL, LSN_FAILED, "lost"));
    assert_false(lsn_fail_at(NULL, LSN_FAILED, "a.db", "lost"));
    assert_false(lsn_fail_in(NULL, "lost"));
}

static void a_prefix_goes_before_the_text(void **state)
{
    (void)state;
    lsn_error err;
    lsn_fail(&err, LSN_USAGE, "no such layer");
    assert_false(lsn_fail_in(&err, "rank %d", 3));
    assert_int_equal(err.code, LSN_USAGE);
    assert_string_equal(err.text, "rank 3: no such layer");
    lsn_fail_at(&err, LSN_INVALID, "a.pt", "is damaged");
    lsn_fail_in(&err, "rank 3");
    assert_string_equal(err.text, "rank 3: a.pt: is damaged");
    assert_true(lsn_error_is_about(&err, "a.pt"));
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    char text[3 * LSN_ERROR_BYTES];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    lsn_error err;
    lsn_fail(&err, LSN_FAILED, "%s", text);
    assert_int_equal(strlen(err.text), LSN_ERROR_BYTES - 1);
    lsn_fail_in(&err, "prefix");
    assert_int_equal(strlen(err.text), LSN_ERROR_BYTES - 1);
    assert_memory_equal(err.text, "prefix: xxx", 11);
    lsn_fail_in(&err, "%s", text);
    assert_int_equal(strlen(err.text), LSN_ERROR_BYTES - 1);
    lsn_fail_part(&err, LSN_INVALID, text, text, "lost");
    assert_int_equal(strlen(err.text), LSN_ERROR_BYTES - 1);
    assert_true(lsn_error_is_about(&err, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_has_code_and_text),   cmocka_unit_test(a_failure_says_what_it_is_about),
        cmocka_unit_test(an_error_is_handed_on_whole),   cmocka_unit_test(no_error_object_is_accepted),
        cmocka_unit_test(a_prefix_goes_before_the_text), cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
