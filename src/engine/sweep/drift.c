/* Drift: how far outputs go from the intact ones, which roll() keeps, each layer's for the rolled images, before
 * anything branches off. */
#include "engine/engine_internal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Layer l's intact output for an image of the block, as the next layer sees it; and its floats. */
static const float *intact_of(const lsn_engine *engine, int l, int image)
{
    if (l == engine->n_layers - 1)
        return sweep_logits(engine, (sweep_pair){SWEEP_INTACT, image});
    assert(image >= engine->first && image < engine->first + engine->sub_block);
    return engine->layers[l].kept + (size_t)(image - engine->first) * engine->layers[l + 1].in_floats;
}

static size_t seen_floats(const lsn_engine *engine, int l)
{
    return l == engine->n_layers - 1 ? engine->layers[l].out_floats : engine->layers[l + 1].in_floats;
}

/* Of the squares of ||a' - a|| and ||a||. */
static double drift_of(double distance, double norm)
{
    if (norm > 0)
        return sqrt(distance / norm);
    return distance > 0 ? 1 : distance;
}

static void note(const lsn_engine *engine, int l, sweep_pair pair, double distance)
{
    const lsn_engine_request *r = engine->request;
    const size_t row = (size_t)pair.ablation * (size_t)engine->n_layers + (size_t)l;
    r->drift[row * (size_t)r->n + (size_t)pair.image] =
        drift_of(distance, engine->layers[l].norms[pair.image - engine->first]);
}

static void compare(const lsn_engine *engine, int l, sweep_pair pair, const float *y)
{
    note(engine, l, pair, lsn_distance(engine->isa, y, intact_of(engine, l, pair.image), seen_floats(engine, l)));
}

void sweep_find_norms(lsn_engine *engine, int l, int count)
{
    for (int i = 0; i < count; i++)
        engine->layers[l].norms[i] =
            lsn_distance(engine->isa, intact_of(engine, l, engine->first + i), NULL, seen_floats(engine, l));
}

void sweep_drift_pairs(lsn_engine *engine, int l, const sweep_pair *pairs, int n, const float *y)
{
    const size_t floats = seen_floats(engine, l);
    if (engine->request->drift == NULL)
        return;
#pragma omp parallel for num_threads(engine->threads) if (engine->threads > 1)
    for (int i = 0; i < n; i++)
        compare(engine, l, pairs[i], y == NULL ? sweep_logits(engine, pairs[i]) : y + (size_t)i * floats);
}

void sweep_drift_masked(lsn_engine *engine, const sweep_branch *b)
{
    if (engine->request->drift == NULL)
        return;
    const lsn_ablation *ablation = engine->request->ablations[b->ablation];
    const lsn_mask_part *part = &ablation->mask.parts[0];
    const sweep_layer *next = &engine->layers[b->n];
    const size_t floats = (size_t)next->in_pixels * (size_t)part->count;
    for (int i = 0; i < b->count; i++) {
        float *changed = engine->gathered + (size_t)i * floats;
        if (ablation->mode == LSN_ZERO) /* the step may have gathered what is kept */
            lsn_gather_channels(changed, b->a + (size_t)i * next->in_floats, (size_t)next->in_pixels, next->channels,
                                part->filters, part->count);
        note(engine, b->n - 1, (sweep_pair){b->ablation, b->begin + i},
             lsn_distance(engine->isa, changed, NULL, floats));
    }
}

/* to[pixels][all]: x[pixels][n] in the listed channels, 0 in the others. */
static void spread(float *to, const float *x, size_t pixels, size_t all, const int *channels, int n)
{
    memset(to, 0, pixels * all * sizeof *to);
    for (size_t p = 0; p < pixels; p++, to += all)
        for (int i = 0; i < n; i++)
            to[channels[i]] = *x++;
}

void sweep_drift_alone(lsn_engine *engine, const sweep_branch *b, int l, const int *kept, int n_kept, const float *y)
{
    if (engine->request->drift == NULL)
        return;
    const size_t all = (size_t)engine->net->layers[l].filters, pixels = seen_floats(engine, l) / all;
    for (int i = 0; i < b->count; i++) {
        const float *whole = y + (size_t)i * pixels * (size_t)n_kept;
        if (kept != NULL) {
            spread(engine->gathered, whole, pixels, all, kept, n_kept);
            whole = engine->gathered;
        }
        compare(engine, l, (sweep_pair){b->ablation, b->begin + i}, whole);
    }
}
