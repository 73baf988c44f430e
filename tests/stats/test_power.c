#include "golden.h"
#include "lesion/stats.h"

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

static void check_flips(const double *numbers, size_t count)
{
    assert_int_equal(count, 3);
    assert_int_equal(lsn_flips_needed((int64_t)numbers[0], numbers[1]), (int)numbers[2]);
}

static void flips_agree_with_the_definitions(void **state)
{
    (void)state;
    assert_int_equal(golden_each("flips", check_flips), 8);
}

/* k flips are enough, and one fewer is not, by the tests that a study's results go through. */
static void flips_are_the_least_that_reach_significance(void **state)
{
    (void)state;
    enum { MOST = 6000 };
    double *p = calloc(MOST, sizeof *p), *q = calloc(MOST, sizeof *q);
    assert_true(p != NULL && q != NULL);
    for (int64_t m = 1; m <= MOST; m = m * 3 / 2 + 1) {
        int flips = lsn_flips_needed(m, LSN_LEVEL);
        for (int k = flips - 1; k <= flips; k++) {
            for (int64_t i = 0; i < m; i++)
                p[i] = 1;
            p[m / 2] = lsn_mcnemar_mid(k, 0);
            assert_true(lsn_benjamini_hochberg(p, (size_t)m, q, NULL));
            assert_int_equal(q[m / 2] < LSN_LEVEL, k == flips);
        }
    }
    free(p);
    free(q);
}

static void too_few_images_are_those_that_could_not_flip_enough(void **state)
{
    (void)state;
    assert_true(lsn_too_few_images(849, 5504, LSN_CHANGE_JOB));
    assert_false(lsn_too_few_images(850, 5504, LSN_CHANGE_JOB)); /* 2 % of 850: 17 */
    assert_true(lsn_too_few_images(50, 16 * 10, LSN_CHANGE_CLASS));
    assert_true(lsn_too_few_images(50, 5504 * 1000, LSN_CHANGE_CLASS));
    assert_false(lsn_too_few_images(1000, 16 * 10, LSN_CHANGE_CLASS));
    assert_true(lsn_too_few_images(0, 1, 1));
    assert_false(lsn_too_few_images(0, 0, 1)); /* nothing is claimed */
    assert_true(lsn_too_few_images(1000000, 1, 0));
}

static void check_sample(const double *numbers, size_t count)
{
    assert_int_equal(count, 4);
    assert_int_equal(lsn_filters_to_sample((int64_t)numbers[0], numbers[1], numbers[2]), (int64_t)numbers[3]);
}

static void filters_to_sample_agree_with_the_formula(void **state)
{
    (void)state;
    assert_int_equal(golden_each("sample", check_sample), 5);
    assert_int_equal(lsn_filters_to_sample(0, 0.05, 0.95), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flips_agree_with_the_definitions),
        cmocka_unit_test(flips_are_the_least_that_reach_significance),
        cmocka_unit_test(too_few_images_are_those_that_could_not_flip_enough),
        cmocka_unit_test(filters_to_sample_agree_with_the_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
