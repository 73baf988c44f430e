/* Mean activations against the definition. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lesion/engine.h"
#include "network.h"

enum { IMAGES = 5, MOST_FILTERS = 200 };

/* What the means should be, gathered from the naive forward pass. */
typedef struct gathered {
    const lsn_model *model;
    double means[MOST_FILTERS];
} gathered;

static void gather(void *context, int layer, const double *activation, size_t positions)
{
    gathered *g = context;
    int filters = g->model->layers[layer].filters, offset = lsn_model_filter_offset(g->model, layer);
    for (size_t i = 0; i < positions * filters; i++)
        g->means[offset + i % filters] += activation[i] / (double)positions;
}

static void check_means(lsn_method method, const network_plan *plan)
{
    lsn_error err = {0};
    lsn_model *model = network_build(plan, 21);
    float *images = random_images(model, IMAGES, 22);
    gathered right = {.model = model};
    double logits[16];
    for (int image = 0; image < IMAGES; image++)
        naive_forward(model, images + image * image_floats(model), NULL, NULL, gather, &right, logits);
    lsn_engine *engine = lsn_engine_create(model, &(lsn_engine_options){.method = method}, &err);
    int64_t sums[MOST_FILTERS];
    int filters = lsn_model_filters(model);
    assert_in_range(filters, 1, MOST_FILTERS);
    for (int f = 0; f < filters; f++)
        sums[f] = f; /* added to, not overwritten */
    assert_true(lsn_engine_add_means(engine, images, IMAGES, sums, NULL, NULL, &err));
    for (int f = 0; f < filters; f++) {
        double sum = (double)(sums[f] - f) / LSN_FIXED;
        if (!(fabs(sum - right.means[f]) <= 1e-5 * fmax(1, right.means[f])))
            fail_msg("filter %d: %.9g instead of %.9g", f, sum, right.means[f]);
    }
    free(images);
    lsn_engine_destroy(engine);
    network_free(model);
}

static void means_are_the_definition(void **state)
{
    (void)state;
    for (int method = 0; method < LSN_N_METHODS; method++) {
        check_means((lsn_method)method, &small_plan);
        check_means((lsn_method)method, &deep_plan);
    }
}

/* The first layer copies a channel of the input: its mean is that of the image, to the last unit. */
static void means_are_exact_units(void **state)
{
    (void)state;
    lsn_error err = {0};
    lsn_model *model = network_build(&small_plan, 31);
    lsn_engine *engine = NULL;
    float *image = lsn_array(image_floats(model), sizeof *image, NULL);
    memset(network_weights(model, 0), 0, sizeof(float) * 5 * 3 * 9);
    memset(network_bias(model, 0), 0, sizeof(float) * 5);
    network_weights(model, 0)[(2 * 3 + 1) * 9 + 4] = 1; /* filter 2: the middle of channel 1 */
    for (int p = 0; p < 11 * 9; p++)
        image[3 * p + 1] = (float)(p % 7) / 3.0f - 1.0f;
    double sum = 0;
    for (int p = 0; p < 11 * 9; p++)
        sum += image[3 * p + 1] > 0 ? (double)image[3 * p + 1] : 0;
    engine = lsn_engine_create(model, &(lsn_engine_options){.method = LSN_METHOD_BLAS}, &err);
    int64_t sums[MOST_FILTERS] = {0};
    assert_true(lsn_engine_add_means(engine, image, 1, sums, NULL, NULL, &err));
    assert_int_equal(sums[2], lsn_fixed(sum / (11 * 9)));
    assert_int_equal(sums[0], 0);
    free(image);
    lsn_engine_destroy(engine);
    network_free(model);
}

static void fixed_is_clamped_and_rounded(void **state)
{
    (void)state;
    assert_int_equal(lsn_fixed(0), 0);
    assert_int_equal(lsn_fixed(1), 1 << 30);
    assert_int_equal(lsn_fixed(-1), -(1 << 30));
    assert_int_equal(lsn_fixed(0x1.4p-30), 1);
    assert_int_equal(lsn_fixed(0x1.8p-30), 2);
    assert_int_equal(lsn_fixed(-0x1.8p-30), -2);
    assert_int_equal(lsn_fixed(1e9), (int64_t)1 << 46);
    assert_int_equal(lsn_fixed(-INFINITY), -((int64_t)1 << 46));
    assert_int_equal(lsn_fixed(NAN), (int64_t)1 << 46);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_are_the_definition),
        cmocka_unit_test(means_are_exact_units),
        cmocka_unit_test(fixed_is_clamped_and_rounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
