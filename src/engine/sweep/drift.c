/* Drift: how far outputs go from the intact ones, which roll() keeps, each layer's for the rolled images, before
 * anything branches off. */
#include "engine/sweep/sweep.h"

#include <assert.h>
#include <string.h>

/* Layer l's intact output for an image of the block, as the next layer sees it; and its floats. */
static const float *intact_of(const engine_sweep *sweep, int l, int image)
{
    if (l == sweep->n_layers - 1)
        return sweep_logits(sweep, (sweep_pair){SWEEP_INTACT, image});
    assert(image >= sweep->first && image < sweep->first + sweep->sub_block);
    return sweep->layers[l].kept + (size_t)(image - sweep->first) * sweep->layers[l + 1].in_floats;
}

static size_t seen_floats(const engine_sweep *sweep, int l)
{
    return l == sweep->n_layers - 1 ? sweep->layers[l].out_floats : sweep->layers[l + 1].in_floats;
}

static void note(const engine_sweep *sweep, int l, sweep_pair pair, double distance)
{
    const lsn_engine_request *r = sweep->request;
    const size_t row = (size_t)pair.ablation * (size_t)sweep->n_layers + (size_t)l;
    r->drift[row * (size_t)r->n + (size_t)pair.image] =
        engine_drift(distance, sweep->layers[l].norms[pair.image - sweep->first]);
}

static void compare(const engine_sweep *sweep, int l, sweep_pair pair, const float *y)
{
    note(sweep, l, pair, lsn_distance(sweep->isa, y, intact_of(sweep, l, pair.image), seen_floats(sweep, l)));
}

void sweep_find_norms(engine_sweep *sweep, int l, int count)
{
    for (int i = 0; i < count; i++)
        sweep->layers[l].norms[i] =
            lsn_distance(sweep->isa, intact_of(sweep, l, sweep->first + i), NULL, seen_floats(sweep, l));
}

void sweep_drift_pairs(engine_sweep *sweep, int l, const sweep_pair *pairs, int n, const float *y)
{
    const size_t floats = seen_floats(sweep, l);
    if (sweep->request->drift == NULL)
        return;
#pragma omp parallel for num_threads(sweep->threads) if (sweep->threads > 1)
    for (int i = 0; i < n; i++)
        compare(sweep, l, pairs[i], y == NULL ? sweep_logits(sweep, pairs[i]) : y + (size_t)i * floats);
}

void sweep_drift_masked(engine_sweep *sweep, const sweep_branch *b)
{
    if (sweep->request->drift == NULL)
        return;
    const lsn_ablation *ablation = sweep->request->ablations[b->ablation];
    const lsn_mask_part *part = &ablation->mask.parts[0];
    const sweep_layer *next = &sweep->layers[b->n];
    const size_t floats = (size_t)next->in_pixels * (size_t)part->count;
    for (int i = 0; i < b->count; i++) {
        float *changed = sweep->gathered + (size_t)i * floats;
        if (ablation->mode == LSN_ZERO) /* the step may have gathered what is kept */
            lsn_gather_channels(changed, b->a + (size_t)i * next->in_floats, (size_t)next->in_pixels, next->channels,
                                part->filters, part->count);
        note(sweep, b->n - 1, (sweep_pair){b->ablation, b->begin + i}, lsn_distance(sweep->isa, changed, NULL, floats));
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

void sweep_drift_alone(engine_sweep *sweep, const sweep_branch *b, int l, const int *kept, int n_kept, const float *y)
{
    if (sweep->request->drift == NULL)
        return;
    const size_t all = (size_t)sweep->engine->net->layers[l].filters, pixels = seen_floats(sweep, l) / all;
    for (int i = 0; i < b->count; i++) {
        const float *whole = y + (size_t)i * pixels * (size_t)n_kept;
        if (kept != NULL) {
            spread(sweep->gathered, whole, pixels, all, kept, n_kept);
            whole = sweep->gathered;
        }
        compare(sweep, l, (sweep_pair){b->ablation, b->begin + i}, whole);
    }
}
