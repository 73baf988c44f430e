/* Layers: their weights packed, their computing. */
#include "engine_internal.h"

void engine_pack_conv(const float *weights, int filters, int channels, float *packed)
{
    for (int f = 0; f < filters; f++)
        for (int c = 0; c < channels; c++)
            for (int k = 0; k < 9; k++)
                packed[((size_t)k * channels + c) * filters + f] = weights[((size_t)f * channels + c) * 9 + k];
}

/* flat[N][C][H][W] from images x[N][H][W][C]. */
static void channels_first(const float *x, int n, int positions, int channels, float *flat)
{
    for (int i = 0; i < n; i++, flat += (size_t)positions * channels)
        for (int p = 0; p < positions; p++)
            for (int c = 0; c < channels; c++)
                flat[(size_t)c * positions + p] = *x++;
}

/* x as fully connected layer l sees it. The first one's weights stay as they are in the file, in [C][grid][grid] order
 * (of a chain without convolutions: [C][H][W]), and may stay a mapping of it: it is the activations, few beside them,
 * that are put in that order. */
static const float *flatten(lsn_engine *engine, int l, const float *x, int n)
{
    if (!engine->layers[l].flatten)
        return x;
    const lsn_net *net = engine->net;
    if (l == 0) {
        channels_first(x, n, net->input_h * net->input_w, net->input_channels, engine->flat);
        return engine->flat;
    }
    const lsn_layer *last = &net->layers[l - 1];
    engine_average_pool(x, n, last->out_h, last->out_w, last->filters, net->grid, engine->flat);
    return engine->flat;
}

void engine_compute(lsn_engine *engine, int l, const float *x, int n, float *y)
{
    const engine_layer *layer = &engine->layers[l];
    const engine_kernels *kernels = engine->kernels;
    if (layer->fc)
        kernels->fc(flatten(engine, l, x, n), n, &layer->dense, layer->weights, layer->bias, y, engine->workspace);
    else
        kernels->conv(x, n, &layer->conv, layer->weights, layer->bias, y, engine->workspace);
}
