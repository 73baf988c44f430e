#include "golden.h"
#include "lesion/stats.h"

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>

static void check(const double *numbers, size_t count)
{
    size_t n = (size_t)numbers[0];
    double q[GOLDEN_NUMBERS];
    assert_int_equal(count, 1 + 2 * n);
    lsn_error err = {0};
    assert_true(lsn_benjamini_hochberg(numbers + 1, n, q, &err));
    for (size_t i = 0; i < n; i++)
        if (isnan(numbers[1 + n + i]))
            assert_true(isnan(q[i]));
        else
            assert_near(q[i], numbers[1 + n + i], 1e-15);
}

static void agrees_with_the_definition(void **state)
{
    (void)state;
    assert_int_equal(golden_each("bh", check), 8);
}

static void equal_p_have_equal_q_in_any_order(void **state)
{
    (void)state;
    const double p[] = {0.2, 0.01, 0.2, 0.01, 0.2, 0.9}, expected[] = {0.24, 0.03, 0.24, 0.03, 0.24, 0.9};
    double q[6];
    assert_true(lsn_benjamini_hochberg(p, 6, q, NULL));
    for (int i = 0; i < 6; i++)
        assert_near(q[i], expected[i], 1e-15);
    assert_true(q[0] == q[2] && q[2] == q[4] && q[1] == q[3]);
}

static void nothing_is_fine(void **state)
{
    (void)state;
    assert_true(lsn_benjamini_hochberg(NULL, 0, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_definition),
        cmocka_unit_test(equal_p_have_equal_q_in_any_order),
        cmocka_unit_test(nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
