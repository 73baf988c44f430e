#include "golden.h"
#include "lesion/stats.h"

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

static void check_curve(const double *numbers, size_t count)
{
    size_t points = (size_t)numbers[2];
    assert_int_equal(count, 5 + 2 * points);
    lsn_curve curve = lsn_curve_of(numbers + 3, numbers + 3 + points, points, numbers[0], numbers[1]);
    assert_near(curve.area, numbers[3 + 2 * points], 1e-13);
    if (isnan(numbers[4 + 2 * points]))
        assert_true(isnan(curve.half));
    else
        assert_near(curve.half, numbers[4 + 2 * points], 1e-13);
}

static void curves_agree_with_numpy(void **state)
{
    (void)state;
    assert_int_equal(golden_each("curve", check_curve), 5);
}

static void an_undamaged_curve_is_one_and_chance_is_zero(void **state)
{
    (void)state;
    const double fractions[] = {0, 0.25, 0.5}, same[] = {0.9, 0.9, 0.9}, chance[] = {0.1, 0.1, 0.1};
    lsn_curve curve = lsn_curve_of(fractions, same, 3, 0.9, 0.1);
    assert_near(curve.area, 1, 1e-15);
    assert_true(isnan(curve.half));
    curve = lsn_curve_of(fractions, chance, 3, 0.9, 0.1); /* down at once, at fraction 0 */
    assert_true(fabs(curve.area) < 1e-15);
    assert_true(curve.half == 0);
}

static void half_is_the_first_crossing(void **state)
{
    (void)state;
    const double fractions[] = {0.2, 0.4, 0.6, 0.8}, values[] = {0.5, 0.9, 0.9, 0};
    assert_near(lsn_curve_of(fractions, values, 4, 1, 0).half, 0.2, 1e-15);
    assert_near(lsn_curve_of(fractions + 1, values + 1, 3, 1, 0).half, 0.6 + 0.2 * 0.4 / 0.9, 1e-15);
}

static void what_is_no_curve_is_nan(void **state)
{
    (void)state;
    const double up[] = {0.1, 0.5}, down[] = {0.5, 0.1}, over[] = {0.5, 1.5}, negative[] = {-0.1, 0.5}, none[] = {0, 0};
    const double broken[] = {0.5, NAN}, values[] = {0.5, 0.4};
    const double *fractions[] = {down, over, negative, none, broken};
    for (int i = 0; i < 5; i++)
        assert_true(isnan(lsn_curve_of(fractions[i], values, 2, 0.9, 0.1).area));
    assert_true(isnan(lsn_curve_of(up, broken, 2, 0.9, 0.1).area));
    assert_true(isnan(lsn_curve_of(up, values, 0, 0.9, 0.1).area));
    assert_true(isnan(lsn_curve_of(up, values, 2, 0.1, 0.1).area));
    assert_true(isnan(lsn_curve_of(up, values, 2, NAN, 0.1).half));
    assert_false(isnan(lsn_curve_of(up, values, 2, 0.9, 0.1).area));
}

static void check_band(const double *numbers, size_t count)
{
    size_t n = (size_t)numbers[0];
    double values[GOLDEN_NUMBERS];
    assert_int_equal(count, n + 7);
    memcpy(values, numbers + 1, n * sizeof *values);
    lsn_band band = lsn_band_of(values, n);
    const double *expected = numbers + 1 + n;
    const double actual[] = {band.least, band.lower, band.median, band.upper, band.most, band.mean};
    for (int i = 0; i < 6; i++)
        assert_near(actual[i], expected[i], 1e-14);
}

static void bands_agree_with_numpy(void **state)
{
    (void)state;
    assert_int_equal(golden_each("band", check_band), 5);
}

static void a_band_of_nothing_or_nan_is_nan(void **state)
{
    (void)state;
    double values[] = {1, NAN, 2};
    assert_true(isnan(lsn_band_of(values, 3).median));
    assert_true(isnan(lsn_band_of(values, 0).mean));
    assert_true(isnan(lsn_quantile(values, 0, 0.5)));
    const double sorted[] = {3, 4};
    assert_true(lsn_quantile(sorted, 2, 0) == 3 && lsn_quantile(sorted, 2, 1) == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_agree_with_numpy),    cmocka_unit_test(an_undamaged_curve_is_one_and_chance_is_zero),
        cmocka_unit_test(half_is_the_first_crossing), cmocka_unit_test(what_is_no_curve_is_nan),
        cmocka_unit_test(bands_agree_with_numpy),     cmocka_unit_test(a_band_of_nothing_or_nan_is_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
