/* Groups of similar filters against SciPy's (tools/make_cluster_golden.py), and where SciPy leaves things open. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "study/cluster.h"

enum { MOST_FILTERS = 64, MOST_WEIGHTS = 32, LINE_BYTES = 1 << 14 };

typedef struct golden {
    FILE *file;
    char line[LINE_BYTES];
    float weights[MOST_FILTERS * MOST_WEIGHTS];
    lsn_net_node node;
    lsn_linkage linkage; /* of the tree at work */
    double distances[MOST_FILTERS * MOST_FILTERS];
    lsn_merge merges[MOST_FILTERS];
    int trees, cuts, tightest;
} golden;

/* ---- reading ------------------------------------------------------------------------------------------------- */

static void next_line(golden *g)
{
    if (fgets(g->line, sizeof g->line, g->file) == NULL)
        fail_msg("the file of golden values ends early");
}

static int read_numbers(const char *text, double *numbers, int most)
{
    int count = 0;
    for (char *end; count < most; text = end, count++) {
        numbers[count] = strtod(text, &end);
        if (end == text)
            break;
    }
    return count;
}

static void read_layer(golden *g)
{
    int filters, weights;
    double row[MOST_WEIGHTS];
    assert_int_equal(sscanf(g->line, "layer %d %d", &filters, &weights), 2);
    assert_in_range(filters, 1, MOST_FILTERS);
    assert_in_range(weights, 1, MOST_WEIGHTS);
    g->node = (lsn_net_node){.filters = filters, .weights = {g->weights, (size_t)(filters * weights)}};
    for (int f = 0; f < filters; f++) {
        next_line(g);
        assert_int_equal(read_numbers(g->line, row, MOST_WEIGHTS), weights);
        for (int i = 0; i < weights; i++)
            g->weights[f * weights + i] = (float)row[i];
    }
}

static int find(const char *word, const char *const *words)
{
    int i = 0;
    while (words[i] != NULL && strcmp(words[i], word) != 0)
        i++;
    assert_non_null(words[i]);
    return i;
}

/* The distances of a node's filters from their weights. */
static void measure(const lsn_net_node *node, lsn_metric metric, lsn_normalise normalise, double *distances)
{
    lsn_products products;
    assert_true(lsn_products_init(&products, node, lsn_product_kernels() - 1, NULL));
    assert_true(lsn_distances(node, &products, metric, normalise, distances, NULL));
    lsn_products_finish(&products);
}

/* ---- checking ------------------------------------------------------------------------------------------------ */

static void check_tree(golden *g)
{
    char metric[16], normalise[16], linkage[16];
    double heights[MOST_FILTERS], used_up[MOST_FILTERS * MOST_FILTERS];
    assert_int_equal(sscanf(g->line, "tree %15s %15s %15s", metric, normalise, linkage), 3);
    g->linkage = (lsn_linkage)find(linkage, lsn_linkage_names);
    measure(&g->node, (lsn_metric)find(metric, lsn_metric_names), (lsn_normalise)find(normalise, lsn_normalise_names),
            g->distances);
    memcpy(used_up, g->distances, sizeof used_up);
    assert_true(lsn_link(used_up, g->node.filters, g->linkage, g->merges, NULL));
    next_line(g);
    const int count = g->node.filters - 1;
    assert_int_equal(read_numbers(g->line, heights, MOST_FILTERS), count);
    for (int m = 0; m < count; m++)
        if (!(fabs(g->merges[m].height - heights[m]) <= 1e-12 * (1 + heights[m])))
            fail_msg("%s %s %s: merge %d at %.17g, not %.17g", metric, normalise, linkage, m, g->merges[m].height,
                     heights[m]);
    g->trees++;
}

/* The groups of a cut into K, or at a distance. */
static void check_cut(golden *g, bool at_distance)
{
    double numbers[MOST_FILTERS + 1];
    int32_t groups[MOST_FILTERS];
    const int filters = g->node.filters;
    assert_int_equal(read_numbers(strchr(g->line, ' '), numbers, MOST_FILTERS + 1), filters + 1);
    int32_t merges = at_distance ? lsn_merges_within(g->merges, filters, numbers[0]) : filters - (int32_t)numbers[0];
    lsn_cut_tree(g->merges, filters, merges, groups);
    for (int f = 0; f < filters; f++)
        if (groups[f] != (int32_t)numbers[1 + f])
            fail_msg("%d filters, linkage %s: filter %d is in group %d of\n%s", filters, lsn_linkage_names[g->linkage],
                     f, (int)groups[f], g->line);
    g->cuts++;
}

static void check_tightest(golden *g)
{
    double numbers[MOST_FILTERS + 1];
    int32_t groups[MOST_FILTERS];
    int count = read_numbers(strchr(g->line, ' '), numbers, MOST_FILTERS + 1) - 1, next = 1;
    assert_int_equal(count, (int)numbers[0]);
    assert_true(lsn_tightest(g->distances, g->node.filters, g->linkage, &count, 1, (int32_t *[]){groups}, NULL));
    for (int f = 0; f < g->node.filters; f++) {
        bool member = next <= count && f == (int)numbers[next];
        assert_int_equal(groups[f], member ? 0 : -1);
        next += member;
    }
    g->tightest++;
}

static void trees_and_groups_are_scipys(void **state)
{
    (void)state;
    const char *source = getenv("LESION_SOURCE");
    if (source == NULL)
        fail_msg("LESION_SOURCE must name the source folder");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/study/clusters.txt", source);
    golden *g = calloc(1, sizeof *g);
    assert_non_null(g);
    g->file = fopen(path, "r");
    assert_non_null(g->file);
    while (fgets(g->line, sizeof g->line, g->file) != NULL)
        if (strncmp(g->line, "layer", 5) == 0)
            read_layer(g);
        else if (strncmp(g->line, "tree", 4) == 0)
            check_tree(g);
        else if (strncmp(g->line, "groups", 6) == 0 || strncmp(g->line, "distance", 8) == 0)
            check_cut(g, g->line[0] == 'd');
        else if (strncmp(g->line, "tightest", 8) == 0)
            check_tightest(g);
    fclose(g->file);
    assert_int_equal(g->trees, 3 * 15);
    assert_int_equal(g->cuts, 3 * 15 * 8);
    assert_int_equal(g->tightest, 3 * 15 * 5);
    free(g);
}

/* ---- what SciPy leaves open ---------------------------------------------------------------------------------- */

static void expect_groups(const double *line, int count, lsn_linkage linkage, int n_groups, const int32_t *expected)
{
    double distances[64];
    lsn_merge merges[8];
    int32_t groups[8];
    for (int i = 0, p = 0; i < count; i++)
        for (int j = i + 1; j < count; j++)
            distances[p++] = fabs(line[i] - line[j]);
    assert_true(lsn_link(distances, count, linkage, merges, NULL));
    lsn_cut_tree(merges, count, count - n_groups, groups);
    for (int i = 0; i < count; i++)
        assert_int_equal(groups[i], expected[i]);
}

/* Points on a line, all neighbours equally far. */
static void ties_are_broken_by_the_lowest_filter(void **state)
{
    (void)state;
    static const double even[6] = {0, 1, 2, 3, 4, 5};
    expect_groups(even, 6, LSN_LINKAGE_COMPLETE, 5, (const int32_t[]){0, 0, 1, 2, 3, 4});
    expect_groups(even, 6, LSN_LINKAGE_COMPLETE, 3, (const int32_t[]){0, 0, 1, 1, 2, 2});
    expect_groups(even, 6, LSN_LINKAGE_SINGLE, 4, (const int32_t[]){0, 0, 0, 1, 2, 3});
    static const double same[4] = {7, 7, 7, 7}; /* exactly so many groups as were asked for, though all are at 0 */
    for (int groups = 1; groups <= 4; groups++)
        for (int linkage = 0; linkage < LSN_N_LINKAGES; linkage++) {
            int32_t expected[4];
            for (int i = 0; i < 4; i++)
                expected[i] = i < 4 - groups + 1 ? 0 : i - (4 - groups);
            expect_groups(same, 4, (lsn_linkage)linkage, groups, expected);
        }
}

static void groups_are_numbered_by_their_lowest_filter(void **state)
{
    (void)state;
    expect_groups((const double[]){9, 0, 9.1, 0.2, 50}, 5, LSN_LINKAGE_AVERAGE, 3, (const int32_t[]){0, 1, 0, 1, 2});
    expect_groups((const double[]){3}, 1, LSN_LINKAGE_WARD, 1, (const int32_t[]){0});
}

static void the_tightest_of_equals_is_the_first(void **state)
{
    (void)state;
    double distances[15];
    int32_t groups[6];
    for (int i = 0, p = 0; i < 6; i++)
        for (int j = i + 1; j < 6; j++)
            distances[p++] = j - i;
    for (int size = 1; size <= 6; size++) {
        assert_true(lsn_tightest(distances, 6, LSN_LINKAGE_AVERAGE, &size, 1, (int32_t *[]){groups}, NULL));
        for (int i = 0; i < 6; i++)
            assert_int_equal(groups[i], i < size ? 0 : -1);
    }
    double none;
    assert_true(lsn_tightest(&none, 1, LSN_LINKAGE_WARD, &(int32_t){1}, 1, (int32_t *[]){groups}, NULL));
    assert_int_equal(groups[0], 0);
}

static void filters_of_zeros_have_distances(void **state)
{
    (void)state;
    static const float weights[4][2] = {{0, 0}, {3, 4}, {0, 0}, {-6, -8}};
    const lsn_net_node node = {.filters = 4, .weights = {&weights[0][0], 8}};
    /* In order of pairs: 01 02 03 12 13 23. */
    static const struct {
        lsn_metric metric;
        lsn_normalise normalise;
        double distances[6];
    } cases[] = {
        {LSN_EUCLIDEAN, LSN_AS_IT_IS, {5, 0, 10, 5, 15, 10}},
        {LSN_EUCLIDEAN, LSN_BY_L2, {1, 0, 1, 1, 2, 1}},
        {LSN_EUCLIDEAN, LSN_BY_MAX, {1.25, 0, 1.25, 1.25, 2.5, 1.25}},
        {LSN_COSINE, LSN_AS_IT_IS, {1, 0, 1, 1, 2, 1}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double found[6];
        measure(&node, cases[c].metric, cases[c].normalise, found);
        for (int i = 0; i < 6; i++)
            assert_true(!(fabs(found[i] - cases[c].distances[i]) > 1e-15));
    }
}

/* Weights too large for the squares of floats, and too small for them. */
static void weights_of_any_size_have_distances(void **state)
{
    (void)state;
    static const float weights[3][1] = {{3e38f}, {-3e38f}, {1e-45f}};
    const lsn_net_node node = {.filters = 3, .weights = {&weights[0][0], 3}};
    double found[3];
    measure(&node, LSN_EUCLIDEAN, LSN_AS_IT_IS, found);
    assert_true(!(fabs(found[0] - 6e38) > 1e32));
    measure(&node, LSN_EUCLIDEAN, LSN_BY_L2, found);
    assert_true(!(fabs(found[0] - 2) > 1e-15) && !(found[1] > 1e-15));
    measure(&node, LSN_COSINE, LSN_AS_IT_IS, found);
    assert_true(!(fabs(found[0] - 2) > 1e-15) && !(found[1] > 1e-15));
}

/* ---- products ------------------------------------------------------------------------------------------------ */

/* Eight sums side by side, each in order, as products.c says. */
static double product(const float *v, const float *w, int n)
{
    double lanes[8] = {0};
    for (int i = 0; i < n; i++)
        lanes[i % 8] += (double)v[i] * (double)w[i];
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

static bool same(double a, double b)
{
    return !(fabs(a - b) > 0);
}

static void every_kernel_gives_the_same_products(void **state)
{
    (void)state;
    enum { MOST = 70 * 1100 };
    static const int shapes[][2] = {{1, 1}, {3, 7}, {5, 8}, {33, 65}, {70, 27}, {66, 515}, {34, 1100}};
    float *weights = calloc(MOST, sizeof *weights);
    lsn_random random;
    assert_non_null(weights);
    lsn_random_init(&random, 5, 0);
    for (int i = 0; i < MOST; i++)
        weights[i] = (float)lsn_random_below(&random, 1 << 24) / (1 << 22) - 2;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int kernel = 0; kernel < lsn_product_kernels(); kernel++) {
            const int filters = shapes[s][0], n = shapes[s][1];
            const lsn_net_node node = {.filters = filters, .weights = {weights, (size_t)(filters * n)}};
            lsn_products found;
            assert_true(lsn_products_init(&found, &node, kernel, NULL));
            for (int i = 0, p = 0; i < filters; i++) {
                assert_true(same(found.squares[i], product(weights + i * n, weights + i * n, n)));
                for (int j = i + 1; j < filters; j++, p++)
                    assert_true(same(found.pairs[p], product(weights + i * n, weights + j * n, n)));
            }
            lsn_products_finish(&found);
        }
    free(weights);
}

/* Filters that are nearly equal: their products agree in most digits, their distance must not be what is left. */
static void small_distances_are_exact(void **state)
{
    (void)state;
    enum { N = 100 };
    float weights[3][N];
    double found[3];
    lsn_random random;
    lsn_random_init(&random, 6, 0);
    for (int i = 0; i < N; i++)
        weights[0][i] = weights[1][i] = weights[2][i] = (float)(1 + lsn_random_below(&random, 1000));
    weights[1][17] += 1.0f / 1024;
    const lsn_net_node node = {.filters = 3, .weights = {&weights[0][0], 3 * N}};
    for (int normalise = 0; normalise < LSN_N_NORMALISE; normalise++) {
        measure(&node, LSN_EUCLIDEAN, (lsn_normalise)normalise, found);
        assert_true(same(found[1], 0)); /* 0 and 2 are equal */
        assert_true(same(found[0], found[2]) && found[0] > 0);
    }
    measure(&node, LSN_EUCLIDEAN, LSN_AS_IT_IS, found);
    assert_true(same(found[0], 1.0 / 1024));
}

/* ---- many sizes at once -------------------------------------------------------------------------------------- */

static void sizes_do_not_disturb_each_other(void **state)
{
    (void)state;
    enum { COUNT = 40, N_SIZES = 6 };
    static const int32_t sizes[N_SIZES] = {10, 1, 40, 3, 10, 25};
    double distances[COUNT * COUNT / 2];
    int32_t together[N_SIZES][COUNT], alone[COUNT];
    lsn_random random;
    lsn_random_init(&random, 8, 0);
    for (size_t p = 0; p < lsn_pairs(COUNT); p++)
        distances[p] = (double)(100 + lsn_random_below(&random, 100));
    for (int linkage = 0; linkage < LSN_N_LINKAGES; linkage++) {
        int32_t *groups[N_SIZES];
        for (int k = 0; k < N_SIZES; k++)
            groups[k] = together[k];
        assert_true(lsn_tightest(distances, COUNT, (lsn_linkage)linkage, sizes, N_SIZES, groups, NULL));
        for (int k = 0; k < N_SIZES; k++) {
            int members = 0;
            assert_true(lsn_tightest(distances, COUNT, (lsn_linkage)linkage, &sizes[k], 1, (int32_t *[]){alone}, NULL));
            assert_memory_equal(together[k], alone, sizeof alone);
            for (int i = 0; i < COUNT; i++)
                members += alone[i] == 0;
            assert_int_equal(members, sizes[k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_and_groups_are_scipys),
        cmocka_unit_test(ties_are_broken_by_the_lowest_filter),
        cmocka_unit_test(groups_are_numbered_by_their_lowest_filter),
        cmocka_unit_test(the_tightest_of_equals_is_the_first),
        cmocka_unit_test(filters_of_zeros_have_distances),
        cmocka_unit_test(weights_of_any_size_have_distances),
        cmocka_unit_test(every_kernel_gives_the_same_products),
        cmocka_unit_test(small_distances_are_exact),
        cmocka_unit_test(sizes_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
