/* Scores, and the filters they choose, against a computation of another kind. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "fixture.h"
#include "lesion/formats.h"
#include "study/expand.h"

/* From the last weight to the first, in long double. */
static long double norm(const lsn_net_node *node, int filter, int power)
{
    int weights = (int)lsn_net_node_terms(node);
    long double sum = 0;
    for (int i = weights - 1; i >= 0; i--)
        sum += powl(fabsl((long double)node->weights.values[(size_t)filter * (size_t)weights + (size_t)i]), power);
    return power == 1 ? sum : sqrtl(sum);
}

/* The first filters by repeated search for the smallest; the first index wins. */
static void expect_lowest(const lsn_net_node *node, int power, int sign, const lsn_mask_part *part)
{
    bool taken[64] = {false};
    for (int n = 0; n < part->count; n++) {
        int best = -1;
        for (int f = 0; f < node->filters; f++)
            if (!taken[f] && (best < 0 || sign * norm(node, f, power) < sign * norm(node, best, power)))
                best = f;
        taken[best] = true;
    }
    for (int i = 0; i < part->count; i++)
        assert_true(taken[part->filters[i]] && (i == 0 || part->filters[i - 1] < part->filters[i]));
}

static void check_all_layers(const char *selector, int power, int sign)
{
    char text[1024];
    snprintf(text, sizeof text, HEAD "ablate:\n  - {name: one, layers: \"*\", filters: %s}\n", selector);
    lsn_plan *plan = planned(text, NULL);
    assert_int_equal(plan->n_jobs, 1 + 8 * 3);
    for (int32_t i = 1; i < plan->n_jobs; i++) {
        const lsn_mask_part *part = plan->evaluations[plan->jobs[i].evaluation].ablation.mask.parts;
        assert_int_equal(part->layer, (i - 1) / 3);
        expect_lowest(lsn_layer_node(plan->net, part->layer), power, sign, part);
    }
    lsn_plan_destroy(plan);
}

static void the_lowest_and_highest_are_chosen(void **state)
{
    (void)state;
    check_all_layers("{lowest: l1, fraction: [0.1, 0.3, 0.75]}", 1, 1);
    check_all_layers("{highest: l1, fraction: [0.1, 0.3, 0.75]}", 1, -1);
    check_all_layers("{lowest: l2, count: [1, 2, 3]}", 2, 1);
    check_all_layers("{highest: l2, count: [1, 2, 3]}", 2, -1);
}

static void norms_leave_the_bias_out(void **state)
{
    (void)state;
    lsn_net *net = lsn_net_load(fixture_path("weights.safetensors"), NULL);
    assert_non_null(net);
    for (int l = 0; l < net->n_layers; l++) {
        const lsn_net_node *node = lsn_layer_node(net, l);
        double l1[64], l2[64];
        assert_in_range(node->filters, 1, 64);
        lsn_norms(node, LSN_L1, l1);
        lsn_norms(node, LSN_L2, l2);
        for (int f = 0; f < node->filters; f++) {
            assert_true(!(fabsl(l1[f] - norm(node, f, 1)) > 1e-12));
            assert_true(!(fabsl(l2[f] - norm(node, f, 2)) > 1e-12));
        }
    }
    lsn_net_destroy(net);
}

static void expect_order(const double *scores, int count, bool highest, const int32_t *order)
{
    lsn_ranked ranked[8];
    assert_in_range(count, 1, 8);
    lsn_rank(scores, count, highest, ranked);
    for (int i = 0; i < count; i++)
        assert_int_equal(ranked[i].filter, order[i]);
}

static void among_equals_the_lower_index_is_first(void **state)
{
    (void)state;
    static const double scores[6] = {2, 1, 1, 2, 1, 3};
    expect_order(scores, 6, false, (const int32_t[]){1, 2, 4, 0, 3, 5});
    expect_order(scores, 6, true, (const int32_t[]){5, 0, 3, 1, 2, 4});
    expect_order((const double[]){-1, 0, -3}, 3, false, (const int32_t[]){2, 0, 1});
    expect_order((const double[]){-1, 0, -3}, 3, true, (const int32_t[]){1, 0, 2});
}

/* Sums in float would lose the small weights: 2^24 + 1 is 2^24 there. */
static void sums_are_doubles(void **state)
{
    (void)state;
    static const float weights[4] = {16777216, 1, 16777216, 0};
    lsn_net_node node = {.op = LSN_OP_DENSE, .filters = 2, .weights = {weights, 4}};
    double scores[2];
    lsn_norms(&node, LSN_L1, scores);
    expect_order(scores, 2, false, (const int32_t[]){1, 0});
}

/* All scores that a study ranks by are in the plan, for the layers that are ranked. */
static void scores_are_kept(void **state)
{
    (void)state;
    lsn_plan *plan = planned(HEAD "ablate:\n"
                                  "  - {name: a, layers: conv3_1, filters: {lowest: l2, count: 1}}\n"
                                  "  - {name: b, layers: [conv1_1, fc7], filters: {highest: [l1, l2], count: 1}}\n"
                                  "  - {name: c, layers: fc6, filters: each}\n",
                             NULL);
    assert_int_equal(plan->n_scores, 2);
    assert_string_equal(plan->scores[0].name, "l2");
    assert_string_equal(plan->scores[1].name, "l1");
    for (int l = 0; l < plan->net->n_layers - 1; l++) {
        const lsn_layer *layer = &plan->net->layers[l];
        const char *name = layer->name;
        const bool used[2] = {strcmp(name, "conv3_1") == 0 || strcmp(name, "conv1_1") == 0 || strcmp(name, "fc7") == 0,
                              strcmp(name, "conv1_1") == 0 || strcmp(name, "fc7") == 0};
        for (int s = 0; s < 2; s++)
            for (int f = 0; f < layer->filters; f++) {
                double value = plan->scores[s].values[lsn_net_filter_offset(plan->net, l) + f];
                assert_int_equal(isnan(value), !used[s]);
                if (used[s])
                    assert_true(!(fabsl(value - norm(&plan->net->nodes[layer->node], f, s == 0 ? 2 : 1)) > 1e-12));
            }
    }
    assert_int_equal(plan->jobs[1].score, 0); /* a */
    static const int32_t scores_of_b[] = {1, 0, 1, 0};
    for (int i = 0; i < 4; i++)
        assert_int_equal(plan->jobs[2 + i].score, scores_of_b[i]);
    assert_int_equal(plan->jobs[6].score, -1);
    lsn_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_and_highest_are_chosen),
        cmocka_unit_test(norms_leave_the_bias_out),
        cmocka_unit_test(among_equals_the_lower_index_is_first),
        cmocka_unit_test(sums_are_doubles),
        cmocka_unit_test(scores_are_kept),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
