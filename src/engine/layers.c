/* One layer on many images. */
#include "engine/engine_internal.h"

#ifdef _OPENMP
#include <omp.h>
#endif

static void *workspace_of(const lsn_engine *engine)
{
#ifdef _OPENMP
    return engine->workspace + (size_t)omp_get_thread_num() * engine->workspace_bytes;
#else
    return engine->workspace;
#endif
}

void sweep_run_conv(lsn_engine *engine, const lsn_conv *conv, int n)
{
    int blocks = lsn_conv_blocks(conv, n);
    engine->profile.conv_madds += n * lsn_conv_multiply_adds(conv);
    if (engine->threads == 1 || blocks == 1) {
        lsn_conv_run(conv, engine->images, n, 0, blocks, engine->workspace);
        return;
    }
    lsn_conv quiet = *conv;
    quiet.phases = NULL; /* they count for one thread only */
#pragma omp parallel for num_threads(engine->threads) schedule(dynamic)
    for (int b = 0; b < blocks; b++)
        lsn_conv_run(&quiet, engine->images, n, b, b + 1, workspace_of(engine));
}

void sweep_run_dense(lsn_engine *engine, const lsn_dense *dense, int n)
{
    double began = lsn_now_s();
    int blocks = lsn_dense_blocks(dense, n);
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

void sweep_average_pool(const lsn_engine *engine, int channels, const float *x, float *y)
{
    const lsn_layer *last = &engine->net->layers[engine->net->n_conv - 1];
    engine_average_pool(x, last->out_h, last->out_w, channels, engine->net->grid, y);
}

static bool is_averaged(const lsn_engine *engine, int l)
{
    return engine->average && l == engine->net->n_conv - 1;
}

float *sweep_output_place(lsn_engine *engine, int l, int i, float *to)
{
    return is_averaged(engine, l) ? engine->map + (size_t)i * engine->layers[l].out_floats : to;
}

void sweep_finish_output(lsn_engine *engine, int l, int i, float *to)
{
    if (is_averaged(engine, l))
        sweep_average_pool(engine, engine->net->layers[l].filters,
                           engine->map + (size_t)i * engine->layers[l].out_floats, to);
}
