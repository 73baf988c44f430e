/* Drift: how far an ablation takes each layer's output from the intact one. What all methods share, and how those that
 * roll one ablation at a time find it: the intact network goes first, and every layer's output is kept. */
#include "engine_internal.h"

#include "engine/kernels/kernels.h"

#include <math.h>

double engine_drift(double distance, double norm)
{
    if (norm > 0)
        return sqrt(distance / norm);
    return distance > 0 ? 1 : distance;
}

size_t engine_kept_floats(const lsn_engine *engine)
{
    size_t floats = engine->net->n_conv > 0 ? engine->flat_floats : 0;
    for (int l = 0; l < engine->net->n_layers - 1; l++)
        floats += engine->layers[l].out_floats;
    return floats;
}

void engine_place_kept(lsn_engine *engine, int images, float *at)
{
    for (int l = 0; l < engine->net->n_layers; l++) {
        engine->layers[l].norms = engine->norms + (size_t)l * images;
        engine->layers[l].kept = at;
        if (l < engine->net->n_layers - 1)
            at += engine->layers[l].out_floats * images;
    }
    engine->kept_flat = at;
}

/* Layer l's output y of n images as the next layer sees it, which may be in `flat`; *floats of one image. */
static const float *as_seen(const lsn_engine *engine, int l, const float *y, int n, float *flat, size_t *floats)
{
    *floats = engine->layers[l].out_floats;
    if (l != engine->net->n_conv - 1)
        return y;
    const lsn_layer *last = &engine->net->layers[l];
    *floats = engine->flat_floats;
    engine_average_pool(y, n, last->out_h, last->out_w, last->filters, engine->net->grid, flat);
    return flat;
}

bool engine_keep(lsn_engine *engine, const lsn_engine_request *r, const float *x, int begin, int n, lsn_error *err)
{
    const lsn_isa *isa = lsn_isa_find("portable");
    const int last = engine->net->n_layers - 1;
    for (int l = 0; l <= last; l++) {
        if (!engine_go_on(r->stop, r->context, err))
            return false;
        const engine_layer *layer = &engine->layers[l];
        float *y = l == last ? r->baseline + (size_t)begin * engine->net->classes : layer->kept;
        size_t floats;
        engine_compute(engine, l, x, n, y);
        const float *seen = as_seen(engine, l, y, n, engine->kept_flat, &floats);
        for (int i = 0; i < n; i++)
            layer->norms[i] = lsn_distance(isa, seen + (size_t)i * floats, NULL, floats);
        x = y;
    }
    return true;
}

void engine_note_drift(lsn_engine *engine, const lsn_engine_request *r, int a, int l, const float *y, int begin, int n)
{
    if (r->drift == NULL)
        return;
    const lsn_isa *isa = lsn_isa_find("portable");
    const lsn_net *net = engine->net;
    const float *intact = l == net->n_conv - 1     ? engine->kept_flat
                          : l == net->n_layers - 1 ? r->baseline + (size_t)begin * net->classes
                                                     : engine->layers[l].kept;
    double *drift = r->drift + ((size_t)a * net->n_layers + l) * r->n + begin;
    size_t floats;
    const float *seen = as_seen(engine, l, y, n, engine->flat, &floats);
    for (int i = 0; i < n; i++)
        drift[i] = engine_drift(lsn_distance(isa, seen + (size_t)i * floats, intact + (size_t)i * floats, floats),
                                engine->layers[l].norms[i]);
}
