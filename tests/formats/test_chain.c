/* Chains of fully connected layers: their order, their normalisations, and images of any shape. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "check.h"
#include "torch_file.h"

static network_file network;
static const char *const plain[] = {NULL};

static void add(const char *path, int outputs, int inputs)
{
    char name[64];
    snprintf(name, sizeof name, "%s%sweight", path, path[0] == '\0' ? "" : ".");
    network_add(&network, name, "F32", 2, (int64_t[]){outputs, inputs});
    snprintf(name, sizeof name, "%s%sbias", path, path[0] == '\0' ? "" : ".");
    network_add(&network, name, "F32", 1, (int64_t[]){outputs});
}

/* The layers' tensors must be those of `paths`, in this order. */
static void is_chain(const char *file, const char *const paths[], int count)
{
    static const char *const names[] = {"fc1", "fc2", "fc3", "fc4", "fc5"};
    lsn_net *net = loaded(file);
    assert_int_equal(net->n_layers, count);
    assert_int_equal(count_convolutions(net), 0);
    assert_null(average_grid(net));
    assert_int_equal(net->nodes[0].channels, 0);
    for (int i = 0; i < count; i++) {
        const lsn_layer *layer = &net->layers[i];
        assert_string_equal(layer->name, names[i]);
        assert_int_equal(layer->kind, LSN_CONNECTED);
        assert_int_equal(layer->logits, i == count - 1);
        assert_int_equal(lsn_layer_pooling(net, i), -1);
        assert_memory_equal(layer->weights_tensor, paths[i], strlen(paths[i]));
        assert_string_equal(layer->weights_tensor + strlen(paths[i]), ".weight");
    }
    assert_int_equal(net->classes, net->layers[count - 1].filters);
    lsn_net_destroy(net);
}

/* Three layers 12 - 8 - 8 - 5 of these paths, which stand in the file in this order. */
static void three(const char *a, const char *b, const char *c)
{
    network.count = network.shift = 0;
    add(a, 8, 12);
    add(b, 8, 8);
    add(c, 5, 8);
}

static void numbered_modules_are_in_order(void **state)
{
    (void)state;
    static const char *const paths[][3] = {{"fc1", "fc2", "fc3"},
                                           {"0", "2", "4"},
                                           {"layers.0", "layers.3", "layers.10"},
                                           {"layers.0.fc", "layers.1.fc", "layers.2.fc"},
                                           {"fc9", "fc10", "out"},
                                           {"classifier.0", "classifier.3", "classifier.6"},
                                           {"a.1", "a.2", "b"}};
    for (int i = 0; i < 7; i++) {
        const char *const *p = paths[i];
        three(p[0], p[1], p[2]);
        is_chain(network_write(&network, "three.safetensors"), p, 3);
        is_chain(network_write_checkpoint(&network, plain, "", "three.pth"), p, 3);
    }
}

static void the_headers_order_says_nothing(void **state)
{
    (void)state;
    network.count = 0;
    add("fc3", 5, 8);
    add("fc1", 8, 12);
    add("fc2", 8, 8);
    is_chain(network_write(&network, "shuffled.safetensors"), (const char *const[]){"fc1", "fc2", "fc3"}, 3);
    is_chain(network_write_checkpoint(&network, plain, "", "shuffled.pth"), (const char *const[]){"fc1", "fc2", "fc3"},
             3);
}

static void a_checkpoints_order_is_that_of_the_modules(void **state)
{
    (void)state;
    network.count = 0;
    add("input", 8, 12);
    add("second", 8, 8);
    add("first", 8, 8);
    add("output", 5, 8);
    is_chain(network_write_checkpoint(&network, plain, "", "words.pth"),
             (const char *const[]){"input", "second", "first", "output"}, 4);
    refused(network_write(&network, "words.safetensors"), "takes", "order of the numbers");
    network.count = 0;
    add("fc2", 8, 8); /* numbered against the order */
    add("fc1", 8, 8);
    is_chain(network_write_checkpoint(&network, plain, "", "against.pth"), (const char *const[]){"fc2", "fc1"}, 2);
    is_chain(network_write(&network, "against.safetensors"), (const char *const[]){"fc1", "fc2"}, 2);
}

static void an_order_that_cannot_be_told_is_refused(void **state)
{
    (void)state;
    network.count = 0;
    add("decoder", 8, 8);
    add("encoder", 8, 8);
    add("head", 5, 8);
    refused(network_write(&network, "words.safetensors"), "decoder.weight and encoder.weight is first", "torch.save");
    is_chain(network_write_checkpoint(&network, plain, "", "words.pth"),
             (const char *const[]){"decoder", "encoder", "head"}, 3);
}

static void what_is_no_chain_is_refused(void **state)
{
    (void)state;
    three("fc1", "fc2", "fc3");
    network_find(&network, "fc2.weight")->shape[1] = 9;
    refused(network_write(&network, "broken.safetensors"), "fc2.weight takes 9 inputs", "fc1.weight gives 8");
    refused(network_write_checkpoint(&network, plain, "", "broken.pth"), "fc2.weight takes 9 inputs", "fc1.weight");
    three("fc1", "fc2", "fc3");
    network_find(&network, "fc2.bias")->shape[0] = 7;
    refused(network_write(&network, "broken.safetensors"), "fc2.bias has shape [7]", "expected [8]");
    three("fc1", "fc2", "fc3");
    network_add(&network, "ln.weight", "F32", 1, (int64_t[]){8});
    refused(network_write(&network, "broken.safetensors"), "ln.weight has shape [8]", "running_mean");
    three("fc1", "fc2", "fc3");
    network_remove(&network, "fc2.weight");
    refused(network_write(&network, "broken.safetensors"), "fc2.weight is missing", "");
    three("fc1", "fc2", "fc3");
    network_find(&network, "fc1.weight")->shape[0] = 0;
    network_find(&network, "fc2.weight")->shape[1] = 0;
    refused(network_write(&network, "broken.safetensors"), "fc1.weight has shape [0, 12]", "from 1");
    network.count = 0;
    add("", 5, 12);
    refused(network_write(&network, "one.safetensors"), "one fully connected layer", "something can be removed");
    network.count = 0;
    network_add_norm(&network, "bn1", "F32", 4);
    refused(network_write(&network, "one.safetensors"), "no fully connected layer", "");
}

static void the_number_of_layers_is_bounded(void **state)
{
    (void)state;
    network.count = 0;
    char name[16];
    for (int i = 0; i <= 4096; i++) {
        snprintf(name, sizeof name, "fc%d", i);
        add(name, 2, 2);
    }
    refused(network_write(&network, "deep.safetensors"), "more than 4096 layers", "");
    network.count -= 2;
    lsn_net *net = loaded(network_write(&network, "deep.safetensors"));
    assert_int_equal(net->n_layers, 4096);
    assert_string_equal(net->layers[4095].name, "fc4096");
    lsn_net_destroy(net);
}

/* ---- normalisations ------------------------------------------------------------------------------------------ */

static void is_folded(const lsn_net *net, int layer, const char *norm)
{
    const lsn_net_node *node = lsn_layer_node(net, layer);
    assert_string_equal(net->layers[layer].norm, norm);
    for (int f = 0; f < node->filters; f++) {
        double value = network_value(f), scale = value / sqrt(fabs(value) + 1e-5);
        assert_true(node->bias.values[f] == (float)((value - value) * scale + value));
        for (int k = 0; k < node->channels; k++)
            assert_true(node->weights.values[f * node->channels + k] ==
                        (float)(network_value((int64_t)f * node->channels + k) * scale));
    }
}

static void normalisations_find_their_layer(void **state)
{
    (void)state;
    static const char *const paths[][5] = {{"fc1", "fc2", "fc3", "bn1", "bn2"},
                                           {"0", "3", "6", "1", "4"},
                                           {"layers.0", "layers.3", "layers.6", "layers.1", "layers.4"},
                                           {"b1.fc", "b2.fc", "b3.fc", "b1.bn", "b2.bn"},
                                           {"fc9", "fc10", "fc11", "norm9", "norm10"}};
    for (int i = 0; i < 5; i++) {
        const char *const *p = paths[i];
        three(p[0], p[1], p[2]);
        network_add_norm(&network, p[3], "F32", 8);
        network_add_norm(&network, p[4], "F32", 8);
        lsn_net *net = loaded(network_write(&network, "normalised.safetensors"));
        assert_int_equal(net->n_folded, 2);
        is_folded(net, 0, p[3]);
        is_folded(net, 1, p[4]);
        assert_null(net->layers[2].norm);
        assert_true(layer_weights(net, 2)[3] == network_value(3));
        lsn_net_destroy(net);
    }
}

static void norm_refused(const char *path, int filters, const char *text)
{
    three("fc1", "fc2", "fc3");
    network_add_norm(&network, path, "F32", filters);
    refused(network_write(&network, "norm.safetensors"), path, text);
}

static void normalisations_without_a_layer_are_refused(void **state)
{
    (void)state;
    norm_refused("bn", 8, "does not tell which");
    norm_refused("bn4", 8, "does not tell which");
    norm_refused("1", 8, "does not tell which");
    norm_refused("x.bn1", 8, "does not tell which");
    norm_refused("bn1", 7, "has shape [7]");
    three("fc1", "fc2", "fc3");
    network_add_norm(&network, "bn1", "F32", 8);
    network_add_norm(&network, "norm1", "F32", 8);
    refused(network_write(&network, "norm.safetensors"), "norm1.running_mean", "does not tell which");
    three("0", "3", "6");
    network_add_norm(&network, "2", "F32", 8); /* after the ReLU */
    refused(network_write(&network, "norm.safetensors"), "tensor 2.running_mean", "does not tell which");
}

/* ---- inputs -------------------------------------------------------------------------------------------------- */

static void any_shape_of_so_many_values_fits(void **state)
{
    (void)state;
    static const int shapes[][3] = {{2, 2, 3}, {3, 4, 1}, {1, 12, 1}, {1, 1, 12}, {2, 6, 1}};
    three("fc1", "fc2", "fc3");
    lsn_net *net = loaded(network_write(&network, "three.safetensors"));
    for (int i = 0; i < 5; i++) {
        assert_true(lsn_net_set_input(net, shapes[i][0], shapes[i][1], shapes[i][2], NULL));
        assert_int_equal(net->nodes[0].shape.h, shapes[i][0]);
        assert_int_equal(net->nodes[0].shape.w, shapes[i][1]);
        assert_int_equal(net->nodes[0].shape.channels, shapes[i][2]);
        assert_int_equal(lsn_layer_node(net, 0)->shape.h, 1);
        assert_int_equal(lsn_layer_node(net, 0)->shape.w, 1);
        assert_true(lsn_net_node_madds(lsn_layer_node(net, 0)) == 96);
    }
    static const int others[][3] = {{3, 3, 1},  {12, 12, 1}, {4, 4, 3},   {0, 12, 1},
                                    {12, 0, 1}, {12, 1, 0},  {-3, -4, 1}, {1 << 30, 1 << 30, 16},
                                    {5, 2, 1},  {3, 1, 5}};
    for (int i = 0; i < 10; i++) {
        lsn_error err = {0};
        assert_false(lsn_net_set_input(net, others[i][0], others[i][1], others[i][2], &err));
        assert_int_equal(err.code, LSN_INVALID);
        assert_non_null(strstr(err.text, "takes 12 values"));
        assert_int_equal(net->nodes[0].shape.h, 2);
    }
    assert_int_equal(lsn_net_filters(net), 16);
    lsn_net_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbered_modules_are_in_order),
        cmocka_unit_test(the_headers_order_says_nothing),
        cmocka_unit_test(a_checkpoints_order_is_that_of_the_modules),
        cmocka_unit_test(an_order_that_cannot_be_told_is_refused),
        cmocka_unit_test(what_is_no_chain_is_refused),
        cmocka_unit_test(the_number_of_layers_is_bounded),
        cmocka_unit_test(normalisations_find_their_layer),
        cmocka_unit_test(normalisations_without_a_layer_are_refused),
        cmocka_unit_test(any_shape_of_so_many_values_fits),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
