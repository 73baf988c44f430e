/* Activation sums: the intact network alone, with its maps before pooling. */

#include "engine/engine_internal.h"

#include <math.h>
#include <string.h>

/* What lsn_engine_add_activations is asked for. */
typedef struct gathering {
    const float *images;   /* [n][H][W][C] */
    const int32_t *labels; /* [n] */
    int n;
    lsn_activations *sums;
    lsn_stop *stop;
    void *context;
} gathering;

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

static bool add_layer(lsn_engine *engine, int l, const float *y, int begin, int count, const gathering *to,
                      lsn_error *err)
{
    const int filters = engine->net->layers[l].filters;
    const sweep_layer *layer = &engine->layers[l];
    const size_t positions = layer->z_floats / (size_t)filters;
    engine_sums *of = engine->sums;
    for (int image = begin; image < begin + count; image++, y += layer->z_floats) {
        lsn_channel_sums(engine->isa, y, positions, filters, of->value, of->square, of->zeros);
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

/* Layer l's map for images i < n, before pooling, to engine->z[i]. */
static void run_unpooled(lsn_engine *engine, int l, const float *x, int n)
{
    const sweep_layer *layer = &engine->layers[l];
    for (int i = 0; i < n; i++) {
        const float *in = x + (size_t)i * layer->in_floats;
        float *out = engine->z + (size_t)i * layer->z_floats;
        engine->images[i] = (lsn_conv_image){.in = in, .out = out};
        engine->rows[i] = (lsn_dense_row){.in = in, .out = out};
    }
    lsn_conv conv = layer->conv;
    conv.pool = false;
    if (layer->fc)
        sweep_run_dense(engine, &layer->dense, n);
    else
        sweep_run_conv(engine, &conv, n);
}

/* engine->z as the next layer sees it: y. */
static void pool(lsn_engine *engine, int l, int n, float *y)
{
    const lsn_layer *layer = &engine->net->layers[l];
    const sweep_layer *here = &engine->layers[l];
    const size_t next = engine->layers[l + 1].in_floats;
    for (int i = 0; i < n; i++) {
        const float *z = engine->z + (size_t)i * here->z_floats;
        float *to = sweep_output_place(engine, l, i, y + (size_t)i * next);
        if (layer->pool)
            engine_max_pool(z, 1, layer->h, layer->w, layer->filters, to);
        else
            memcpy(to, z, here->z_floats * sizeof *z);
        sweep_finish_output(engine, l, i, y + (size_t)i * next);
    }
}

static bool roll(lsn_engine *engine, const gathering *to, lsn_error *err)
{
    for (int begin = 0; begin < to->n; begin += engine->sub_block) {
        const int here = to->n - begin < engine->sub_block ? to->n - begin : engine->sub_block;
        const float *x = to->images + (size_t)begin * engine->layers[0].in_floats;
        for (int l = 0; l < engine->n_layers - 1; l++) {
            if (!engine_go_on(to->stop, to->context, err))
                return false;
            run_unpooled(engine, l, x, here);
            if (!add_layer(engine, l, engine->z, begin, here, to, err))
                return false;
            pool(engine, l, here, engine->intact[l % 2]);
            x = engine->intact[l % 2];
        }
    }
    return true;
}

static bool check(const lsn_engine *engine, const gathering *to, lsn_error *err)
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
    const gathering to = {.images = images, .labels = labels, .n = n, .sums = sums, .stop = stop, .context = context};
    if (!check(engine, &to, err) || !roll(engine, &to, err))
        return false;
    *sums->images += n;
    for (int i = 0; sums->class_mean != NULL && i < n; i++)
        sums->class_count[labels[i]]++;
    return true;
}
