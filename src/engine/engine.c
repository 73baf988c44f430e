/* The engine's life: layers made ready, memory planned. */
#include "engine_internal.h"

#include "engine/sweep/sweep.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Images are evaluated in sub-blocks whose activations stay in the cache where the maps are small; but fully connected
 * layers read all their weights for every sub-block and ablation, so that it holds FULL_GROUP images at least. */
enum { CACHE_BYTES = 8 << 20, FULL_GROUP = 16 };

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* ---- layers -------------------------------------------------------------------------------------------------- */

static void describe_conv(engine_layer *to, const lsn_layer *layer)
{
    assert(layer->kernel == 3);
    to->conv = (engine_conv_shape){
        .h = layer->h, .w = layer->w, .channels = layer->channels, .filters = layer->filters, .pool = layer->pool};
    to->map_floats = (size_t)layer->h * layer->w * layer->filters;
    to->out_floats = engine_conv_outputs(&to->conv);
}

static void describe_fc(engine_layer *to, const lsn_layer *layer)
{
    to->fc = true;
    to->dense = (engine_fc_shape){.channels = layer->channels, .filters = layer->filters, .relu = !layer->logits};
    to->map_floats = to->out_floats = layer->filters;
}

static bool describe_layers(lsn_engine *engine, lsn_error *err)
{
    const lsn_net *net = engine->net;
    engine->layers = lsn_array(net->n_layers, sizeof *engine->layers, err);
    if (engine->layers == NULL)
        return false;
    int offset = 0;
    for (int l = 0; l < net->n_layers; l++) {
        const lsn_layer *layer = &net->layers[l];
        engine_layer *to = &engine->layers[l];
        if (layer->kind == LSN_CONV)
            describe_conv(to, layer);
        else
            describe_fc(to, layer);
        to->flatten = l == net->n_conv;
        to->bias = layer->bias;
        to->filter_offset = offset;
        offset += layer->filters;
    }
    return true;
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

/* Workspace of the hungriest kernel, one that lsn_engine_add_activations calls without pooling included. */
static size_t workspace_floats(const lsn_engine *engine)
{
    size_t floats = 0;
    for (int l = 0; l < engine->net->n_layers; l++) {
        const engine_layer *layer = &engine->layers[l];
        if (layer->fc) {
            floats = larger(floats, engine->kernels->fc_floats(&layer->dense));
            continue;
        }
        engine_conv_shape unpooled = layer->conv;
        unpooled.pool = false;
        floats = larger(floats, engine->kernels->conv_floats(&layer->conv));
        floats = larger(floats, engine->kernels->conv_floats(&unpooled));
    }
    return floats;
}

static void plan_buffers(lsn_engine *engine)
{
    size_t largest_map = 0;
    for (int l = 0; l < engine->net->n_layers; l++) {
        const engine_layer *layer = &engine->layers[l];
        engine->floats[l % 2] = larger(engine->floats[l % 2], layer->out_floats);
        largest_map = larger(largest_map, layer->map_floats);
        if (layer->flatten)
            engine->flat_floats = layer->dense.channels;
    }
    size_t pair = engine->floats[0] + engine->floats[1];
    engine->kept_floats = engine->drift ? engine_kept_floats(engine) : 0;
    engine->image_floats =
        2 * larger(pair, largest_map) + (engine->resample ? 2 * pair : 0) + engine->kept_floats + engine->flat_floats;
}

static bool plan_memory(lsn_engine *engine, const lsn_engine_options *options, lsn_error *err)
{
    plan_buffers(engine);
    const lsn_net *net = engine->net;
    const size_t image_bytes =
        sizeof(float) * engine->image_floats + (engine->drift ? sizeof(double) * net->n_layers : 0);
    const size_t fixed_bytes = sizeof(float) * workspace_floats(engine) + options->besides_bytes +
                               (options->weights == NULL ? lsn_engine_weights_bytes(net, engine->method) : 0);
    const size_t memory_bytes = options->memory_bytes;
    size_t fit = larger(CACHE_BYTES / image_bytes, FULL_GROUP);
    if (memory_bytes > 0) {
        if (memory_bytes < fixed_bytes + image_bytes)
            return lsn_fail(
                err, LSN_USAGE,
                "%zu bytes of memory are too few for %s at %dx%d: give %zu (weights and workspace %zu, one image %zu)",
                memory_bytes, net->path == NULL ? "the network" : net->path, net->input_h, net->input_w,
                fixed_bytes + image_bytes, fixed_bytes, image_bytes);
        size_t most = (memory_bytes - fixed_bytes) / image_bytes;
        fit = most < fit ? most : fit;
    }
    engine->sub_block = (int)(fit < FULL_GROUP ? fit : fit / FULL_GROUP * FULL_GROUP);
    engine->bytes = fixed_bytes + (size_t)engine->sub_block * image_bytes;
    return true;
}

/* Takes what was planned but the activations, which are taken when the number of images is known. */
static bool take_memory(lsn_engine *engine, const void *weights, lsn_error *err)
{
    const lsn_net *net = engine->net;
    engine->workspace = lsn_array(workspace_floats(engine), sizeof(float), err);
    if (engine->workspace == NULL)
        return false;
    if (weights == NULL) {
        engine->packed = lsn_array(lsn_engine_weights_bytes(net, engine->method), 1, err);
        if (engine->packed == NULL)
            return false;
        lsn_engine_pack(net, engine->method, engine->packed, 0, 1);
    }
    engine_use_weights(engine, weights == NULL ? engine->packed : weights);
    return true;
}

bool engine_reserve(lsn_engine *engine, int images, lsn_error *err)
{
    images = images < engine->sub_block ? images : engine->sub_block;
    if (images <= engine->arena_images)
        return true;
    free(engine->arena);
    free(engine->norms);
    engine->arena_images = 0;
    engine->norms = NULL;
    engine->arena = lsn_array(images, sizeof(float) * engine->image_floats, err);
    if (engine->drift && engine->arena != NULL)
        engine->norms = lsn_array(images, sizeof(double) * engine->net->n_layers, err);
    if (engine->arena == NULL || (engine->drift && engine->norms == NULL))
        return false;
    engine->arena_images = images;
    float *at = engine->arena;
    for (int parity = 0; parity < 2; parity++) {
        engine->intact[parity] = at;
        at += engine->floats[parity] * images;
        engine->suffix[parity] = at;
        at += engine->floats[parity] * images;
    }
    for (int parity = 0; engine->resample && parity < 2; parity++) {
        engine->donor[parity] = at;
        at += engine->floats[parity] * images;
        engine->donor_suffix[parity] = at;
        at += engine->floats[parity] * images;
    }
    engine->flat = engine->arena + (engine->image_floats - engine->flat_floats) * images;
    if (engine->drift)
        engine_place_kept(engine, images, engine->flat - engine->kept_floats * images);
    return true;
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

/* Describes the layers and shares the memory out; takes none of it. */
static bool plan_engine(lsn_engine *engine, const lsn_engine_options *given, lsn_error *err)
{
    lsn_engine_options options = *given;
    options.besides_bytes += 2 * sizeof(float) * lsn_net_filters(engine->net); /* means and deviations */
    if (!describe_layers(engine, err))
        return false;
    if (engine->method == LSN_METHOD_WINOGRAD) {
        engine->sweep = sweep_create(engine, &options, err);
        return engine->sweep != NULL;
    }
    engine->kernels = engine_kernels_of(engine->method);
    engine->kernels->prepare();
    return plan_memory(engine, &options, err);
}

/* An engine without its memory. */
static lsn_engine *create_planned(const lsn_net *net, const lsn_engine_options *options, lsn_error *err)
{
    if ((unsigned)options->method >= LSN_N_METHODS) {
        lsn_fail(err, LSN_USAGE, "method %d is not known", (int)options->method);
        return NULL;
    }
    if (net->input_h < 1 || net->input_w < 1) {
        lsn_fail(err, LSN_INVALID, "the size of the network's input is not set");
        return NULL;
    }
    assert(net->n_conv >= 0 && net->n_conv < net->n_layers && net->n_layers <= LSN_MAX_LAYERS);
    lsn_engine *engine = lsn_array(1, sizeof *engine, err);
    if (engine == NULL)
        return NULL;
    engine->net = net;
    engine->method = options->method;
    engine->resample = options->resample;
    engine->drift = options->drift;
    if (plan_engine(engine, options, err))
        return engine;
    lsn_engine_destroy(engine);
    return NULL;
}

lsn_engine *lsn_engine_create(const lsn_net *net, const lsn_engine_options *options, lsn_error *err)
{
    lsn_engine *engine = create_planned(net, options, err);
    if (engine == NULL)
        return NULL;
    engine->sums = engine_sums_create(net, err);
    if (engine->sums != NULL && (engine->sweep != NULL ? sweep_take(engine->sweep, options->weights, err)
                                                       : take_memory(engine, options->weights, err)))
        return engine;
    lsn_engine_destroy(engine);
    return NULL;
}

bool lsn_engine_count(const lsn_net *net, const lsn_engine_options *options, size_t *bytes, lsn_error *err)
{
    lsn_engine *engine = create_planned(net, options, err);
    *bytes = engine == NULL ? 0 : engine->bytes;
    lsn_engine_destroy(engine);
    return *bytes > 0;
}

void lsn_engine_destroy(lsn_engine *engine)
{
    if (engine == NULL)
        return;
    sweep_destroy(engine->sweep);
    free(engine->layers);
    free(engine->packed);
    free(engine->means);
    free(engine->deviations);
    free(engine->workspace);
    free(engine->sums);
    free(engine->arena);
    free(engine->norms);
    free(engine->order);
    free(engine);
}

/* Copies numbers of all filters, each finite and at least `least`, to *to. */
static bool set_statistic(const lsn_engine *engine, float **to, const float *from, float least, const char *what,
                          lsn_error *err)
{
    const lsn_net *net = engine->net;
    const size_t filters = lsn_net_filters(net);
    for (int l = 0; l < net->n_layers - 1; l++)
        for (int f = 0; f < net->layers[l].filters; f++) {
            const float value = from[engine->layers[l].filter_offset + f];
            if (!isfinite(value))
                return lsn_fail(err, LSN_INVALID, "layer %s: the %s of filter %d is not a finite number",
                                net->layers[l].name, what, f);
            if (value < least)
                return lsn_fail(err, LSN_INVALID, "layer %s: the %s of filter %d is negative", net->layers[l].name,
                                what, f);
        }
    if (*to == NULL)
        *to = lsn_array(filters, sizeof(float), err);
    if (*to == NULL)
        return false;
    memcpy(*to, from, sizeof(float) * filters);
    return true;
}

bool lsn_engine_set_means(lsn_engine *engine, const float *means, lsn_error *err)
{
    return set_statistic(engine, &engine->means, means, -INFINITY, "mean activation", err);
}

bool lsn_engine_set_deviations(lsn_engine *engine, const float *deviations, lsn_error *err)
{
    return set_statistic(engine, &engine->deviations, deviations, 0, "activation's deviation", err);
}

lsn_engine_profile lsn_engine_profile_of(const lsn_engine *engine)
{
    return engine->sweep == NULL ? (lsn_engine_profile){0} : sweep_profile(engine->sweep);
}

const char *lsn_engine_isa(const lsn_engine *engine)
{
    return engine->sweep == NULL ? "none" : lsn_isa_name(engine->sweep->isa);
}
