#include "golden.h"
#include "lesion/stats.h"

#include <setjmp.h>

#include <cmocka.h>

static void check(const double *numbers, size_t count)
{
    assert_int_equal(count, 4);
    lsn_interval interval = lsn_wilson((int64_t)numbers[0], (int64_t)numbers[1]);
    assert_near(interval.low, numbers[2], 1e-11);
    assert_near(interval.high, numbers[3], 1e-14);
}

static void agrees_with_the_quadratic(void **state)
{
    (void)state;
    assert_int_equal(golden_each("wilson", check), 9);
}

static void stays_within_0_and_1_around_the_share(void **state)
{
    (void)state;
    for (int64_t n = 1; n < 200; n++)
        for (int64_t k = 0; k <= n; k++) {
            lsn_interval interval = lsn_wilson(k, n);
            double share = (double)k / (double)n;
            if (!(0 <= interval.low && interval.low <= share && share <= interval.high && interval.high <= 1))
                fail_msg("%d of %d: %.17g .. %.17g", (int)k, (int)n, interval.low, interval.high);
        }
    assert_true(lsn_wilson(0, 1000000000).low == 0);
    assert_true(lsn_wilson(1000000000, 1000000000).high == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_quadratic),
        cmocka_unit_test(stays_within_0_and_1_around_the_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
