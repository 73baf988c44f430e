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

/* The differences of make_stats_golden.py. */
static void check_loss_effect(const double *numbers, size_t count)
{
    assert_int_equal(count, 3);
    lsn_tally tally = {.images = (int64_t)numbers[0]};
    for (int i = 0; i < tally.images; i++) {
        const double d = (i * 37 % 101 - 40) / 64.0;
        tally.base_loss += lsn_fixed(1.25);
        tally.loss += lsn_fixed(1.25 + d);
        tally.d_loss_squared += (int64_t)(d * d * LSN_SQUARE);
    }
    const lsn_effect effect = lsn_loss_effect(&tally);
    assert_near(effect.value, numbers[1], 1e-13);
    assert_near(effect.error, numbers[2], 1e-13);
}

static void the_change_of_loss_has_an_error(void **state)
{
    (void)state;
    assert_int_equal(golden_each("loss_effect", check_loss_effect), 3);
}

static void small_changes_of_loss_are_not_lost(void **state)
{
    (void)state;
    lsn_tally tally = {0};
    const float intact[2] = {2, 0};
    for (int i = 0; i < 1000; i++) {
        const float ablated[2] = {2 + (i % 2 == 0 ? 1e-4F : -1e-4F), 0};
        lsn_tally_image(&tally, intact, ablated, 2, 0, NULL, NULL);
    }
    /* d = -+ 1e-4 * P[wrong], P = 1 / (1 + e^2) */
    const double error = 1e-4 / (1 + exp(2)) / sqrt(999);
    assert_true(fabs(lsn_loss_effect(&tally).error - error) <= 0.02 * error);
}

static void an_unknown_error_is_nan(void **state)
{
    (void)state;
    static const lsn_tally tallies[] = {{.images = 1, .loss = 5, .d_loss_squared = 25},
                                        {.images = 9, .loss = INT64_MAX, .d_loss_squared = 25},
                                        {.images = 9, .base_loss = INT64_MAX, .d_loss_squared = 25},
                                        {.images = 9, .d_loss_squared = INT64_MAX}};
    for (size_t i = 0; i < sizeof tallies / sizeof *tallies; i++)
        assert_true(isnan(lsn_loss_effect(&tallies[i]).error));
    assert_true(isnan(lsn_loss_effect(&(lsn_tally){0}).value));
    /* squares that rounding has made too small */
    assert_true(lsn_loss_effect(&(lsn_tally){.images = 2, .loss = 1 << 20}).error == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_deviation_of_the_images),
        cmocka_unit_test(nothing_cancels_for_many_images),
        cmocka_unit_test(no_images_are_nan),
        cmocka_unit_test(the_change_of_loss_has_an_error),
        cmocka_unit_test(small_changes_of_loss_are_not_lost),
        cmocka_unit_test(an_unknown_error_is_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
