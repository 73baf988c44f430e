/* Ablations of several layers. The first layer's mask is a linear step like any other. From there on a masked filter of
 * a later layer is neither computed (it is left out of the layer's columns) nor read (it is left out of the next one's
 * rows). Where the mode is not zero, or a layer loses all its filters, there is nothing to leave out: the layer is
 * computed in full and its filters are overwritten. Behind its last mask an ablation joins the queues, where the rest
 * of it is stacked with others. Donors go the same way with nothing removed, ahead of the images,
 * as long as masks are to come. */
#include "engine/engine_internal.h"

#include <string.h>

/* What a layer leaves of itself. */
typedef struct kept {
    const int *filters; /* NULL: all */
    int count;
} kept;

/* One ablation on its way through the layers. */
typedef struct solo {
    lsn_engine *engine;
    const sweep_branch *branch;
    const lsn_ablation *ablation;
    int part;              /* the next part that has not been applied */
    int count;             /* images */
    kept in;               /* channels that the present input holds */
    int in_list, out_list; /* which of engine->list hold them */
    float *turn[2];        /* outputs go to these in turn */
    struct solo *donors;   /* NULL: none are wanted */
    const float *y;        /* the present output, before average pooling; at first what the branch has */
} solo;

/* The mask of layer l, or NULL. */
static const lsn_mask_part *part_at(const solo *s, int l)
{
    const lsn_mask *mask = &s->ablation->mask;
    return s->part < mask->count && mask->parts[s->part].layer == l ? &mask->parts[s->part] : NULL;
}

/* What layer l keeps under its mask, where computing only that is right; else all. */
static kept keeps(solo *s, int l)
{
    const int filters = s->engine->net->layers[l].filters;
    const lsn_mask_part *part = part_at(s, l);
    kept k = {NULL, filters};
    if (part == NULL || s->ablation->mode != LSN_ZERO || part->count == filters)
        return k;
    int *list = s->engine->list[s->out_list], n = 0;
    for (int f = 0, r = 0; f < filters; f++) {
        if (r < part->count && part->filters[r] == f)
            r++;
        else
            list[n++] = f;
    }
    return (kept){list, n};
}

/* The biases of the kept filters. */
static const float *bias_of(solo *s, const float *bias, kept k)
{
    if (k.filters == NULL)
        return bias;
    for (int i = 0; i < k.count; i++)
        s->engine->bias[i] = bias[k.filters[i]];
    return s->engine->bias;
}

/* Makes y, layer l's output [count][pixels][k.count], what the next layer shall see. */
static void settle(solo *s, int l, kept k, float *y)
{
    const lsn_mask_part *part = part_at(s, l);
    if (part != NULL) {
        if (k.filters == NULL)
            engine_mask(s->engine, s->engine->request, s->ablation, part, s->branch->begin, s->count,
                        s->donors == NULL ? NULL : s->donors->y, y);
        s->part++;
    }
    s->in = k;
    s->y = y;
    int list = s->in_list;
    s->in_list = s->out_list;
    s->out_list = list;
}

static void conv(solo *s, int l, const float *x, float *y)
{
    lsn_engine *engine = s->engine;
    const sweep_layer *layer = &engine->layers[l];
    const kept k = keeps(s, l);
    lsn_conv c = layer->conv;
    c.channels = s->in.count;
    c.rows = s->in.filters;
    c.filters = k.count;
    c.columns = k.filters;
    c.bias = bias_of(s, layer->conv.bias, k);
    const size_t in = (size_t)layer->in_pixels * (size_t)s->in.count;
    const size_t out = layer->out_floats / (size_t)layer->conv.filters * (size_t)k.count;
    for (int i = 0; i < s->count; i++)
        engine->images[i] = (lsn_conv_image){.in = x + (size_t)i * in, .out = y + (size_t)i * out};
    sweep_run_conv(engine, &c, s->count);
    settle(s, l, k, y);
}

/* The first fully connected layer's input of kept channels is [grid][grid][kept], so that its terms are listed. */
static void dense(solo *s, int l, const float *x, float *y, size_t y_stride)
{
    lsn_engine *engine = s->engine;
    const sweep_layer *layer = &engine->layers[l];
    const kept k = keeps(s, l);
    lsn_dense d = layer->dense;
    if (s->in.filters != NULL) {
        int *terms = engine->list[SOLO_TERMS], n = 0;
        for (int p = 0; p < layer->in_pixels; p++)
            for (int i = 0; i < s->in.count; i++)
                terms[n++] = p * layer->channels + s->in.filters[i];
        d.rows = terms;
        d.terms = n;
    }
    d.filters = k.count;
    d.columns = k.filters;
    d.bias = bias_of(s, layer->dense.bias, k);
    for (int i = 0; i < s->count; i++)
        engine->rows[i] = (lsn_dense_row){
            .in = x + (size_t)i * (size_t)d.terms,
            .out = y + (size_t)i * (y_stride > 0 ? y_stride : (size_t)k.count),
        };
    sweep_run_dense(engine, &d, s->count);
    settle(s, l, k, y);
}

/* [count][grid][grid][kept] from [count][H][W][kept]. */
static const float *average(solo *s, const float *x, float *y)
{
    const lsn_net *net = s->engine->net;
    const lsn_layer *last = &net->layers[net->n_conv - 1];
    const size_t in = (size_t)last->out_h * (size_t)last->out_w * (size_t)s->in.count;
    const size_t out = (size_t)net->grid * (size_t)net->grid * (size_t)s->in.count;
    for (int i = 0; i < s->count; i++)
        sweep_average_pool(s->engine, s->in.count, x + (size_t)i * in, y + (size_t)i * out);
    return y;
}

/* Notes how far layer l's output went, x as the next layer sees it. Donors go nowhere: nothing is removed from them. */
static void note_drift(const solo *s, int l, const float *x)
{
    if (s->ablation->mask.count > 0)
        sweep_drift_alone(s->engine, s->branch, l, s->in.filters, s->in.count, x);
}

/* Layer l, but the logits. What branches off at l has been averaged. */
static void go_through(solo *s, int l)
{
    const lsn_engine *engine = s->engine;
    const int n_conv = engine->net->n_conv;
    const float *x = s->y;
    float *y = s->turn[(l - s->branch->n) % 2];
    if (l == n_conv && l > s->branch->n && engine->average)
        x = average(s, x, engine->solo[2]);
    note_drift(s, l - 1, x);
    if (l >= n_conv)
        dense(s, l, x, y, 0);
    else
        conv(s, l, x, y);
}

/* Layer l for the donors, as long as masks are to come. */
static void lead_donors(const solo *s, int l)
{
    if (s->donors != NULL && s->part < s->ablation->mask.count)
        go_through(s->donors, l);
}

/* The logits. */
static void finish(solo *s)
{
    const lsn_engine *engine = s->engine;
    const lsn_engine_request *r = engine->request;
    const lsn_net *net = engine->net;
    const int last = net->n_layers - 1;
    const size_t pair = (size_t)s->branch->ablation * (size_t)r->n + (size_t)s->branch->begin;
    const size_t classes = (size_t)net->classes;
    const float *x = last == net->n_conv && engine->average ? average(s, s->y, engine->solo[2]) : s->y;
    note_drift(s, last - 1, x);
    dense(s, last, x, r->logits + pair * classes, classes);
    note_drift(s, last, r->logits + pair * classes);
}

/* Hands what is there, the whole input of layer l, to its queue: behind its last mask an ablation goes the way of all
 * others. */
static bool join(solo *s, int l, lsn_error *err)
{
    lsn_engine *engine = s->engine;
    const sweep_branch *b = s->branch;
    const sweep_layer *layer = &engine->layers[l];
    const float *x = l == engine->net->n_conv && engine->average ? average(s, s->y, engine->solo[2]) : s->y;
    note_drift(s, l - 1, x);
    for (int at = 0; at < s->count; at += layer->queue.stack) {
        const int left = s->count - at, here = left < layer->queue.stack ? left : layer->queue.stack;
        sweep_pair *pairs;
        float *to = sweep_push(engine, l, here, &pairs);
        memcpy(to, x + (size_t)at * layer->in_floats, (size_t)here * layer->in_floats * sizeof *to);
        for (int i = 0; i < here; i++)
            pairs[i] = (sweep_pair){b->ablation, b->begin + at + i};
        if (!sweep_pushed(engine, l, here, err))
            return false;
    }
    return true;
}

bool sweep_solo(lsn_engine *engine, const sweep_branch *b, lsn_error *err)
{
    static const lsn_ablation nothing = {.mode = LSN_ZERO};
    const lsn_engine_request *r = engine->request;
    const int last = engine->n_layers - 1;
    solo donors = {.engine = engine,
                   .branch = b,
                   .ablation = &nothing,
                   .count = b->count,
                   .in = {NULL, engine->layers[b->n].channels},
                   .turn = {engine->donor[b->n % 2], engine->donor[2]},
                   .y = b->donors};
    solo s = {.engine = engine,
              .branch = b,
              .ablation = r->ablations[b->ablation],
              .part = 1,
              .count = b->count,
              .in_list = SOLO_IN,
              .out_list = SOLO_OUT,
              .turn = {engine->solo[0], engine->solo[1]},
              .donors = b->donors == NULL ? NULL : &donors};
    lead_donors(&s, b->n);
    sweep_step_raw(engine, b, s.turn[0]);
    sweep_drift_masked(engine, b);
    settle(&s, b->n, (kept){NULL, engine->net->layers[b->n].filters}, s.turn[0]);
    for (int l = b->n + 1; engine_go_on(r->stop, r->context, err); l++) {
        if (s.part == s.ablation->mask.count && s.in.filters == NULL)
            return join(&s, l, err);
        if (l == last) {
            finish(&s);
            return true;
        }
        lead_donors(&s, l);
        go_through(&s, l);
    }
    return false;
}
