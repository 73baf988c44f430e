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
    lsn_model *model = loaded(path);
    assert_string_equal(model->dtype, "F16");
    assert_int_equal(model->n_layers, 19);
    assert_int_equal(model->n_conv, 16);
    assert_int_equal(model->grid, 1);
    assert_int_equal(model->classes, 10);
    assert_int_equal(model->input_channels, 1);
    for (int i = 0; i < 19; i++) {
        assert_string_equal(model->layers[i].name, names[i]);
        assert_int_equal(model->layers[i].filters, filters[i]);
        assert_int_equal(model->layers[i].pool, i == 1 || i == 3 || i == 7 || i == 11 || i == 15);
    }
    assert_int_equal(lsn_model_filters(model), 1376 + 2 * 1024);
    assert_int_equal(lsn_model_filter_offset(model, model->n_conv), 1376);
    lsn_model_destroy(model);
}

static void images_of_32_end_in_a_map_of_1(void **state)
{
    (void)state;
    lsn_model *model = loaded(path);
    assert_true(lsn_model_set_input(model, 32, 32, 1, NULL));
    assert_int_equal(model->layers[15].h, 2);
    assert_int_equal(model->layers[15].out_h, 1);
    assert_false(lsn_model_set_input(model, 28, 28, 1, NULL));
    assert_false(lsn_model_set_input(model, 32, 32, 3, NULL));
    int64_t parameters = 0;
    for (int i = 0; i < 19; i++)
        parameters += lsn_layer_parameters(&model->layers[i]);
    assert_int_equal(parameters, 2444538);
    lsn_model_destroy(model);
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
