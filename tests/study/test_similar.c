/* Experiments on groups of similar filters. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "fixture.h"

#include "study/cluster.h"

/* The grouping's members in order of group, as masks. */
static void expect_groups(const lsn_plan *plan, const lsn_grouping *grouping, int32_t first_job)
{
    for (int32_t g = 0; g < grouping->n_groups; g++) {
        const lsn_job *job = &plan->jobs[first_job + g];
        const lsn_mask *mask = &plan->evaluations[job->evaluation].ablation.mask;
        int32_t next = 0;
        assert_int_equal(job->grouping, grouping - plan->groupings);
        assert_int_equal(job->group, g);
        assert_int_equal(mask->count, 1);
        assert_int_equal(mask->parts[0].layer, grouping->layer);
        for (int32_t f = 0; f < plan->net->layers[grouping->layer].filters; f++)
            if (grouping->groups[f] == g)
                assert_int_equal(mask->parts[0].filters[next++], f);
        assert_int_equal(next, mask->parts[0].count);
    }
}

static void every_group_is_a_job(void **state)
{
    (void)state;
    lsn_plan *plan = planned(ONE("[conv3_1, fc6]", "{similar: {groups: [3, 8]}}", "zero"), NULL);
    assert_int_equal(plan->n_groupings, 4);
    assert_int_equal(plan->n_jobs, 1 + 2 * (3 + 8));
    static const struct {
        int layer, groups, first;
    } all[] = {{2, 3, 1}, {2, 8, 4}, {6, 3, 12}, {6, 8, 15}};
    for (int i = 0; i < 4; i++) {
        const lsn_grouping *grouping = &plan->groupings[i];
        assert_int_equal(grouping->layer, all[i].layer);
        assert_int_equal(grouping->n_groups, all[i].groups);
        assert_string_equal(grouping->metric, "euclidean");
        assert_string_equal(grouping->linkage, "average");
        assert_string_equal(grouping->normalise, "none");
        assert_string_equal(grouping->cut, "groups");
        expect_groups(plan, grouping, all[i].first);
    }
    for (int i = 0; i < 8; i++) { /* 8 groups of 8 filters: each alone, and a job all the same */
        assert_int_equal(plan->groupings[1].groups[i], i);
        assert_true(isnan(plan->groupings[1].distances[i]));
    }
    lsn_plan_destroy(plan);
}

static void distances_make_as_many_groups_as_there_are(void **state)
{
    (void)state;
    lsn_plan *plan =
        planned(ONE("conv4_1", "{similar: {distance: [0, 1e9, 6.5], linkage: ward}}", "[zero, mean]"), NULL);
    assert_int_equal(plan->n_groupings, 3);
    assert_int_equal(plan->groupings[0].n_groups, 10);
    assert_int_equal(plan->groupings[1].n_groups, 1);
    assert_in_range(plan->groupings[2].n_groups, 2, 9);
    assert_int_equal(plan->n_jobs, 1 + 2 * (10 + 1 + plan->groupings[2].n_groups));
    assert_int_equal(plan->jobs[1].group, 0);
    assert_int_equal(plan->jobs[2].group, 0); /* the other mode */
    assert_int_equal(plan->jobs[3].group, 1);
    lsn_plan_destroy(plan);
}

/* Mean distances to the others of the group, by definition. */
static void distances_within_groups_are_kept(void **state)
{
    (void)state;
    lsn_plan *plan = planned(ONE("fc7", "{similar: {groups: 6, metric: cosine, linkage: complete}}", "zero"), NULL);
    const lsn_grouping *grouping = &plan->groupings[0];
    const lsn_net_node *node = lsn_layer_node(plan->net, 7);
    double distances[20 * 19 / 2];
    assert_int_equal(node->filters, 20);
    lsn_products products;
    assert_true(lsn_products_init(&products, node, 0, NULL));
    assert_true(lsn_distances(node, &products, LSN_COSINE, LSN_AS_IT_IS, distances, NULL));
    lsn_products_finish(&products);
    for (int f = 0; f < 20; f++) {
        double sum = 0, others = 0;
        for (int k = 0; k < 20; k++)
            if (k != f && grouping->groups[k] == grouping->groups[f]) {
                sum += distances[lsn_pair(20, (size_t)f, (size_t)k)];
                others++;
            }
        assert_true(others > 0 ? !(fabs(grouping->distances[f] - sum / others) > 1e-12)
                               : isnan(grouping->distances[f]));
    }
    lsn_plan_destroy(plan);
}

static void the_tightest_group_of_a_size_is_one_job(void **state)
{
    (void)state;
    lsn_plan *plan = planned(
        ONE("[conv4_1, conv5_1]", "{similar: {fraction: [0.2, 0.5], metric: [euclidean, cosine]}}", "zero"), NULL);
    assert_int_equal(plan->n_jobs, 1 + 8);
    for (int32_t j = 1; j <= 8; j++) {
        const lsn_job *job = &plan->jobs[j];
        const lsn_mask *mask = &plan->evaluations[job->evaluation].ablation.mask;
        const lsn_grouping *grouping = &plan->groupings[job->grouping];
        const bool half = j % 2 == 0;
        assert_true(!(fabs(job->fraction - (half ? 0.5 : 0.2)) > 0));
        assert_int_equal(lsn_mask_filters(mask), j <= 4 ? (half ? 5 : 2) : (half ? 6 : 2));
        assert_string_equal(grouping->metric, (j - 1) % 4 < 2 ? "euclidean" : "cosine");
        expect_groups(plan, grouping, j);
    }
    lsn_plan_destroy(plan);
    plan = planned(ONE("[conv4_1, conv5_1]", "{similar: {fraction: 0.2}}", "zero\n    together: true"), NULL);
    assert_int_equal(plan->n_jobs, 2);
    assert_int_equal(plan->evaluations[1].ablation.mask.count, 2);
    assert_int_equal(plan->n_groupings, 2);
    assert_int_equal(plan->jobs[1].grouping, -1); /* of two layers */
    lsn_plan_destroy(plan);
}

static void a_group_can_be_all_that_is_kept(void **state)
{
    (void)state;
    lsn_plan *plan = planned(HEAD "ablate:\n"
                                  "  - {name: a, layers: conv4_1, filters: {similar: {groups: 4}}}\n"
                                  "  - {name: b, layers: conv4_1, filters: {keep: {similar: {groups: 4}}}}\n",
                             NULL);
    assert_int_equal(plan->n_groupings, 1); /* made once */
    for (int32_t g = 0; g < 4; g++) {
        const lsn_mask *one = &plan->evaluations[plan->jobs[1 + g].evaluation].ablation.mask,
                       *rest = &plan->evaluations[plan->jobs[5 + g].evaluation].ablation.mask;
        bool seen[10] = {false};
        assert_int_equal(lsn_mask_filters(one) + lsn_mask_filters(rest), 10);
        for (int32_t i = 0; i < one->parts[0].count; i++)
            seen[one->parts[0].filters[i]] = true;
        for (int32_t i = 0; i < rest->parts[0].count; i++)
            assert_false(seen[rest->parts[0].filters[i]]);
        assert_int_equal(plan->jobs[5 + g].group, g);
    }
    lsn_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_group_is_a_job),
        cmocka_unit_test(distances_make_as_many_groups_as_there_are),
        cmocka_unit_test(distances_within_groups_are_kept),
        cmocka_unit_test(the_tightest_group_of_a_size_is_one_job),
        cmocka_unit_test(a_group_can_be_all_that_is_kept),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
