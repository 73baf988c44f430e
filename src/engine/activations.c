/* Activation sums: the intact network alone, with its maps before pooling. */
#include "engine_internal.h"

#include "engine/sweep/sweep.h"

#include <math.h>

/* Sums over the positions of one image's map, by filter. */
typedef struct engine_sums {
    double *value, *square;
    int32_t *zeros;
} engine_sums;

engine_sums *engine_sums_create(const lsn_net *net, lsn_error *err)
{
    size_t most = 0;
    for (int l = 0; l < net->n_layers; l++)
        most = (size_t)net->layers[l].filters > most ? (size_t)net->layers[l].filters : most;
    engine_sums *sums = lsn_array(1, sizeof *sums + most * (2 * sizeof(double) + sizeof(int32_t)), err);
    if (sums == NULL)
        return NULL;
    sums->value = (double *)(void *)(sums + 1);
    sums->square = sums->value + most;
    sums->zeros = (int32_t *)(void *)(sums->square + most);
    return sums;
}

/* ---- one layer ------------------------------------------------------------------------------------------------ */

/* Adds the sums of one image, of that label, to those of all; `offset` is where the layer's filters begin. */
static void add_image(const engine_sums *of, size_t positions, int filters, int offset, int32_t label,
                      lsn_activations *to)
{
    int64_t *class_mean = to->class_mean == NULL ? NULL : to->class_mean + (size_t)label * to->filters + offset;
    for (int f = 0; f < filters; f++) {
        const int64_t mean = lsn_fixed(of->value[f] / (double)positions);
        if (to->mean != NULL)
            to->mean[offset + f] += mean;
        if (class_mean != NULL)
            class_mean[f] += mean;
        if (to->square != NULL)
            lsn_activations_add_square(to, offset + f, of->square[f] / (double)positions);
        if (to->zeros != NULL)
            to->zeros[offset + f] += of->zeros[f];
    }
}

bool engine_add_layer(lsn_engine *engine, int l, const float *y, int begin, int count, const engine_gathering *to,
                      lsn_error *err)
{
    const int filters = engine->net->layers[l].filters;
    const engine_layer *layer = &engine->layers[l];
    const size_t positions = layer->map_floats / filters;
    const lsn_isa *isa = engine->sweep != NULL ? engine->sweep->isa : lsn_isa_find("portable");
    engine_sums *of = engine->sums;
    for (int image = begin; image < begin + count; image++, y += layer->map_floats) {
        lsn_channel_sums(isa, y, positions, filters, of->value, of->square, of->zeros);
        for (int f = 0; f < filters; f++)
            if (!isfinite(of->value[f]))
                return lsn_fail(err, LSN_INVALID,
                                "image %d of the block: layer %s, filter %d: the activation is not a finite number",
                                image, engine->net->layers[l].name, f);
        add_image(of, positions, filters, layer->filter_offset, to->labels == NULL ? 0 : to->labels[image], to->sums);
    }
    return true;
}

/* ---- all layers ---------------------------------------------------------------------------------------------- */

/* Images begin .. begin+n-1. Two buffers take turns: the activations' memory has room for twice the largest map. */
static bool roll(lsn_engine *engine, int begin, int n, const engine_gathering *to, lsn_error *err)
{
    const lsn_net *net = engine->net;
    const float *x = to->images + (size_t)begin * net->input_h * net->input_w * net->input_channels;
    size_t half = (engine->image_floats - engine->flat_floats) / 2 * engine->arena_images;
    float *buffer[2] = {engine->arena, engine->arena + half};
    int in = 1;
    for (int l = 0; l < net->n_layers - 1; l++) {
        engine_layer *layer = &engine->layers[l];
        engine_conv_shape map = layer->conv;
        float *y = buffer[1 - in];
        if (!engine_go_on(to->stop, to->context, err))
            return false;
        map.pool = false;
        if (layer->fc)
            engine_compute(engine, l, x, n, y);
        else
            engine->kernels->conv(x, n, &map, layer->weights, layer->bias, y, engine->workspace);
        if (!engine_add_layer(engine, l, y, begin, n, to, err))
            return false;
        if (!layer->fc && layer->conv.pool)
            engine_max_pool(y, n, map.h, map.w, map.filters, buffer[in]);
        else
            in = 1 - in;
        x = buffer[in];
    }
    return true;
}

static bool roll_all(lsn_engine *engine, const engine_gathering *to, lsn_error *err)
{
    if (!engine_reserve(engine, to->n, err))
        return false;
    for (int begin = 0; begin < to->n; begin += engine->sub_block) {
        int here = engine->sub_block < to->n - begin ? engine->sub_block : to->n - begin;
        if (!roll(engine, begin, here, to, err))
            return false;
    }
    return true;
}

static bool check(const lsn_engine *engine, const engine_gathering *to, lsn_error *err)
{
    const lsn_activations *sums = to->sums;
    if (to->n < 0)
        return lsn_fail(err, LSN_INVALID, "a block of %d images", to->n);
    if (sums->filters != lsn_net_filters(engine->net))
        return lsn_fail(err, LSN_INVALID, "sums of %d filters' activations, of a network that has %d", sums->filters,
                        lsn_net_filters(engine->net));
    if (sums->class_mean == NULL)
        return true;
    if (to->labels == NULL || sums->classes != engine->net->classes)
        return lsn_fail(err, LSN_INVALID, "activations by class need the images' labels, and sums of %d classes",
                        engine->net->classes);
    for (int i = 0; i < to->n; i++)
        if (to->labels[i] < 0 || to->labels[i] >= sums->classes)
            return lsn_fail(err, LSN_INVALID, "image %d of the block: label %d is not one of the classes 0..%d", i,
                            to->labels[i], sums->classes - 1);
    return true;
}

bool lsn_engine_add_activations(lsn_engine *engine, const float *images, const int32_t *labels, int n,
                                lsn_activations *sums, lsn_stop *stop, void *context, lsn_error *err)
{
    const engine_gathering to = {
        .images = images, .labels = labels, .n = n, .sums = sums, .stop = stop, .context = context};
    if (!check(engine, &to, err) ||
        !(engine->sweep != NULL ? sweep_add_activations(engine->sweep, &to, err) : roll_all(engine, &to, err)))
        return false;
    *sums->images += n;
    for (int i = 0; sums->class_mean != NULL && i < n; i++)
        sums->class_count[labels[i]]++;
    return true;
}
