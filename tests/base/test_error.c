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

static void no_error_object_is_accepted(void **state)
{
    (void)state;
    assert_false(lsn_fail(NULL, LSN_FAILED, "lost"));
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_has_code_and_text),
        cmocka_unit_test(no_error_object_is_accepted),
        cmocka_unit_test(a_prefix_goes_before_the_text),
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
