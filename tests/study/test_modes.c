/* How filters are removed: modes and their seeds as an axis of the grid. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "fixture.h"

static const lsn_ablation *ablation_of(const lsn_plan *plan, int32_t job)
{
    return &plan->evaluations[plan->jobs[job].evaluation].ablation;
}

static void expect_modes(const lsn_plan *plan, int32_t first, const lsn_mode *modes, const int64_t *seeds, int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(ablation_of(plan, first + i)->mode, modes[i]);
        assert_int_equal(ablation_of(plan, first + i)->seed, seeds[i]);
    }
}

/* The mode innermost, its seeds within it, in the study's order. */
static void seeds_are_within_their_mode(void **state)
{
    (void)state;
    lsn_plan *plan =
        planned(ONE("conv1_1", "{each: [0, 1]}", "[noise, {resample: {seeds: [7, 0..1]}}, zero, mean]"), NULL);
    static const lsn_mode modes[] = {LSN_NOISE, LSN_RESAMPLE, LSN_RESAMPLE, LSN_RESAMPLE, LSN_ZERO, LSN_MEAN};
    static const int64_t seeds[] = {0, 7, 0, 1, 0, 0};
    assert_int_equal(plan->n_jobs, 1 + 2 * 6);
    assert_int_equal(plan->n_evaluations, 1 + 2 * 6);
    expect_modes(plan, 1, modes, seeds, 6);
    expect_modes(plan, 7, modes, seeds, 6);
    for (int32_t j = 1; j < plan->n_jobs; j++) {
        assert_int_equal(ablation_of(plan, j)->mask.parts[0].filters[0], (j - 1) / 6);
        assert_int_equal(plan->jobs[j].seed, -1); /* nothing is random about the filters */
    }
    assert_string_equal(plan->experiments[1].why, "2 filters of 1 layer x (noise + 3 seeds of resample + zero + mean)");
    lsn_plan_destroy(plan);
}

static void a_mode_may_stand_alone(void **state)
{
    (void)state;
    static const struct {
        const char *mode, *why;
        lsn_mode first;
        int jobs;
    } cases[] = {
        {"resample", "1 layer", LSN_RESAMPLE, 1},
        {"noise", "1 layer", LSN_NOISE, 1},
        {"{noise: {}}", "1 layer", LSN_NOISE, 1},
        {"{noise: {seeds: 3}}", "1 layer", LSN_NOISE, 1},
        {"{resample: {seeds: 0..4}}", "1 layer x 5 seeds of resample", LSN_RESAMPLE, 5},
        {"[{resample: {seeds: 9}}, noise]", "1 layer x 2 modes", LSN_RESAMPLE, 2},
        {"[mean, {noise: {seeds: 1..9}}]", "1 layer x (mean + 9 seeds of noise)", LSN_MEAN, 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text, ONE("fc6", "all", "%s"), cases[i].mode);
        lsn_plan *plan = planned(text, NULL);
        assert_int_equal(plan->n_jobs, 1 + cases[i].jobs);
        assert_int_equal(ablation_of(plan, 1)->mode, cases[i].first);
        assert_string_equal(plan->experiments[1].why, cases[i].why);
        lsn_plan_destroy(plan);
    }
}

static void equal_seeds_are_one_evaluation(void **state)
{
    (void)state;
    lsn_plan *plan =
        planned(HEAD "ablate:\n"
                     "  - {name: a, layers: conv1_1, filters: all, mode: {noise: {seeds: 0..2}}}\n"
                     "  - {name: b, layers: conv1_1, filters: [0..3], mode: [resample, {noise: {seeds: [2, 5]}}]}\n"
                     "  - {name: c, layers: conv1_1, filters: {random: {count: 4, seeds: 0..1}}, mode: noise}\n",
                NULL);
    static const int32_t evaluations[] = {0, 1, 2, 3, 4, 3, 5, 1, 1};
    assert_int_equal(plan->n_jobs, 9);
    assert_int_equal(plan->n_evaluations, 6);
    for (int32_t j = 0; j < 9; j++)
        assert_int_equal(plan->jobs[j].evaluation, evaluations[j]);
    assert_int_equal(plan->jobs[8].seed, 1); /* that of the filters */
    lsn_plan_destroy(plan);
}

/* A pair's singles are removed as the pair is. */
static void pairs_have_singles_of_their_mode_and_seed(void **state)
{
    (void)state;
    lsn_plan *plan = planned(
        ONE("[conv1_1, fc6]", "{pairs: [0, 2, 3]}", "[zero, {resample: {seeds: [4, 1]}}]\n    together: true"), NULL);
    assert_int_equal(plan->n_jobs, 1 + 3 * (6 + 15));
    for (int32_t j = 1; j < plan->n_jobs; j++) {
        const lsn_job *job = &plan->jobs[j];
        const lsn_ablation *pair = ablation_of(plan, j);
        int found = 0;
        for (int k = 0; k < 2 && j > 18; k++) {
            const lsn_ablation *single = &plan->evaluations[job->singles[k]].ablation;
            const lsn_mask_part *part = single->mask.parts;
            assert_int_equal(lsn_mask_filters(&single->mask), 1);
            assert_int_equal(single->mode, pair->mode);
            assert_int_equal(single->seed, pair->seed);
            for (int32_t p = 0; p < pair->mask.count; p++)
                for (int32_t i = 0; i < pair->mask.parts[p].count; i++)
                    found +=
                        pair->mask.parts[p].layer == part->layer && pair->mask.parts[p].filters[i] == part->filters[0];
        }
        assert_int_equal(found, j > 18 ? 2 : 0);
        assert_int_equal(job->singles[0] >= 0, j > 18);
    }
    lsn_plan_destroy(plan);
}

static void overrides_reach_modes(void **state)
{
    (void)state;
    static const char *const overrides[][2] = {
        {"ablate.one.mode.resample.seeds=0..4", NULL}, /* "zero" gives way to a map */
        {"ablate.one.mode={resample: {seeds: 0..4}}", NULL},
        {"ablate.one.mode=[{resample: {seeds: 0..4}}]", NULL},
    };
    for (size_t i = 0; i < sizeof overrides / sizeof *overrides; i++) {
        lsn_plan *plan = planned(ONE("fc6", "all", "zero"), overrides[i]);
        assert_int_equal(plan->n_jobs, 1 + 5);
        assert_int_equal(ablation_of(plan, 5)->mode, LSN_RESAMPLE);
        assert_int_equal(ablation_of(plan, 5)->seed, 4);
        lsn_plan_destroy(plan);
    }
}

static void plans_say_what_modes_need(void **state)
{
    (void)state;
    static const struct {
        const char *mode;
        lsn_activation_needs needs;
    } cases[] = {
        {"zero", {0}},
        {"mean", {.means = true}},
        {"resample", {0}},
        {"[zero, noise]", {.means = true, .deviations = true}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text, ONE("fc6", "all", "%s"), cases[i].mode);
        lsn_plan *plan = unsettled(text, NULL);
        assert_true(plan->expanded);
        assert_memory_equal(&plan->needs, &cases[i].needs, sizeof plan->needs);
        lsn_plan_destroy(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_are_within_their_mode),    cmocka_unit_test(a_mode_may_stand_alone),
        cmocka_unit_test(equal_seeds_are_one_evaluation), cmocka_unit_test(pairs_have_singles_of_their_mode_and_seed),
        cmocka_unit_test(overrides_reach_modes),          cmocka_unit_test(plans_say_what_modes_need),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
