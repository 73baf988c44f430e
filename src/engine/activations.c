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

/* Of the step's layer: y[count][positions][F], its output before pooling, of images begin .. begin+count-1. */
static bool add_layer(lsn_engine *engine, const engine_step *step, const float *y, int begin, int count,
                      const gathering *to, lsn_error *err)
{
    const int filters = step->source->filters, offset = engine->program->layers[step->layer].filter_offset;
    const size_t positions = step->z_floats / (size_t)filters;
    engine_sums *of = engine->sums;
    for (int image = begin; image < begin + count; image++, y += step->z_floats) {
        lsn_channel_sums(engine->isa, y, positions, filters, of->value, of->square, of->zeros);
        for (int f = 0; f < filters; f++)
            if (!isfinite(of->value[f]))
                return lsn_fail(err, LSN_INVALID,
                                "image %d of the block: layer %s, filter %d: the activation is not a finite number",
                                image, engine->net->layers[step->layer].name, f);
        add_image(of, positions, filters, offset, to->labels == NULL ? 0 : to->labels[image], to->sums);
    }
    return true;
}

/* ---- all layers ---------------------------------------------------------------------------------------------- */

/* A layer's step on n images: its output before pooling is added to the sums, and goes on pooled. */
static bool run_layer(lsn_engine *engine, const engine_step *step, int begin, int n, float *out, const gathering *to,
                      lsn_error *err)
{
    const engine_tensor *in = engine_inputs(engine, engine->flow[FLOW_INTACT], step);
    const engine_call call = {
        .n = n, .in = in, .out = engine->z, .outputs = {NULL, step->source->filters}, .unpooled = true};
    step->op->run(engine, step, &call);
    if (!add_layer(engine, step, engine->z, begin, n, to, err))
        return false;
    if (step->pool)
        engine_max_pool(engine->z, n, step->map.h, step->map.w, step->source->filters, out);
    else
        memcpy(out, engine->z, (size_t)n * step->z_floats * sizeof *out);
    return true;
}

/* Images begin .. begin+n-1 through a segment, to `out`. */
static bool run_segment(lsn_engine *engine, int segment, int begin, int n, float *out, const gathering *to,
                        lsn_error *err)
{
    engine_tensor *flow = engine->flow[FLOW_INTACT];
    const engine_places places = {.out = out, .inner = engine->inner};
    for (int i = engine->program->segments[segment].first; i < engine->program->segments[segment].end; i++) {
        const engine_step *step = &engine->program->steps[i];
        float *y = engine_place(engine, &places, segment, step->output);
        if (!engine_go_on(to->stop, to->context, err))
            return false;
        if (step->layer < 0) {
            const engine_channels all = {NULL, engine->program->values[step->output].channels};
            step->op->run(engine, step,
                          &(engine_call){.n = n, .in = engine_inputs(engine, flow, step), .out = y, .outputs = all});
        } else if (!run_layer(engine, step, begin, n, y, to, err))
            return false;
        engine_set(engine, flow, step->output, y);
    }
    return true;
}

/* All segments but that of the logits. */
static bool roll(lsn_engine *engine, const gathering *to, lsn_error *err)
{
    for (int begin = 0; begin < to->n; begin += engine->sub_block) {
        const int here = LSN_MIN(to->n - begin, engine->sub_block);
        engine_set(engine, engine->flow[FLOW_INTACT], 0,
                   to->images + (size_t)begin * engine->program->values[0].floats);
        for (int s = 0, turn = 0; s < engine->program->n_segments - 1; s++, turn = !turn)
            if (!run_segment(engine, s, begin, here, engine->rolled[turn], to, err))
                return false;
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
