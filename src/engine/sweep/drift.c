/* Drift: how far what layers see goes from the intact values, which roll() keeps for the rolled images before anything
 * branches off. */
#include "engine/engine_internal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* A layer's seen value, intact, for an image of the block. */
static const float *intact_of(const lsn_engine *engine, int layer, int image)
{
    if (layer == engine->net->n_layers - 1)
        return sweep_logits(engine, (sweep_pair){SWEEP_INTACT, image});
    assert(image >= engine->first && image < engine->first + engine->sub_block);
    const engine_value *seen = &engine->program->values[engine->program->layers[layer].seen];
    return engine->kept[layer] + (size_t)(image - engine->first) * seen->floats;
}

/* Of the squares of ||a' - a|| and ||a||. */
static double drift_of(double distance, double norm)
{
    if (norm > 0)
        return sqrt(distance / norm);
    return distance > 0 ? 1 : distance;
}

static void note(const lsn_engine *engine, int layer, sweep_pair pair, double distance)
{
    const lsn_engine_request *r = engine->request;
    const size_t row = (size_t)pair.ablation * (size_t)engine->net->n_layers + (size_t)layer;
    r->drift[row * (size_t)r->n + (size_t)pair.image] =
        drift_of(distance, engine->norms[layer][pair.image - engine->first]);
}

void sweep_find_norms(lsn_engine *engine, int count)
{
    for (int l = 0; l < engine->net->n_layers; l++)
        for (int i = 0; i < count; i++)
            engine->norms[l][i] = lsn_distance(engine->isa, intact_of(engine, l, engine->first + i), NULL,
                                               engine->program->values[engine->program->layers[l].seen].floats);
}

/* to[pixels][all]: x[pixels][n] in the listed channels, 0 in the others. */
static void spread(float *to, const float *x, size_t pixels, size_t all, engine_channels channels)
{
    memset(to, 0, pixels * all * sizeof *to);
    for (size_t p = 0; p < pixels; p++, to += all)
        for (int i = 0; i < channels.count; i++)
            to[channels.list[i]] = *x++;
}

void sweep_drift(lsn_engine *engine, int value, const sweep_pair *pairs, int n, const engine_tensor *computed)
{
    const engine_value *v = &engine->program->values[value];
    if (engine->request->drift == NULL || v->seen < 0)
        return;
    const size_t floats = (size_t)v->pixels * (size_t)computed->channels.count;
    const bool whole = computed->channels.list == NULL;
#pragma omp parallel for num_threads(engine->threads) if (engine->threads > 1 && whole)
    for (int i = 0; i < n; i++) {
        const float *y = computed->data + (size_t)i * floats;
        if (!whole) {
            spread(engine->spread, y, (size_t)v->pixels, (size_t)v->channels, computed->channels);
            y = engine->spread;
        }
        note(engine, v->seen, pairs[i],
             lsn_distance(engine->isa, y, intact_of(engine, v->seen, pairs[i].image), v->floats));
    }
}

void sweep_drift_masked(lsn_engine *engine, const sweep_branch *b, const float *changed, size_t floats)
{
    for (int i = 0; i < b->count; i++)
        note(engine, b->ablation->mask.parts[0].layer, (sweep_pair){b->index, b->begin + i},
             lsn_distance(engine->isa, changed + (size_t)i * floats, NULL, floats));
}
