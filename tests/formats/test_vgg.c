#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check.h"

static network_file network;

/* The network as it now is must be refused. */
static void now_refused(const char *text, const char *also)
{
    refused(network_write(&network, "network.safetensors"), text, also);
}

static void five_blocks_bear_vgg_names(void **state)
{
    (void)state;
    network_init(&network, "F32", 3, (const int[]){2, 3, 0, 4, 0, 5, 6, 7, 0, 8, 0, 9, 1, 0, -1}, 1,
                 (const int[]){11, 12, 13, -1});
    static const struct {
        const char *name;
        int channels, filters;
        bool pool;
    } expected[] = {
        {"conv1_1", 3, 2, false}, {"conv1_2", 2, 3, true}, {"conv2_1", 3, 4, true}, {"conv3_1", 4, 5, false},
        {"conv3_2", 5, 6, false}, {"conv3_3", 6, 7, true}, {"conv4_1", 7, 8, true}, {"conv5_1", 8, 9, false},
        {"conv5_2", 9, 1, true},  {"fc6", 1, 11, false},   {"fc7", 11, 12, false},  {"fc8", 12, 13, false},
    };
    lsn_net *net = loaded(network_write(&network, "five.safetensors"));
    assert_int_equal(net->n_layers, 12);
    assert_int_equal(count_convolutions(net), 9);
    assert_int_equal(net->nodes[0].channels, 3);
    assert_int_equal(net->classes, 13);
    assert_int_equal(average_grid(net)->grid[0], 1);
    for (int i = 0; i < 12; i++) {
        const lsn_layer *layer = &net->layers[i];
        assert_string_equal(layer->name, expected[i].name);
        assert_int_equal(lsn_layer_node(net, i)->channels, expected[i].channels);
        assert_int_equal(layer->filters, expected[i].filters);
        assert_int_equal(lsn_layer_pooling(net, i) >= 0, expected[i].pool);
        assert_int_equal(layer->kind, i < 9 ? LSN_CONVOLUTION : LSN_CONNECTED);
        assert_int_equal(lsn_layer_node(net, i)->window.kernel[0], i < 9 ? 3 : 1);
        assert_int_equal(layer->logits, i == 11);
    }
    lsn_net_destroy(net);
}

static void other_networks_are_numbered(void **state)
{
    (void)state;
    small_network(&network, "F32");
    static const char *const names[] = {"conv1", "conv2", "conv3", "conv4", "fc1", "fc2"};
    lsn_net *net = loaded(network_write(&network, "small.safetensors"));
    assert_int_equal(net->n_layers, 6);
    assert_int_equal(average_grid(net)->grid[0], 2);
    for (int i = 0; i < 6; i++) {
        assert_string_equal(net->layers[i].name, names[i]);
        assert_int_equal(lsn_layer_pooling(net, i) >= 0, i == 1 || i == 3);
    }
    assert_string_equal(net->layers[2].weights_tensor, "features.5.weight");
    assert_string_equal(net->layers[5].bias_tensor, "classifier.3.bias");
    lsn_net_destroy(net);
}

static void the_smallest_network_loads(void **state)
{
    (void)state;
    network_init(&network, "F32", 1, (const int[]){1, -1}, 7, (const int[]){1, -1});
    lsn_net *net = loaded(network_write(&network, "tiny.safetensors"));
    assert_int_equal(net->n_layers, 2);
    assert_int_equal(average_grid(net)->grid[0], 7);
    assert_true(net->layers[1].logits);
    lsn_net_destroy(net);
}

static void tensors_may_stand_in_any_order(void **state)
{
    (void)state;
    small_network(&network, "F32");
    for (int i = 0; i < network.count / 2; i++) {
        network_tensor tensor = network.tensors[i];
        network.tensors[i] = network.tensors[network.count - 1 - i];
        network.tensors[network.count - 1 - i] = tensor;
    }
    lsn_net *net = loaded(network_write(&network, "reversed.safetensors"));
    assert_string_equal(net->layers[0].weights_tensor, "features.0.weight");
    assert_int_equal(net->layers[4].filters, 9);
    lsn_net_destroy(net);
}

static void classifier_numbers_need_only_ascend(void **state)
{
    (void)state;
    small_network(&network, "F32");
    strcpy(network_find(&network, "classifier.0.weight")->name, "classifier.1.weight");
    strcpy(network_find(&network, "classifier.0.bias")->name, "classifier.1.bias");
    strcpy(network_find(&network, "classifier.3.weight")->name, "classifier.10.weight");
    strcpy(network_find(&network, "classifier.3.bias")->name, "classifier.10.bias");
    lsn_net *net = loaded(network_write(&network, "ascending.safetensors"));
    assert_string_equal(net->layers[5].weights_tensor, "classifier.10.weight");
    lsn_net_destroy(net);
}

static void tensors_of_no_such_network_are_named(void **state)
{
    (void)state;
    static const char *const names[] = {
        "conv1.weight",
        "features.0.alpha",
        "features.weight",
        "features.00.weight",
        "features.01.weight",
        "features.x.weight",
        "features.0weight",
        "features.99999.weight",
        "features.-1.weight",
        "classifier.0.weights",
        "module.features.0.weight",
        "features.2.weight.more",
        "classifier.weight",
        "classifier.x.weight",
        "head.fc.weight",
        "features.0.0.weight",
        "weight",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        small_network(&network, "F32");
        network_add(&network, names[i], "F32", 1, (int64_t[]){4});
        now_refused(names[i], "not of the VGG family");
    }
}

static void missing_tensors_are_named(void **state)
{
    (void)state;
    static const char *const names[] = {"features.5.weight", "classifier.3.weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        small_network(&network, "F32");
        network_remove(&network, names[i]);
        now_refused(names[i], "is missing");
    }
    small_network(&network, "F32");
    network_remove(&network, "features.0.weight");
    network_remove(&network, "features.0.bias");
    now_refused("features.0.weight", "is missing");
    small_network(&network, "F32");
    network.count = 8;
    now_refused("no tensor classifier.N.weight", "");
    small_network(&network, "F32");
    memmove(network.tensors, network.tensors + 8, 4 * sizeof *network.tensors);
    network.count = 4;
    lsn_net_destroy(loaded(network_write(&network, "chain.safetensors"))); /* the classifier alone is a chain */
    network.count = 0;
    now_refused("has no tensors", "");
}

static void other_types_are_refused(void **state)
{
    (void)state;
    static const char *const types[] = {"I64", "I32", "I16", "U16"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        small_network(&network, "F32");
        strcpy(network_find(&network, "features.2.weight")->dtype, types[i]);
        now_refused("tensor features.2.weight is of type", types[i]);
    }
}

static void reshape(const char *name, int rank, int64_t a, int64_t b, int64_t c, int64_t d)
{
    small_network(&network, "F32");
    network_tensor *tensor = network_find(&network, name);
    tensor->rank = rank;
    memcpy(tensor->shape, (int64_t[]){a, b, c, d}, sizeof tensor->shape);
}

static void wrong_shapes_are_named(void **state)
{
    (void)state;
    reshape("features.2.weight", 2, 5, 4, 0, 0);
    now_refused("features.2.weight has shape [5, 4]", "expected [filters, channels, 3, 3]");
    reshape("features.2.weight", 0, 0, 0, 0, 0);
    now_refused("features.2.weight has shape []", "expected");
    reshape("features.2.weight", 4, 5, 4, 5, 5);
    now_refused("features.2.weight has shape [5, 4, 5, 5]", "3 x 3");
    reshape("features.2.weight", 4, 5, 4, 3, 1);
    now_refused("features.2.weight has shape [5, 4, 3, 1]", "3 x 3");
    reshape("features.2.weight", 4, 5, 3, 3, 3);
    now_refused("features.2.weight takes 3 channels", "features.0.weight gives 4");
    reshape("features.5.weight", 4, 0, 5, 3, 3);
    now_refused("features.5.weight has shape [0, 5, 3, 3]", "from 1");
    reshape("features.0.weight", 4, 4, 0, 3, 3);
    now_refused("features.0.weight has shape [4, 0, 3, 3]", "from 1");
    reshape("features.0.bias", 1, 3, 0, 0, 0);
    now_refused("features.0.bias has shape [3]", "expected [4]");
    reshape("features.0.bias", 2, 4, 1, 0, 0);
    now_refused("features.0.bias has shape [4, 1]", "expected [4]");
    reshape("features.0.bias", 0, 0, 0, 0, 0);
    now_refused("features.0.bias has shape []", "expected [4]");
    reshape("features.0.weight", 4, (int64_t)1 << 40, 0, 3, 3);
    now_refused("features.0.weight has shape [1099511627776, 0, 3, 3]", "from 1");
}

static void wrong_classifiers_are_named(void **state)
{
    (void)state;
    reshape("classifier.0.weight", 4, 9, 28, 1, 1);
    now_refused("classifier.0.weight has shape [9, 28, 1, 1]", "fully connected");
    reshape("classifier.0.weight", 2, 9, 27, 0, 0);
    now_refused("classifier.0.weight takes 27 inputs", "7 channels");
    reshape("classifier.0.weight", 2, 9, 14, 0, 0);
    now_refused("classifier.0.weight takes 14 inputs", "for any grid");
    reshape("classifier.0.weight", 2, 9, 3, 0, 0);
    now_refused("classifier.0.weight takes 3 inputs", "for any grid");
    reshape("classifier.3.weight", 2, 10, 8, 0, 0);
    now_refused("classifier.3.weight takes 8 inputs", "classifier.0.weight gives 9");
    reshape("classifier.3.bias", 1, 9, 0, 0, 0);
    now_refused("classifier.3.bias has shape [9]", "expected [10]");
}

static void renumber(int from, int to)
{
    static const char *const ends[] = {"weight", "bias"};
    char name[64];
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "features.%d.%s", from, ends[i]);
        network_tensor *tensor = network_find(&network, name);
        snprintf(tensor->name, sizeof tensor->name, "features.%d.%s", to, ends[i]);
    }
}

static void odd_gaps_are_refused(void **state)
{
    (void)state;
    small_network(&network, "F32");
    renumber(7, 6);
    now_refused("features.6 follows features.5", "expected 7 (ReLU between) or 8");
    small_network(&network, "F32");
    renumber(7, 9);
    now_refused("features.9 follows features.5", "expected 7 (ReLU between) or 8");
    small_network(&network, "F32");
    renumber(0, 1);
    now_refused("features.0.weight is missing", "features.1");
}

static void the_number_of_layers_is_bounded(void **state)
{
    (void)state;
    enum { MOST = 4096 };
    static int plan[MOST + 2];
    for (int i = 0; i < MOST; i++)
        plan[i] = 1;
    plan[MOST - 1] = -1;
    network_init(&network, "F16", 1, plan, 1, (const int[]){2, -1});
    lsn_net *net = loaded(network_write(&network, "deep.safetensors"));
    assert_int_equal(net->n_layers, MOST);
    assert_string_equal(net->layers[MOST - 2].name, "conv4095");
    assert_true(lsn_net_set_input(net, 2, 2, 1, NULL));
    lsn_net_destroy(net);
    network_init(&network, "F16", 1, plan, 1, (const int[]){2, 2, -1});
    now_refused("more than 4096 layers", "");
    plan[MOST - 1] = plan[MOST] = 1;
    plan[MOST + 1] = -1;
    network_init(&network, "F16", 1, plan, 1, (const int[]){2, -1});
    now_refused("more than 4096 layers", "");
}

static void a_long_first_block_keeps_its_names(void **state)
{
    (void)state;
    int plan[270], at = 0;
    for (int i = 0; i < 251; i++)
        plan[at++] = 1;
    for (int block = 2; block <= 5; block++) {
        plan[at++] = 0;
        plan[at++] = 1;
    }
    plan[at] = -1;
    network_init(&network, "F16", 1, plan, 1, (const int[]){2, -1});
    lsn_net *net = loaded(network_write(&network, "long.safetensors"));
    assert_string_equal(net->layers[250].name, "conv1_251");
    assert_string_equal(net->layers[254].name, "conv5_1");
    assert_string_equal(net->layers[255].name, "fc6");
    lsn_net_destroy(net);
}

/* ---- names and parts of other writers ------------------------------------------------------------------------ */

static void one_layer_may_be_called_classifier(void **state)
{
    (void)state;
    network_init(&network, "F32", 3, (const int[]){4, 0, 5, -1}, 1, (const int[]){10, -1});
    strcpy(network_find(&network, "classifier.0.weight")->name, "classifier.weight");
    strcpy(network_find(&network, "classifier.0.bias")->name, "classifier.bias");
    lsn_net *net = loaded(network_write(&network, "bare.safetensors"));
    assert_int_equal(net->n_layers, 3);
    assert_int_equal(average_grid(net)->grid[0], 1);
    assert_string_equal(net->layers[2].weights_tensor, "classifier.weight");
    assert_false(average_grid(net)->no_larger);
    lsn_net_destroy(net);
}

static void missing_biases_are_zeros(void **state)
{
    (void)state;
    small_network(&network, "F16");
    network_remove(&network, "features.2.bias");
    network_remove(&network, "classifier.3.bias");
    lsn_net *net = loaded(network_write(&network, "unbiased.safetensors"));
    assert_null(net->layers[1].bias_tensor);
    assert_null(net->layers[5].bias_tensor);
    for (int f = 0; f < 5; f++)
        assert_true(layer_bias(net, 1)[f] == 0);
    for (int f = 0; f < 10; f++)
        assert_true(layer_bias(net, 5)[f] == 0);
    assert_true(layer_bias(net, 0)[3] == network_value(3));
    lsn_net_destroy(net);
}

static void timm_network(void)
{
    network_init(&network, "F32", 3, (const int[]){4, 0, 5, -1}, 1, (const int[]){-1});
    network_add(&network, "pre_logits.fc1.weight", "F32", 4, (int64_t[]){9, 5, 3, 3});
    network_add(&network, "pre_logits.fc1.bias", "F32", 1, (int64_t[]){9});
    network_add(&network, "pre_logits.fc2.weight", "F32", 4, (int64_t[]){8, 9, 1, 1});
    network_add(&network, "pre_logits.fc2.bias", "F32", 1, (int64_t[]){8});
    network_add(&network, "head.fc.weight", "F32", 2, (int64_t[]){7, 8});
    network_add(&network, "head.fc.bias", "F32", 1, (int64_t[]){7});
}

static void timms_head_is_fully_connected(void **state)
{
    (void)state;
    timm_network();
    lsn_net *net = loaded(network_write(&network, "timm.safetensors"));
    static const struct {
        const char *tensor;
        int filters, channels;
    } expected[] = {{"pre_logits.fc1.weight", 9, 45}, {"pre_logits.fc2.weight", 8, 9}, {"head.fc.weight", 7, 8}};
    assert_int_equal(net->n_layers, 5);
    assert_int_equal(average_grid(net)->grid[0], 3);
    assert_true(average_grid(net)->no_larger);
    for (int i = 0; i < 3; i++) {
        const lsn_layer *layer = &net->layers[2 + i];
        const lsn_net_node *node = lsn_layer_node(net, 2 + i);
        assert_int_equal(layer->kind, LSN_CONNECTED);
        assert_int_equal(layer->filters, expected[i].filters);
        assert_int_equal(node->channels, expected[i].channels);
        assert_string_equal(layer->weights_tensor, expected[i].tensor);
        for (int64_t k = 0; k < node->filters * node->channels; k++)
            assert_true(node->weights.values[k] == network_value(k));
    }
    lsn_net_destroy(net);
}

/* Two poolings and a kernel of 3 x 3: up to 15 x 15 pixels give a map that torchvision's pooling would not change. */
static void timms_head_takes_no_larger_map(void **state)
{
    (void)state;
    timm_network();
    lsn_net *net = loaded(network_write(&network, "timm.safetensors"));
    lsn_error err = {0};
    assert_true(lsn_net_set_input(net, 12, 12, 3, NULL));
    assert_true(lsn_net_set_input(net, 15, 15, 3, NULL));
    assert_true(lsn_net_set_input(net, 4, 12, 3, NULL));
    assert_false(lsn_net_set_input(net, 16, 15, 3, &err));
    assert_int_equal(err.code, LSN_INVALID);
    assert_non_null(strstr(err.text, "at most 15 x 15 pixels"));
    assert_false(lsn_net_set_input(net, 4, 16, 3, NULL));
    assert_int_equal(net->nodes[0].shape.w, 12);
    lsn_net_destroy(net);
}

static void timm_refused(const char *name, int rank, int64_t a, int64_t b, int64_t c, int64_t d, const char *text)
{
    timm_network();
    network_tensor *tensor = network_find(&network, name);
    tensor->rank = rank;
    memcpy(tensor->shape, (int64_t[]){a, b, c, d}, sizeof tensor->shape);
    now_refused(name, text);
}

static void other_heads_are_refused(void **state)
{
    (void)state;
    timm_refused("pre_logits.fc1.weight", 2, 9, 45, 0, 0, "[outputs, channels of the last convolution, grid, grid]");
    timm_refused("pre_logits.fc1.weight", 4, 9, 6, 3, 3, "[outputs, channels of the last convolution, grid, grid]");
    timm_refused("pre_logits.fc1.weight", 4, 9, 5, 3, 2, "[outputs, channels of the last convolution, grid, grid]");
    timm_refused("pre_logits.fc1.weight", 4, 9, 5, 0, 0, "from 1");
    timm_refused("pre_logits.fc2.weight", 4, 8, 9, 3, 3, "[outputs, inputs, 1, 1]");
    timm_refused("pre_logits.fc2.weight", 4, 8, 10, 1, 1, "takes 10 inputs");
    timm_refused("head.fc.weight", 4, 7, 8, 1, 1, "[outputs, inputs]");
    timm_network();
    network_remove(&network, "head.fc.weight");
    network_remove(&network, "head.fc.bias");
    now_refused("head.fc.weight", "some are missing");
    timm_network();
    network_add(&network, "classifier.0.weight", "F32", 2, (int64_t[]){7, 7});
    now_refused("not of the VGG family", "");
}

static void other_families_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } others[] = {
        {"layer1.0.downsample.0.weight", "a residual addition"}, {"features.3.shortcut.weight", "a residual addition"},
        {"layer1.0.conv1.weight", "a residual network's block"}, {"blocks.0.attn.qkv.weight", "an attention layer"},
        {"features.denseblock1.weight", "densely connected"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        small_network(&network, "F32");
        network_add(&network, others[i].name, "F32", 4, (int64_t[]){2, 2, 3, 3});
        now_refused(others[i].name, others[i].text);
    }
    reshape("features.2.weight", 4, 5, 2, 3, 3);
    now_refused("features.2.weight takes 2 channels", "grouped convolutions are not read");
    reshape("features.2.weight", 4, 5, 1, 3, 3);
    now_refused("features.2.weight takes 1 channels", "grouped convolutions are not read");
    reshape("features.0.weight", 4, 4, 3, 7, 7);
    now_refused("features.0.weight has shape [4, 3, 7, 7]", "3 x 3");
    reshape("features.0.weight", 4, 4, 3, 1, 1);
    now_refused("features.0.weight has shape [4, 3, 1, 1]", "3 x 3");
    reshape("features.0.weight", 3, 4, 3, 3, 0);
    now_refused("features.0.weight has shape [4, 3, 3]", "expected [filters, channels, 3, 3]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_blocks_bear_vgg_names),
        cmocka_unit_test(other_networks_are_numbered),
        cmocka_unit_test(the_smallest_network_loads),
        cmocka_unit_test(tensors_may_stand_in_any_order),
        cmocka_unit_test(classifier_numbers_need_only_ascend),
        cmocka_unit_test(tensors_of_no_such_network_are_named),
        cmocka_unit_test(missing_tensors_are_named),
        cmocka_unit_test(other_types_are_refused),
        cmocka_unit_test(wrong_shapes_are_named),
        cmocka_unit_test(wrong_classifiers_are_named),
        cmocka_unit_test(odd_gaps_are_refused),
        cmocka_unit_test(the_number_of_layers_is_bounded),
        cmocka_unit_test(one_layer_may_be_called_classifier),
        cmocka_unit_test(missing_biases_are_zeros),
        cmocka_unit_test(timms_head_is_fully_connected),
        cmocka_unit_test(timms_head_takes_no_larger_map),
        cmocka_unit_test(other_heads_are_refused),
        cmocka_unit_test(other_families_are_refused),
        cmocka_unit_test(a_long_first_block_keeps_its_names),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
