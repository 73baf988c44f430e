/* Two networks against each other. */
#include "golden.h"
#include "lesion/stats.h"

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

static lsn_steps steps(int up1, int up2, int down1, int down2)
{
    return (lsn_steps){.up = {up1, up2}, .down = {down1, down2}};
}

/* All 2^n choices of signs. */
static double by_all_signs(int ones, int twos, int sum)
{
    const int n = ones + twos;
    long beyond = 0, equal = 0;
    for (long signs = 0; signs < 1L << n; signs++) {
        int t = 0;
        for (int i = 0; i < n; i++)
            t += (signs >> i & 1 ? 1 : -1) * (i < ones ? 1 : 2);
        beyond += abs(t) > abs(sum);
        equal += abs(t) == abs(sum);
    }
    return ((double)beyond + (double)equal / 2) / (double)(1L << n);
}

static void sign_flips_agree_with_all_choices(void **state)
{
    (void)state;
    for (int ones = 0; ones <= 7; ones++)
        for (int twos = ones == 0; twos <= 5; twos++) /* 1 without any */
            for (int up1 = 0; up1 <= ones; up1++)
                for (int up2 = 0; up2 <= twos; up2++) {
                    const lsn_steps s = steps(up1, up2, ones - up1, twos - up2);
                    assert_near(lsn_steps_mid(&s), by_all_signs(ones, twos, 2 * up1 - ones + 2 * (2 * up2 - twos)),
                                1e-14);
                }
}

static void without_steps_of_two_it_is_mcnemars(void **state)
{
    (void)state;
    for (int b = 0; b < 40; b++)
        for (int c = 0; c < 40; c++) {
            const lsn_steps s = steps(c, 0, b, 0);
            assert_true(lsn_steps_mid(&s) == lsn_mcnemar_mid(b, c));
            const lsn_effect effect = lsn_steps_effect(&s, 100), paired = lsn_paired_effect(b, c, 100);
            assert_near(effect.value, paired.value, 1e-15);
            assert_near(effect.error, paired.error, 1e-15);
        }
}

/* Many images: near the normal distribution, and symmetric. */
static void many_steps_are_nearly_normal(void **state)
{
    (void)state;
    const lsn_steps s = steps(10200, 2050, 10000, 2000), mirrored = steps(10000, 2000, 10200, 2050);
    const double z = (200 + 2 * 50) / sqrt(20200 + 4 * 4050);
    assert_true(fabs(lsn_steps_mid(&s) - lsn_normal_p(z, 1)) <= 1e-3);
    assert_true(lsn_steps_mid(&s) == lsn_steps_mid(&mirrored));
    const lsn_steps one_way = steps(0, 0, 0, 40000);
    assert_true(lsn_steps_mid(&one_way) == 0);
}

/* Mean and error against the images one by one. */
static void the_effect_is_that_of_the_images(void **state)
{
    (void)state;
    const lsn_steps s = steps(5, 2, 3, 1);
    const int n = 20;
    const double mean = (5 + 4 - 3 - 2) / 20.0, squares = 5 + 3 + 4 * 3;
    const lsn_effect effect = lsn_steps_effect(&s, n);
    assert_near(effect.value, mean, 1e-15);
    assert_near(effect.error, sqrt((squares - n * mean * mean)) / n, 1e-15);
}

/* Table II of Newcombe (1998), method 10; his differences are the first less the second. */
static void newcombes_own_examples(void **state)
{
    (void)state;
    static const struct {
        int k1, n1, k2, n2;
        double low, high;
    } examples[] = {
        {56, 70, 48, 80, 0.0524, 0.3339}, {9, 10, 3, 10, 0.1705, 0.8090},  {6, 7, 2, 7, 0.0582, 0.8062},
        {5, 56, 0, 29, -0.0381, 0.1926},  {0, 10, 0, 20, -0.1611, 0.2775}, {10, 10, 0, 20, 0.6791, 1.0},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const lsn_interval found = lsn_newcombe(examples[i].k2, examples[i].n2, examples[i].k1, examples[i].n1);
        assert_true(fabs(found.low - examples[i].low) <= 6e-5);
        assert_true(fabs(found.high - examples[i].high) <= 6e-5);
    }
}

static void normal_tests(void **state)
{
    (void)state;
    assert_near(lsn_normal_p(1.959963984540054, 1), 0.05, 1e-12);
    assert_true(lsn_normal_p(0, 0) >= 1 && lsn_normal_p(1, 0) <= 0);
    assert_true(isnan(lsn_normal_p((double)NAN, 1)) && isnan(lsn_normal_p(1, (double)NAN)));
    /* 30 of 100 and 50 of 100: z = 0.2 / sqrt(0.4 * 0.6 * 0.02) */
    assert_near(lsn_proportions_p(30, 100, 50, 100), erfc(0.2 / sqrt(0.0048) / sqrt(2)), 1e-15);
    assert_true(lsn_proportions_p(0, 10, 0, 20) >= 1);
    /* One change alone gives McNemar's statistic (b - c)^2 / (b + c). */
    assert_near(lsn_changes_p(0, 0, 500, 14, 4, 1000), erfc(10 / sqrt(18) / sqrt(2)), 1e-15);
    assert_true(lsn_changes_p(3, 1, 100, 6, 2, 200) >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sign_flips_agree_with_all_choices),
        cmocka_unit_test(without_steps_of_two_it_is_mcnemars),
        cmocka_unit_test(many_steps_are_nearly_normal),
        cmocka_unit_test(the_effect_is_that_of_the_images),
        cmocka_unit_test(newcombes_own_examples),
        cmocka_unit_test(normal_tests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
