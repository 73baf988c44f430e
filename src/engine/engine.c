/* An engine's life, and what it is told. */
#include "engine/engine_internal.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An engine without its memory. */
static lsn_engine *create_planned(const lsn_net *net, const lsn_engine_options *given, lsn_error *err)
{
    lsn_engine_options options = *given;
    if (net->input_h < 1 || net->input_w < 1) {
        lsn_fail(err, LSN_INVALID, "the size of the network's input is not set");
        return NULL;
    }
    lsn_engine *engine = lsn_array(1, sizeof *engine, err);
    if (engine == NULL)
        return NULL;
    engine->net = net;
    engine->n_layers = net->n_layers;
    engine->threads = options.threads > 0 ? options.threads : 1;
    engine->resample = options.resample;
    engine->drift = options.drift;
    options.besides_bytes += 2 * sizeof(float) * (size_t)lsn_net_filters(net); /* means and deviations */
    if (engine_plan_memory(engine, &options, err))
        return engine;
    lsn_engine_destroy(engine);
    return NULL;
}

lsn_engine *lsn_engine_create(const lsn_net *net, const lsn_engine_options *options, lsn_error *err)
{
    lsn_engine *engine = create_planned(net, options, err);
    if (engine == NULL)
        return NULL;
    engine->sums = engine_sums_create(net, err);
    if (engine->sums != NULL && engine_take_memory(engine, options->weights, err))
        return engine;
    lsn_engine_destroy(engine);
    return NULL;
}

bool lsn_engine_count(const lsn_net *net, const lsn_engine_options *options, size_t *bytes, lsn_error *err)
{
    lsn_engine *engine = create_planned(net, options, err);
    *bytes = engine == NULL ? 0 : engine->bytes;
    lsn_engine_destroy(engine);
    return *bytes > 0;
}

void lsn_engine_destroy(lsn_engine *engine)
{
    if (engine == NULL)
        return;
    for (int l = 0; engine->layers != NULL && l < engine->n_layers; l++) {
        free(engine->layers[l].queue.in);
        free(engine->layers[l].queue.pairs);
        free(engine->layers[l].kept);
        free(engine->layers[l].norms);
    }
    free(engine->layers);
    free(engine->means);
    free(engine->deviations);
    free(engine->sums);
    free(engine->weights);
    for (int i = 0; i < 2; i++)
        free(engine->intact[i]);
    for (int i = 0; i < 3; i++)
        free(engine->solo[i]);
    for (int i = 0; i < 3; i++)
        free(engine->donor[i]);
    for (int i = 0; i < SWEEP_LISTS; i++)
        free(engine->list[i]);
    free(engine->workspace);
    free(engine->z);
    free(engine->gathered);
    free(engine->map);
    free(engine->images);
    free(engine->rows);
    free(engine->bias);
    free(engine);
}

/* Copies numbers of all filters, each finite and at least `least`, to *to. */
static bool set_statistic(const lsn_engine *engine, float **to, const float *from, float least, const char *what,
                          lsn_error *err)
{
    const lsn_net *net = engine->net;
    const size_t filters = lsn_net_filters(net);
    for (int l = 0; l < net->n_layers - 1; l++)
        for (int f = 0; f < net->layers[l].filters; f++) {
            const float value = from[engine->layers[l].filter_offset + f];
            if (!isfinite(value))
                return lsn_fail(err, LSN_INVALID, "layer %s: the %s of filter %d is not a finite number",
                                net->layers[l].name, what, f);
            if (value < least)
                return lsn_fail(err, LSN_INVALID, "layer %s: the %s of filter %d is negative", net->layers[l].name,
                                what, f);
        }
    if (*to == NULL)
        *to = lsn_array(filters, sizeof(float), err);
    if (*to == NULL)
        return false;
    memcpy(*to, from, sizeof(float) * filters);
    return true;
}

bool lsn_engine_set_means(lsn_engine *engine, const float *means, lsn_error *err)
{
    return set_statistic(engine, &engine->means, means, -INFINITY, "mean activation", err);
}

bool lsn_engine_set_deviations(lsn_engine *engine, const float *deviations, lsn_error *err)
{
    return set_statistic(engine, &engine->deviations, deviations, 0, "activation's deviation", err);
}

lsn_engine_profile lsn_engine_profile_of(const lsn_engine *engine)
{
    lsn_engine_profile profile = engine->profile;
    profile.input_s = engine->phases.input;
    profile.product_s = engine->phases.product;
    profile.output_s = engine->phases.output;
    return profile;
}

const char *lsn_engine_isa(const lsn_engine *engine)
{
    return lsn_isa_name(engine->isa);
}

const char *lsn_engine_kernels(void)
{
    const lsn_isa *isa = lsn_isa_choose();
    return isa == NULL || lsn_isa_is_own(isa) ? "own" : "openblas";
}

const char *lsn_engine_library(void)
{
    return openblas_get_config();
}
