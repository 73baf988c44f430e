/* The embedded network of models/. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check.h"

static char path[PATH_MAX];

static void it_is_a_vgg_19_of_a_quarter_of_the_width(void **state)
{
    (void)state;
    static const char *const names[] = {
        "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv3_4", "conv4_1", "conv4_2",
        "conv4_3", "conv4_4", "conv5_1", "conv5_2", "conv5_3", "conv5_4", "fc6",     "fc7",     "fc8",
    };
    static const int filters[] = {16,  16,  32,  32,  64,  64,  64,   64,   128, 128,
                                  128, 128, 128, 128, 128, 128, 1024, 1024, 10};
    lsn_net *net = loaded(path);
    assert_string_equal(net->dtype, "F16");
    assert_int_equal(net->n_layers, 19);
    assert_int_equal(count_convolutions(net), 16);
    assert_int_equal(average_grid(net)->grid[0], 1);
    assert_int_equal(net->classes, 10);
    assert_int_equal(net->nodes[0].channels, 1);
    for (int i = 0; i < 19; i++) {
        assert_string_equal(net->layers[i].name, names[i]);
        assert_int_equal(net->layers[i].filters, filters[i]);
        assert_int_equal(lsn_layer_pooling(net, i) >= 0, i == 1 || i == 3 || i == 7 || i == 11 || i == 15);
    }
    assert_int_equal(lsn_net_filters(net), 1376 + 2 * 1024);
    assert_int_equal(lsn_net_filter_offset(net, count_convolutions(net)), 1376);
    lsn_net_destroy(net);
}

static void images_of_32_end_in_a_map_of_1(void **state)
{
    (void)state;
    lsn_net *net = loaded(path);
    assert_true(lsn_net_set_input(net, 32, 32, 1, NULL));
    assert_int_equal(lsn_layer_node(net, 15)->shape.h, 2);
    assert_int_equal(net->nodes[lsn_layer_pooling(net, 15)].shape.h, 1);
    assert_false(lsn_net_set_input(net, 28, 28, 1, NULL));
    assert_false(lsn_net_set_input(net, 32, 32, 3, NULL));
    int64_t parameters = 0;
    for (int i = 0; i < 19; i++)
        parameters += lsn_net_node_parameters(lsn_layer_node(net, i));
    assert_int_equal(parameters, 2444538);
    lsn_net_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_a_vgg_19_of_a_quarter_of_the_width),
        cmocka_unit_test(images_of_32_end_in_a_map_of_1),
    };
    const char *source = getenv("LESION_SOURCE");
    snprintf(path, sizeof path, "%s/models/fashion-vgg19.safetensors", source != NULL ? source : ".");
    if (access(path, R_OK) != 0) {
        printf("skipped: %s is not there; set LESION_SOURCE to the root of the sources\n", path);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
