/* Checkpoints that PyTorch wrote (tools/make_checkpoints.py): every tensor holds network_value's row. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "check.h"

static char folder[PATH_MAX];

static const char *path_of(const char *name)
{
    static char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void layer_is_as_written(const lsn_net *net, int layer)
{
    const lsn_net_node *node = lsn_layer_node(net, layer);
    int64_t per_filter = (int64_t)lsn_net_node_terms(node);
    for (int f = 0; f < node->filters; f++) {
        double value = network_value(f), scale = 1, bias = value;
        if (net->layers[layer].norm != NULL) {
            scale = value / sqrt(fabs(value) + LSN_NORM_EPSILON);
            bias = (value - value) * scale + value;
        }
        assert_true(node->bias.values[f] == (float)bias);
        for (int64_t k = 0; k < per_filter; k++)
            assert_true(node->weights.values[f * per_filter + k] == (float)(network_value(f * per_filter + k) * scale));
    }
}

static void is_vgg(const char *name, const char *dtype, int folded, const char *first)
{
    static const int filters[] = {4, 5, 6, 7, 9, 10};
    lsn_net *net = loaded(path_of(name));
    assert_string_equal(net->dtype, dtype);
    assert_int_equal(net->n_layers, 6);
    assert_int_equal(count_convolutions(net), 4);
    assert_int_equal(average_grid(net)->grid[0], 2);
    assert_int_equal(net->nodes[0].channels, 3);
    assert_int_equal(net->n_folded, folded);
    assert_string_equal(net->layers[0].weights_tensor, first);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(net->layers[i].filters, filters[i]);
        assert_int_equal(lsn_layer_pooling(net, i) >= 0, i == 1 || i == 3);
        layer_is_as_written(net, i);
    }
    lsn_net_destroy(net);
}

static void is_chain(const char *name, const char *dtype)
{
    static const int filters[] = {8, 8, 5};
    lsn_net *net = loaded(path_of(name));
    assert_string_equal(net->dtype, dtype);
    assert_int_equal(net->n_layers, 3);
    assert_int_equal(count_convolutions(net), 0);
    assert_int_equal(net->n_folded, 1);
    assert_string_equal(net->layers[0].norm, "1");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(net->layers[i].filters, filters[i]);
        layer_is_as_written(net, i);
    }
    lsn_net_destroy(net);
}

static void checkpoints_are_read(void **state)
{
    (void)state;
    is_vgg("training.pth", "F32", 4, "module.features.0.weight");
    is_vgg("half.pth", "F16", 0, "features.0.weight");
    is_vgg("bfloat16.pt", "BF16", 0, "features.0.weight");
    is_vgg("views.pth", "F32", 0, "features.0.weight");
    is_chain("chain.pth", "F32");
    is_chain("double.pth", "F64");
}

/* In the format of before PyTorch 1.6; the last as Python 2 and the PyTorch of 2017 wrote it. */
static void old_checkpoints_are_read(void **state)
{
    (void)state;
    is_chain("legacy.pth", "F32");
    is_vgg("legacy_training.pth", "F32", 4, "module.features.0.weight");
    is_vgg("legacy_half.pth", "F16", 0, "features.0.weight");
    is_vgg("legacy_views.pth", "F32", 0, "features.0.weight");
    is_vgg("python2.pth", "F32", 0, "features.0.weight");
}

static void others_are_refused_with_the_remedy(void **state)
{
    (void)state;
    refused(path_of("whole_model.pth"), "torch.nn.modules.container.Sequential", ".state_dict()");
    refused(path_of("script.pth"), "TorchScript", "torch.jit.load(");
    refused(path_of("numpy.pth"), "numpy.core.multiarray.scalar", "['state_dict']");
    refused(path_of("expanded.pth"), "0.weight", "clone");
    refused(path_of("legacy_expanded.pth"), "0.weight", "clone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkpoints_are_read),
        cmocka_unit_test(old_checkpoints_are_read),
        cmocka_unit_test(others_are_refused_with_the_remedy),
    };
    const char *source = getenv("LESION_SOURCE");
    snprintf(folder, sizeof folder, "%s/tests/formats/checkpoints", source != NULL ? source : ".");
    if (access(folder, R_OK) != 0) {
        printf("skipped: %s is not there; set LESION_SOURCE to the root of the sources\n", folder);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
