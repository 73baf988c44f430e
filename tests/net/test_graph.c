/* What follows from a graph, on networks built by hand: consumers, what a mask replaces, cuts, segments, shapes, costs;
 * and what is no network. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <string.h>

#include "net/build.h"

static const lsn_net_window same = {.kernel = {3, 3}, .padding = {1, 1, 1, 1}};
static const lsn_net_window halved = {.kernel = {2, 2}, .stride = {2, 2}};

static lsn_net *begun(int channels)
{
    lsn_net *net = lsn_net_create("built", NULL);
    assert_non_null(net);
    assert_int_equal(lsn_net_add_input(net, channels, NULL), 0);
    return net;
}

static int conv(lsn_net *net, int input, int filters, int channels, const char *name)
{
    const int node = lsn_net_add_conv(net, input, filters, channels, same, NULL);
    assert_true(lsn_net_add_layer(net, node, (lsn_layer_names){.name = name}, NULL));
    return node;
}

static int relu(lsn_net *net, int input)
{
    return lsn_net_add_plain(net, LSN_OP_RELU, input, NULL);
}

static int sum(lsn_net *net, int a, int b)
{
    return lsn_net_add(net, (lsn_net_node){.op = LSN_OP_ADD, .n_inputs = 2, .inputs = (int[]){a, b}}, NULL);
}

/* Adaptive average pooling to 1 x 1 and the logits of three classes. */
static void end(lsn_net *net, int value, int channels)
{
    value = lsn_net_add_plain(net, LSN_OP_FLATTEN, lsn_net_add_average_grid(net, value, 1, 1, NULL), NULL);
    value = lsn_net_add_dense(net, value, 3, channels, NULL);
    lsn_error err = {0};
    assert_true(lsn_net_add_layer(net, value, (lsn_layer_names){.name = "fc"}, &err));
    if (!lsn_net_complete(net, &err))
        fail_msg("%s", err.text);
}

static void has(const int *found, int n_found, const int *expected)
{
    int count = 0;
    while (expected[count] >= 0)
        count++;
    assert_int_equal(n_found, count);
    assert_memory_equal(found, expected, (size_t)count * sizeof *found);
}

static void has_cuts(const lsn_net *net, const int *expected)
{
    has(net->cuts, net->n_cuts, expected);
}

static void has_segments(const lsn_net *net, int count, const int expected[][2])
{
    assert_int_equal(net->n_segments, count);
    for (int s = 0; s < count; s++) {
        assert_int_equal(net->segments[s].first, expected[s][0]);
        assert_int_equal(net->segments[s].last, expected[s][1]);
    }
}

static void is_layer(const lsn_net *net, int layer, int node, int output, int seen, int segment)
{
    assert_int_equal(net->layers[layer].node, node);
    assert_int_equal(net->layers[layer].output, output);
    assert_int_equal(net->layers[layer].seen, seen);
    assert_int_equal(net->layers[layer].segment, segment);
}

/* ---- rows ---------------------------------------------------------------------------------------------------- */

static void in_a_row_every_value_stands_alone(void **state)
{
    (void)state;
    lsn_net *net = begun(1);
    int value = relu(net, conv(net, 0, 2, 1, "a"));              /* 1, 2 */
    value = lsn_net_add_max_pool(net, value, halved, NULL);      /* 3 */
    value = relu(net, conv(net, value, 4, 2, "b"));              /* 4, 5 */
    end(net, lsn_net_add_max_pool(net, value, halved, NULL), 4); /* 6; 7, 8, 9 */
    has_cuts(net, (const int[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -1});
    has_segments(net, 3, (const int[][2]){{1, 3}, {4, 8}, {9, 9}});
    is_layer(net, 0, 1, 2, 3, 0);
    is_layer(net, 1, 4, 5, 8, 1);
    is_layer(net, 2, 9, 9, 9, 2);
    assert_int_equal(lsn_layer_pooling(net, 0), 3);
    assert_int_equal(lsn_layer_pooling(net, 1), 6);
    assert_int_equal(lsn_layer_pooling(net, 2), -1);
    assert_false(net->layers[1].logits);
    assert_true(net->layers[2].logits);
    assert_int_equal(net->classes, 3);
    lsn_net_destroy(net);
}

static void a_flattened_input_belongs_to_the_first_segment(void **state)
{
    (void)state;
    lsn_net *net = begun(0);
    int value = lsn_net_add_dense(net, lsn_net_add_plain(net, LSN_OP_FLATTEN, 0, NULL), 5, 12, NULL);
    assert_true(lsn_net_add_layer(net, value, (lsn_layer_names){.name = "fc1"}, NULL));
    value = lsn_net_add_dense(net, relu(net, value), 3, 5, NULL);
    assert_true(lsn_net_add_layer(net, value, (lsn_layer_names){.name = "fc2"}, NULL));
    assert_true(lsn_net_complete(net, NULL));
    has_segments(net, 2, (const int[][2]){{1, 3}, {4, 4}});
    lsn_net_destroy(net);
}

/* ---- branches ------------------------------------------------------------------------------------------------ */

/* A stem, a block with an identity shortcut, a block with a projection. */
static lsn_net *residual(void)
{
    lsn_net *net = begun(3);
    const int stem = relu(net, conv(net, 0, 8, 3, "conv1"));               /* 1, 2 */
    int value = relu(net, conv(net, stem, 8, 8, "layer1.0.conv1"));        /* 3, 4 */
    value = sum(net, conv(net, value, 8, 8, "layer1.0.conv2"), stem);      /* 5, 6 */
    const int block = relu(net, value);                                    /* 7 */
    value = relu(net, conv(net, block, 16, 8, "layer2.0.conv1"));          /* 8, 9 */
    value = conv(net, value, 16, 16, "layer2.0.conv2");                    /* 10 */
    value = sum(net, value, conv(net, block, 16, 8, "layer2.0.shortcut")); /* 11, 12 */
    end(net, relu(net, value), 16);                                        /* 13; 14, 15, 16 */
    return net;
}

static void blocks_are_segments(void **state)
{
    (void)state;
    lsn_net *net = residual();
    has_cuts(net, (const int[]){0, 1, 2, 6, 7, 12, 13, 14, 15, 16, -1});
    has_segments(net, 4, (const int[][2]){{1, 2}, {3, 7}, {8, 15}, {16, 16}});
    is_layer(net, 0, 1, 2, 2, 0);    /* two nodes read the stem */
    is_layer(net, 1, 3, 4, 4, 1);    /* conv1 of the first block */
    is_layer(net, 2, 5, 5, 5, 1);    /* conv2: the sum reads it, before any activation */
    is_layer(net, 5, 11, 11, 11, 2); /* the projection */
    has(net->nodes[2].consumers, net->nodes[2].n_consumers, (const int[]){3, 6, -1});
    has(net->nodes[7].consumers, net->nodes[7].n_consumers, (const int[]){8, 11, -1});
    lsn_net_destroy(net);
}

static void a_value_that_is_read_before_its_activation_too_is_the_output(void **state)
{
    (void)state;
    lsn_net *net = begun(1);
    const int a = conv(net, 0, 4, 1, "a");            /* 1 */
    const int b = conv(net, relu(net, a), 4, 4, "b"); /* 2, 3 */
    end(net, sum(net, b, a), 4);                      /* 4 */
    is_layer(net, 0, 1, 1, 1, 0);
    has_cuts(net, (const int[]){0, 1, 4, 5, 6, 7, -1});
    lsn_net_destroy(net);
}

static void dense_connections_have_no_cut_between(void **state)
{
    (void)state;
    lsn_net *net = begun(4);
    int values[4] = {0};
    for (int i = 1; i < 4; i++) { /* each convolution reads the sum of all before: 1; 2, 3; 4, 5, 6 */
        int value = values[0];
        for (int k = 1; k < i; k++)
            value = sum(net, value, values[k]);
        values[i] = conv(net, value, 4, 4, i == 1 ? "a" : i == 2 ? "b" : "c");
    }
    end(net, sum(net, values[3], 0), 4); /* 7; 8, 9, 10 */
    has_cuts(net, (const int[]){0, 7, 8, 9, 10, -1});
    has_segments(net, 2, (const int[][2]){{1, 9}, {10, 10}});
    for (int l = 0; l < 3; l++)
        assert_int_equal(net->layers[l].segment, 0);
    lsn_net_destroy(net);
}

static void a_repeated_input_is_one_consumer(void **state)
{
    (void)state;
    lsn_net *net = begun(2);
    const int a = conv(net, 0, 2, 2, "a");
    end(net, sum(net, a, a), 2);
    has(net->nodes[a].consumers, net->nodes[a].n_consumers, (const int[]){2, -1});
    assert_int_equal(net->nodes[2].n_inputs, 2);
    lsn_net_destroy(net);
}

/* The definition, by counting who is read later, on random graphs. */
static void cuts_are_where_one_value_is_alive(void **state)
{
    (void)state;
    lsn_random random;
    lsn_random_init(&random, 1, 0);
    for (int trial = 0; trial < 300; trial++) {
        lsn_net *net = begun(2);
        const int convs = 1 + (int)lsn_random_below(&random, 8);
        int value = 0, last_alone = 0;
        for (int i = 0; i < convs; i++) {
            char name[8] = {'c', (char)('a' + i), '\0'};
            const int before = last_alone + (int)lsn_random_below(&random, (uint64_t)(value - last_alone + 1));
            value = conv(net, value, 2, 2, name);
            if (lsn_random_below(&random, 2) == 0)
                value = sum(net, value, before);
            if (lsn_random_below(&random, 3) == 0)
                last_alone = value;
        }
        end(net, value, 2);
        int n_cuts = 0;
        for (int i = 0; i < net->n_nodes; i++) {
            int alive = 0;
            for (int k = 0; k <= i; k++)
                for (int c = 0; c < net->nodes[k].n_consumers; c++)
                    if (net->nodes[k].consumers[c] > i) {
                        alive++;
                        break;
                    }
            if (alive <= 1 && (i == net->n_nodes - 1 || net->nodes[i].n_consumers > 0) &&
                (alive == 0 || net->nodes[i].consumers[net->nodes[i].n_consumers - 1] > i))
                assert_int_equal(net->cuts[n_cuts++], i);
        }
        assert_int_equal(net->n_cuts, n_cuts);
        int next = 1;
        for (int s = 0; s < net->n_segments; s++) {
            assert_int_equal(net->segments[s].first, next);
            assert_true(net->segments[s].last >= next);
            next = net->segments[s].last + 1;
        }
        assert_int_equal(next, net->n_nodes);
        lsn_net_destroy(net);
    }
}

/* ---- names --------------------------------------------------------------------------------------------------- */

static void two_names_find_a_layer(void **state)
{
    (void)state;
    lsn_net *net = begun(1);
    static const char *const names[][2] = {{"conv1", "features.0"}, {"conv2", "conv1"}};
    int value = 0;
    for (int i = 0; i < 2; i++) {
        value = lsn_net_add_conv(net, value, 1, 1, same, NULL);
        assert_true(lsn_net_add_layer(net, value, (lsn_layer_names){.name = names[i][0], .alias = names[i][1]}, NULL));
    }
    end(net, value, 1);
    assert_int_equal(lsn_net_find(net, "conv1"), 0);
    assert_int_equal(lsn_net_find(net, "features.0"), 0);
    assert_int_equal(lsn_net_find(net, "conv2"), 1);
    assert_null(net->layers[1].alias); /* the stored name of another one */
    assert_int_equal(lsn_net_find(net, "features.1"), -1);
    lsn_net_destroy(net);
}

static void names_may_be_long(void **state)
{
    (void)state;
    char name[5000];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    lsn_net *net = begun(1);
    end(net, conv(net, 0, 1, 1, name), 1);
    assert_string_equal(net->layers[0].name, name);
    assert_int_equal(lsn_net_find(net, name), 0);
    lsn_net_destroy(net);
}

/* ---- shapes and costs ---------------------------------------------------------------------------------------- */

static void windows_give_what_pytorch_gives(void **state)
{
    (void)state;
    static const struct {
        lsn_net_window window;
        int h, w;
    } cases[] = {
        {{.kernel = {7, 7}, .stride = {2, 2}, .padding = {3, 3, 3, 3}}, 10, 12},
        {{.kernel = {1, 1}}, 19, 23},
        {{.kernel = {3, 5}, .stride = {1, 3}, .padding = {1, 0, 2, 1}}, 20, 7},
        {{.kernel = {3, 3}, .dilation = {2, 3}}, 15, 17},
        {{.kernel = {19, 23}}, 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lsn_net *net = begun(4);
        const int node = lsn_net_add_conv(net, 0, 6, 4, cases[i].window, NULL);
        assert_true(lsn_net_add_layer(net, node, (lsn_layer_names){.name = "a"}, NULL));
        end(net, node, 6);
        assert_true(lsn_net_set_input(net, 19, 23, 4, NULL));
        assert_int_equal(net->nodes[node].shape.channels, 6);
        assert_int_equal(net->nodes[node].shape.h, cases[i].h);
        assert_int_equal(net->nodes[node].shape.w, cases[i].w);
        const int *kernel = net->nodes[node].window.kernel;
        assert_true(lsn_net_node_madds(&net->nodes[node]) == 24.0 * kernel[0] * kernel[1] * cases[i].h * cases[i].w);
        lsn_net_destroy(net);
    }
}

static void groups_share_the_weights(void **state)
{
    (void)state;
    lsn_net *net = begun(8);
    const int node = lsn_net_add(net,
                                 (lsn_net_node){.op = LSN_OP_CONV,
                                                .n_inputs = 1,
                                                .inputs = (int[]){0},
                                                .filters = 16,
                                                .channels = 8,
                                                .groups = 4,
                                                .window = {{3, 3}, {1, 1}, {1, 1}, {0}}},
                                 NULL);
    assert_true(lsn_net_add_layer(net, node, (lsn_layer_names){.name = "a"}, NULL));
    end(net, node, 16);
    assert_int_equal(net->nodes[node].weights.count, 16 * 2 * 9);
    assert_int_equal(lsn_net_node_terms(&net->nodes[node]), 18);
    assert_int_equal(lsn_net_node_parameters(&net->nodes[node]), 16 * 18 + 16);
    lsn_net_destroy(net);
}

static void input_is_refused(lsn_net *net, int h, int w, int channels, const char *text)
{
    lsn_error err = {0};
    assert_false(lsn_net_set_input(net, h, w, channels, &err));
    assert_int_equal(err.code, LSN_INVALID);
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" instead of \"%s\"", err.text, text);
}

static void what_does_not_fit_is_named(void **state)
{
    (void)state;
    lsn_net *net = begun(3); /* maps that are added have one shape */
    const int a = conv(net, 0, 4, 3, "a");
    end(net, sum(net, a, lsn_net_add_max_pool(net, a, halved, NULL)), 4);
    input_is_refused(net, 8, 8, 3, "node 3 (Add) cannot take the maps that it gets from a");
    lsn_net_destroy(net);
    net = begun(3); /* channels */
    end(net, conv(net, 0, 4, 5, "a"), 4);
    input_is_refused(net, 8, 8, 3, "node 1 (Conv)");
    lsn_net_destroy(net);
    net = begun(3); /* a classifier without adaptive pooling */
    int value = lsn_net_add_plain(net, LSN_OP_FLATTEN, conv(net, 0, 4, 3, "a"), NULL);
    value = lsn_net_add_dense(net, value, 2, 4 * 64, NULL);
    assert_true(lsn_net_add_layer(net, value, (lsn_layer_names){.name = "fc"}, NULL) && lsn_net_complete(net, NULL));
    assert_true(lsn_net_set_input(net, 8, 8, 3, NULL));
    input_is_refused(net, 8, 9, 3, "fc takes 256 values, which images of 8 x 9 do not give it");
    input_is_refused(net, INT_MAX, INT_MAX, 3, "fc takes 256 values");
    assert_int_equal(net->nodes[0].shape.w, 8); /* as it was */
    lsn_net_destroy(net);
    net = begun(1); /* a large kernel needs a large image */
    value = lsn_net_add_conv(net, 0, 2, 1, (lsn_net_window){.kernel = {9, 9}, .stride = {4, 4}}, NULL);
    assert_true(lsn_net_add_layer(net, value, (lsn_layer_names){.name = "wide"}, NULL));
    end(net, lsn_net_add_max_pool(net, value, halved, NULL), 2);
    input_is_refused(net, 12, 40, 1, "the map is empty after wide; at least 13 x 13");
    assert_true(lsn_net_set_input(net, 13, 13, 1, NULL));
    lsn_net_destroy(net);
}

/* ---- what is no network -------------------------------------------------------------------------------------- */

static void node_is_refused(lsn_net_node node, const char *text)
{
    lsn_error err = {0};
    lsn_net *net = begun(3);
    assert_int_equal(lsn_net_add(net, node, &err), -1);
    assert_int_equal(err.code, LSN_INVALID);
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" instead of \"%s\"", err.text, text);
    assert_int_equal(net->n_nodes, 1);
    lsn_net_destroy(net);
}

static void impossible_nodes_are_refused(void **state)
{
    (void)state;
    const lsn_net_node conv = {.op = LSN_OP_CONV,
                               .n_inputs = 1,
                               .inputs = (int[]){0},
                               .filters = 4,
                               .channels = 2,
                               .groups = 1,
                               .window = {{3, 3}, {1, 1}, {1, 1}, {0}}};
    lsn_net_node node = conv;
    node.op = LSN_N_OPERATORS;
    node_is_refused(node, "no operator");
    node = conv;
    node.n_inputs = 2;
    node_is_refused(node, "inputs");
    node = conv;
    node.inputs = (int[]){1}; /* itself */
    node_is_refused(node, "no node before it");
    node.inputs = (int[]){-1};
    node_is_refused(node, "no node before it");
    node_is_refused((lsn_net_node){.op = LSN_OP_INPUT}, "inputs");
    node_is_refused((lsn_net_node){.op = LSN_OP_ADD, .n_inputs = 1, .inputs = (int[]){0}}, "inputs");
    int *const sizes[] = {&node.filters,          &node.channels,         &node.groups,
                          &node.window.kernel[1], &node.window.stride[0], &node.window.dilation[1]};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int size = -1; size < 1; size++) {
            node = conv;
            *sizes[i] = size;
            node_is_refused(node, "a size that it cannot have");
        }
    node = conv;
    node.groups = 3;
    node_is_refused(node, "a size");
    node = conv;
    node.window.padding[2] = -1;
    node_is_refused(node, "a size");
    node = conv;
    node.filters = node.channels = INT_MAX;
    node.window.kernel[0] = node.window.kernel[1] = 1 << 20;
    node_is_refused(node, "a size");
    node_is_refused((lsn_net_node){.op = LSN_OP_AVERAGE_GRID, .n_inputs = 1, .inputs = (int[]){0}, .grid = {0, 1}},
                    "a size");
}

static void impossible_layers_are_refused(void **state)
{
    (void)state;
    lsn_error err = {0};
    lsn_net *net = begun(1);
    assert_false(lsn_net_complete(net, &err));
    assert_non_null(strstr(err.text, "no layer"));
    const int a = conv(net, 0, 1, 1, "a"), b = lsn_net_add_conv(net, relu(net, a), 1, 1, same, NULL);
    assert_false(lsn_net_add_layer(net, b, (lsn_layer_names){.name = "a"}, &err));
    assert_non_null(strstr(err.text, "two layers are called a"));
    static const int nodes[] = {-1, 0, 1, 2, 4};
    for (int i = 0; i < 5; i++) {
        assert_false(lsn_net_add_layer(net, nodes[i], (lsn_layer_names){.name = "b"}, &err));
        assert_non_null(strstr(err.text, "cannot be the layer \"b\""));
    }
    assert_false(lsn_net_add_layer(net, b, (lsn_layer_names){.name = ""}, &err));
    lsn_net_add_plain(net, LSN_OP_RELU, a, NULL); /* b is read by none */
    assert_false(lsn_net_complete(net, &err));
    assert_non_null(strstr(err.text, "no node reads node 3 (Conv)"));
    lsn_net_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_row_every_value_stands_alone),
        cmocka_unit_test(a_flattened_input_belongs_to_the_first_segment),
        cmocka_unit_test(blocks_are_segments),
        cmocka_unit_test(a_value_that_is_read_before_its_activation_too_is_the_output),
        cmocka_unit_test(dense_connections_have_no_cut_between),
        cmocka_unit_test(a_repeated_input_is_one_consumer),
        cmocka_unit_test(cuts_are_where_one_value_is_alive),
        cmocka_unit_test(two_names_find_a_layer),
        cmocka_unit_test(names_may_be_long),
        cmocka_unit_test(windows_give_what_pytorch_gives),
        cmocka_unit_test(groups_share_the_weights),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(impossible_nodes_are_refused),
        cmocka_unit_test(impossible_layers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
