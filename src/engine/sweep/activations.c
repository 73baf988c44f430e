/* Activation sums: the intact network, with its maps before pooling. */
#include "engine/sweep/sweep.h"

#include <string.h>

/* Layer l's map for images i < n, before pooling, to sweep->z[i]. */
static void run_unpooled(engine_sweep *sweep, int l, const float *x, int n)
{
    const sweep_layer *layer = &sweep->layers[l];
    for (int i = 0; i < n; i++) {
        const float *in = x + (size_t)i * layer->in_floats;
        float *out = sweep->z + (size_t)i * layer->z_floats;
        sweep->images[i] = (lsn_conv_image){.in = in, .out = out};
        sweep->rows[i] = (lsn_dense_row){.in = in, .out = out};
    }
    lsn_conv conv = layer->conv;
    conv.pool = false;
    if (layer->fc)
        sweep_run_dense(sweep, &layer->dense, n);
    else
        sweep_run_conv(sweep, &conv, n);
}

/* sweep->z as the next layer sees it: y. */
static void pool(engine_sweep *sweep, int l, int n, float *y)
{
    const lsn_layer *layer = &sweep->engine->net->layers[l];
    const sweep_layer *here = &sweep->layers[l];
    const size_t next = sweep->layers[l + 1].in_floats;
    for (int i = 0; i < n; i++) {
        const float *z = sweep->z + (size_t)i * here->z_floats;
        float *to = sweep_output_place(sweep, l, i, y + (size_t)i * next);
        if (layer->pool)
            engine_max_pool(z, 1, layer->h, layer->w, layer->filters, to);
        else
            memcpy(to, z, here->z_floats * sizeof *z);
        sweep_finish_output(sweep, l, i, y + (size_t)i * next);
    }
}

bool sweep_add_activations(engine_sweep *sweep, const engine_gathering *to, lsn_error *err)
{
    for (int begin = 0; begin < to->n; begin += sweep->sub_block) {
        const int here = to->n - begin < sweep->sub_block ? to->n - begin : sweep->sub_block;
        const float *x = to->images + (size_t)begin * sweep->layers[0].in_floats;
        for (int l = 0; l < sweep->n_layers - 1; l++) {
            if (!engine_go_on(to->stop, to->context, err))
                return false;
            run_unpooled(sweep, l, x, here);
            if (!engine_add_layer(sweep->engine, l, sweep->z, begin, here, to, err))
                return false;
            pool(sweep, l, here, sweep->intact[l % 2]);
            x = sweep->intact[l % 2];
        }
    }
    return true;
}
