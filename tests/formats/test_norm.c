/* Batch normalisations are folded into the layer before them. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "check.h"

static network_file network;

/* torchvision's numbering with batch normalisation: 0 1 (2) 3 4 (5 6 pooled) 7 8 (9) 10 11. */
static void normalised_network(const char *dtype, bool affine)
{
    static const int filters[] = {4, 5, 6, 7};
    static const char *const from[] = {"0", "2", "5", "7"}, *const to[] = {"0", "3", "7", "10"};
    static const char *const norms[] = {"features.1", "features.4", "features.8", "features.11"};
    small_network(&network, dtype);
    for (int i = 3; i >= 0; i--)
        for (int bias = 0; bias < 2; bias++) {
            char name[64];
            snprintf(name, sizeof name, "features.%s.%s", from[i], bias ? "bias" : "weight");
            snprintf(network_find(&network, name)->name, 64, "features.%s.%s", to[i], bias ? "bias" : "weight");
        }
    for (int i = 0; i < 4; i++) {
        char name[64];
        network_add_norm(&network, norms[i], dtype, filters[i]);
        for (int bias = 0; !affine && bias < 2; bias++) {
            snprintf(name, sizeof name, "%s.%s", norms[i], bias ? "bias" : "weight");
            network_remove(&network, name);
        }
    }
}

static void is_folded(const lsn_net *net, int layer, const char *norm, bool affine, bool has_bias)
{
    const lsn_net_node *node = lsn_layer_node(net, layer);
    assert_string_equal(net->layers[layer].norm, norm);
    int64_t per_filter = (int64_t)lsn_net_node_terms(node);
    for (int f = 0; f < node->filters; f++) {
        double value = network_value(f), gain = affine ? value : 1, shift = affine ? value : 0;
        double scale = gain / sqrt(fabs(value) + 1e-5), bias = has_bias ? value : 0;
        assert_true(node->bias.values[f] == (float)((bias - value) * scale + shift));
        for (int64_t k = 0; k < per_filter; k++)
            assert_true(node->weights.values[f * per_filter + k] == (float)(network_value(f * per_filter + k) * scale));
    }
}

static void are_folded(bool affine, bool has_bias)
{
    lsn_net *net = loaded(network_write(&network, "normalised.safetensors"));
    assert_int_equal(net->n_layers, 6);
    assert_int_equal(net->n_folded, 4);
    is_folded(net, 0, "features.1", affine, has_bias);
    is_folded(net, 1, "features.4", affine, has_bias);
    is_folded(net, 2, "features.8", affine, has_bias);
    is_folded(net, 3, "features.11", affine, has_bias);
    for (int i = 0; i < 6; i++)
        assert_int_equal(lsn_layer_pooling(net, i) >= 0, i == 1 || i == 3);
    assert_null(net->layers[4].norm);
    assert_string_equal(net->layers[2].weights_tensor, "features.7.weight");
    lsn_net_destroy(net);
}

static void every_type_is_folded(void **state)
{
    (void)state;
    static const char *const types[] = {"F32", "F16", "BF16", "F64"};
    for (int i = 0; i < 4; i++) {
        normalised_network(types[i], true);
        are_folded(true, true);
    }
}

static void gain_and_shift_may_be_missing(void **state)
{
    (void)state;
    normalised_network("F32", false);
    are_folded(false, true);
}

static void biases_may_be_missing(void **state)
{
    (void)state;
    static const char *const names[] = {"features.0.bias", "features.3.bias", "features.7.bias", "features.10.bias"};
    normalised_network("F32", true);
    for (int i = 0; i < 4; i++)
        network_remove(&network, names[i]);
    are_folded(true, false);
}

static void the_count_of_batches_may_be_missing(void **state)
{
    (void)state;
    static const char *const norms[] = {"1", "4", "8", "11"};
    normalised_network("F32", true);
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "features.%s.num_batches_tracked", norms[i]);
        network_remove(&network, name);
    }
    are_folded(true, true);
}

static void some_layers_may_have_none(void **state)
{
    (void)state;
    network_init(&network, "F32", 3, (const int[]){4, 5, -1}, 1, (const int[]){6, 7, -1});
    network_add_norm(&network, "features.3", "F32", 5);
    lsn_net *net = loaded(network_write(&network, "mixed.safetensors"));
    assert_int_equal(net->n_folded, 1);
    assert_null(net->layers[0].norm);
    assert_true(layer_weights(net, 0)[1] == network_value(1));
    is_folded(net, 1, "features.3", true, true);
    lsn_net_destroy(net);
}

/* A network of which the one normalisation, features.1 of 4 filters, is changed before it is refused. */
static void prepare(void)
{
    network_init(&network, "F32", 3, (const int[]){4, -1}, 1, (const int[]){6, 7, -1});
    network_add_norm(&network, "features.1", "F32", 4);
}

static void now_refused(const char *text, const char *also)
{
    refused(network_write(&network, "refused.safetensors"), text, also);
    prepare();
}

static void rename_norm(const char *to)
{
    static const char *const names[] = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"};
    char name[64];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "features.1.%s", names[i]);
        snprintf(network_find(&network, name)->name, 64, "%s.%s", to, names[i]);
    }
}

static void wrong_normalisations_are_named(void **state)
{
    (void)state;
    prepare();
    network_remove(&network, "features.1.running_var");
    now_refused("features.1.running_var is missing", "");
    network_remove(&network, "features.1.running_mean");
    now_refused("features.1.running_mean is missing", "");
    network_remove(&network, "features.1.running_mean");
    network_remove(&network, "features.1.running_var");
    now_refused("features.1.running_mean is missing", "");
    network_remove(&network, "features.1.running_mean");
    network_remove(&network, "features.1.running_var");
    network_remove(&network, "features.1.num_batches_tracked");
    now_refused("features.1.weight", "expected 2 (ReLU between)");
    network_find(&network, "features.1.weight")->shape[0] = 3;
    now_refused("features.1.weight has shape [3]", "expected [4]");
    network_find(&network, "features.1.running_mean")->shape[0] = 5;
    now_refused("features.1.running_mean has shape [5]", "expected [4]");
    network_find(&network, "features.1.running_var")->shape[0] = 1;
    now_refused("features.1.running_var has shape [1]", "expected [4]");
    network_find(&network, "features.1.bias")->shape[0] = 1;
    now_refused("features.1.bias has shape [1]", "expected [4]");
    rename_norm("features.2");
    now_refused("features.2.running_mean", "does not follow a convolution at once");
    rename_norm("classifier.1");
    now_refused("classifier.1.running_mean", "among the fully connected layers");
    rename_norm("bn");
    now_refused("bn.weight", "not of the VGG family");
    network_remove(&network, "features.0.weight");
    network_remove(&network, "features.0.bias");
    now_refused("features.0.weight is missing", "");
}

static void the_first_module_is_a_convolution(void **state)
{
    (void)state;
    prepare();
    network_remove(&network, "features.0.weight");
    network_remove(&network, "features.0.bias");
    rename_norm("features.0");
    now_refused("features.0.weight is missing, or no convolution", "");
}

/* Element 1 of a tensor, put into the file's bytes. */
static void put(unsigned char *file, size_t bytes, const char *name, float value)
{
    size_t after = 0;
    for (network_tensor *tensor = network_find(&network, name); tensor < network.tensors + network.count; tensor++) {
        size_t of;
        free(tensor_bytes(tensor, &of));
        after += of;
    }
    memcpy(file + bytes - after + sizeof value, &value, sizeof value);
}

static void poisoned(const char *name, float value, const char *also, float also_value, const char *text)
{
    prepare();
    size_t bytes;
    unsigned char *file = network_bytes(&network, &bytes);
    put(file, bytes, name, value);
    put(file, bytes, also, also_value);
    refused(scratch_write("poisoned.safetensors", file, bytes), text, "");
    free(file);
}

static void what_does_not_stay_finite_is_refused(void **state)
{
    (void)state;
    static const char weight[] = "features.0.weight", bias[] = "features.0.bias", var[] = "features.1.running_var";
    static const char mean[] = "features.1.running_mean", gain[] = "features.1.weight", shift[] = "features.1.bias";
    poisoned(var, -0.5f, bias, 0, "features.1.running_var[1] is -0.5");
    poisoned(var, -1e-7f, bias, 0, "a variance is not negative");
    poisoned(var, INFINITY, bias, 0, "features.1.running_var[1] is inf");
    poisoned(mean, NAN, bias, 0, "features.1.running_mean[1] is");
    poisoned(gain, INFINITY, bias, 0, "features.1.weight[1] is inf");
    poisoned(shift, -INFINITY, bias, 0, "features.1.bias[1] is -inf");
    poisoned(weight, NAN, bias, 0, "features.0.weight[0][0][0][1] is");
    poisoned(bias, 3e38f, var, 0, "filter 1 is not finite once the batch normalisation of features.1");
    poisoned(gain, 3e38f, var, 0, "filter 1 is not finite once the batch normalisation of features.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_folded),
        cmocka_unit_test(gain_and_shift_may_be_missing),
        cmocka_unit_test(biases_may_be_missing),
        cmocka_unit_test(the_count_of_batches_may_be_missing),
        cmocka_unit_test(some_layers_may_have_none),
        cmocka_unit_test(wrong_normalisations_are_named),
        cmocka_unit_test(the_first_module_is_a_convolution),
        cmocka_unit_test(what_does_not_stay_finite_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
