/* The rolling evaluation.
 *
 * A sub-block of images is rolled through the intact network layer by layer. At layer l every ablation whose first
 * ablated layer is l branches off: it takes a copy of the layer's output, masks it, and runs the layers after l to its
 * logits, masking on the way where its mask has later layers too. Nothing before an ablation's first layer is computed
 * for it, and of the intact network one layer's output is kept; all are where drift is wanted (drift.c).
 *
 * A mask is applied after pooling, where it touches a quarter of the positions: a constant map pools to itself, and
 * what noise or a donor puts there has been pooled. Donors roll along, as far as an ablation begins that wants them; in
 * one of several layers they go on from its first to its last.
 */
#include "engine_internal.h"

#include "engine/sweep/sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool engine_go_on(lsn_stop *stop, void *context, lsn_error *err)
{
    if (stop != NULL && stop(context))
        return lsn_fail(err, LSN_STOPPED, "stopped before all was evaluated");
    return true;
}

/* The first layer of an ablation; the logits where nothing is ablated. */
static int first_layer(const lsn_engine *engine, const lsn_ablation *ablation)
{
    return ablation->mask.count == 0 ? engine->net->n_layers - 1 : ablation->mask.parts[0].layer;
}

/* engine->order: the ablations by their first layer, in the given order within one. */
static bool order_ablations(lsn_engine *engine, const lsn_engine_request *r, lsn_error *err)
{
    if ((size_t)r->n_ablations > engine->order_room) {
        free(engine->order);
        engine->order_room = 0;
        engine->order = lsn_array(r->n_ablations, sizeof *engine->order, err);
        if (engine->order == NULL)
            return false;
        engine->order_room = r->n_ablations;
    }
    int next[LSN_MAX_LAYERS + 1] = {0};
    for (int a = 0; a < r->n_ablations; a++)
        next[first_layer(engine, r->ablations[a]) + 1]++;
    for (int l = 0; l < engine->net->n_layers; l++)
        next[l + 1] += next[l];
    for (int a = 0; a < r->n_ablations; a++)
        engine->order[next[first_layer(engine, r->ablations[a])]++] = a;
    return true;
}

/* The last layer where an ablation begins that wants donors; -1 where none does. */
static int last_donor_layer(const lsn_engine_request *r)
{
    int last = -1;
    for (int a = 0; a < r->n_ablations; a++) {
        const lsn_mask *mask = &r->ablations[a]->mask;
        if (r->ablations[a]->mode == LSN_RESAMPLE && mask->count > 0 && mask->parts[0].layer > last)
            last = mask->parts[0].layer;
    }
    return last;
}

/* Removes filters of layer l from its output y of images begin .. begin+n-1, where the ablation's next part is of that
 * layer, and moves on to the part after it. */
static void mask_layer(const lsn_engine *engine, const lsn_engine_request *r, const lsn_ablation *ablation, int l,
                       int begin, int n, const float *donors, float *y, int *part)
{
    if (*part == ablation->mask.count || ablation->mask.parts[*part].layer != l)
        return;
    engine_mask(engine, r, ablation, &ablation->mask.parts[*part], begin, n, donors, y);
    ++*part;
}

/* Takes ablation `a` from layer l, whose intact output for images begin .. begin+n-1 is x, to its logits. */
static bool branch(lsn_engine *engine, const lsn_engine_request *r, int a, int l, const float *x, int begin, int n,
                   lsn_error *err)
{
    const lsn_ablation *ablation = r->ablations[a];
    int last = engine->net->n_layers - 1, classes = engine->net->classes, part = 0;
    float *logits = r->logits + ((size_t)a * r->n + begin) * classes;
    float *y = l == last ? logits : engine->suffix[l % 2];
    const float *donors = engine->donor[l % 2];
    memcpy(y, x, sizeof(float) * n * engine->layers[l].out_floats);
    mask_layer(engine, r, ablation, l, begin, n, donors, y, &part);
    engine_note_drift(engine, r, a, l, y, begin, n);
    while (++l <= last) {
        if (!engine_go_on(r->stop, r->context, err))
            return false;
        float *to = l == last ? logits : engine->suffix[l % 2];
        engine_compute(engine, l, y, n, to);
        if (ablation->mode == LSN_RESAMPLE && part < ablation->mask.count) {
            engine_compute(engine, l, donors, n, engine->donor_suffix[l % 2]);
            donors = engine->donor_suffix[l % 2];
        }
        mask_layer(engine, r, ablation, l, begin, n, donors, to, &part);
        engine_note_drift(engine, r, a, l, to, begin, n);
        y = to;
    }
    return true;
}

/* Branches off all ablations whose first layer is l; *next is the first of them in engine->order, then the first that
 * is not. */
static bool branch_all(lsn_engine *engine, const lsn_engine_request *r, int l, const float *x, int begin, int n,
                       int *next, lsn_error *err)
{
    for (; *next < r->n_ablations; ++*next) {
        int a = engine->order[*next];
        if (first_layer(engine, r->ablations[a]) != l)
            return true;
        double began = lsn_now_s();
        if (!engine_go_on(r->stop, r->context, err) || !branch(engine, r, a, l, x, begin, n, err))
            return false;
        if (r->seconds != NULL)
            r->seconds[a] += lsn_now_s() - began;
    }
    return true;
}

static bool check_finite(const float *logits, int begin, int n, int classes, lsn_error *err)
{
    for (size_t i = 0; i < (size_t)n * classes; i++)
        if (!isfinite(logits[i]))
            return lsn_fail(err, LSN_INVALID,
                            "image %d of the block: a logit of the intact network is not a finite number; check the "
                            "weights, the image and its preprocessing",
                            begin + (int)(i / classes));
    return true;
}

/* Layer l of the intact network for the donors of images begin .. begin+n-1. */
static void roll_donors(lsn_engine *engine, const lsn_engine_request *r, int l, int begin, int n)
{
    const lsn_net *net = engine->net;
    const size_t image = (size_t)net->input_h * net->input_w * net->input_channels;
    const float *x = l == 0 ? r->donors + begin * image : engine->donor[(l - 1) % 2];
    engine_compute(engine, l, x, n, engine->donor[l % 2]);
}

/* Images begin .. begin+n-1, at `x`, under all ablations. */
static bool roll(lsn_engine *engine, const lsn_engine_request *r, const float *x, int begin, int n, lsn_error *err)
{
    int last = engine->net->n_layers - 1, classes = engine->net->classes, next = 0;
    const int last_donor = last_donor_layer(r);
    float *baseline = r->baseline + (size_t)begin * classes;
    const bool keep = r->drift != NULL;
    if (keep && !engine_keep(engine, r, x, begin, n, err))
        return false;
    for (int l = 0; l <= last; l++) {
        if (!engine_go_on(r->stop, r->context, err))
            return false;
        float *y = l == last ? baseline : keep ? engine->layers[l].kept : engine->intact[l % 2];
        if (!keep)
            engine_compute(engine, l, x, n, y);
        if (l == last && !check_finite(baseline, begin, n, classes, err))
            return false;
        if (l <= last_donor)
            roll_donors(engine, r, l, begin, n);
        if (!branch_all(engine, r, l, y, begin, n, &next, err))
            return false;
        x = y;
    }
    return true;
}

bool lsn_engine_run(lsn_engine *engine, const lsn_engine_request *r, lsn_error *err)
{
    const lsn_net *net = engine->net;
    if (!engine_check_request(engine, r, err))
        return false;
    for (size_t i = 0; r->drift != NULL && i < (size_t)r->n_ablations * net->n_layers * r->n; i++)
        r->drift[i] = 0;
    if (engine->sweep != NULL)
        return sweep_run(engine->sweep, r, err);
    if (!order_ablations(engine, r, err) || !engine_reserve(engine, r->n, err))
        return false;
    for (int a = 0; r->seconds != NULL && a < r->n_ablations; a++)
        r->seconds[a] = 0.0;
    size_t image = (size_t)net->input_h * net->input_w * net->input_channels;
    for (int begin = 0; begin < r->n; begin += engine->sub_block) {
        int here = engine->sub_block < r->n - begin ? engine->sub_block : r->n - begin;
        if (!roll(engine, r, r->images + begin * image, begin, here, err))
            return false;
    }
    return true;
}
