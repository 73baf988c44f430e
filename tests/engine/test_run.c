/* lsn_engine_run against a from-scratch forward pass with the masks applied, in double precision. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa.h"
#include "lesion/engine.h"
#include "network.h"

enum { IMAGES = 3, MOST_MASKS = 32, MOST_CLASSES = 10 };

/* Rounding errors of a few 2^-24 grow from layer to layer; measured, a logit is wrong by at most 1.7e-6 of the
 * greatest, with Winograd's transforms, whose terms are larger than their sum, 1.6e-5; and the least effect of a mask
 * below is 1.3e-2 of it. */
static const double LEAST_EFFECT = 1e-3;

static const double TOLERANCE = 5e-5;

static const char *const small_masks[] = {
    "zero",
    "zero conva:0",
    "mean conva:4",
    "zero convd:7",
    "mean convd:0,3,7",
    "zero conva:0..4",
    "mean convb:0..6",
    "zero fca:0..6",
    "mean fca:12",
    "zero fcb:0..10",
    "mean fcb:1,2,10",
    "zero conva:1 convb:2,3 convc:0 convd:5 fca:1..11 fcb:3",
    "mean conva:1 convc:0..8 fcb:3",
    "mean convd:1..5 fca:0..8",
    "zero convb:1 fcb:0..5",
    NULL,
};

static const char *const deep_masks[] = {
    "zero conva:0..3",
    "mean convb:2 convf:0..6 convk:1..3",
    "zero convj:0..12",
    "zero conve:0..7 fca:0..11",
    "mean fca:0..23 fcb:0..4",
    "mean convk:0..8",
    NULL,
};

static int parse_all(const lsn_net *net, const char *const *lines, lsn_ablation **ablations)
{
    int count = 0;
    for (; lines[count] != NULL; count++) {
        ablations[count] = mask_parse(net, lines[count]);
        assert_non_null(ablations[count]);
    }
    return count;
}

static float *random_means(const lsn_net *net, uint64_t seed)
{
    int filters = 0;
    for (int l = 0; l < net->n_layers; l++)
        filters += net->layers[l].filters;
    float *means = random_floats(seed, filters, 1.0f);
    for (int i = 0; i < filters; i++)
        means[i] = fabsf(means[i]) + 0.25f;
    return means;
}

/* Compares logits[classes] with the naive ones; returns how far these are from `intact`. */
static double compare(const lsn_net *net, const char *line, const float *image, const lsn_ablation *ablation,
                      const float *means, const double *intact, const float *logits)
{
    double right[MOST_CLASSES], effect = 0, scale = 0;
    naive_forward(net, image, ablation, &(naive_substitutes){.means = means}, right);
    for (int c = 0; c < net->classes; c++) {
        scale = fmax(scale, fabs(intact[c]));
        effect = fmax(effect, fabs(right[c] - intact[c]));
    }
    for (int c = 0; c < net->classes; c++)
        if (!(fabs(logits[c] - right[c]) <= TOLERANCE * scale))
            fail_msg("%s: logit %d is %.9g instead of %.9g", line, c, logits[c], right[c]);
    return effect / scale;
}

static void check_network(const network_plan *plan, const char *const *lines, uint64_t seed)
{
    lsn_error err = {0};
    lsn_net *net = network_build(plan, seed);
    lsn_engine *engine = lsn_engine_create(net, &(lsn_engine_options){0}, &err);
    assert_non_null(engine);
    lsn_ablation *ablations[MOST_MASKS];
    int count = parse_all(net, lines, ablations), classes = net->classes;
    float *means = random_means(net, seed), *images = random_images(net, IMAGES, seed + 1);
    float baseline[IMAGES * MOST_CLASSES], logits[MOST_MASKS * IMAGES * MOST_CLASSES];
    double seconds[MOST_MASKS], intact[MOST_CLASSES];
    assert_true(lsn_engine_set_means(engine, means, &err));
    assert_true(lsn_engine_run(engine,
                               &(lsn_engine_request){.images = images,
                                                     .n = IMAGES,
                                                     .ablations = (const lsn_ablation *const *)ablations,
                                                     .n_ablations = count,
                                                     .baseline = baseline,
                                                     .logits = logits,
                                                     .seconds = seconds},
                               &err));
    for (int image = 0; image < IMAGES; image++) {
        const float *x = images + image * image_floats(net);
        naive_forward(net, x, NULL, NULL, intact);
        compare(net, "baseline", x, NULL, NULL, intact, baseline + image * classes);
        for (int a = 0; a < count; a++) {
            double effect =
                compare(net, lines[a], x, ablations[a], means, intact, logits + (a * IMAGES + image) * classes);
            if (ablations[a]->mask.count > 0 && !(effect >= LEAST_EFFECT))
                fail_msg("%s: the mask does too little (%g) to be a test", lines[a], effect);
            assert_true(seconds[a] >= 0);
        }
    }
    for (int a = 0; a < count; a++)
        mask_free(ablations[a]);
    free(means), free(images);
    lsn_engine_destroy(engine);
    network_free(net);
}

static void masks_are_what_they_are(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        check_network(&small_plan, small_masks, 100 * seed);
}

static void masks_are_what_they_are_in_a_deep_network(void **state)
{
    (void)state;
    check_network(&deep_plan, deep_masks, 7);
}

/* Runs one ablation (NULL: none) of `model`; the logits of IMAGES images. */
static void logits_of(const lsn_net *net, const float *images, const char *line, float *logits)
{
    lsn_error err = {0};
    float baseline[IMAGES * MOST_CLASSES];
    lsn_engine *engine = lsn_engine_create(net, &(lsn_engine_options){0}, &err);
    lsn_ablation *ablation = mask_parse(net, line);
    assert_non_null(engine);
    assert_true(lsn_engine_run(engine,
                               &(lsn_engine_request){.images = images,
                                                     .n = IMAGES,
                                                     .ablations = (const lsn_ablation *const *)&ablation,
                                                     .n_ablations = 1,
                                                     .baseline = baseline,
                                                     .logits = logits},
                               &err));
    mask_free(ablation);
    lsn_engine_destroy(engine);
}

/* Weights and biases of the masked filters are set to 0. */
static void remove_weights(lsn_net *net, const lsn_mask *mask)
{
    for (int p = 0; p < mask->count; p++) {
        const lsn_mask_part *part = &mask->parts[p];
        size_t row = lsn_net_node_terms(lsn_layer_node(net, part->layer));
        for (int i = 0; i < part->count; i++) {
            memset(network_weights(net, part->layer) + part->filters[i] * row, 0, sizeof(float) * row);
            network_bias(net, part->layer)[part->filters[i]] = 0;
        }
    }
}

/* A filter whose weights and bias are 0 is a filter that is removed, but for what was rounded before a linear step
 * subtracted it. */
static void check_removed_weights(const network_plan *plan, const char *line, uint64_t seed)
{
    lsn_net *net = network_build(plan, seed);
    lsn_ablation *ablation = mask_parse(net, line);
    float *images = random_images(net, IMAGES, seed + 1);
    float masked[IMAGES * MOST_CLASSES], removed[IMAGES * MOST_CLASSES], intact[IMAGES * MOST_CLASSES], scale = 1;
    logits_of(net, images, "zero", intact);
    logits_of(net, images, line, masked);
    remove_weights(net, &ablation->mask);
    logits_of(net, images, "zero", removed);
    size_t bytes = sizeof(float) * IMAGES * net->classes;
    for (int k = 0; k < IMAGES * net->classes; k++)
        scale = fmaxf(scale, fabsf(intact[k]));
    for (int k = 0; k < IMAGES * net->classes; k++)
        if (!(fabsf(masked[k] - removed[k]) <= TOLERANCE * scale))
            fail_msg("%s: logit %d is %.9g instead of %.9g", line, k, masked[k], removed[k]);
    if (memcmp(masked, intact, bytes) == 0)
        fail_msg("%s changes nothing: not a test", line);
    mask_free(ablation);
    free(images);
    network_free(net);
}

static void zero_is_removing_the_weights(void **state)
{
    static const char *const small[] = {
        "zero conva:2",
        "zero convb:6",
        "zero convd:0",
        "zero fca:12",
        "zero fcb:6",
        "zero convb:0,3..5",
        "zero convc:0..8",
        "zero fca:0..3,7..12",
        "zero conva:0 convb:1",
        "zero convd:2,3 fca:0..5",
        "zero fca:1 fcb:2,3",
        "zero convb:0..6 convc:1 fcb:0",
        "zero conva:1 convb:2,3 convc:0 convd:5 fca:1..11 fcb:3",
    };
    static const char *const deep[] = {"zero convb:1 convf:0..9 convj:2", "zero convk:0..8 fcb:16"};
    (void)state;
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        check_removed_weights(&small_plan, small[i], 4);
    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++)
        check_removed_weights(&deep_plan, deep[i], 7);
}

/* The last filter of a layer cut out of the weights: its row, and its channel in the next layer. */
static void cut_last_filter(lsn_net *net, int l)
{
    const lsn_net_shape input = net->nodes[0].shape;
    lsn_net_node *node = &net->nodes[net->layers[l].node], *next = &net->nodes[net->layers[l + 1].node];
    const size_t old_row = lsn_net_node_terms(next), new_row = old_row - old_row / (size_t)node->filters;
    float *weights = network_weights(net, l + 1);
    for (size_t f = 0; f < (size_t)next->filters; f++)
        memmove(weights + f * new_row, weights + f * old_row, sizeof(float) * new_row);
    next->weights.count = (size_t)next->filters * new_row;
    next->channels -= next->channels / node->filters;
    node->weights.count -= lsn_net_node_terms(node);
    node->bias.count--;
    node->filters--;
    net->layers[l].filters--;
    assert_true(lsn_net_set_input(net, input.h, input.w, input.channels, NULL));
}

static void zero_is_a_network_without_the_filter(void **state)
{
    (void)state;
    static const char *const lines[] = {"zero conva:4", "zero convb:6", "zero convd:7", "zero fca:12"};
    static const int layers[] = {0, 1, 3, 4};
    for (int i = 0; i < 4; i++) {
        lsn_net *net = network_build(&small_plan, 6);
        float *images = random_images(net, IMAGES, 7);
        float masked[IMAGES * MOST_CLASSES], without[IMAGES * MOST_CLASSES];
        logits_of(net, images, lines[i], masked);
        cut_last_filter(net, layers[i]);
        logits_of(net, images, "zero", without);
        for (int k = 0; k < IMAGES * net->classes; k++)
            if (!(fabsf(masked[k] - without[k]) <= 1e-5f * fmaxf(1, fabsf(without[k]))))
                fail_msg("%s: logit %d is %.9g instead of %.9g", lines[i], k, masked[k], without[k]);
        free(images);
        network_free(net);
    }
}

static void a_block_may_be_empty(void **state)
{
    (void)state;
    lsn_error err = {0};
    lsn_net *net = network_build(&small_plan, 8);
    lsn_engine *engine = lsn_engine_create(net, &(lsn_engine_options){0}, &err);
    float *image = random_images(net, 1, 9), baseline[MOST_CLASSES] = {42};
    assert_true(lsn_engine_run(engine, &(lsn_engine_request){.images = image, .n = 0, .baseline = baseline}, &err));
    assert_true(baseline[0] == 42);
    assert_true(lsn_engine_run(engine, &(lsn_engine_request){.images = image, .n = 1, .baseline = baseline}, &err));
    assert_true(baseline[0] != 42);
    free(image);
    lsn_engine_destroy(engine);
    network_free(net);
}

int main(void)
{
    if (isa_is_lacking())
        return ISA_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_what_they_are),      cmocka_unit_test(masks_are_what_they_are_in_a_deep_network),
        cmocka_unit_test(zero_is_removing_the_weights), cmocka_unit_test(zero_is_a_network_without_the_filter),
        cmocka_unit_test(a_block_may_be_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
