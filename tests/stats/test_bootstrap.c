#include "golden.h"
#include "lesion/stats.h"

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

static void check(const double *numbers, size_t count)
{
    size_t n = (size_t)numbers[3];
    assert_int_equal(count, n + 8);
    const double *row = numbers + 4, *expected = numbers + 4 + n;
    lsn_bootstrap how = {.seed = (uint64_t)numbers[0], .draws = (int32_t)numbers[1], .confidence = numbers[2]};
    for (int kind = 0; kind < 2; kind++) {
        lsn_interval interval;
        how.percentile = kind == 0;
        assert_true(lsn_bootstrap_means(&how, &row, 1, n, &interval, NULL));
        /* Relative to the scale of the data: an end may be near 0. */
        double scale = 1 + fabs(expected[0]) + fabs(expected[1]);
        if (!(fabs(interval.low - expected[2 * kind]) <= 1e-12 * scale &&
              fabs(interval.high - expected[2 * kind + 1]) <= 1e-12 * scale))
            fail_msg("seed %g, %s: %.17g .. %.17g, but should be %.17g .. %.17g", numbers[0],
                     kind == 0 ? "percentile" : "BCa", interval.low, interval.high, expected[2 * kind],
                     expected[2 * kind + 1]);
    }
}

static void agrees_with_the_same_draws_in_numpy(void **state)
{
    (void)state;
    assert_int_equal(golden_each("bootstrap", check), 6);
}

/* arms[count][n], all different; to be freed. */
static double *some_arms(size_t count, size_t n, const double **rows)
{
    double *values = calloc(count * n, sizeof *values);
    assert_non_null(values);
    lsn_random random;
    lsn_random_init(&random, 1, 2);
    for (size_t i = 0; i < count * n; i++)
        values[i] = (double)lsn_random_below(&random, 2000) / 1000 - 1 + (double)(i / n) / 50;
    for (size_t a = 0; a < count; a++)
        rows[a] = values + a * n;
    return values;
}

/* 131 arms (more than are computed together, and an odd number) of 700 images (more than a chunk). */
static void an_arm_is_the_same_alone_or_among_others(void **state)
{
    (void)state;
    enum { ARMS = 131, IMAGES = 700 };
    const double *rows[ARMS];
    double *values = some_arms(ARMS, IMAGES, rows);
    lsn_interval together[ARMS], alone;
    lsn_bootstrap how = {.seed = 11, .draws = 199};
    assert_true(lsn_bootstrap_means(&how, rows, ARMS, IMAGES, together, NULL));
    const int some[] = {0, 1, 64, 127, 128, 130};
    for (int i = 0; i < 6; i++) {
        assert_true(lsn_bootstrap_means(&how, rows + some[i], 1, IMAGES, &alone, NULL));
        assert_true(alone.low == together[some[i]].low && alone.high == together[some[i]].high);
    }
    free(values);
}

/* Shifting or scaling all differences does so to the interval, since the images drawn are the same. */
static void all_arms_see_the_same_images(void **state)
{
    (void)state;
    enum { IMAGES = 100 };
    const double *rows[3];
    double *values = some_arms(3, IMAGES, rows);
    for (int i = 0; i < IMAGES; i++) {
        values[IMAGES + i] = values[i] + 5;
        values[2 * IMAGES + i] = -3 * values[i];
    }
    lsn_interval of[3];
    lsn_bootstrap how = {.seed = 4, .draws = 999, .percentile = true};
    assert_true(lsn_bootstrap_means(&how, rows, 3, IMAGES, of, NULL));
    assert_near(of[1].low, of[0].low + 5, 1e-12);
    assert_near(of[1].high, of[0].high + 5, 1e-12);
    assert_true(fabs(of[2].low + 3 * of[0].high) < 1e-12 && fabs(of[2].high + 3 * of[0].low) < 1e-12);
    free(values);
}

static void seeds_draws_and_confidence_matter_and_have_defaults(void **state)
{
    (void)state;
    enum { IMAGES = 50 };
    const double *row;
    double *values = some_arms(1, IMAGES, &row);
    const lsn_bootstrap hows[] = {{.seed = 1},
                                  {.seed = 1, .draws = LSN_DRAWS, .confidence = 0.95},
                                  {.seed = 2},
                                  {.seed = 1, .draws = 999},
                                  {.seed = 1, .confidence = 0.9}};
    lsn_interval of[5];
    for (int i = 0; i < 5; i++)
        assert_true(lsn_bootstrap_means(&hows[i], &row, 1, IMAGES, &of[i], NULL));
    assert_true(of[0].low == of[1].low && of[0].high == of[1].high);
    assert_true(of[0].low != of[2].low && of[0].low != of[3].low);
    assert_true(of[0].low < of[4].low && of[0].high > of[4].high);
    free(values);
}

/* Of 2 * 600 samples of 60 skewed values (cubes of uniform ones) most intervals hold the true mean, 1/4; BCa's misses
 * are more even between the sides than the percentile's. */
static void intervals_cover_and_bca_is_more_even(void **state)
{
    (void)state;
    enum { RUNS = 600, IMAGES = 60 };
    const double *rows[RUNS];
    double *values = some_arms(RUNS, IMAGES, rows);
    lsn_random random;
    lsn_random_init(&random, 17, 0);
    for (int i = 0; i < RUNS * IMAGES; i++)
        values[i] = pow(((double)lsn_random_below(&random, 1 << 20) + 0.5) / (1 << 20), 3);
    lsn_interval *of = calloc(RUNS, sizeof *of);
    assert_non_null(of);
    int above[2] = {0}, below[2] = {0};
    for (int kind = 0; kind < 2; kind++) {
        lsn_bootstrap how = {.seed = 9, .draws = 999, .percentile = kind == 0};
        assert_true(lsn_bootstrap_means(&how, rows, RUNS, IMAGES, of, NULL));
        for (int run = 0; run < RUNS; run++) {
            above[kind] += of[run].low > 0.25;
            below[kind] += of[run].high < 0.25;
        }
        int missed = above[kind] + below[kind]; /* 30 expected of 600 at 95 %, deviation 5.3 */
        if (!(missed >= 14 && missed <= 50))
            fail_msg("kind %d misses %d of %d", kind, missed, RUNS);
    }
    if (!(abs(above[1] - below[1]) < abs(above[0] - below[0])))
        fail_msg("percentile misses %d above, %d below, BCa %d, %d", above[0], below[0], above[1], below[1]);
    free(of);
    free(values);
}

static void what_has_no_spread_or_is_not_finite(void **state)
{
    (void)state;
    const double same[] = {0.3, 0.3, 0.3}, with_nan[] = {1, NAN, 2}, endless[] = {1, INFINITY, 2}, good[] = {1, 2, 4};
    const double both[] = {INFINITY, -INFINITY, 0};
    const double *rows[] = {same, with_nan, endless, both, good};
    lsn_interval of[5];
    lsn_bootstrap how = {.draws = 99};
    assert_true(lsn_bootstrap_means(&how, rows, 5, 3, of, NULL));
    assert_true(of[0].low == 0.3 && of[0].high == 0.3);
    for (int i = 1; i < 4; i++)
        assert_true(isnan(of[i].low) && isnan(of[i].high));
    assert_true(of[4].low >= 1 && of[4].high <= 4 && of[4].low < of[4].high);
    assert_true(lsn_bootstrap_means(&how, rows, 5, 0, of, NULL));
    assert_true(isnan(of[4].low) && isnan(of[0].high));
    assert_true(lsn_bootstrap_means(&how, NULL, 0, 3, NULL, NULL));
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    const double row[] = {1, 2, 3};
    const double *rows[] = {row};
    const lsn_bootstrap bad[] = {{.draws = -1}, {.confidence = 1}, {.confidence = -0.5}, {.confidence = NAN}};
    lsn_interval interval;
    for (int i = 0; i < 4; i++) {
        lsn_error err = {0};
        assert_false(lsn_bootstrap_means(&bad[i], rows, 1, 3, &interval, &err));
        assert_int_equal(err.code, LSN_INVALID);
    }
    lsn_error err = {0};
    assert_false(lsn_bootstrap_means(&(lsn_bootstrap){0}, rows, 1, (size_t)1 << 31, &interval, &err));
    assert_int_equal(err.code, LSN_INVALID);
}

static void one_draw_and_extreme_confidence_stay_within_the_data(void **state)
{
    (void)state;
    const double row[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const double *rows[] = {row};
    const lsn_bootstrap hows[] = {
        {.draws = 1}, {.draws = 99, .confidence = 0.99999999999}, {.draws = 99, .confidence = 1e-9}};
    for (int i = 0; i < 3; i++) {
        lsn_interval of;
        assert_true(lsn_bootstrap_means(&hows[i], rows, 1, 10, &of, NULL));
        assert_true(of.low >= 0 && of.low <= of.high && of.high <= 1);
    }
}

static void interaction_is_the_damage_beyond_the_sum(void **state)
{
    (void)state;
    const double both[] = {3, 1, 0}, one[] = {1, 1, -1}, other[] = {1, 1, 2}, expected[] = {1, -1, -1};
    double out[3];
    lsn_interaction(both, one, other, 3, out);
    for (int i = 0; i < 3; i++)
        assert_true(out[i] == expected[i]);
    double in_place[] = {3, 1, 0};
    lsn_interaction(in_place, one, other, 3, in_place);
    assert_true(in_place[0] == 1 && in_place[1] == -1 && in_place[2] == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_same_draws_in_numpy),
        cmocka_unit_test(an_arm_is_the_same_alone_or_among_others),
        cmocka_unit_test(all_arms_see_the_same_images),
        cmocka_unit_test(seeds_draws_and_confidence_matter_and_have_defaults),
        cmocka_unit_test(intervals_cover_and_bca_is_more_even),
        cmocka_unit_test(what_has_no_spread_or_is_not_finite),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(one_draw_and_extreme_confidence_stay_within_the_data),
        cmocka_unit_test(interaction_is_the_damage_beyond_the_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
