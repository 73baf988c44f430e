#include "engine_internal.h"

/* Is the part's layer after `above` and one that can be ablated, and are its filters ascending and within it? */
static bool check_part(const lsn_model *model, const lsn_mask_part *part, int above, int index, lsn_error *err)
{
    if (part->layer < 0 || part->layer >= model->n_layers - 1)
        return lsn_fail(err, LSN_INVALID, "ablation %d: layer %d is not one of the layers 0..%d that can be ablated",
                        index, part->layer, model->n_layers - 2);
    const lsn_layer *layer = &model->layers[part->layer];
    if (part->layer <= above)
        return lsn_fail(err, LSN_INVALID, "ablation %d: layer %s comes after layer %s; give each layer once, in order",
                        index, layer->name, model->layers[above].name);
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

bool engine_check_ablation(const lsn_engine *engine, const lsn_ablation *ablation, int index, lsn_error *err)
{
    if (ablation->mode != LSN_ZERO && ablation->mode != LSN_MEAN)
        return lsn_fail(err, LSN_INVALID, "ablation %d: mode %d is not known", index, (int)ablation->mode);
    if (ablation->mode == LSN_MEAN && ablation->mask.count > 0 && engine->means == NULL)
        return lsn_fail(err, LSN_INVALID, "ablation %d: mode mean needs the channels' means, which were not set",
                        index);
    if (ablation->mask.count < 0)
        return lsn_fail(err, LSN_INVALID, "ablation %d: a mask of %d parts", index, ablation->mask.count);
    int above = -1;
    for (int i = 0; i < ablation->mask.count; i++) {
        if (!check_part(engine->model, &ablation->mask.parts[i], above, index, err))
            return false;
        above = ablation->mask.parts[i].layer;
    }
    return true;
}

void engine_mask(float *y, size_t positions, int filters, const lsn_mask_part *part, const float *means)
{
    for (size_t p = 0; p < positions; p++, y += filters)
        for (int i = 0; i < part->count; i++)
            y[part->filters[i]] = means == NULL ? 0.0f : means[part->filters[i]];
}
