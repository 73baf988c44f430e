/* Each layer's description for the kernels, and its packed weights. */
#include "engine/engine_internal.h"

#include <assert.h>

enum { DENSE_PANELS = 64 }; /* panels of 252 rows' products take 2 MB */

/* ---- descriptions -------------------------------------------------------------------------------------------- */

static void describe_conv(lsn_engine *engine, int l)
{
    const lsn_layer *layer = &engine->net->layers[l];
    sweep_layer *to = &engine->layers[l];
    to->conv = (lsn_conv){
        .method = sweep_conv_method(layer),
        .isa = engine->isa,
        .height = layer->h,
        .width = layer->w,
        .channels = layer->channels,
        .filters = layer->filters,
        .w_channels = layer->channels,
        .w_filters = layer->filters,
        .bias = layer->bias,
        .relu = true,
        .pool = layer->pool,
        .phases = &engine->phases,
    };
    to->step = to->conv;
    to->step.method = LSN_CONV_DIRECT;
    to->in_pixels = layer->h * layer->w;
    to->channels = layer->channels;
    to->z_floats = (size_t)to->in_pixels * (size_t)layer->filters;
    to->out_floats = (size_t)layer->out_h * (size_t)layer->out_w * (size_t)layer->filters;
}

/* Positions of the map that a fully connected layer sees. */
static int input_pixels(const lsn_net *net, int l)
{
    return l > net->n_conv ? 1 : l > 0 ? net->grid * net->grid : net->input_h * net->input_w;
}

/* Panels of a fully connected layer's block: some blocks for each thread, and products of a block that stay in a cache.
 */
static int dense_block(int panels, int threads)
{
    int most = threads == 1 ? DENSE_PANELS : (panels + 2 * threads - 1) / (2 * threads);
    return most > DENSE_PANELS ? DENSE_PANELS : most;
}

static void describe_dense(lsn_engine *engine, int l)
{
    const lsn_net *net = engine->net;
    const lsn_layer *layer = &net->layers[l];
    sweep_layer *to = &engine->layers[l];
    to->fc = true;
    to->in_pixels = input_pixels(net, l);
    to->channels = layer->channels / to->in_pixels;
    to->z_floats = to->out_floats = (size_t)layer->filters;
    to->dense = (lsn_dense){
        .isa = engine->isa,
        .terms = layer->channels,
        .filters = layer->filters,
        .w_terms = layer->channels,
        .w_filters = layer->filters,
        .bias = layer->bias,
        .relu = !layer->logits,
        .block_panels = dense_block(lsn_conv_panels(layer->filters), engine->threads),
    };
}

void sweep_describe_layers(lsn_engine *engine)
{
    int offset = 0;
    for (int l = 0; l < engine->n_layers; l++) {
        (l < engine->net->n_conv ? describe_conv : describe_dense)(engine, l);
        engine->layers[l].filter_offset = offset;
        offset += engine->net->layers[l].filters;
        engine->layers[l].in_floats = (size_t)engine->layers[l].in_pixels * (size_t)engine->layers[l].channels;
    }
}

/* ---- weights ------------------------------------------------------------------------------------------------- */

/* All packed weights are one array: layer after layer, behind each layer's own those of its linear step, if it has
 * some. Panels are what is packed at a time. */
typedef struct form {
    const lsn_layer *layer;
    bool dense;
    lsn_conv_method method;
    int channels, pixels; /* of a fully connected layer's input */
    int panels;
    size_t bytes; /* a multiple of LSN_KERNEL_ALIGN for each panel */
} form;

/* A Winograd layer's linear steps over few channels are direct: they have weights of their own. */
static bool has_step_weights(const lsn_net *net, int l)
{
    return l > 0 && l < net->n_conv && sweep_conv_method(&net->layers[l]) != LSN_CONV_DIRECT;
}

static form form_of(const lsn_net *net, int l, bool step)
{
    const lsn_layer *layer = &net->layers[l];
    form f = {.layer = layer, .dense = l >= net->n_conv, .panels = lsn_conv_panels(layer->filters)};
    if (f.dense) {
        f.pixels = input_pixels(net, l);
        f.channels = layer->channels / f.pixels;
        f.bytes = lsn_dense_weights_bytes(layer->channels, layer->filters);
    } else {
        f.method = step ? LSN_CONV_DIRECT : sweep_conv_method(layer);
        f.bytes = lsn_conv_weights_bytes(f.method, layer->channels, layer->filters);
    }
    return f;
}

static void pack_panel(const form *f, float *to, int panel)
{
    const lsn_layer *layer = f->layer;
    if (f->dense)
        lsn_dense_pack(to, layer->weights, f->channels, f->pixels, layer->filters, panel, panel + 1);
    else
        lsn_conv_pack(f->method, to, layer->weights, layer->channels, layer->filters, panel, panel + 1);
}

size_t lsn_engine_weights_bytes(const lsn_net *net)
{
    size_t bytes = 0;
    for (int l = 0; l < net->n_layers; l++)
        for (int step = 0; step <= has_step_weights(net, l); step++)
            bytes += form_of(net, l, step).bytes;
    return bytes;
}

void lsn_engine_pack(const lsn_net *net, void *to, int part, int parts)
{
    assert(part >= 0 && part < parts);
    const size_t all = lsn_engine_weights_bytes(net);
    size_t at = 0;
    for (int l = 0; l < net->n_layers; l++)
        for (int step = 0; step <= has_step_weights(net, l); step++) {
            const form f = form_of(net, l, step);
            for (int panel = 0; panel < f.panels; panel++)
                if ((at + f.bytes / (size_t)f.panels * (size_t)panel) * (size_t)parts / all == (size_t)part)
                    pack_panel(&f, (float *)(void *)((char *)to + at), panel);
            at += f.bytes;
        }
}

void sweep_use_weights(lsn_engine *engine, const void *packed)
{
    const lsn_net *net = engine->net;
    size_t at = 0;
    for (int l = 0; l < engine->n_layers; l++)
        for (int step = 0; step <= has_step_weights(net, l); step++) {
            sweep_layer *layer = &engine->layers[l];
            layer->step.weights = (const float *)(const void *)((const char *)packed + at);
            if (!step)
                layer->conv.weights = layer->dense.weights = layer->step.weights;
            at += form_of(net, l, step).bytes;
        }
}
