#include "golden.h"
#include "lesion/stats.h"

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>

static void check_effect(const double *numbers, size_t count)
{
    assert_int_equal(count, 5);
    lsn_effect effect = lsn_paired_effect((int64_t)numbers[0], (int64_t)numbers[1], (int64_t)numbers[2]);
    assert_near(effect.value, numbers[3], 1e-12);
    assert_near(effect.error, numbers[4], 1e-12);
}

static void agrees_with_the_deviation_of_the_images(void **state)
{
    (void)state;
    assert_int_equal(golden_each("effect", check_effect), 6);
}

static void nothing_cancels_for_many_images(void **state)
{
    (void)state;
    lsn_effect effect = lsn_paired_effect(999999999, 1, 1000000000); /* variance: 4 * 1e9 / 1e18 less its square */
    assert_near(effect.value, -0.999999998, 1e-15);
    assert_near(effect.error, sqrt(4 * 999999999e-9) / 1e9, 1e-12);
}

static void no_images_are_nan(void **state)
{
    (void)state;
    lsn_effect effect = lsn_paired_effect(0, 0, 0);
    assert_true(isnan(effect.value) && isnan(effect.error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_deviation_of_the_images),
        cmocka_unit_test(nothing_cancels_for_many_images),
        cmocka_unit_test(no_images_are_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
