/* Which jobs each selector makes, and in which order. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "fixture.h"
#include "study/expand.h"

static void the_baseline_is_always_a_job(void **state)
{
    (void)state;
    lsn_plan *plan = planned(HEAD "ablate: []\n", NULL);
    assert_int_equal(plan->n_jobs, 1);
    assert_int_equal(plan->n_evaluations, 1);
    assert_int_equal(plan->n_experiments, 1);
    assert_string_equal(plan->experiments[0].name, "baseline");
    assert_int_equal(plan->experiments[0].line, 0);
    assert_int_equal(plan->experiments[0].first_job, 0);
    assert_int_equal(plan->experiments[0].n_jobs, 1);
    assert_int_equal(plan->evaluations[0].ablation.mask.count, 0);
    check_job(plan, 0, "{}", LSN_ZERO, NAN, -1);
    lsn_plan_destroy(plan);
}

static void each_takes_every_filter_alone(void **state)
{
    (void)state;
    check_masks(ONE("conv1_1", "each", "zero"),
                "{\"conv1_1\":[0]} {\"conv1_1\":[1]} {\"conv1_1\":[2]} {\"conv1_1\":[3]}");
    lsn_plan *plan = planned(ONE("\"*\"", "each", "zero"), NULL);
    assert_int_equal(plan->n_jobs, 1 + 4 + 6 + 8 + 8 + 10 + 12 + 16 + 20);
    assert_int_equal(plan->n_evaluations, plan->n_jobs);
    check_job(plan, 1 + 4, "{\"conv2_1\":[0]}", LSN_ZERO, NAN, -1);
    check_job(plan, plan->n_jobs - 1, "{\"fc7\":[19]}", LSN_ZERO, NAN, -1);
    lsn_plan_destroy(plan);
}

static void each_takes_listed_filters(void **state)
{
    (void)state;
    const char *masks = "{\"conv3_1\":[0]} {\"conv3_1\":[5]} {\"conv3_1\":[6]} {\"conv3_1\":[7]}";
    check_masks(ONE("conv3_1", "{each: [0, 5..7]}", "zero"), masks);
    check_masks(ONE("conv3_1", "{each: [5..7, 0, 6, 0..0, 6..7]}", "zero"), masks); /* in order, each once */
    check_masks(ONE("conv3_1", "{each: 2}", "zero"), "{\"conv3_1\":[2]}");
    check_masks(ONE("conv3_1", "{each: 2..3}", "zero"), "{\"conv3_1\":[2]} {\"conv3_1\":[3]}");
}

/* The sample was computed by another implementation of the generator. */
static void each_takes_a_sample(void **state)
{
    (void)state;
    lsn_plan *plan = planned(ONE("[conv3_1, conv3_2]", "{each: {count: 3, seed: 1}}", "zero"), NULL);
    char *masks = masks_of(plan, 1);
    assert_string_equal(masks, "{\"conv3_1\":[0]} {\"conv3_1\":[1]} {\"conv3_1\":[2]} "
                               "{\"conv3_2\":[2]} {\"conv3_2\":[3]} {\"conv3_2\":[4]}");
    free(masks);
    assert_int_equal(plan->jobs[1].seed, 1);
    assert_true(isnan(plan->jobs[1].fraction));
    lsn_plan_destroy(plan);
    check_masks(ONE("conv1_1", "{each: {count: 4}}", "zero"),
                "{\"conv1_1\":[0]} {\"conv1_1\":[1]} {\"conv1_1\":[2]} {\"conv1_1\":[3]}");
}

static void all_and_lists_are_one_job_a_layer(void **state)
{
    (void)state;
    check_masks(ONE("[conv1_1, conv2_1]", "all", "zero"), "{\"conv1_1\":[0,1,2,3]} {\"conv2_1\":[0,1,2,3,4,5]}");
    check_masks(ONE("[conv1_1, conv2_1]", "[3, 0..1]", "zero"), "{\"conv1_1\":[0,1,3]} {\"conv2_1\":[0,1,3]}");
    check_masks(ONE("conv1_1", "2", "zero"), "{\"conv1_1\":[2]}");
    check_masks(ONE("conv1_1", "1..2", "zero"), "{\"conv1_1\":[1,2]}");
}

/* The choices were computed by another implementation of the generator. */
static void random_is_the_same_on_every_machine(void **state)
{
    (void)state;
    lsn_plan *plan =
        planned(ONE("[conv3_1, conv3_2]", "{random: {fraction: [0.25, 0.5], seeds: [3, 0..1]}}", "zero"), NULL);
    assert_int_equal(plan->n_jobs, 1 + 12);
    check_job(plan, 1, "{\"conv3_1\":[4,7]}", LSN_ZERO, 0.25, 3);
    check_job(plan, 2, "{\"conv3_1\":[2,7]}", LSN_ZERO, 0.25, 0);
    check_job(plan, 3, "{\"conv3_1\":[0,2]}", LSN_ZERO, 0.25, 1);
    check_job(plan, 4, "{\"conv3_1\":[2,4,6,7]}", LSN_ZERO, 0.5, 3);
    check_job(plan, 5, "{\"conv3_1\":[2,4,6,7]}", LSN_ZERO, 0.5, 0);
    check_job(plan, 6, "{\"conv3_1\":[0,1,2,3]}", LSN_ZERO, 0.5, 1);
    check_job(plan, 7, "{\"conv3_2\":[3,6]}", LSN_ZERO, 0.25, 3);
    lsn_plan_destroy(plan);
}

static void random_takes_counts_and_a_seed_of_zero(void **state)
{
    (void)state;
    lsn_plan *plan = planned(ONE("conv3_1", "{random: {count: [2, 4]}}", "zero"), NULL);
    assert_int_equal(plan->n_jobs, 3);
    check_job(plan, 1, "{\"conv3_1\":[2,7]}", LSN_ZERO, NAN, 0);
    check_job(plan, 2, "{\"conv3_1\":[2,4,6,7]}", LSN_ZERO, NAN, 0);
    lsn_plan_destroy(plan);
}

static void modes_are_the_innermost_axis(void **state)
{
    (void)state;
    lsn_plan *plan = planned(ONE("[conv2_1, conv1_1]", "{each: [1, 3]}", "[mean, zero]"), NULL);
    static const struct {
        const char *mask;
        lsn_mode mode;
    } jobs[] = {{"{\"conv1_1\":[1]}", LSN_MEAN}, {"{\"conv1_1\":[1]}", LSN_ZERO}, {"{\"conv1_1\":[3]}", LSN_MEAN},
                {"{\"conv1_1\":[3]}", LSN_ZERO}, {"{\"conv2_1\":[1]}", LSN_MEAN}, {"{\"conv2_1\":[1]}", LSN_ZERO},
                {"{\"conv2_1\":[3]}", LSN_MEAN}, {"{\"conv2_1\":[3]}", LSN_ZERO}};
    assert_int_equal(plan->n_jobs, 1 + 8);
    for (int32_t i = 0; i < 8; i++)
        check_job(plan, 1 + i, jobs[i].mask, jobs[i].mode, NAN, -1);
    assert_true(plan->needs.means);
    lsn_plan_destroy(plan);
}

static void the_mode_is_zero_unless_given(void **state)
{
    (void)state;
    lsn_plan *plan = planned(HEAD "ablate: [{name: one, layers: conv1_1, filters: all}]\n", NULL);
    check_job(plan, 1, "{\"conv1_1\":[0,1,2,3]}", LSN_ZERO, NAN, -1);
    assert_false(plan->needs.means);
    lsn_plan_destroy(plan);
}

static void scores_go_before_fractions(void **state)
{
    (void)state;
    lsn_plan *plan = planned(ONE("[conv3_1, conv3_2]", "{lowest: [l2, l1], fraction: [0.5, 0.25]}", "zero"), NULL);
    assert_int_equal(plan->n_jobs, 1 + 8);
    static const double fractions[] = {0.5, 0.25, 0.5, 0.25};
    for (int32_t i = 0; i < 8; i++) {
        const lsn_mask *mask = &plan->evaluations[plan->jobs[1 + i].evaluation].ablation.mask;
        assert_true(!(fabs(plan->jobs[1 + i].fraction - fractions[i % 4]) > 0));
        assert_int_equal(mask->parts[0].layer, i < 4 ? 2 : 3);
        assert_int_equal(lsn_mask_filters(mask), fractions[i % 4] < 0.4 ? 2 : 4);
        assert_int_equal(plan->jobs[1 + i].seed, -1);
    }
    lsn_plan_destroy(plan);
}

static void fractions_are_rounded_half_up(void **state)
{
    (void)state;
    static const struct {
        double fraction;
        int filters, expected;
    } cases[] = {
        {0.05, 20, 1},   {0.05, 10, 1},   {0.05, 29, 1},    {0.05, 30, 2},     {0.15, 10, 2},
        {0.25, 10, 3},   {0.35, 10, 4},   {0.1, 64, 6},     {0.1, 65, 7},      {0.5, 1, 1},
        {0.5, 3, 2},     {1.0, 7, 7},     {0.001, 64, 1},   {1e-300, 64, 1},   {0.999, 64, 64},
        {0.29, 100, 29}, {0.57, 100, 57}, {0.145, 100, 15}, {1.0, 4096, 4096}, {0.3, 5, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lsn_amount amount = {LSN_AMOUNT_FRACTION, cases[i].fraction, NULL};
        if (lsn_amount_filters(&amount, cases[i].filters) != cases[i].expected)
            print_error("%g of %d\n", cases[i].fraction, cases[i].filters);
        assert_int_equal(lsn_amount_filters(&amount, cases[i].filters), cases[i].expected);
    }
}

static void experiments_stand_in_their_order(void **state)
{
    (void)state;
    lsn_plan *plan = planned(HEAD "ablate:\n"
                                  "  - {name: b, layers: fc7, filters: all}\n"
                                  "  - {name: a, layers: fc6, filters: [0, 1]}\n"
                                  "\n"
                                  "  - {name: c.1_-, layers: conv*, filters: 0}\n",
                             NULL);
    static const struct {
        const char *name;
        int32_t first, count;
        int line;
    } all[] = {{"baseline", 0, 1, 0}, {"b", 1, 1, 12}, {"a", 2, 1, 13}, {"c.1_-", 3, 6, 15}};
    assert_int_equal(plan->n_experiments, 4);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(plan->experiments[i].name, all[i].name);
        assert_int_equal(plan->experiments[i].first_job, all[i].first);
        assert_int_equal(plan->experiments[i].n_jobs, all[i].count);
        assert_int_equal(plan->experiments[i].line, all[i].line);
    }
    assert_int_equal(plan->n_jobs, 9);
    lsn_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_baseline_is_always_a_job),
        cmocka_unit_test(each_takes_every_filter_alone),
        cmocka_unit_test(each_takes_listed_filters),
        cmocka_unit_test(each_takes_a_sample),
        cmocka_unit_test(all_and_lists_are_one_job_a_layer),
        cmocka_unit_test(random_is_the_same_on_every_machine),
        cmocka_unit_test(random_takes_counts_and_a_seed_of_zero),
        cmocka_unit_test(modes_are_the_innermost_axis),
        cmocka_unit_test(the_mode_is_zero_unless_given),
        cmocka_unit_test(scores_go_before_fractions),
        cmocka_unit_test(fractions_are_rounded_half_up),
        cmocka_unit_test(experiments_stand_in_their_order),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
