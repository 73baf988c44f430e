/* Weights as the methods' kernels want them: made once, for as many engines as there are. */
#include "engine_internal.h"

#include "engine/sweep/sweep.h"

#include <assert.h>

/* ---- plain kernels: packed convolutions, layer after layer; fully connected layers as they are in the model ---- */

static size_t conv_floats(const lsn_model *model, int l)
{
    return 9 * (size_t)model->layers[l].channels * (size_t)model->layers[l].filters;
}

static size_t plain_floats(const lsn_model *model)
{
    size_t floats = 0;
    for (int l = 0; l < model->n_conv; l++)
        floats += conv_floats(model, l);
    return floats;
}

static void pack_plain(const lsn_model *model, float *to, int part, int parts)
{
    const size_t all = plain_floats(model);
    size_t at = 0;
    for (int l = 0; l < model->n_conv; l++) {
        const lsn_layer *layer = &model->layers[l];
        if (at * (size_t)parts / all == (size_t)part)
            engine_pack_conv(layer->weights, layer->filters, layer->channels, to + at);
        at += conv_floats(model, l);
    }
}

void engine_use_weights(lsn_engine *engine, const void *packed)
{
    const lsn_model *model = engine->model;
    const float *at = packed;
    for (int l = 0; l < model->n_layers; l++) {
        engine->layers[l].weights = l < model->n_conv ? at : model->layers[l].weights;
        at += l < model->n_conv ? conv_floats(model, l) : 0;
    }
}

/* ---- any method ---------------------------------------------------------------------------------------------- */

size_t lsn_engine_weights_bytes(const lsn_model *model, lsn_method method)
{
    return method == LSN_METHOD_WINOGRAD ? sweep_weights_bytes(model) : sizeof(float) * plain_floats(model);
}

void lsn_engine_pack(const lsn_model *model, lsn_method method, void *to, int part, int parts)
{
    assert(part >= 0 && part < parts);
    if (method == LSN_METHOD_WINOGRAD)
        sweep_pack_weights(model, to, part, parts);
    else
        pack_plain(model, to, part, parts);
}
