/* Mean activations: the intact network alone, with its maps before pooling. */
#include "engine_internal.h"

#include "engine/sweep/sweep.h"

#include <math.h>
#include <string.h>

bool engine_add_layer_means(lsn_engine *engine, int l, const float *y, int begin, int n, int64_t *sums, lsn_error *err)
{
    int filters = engine->model->layers[l].filters;
    size_t positions = engine->layers[l].map_floats / filters;
    double *mean = engine->sums;
    for (int image = 0; image < n; image++) {
        memset(mean, 0, sizeof *mean * filters);
        for (size_t p = 0; p < positions; p++, y += filters)
            for (int f = 0; f < filters; f++)
                mean[f] += (double)y[f];
        for (int f = 0; f < filters; f++) {
            if (!isfinite(mean[f]))
                return lsn_fail(err, LSN_INVALID,
                                "image %d of the block: layer %s, filter %d: the activation is not a finite number",
                                begin + image, engine->model->layers[l].name, f);
            sums[f] += lsn_fixed(mean[f] / (double)positions);
        }
    }
    return true;
}

/* Images begin .. begin+n-1, at `x`. Two buffers take turns: the activations' memory has room for twice the largest
 * map. */
static bool roll(lsn_engine *engine, const float *x, int begin, int n, int64_t *sums, lsn_stop *stop, void *context,
                 lsn_error *err)
{
    size_t half = (engine->image_floats - engine->flat_floats) / 2 * engine->arena_images;
    float *buffer[2] = {engine->arena, engine->arena + half};
    int in = 1;
    for (int l = 0; l < engine->model->n_layers - 1; l++) {
        engine_layer *layer = &engine->layers[l];
        engine_conv_shape map = layer->conv;
        float *y = buffer[1 - in];
        if (!engine_go_on(stop, context, err))
            return false;
        map.pool = false;
        if (layer->fc)
            engine_compute(engine, l, x, n, y);
        else
            engine->kernels->conv(x, n, &map, layer->weights, layer->bias, y, engine->workspace);
        if (!engine_add_layer_means(engine, l, y, begin, n, sums + layer->filter_offset, err))
            return false;
        if (!layer->fc && layer->conv.pool)
            engine_max_pool(y, n, map.h, map.w, map.filters, buffer[in]);
        else
            in = 1 - in;
        x = buffer[in];
    }
    return true;
}

bool lsn_engine_add_means(lsn_engine *engine, const float *images, int n, int64_t *sums, lsn_stop *stop, void *context,
                          lsn_error *err)
{
    const lsn_model *model = engine->model;
    if (n < 0)
        return lsn_fail(err, LSN_INVALID, "a block of %d images", n);
    if (engine->sweep != NULL)
        return sweep_add_means(engine->sweep, images, n, sums, stop, context, err);
    if (!engine_reserve(engine, n, err))
        return false;
    size_t image = (size_t)model->input_h * model->input_w * model->input_channels;
    for (int begin = 0; begin < n; begin += engine->sub_block) {
        int here = engine->sub_block < n - begin ? engine->sub_block : n - begin;
        if (!roll(engine, images + begin * image, begin, here, sums, stop, context, err))
            return false;
    }
    return true;
}
