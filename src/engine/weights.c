/* Weights as the methods' kernels want them: made once, for as many engines as there are. */
#include "engine_internal.h"

#include "engine/sweep/sweep.h"

#include <assert.h>

/* ---- plain kernels: packed convolutions, layer after layer; fully connected layers as they are in the model ---- */

static size_t conv_floats(const lsn_net *net, int l)
{
    return 9 * (size_t)net->layers[l].channels * (size_t)net->layers[l].filters;
}

static size_t plain_floats(const lsn_net *net)
{
    size_t floats = 0;
    for (int l = 0; l < net->n_conv; l++)
        floats += conv_floats(net, l);
    return floats;
}

static void pack_plain(const lsn_net *net, float *to, int part, int parts)
{
    const size_t all = plain_floats(net);
    size_t at = 0;
    for (int l = 0; l < net->n_conv; l++) {
        const lsn_layer *layer = &net->layers[l];
        if (at * (size_t)parts / all == (size_t)part)
            engine_pack_conv(layer->weights, layer->filters, layer->channels, to + at);
        at += conv_floats(net, l);
    }
}

void engine_use_weights(lsn_engine *engine, const void *packed)
{
    const lsn_net *net = engine->net;
    const float *at = packed;
    for (int l = 0; l < net->n_layers; l++) {
        engine->layers[l].weights = l < net->n_conv ? at : net->layers[l].weights;
        at += l < net->n_conv ? conv_floats(net, l) : 0;
    }
}

/* ---- any method ---------------------------------------------------------------------------------------------- */

size_t lsn_engine_weights_bytes(const lsn_net *net, lsn_method method)
{
    return method == LSN_METHOD_WINOGRAD ? sweep_weights_bytes(net) : sizeof(float) * plain_floats(net);
}

void lsn_engine_pack(const lsn_net *net, lsn_method method, void *to, int part, int parts)
{
    assert(part >= 0 && part < parts);
    if (method == LSN_METHOD_WINOGRAD)
        sweep_pack_weights(net, to, part, parts);
    else
        pack_plain(net, to, part, parts);
}
