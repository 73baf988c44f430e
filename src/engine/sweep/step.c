/* The linear step. */
#include "engine/engine_internal.h"

#include <string.h>

/* The channels that a step computes: the removed ones, to be subtracted from the intact pre-activation, or the kept
 * ones, if they are fewer. */
typedef struct chosen {
    const int *channels;
    int count;
    bool removed;
    bool nothing; /* every channel is removed: one of them is computed, as zeros */
} chosen;

static chosen choose(lsn_engine *engine, const lsn_ablation *ablation, const sweep_layer *layer)
{
    const lsn_mask_part *part = &ablation->mask.parts[0];
    const int all = layer->channels, kept = all - part->count;
    chosen c = {.channels = part->filters, .count = part->count, .removed = true};
    /* What replaces a removed filter enters as a difference, so that only removed channels will do. */
    if (ablation->mode != LSN_ZERO || part->count <= kept)
        return c;
    int *list = engine->list[STEP_CHANNELS], n = 0;
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

/* What LSN_NOISE puts in place of the chosen channels for an image, as layer n sees it: to[pixels][count]. */
static void draw_noise(lsn_engine *engine, const sweep_branch *b, const chosen *c, int image, float *to)
{
    const lsn_engine_request *r = engine->request;
    float *map = sweep_output_place(engine, b->n - 1, 0, to);
    engine_noise_maps(engine, r, r->ablations[b->ablation], image, b->n - 1, c->channels, c->count, true, map,
                      (size_t)c->count);
    if (map != to)
        sweep_average_pool(engine, c->count, map, to);
}

static void subtract_means(const chosen *c, const float *means, int pixels, float *to)
{
    for (int p = 0; p < pixels; p++, to += c->count)
        for (int i = 0; i < c->count; i++)
            to[i] -= means[c->channels[i]];
}

/* to[pixels][count] = the chosen channels of a[pixels][channels] - to. */
static void subtract_from(const chosen *c, const float *a, int pixels, int channels, float *to)
{
    for (int p = 0; p < pixels; p++, a += channels, to += c->count)
        for (int i = 0; i < c->count; i++)
            to[i] = a[c->channels[i]] - to[i];
}

/* to[pixels][count]: the chosen channels of the branch's image i, as the step reads them: what is removed less what
 * replaces it. */
static void gather(lsn_engine *engine, const sweep_branch *b, const chosen *c, int i, float *to)
{
    const lsn_mode mode = engine->request->ablations[b->ablation]->mode;
    const sweep_layer *layer = &engine->layers[b->n];
    const float *a = b->a + (size_t)i * layer->in_floats;
    const int pixels = layer->in_pixels, channels = layer->channels;
    if (c->nothing) {
        memset(to, 0, sizeof *to * (size_t)pixels * (size_t)c->count);
    } else if (mode == LSN_NOISE) {
        draw_noise(engine, b, c, b->begin + i, to);
        subtract_from(c, a, pixels, channels, to);
    } else if (mode == LSN_RESAMPLE) {
        lsn_gather_channels(to, b->donors + (size_t)i * layer->in_floats, (size_t)pixels, channels, c->channels,
                            c->count);
        subtract_from(c, a, pixels, channels, to);
    } else {
        lsn_gather_channels(to, a, (size_t)pixels, channels, c->channels, c->count);
        if (mode == LSN_MEAN)
            subtract_means(c, engine->means + engine->layers[b->n - 1].filter_offset, pixels, to);
    }
}

/* Into layer n, a convolution. engine->images[i].out says where to. */
static void step_conv(lsn_engine *engine, const sweep_branch *b)
{
    sweep_layer *layer = &engine->layers[b->n];
    const chosen c = choose(engine, engine->request->ablations[b->ablation], layer);
    const bool few = sweep_step_method(&engine->net->layers[b->n], c.count) == LSN_CONV_DIRECT;
    lsn_conv conv = few ? layer->step : layer->conv;
    conv.channels = c.count;
    conv.rows = c.channels;
    conv.subtract = c.removed;
    const size_t gathered = (size_t)layer->in_pixels * (size_t)c.count;
    const float *z = engine->z + (size_t)(b->begin - engine->first) * layer->z_floats;
    double began = lsn_now_s();
    for (int i = 0; i < b->count; i++) {
        float *in = engine->gathered + (size_t)i * gathered;
        gather(engine, b, &c, i, in);
        engine->images[i].in = in;
        engine->images[i].base = c.removed ? z + (size_t)i * layer->z_floats : NULL;
        engine->images[i].pre = NULL;
    }
    engine->profile.branch_s += lsn_now_s() - began;
    sweep_run_conv(engine, &conv, b->count);
}

/* Into layer n, fully connected; its input is [pixels][channels]. */
static void step_dense(lsn_engine *engine, const sweep_branch *b, float *to, size_t to_stride)
{
    sweep_layer *layer = &engine->layers[b->n];
    const chosen c = choose(engine, engine->request->ablations[b->ablation], layer);
    int *terms = engine->list[STEP_TERMS], n_terms = 0;
    for (int p = 0; p < layer->in_pixels; p++)
        for (int i = 0; i < c.count; i++)
            terms[n_terms++] = p * layer->channels + c.channels[i];
    lsn_dense dense = layer->dense;
    dense.terms = n_terms;
    dense.rows = terms;
    dense.gather = NULL;
    dense.subtract = c.removed;
    const float *z = engine->z + (size_t)(b->begin - engine->first) * layer->z_floats;
    double began = lsn_now_s();
    for (int i = 0; i < b->count; i++) {
        float *in = engine->gathered + (size_t)i * (size_t)n_terms;
        gather(engine, b, &c, i, in);
        engine->rows[i] = (lsn_dense_row){
            .in = in,
            .out = to + (size_t)i * to_stride,
            .base = c.removed ? z + (size_t)i * layer->z_floats : NULL,
        };
    }
    engine->profile.branch_s += lsn_now_s() - began;
    sweep_run_dense(engine, &dense, b->count);
}

void sweep_step_raw(lsn_engine *engine, const sweep_branch *b, float *y)
{
    const size_t out = engine->layers[b->n].out_floats;
    if (engine->layers[b->n].fc) {
        step_dense(engine, b, y, out);
        return;
    }
    for (int i = 0; i < b->count; i++)
        engine->images[i].out = y + (size_t)i * out;
    step_conv(engine, b);
}

/* Into layer n, a convolution, and on into layer n + 1's queue. */
static void step_into_queue(lsn_engine *engine, const sweep_branch *b, float *to)
{
    const size_t floats = engine->layers[b->n + 1].in_floats;
    for (int i = 0; i < b->count; i++)
        engine->images[i].out = sweep_output_place(engine, b->n, i, to + (size_t)i * floats);
    step_conv(engine, b);
    for (int i = 0; i < b->count; i++)
        sweep_finish_output(engine, b->n, i, to + (size_t)i * floats);
}

bool sweep_step(lsn_engine *engine, const sweep_branch *b, lsn_error *err)
{
    const lsn_engine_request *r = engine->request;
    const size_t classes = (size_t)engine->net->classes;
    if (b->n == engine->n_layers - 1) {
        float *logits = r->logits + ((size_t)b->ablation * (size_t)r->n + (size_t)b->begin) * classes;
        step_dense(engine, b, logits, classes);
        sweep_drift_masked(engine, b);
        sweep_drift_alone(engine, b, b->n, NULL, (int)classes, logits);
        return true;
    }
    sweep_pair *pairs;
    float *to = sweep_push(engine, b->n + 1, b->count, &pairs);
    if (engine->layers[b->n].fc)
        step_dense(engine, b, to, engine->layers[b->n + 1].in_floats);
    else
        step_into_queue(engine, b, to);
    for (int i = 0; i < b->count; i++)
        pairs[i] = (sweep_pair){b->ablation, b->begin + i};
    sweep_drift_masked(engine, b);
    sweep_drift_pairs(engine, b->n, pairs, b->count, to);
    return sweep_pushed(engine, b->n + 1, b->count, err);
}
