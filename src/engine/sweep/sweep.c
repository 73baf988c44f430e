/* The rolling pass of the intact network, and what branches off it. */
#include "engine/engine_internal.h"

#include <math.h>
#include <string.h>

/* The layer whose output an ablation masks first; -1 where it masks nothing. */
static int first_layer(const lsn_ablation *ablation)
{
    return ablation->mask.count == 0 ? -1 : ablation->mask.parts[0].layer;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Whether layer n's pre-activations will be asked for: some ablation begins at the layer before. */
static bool anyone_begins_at(const lsn_engine_request *r, int l)
{
    for (int a = 0; a < r->n_ablations; a++)
        if (first_layer(r->ablations[a]) == l)
            return true;
    return false;
}

/* The last layer that an ablation masks first; -1 where none masks any. */
static int last_beginning(const lsn_engine_request *r)
{
    int last = -1;
    for (int a = 0; a < r->n_ablations; a++)
        if (first_layer(r->ablations[a]) > last)
            last = first_layer(r->ablations[a]);
    return last;
}

/* The last layer where an ablation begins that wants donors; -1 where none does. */
static int last_donor_layer(const lsn_engine_request *r)
{
    int last = -1;
    for (int a = 0; a < r->n_ablations; a++)
        if (r->ablations[a]->mode == LSN_RESAMPLE && first_layer(r->ablations[a]) > last)
            last = first_layer(r->ablations[a]);
    return last;
}

/* Layer n of the intact network for `count` images, at most sub_block: y from x, and z where it is not NULL. */
static void roll_layer(lsn_engine *engine, int n, const float *x, int count, float *y, float *z)
{
    sweep_layer *layer = &engine->layers[n];
    const size_t out = n == engine->n_layers - 1 ? layer->out_floats : engine->layers[n + 1].in_floats;
    for (int i = 0; i < count; i++) {
        const float *in = x + (size_t)i * layer->in_floats;
        float *to = y + (size_t)i * out, *pre = z == NULL ? NULL : z + (size_t)i * layer->z_floats;
        if (layer->fc)
            engine->rows[i] = (lsn_dense_row){.in = in, .out = to, .pre = pre};
        else
            engine->images[i] = (lsn_conv_image){.in = in, .out = sweep_output_place(engine, n, i, to), .pre = pre};
    }
    if (layer->fc)
        sweep_run_dense(engine, &layer->dense, count);
    else
        sweep_run_conv(engine, &layer->conv, count);
    for (int i = 0; i < count; i++)
        sweep_finish_output(engine, n, i, y + (size_t)i * out);
}

/* The same into layer n + 1's queue, as pairs of SWEEP_INTACT, once nothing branches off any more: full stacks serve
 * the intact network too. */
static bool roll_into_queue(lsn_engine *engine, int n, const float *x, int count, lsn_error *err)
{
    const int most = smaller(count, engine->layers[n + 1].queue.stack);
    for (int at = 0; at < count; at += most) {
        int here = smaller(count - at, most);
        sweep_pair *pairs;
        float *to = sweep_push(engine, n + 1, here, &pairs);
        roll_layer(engine, n, x + (size_t)at * engine->layers[n].in_floats, here, to, NULL);
        for (int i = 0; i < here; i++)
            pairs[i] = (sweep_pair){SWEEP_INTACT, engine->first + at + i};
        if (!sweep_pushed(engine, n + 1, here, err))
            return false;
    }
    return true;
}

/* All ablations that begin at layer n - 1, whose intact outputs are x, and the donors' (if wanted) `donors`. */
static bool branch(lsn_engine *engine, int n, const float *x, const float *donors, int count, lsn_error *err)
{
    const lsn_engine_request *r = engine->request;
    for (int a = 0; a < r->n_ablations; a++) {
        const lsn_ablation *ablation = r->ablations[a];
        if (first_layer(ablation) != n - 1)
            continue;
        int most = count;
        if (n + 1 < engine->n_layers)
            most = smaller(most, engine->layers[n + 1].queue.stack);
        for (int at = 0; at < count; at += most) {
            const size_t from = (size_t)at * engine->layers[n].in_floats;
            const sweep_branch b = {
                .ablation = a,
                .n = n,
                .begin = engine->first + at,
                .count = smaller(count - at, most),
                .a = x + from,
                .donors = ablation->mode == LSN_RESAMPLE ? donors + from : NULL,
            };
            if (!engine_go_on(r->stop, r->context, err))
                return false;
            if (!(ablation->mask.count > 1 ? sweep_solo : sweep_step)(engine, &b, err))
                return false;
        }
    }
    return true;
}

bool engine_go_on(lsn_stop *stop, void *context, lsn_error *err)
{
    if (stop != NULL && stop(context))
        return lsn_fail(err, LSN_STOPPED, "stopped before all was evaluated");
    return true;
}

static bool check_finite(const lsn_engine_request *r, int classes, lsn_error *err)
{
    for (size_t i = 0; i < (size_t)r->n * (size_t)classes; i++)
        if (!isfinite(r->baseline[i]))
            return lsn_fail(err, LSN_INVALID,
                            "image %d of the block: a logit of the intact network is not a finite number; check the "
                            "weights, the image and its preprocessing",
                            (int)(i / (size_t)classes));
    return true;
}

/* All of the intact network for images first .. first+count-1, at x, ahead of what branches off. */
static bool keep(lsn_engine *engine, const float *x, int count, lsn_error *err)
{
    for (int n = 0; n < engine->n_layers; n++) {
        float *y = n < engine->n_layers - 1 ? engine->layers[n].kept
                                            : sweep_logits(engine, (sweep_pair){SWEEP_INTACT, engine->first});
        if (!engine_go_on(engine->request->stop, engine->request->context, err))
            return false;
        roll_layer(engine, n, x, count, y, NULL);
        sweep_find_norms(engine, n, count);
        x = y;
    }
    return true;
}

/* Images first .. first+count-1, at x. */
static bool roll(lsn_engine *engine, const float *x, int count, lsn_error *err)
{
    const lsn_engine_request *r = engine->request;
    const int last = engine->n_layers - 1, last_begin = last_beginning(r), last_donor = last_donor_layer(r);
    const float *donors = last_donor < 0 ? NULL : r->donors + (size_t)engine->first * engine->layers[0].in_floats;
    float *baseline = r->baseline + (size_t)engine->first * (size_t)engine->net->classes;
    const bool kept = r->drift != NULL;
    if (kept && !keep(engine, x, count, err))
        return false;
    for (int n = 0; n <= last; n++) {
        float *y = n == last ? baseline : kept ? engine->layers[n].kept : engine->intact[n % 2];
        if (!engine_go_on(r->stop, r->context, err))
            return false;
        if (!kept && n > 0 && n < last && n > last_begin + 1)
            return roll_into_queue(engine, n, x, count, err);
        bool begins = n > 0 && anyone_begins_at(r, n - 1);
        if (!kept || begins)
            roll_layer(engine, n, x, count, y, begins ? engine->z : NULL);
        if (begins && !branch(engine, n, x, donors, count, err))
            return false;
        x = y;
        if (n <= last_donor) {
            roll_layer(engine, n, donors, count, engine->donor[n % 2], NULL);
            donors = engine->donor[n % 2];
        }
    }
    return !kept || sweep_flush(engine, err); /* what is kept is of these images */
}

/* Ablations that remove nothing. */
static void copy_baselines(const lsn_engine_request *r, int classes)
{
    const size_t block = (size_t)r->n * (size_t)classes;
    for (int a = 0; a < r->n_ablations; a++)
        if (first_layer(r->ablations[a]) < 0)
            memcpy(r->logits + (size_t)a * block, r->baseline, block * sizeof(float));
}

/* Pairs are computed together, so an ablation's time is its share of all by its predicted work. */
static void share_seconds(const lsn_engine *engine, const lsn_engine_request *r, double seconds)
{
    const lsn_net *net = engine->net;
    const lsn_ablation nothing = {.mask = {0}};
    double all = 0, intact = lsn_engine_madds(net, &nothing);
    for (int a = 0; a < r->n_ablations; a++) {
        r->seconds[a] = first_layer(r->ablations[a]) < 0 ? 0 : lsn_engine_madds(net, r->ablations[a]);
        all += r->seconds[a];
    }
    for (int a = 0; a < r->n_ablations; a++)
        r->seconds[a] *= seconds / (all + intact);
}

bool lsn_engine_run(lsn_engine *engine, const lsn_engine_request *request, lsn_error *err)
{
    if (!engine_check_request(engine, request, err))
        return false;
    for (size_t i = 0;
         request->drift != NULL && i < (size_t)request->n_ablations * (size_t)engine->n_layers * (size_t)request->n;
         i++)
        request->drift[i] = 0;
    const size_t image = engine->layers[0].in_floats;
    const double began = lsn_now_s();
    bool ok = true;
    engine->request = request;
    for (int l = 0; l < engine->n_layers; l++)
        engine->layers[l].queue.count = 0; /* a run that was stopped may have left some */
    for (int begin = 0; ok && begin < request->n; begin += engine->sub_block) {
        engine->first = begin;
        ok = roll(engine, request->images + (size_t)begin * image, smaller(request->n - begin, engine->sub_block), err);
    }
    ok = ok && sweep_flush(engine, err) && check_finite(request, engine->net->classes, err);
    if (ok)
        copy_baselines(request, engine->net->classes);
    engine->request = NULL;
    engine->profile.run_s += lsn_now_s() - began;
    if (ok && request->seconds != NULL)
        share_seconds(engine, request, lsn_now_s() - began);
    return ok;
}
