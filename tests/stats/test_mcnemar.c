#include "golden.h"
#include "lesion/stats.h"

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>

static void check(const double *numbers, size_t count)
{
    assert_int_equal(count, 4);
    int64_t b = (int64_t)numbers[0], c = (int64_t)numbers[1];
    assert_near(lsn_mcnemar_exact(b, c), numbers[2], 1e-12);
    assert_near(lsn_mcnemar_mid(b, c), numbers[3], 1e-12);
    assert_true(lsn_mcnemar_exact(b, c) == lsn_mcnemar_exact(c, b));
    assert_true(lsn_mcnemar_mid(b, c) == lsn_mcnemar_mid(c, b));
}

static void agrees_with_exact_tails(void **state)
{
    (void)state;
    assert_int_equal(golden_each("mcnemar", check), 25);
}

/* Small counts against sums of binomial coefficients, which are exact in doubles. */
static void agrees_with_pascals_triangle(void **state)
{
    (void)state;
    double row[51] = {1};
    for (int n = 1; n <= 50; n++) {
        for (int k = n; k > 0; k--)
            row[k] += row[k - 1];
        double tail = 0, whole = ldexp(1, n);
        for (int k = 0; 2 * k <= n; k++) {
            tail += row[k];
            double exact = 2 * k == n ? 1 : fmin(1, 2 * tail / whole);
            assert_near(lsn_mcnemar_exact(k, n - k), exact, 1e-13);
            assert_near(lsn_mcnemar_mid(k, n - k), 2 * k == n ? 1 - row[k] / whole / 2 : exact - row[k] / whole, 1e-13);
        }
    }
}

static void is_a_probability_and_falls_with_the_imbalance(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 100000; n *= 10) {
        double before = 1;
        for (int64_t few = n / 2; few >= 0 && few >= n / 2 - 1000; few--) {
            double p = lsn_mcnemar_mid(few, n - few);
            if (!(p >= 0 && p <= before))
                fail_msg("%d, %d: %g after %g", (int)few, (int)(n - few), p, before);
            before = p;
        }
    }
    assert_true(lsn_mcnemar_mid(0, 1000000) == 0); /* 2^-1000000 is less than the least double */
    assert_true(lsn_mcnemar_mid(0, 0) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_exact_tails),
        cmocka_unit_test(agrees_with_pascals_triangle),
        cmocka_unit_test(is_a_probability_and_falls_with_the_imbalance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
