/* Predicted work, by steps. */
#include "engine/engine_internal.h"

#include <stdlib.h>

/* Channels that the linear steps behind an ablation's first mask compute: the removed ones, or the kept ones if they
 * are fewer. */
static int linear_channels(const engine_program *program, const lsn_ablation *ablation)
{
    const lsn_mask_part *part = &ablation->mask.parts[0];
    const int kept = program->net->layers[part->layer].filters - part->count;
    return ablation->mode == LSN_ZERO && kept < part->count ? (kept > 0 ? kept : 1) : part->count;
}

static double full_madds(const engine_step *step)
{
    return step->op->madds == NULL ? 0 : step->op->madds(step, step->in.channels);
}

double engine_madds(const engine_program *program, const lsn_ablation *ablation)
{
    double madds = 0;
    int next = 0;
    if (ablation->mask.count > 0) {
        const engine_layer *layer = &program->layers[ablation->mask.parts[0].layer];
        for (int i = 0; i < layer->n_affected; i++) {
            const engine_step *step = &program->steps[layer->affected[i]];
            const bool linear = step->op->madds != NULL && engine_reads(step, layer->seen);
            madds += linear ? step->op->madds(step, linear_channels(program, ablation)) : full_madds(step);
        }
        next = program->segments[layer->branch].end;
    }
    for (; next < program->n_steps; next++)
        madds += full_madds(&program->steps[next]);
    return madds;
}

/* ---- costs by step ------------------------------------------------------------------------------------------- */

/* Channels of the image's value that a linear step's `channels` are, at every pixel where each has its own weights. */
static double terms_of(const engine_step *step, int channels)
{
    return step->dense.terms > 0 ? (double)channels * step->in.h * step->in.w : channels;
}

bool lsn_costs_predict(const lsn_net *net, lsn_costs *costs, lsn_error *err)
{
    *costs = (lsn_costs){.program = engine_compile(net, err)};
    if (costs->program == NULL)
        return false;
    costs->count = 3 * (size_t)costs->program->n_steps;
    costs->values = lsn_array(costs->count, sizeof *costs->values, err);
    if (costs->values == NULL) {
        lsn_costs_finish(costs);
        return false;
    }
    for (int i = 0; i < costs->program->n_steps; i++) {
        const engine_step *step = &costs->program->steps[i];
        engine_cost *cost = engine_cost_of(costs, i);
        if (step->op->cost == NULL)
            continue;
        cost->full = step->op->cost(step);
        cost->channel = cost->full / terms_of(step, step->in.channels);
        cost->linear = step->inputs[0] == 0 ? 0 : step->op->linear_cost(step); /* nobody masks the images */
    }
    return true;
}

void lsn_costs_finish(lsn_costs *costs)
{
    engine_program_destroy(costs->program);
    free(costs->values);
    *costs = (lsn_costs){0};
}

double lsn_costs_of(const lsn_costs *costs, const lsn_ablation *ablation)
{
    const engine_program *program = costs->program;
    double sum = 0;
    int next = 0;
    if (ablation->mask.count > 0) {
        const engine_layer *layer = &program->layers[ablation->mask.parts[0].layer];
        for (int i = 0; i < layer->n_affected; i++) {
            const engine_step *step = &program->steps[layer->affected[i]];
            const engine_cost *cost = engine_cost_of(costs, layer->affected[i]);
            if (engine_reads(step, layer->seen))
                sum += cost->linear + terms_of(step, linear_channels(program, ablation)) * cost->channel;
            else
                sum += cost->full;
        }
        next = program->segments[layer->branch].end;
    }
    for (; next < program->n_steps; next++)
        sum += engine_cost_of(costs, next)->full;
    return sum;
}

double lsn_costs_madds(const lsn_costs *costs, const lsn_ablation *ablation)
{
    return engine_madds(costs->program, ablation);
}
