#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../formats/check.h"

static network_file network;
static lsn_net *net;

static int open_model(void **state)
{
    if (scratch_open(state) != 0)
        return -1;
    small_network(&network, "F32");
    net = lsn_net_load(network_write(&network, "small.safetensors"), NULL);
    return net == NULL ? -1 : 0;
}

static int close_model(void **state)
{
    lsn_net_destroy(net);
    return scratch_close(state);
}

static void check_maps(const int maps[6][4])
{
    for (int i = 0; i < 6; i++) {
        const int pooling = lsn_layer_pooling(net, i);
        const lsn_net_shape *map = &lsn_layer_node(net, i)->shape;
        assert_int_equal(map->h, maps[i][0]);
        assert_int_equal(map->w, maps[i][1]);
        map = pooling < 0 ? map : &net->nodes[pooling].shape;
        assert_int_equal(map->h, maps[i][2]);
        assert_int_equal(map->w, maps[i][3]);
    }
}

static void every_map_follows_from_the_input(void **state)
{
    (void)state;
    lsn_error err;
    assert_true(lsn_net_set_input(net, 13, 8, 3, &err));
    assert_int_equal(net->nodes[0].shape.h, 13);
    assert_int_equal(net->nodes[0].shape.w, 8);
    check_maps(
        (const int[6][4]){{13, 8, 13, 8}, {13, 8, 6, 4}, {6, 4, 6, 4}, {6, 4, 3, 2}, {1, 1, 1, 1}, {1, 1, 1, 1}});
}

static void the_smallest_map_may_be_smaller_than_the_grid(void **state)
{
    (void)state;
    assert_true(lsn_net_set_input(net, 4, 7, 3, NULL));
    check_maps((const int[6][4]){{4, 7, 4, 7}, {4, 7, 2, 3}, {2, 3, 2, 3}, {2, 3, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}});
}

static void input_refused(int h, int w, int channels, const char *text, const char *also)
{
    lsn_error err = {0};
    assert_true(lsn_net_set_input(net, 8, 8, 3, NULL));
    assert_false(lsn_net_set_input(net, h, w, channels, &err));
    assert_int_equal(err.code, LSN_INVALID);
    assert_non_null(strstr(err.text, net->path));
    assert_non_null(strstr(err.text, text));
    assert_non_null(strstr(err.text, also));
    assert_int_equal(net->nodes[0].shape.h, 8); /* as it was */
    assert_int_equal(net->nodes[lsn_layer_pooling(net, 3)].shape.w, 2);
}

static void unfit_inputs_are_refused(void **state)
{
    (void)state;
    input_refused(8, 8, 1, "3 channels", "have 1");
    input_refused(3, 8, 3, "3 x 8", "empty after conv4; at least 4 x 4");
    input_refused(8, 1, 3, "8 x 1", "empty after conv2; at least 4 x 4");
    input_refused(0, 8, 3, "0 x 8", "at least 4 x 4");
    input_refused(8, -5, 3, "8 x -5", "at least 4 x 4");
}

static void madds_and_parameters_are_counted(void **state)
{
    (void)state;
    assert_true(lsn_net_set_input(net, 13, 8, 3, NULL));
    static const double madds[] = {4 * 3 * 9 * 104, 5 * 4 * 9 * 104, 6 * 5 * 9 * 24, 7 * 6 * 9 * 24, 9 * 28, 10 * 9};
    static const int64_t parameters[] = {4 * 27 + 4, 5 * 36 + 5, 6 * 45 + 6, 7 * 54 + 7, 9 * 28 + 9, 10 * 9 + 10};
    for (int i = 0; i < 6; i++) {
        assert_true(lsn_net_node_madds(lsn_layer_node(net, i)) == madds[i]);
        assert_true(lsn_net_node_parameters(lsn_layer_node(net, i)) == parameters[i]);
    }
}

static void layers_are_found_by_name(void **state)
{
    (void)state;
    for (int i = 0; i < net->n_layers; i++)
        assert_int_equal(lsn_net_find(net, net->layers[i].name), i);
    assert_int_equal(lsn_net_find(net, "conv5"), -1);
    assert_int_equal(lsn_net_find(net, "conv"), -1);
    assert_int_equal(lsn_net_find(net, ""), -1);
    assert_int_equal(lsn_net_find(net, "CONV1"), -1);
}

static void filters_are_counted_without_the_logits(void **state)
{
    (void)state;
    static const int offsets[] = {0, 4, 9, 15, 22, 31};
    assert_int_equal(lsn_net_filters(net), 31);
    for (int i = 0; i < 6; i++)
        assert_int_equal(lsn_net_filter_offset(net, i), offsets[i]);
}

static void many_poolings_need_a_large_image(void **state)
{
    (void)state;
    int plan[81];
    for (int i = 0; i < 80; i++)
        plan[i] = i % 2 == 0;
    plan[80] = -1;
    network_init(&network, "F16", 1, plan, 1, (const int[]){2, -1});
    lsn_net *deep = loaded(network_write(&network, "deep.safetensors"));
    lsn_error err = {0};
    assert_false(lsn_net_set_input(deep, INT32_MAX, INT32_MAX, 1, &err));
    assert_int_equal(err.code, LSN_INVALID);
    assert_non_null(strstr(err.text, "conv31;"));
    lsn_net_destroy(deep);
}

static void modes_have_names(void **state)
{
    (void)state;
    assert_string_equal(lsn_mode_name(LSN_ZERO), "zero");
    assert_string_equal(lsn_mode_name(LSN_MEAN), "mean");
    for (int mode = 0; mode < LSN_N_MODES; mode++)
        assert_int_equal(lsn_mode_find(lsn_mode_name((lsn_mode)mode)), mode);
    assert_int_equal(lsn_mode_find("median"), LSN_N_MODES);
    assert_int_equal(lsn_mode_find(""), LSN_N_MODES);
    assert_int_equal(lsn_mode_find("Zero"), LSN_N_MODES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_map_follows_from_the_input),
        cmocka_unit_test(the_smallest_map_may_be_smaller_than_the_grid),
        cmocka_unit_test(unfit_inputs_are_refused),
        cmocka_unit_test(madds_and_parameters_are_counted),
        cmocka_unit_test(layers_are_found_by_name),
        cmocka_unit_test(filters_are_counted_without_the_logits),
        cmocka_unit_test(many_poolings_need_a_large_image),
        cmocka_unit_test(modes_have_names),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
