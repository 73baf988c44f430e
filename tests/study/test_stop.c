/* Jobs that end early, and what else is measured. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "fixture.h"

static const char study[] = HEAD "ablate:\n  - {name: one, layers: fc6, filters: all, mode: [zero, mean]}\n";

static bool is(double value, double other)
{
    return !(fabs(value - other) > 0);
}

static void nothing_stops_unless_asked(void **state)
{
    (void)state;
    lsn_plan *plan = planned(study, NULL);
    assert_true(is(plan->stop.half_width, 0));
    assert_false(plan->metrics.images);
    assert_false(plan->metrics.drift);
    for (int32_t i = 1; i < plan->images.count; i++)
        assert_true(plan->images.images[i - 1] < plan->images.images[i]);
    lsn_plan_destroy(plan);
}

static void stopping_has_defaults(void **state)
{
    (void)state;
    lsn_plan *plan = planned(study, (const char *[]){"stop.half_width=0.005", NULL});
    assert_true(is(plan->stop.half_width, 0.005));
    assert_true(is(plan->stop.confidence, 0.95));
    assert_int_equal(plan->stop.seed, 0);
    lsn_plan_destroy(plan);
    plan = planned(study, (const char *[]){"stop={metric: top1, half_width: 0.01, confidence: 0.9, seed: 3}",
                                           "metrics=[images]", NULL});
    assert_true(is(plan->stop.half_width, 0.01));
    assert_true(is(plan->stop.confidence, 0.9));
    assert_int_equal(plan->stop.seed, 3);
    assert_true(plan->metrics.images);
    lsn_plan_destroy(plan);
}

static void other_metrics_are_noted(void **state)
{
    (void)state;
    lsn_plan *plan = planned(study, (const char *[]){"metrics=[drift, top1, images, per_class]", NULL});
    assert_true(plan->metrics.images && plan->metrics.drift && plan->metrics.per_class);
    lsn_plan_destroy(plan);
}

static int ascending(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

/* The images of take, the same for a seed, in other orders for others; calibration is left as it is. */
static void images_are_in_random_order(void **state)
{
    (void)state;
    int32_t first[6];
    int others = 0;
    lsn_plan *plain = planned(study, NULL);
    for (int seed = 0; seed < 8; seed++) {
        char option[64];
        snprintf(option, sizeof option, "stop={half_width: 0.1, seed: %d}", seed);
        lsn_plan *plan = planned(study, (const char *[]){option, NULL});
        lsn_plan *again = planned(study, (const char *[]){option, NULL});
        assert_int_equal(plan->images.count, 6);
        assert_memory_equal(plan->images.images, again->images.images, 6 * sizeof(int32_t));
        assert_memory_equal(plan->calibration.images, plain->calibration.images, 4 * sizeof(int32_t));
        if (seed == 0)
            memcpy(first, plan->images.images, sizeof first);
        others += memcmp(first, plan->images.images, sizeof first) != 0;
        qsort(plan->images.images, 6, sizeof(int32_t), ascending);
        assert_memory_equal(plan->images.images, plain->images.images, sizeof first);
        lsn_plan_destroy(plan);
        lsn_plan_destroy(again);
    }
    assert_true(others >= 6); /* of 7; two orders of six images are the same once in 720 times */
    lsn_plan_destroy(plain);
}

/* Each image is equally often at each place. */
static void no_order_is_preferred(void **state)
{
    (void)state;
    enum { SEEDS = 600, IMAGES = 6 };
    int at[IMAGES][IMAGES] = {{0}};
    lsn_plan *plain = planned(study, NULL);
    for (int seed = 0; seed < SEEDS; seed++) {
        char option[64];
        snprintf(option, sizeof option, "stop={half_width: 0.1, seed: %d}", seed);
        lsn_plan *plan = unsettled(study, (const char *[]){option, NULL});
        for (int i = 0; i < IMAGES; i++)
            for (int k = 0; k < IMAGES; k++)
                at[i][k] += plan->images.images[i] == plain->images.images[k];
        lsn_plan_destroy(plan);
    }
    double chi2 = 0; /* of 25 degrees of freedom: 60 is exceeded once in 10,000 times */
    for (int i = 0; i < IMAGES; i++)
        for (int k = 0; k < IMAGES; k++)
            chi2 += pow(at[i][k] - SEEDS / IMAGES, 2) / (SEEDS / IMAGES);
    assert_true(chi2 < 60);
    lsn_plan_destroy(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_stops_unless_asked), cmocka_unit_test(stopping_has_defaults),
        cmocka_unit_test(other_metrics_are_noted),    cmocka_unit_test(images_are_in_random_order),
        cmocka_unit_test(no_order_is_preferred),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
