/* An engine's life, and what it is told. */
#include "engine/engine_internal.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The network compiled for an instruction set. */
static bool compile(lsn_engine *engine, lsn_error *err)
{
    engine->isa = lsn_isa_choose();
    if (engine->isa == NULL)
        return lsn_fail(err, LSN_USAGE,
                        "LESION_ISA=%s: should be avx512, avx2 or portable, as far as this processor has them, or "
                        "openblas",
                        getenv("LESION_ISA"));
    engine->program = engine_compile(engine->net, err);
    for (int i = 0; engine->program != NULL && i < engine->program->n_steps; i++) {
        engine_step *step = &engine->program->steps[i];
        step->conv.isa = step->few.isa = step->dense.isa = engine->isa;
    }
    return engine->program != NULL;
}

/* An engine without its memory. */
static lsn_engine *create_planned(const lsn_net *net, const lsn_engine_options *given, lsn_error *err)
{
    lsn_engine_options options = *given;
    lsn_engine *engine = lsn_array(1, sizeof *engine, err);
    if (engine == NULL)
        return NULL;
    engine->net = net;
    engine->threads = options.threads > 0 ? options.threads : 1;
    engine->resample = options.resample;
    engine->drift = options.drift;
    options.besides_bytes += 2 * sizeof(float) * (size_t)lsn_net_filters(net); /* means and deviations */
    if (compile(engine, err) && engine_plan_memory(engine, &options, err))
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
    if (engine->program != NULL)
        engine_release_memory(engine);
    engine_program_destroy(engine->program);
    free(engine->means);
    free(engine->deviations);
    free(engine->sums);
    free(engine);
}

bool engine_go_on(lsn_stop *stop, void *context, lsn_error *err)
{
    if (stop != NULL && stop(context))
        return lsn_fail(err, LSN_STOPPED, "stopped before all was evaluated");
    return true;
}

/* Copies numbers of all filters, each finite and at least `least`, to *to. */
static bool set_statistic(const lsn_engine *engine, float **to, const float *from, float least, const char *what,
                          lsn_error *err)
{
    const lsn_net *net = engine->net;
    const size_t filters = lsn_net_filters(net);
    for (int l = 0; l < net->n_layers - 1; l++)
        for (int f = 0; f < net->layers[l].filters; f++) {
            const float value = from[engine->program->layers[l].filter_offset + f];
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
