#include "golden.h"
#include "lesion/stats.h"

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>

static void check(const double *numbers, size_t count)
{
    assert_int_equal(count, 3);
    lsn_race race = {.images = 100000, .lost = (int64_t)numbers[0] / 3};
    race.gained = (int64_t)numbers[0] - race.lost;
    assert_near(lsn_race_half_width(&race, numbers[1]) * 100000, numbers[2], 1e-10);
}

static void the_boundary_agrees_with_the_integral_of_the_mixture(void **state)
{
    (void)state;
    assert_int_equal(golden_each("race", check), 16);
}

static void blocks_add_up(void **state)
{
    (void)state;
    lsn_race whole = {0}, parts = {0};
    lsn_race_add(&whole, 300, 7, 2);
    lsn_race_add(&parts, 0, 0, 0);
    lsn_race_add(&parts, 100, 0, 2);
    lsn_race_add(&parts, 200, 7, 0);
    lsn_interval a = lsn_race_interval(&whole, 0.95), b = lsn_race_interval(&parts, 0.95);
    assert_true(a.low == b.low && a.high == b.high);
    double half = lsn_race_half_width(&whole, 0.95);
    assert_near(a.low, -5.0 / 300 - half, 1e-14);
    assert_near(a.high, -5.0 / 300 + half, 1e-14);
}

static void few_images_say_little(void **state)
{
    (void)state;
    lsn_race race = {0};
    assert_true(lsn_race_half_width(&race, 0.95) == INFINITY);
    lsn_interval interval = lsn_race_interval(&race, 0.95);
    assert_true(interval.low == -1 && interval.high == 1);
    lsn_race_add(&race, 1, 1, 0);
    interval = lsn_race_interval(&race, 0.95);
    assert_true(interval.low == -1 && interval.high == 1);
}

static void wider_for_more_flips_and_more_confidence(void **state)
{
    (void)state;
    double before = 0;
    for (int64_t flips = 0; flips <= 50000; flips = flips * 2 + 1) {
        lsn_race race = {.images = 50000, .lost = flips};
        double half = lsn_race_half_width(&race, 0.95);
        assert_true(half > before && half < lsn_race_half_width(&race, 0.99));
        before = half;
    }
    lsn_race most = {.images = INT64_C(1) << 40, .lost = INT64_C(1) << 24};
    double ratio = lsn_race_half_width(&most, 0.95) * (double)most.images / sqrt((double)most.lost);
    assert_true(ratio > 1.96 && ratio < 5); /* still of the order of the deviation */
}

/* What it costs to look at any time: against +- 1.96 standard errors at a fixed n, 1.8 to 2.2 times the width from 8
 * flips to 100,000, so some 3.4 to 5 times the images for the same width. */
static void is_about_twice_as_wide_as_at_a_fixed_n(void **state)
{
    (void)state;
    for (int64_t flips = 8; flips <= 100000; flips *= 2) {
        lsn_race race = {.images = 1000000, .lost = flips / 2, .gained = flips / 2};
        double ratio =
            lsn_race_half_width(&race, 0.95) / (1.959964 * lsn_paired_effect(flips / 2, flips / 2, 1000000).error);
        if (!(ratio > 1.8 && ratio < 2.2))
            fail_msg("%d flips: %g times", (int)flips, ratio);
    }
}

enum { RUNS = 4000, IMAGES = 1500 };

/* Half widths times n at any number of flips: they depend on nothing else. */
static const double *sums_at(double confidence)
{
    static double sums[IMAGES + 1];
    for (int64_t flips = 0; flips <= IMAGES; flips++) {
        lsn_race race = {.images = IMAGES, .lost = flips};
        sums[flips] = lsn_race_half_width(&race, confidence) * IMAGES;
    }
    return sums;
}

typedef struct coverage {
    int race, fixed;     /* runs in which an interval ever missed: the race's, and +- z standard errors at each image */
    int stopped, reject; /* runs ended by a half width of 0.03, and of these, exact McNemar p < 0.05 */
    double used;         /* images, a run */
} coverage;

/* Runs with chances `lost` and `gained` of the two flips; all intervals at 90 %. */
static coverage simulate(double lost, double gained, uint64_t seed)
{
    coverage seen = {0};
    const double *sums = sums_at(0.9);
    const double lose = ldexp(lost, 32), flip = ldexp(lost + gained, 32), mean = gained - lost;
    for (uint64_t run = 0; run < RUNS; run++) {
        lsn_random random;
        lsn_random_init(&random, seed, run);
        lsn_race race = {0};
        bool race_missed = false, fixed_missed = false, stopped = false;
        for (int n = 1; n <= IMAGES; n++) {
            double at = (double)(lsn_random_next(&random) >> 32);
            lsn_race_add(&race, 1, at < lose, at >= lose && at < flip);
            int64_t flips = race.lost + race.gained;
            double off = fabs((double)(race.gained - race.lost) - mean * n);
            race_missed |= off > sums[flips];
            fixed_missed |= n >= 100 && off > 1.644854 * sqrt((double)flips) && flips > 5;
            if (!stopped && sums[flips] <= 0.03 * n) {
                stopped = true;
                seen.reject += lsn_mcnemar_exact(race.lost, race.gained) < 0.05;
                seen.used += n;
            }
        }
        seen.race += race_missed;
        seen.fixed += fixed_missed;
        seen.stopped += stopped;
    }
    seen.used /= seen.stopped > 0 ? seen.stopped : 1;
    return seen;
}

/* At every image of every run; 10 % may miss, and 3 deviations of the count are allowed on top. */
static void all_prefixes_are_covered_at_once(void **state)
{
    (void)state;
    const double chances[][2] = {{0.01, 0.01}, {0.1, 0.02}, {0.001, 0}, {0.3, 0.3}, {0.02, 0.5}, {0, 1}};
    for (uint64_t i = 0; i < 6; i++) {
        coverage seen = simulate(chances[i][0], chances[i][1], 100 + i);
        if (!(seen.race <= 0.1 * RUNS + 3 * sqrt(0.09 * RUNS)))
            fail_msg("chances %g, %g: %d of %d missed", chances[i][0], chances[i][1], seen.race, RUNS);
        if (i == 0 || i == 3) { /* the simulation can tell: an interval for a fixed n misses far more often */
            assert_true(seen.fixed > 0.3 * RUNS);
            assert_true(seen.race > 0);
        }
    }
}

/* The end depends on the number of flips, not on their direction, so the test's level holds for ended jobs. */
static void mcnemar_stays_exact_where_a_race_ended(void **state)
{
    (void)state;
    coverage seen = simulate(0.02, 0.02, 7);
    assert_true(seen.stopped > 0.99 * RUNS);
    assert_true(seen.reject <= 0.05 * seen.stopped + 3 * sqrt(0.0475 * RUNS));
    assert_true(seen.used < IMAGES);
}

static void a_filter_that_does_nothing_ends_early(void **state)
{
    (void)state;
    lsn_race race = {0};
    while (lsn_race_half_width(&race, 0.95) > 0.005)
        lsn_race_add(&race, 1, 0, 0);
    assert_int_equal(race.images, 1185);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_boundary_agrees_with_the_integral_of_the_mixture),
        cmocka_unit_test(blocks_add_up),
        cmocka_unit_test(few_images_say_little),
        cmocka_unit_test(wider_for_more_flips_and_more_confidence),
        cmocka_unit_test(is_about_twice_as_wide_as_at_a_fixed_n),
        cmocka_unit_test(all_prefixes_are_covered_at_once),
        cmocka_unit_test(mcnemar_stays_exact_where_a_race_ended),
        cmocka_unit_test(a_filter_that_does_nothing_ends_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
