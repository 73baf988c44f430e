/* The linear step. */
#include "engine/sweep/sweep.h"

#include <string.h>

/* The channels that a step computes: the removed ones, to be subtracted from the intact pre-activation, or the kept
 * ones, if they are fewer. */
typedef struct chosen {
    const int *channels;
    int count;
    bool removed;
    bool nothing; /* every channel is removed: one of them is computed, as zeros */
} chosen;

static chosen choose(engine_sweep *sweep, const lsn_ablation *ablation, const sweep_layer *layer)
{
    const lsn_mask_part *part = &ablation->mask.parts[0];
    const int all = layer->channels, kept = all - part->count;
    chosen c = {.channels = part->filters, .count = part->count, .removed = true};
    /* What replaces a removed filter by its mean is a difference too, so that only removed channels will do. */
    if (ablation->mode != LSN_ZERO || part->count <= kept)
        return c;
    int *list = sweep->list[STEP_CHANNELS], n = 0;
    for (int i = 0, r = 0; i < all; i++) {
        if (r < part->count && part->filters[r] == i)
            r++;
        else
            list[n++] = i;
    }
    c = (chosen){.channels = list, .count = n, .removed = false};
    if (n == 0) {
        list[0] = 0;
        c.count = 1;
        c.nothing = true;
    }
    return c;
}

/* to[pixels][count]: the chosen channels of a[pixels][channels]; where they are to be replaced by their means, their
 * difference from them. */
static void gather(const chosen *c, const float *means, const float *a, int pixels, int channels, float *to)
{
    if (c->nothing) {
        memset(to, 0, sizeof *to * (size_t)pixels * (size_t)c->count);
        return;
    }
    lsn_gather_channels(to, a, (size_t)pixels, channels, c->channels, c->count);
    if (means == NULL || !c->removed)
        return;
    for (int p = 0; p < pixels; p++)
        for (int i = 0; i < c->count; i++)
            *to++ -= means[c->channels[i]];
}

static const float *means_of(const engine_sweep *sweep, const lsn_ablation *ablation, int l)
{
    return ablation->mode == LSN_MEAN ? sweep->engine->means + sweep->engine->layers[l].filter_offset : NULL;
}

/* Into layer n, a convolution, for images whose intact inputs are a[count]; `begin` is the first one's place among
 * those rolled. sweep->images[i].out says where to. */
static void step_conv(engine_sweep *sweep, const lsn_ablation *ablation, int n, const float *a, int begin, int count)
{
    sweep_layer *layer = &sweep->layers[n];
    const chosen c = choose(sweep, ablation, layer);
    const float *means = means_of(sweep, ablation, n - 1);
    const bool few = sweep_step_method(&sweep->engine->model->layers[n], c.count) == LSN_CONV_DIRECT;
    lsn_conv conv = few ? layer->step : layer->conv;
    conv.channels = c.count;
    conv.rows = c.channels;
    conv.subtract = c.removed;
    const size_t gathered = (size_t)layer->in_pixels * (size_t)c.count;
    double began = lsn_now_s();
    for (int i = 0; i < count; i++) {
        float *in = sweep->gathered + (size_t)i * gathered;
        gather(&c, means, a + (size_t)i * layer->in_floats, layer->in_pixels, layer->channels, in);
        sweep->images[i].in = in;
        sweep->images[i].base = c.removed ? sweep->z + (size_t)(begin + i) * layer->z_floats : NULL;
        sweep->images[i].pre = NULL;
    }
    sweep->profile.branch_s += lsn_now_s() - began;
    sweep_run_conv(sweep, &conv, count);
}

/* Into layer n, fully connected; its input is [pixels][channels]. */
static void step_dense(engine_sweep *sweep, const lsn_ablation *ablation, int n, const float *a, int begin, int count,
                       float *to, size_t to_stride)
{
    sweep_layer *layer = &sweep->layers[n];
    const chosen c = choose(sweep, ablation, layer);
    const float *means = means_of(sweep, ablation, n - 1);
    int *terms = sweep->list[STEP_TERMS], n_terms = 0;
    for (int p = 0; p < layer->in_pixels; p++)
        for (int i = 0; i < c.count; i++)
            terms[n_terms++] = p * layer->channels + c.channels[i];
    lsn_dense dense = layer->dense;
    dense.terms = n_terms;
    dense.rows = terms;
    dense.gather = NULL;
    dense.subtract = c.removed;
    double began = lsn_now_s();
    for (int i = 0; i < count; i++) {
        float *in = sweep->gathered + (size_t)i * (size_t)n_terms;
        gather(&c, means, a + (size_t)i * layer->in_floats, layer->in_pixels, layer->channels, in);
        sweep->rows[i] = (lsn_dense_row){
            .in = in,
            .out = to + (size_t)i * to_stride,
            .base = c.removed ? sweep->z + (size_t)(begin + i) * layer->z_floats : NULL,
        };
    }
    sweep->profile.branch_s += lsn_now_s() - began;
    sweep_run_dense(sweep, &dense, count);
}

void sweep_step_raw(engine_sweep *sweep, const lsn_ablation *ablation, int n, const float *a, int begin, int count,
                    float *y)
{
    const size_t out = sweep->layers[n].out_floats;
    if (sweep->layers[n].fc) {
        step_dense(sweep, ablation, n, a, begin, count, y, out);
        return;
    }
    for (int i = 0; i < count; i++)
        sweep->images[i].out = y + (size_t)i * out;
    step_conv(sweep, ablation, n, a, begin, count);
}

/* Into layer n, a convolution, and on into layer n + 1's queue. */
static void step_into_queue(engine_sweep *sweep, const lsn_ablation *ablation, int n, const float *a, int begin,
                            int count, float *to)
{
    const size_t floats = sweep->layers[n + 1].in_floats;
    for (int i = 0; i < count; i++)
        sweep->images[i].out = sweep_output_place(sweep, n, i, to + (size_t)i * floats);
    step_conv(sweep, ablation, n, a, begin, count);
    for (int i = 0; i < count; i++)
        sweep_finish_output(sweep, n, i, to + (size_t)i * floats);
}

bool sweep_step(engine_sweep *sweep, int ablation, int n, const float *a, int begin, int count, lsn_error *err)
{
    const lsn_engine_request *r = sweep->request;
    const lsn_ablation *what = r->ablations[ablation];
    const size_t classes = (size_t)sweep->engine->model->classes;
    const int rolled = begin - sweep->first; /* place among the rolled images */
    if (n == sweep->n_layers - 1) {
        float *logits = r->logits + ((size_t)ablation * (size_t)r->n + (size_t)begin) * classes;
        step_dense(sweep, what, n, a, rolled, count, logits, classes);
        return true;
    }
    sweep_pair *pairs;
    float *to = sweep_push(sweep, n + 1, count, &pairs);
    if (sweep->layers[n].fc)
        step_dense(sweep, what, n, a, rolled, count, to, sweep->layers[n + 1].in_floats);
    else
        step_into_queue(sweep, what, n, a, rolled, count, to);
    for (int i = 0; i < count; i++)
        pairs[i] = (sweep_pair){ablation, begin + i};
    return sweep_pushed(sweep, n + 1, count, err);
}
