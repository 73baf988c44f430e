/* Kernels over the threads, and the steps of a segment. */
#include "engine/engine_internal.h"

#ifdef _OPENMP
#include <omp.h>
#endif

/* ---- kernels ------------------------------------------------------------------------------------------------- */

static void *workspace_of(const lsn_engine *engine)
{
#ifdef _OPENMP
    return engine->workspace + (size_t)omp_get_thread_num() * engine->workspace_bytes;
#else
    return engine->workspace;
#endif
}

void engine_run_conv(lsn_engine *engine, const lsn_conv *conv, int n)
{
    lsn_conv c = *conv;
    const int blocks = lsn_conv_blocks(&c, n);
    engine->profile.conv_madds += n * lsn_conv_multiply_adds(&c);
    if (engine->threads == 1 || blocks == 1) {
        c.phases = &engine->phases; /* they count for one thread only */
        lsn_conv_run(&c, engine->images, n, 0, blocks, engine->workspace);
        return;
    }
#pragma omp parallel for num_threads(engine->threads) schedule(dynamic)
    for (int b = 0; b < blocks; b++)
        lsn_conv_run(&c, engine->images, n, b, b + 1, workspace_of(engine));
}

void engine_run_dense(lsn_engine *engine, const lsn_dense *dense, int n)
{
    const double began = lsn_now_s();
    const int blocks = lsn_dense_blocks(dense, n);
    if (engine->threads == 1 || blocks == 1)
        lsn_dense_run(dense, engine->rows, n, 0, blocks, engine->workspace);
    else {
#pragma omp parallel for num_threads(engine->threads) schedule(dynamic)
        for (int b = 0; b < blocks; b++)
            lsn_dense_run(dense, engine->rows, n, b, b + 1, workspace_of(engine));
    }
    engine->profile.dense_s += lsn_now_s() - began;
    engine->profile.dense_madds += (double)n * dense->terms * dense->filters;
}

const float *engine_bias_of(lsn_engine *engine, const float *bias, engine_channels filters)
{
    if (filters.list == NULL)
        return bias;
    for (int i = 0; i < filters.count; i++)
        engine->bias[i] = bias[filters.list[i]];
    return engine->bias;
}

/* ---- segments ------------------------------------------------------------------------------------------------ */

void engine_set(const lsn_engine *engine, engine_tensor *flow, int value, const float *data)
{
    flow[value] = (engine_tensor){data, {NULL, engine->program->values[value].channels}};
}

float *engine_place(const lsn_engine *engine, const engine_places *places, int segment, int value)
{
    const engine_value *v = &engine->program->values[value];
    if (value == engine->program->segments[segment].output)
        return places->out;
    if (places->kept != NULL && v->seen >= 0)
        return places->kept[v->seen];
    return places->inner != NULL ? places->inner + (size_t)engine->sub_block * v->offset : engine->buffers[v->buffer];
}

const engine_tensor *engine_inputs(lsn_engine *engine, const engine_tensor *flow, const engine_step *step)
{
    for (int i = 0; i < step->n_inputs; i++)
        engine->inputs[i] = flow[step->inputs[i]];
    return engine->inputs;
}

void engine_run_segment(lsn_engine *engine, int segment, const engine_places *places, int n)
{
    const engine_segment *s = &engine->program->segments[segment];
    for (int i = s->first; i < s->end; i++) {
        const engine_step *step = &engine->program->steps[i];
        float *out = engine_place(engine, places, segment, step->output);
        float *pre = NULL;
        if (places->z != NULL && step->z_floats > 0)
            pre = places->z + (size_t)engine->sub_block * step->z_offset;
        const engine_call call = {
            .n = n,
            .in = engine_inputs(engine, places->flow, step),
            .out = out,
            .outputs = {NULL, engine->program->values[step->output].channels},
            .pre = pre,
        };
        step->op->run(engine, step, &call);
        engine_set(engine, places->flow, step->output, out);
        if (places->pairs != NULL)
            sweep_drift(engine, step->output, places->pairs, n, &places->flow[step->output]);
    }
}
