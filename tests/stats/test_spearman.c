#include "golden.h"
#include "lesion/stats.h"

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>

static void check(const double *numbers, size_t count)
{
    size_t n = (size_t)numbers[0];
    assert_int_equal(count, 2 * n + 5);
    lsn_correlation c = {0};
    assert_true(lsn_spearman(numbers + 2, numbers + 2 + n, n, numbers[1], &c, NULL));
    assert_near(c.rho, numbers[2 + 2 * n], 1e-13);
    assert_near(c.interval.low, numbers[3 + 2 * n], 1e-12);
    assert_near(c.interval.high, numbers[4 + 2 * n], 1e-12);
    assert_int_equal(c.n, n);
}

static void agrees_with_scipy(void **state)
{
    (void)state;
    assert_int_equal(golden_each("spearman", check), 4);
}

static void only_order_counts(void **state)
{
    (void)state;
    double x[100], y[100], stretched[100], turned[100];
    lsn_random random;
    lsn_random_init(&random, 5, 0);
    for (int i = 0; i < 100; i++) {
        x[i] = (double)lsn_random_below(&random, 60);
        y[i] = x[i] + (double)lsn_random_below(&random, 90);
        stretched[i] = exp(x[i] / 2);
        turned[i] = -y[i];
    }
    lsn_correlation a, b, c;
    assert_true(lsn_spearman(x, y, 100, 0.95, &a, NULL));
    assert_true(lsn_spearman(stretched, y, 100, 0, &b, NULL));
    assert_true(lsn_spearman(y, x, 100, 0, &c, NULL));
    assert_true(a.rho == b.rho && a.interval.low == b.interval.low && a.rho == c.rho);
    assert_true(lsn_spearman(x, turned, 100, 0, &c, NULL));
    assert_true(c.rho == -a.rho);
    assert_near(c.interval.low, -a.interval.high, 1e-14);
}

static void perfect_order_has_no_width(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4, 5}, y[] = {2, 3, 5, 7, INFINITY};
    lsn_correlation c;
    assert_true(lsn_spearman(x, y, 5, 0, &c, NULL));
    assert_true(c.rho == 1 && c.interval.low == 1 && c.interval.high == 1);
}

static void what_has_no_order_is_nan(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4, NAN, 6}, same[] = {7, 7, 7, 7, 7, 7}, y[] = {3, NAN, 1, 2, 1, NAN};
    lsn_correlation c;
    assert_true(lsn_spearman(x, same, 6, 0, &c, NULL));
    assert_true(isnan(c.rho) && isnan(c.interval.low) && c.n == 5);
    assert_true(lsn_spearman(x, y, 6, 0, &c, NULL)); /* three pairs are left */
    assert_near(c.rho, -0.5, 1e-15);
    assert_true(isnan(c.interval.low) && isnan(c.interval.high) && c.n == 3);
    assert_true(lsn_spearman(x, y, 1, 0, &c, NULL));
    assert_true(isnan(c.rho) && c.n == 1);
    assert_true(lsn_spearman(NULL, NULL, 0, 0, &c, NULL));
    assert_true(isnan(c.rho) && c.n == 0);
}

static void a_confidence_outside_is_refused(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4}, bad[] = {1, -0.5, 95, NAN};
    for (int i = 0; i < 4; i++) {
        lsn_error err = {0};
        lsn_correlation c;
        assert_false(lsn_spearman(x, x, 4, bad[i], &c, &err));
        assert_int_equal(err.code, LSN_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_scipy),
        cmocka_unit_test(only_order_counts),
        cmocka_unit_test(perfect_order_has_no_width),
        cmocka_unit_test(what_has_no_order_is_nan),
        cmocka_unit_test(a_confidence_outside_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
