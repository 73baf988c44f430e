#include "golden.h"
#include "lesion/base.h"
#include "stats/stats_internal.h"

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>

static void check(const double *numbers, size_t count)
{
    assert_int_equal(count, 2);
    double z = normal_quantile(numbers[0]);
    if (!(fabs(z - numbers[1]) <= 1e-13 * fmax(1, fabs(numbers[1]))))
        fail_msg("%.17g, but should be %.17g", z, numbers[1]);
    if (fabs(z) < 8)
        assert_near(normal_below(z), numbers[0], 1e-13);
}

static void agrees_with_scipy(void **state)
{
    (void)state;
    assert_int_equal(golden_each("normal", check), 10);
}

static void the_ends_are_infinite(void **state)
{
    (void)state;
    assert_true(normal_quantile(0) == -INFINITY && normal_quantile(1) == INFINITY);
    assert_true(normal_below(-INFINITY) == 0 && normal_below(INFINITY) == 1 && normal_below(0) == 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_scipy),
        cmocka_unit_test(the_ends_are_infinite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
