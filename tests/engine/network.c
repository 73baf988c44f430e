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

static void fill_layer(lsn_net *net, lsn_layer layer, uint64_t seed)
{
    int l = net->n_layers++, terms = layer.channels * layer.kernel * layer.kernel;
    layer.weights = random_floats(2 * seed + 2 * l, (size_t)terms * layer.filters, (float)sqrt(6.0 / terms));
    layer.bias = random_floats(2 * seed + 2 * l + 1, layer.filters, 0.3f);
    net->layers[l] = layer;
}

static int add_convs(lsn_net *net, const network_plan *plan, uint64_t seed)
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
        fill_layer(net, layer, seed);
        channels = layer.filters;
    }
    net->n_conv = net->n_layers;
    return channels;
}

lsn_net *network_build(const network_plan *plan, uint64_t seed)
{
    lsn_net *net = lsn_array(1, sizeof *net, NULL);
    net->layers = lsn_array(2 * PLAN_LAYERS, sizeof *net->layers, NULL);
    net->grid = plan->grid;
    net->input_h = plan->h;
    net->input_w = plan->w;
    net->input_channels = plan->channels;
    int channels = add_convs(net, plan, seed) * plan->grid * plan->grid;
    if (net->n_conv == 0) {
        channels = plan->h * plan->w * plan->channels;
        net->grid = 0;
    }
    for (int i = 0; i < PLAN_LAYERS && plan->fc[i] > 0; i++) {
        lsn_layer layer = {.name = "fc", .kind = LSN_FC, .filters = plan->fc[i], .channels = channels, .kernel = 1};
        layer.name[2] = (char)('a' + i);
        layer.h = layer.w = layer.out_h = layer.out_w = 1;
        layer.logits = i + 1 == PLAN_LAYERS || plan->fc[i + 1] == 0;
        fill_layer(net, layer, seed);
        channels = layer.filters;
    }
    net->classes = channels;
    return net;
}

void network_free(lsn_net *net)
{
    for (int l = 0; net != NULL && l < net->n_layers; l++) {
        free(network_weights(net, l));
        free(network_bias(net, l));
    }
    if (net != NULL)
        free(net->layers);
    free(net);
}

size_t image_floats(const lsn_net *net)
{
    return (size_t)net->input_h * net->input_w * net->input_channels;
}

float *random_images(const lsn_net *net, int n, uint64_t seed)
{
    return random_floats(seed, n * image_floats(net), 1.5f);
}

float *network_weights(lsn_net *net, int layer)
{
    return (float *)(uintptr_t)net->layers[layer].weights;
}

float *network_bias(lsn_net *net, int layer)
{
    return (float *)(uintptr_t)net->layers[layer].bias;
}
