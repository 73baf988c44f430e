/* What sums of activations give: against values computed by hand, and at the ends of their ranges. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "lesion/activations.h"

enum { FILTERS = 5, CLASSES = 4 };

/* Two layers of 2 and 3 filters, and the logits. */
static lsn_layer layers[] = {{.filters = 2}, {.filters = 3}, {.filters = CLASSES, .logits = true}};
static const lsn_net net = {.n_layers = 3, .layers = layers, .classes = CLASSES};
static const lsn_activation_needs all = {.means = true, .deviations = true, .zeros = true, .by_class = true};

static lsn_activations make(lsn_activation_needs needs)
{
    lsn_error err = {0};
    lsn_activations a;
    assert_true(lsn_activations_init(&a, &net, needs, &err));
    return a;
}

static void near(double value, double right, double tolerance)
{
    if (!(fabs(value - right) <= tolerance))
        fail_msg("%.17g instead of %.17g", value, right);
}

/* An image whose map of `filter` has that mean and mean square. */
static void add_image(lsn_activations *a, int filter, double mean, double square)
{
    ++*a->images;
    a->mean[filter] += lsn_fixed(mean);
    lsn_activations_add_square(a, filter, square);
}

static void only_what_is_needed_is_there(void **state)
{
    (void)state;
    lsn_activations a = make((lsn_activation_needs){0});
    assert_int_equal(a.count, 1);
    assert_ptr_equal(a.images, a.sums);
    assert_true(a.mean == NULL && a.square == NULL && a.zeros == NULL && a.class_mean == NULL && a.class_count == NULL);
    lsn_activations_finish(&a);
    a = make((lsn_activation_needs){.deviations = true}); /* which are of means */
    assert_int_equal(a.count, 1 + 3 * FILTERS);
    assert_true(a.mean != NULL && a.square != NULL && a.zeros == NULL);
    lsn_activations_finish(&a);
    a = make(all);
    assert_int_equal(a.filters, FILTERS);
    assert_int_equal(a.classes, CLASSES);
    assert_int_equal(a.count, 1 + 4 * FILTERS + CLASSES * FILTERS + CLASSES);
    for (size_t i = 0; i < a.count; i++)
        assert_int_equal(a.sums[i], 0);
    lsn_activations_finish(&a);
    assert_null(a.sums);
    lsn_activations_finish(&a);
}

/* The arrays are all of `sums`, each element of one of them. */
static void arrays_do_not_overlap(void **state)
{
    (void)state;
    lsn_activations a = make(all);
    int64_t *arrays[] = {a.images, a.mean, a.square, a.zeros, a.class_mean, a.class_count};
    const size_t sizes[] = {1, FILTERS, 2 * FILTERS, FILTERS, CLASSES * FILTERS, CLASSES};
    for (int i = 0; i < 6; i++)
        for (size_t k = 0; k < sizes[i]; k++)
            arrays[i][k]++;
    for (size_t i = 0; i < a.count; i++)
        assert_int_equal(a.sums[i], 1);
    lsn_activations_finish(&a);
}

/* Images of 4 positions: 0 0 1 3, and 2 2 0 0. */
static void values_by_hand(void **state)
{
    (void)state;
    lsn_activations a = make(all);
    add_image(&a, 3, 1, 2.5);
    add_image(&a, 3, 1, 2);
    a.zeros[3] = 4;
    near(lsn_activations_mean(&a, 3), 1, 0);
    near(lsn_activations_deviation(&a, 3), sqrt(1.25), 1e-15); /* (10 + 8) / 8 - 1 */
    near(lsn_activations_zeros(&a, 3, 4), 0.5, 0);
    near(lsn_activations_mean(&a, 2), 0, 0);
    near(lsn_activations_deviation(&a, 2), 0, 0);
    near(lsn_activations_zeros(&a, 2, 4), 0, 0);
    a.zeros[4] = 8;
    near(lsn_activations_zeros(&a, 4, 4), 1, 0);
    lsn_activations_finish(&a);
}

static void squares_large_and_tiny(void **state)
{
    (void)state;
    static const double values[] = {65536, 65535.99609375, 1000, 1, 1e-3, 1e-5, 3e-7};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        lsn_activations a = make(all);
        const double v = values[i];
        for (int image = 0; image < 1000; image++) /* half of the positions are 0, the others v */
            add_image(&a, 0, v / 2, v * v / 2);
        near(lsn_activations_deviation(&a, 0) / v, 0.5, 1e-12 + 1e-9 / v + 0x1p-51 / (v * v));
        lsn_activations_finish(&a);
    }
}

static void squares_beyond_the_limit_count_as_it(void **state)
{
    (void)state;
    static const double values[] = {0x1.000002p32, 1e30, INFINITY, NAN};
    lsn_activations limit = make(all);
    lsn_activations_add_square(&limit, 1, LSN_FIXED_LIMIT * LSN_FIXED_LIMIT);
    for (int i = 0; i < 4; i++) {
        lsn_activations a = make(all);
        lsn_activations_add_square(&a, 1, values[i]);
        assert_memory_equal(a.sums, limit.sums, a.count * sizeof *a.sums);
        lsn_activations_finish(&a);
    }
    for (int i = 1; i < 1 << 20; i++) { /* does not overflow, which the sanitizer would see */
        lsn_activations_add_square(&limit, 1, INFINITY);
        lsn_activations_add_square(&limit, 2, 0x1.ffffffffffffp-11);
    }
    *limit.images = 1 << 20;
    near(lsn_activations_deviation(&limit, 1), LSN_FIXED_LIMIT, 1e-9);
    near(lsn_activations_deviation(&limit, 2), 0x1p-5, 1e-7);
    lsn_activations_finish(&limit);
}

/* What the header says of a deviation that is tiny beside the mean. */
static double most_wrong(double mean, double deviation)
{
    const double q = mean * mean + deviation * deviation;
    return 0x1p-30 * mean + 0x1p-51 + (3 * 4 + 16) * 0x1p-53 * q;
}

static void deviations_are_within_their_bound(void **state)
{
    (void)state;
    static const double means[] = {1e-3, 0.1, 1.0 / 3, 1, 7.7, 1234.5};
    static const double ratios[] = {0, 1e-6, 1e-5, 1e-4, 1e-2, 0.5};
    lsn_random random;
    lsn_random_init(&random, 1, 0);
    for (int m = 0; m < 6; m++)
        for (int r = 0; r < 6; r++) {
            const double deviation = ratios[r] * means[m];
            lsn_activations a = make(all);
            double sum = 0, squares = 0;
            for (int image = 0; image < 100; image++) { /* maps of 4 positions, two below and two above their centre */
                const double centre = means[m] + deviation * (double)((int)lsn_random_below(&random, 3) - 1);
                const double low = centre - deviation, high = centre + deviation;
                const double square = (low * low + high * high) / 2;
                add_image(&a, 0, centre, square);
                sum += centre - means[m];
                squares += (centre - means[m]) * (centre - means[m]) + deviation * deviation;
            }
            const double right = squares / 100 - sum / 100 * (sum / 100), bound = most_wrong(means[m], 2 * deviation);
            const double found = lsn_activations_deviation(&a, 0);
            near(found * found, right, bound + 1e-15 * found * found);
            near(found, sqrt(right), sqrt(bound));
            lsn_activations_finish(&a);
        }
    assert_true(sqrt(0x1p-30 + 0x1p-51 + (3.0 * 224 * 224 + 16) * 0x1p-53) < 4e-5); /* the header's example */
}

/* Some images' sums, drawn from a stream. */
static void add_some(lsn_activations *a, lsn_random *random, int images)
{
    for (int image = 0; image < images; image++) {
        const int class = (int)lsn_random_below(random, CLASSES);
        ++*a->images;
        a->class_count[class]++;
        for (int f = 0; f < FILTERS; f++) {
            const double value = (double)(lsn_random_next(random) >> 11) * 0x1p-50;
            a->mean[f] += lsn_fixed(value);
            a->class_mean[class * FILTERS + f] += lsn_fixed(value);
            a->zeros[f] += (int64_t)lsn_random_below(random, 17);
            lsn_activations_add_square(a, f, value * value * 1.1);
        }
    }
}

static void sums_of_disjoint_images_add_up(void **state)
{
    (void)state;
    lsn_activations whole = make(all), first = make(all), second = make(all);
    lsn_random random;
    lsn_random_init(&random, 2, 0);
    add_some(&whole, &random, 100);
    lsn_random_init(&random, 2, 0);
    add_some(&first, &random, 37);
    add_some(&second, &random, 63);
    for (size_t i = 0; i < first.count; i++)
        first.sums[i] += second.sums[i];
    assert_memory_equal(first.sums, whole.sums, whole.count * sizeof *whole.sums);
    for (int f = 0; f < FILTERS; f++) {
        assert_true(lsn_activations_deviation(&whole, f) > 0);
        near(lsn_activations_deviation(&first, f), lsn_activations_deviation(&whole, f), 0);
        near(lsn_activations_selectivity(&first, f), lsn_activations_selectivity(&whole, f), 0);
    }
    lsn_activations_finish(&whole), lsn_activations_finish(&first), lsn_activations_finish(&second);
}

/* Selectivity of filter 1, whose means in the classes are `means`, over `counts` images each. */
static double selectivity(const double means[CLASSES], const int counts[CLASSES])
{
    lsn_activations a = make(all);
    for (int c = 0; c < CLASSES; c++) {
        a.class_count[c] = counts[c];
        a.class_mean[c * FILTERS + 1] = counts[c] * lsn_fixed(means[c]);
        a.class_mean[c * FILTERS] = a.class_mean[c * FILTERS + 2] = 12345 * (c + 1); /* the neighbours */
    }
    const double s = lsn_activations_selectivity(&a, 1);
    lsn_activations_finish(&a);
    return s;
}

static void selectivity_is_that_of_the_classes(void **state)
{
    (void)state;
    static const int some[] = {3, 1, 7, 20}, lacking[] = {3, 0, 0, 2}, one[] = {0, 5, 0, 0}, none[CLASSES] = {0};
    near(selectivity((double[]){1, 4, 2, 3}, some), 2.0 / 6, 1e-15); /* the others: 2 */
    near(selectivity((double[]){0, 0, 0.7, 0}, some), 1, 0);         /* one class alone */
    near(selectivity((double[]){0, 0, 0, 0}, some), 0, 0);           /* a dead filter */
    near(selectivity((double[]){2, 2, 2, 2}, some), 0, 0);
    near(selectivity((double[]){3, 99, 99, 1}, lacking), 0.5, 1e-15); /* classes without images are left out */
    near(selectivity((double[]){3, 3, 3, 3}, one), 0, 0);
    near(selectivity((double[]){3, 3, 3, 3}, none), 0, 0);
    for (int i = 1; i < 100; i++) { /* rounding does not make it negative */
        const double equal = selectivity((double[]){i * 0.1, i * 0.1, i * 0.1, i * 0.1}, some);
        assert_true(equal >= 0 && equal <= 1e-15);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_needed_is_there),
        cmocka_unit_test(arrays_do_not_overlap),
        cmocka_unit_test(values_by_hand),
        cmocka_unit_test(squares_large_and_tiny),
        cmocka_unit_test(squares_beyond_the_limit_count_as_it),
        cmocka_unit_test(deviations_are_within_their_bound),
        cmocka_unit_test(sums_of_disjoint_images_add_up),
        cmocka_unit_test(selectivity_is_that_of_the_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
