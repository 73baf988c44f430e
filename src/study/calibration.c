/* What a study wants of its calibration images, and what is known once they were run: scores of activations, and so
 * the jobs. */
#include "study/expand.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

/* ---- calibration images -------------------------------------------------------------------------------------- */

static int count_classes(const lsn_plan *plan)
{
    const lsn_sample *images = &plan->calibration;
    int classes = images->count > 0;
    for (int32_t i = 1; i < images->count && classes < 2; i++)
        if (lsn_data_label(plan->data, images->images[i]) != lsn_data_label(plan->data, images->images[0]))
            classes++;
    return classes;
}

bool lsn_calibration_check(const lsn_plan *plan, const lsn_calibration_uses *uses, lsn_error *err)
{
    const int32_t count = plan->calibration.count;
    if (uses->any != NULL && count == 0)
        return lsn_fail(err, LSN_INVALID, "%s needs calibration images, but none of them can be read", uses->any);
    if (uses->two != NULL && count < 2)
        return lsn_fail(err, LSN_INVALID,
                        "%s needs at least 2 calibration images, but this is %" PRId32
                        "; take more, such as calibration: {count: 256, seed: 1}",
                        uses->two, count);
    if (uses->classes != NULL && count_classes(plan) < 2)
        return lsn_fail(err, LSN_INVALID,
                        "%s compares classes, but all calibration images (%" PRId32
                        ") are of class %d; take some of each, such as calibration: {per_class: 10, "
                        "seed: 1}",
                        uses->classes, count, lsn_data_label(plan->data, plan->calibration.images[0]));
    return true;
}

/* ---- scores -------------------------------------------------------------------------------------------------- */

bool lsn_scores_are_known(const lsn_study_spec *spec)
{
    for (int s = 0; s < spec->n_scores; s++)
        if (lsn_of_activations(spec->scores[s].kind))
            return false;
    return true;
}

static double score_of(lsn_score_kind kind, const lsn_activations *activations, int filter, int positions)
{
    switch (kind) {
    case LSN_MEAN_ACTIVATION:
        return lsn_activations_mean(activations, filter);
    case LSN_APOZ:
        return lsn_activations_zeros(activations, filter, positions);
    default:
        assert(kind == LSN_SELECTIVITY);
        return lsn_activations_selectivity(activations, filter);
    }
}

/* Scores of a layer. The stand-in begins at another filter for each score, so that different scores do not seem to
 * choose the same filters. */
static void fill_layer(const lsn_plan *plan, lsn_score_kind kind, const lsn_activations *activations, int layer,
                       int stand_in, double *values)
{
    const int filters = plan->net->layers[layer].filters, offset = lsn_net_filter_offset(plan->net, layer);
    const lsn_net_shape *map = &plan->net->nodes[plan->net->layers[layer].output].shape;
    for (int f = 0; f < filters; f++)
        values[offset + f] =
            activations == NULL ? (f + stand_in) % filters : score_of(kind, activations, offset + f, map->h * map->w);
}

void lsn_scores_of_activations(lsn_plan *plan, const lsn_study_spec *spec, const lsn_activations *activations)
{
    int stand_in = 0;
    for (int s = 0; s < spec->n_scores; s++) {
        if (!lsn_of_activations(spec->scores[s].kind))
            continue;
        for (int l = 0; l < plan->net->n_layers - 1; l++)
            if (lsn_score_ranks(spec, s, l))
                fill_layer(plan, spec->scores[s].kind, activations, l, stand_in, plan->scores[s].values);
        stand_in++;
    }
}

/* ---- jobs ---------------------------------------------------------------------------------------------------- */

static bool expand(lsn_plan *plan, const lsn_activations *activations, lsn_error *err)
{
    struct lsn_plan_storage *storage = plan->storage;
    lsn_scores_of_activations(plan, &storage->spec, activations);
    if (!lsn_expand(plan, &storage->spec, &storage->arena, err))
        return false;
    lsn_arena_finish(&storage->tree);
    storage->spec = (lsn_study_spec){0};
    storage->ablate = NULL;
    plan->expanded = true;
    return true;
}

bool lsn_plan_expand(lsn_plan *plan, const lsn_activations *activations, lsn_error *err)
{
    assert(plan->expanded || activations == NULL || *activations->images > 0);
    if (!plan->expanded && !expand(plan, activations, err))
        return false;
    const bool keyed = plan->evaluations[0].key[0] != '\0';
    return !plan->settled || keyed || lsn_keys_set(plan, err);
}
