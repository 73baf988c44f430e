/* One ablation on all images, in this process. */
#include "run/run_internal.h"

#include <stdlib.h>

static bool add_block(lsn_compute *compute, const lsn_ablation *ablation, int32_t block, const lsn_outcome *outcome,
                      float *logits, lsn_trial *trial, lsn_error *err)
{
    if (!lsn_compute_load(compute, block, err))
        return false;
    lsn_compute_expect(compute, block + 1);
    if (!lsn_compute_unit(compute, block, &ablation, 1, outcome, logits, NULL, NULL, err))
        return false;
    lsn_tally_add(&trial->tally, outcome->tallies);
    for (int32_t l = 0; l < outcome->extent.layers; l++)
        trial->drift[l] += (double)outcome->drift[l] / LSN_FIXED;
    return true;
}

static bool evaluate(lsn_compute *compute, const lsn_plan *plan, const lsn_ablation *ablation, int32_t block_images,
                     lsn_trial *trial, lsn_error *err)
{
    const size_t layers = (size_t)plan->net->n_layers, block_logits = (size_t)block_images * (size_t)plan->net->classes;
    int64_t *drift = lsn_array(layers, sizeof *drift, err);
    lsn_tally tally;
    lsn_outcome outcome = {.tallies = &tally};
    if (plan->metrics.drift)
        outcome = (lsn_outcome){.extent = {.layers = (int32_t)layers}, .tallies = &tally, .drift = drift};
    trial->drift = lsn_array(layers, sizeof *trial->drift, err);
    bool ok = drift != NULL && trial->drift != NULL;
    for (int32_t block = 0; ok && block * (int64_t)block_images < plan->images.count; block++)
        ok = add_block(compute, ablation, block, &outcome, trial->logits + (size_t)block * block_logits, trial, err);
    for (int32_t l = 0; ok && l < outcome.extent.layers; l++)
        trial->drift[l] /= plan->images.count;
    free(drift);
    return ok;
}

/* What the mode wants to be known of the calibration images. */
static bool calibrate(lsn_compute *compute, const lsn_plan *plan, lsn_mode mode, lsn_error *err)
{
    const lsn_activation_needs needs = {.means = mode == LSN_MEAN || mode == LSN_NOISE,
                                        .deviations = mode == LSN_NOISE};
    if (mode == LSN_ZERO)
        return true;
    if (plan->calibration.count == 0)
        return lsn_fail_at(err, LSN_INVALID, plan->path,
                           "mode %s needs calibration images: add calibration: {count: 256, seed: 1} to data",
                           lsn_mode_name(mode));
    if (!needs.means)
        return true;
    lsn_activations found;
    bool ok = lsn_activations_init(&found, plan->net, needs, err) &&
              lsn_compute_add_activations(compute, 0, plan->calibration.count, &found, lsn_leave_asked, NULL, err) &&
              lsn_compute_set_activations(compute, &found, err);
    lsn_activations_finish(&found);
    return ok;
}

bool lsn_trial_run(const lsn_plan *plan, const lsn_ablation *ablation, const lsn_engine_options *options,
                   lsn_trial *trial, lsn_error *err)
{
    const int32_t block_images = lsn_sweep_block_images(plan);
    lsn_engine_options engine = *options;
    engine.resample = ablation->mode == LSN_RESAMPLE;
    engine.drift = plan->metrics.drift;
    if (engine.memory_bytes == 0)
        engine.memory_bytes = lsn_sweep_default_memory(1);
    *trial = (lsn_trial){0};
    trial->logits = lsn_array((size_t)plan->images.count, (size_t)plan->net->classes * sizeof *trial->logits, err);
    lsn_compute *compute = trial->logits == NULL ? NULL : lsn_compute_create(plan, block_images, &engine, err);
    bool ok = compute != NULL && calibrate(compute, plan, ablation->mode, err) &&
              evaluate(compute, plan, ablation, block_images, trial, err);
    lsn_compute_destroy(compute);
    return ok;
}

void lsn_trial_finish(lsn_trial *trial)
{
    free(trial->logits);
    free(trial->drift);
    *trial = (lsn_trial){0};
}
