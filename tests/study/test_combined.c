/* Jobs of pairs, of what is kept, of nested masks, and of several layers together. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "fixture.h"

/* ---- cumulative ---------------------------------------------------------------------------------------------- */

static const lsn_mask *mask_of(const lsn_plan *plan, int32_t job)
{
    return &plan->evaluations[plan->jobs[job].evaluation].ablation.mask;
}

static bool contains(const lsn_mask_part *part, int32_t filter)
{
    for (int32_t i = 0; i < part->count; i++)
        if (part->filters[i] == filter)
            return true;
    return false;
}

/* conv4_1 has 10 filters; 4 steps remove 2.5 -> 3, 5, 7.5 -> 8 and 10 of them. */
static void check_curve(const lsn_plan *plan, int32_t first, int64_t seed, int32_t score)
{
    static const int counts[] = {3, 5, 8, 10};
    for (int i = 0; i < 4; i++) {
        const lsn_job *job = &plan->jobs[first + i];
        const lsn_mask *mask = mask_of(plan, first + i);
        assert_int_equal(job->step, i + 1);
        assert_true(!(fabs(job->fraction - 0.25 * (i + 1)) > 0));
        assert_int_equal(job->seed, seed);
        assert_int_equal(job->score, score);
        assert_int_equal(mask->count, 1);
        assert_int_equal(mask->parts[0].count, counts[i]);
        for (int32_t k = 0; i > 0 && k < counts[i - 1]; k++)
            assert_true(contains(mask->parts, mask_of(plan, first + i - 1)->parts[0].filters[k]));
    }
}

static void steps_are_nested(void **state)
{
    (void)state;
    lsn_plan *plan = planned(ONE("conv4_1", "{cumulative: {order: [l2, l1], steps: 4}}", "zero"), NULL);
    assert_int_equal(plan->n_jobs, 1 + 2 * 4);
    check_curve(plan, 1, -1, 0);
    check_curve(plan, 5, -1, 1);
    lsn_plan_destroy(plan);
    plan = planned(ONE("conv4_1", "{cumulative: {order: random, steps: 4, seeds: [3, 0..1]}}", "zero"), NULL);
    assert_int_equal(plan->n_jobs, 1 + 3 * 4);
    check_curve(plan, 1, 3, -1);
    check_curve(plan, 5, 0, -1);
    check_curve(plan, 9, 1, -1);
    lsn_plan_destroy(plan);
    plan = planned(ONE("conv4_1", "{cumulative: {order: random, steps: 4}}", "zero"), NULL);
    check_curve(plan, 1, 0, -1); /* seed 0 */
    lsn_plan_destroy(plan);
}

/* The same masks as those of the other selectors: each is computed once. */
static void steps_share_what_others_ask_for(void **state)
{
    (void)state;
    static const char *const others[][2] = {
        {"{cumulative: {order: l1, steps: 4}}", "{lowest: l1, count: [3, 5, 8, 10]}"},
        {"{cumulative: {order: l1, first: lowest, steps: 4}}", "{lowest: l1, count: [3, 5, 8, 10]}"},
        {"{cumulative: {order: l1, first: highest, steps: 4}}", "{highest: l1, fraction: [0.25, 0.5, 0.75, 1]}"},
        {"{cumulative: {order: random, seeds: 7, steps: 4}}", "{random: {count: [3, 5, 8, 10], seeds: 7}}"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 HEAD
                 "ablate:\n  - {name: a, layers: conv4_1, filters: %s}\n  - {name: b, layers: conv4_1, filters: %s}\n",
                 others[i][0], others[i][1]);
        lsn_plan *plan = planned(text, NULL);
        assert_int_equal(plan->n_jobs, 1 + 8);
        assert_int_equal(plan->n_evaluations, 1 + 4);
        for (int32_t j = 1; j <= 4; j++)
            assert_int_equal(plan->jobs[j].evaluation, plan->jobs[j + 4].evaluation);
        lsn_plan_destroy(plan);
    }
}

/* More steps than filters: some have the same mask. */
static void many_steps_of_few_filters(void **state)
{
    (void)state;
    lsn_plan *plan = planned(ONE("conv1_1", "{cumulative: {order: random, steps: 9}}", "zero"), NULL);
    assert_int_equal(plan->n_jobs, 1 + 9);
    assert_int_equal(plan->n_evaluations, 1 + 4);
    assert_int_equal(mask_of(plan, 1)->parts[0].count, 1);
    assert_int_equal(mask_of(plan, 9)->parts[0].count, 4);
    assert_true(!(fabs(plan->jobs[2].fraction - 2.0 / 9) > 0));
    lsn_plan_destroy(plan);
}

/* ---- pairs --------------------------------------------------------------------------------------------------- */

static void pairs_bring_their_singles(void **state)
{
    (void)state;
    lsn_plan *plan = planned(ONE("conv3_1", "{pairs: [2, 5, 7]}", "[zero, mean]"), NULL);
    char *masks = masks_of(plan, 1);
    assert_string_equal(masks,
                        "{\"conv3_1\":[2]} {\"conv3_1\":[2]} {\"conv3_1\":[5]} {\"conv3_1\":[5]} {\"conv3_1\":[7]} "
                        "{\"conv3_1\":[7]} {\"conv3_1\":[2,5]} {\"conv3_1\":[2,5]} {\"conv3_1\":[2,7]} "
                        "{\"conv3_1\":[2,7]} {\"conv3_1\":[5,7]} {\"conv3_1\":[5,7]}");
    free(masks);
    for (int32_t j = 0; j < plan->n_jobs; j++)
        for (int k = 0; k < 2; k++) {
            const lsn_job *job = &plan->jobs[j];
            const lsn_evaluation *evaluation = &plan->evaluations[job->evaluation];
            assert_int_equal(job->singles[k] >= 0, j > 6);
            if (job->singles[k] < 0)
                continue;
            const lsn_ablation *single = &plan->evaluations[job->singles[k]].ablation;
            assert_int_equal(single->mode, evaluation->ablation.mode);
            assert_int_equal(single->mask.parts[0].count, 1);
            assert_int_equal(single->mask.parts[0].filters[0], evaluation->ablation.mask.parts[0].filters[k]);
        }
    lsn_plan_destroy(plan);
}

static void pairs_are_of_one_layer_or_of_all(void **state)
{
    (void)state;
    check_masks(ONE("[conv1_1, fc6]", "{pairs: [0, 1]}", "zero"),
                "{\"conv1_1\":[0]} {\"conv1_1\":[1]} {\"conv1_1\":[0,1]} {\"fc6\":[0]} {\"fc6\":[1]} {\"fc6\":[0,1]}");
    check_masks(ONE("[conv1_1, fc6]", "{pairs: [0, 1]}", "zero\n    together: true"),
                "{\"conv1_1\":[0]} {\"conv1_1\":[1]} {\"fc6\":[0]} {\"fc6\":[1]} {\"conv1_1\":[0,1]} "
                "{\"conv1_1\":[0],\"fc6\":[0]} {\"conv1_1\":[0],\"fc6\":[1]} {\"conv1_1\":[1],\"fc6\":[0]} "
                "{\"conv1_1\":[1],\"fc6\":[1]} {\"fc6\":[0,1]}");
    check_masks(ONE("[conv1_1, fc6]", "{pairs: 0}", "zero\n    together: true"),
                "{\"conv1_1\":[0]} {\"fc6\":[0]} {\"conv1_1\":[0],\"fc6\":[0]}");
}

static void pairs_of_other_selectors(void **state)
{
    (void)state;
    static const struct {
        const char *filters;
        int jobs;
    } cases[] = {
        {"{pairs: each}", 8 + 28},
        {"{pairs: all}", 8 + 28},
        {"{pairs: {each: [0..2]}}", 3 + 3},
        {"{pairs: {highest: l1, count: 4}}", 4 + 6},
        {"{pairs: {lowest: [l1, l2], fraction: [0.25, 0.5]}}", 2 * (2 + 1 + 4 + 6)},
        {"{pairs: {random: {count: 3, seeds: 0..4}}}", 5 * (3 + 3)},
        {"{pairs: {each: {count: 5, seed: 1}}}", 5 + 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text, ONE("conv3_1", "%s", "zero"), cases[i].filters);
        lsn_plan *plan = planned(text, NULL);
        assert_int_equal(plan->n_jobs, 1 + cases[i].jobs);
        for (int32_t j = 1; j < plan->n_jobs; j++)
            assert_true(isnan(plan->jobs[j].fraction));
        lsn_plan_destroy(plan);
    }
}

/* ---- keep ---------------------------------------------------------------------------------------------------- */

static void what_is_kept_is_not_removed(void **state)
{
    (void)state;
    check_masks(ONE("conv1_1", "{keep: [0, 2]}", "zero"), "{\"conv1_1\":[1,3]}");
    check_masks(ONE("conv1_1", "{keep: each}", "zero"),
                "{\"conv1_1\":[1,2,3]} {\"conv1_1\":[0,2,3]} {\"conv1_1\":[0,1,3]} {\"conv1_1\":[0,1,2]}");
    check_masks(ONE("conv1_1", "{keep: {each: 3}}", "zero"), "{\"conv1_1\":[0,1,2]}");
    lsn_plan *plan =
        planned(HEAD "ablate:\n"
                     "  - {name: a, layers: conv4_1, filters: {keep: {highest: l1, fraction: [0.9, 0.3]}}}\n"
                     "  - {name: b, layers: conv4_1, filters: {lowest: l1, fraction: [0.1, 0.7]}}\n",
                NULL);
    assert_int_equal(plan->n_evaluations, 3);
    for (int32_t j = 1; j <= 2; j++) {
        assert_int_equal(plan->jobs[j].evaluation, plan->jobs[j + 2].evaluation);
        assert_true(!(fabs(plan->jobs[j].fraction - plan->jobs[j + 2].fraction) > 0)); /* what is removed */
    }
    lsn_plan_destroy(plan);
}

/* ---- together ------------------------------------------------------------------------------------------------ */

static void layers_are_removed_together(void **state)
{
    (void)state;
    check_masks(ONE("[conv1_1, conv2_1]", "all", "zero\n    together: true"),
                "{\"conv1_1\":[0,1,2,3],\"conv2_1\":[0,1,2,3,4,5]}");
    check_masks(ONE("[conv1_1, conv2_1]", "[1, 3]", "zero\n    together: false"),
                "{\"conv1_1\":[1,3]} {\"conv2_1\":[1,3]}");
    check_masks(ONE("[conv1_1, fc6]", "{keep: [0..3]}", "zero\n    together: true"),
                "{\"fc6\":[4,5,6,7,8,9,10,11,12,13,14,15]}"); /* nothing of conv1_1 is left to remove */
    lsn_plan *one =
        planned(ONE("[conv3_1, conv3_2]", "{random: {fraction: [0.25, 0.5], seeds: 0..2}}", "[zero, mean]"), NULL);
    lsn_plan *both = planned(
        ONE("[conv3_1, conv3_2]", "{random: {fraction: [0.25, 0.5], seeds: 0..2}}", "[zero, mean]\n    together: true"),
        NULL);
    assert_int_equal(both->n_jobs, 1 + 12);
    assert_int_equal(one->n_jobs, 1 + 24);
    for (int32_t j = 1; j <= 12; j++) {
        const lsn_mask *mask = mask_of(both, j);
        assert_int_equal(mask->count, 2);
        assert_int_equal(both->jobs[j].seed, one->jobs[j].seed);
        for (int32_t p = 0; p < 2; p++) {
            const lsn_mask_part *alone = mask_of(one, j + 12 * p)->parts;
            assert_int_equal(mask->parts[p].layer, alone->layer);
            assert_int_equal(mask->parts[p].count, alone->count);
            assert_memory_equal(mask->parts[p].filters, alone->filters, (size_t)alone->count * sizeof(int32_t));
        }
    }
    lsn_plan_destroy(one);
    lsn_plan_destroy(both);
    one = planned(ONE("conv*", "{cumulative: {order: l1, steps: 2}}", "zero\n    together: true"), NULL);
    assert_int_equal(one->n_jobs, 1 + 2);
    assert_int_equal(lsn_mask_filters(mask_of(one, 1)), 2 + 3 + 4 + 4 + 5 + 6);
    assert_int_equal(lsn_mask_filters(mask_of(one, 2)), 4 + 6 + 8 + 8 + 10 + 12);
    lsn_plan_destroy(one);
}

/* ---- why ----------------------------------------------------------------------------------------------------- */

static void the_number_of_jobs_is_explained(void **state)
{
    (void)state;
    static const struct {
        const char *layers, *filters, *mode, *why;
        int jobs;
    } cases[] = {
        {"conv1_1", "all", "zero", "1 layer", 1},
        {"conv*", "each", "[zero, mean]", "48 filters of 6 layers x 2 modes", 96},
        {"conv*", "{each: {count: 3}}", "zero", "18 filters of 6 layers", 18},
        {"conv*", "{lowest: [l1, l2], fraction: [0.1, 0.5]}", "zero", "6 layers x 2 scores x 2 fractions", 24},
        {"conv*", "{random: {count: [1, 2, 3], seeds: 0..9}}", "zero", "6 layers x 3 counts x 10 seeds", 180},
        {"conv*", "{random: {count: 1, seeds: 0..9}}", "zero\n    together: true", "6 layers together x 10 seeds", 10},
        {"conv*", "{cumulative: {order: random, steps: 8, seeds: 0..1}}", "zero", "6 layers x 2 seeds x 8 steps", 96},
        {"conv*", "{cumulative: {order: [l1, l2], steps: 8}}", "zero", "6 layers x 2 scores x 8 steps", 96},
        {"conv3_*", "{similar: {groups: [2, 3]}}", "zero", "10 groups of 2 layers", 10},
        {"conv3_*", "{similar: {fraction: [0.25, 0.5], linkage: [ward, single]}}", "zero",
         "2 layers x 2 ways x 2 fractions", 8},
        {"conv3_*", "{pairs: {highest: l1, count: 4}}", "zero", "(8 filters + 12 pairs) of 2 layers", 20},
        {"conv3_*", "{pairs: {highest: l1, count: 4}}", "zero\n    together: true",
         "(8 filters + 28 pairs) of 2 layers together", 36},
        {"conv3_*", "{keep: {highest: l1, count: 4}}", "zero", "2 layers, all else removed", 2},
        {"conv3_*", "{keep: each}", "[zero, mean]", "16 filters of 2 layers x 2 modes, all else removed", 32},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text, ONE("%s", "%s", "%s"), cases[i].layers, cases[i].filters, cases[i].mode);
        lsn_plan *plan = planned(text, NULL);
        assert_string_equal(plan->experiments[1].why, cases[i].why);
        assert_int_equal(plan->experiments[1].n_jobs, cases[i].jobs);
        assert_string_equal(plan->experiments[0].why, "nothing removed");
        lsn_plan_destroy(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_nested),
        cmocka_unit_test(steps_share_what_others_ask_for),
        cmocka_unit_test(many_steps_of_few_filters),
        cmocka_unit_test(pairs_bring_their_singles),
        cmocka_unit_test(pairs_are_of_one_layer_or_of_all),
        cmocka_unit_test(pairs_of_other_selectors),
        cmocka_unit_test(what_is_kept_is_not_removed),
        cmocka_unit_test(layers_are_removed_together),
        cmocka_unit_test(the_number_of_jobs_is_explained),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
