/* Masks: whether what a request asks for can be done, and how filters are removed. */
#include "engine/engine_internal.h"

/* Is the part's layer after `above` and one that can be ablated, and are its filters ascending and within it? */
static bool check_part(const lsn_net *net, const lsn_mask_part *part, int above, int index, lsn_error *err)
{
    if (part->layer < 0 || part->layer >= net->n_layers - 1)
        return lsn_fail(err, LSN_INVALID, "ablation %d: layer %d is not one of the layers 0..%d that can be ablated",
                        index, part->layer, net->n_layers - 2);
    const lsn_layer *layer = &net->layers[part->layer];
    if (part->layer <= above)
        return lsn_fail(err, LSN_INVALID, "ablation %d: layer %s comes after layer %s; give each layer once, in order",
                        index, layer->name, net->layers[above].name);
    if (part->count < 1)
        return lsn_fail(err, LSN_INVALID, "ablation %d: no filter of layer %s is named", index, layer->name);
    for (int i = 0; i < part->count; i++) {
        if (part->filters[i] < 0 || part->filters[i] >= layer->filters)
            return lsn_fail(err, LSN_INVALID, "ablation %d: layer %s has the filters 0..%d, not %d", index, layer->name,
                            layer->filters - 1, part->filters[i]);
        if (i > 0 && part->filters[i] <= part->filters[i - 1])
            return lsn_fail(err, LSN_INVALID,
                            "ablation %d: layer %s: filter %d comes after %d; give them in order, once", index,
                            layer->name, part->filters[i], part->filters[i - 1]);
    }
    return true;
}

/* Is there what the ablation's mode needs? */
static bool check_mode(const lsn_engine *engine, const lsn_engine_request *r, int index, lsn_error *err)
{
    const lsn_ablation *ablation = r->ablations[index];
    const lsn_mode mode = ablation->mode;
    if ((unsigned)mode >= LSN_N_MODES)
        return lsn_fail(err, LSN_INVALID, "ablation %d: mode %d is not known", index, (int)mode);
    const char *name = lsn_mode_name(mode);
    if ((mode == LSN_RESAMPLE || mode == LSN_NOISE) && ablation->seed < 0)
        return lsn_fail(err, LSN_INVALID, "ablation %d: mode %s: seed %lld; give 0 or more", index, name,
                        (long long)ablation->seed);
    if (ablation->mask.count == 0)
        return true;
    if ((mode == LSN_MEAN || mode == LSN_NOISE) && engine->means == NULL)
        return lsn_fail(err, LSN_INVALID, "ablation %d: mode %s needs the channels' means, which were not set", index,
                        name);
    if (mode == LSN_NOISE && engine->deviations == NULL)
        return lsn_fail(err, LSN_INVALID, "ablation %d: mode %s needs the channels' deviations, which were not set",
                        index, name);
    if (mode == LSN_RESAMPLE && r->donors == NULL)
        return lsn_fail(err, LSN_INVALID, "ablation %d: mode %s needs donors: give an image for each of the block's",
                        index, name);
    if (mode == LSN_RESAMPLE && !engine->resample)
        return lsn_fail(err, LSN_INVALID,
                        "ablation %d: mode %s: the engine has no memory for donors; set `resample` in its options",
                        index, name);
    return true;
}

static bool check_ablation(const lsn_engine *engine, const lsn_engine_request *r, int index, lsn_error *err)
{
    const lsn_mask *mask = &r->ablations[index]->mask;
    if (mask->count < 0)
        return lsn_fail(err, LSN_INVALID, "ablation %d: a mask of %d parts", index, mask->count);
    if (!check_mode(engine, r, index, err))
        return false;
    int above = -1;
    for (int i = 0; i < mask->count; i++) {
        if (!check_part(engine->net, &mask->parts[i], above, index, err))
            return false;
        above = mask->parts[i].layer;
    }
    return true;
}

/* Donors are drawn by the seed: ablations that share them have the same. */
static bool check_seeds(const lsn_engine_request *r, lsn_error *err)
{
    int first = -1;
    for (int a = 0; a < r->n_ablations; a++) {
        if (r->ablations[a]->mode != LSN_RESAMPLE || r->ablations[a]->mask.count == 0)
            continue;
        if (first < 0)
            first = a;
        if (r->ablations[a]->seed != r->ablations[first]->seed)
            return lsn_fail(err, LSN_INVALID,
                            "ablation %d: mode resample: seed %lld, but that of ablation %d is %lld; make a request "
                            "for each seed, with its donors",
                            a, (long long)r->ablations[a]->seed, first, (long long)r->ablations[first]->seed);
    }
    return true;
}

bool engine_check_request(const lsn_engine *engine, const lsn_engine_request *r, lsn_error *err)
{
    if (r->n < 0 || r->n_ablations < 0)
        return lsn_fail(err, LSN_INVALID, "a block of %d images and %d ablations", r->n, r->n_ablations);
    if (r->drift != NULL && !engine->drift)
        return lsn_fail(err, LSN_INVALID, "drift is asked of an engine that was created without the option");
    for (int i = 0; r->ids != NULL && i < r->n; i++)
        if (r->ids[i] < 0)
            return lsn_fail(err, LSN_INVALID, "image %d of the block: its number is %d; give 0 or more", i, r->ids[i]);
    for (int a = 0; a < r->n_ablations; a++)
        if (!check_ablation(engine, r, a, err))
            return false;
    return check_seeds(r, err);
}

/* ---- removing ------------------------------------------------------------------------------------------------ */

/* The step whose output the layer's masks replace, a pooling that is fused into it included: a constant map pools to
 * itself, and what noise or a donor puts there has been pooled. */
static const engine_step *masked_step(const lsn_engine *engine, int layer)
{
    const engine_program *program = engine->program;
    return &program->steps[program->values[program->layers[layer].masked].producer];
}

/* Row by row, so that the filters' writes meet in the cache. */
void engine_noise_maps(const lsn_engine *engine, const lsn_ablation *ablation, const lsn_mask_part *part, int image,
                       bool compact, float *to, size_t stride)
{
    const lsn_engine_request *r = engine->request;
    const engine_step *step = masked_step(engine, part->layer);
    const int offset = engine->program->layers[part->layer].filter_offset;
    const int rows = engine_noise_rows(step->map.h, step->pool);
    engine_noise noise = {
        .seed = (uint64_t)ablation->seed,
        .image = (uint32_t)(r->ids == NULL ? image : r->ids[image]),
        .layer = (uint32_t)part->layer,
    };
    for (int row = 0; row < rows; row++)
        for (int i = 0; i < part->count; i++) {
            const int filter = part->filters[i];
            noise.filter = (uint32_t)filter;
            noise.mean = engine->means[offset + filter];
            noise.deviation = engine->deviations[offset + filter];
            engine_draw_noise(&noise, step->map.h, step->map.w, step->pool, row, to + (compact ? i : filter), stride);
        }
}

/* y[positions][F], by what is constant over positions (NULL: 0). */
static void overwrite(float *y, size_t positions, int filters, const lsn_mask_part *part, const float *means)
{
    for (size_t p = 0; p < positions; p++, y += filters)
        for (int i = 0; i < part->count; i++)
            y[part->filters[i]] = means == NULL ? 0.0f : means[part->filters[i]];
}

/* y[positions][F], by the donors' maps of the same shape. */
static void transplant(float *y, size_t positions, int filters, const lsn_mask_part *part, const float *donors)
{
    for (size_t p = 0; p < positions; p++, y += filters, donors += filters)
        for (int i = 0; i < part->count; i++)
            y[part->filters[i]] = donors[part->filters[i]];
}

void engine_mask(const lsn_engine *engine, const lsn_ablation *ablation, const lsn_mask_part *part, int begin, int n,
                 const float *donors, float *y)
{
    const engine_layer *layer = &engine->program->layers[part->layer];
    const engine_value *value = &engine->program->values[layer->masked];
    const size_t pixels = (size_t)n * (size_t)value->pixels;
    switch (ablation->mode) {
    case LSN_RESAMPLE:
        transplant(y, pixels, value->channels, part, donors);
        return;
    case LSN_NOISE:
        for (int i = 0; i < n; i++)
            engine_noise_maps(engine, ablation, part, begin + i, false, y + (size_t)i * value->floats,
                              (size_t)value->channels);
        return;
    default:
        overwrite(y, pixels, value->channels, part,
                  ablation->mode == LSN_MEAN ? engine->means + layer->filter_offset : NULL);
    }
}
