/* Activation sums against the definition. */
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

enum { IMAGES = 5, CLASSES = 10, MOST_FILTERS = 200 };

static const int32_t labels[IMAGES] = {2, 0, 2, 1, 5};
static const lsn_activation_needs all = {.means = true, .deviations = true, .zeros = true, .by_class = true};

/* What should be, gathered from the naive forward pass. */
typedef struct gathered {
    const lsn_net *net;
    int image;
    double mean[MOST_FILTERS], square[MOST_FILTERS], class_mean[CLASSES][MOST_FILTERS];
    int zeros[MOST_FILTERS];
} gathered;

static void gather(gathered *g, int layer, const double *activation, size_t positions)
{
    int filters = g->net->layers[layer].filters, offset = lsn_net_filter_offset(g->net, layer);
    for (size_t i = 0; i < positions * filters; i++) {
        const int f = offset + (int)(i % filters);
        g->mean[f] += activation[i] / (double)positions / IMAGES;
        g->square[f] += activation[i] * activation[i] / (double)positions / IMAGES;
        g->zeros[f] += activation[i] == 0;
        g->class_mean[labels[g->image]][f] += activation[i] / (double)positions;
    }
}

static void gather_all(gathered *g, const lsn_net *net, const float *images)
{
    *g = (gathered){.net = net};
    for (; g->image < IMAGES; g->image++) {
        double **values = naive_values(net, images + g->image * image_floats(net), NULL, NULL);
        for (int l = 0; l < net->n_layers - 1; l++) {
            const lsn_net_shape *map = &net->nodes[net->layers[l].output].shape;
            gather(g, l, values[net->layers[l].output], (size_t)map->h * map->w);
        }
        naive_forget(net, values);
    }
}

static void expect(int f, const char *what, double found, double right)
{
    if (!(fabs(found - right) <= 1e-5 * fmax(1, right)))
        fail_msg("filter %d: %s is %.9g instead of %.9g", f, what, found, right);
}

static void compare(const lsn_activations *sums, const gathered *right)
{
    int flipped = 0;
    assert_int_equal(*sums->images, IMAGES);
    for (int f = 0; f < sums->filters; f++) {
        expect(f, "the mean", lsn_activations_mean(sums, f), right->mean[f]);
        expect(f, "the deviation", lsn_activations_deviation(sums, f),
               sqrt(right->square[f] - right->mean[f] * right->mean[f]));
        flipped += abs((int)sums->zeros[f] - right->zeros[f]);
        for (int c = 0; c < sums->classes; c++)
            expect(f, "a class's mean", (double)sums->class_mean[c * sums->filters + f] / LSN_FIXED,
                   right->class_mean[c][f]);
    }
    assert_in_range(flipped, 0, 2); /* an activation near 0 may be on either side of it */
    static const int counts[CLASSES] = {1, 1, 2, 0, 0, 1};
    for (int c = 0; c < sums->classes; c++)
        assert_int_equal(sums->class_count[c], counts[c]);
}

/* What is asked for is added to what is there, the same whatever else is asked for. */
static void check_part(lsn_engine *engine, const lsn_net *net, const float *images, const lsn_activations *whole,
                       lsn_activation_needs needs)
{
    lsn_error err = {0};
    lsn_activations part;
    assert_true(lsn_activations_init(&part, net, needs, &err));
    for (size_t i = 0; i < part.count; i++)
        part.sums[i] = (int64_t)i;
    assert_true(
        lsn_engine_add_activations(engine, images, needs.by_class ? labels : NULL, IMAGES, &part, NULL, NULL, &err));
    for (size_t i = 0; i < part.count; i++)
        part.sums[i] -= (int64_t)i;
    const size_t filters = (size_t)whole->filters * sizeof(int64_t);
    assert_true(part.mean == NULL || memcmp(part.mean, whole->mean, filters) == 0);
    assert_true(part.square == NULL || memcmp(part.square, whole->square, 2 * filters) == 0);
    assert_true(part.zeros == NULL || memcmp(part.zeros, whole->zeros, filters) == 0);
    assert_true(part.class_mean == NULL ||
                memcmp(part.class_mean, whole->class_mean, (size_t)whole->classes * filters) == 0);
    lsn_activations_finish(&part);
}

static void check_sums(const network_plan *plan)
{
    lsn_error err = {0};
    lsn_net *net = network_build(plan, 21);
    float *images = random_images(net, IMAGES, 22);
    gathered *right = lsn_array(1, sizeof *right, &err);
    lsn_engine *engine = lsn_engine_create(net, &(lsn_engine_options){0}, &err);
    lsn_activations sums;
    assert_in_range(lsn_net_filters(net), 1, MOST_FILTERS);
    assert_true(lsn_activations_init(&sums, net, all, &err));
    gather_all(right, net, images);
    assert_true(lsn_engine_add_activations(engine, images, labels, IMAGES, &sums, NULL, NULL, &err));
    compare(&sums, right);
    check_part(engine, net, images, &sums, (lsn_activation_needs){.means = true});
    check_part(engine, net, images, &sums, (lsn_activation_needs){.deviations = true});
    check_part(engine, net, images, &sums, (lsn_activation_needs){.zeros = true});
    check_part(engine, net, images, &sums, (lsn_activation_needs){.by_class = true});
    lsn_activations_finish(&sums);
    free(images), free(right);
    lsn_engine_destroy(engine);
    network_free(net);
}

static void sums_are_the_definition(void **state)
{
    (void)state;
    check_sums(&small_plan);
    check_sums(&deep_plan);
    check_sums(&chain_plan);
}

/* The first layer copies a channel of the input: its mean is that of the image, to the last unit. */
static void sums_are_exact_units(void **state)
{
    (void)state;
    lsn_error err = {0};
    lsn_net *net = network_build(&small_plan, 31);
    float *image = lsn_array(image_floats(net), sizeof *image, NULL);
    memset(network_weights(net, 0), 0, sizeof(float) * 5 * 3 * 9);
    memset(network_bias(net, 0), 0, sizeof(float) * 5);
    network_weights(net, 0)[(2 * 3 + 1) * 9 + 4] = 1; /* filter 2: the middle of channel 1 */
    double sum = 0, square = 0;
    int zeros = 0;
    for (int p = 0; p < 11 * 9; p++) {
        const float value = image[3 * p + 1] = (float)(p % 7) / 3.0f - 1.0f;
        sum += value > 0 ? (double)value : 0;
        square += value > 0 ? (double)value * (double)value : 0;
        zeros += !(value > 0);
    }
    lsn_engine *engine = lsn_engine_create(net, &(lsn_engine_options){0}, &err);
    lsn_activations sums, right;
    assert_true(lsn_activations_init(&sums, net, all, &err));
    assert_true(lsn_activations_init(&right, net, all, &err));
    assert_true(lsn_engine_add_activations(engine, image, labels, 1, &sums, NULL, NULL, &err));
    lsn_activations_add_square(&right, 2, square / (11 * 9));
    assert_int_equal(sums.mean[2], lsn_fixed(sum / (11 * 9)));
    assert_int_equal(sums.class_mean[2 * sums.filters + 2], sums.mean[2]);
    assert_memory_equal(sums.square, right.square, 10 * sizeof *sums.square);
    assert_int_equal(sums.zeros[2], zeros);
    assert_int_equal(sums.mean[0], 0);
    assert_int_equal(sums.zeros[0], 11 * 9);
    free(image);
    lsn_activations_finish(&sums), lsn_activations_finish(&right);
    lsn_engine_destroy(engine);
    network_free(net);
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
        cmocka_unit_test(sums_are_the_definition),
        cmocka_unit_test(sums_are_exact_units),
        cmocka_unit_test(fixed_is_clamped_and_rounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
