/* Each layer's description for the kernels, and its packed weights. */
#include "engine/sweep/sweep.h"

enum { DENSE_PANELS = 64 }; /* panels of 252 rows' products take 2 MB */

/* ---- descriptions -------------------------------------------------------------------------------------------- */

static void describe_conv(engine_sweep *sweep, int l)
{
    const lsn_layer *layer = &sweep->engine->model->layers[l];
    sweep_layer *to = &sweep->layers[l];
    to->conv = (lsn_conv){
        .method = sweep_conv_method(layer),
        .isa = sweep->isa,
        .height = layer->h,
        .width = layer->w,
        .channels = layer->channels,
        .filters = layer->filters,
        .w_channels = layer->channels,
        .w_filters = layer->filters,
        .bias = layer->bias,
        .relu = true,
        .pool = layer->pool,
        .phases = &sweep->phases,
    };
    to->step = to->conv;
    to->step.method = LSN_CONV_DIRECT;
    to->in_pixels = layer->h * layer->w;
    to->channels = layer->channels;
    to->z_floats = (size_t)to->in_pixels * (size_t)layer->filters;
    to->out_floats = (size_t)layer->out_h * (size_t)layer->out_w * (size_t)layer->filters;
}

/* Panels of a fully connected layer's block: some blocks for each thread, and products of a block that stay in a cache.
 */
static int dense_block(int panels, int threads)
{
    int most = threads == 1 ? DENSE_PANELS : (panels + 2 * threads - 1) / (2 * threads);
    return most > DENSE_PANELS ? DENSE_PANELS : most;
}

static void describe_dense(engine_sweep *sweep, int l)
{
    const lsn_model *model = sweep->engine->model;
    const lsn_layer *layer = &model->layers[l];
    sweep_layer *to = &sweep->layers[l];
    to->fc = true;
    to->in_pixels = l > model->n_conv ? 1 : l > 0 ? model->grid * model->grid : model->input_h * model->input_w;
    to->channels = layer->channels / to->in_pixels;
    to->z_floats = to->out_floats = (size_t)layer->filters;
    to->dense = (lsn_dense){
        .isa = sweep->isa,
        .terms = layer->channels,
        .filters = layer->filters,
        .w_terms = layer->channels,
        .w_filters = layer->filters,
        .bias = layer->bias,
        .relu = !layer->logits,
        .block_panels = dense_block(lsn_conv_panels(layer->filters), sweep->threads),
    };
}

void sweep_describe_layers(engine_sweep *sweep)
{
    for (int l = 0; l < sweep->n_layers; l++) {
        (l < sweep->engine->model->n_conv ? describe_conv : describe_dense)(sweep, l);
        sweep->layers[l].in_floats = (size_t)sweep->layers[l].in_pixels * (size_t)sweep->layers[l].channels;
    }
}

/* ---- weights ------------------------------------------------------------------------------------------------- */

/* A Winograd layer's linear steps over few channels are direct: they have weights of their own. */
static bool has_step_weights(const engine_sweep *sweep, int l)
{
    return l > 0 && !sweep->layers[l].fc && sweep->layers[l].conv.method != LSN_CONV_DIRECT;
}

static size_t weights_bytes(const engine_sweep *sweep, int l)
{
    const lsn_layer *layer = &sweep->engine->model->layers[l];
    return sweep->layers[l].fc ? lsn_dense_weights_bytes(layer->channels, layer->filters)
                               : lsn_conv_weights_bytes(sweep->layers[l].conv.method, layer->channels, layer->filters);
}

static size_t step_weights_bytes(const lsn_layer *layer)
{
    return lsn_conv_weights_bytes(LSN_CONV_DIRECT, layer->channels, layer->filters);
}

size_t sweep_weights_bytes(const engine_sweep *sweep)
{
    size_t bytes = 0;
    for (int l = 0; l < sweep->n_layers; l++)
        bytes += weights_bytes(sweep, l) +
                 (has_step_weights(sweep, l) ? step_weights_bytes(&sweep->engine->model->layers[l]) : 0);
    return bytes;
}

static bool pack_layer(engine_sweep *sweep, int l, lsn_error *err)
{
    const lsn_layer *layer = &sweep->engine->model->layers[l];
    sweep_layer *to = &sweep->layers[l];
    const int panels = lsn_conv_panels(layer->filters);
    if (!sweep_allocate(&to->weights, weights_bytes(sweep, l), err))
        return false;
    if (to->fc)
        lsn_dense_pack(to->weights, layer->weights, to->channels, to->in_pixels, layer->filters, 0, panels);
    else
        lsn_conv_pack(to->conv.method, to->weights, layer->weights, layer->channels, layer->filters, 0, panels);
    to->conv.weights = to->step.weights = to->dense.weights = to->weights;
    if (!has_step_weights(sweep, l))
        return true;
    if (!sweep_allocate(&to->step_weights, step_weights_bytes(layer), err))
        return false;
    lsn_conv_pack(LSN_CONV_DIRECT, to->step_weights, layer->weights, layer->channels, layer->filters, 0, panels);
    to->step.weights = to->step_weights;
    return true;
}

bool sweep_pack_weights(engine_sweep *sweep, lsn_error *err)
{
    for (int l = 0; l < sweep->n_layers; l++)
        if (!pack_layer(sweep, l, err))
            return false;
    return true;
}
