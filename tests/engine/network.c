#include "network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const network_plan small_plan = {.h = 11,
                                 .w = 9,
                                 .channels = 3,
                                 .grid = 2,
                                 .conv = {5, 7, 9, 8},
                                 .pool = {false, true, false, true},
                                 .fc = {13, 11, 6}};

const network_plan deep_plan = {.h = 32,
                                .w = 32,
                                .channels = 1,
                                .grid = 1,
                                .conv = {8, 8, 12, 16, 16, 13, 16, 8, 8, 16, 9},
                                .pool = {false, true, false, true, false, true, false, true, false, false, true},
                                .fc = {24, 17, 10}};

const network_plan chain_plan = {.h = 5, .w = 4, .channels = 2, .fc = {17, 13, 11, 6}};

float *random_floats(uint64_t seed, size_t count, float scale)
{
    float *floats = lsn_array(count, sizeof *floats, NULL);
    lsn_random random;
    lsn_random_init(&random, seed, 0);
    for (size_t i = 0; floats != NULL && i < count; i++)
        floats[i] = scale * ((float)(lsn_random_next(&random) >> 40) / 8388608.0f - 1.0f);
    return floats;
}

static void fill_layer(lsn_model *model, lsn_layer layer, uint64_t seed)
{
    int l = model->n_layers++, terms = layer.channels * layer.kernel * layer.kernel;
    layer.weights = random_floats(2 * seed + 2 * l, (size_t)terms * layer.filters, (float)sqrt(6.0 / terms));
    layer.bias = random_floats(2 * seed + 2 * l + 1, layer.filters, 0.3f);
    model->layers[l] = layer;
}

static int add_convs(lsn_model *model, const network_plan *plan, uint64_t seed)
{
    int h = plan->h, w = plan->w, channels = plan->channels;
    for (int i = 0; i < PLAN_LAYERS && plan->conv[i] > 0; i++) {
        lsn_layer layer = {.name = "conv", .kind = LSN_CONV, .filters = plan->conv[i], .channels = channels};
        layer.name[4] = (char)('a' + i);
        layer.kernel = 3;
        layer.pool = plan->pool[i];
        layer.h = h;
        layer.w = w;
        layer.out_h = h = layer.pool ? h / 2 : h;
        layer.out_w = w = layer.pool ? w / 2 : w;
        fill_layer(model, layer, seed);
        channels = layer.filters;
    }
    model->n_conv = model->n_layers;
    return channels;
}

lsn_model *network_build(const network_plan *plan, uint64_t seed)
{
    lsn_model *model = lsn_array(1, sizeof *model, NULL);
    model->layers = lsn_array(2 * PLAN_LAYERS, sizeof *model->layers, NULL);
    model->grid = plan->grid;
    model->input_h = plan->h;
    model->input_w = plan->w;
    model->input_channels = plan->channels;
    int channels = add_convs(model, plan, seed) * plan->grid * plan->grid;
    if (model->n_conv == 0) {
        channels = plan->h * plan->w * plan->channels;
        model->grid = 0;
    }
    for (int i = 0; i < PLAN_LAYERS && plan->fc[i] > 0; i++) {
        lsn_layer layer = {.name = "fc", .kind = LSN_FC, .filters = plan->fc[i], .channels = channels, .kernel = 1};
        layer.name[2] = (char)('a' + i);
        layer.h = layer.w = layer.out_h = layer.out_w = 1;
        layer.logits = i + 1 == PLAN_LAYERS || plan->fc[i + 1] == 0;
        fill_layer(model, layer, seed);
        channels = layer.filters;
    }
    model->classes = channels;
    return model;
}

void network_free(lsn_model *model)
{
    for (int l = 0; model != NULL && l < model->n_layers; l++) {
        free(network_weights(model, l));
        free(network_bias(model, l));
    }
    if (model != NULL)
        free(model->layers);
    free(model);
}

size_t image_floats(const lsn_model *model)
{
    return (size_t)model->input_h * model->input_w * model->input_channels;
}

float *random_images(const lsn_model *model, int n, uint64_t seed)
{
    return random_floats(seed, n * image_floats(model), 1.5f);
}

float *network_weights(lsn_model *model, int layer)
{
    return (float *)(uintptr_t)model->layers[layer].weights;
}

float *network_bias(lsn_model *model, int layer)
{
    return (float *)(uintptr_t)model->layers[layer].bias;
}
