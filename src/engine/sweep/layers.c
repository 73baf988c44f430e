/* One layer on many images. */
#include "engine/sweep/sweep.h"

#ifdef _OPENMP
#include <omp.h>
#endif

static void *workspace_of(const engine_sweep *sweep)
{
#ifdef _OPENMP
    return sweep->workspace + (size_t)omp_get_thread_num() * sweep->workspace_bytes;
#else
    return sweep->workspace;
#endif
}

void sweep_run_conv(engine_sweep *sweep, const lsn_conv *conv, int n)
{
    int blocks = lsn_conv_blocks(conv, n);
    sweep->profile.conv_madds += n * lsn_conv_multiply_adds(conv);
    if (sweep->threads == 1 || blocks == 1) {
        lsn_conv_run(conv, sweep->images, n, 0, blocks, sweep->workspace);
        return;
    }
    lsn_conv quiet = *conv;
    quiet.phases = NULL; /* they count for one thread only */
#pragma omp parallel for num_threads(sweep->threads) schedule(dynamic)
    for (int b = 0; b < blocks; b++)
        lsn_conv_run(&quiet, sweep->images, n, b, b + 1, workspace_of(sweep));
}

void sweep_run_dense(engine_sweep *sweep, const lsn_dense *dense, int n)
{
    double began = lsn_now_s();
    int blocks = lsn_dense_blocks(dense, n);
    if (sweep->threads == 1 || blocks == 1)
        lsn_dense_run(dense, sweep->rows, n, 0, blocks, sweep->workspace);
    else {
#pragma omp parallel for num_threads(sweep->threads) schedule(dynamic)
        for (int b = 0; b < blocks; b++)
            lsn_dense_run(dense, sweep->rows, n, b, b + 1, workspace_of(sweep));
    }
    sweep->profile.dense_s += lsn_now_s() - began;
    sweep->profile.dense_madds += (double)n * dense->terms * dense->filters;
}

void sweep_average_pool(const engine_sweep *sweep, int channels, const float *x, float *y)
{
    const lsn_net *net = sweep->engine->net;
    const lsn_layer *last = &net->layers[net->n_conv - 1];
    const int grid = net->grid, h = last->out_h, w = last->out_w;
    for (int i = 0; i < grid; i++)
        for (int j = 0; j < grid; j++, y += channels) {
            int top = i * h / grid, bottom = ((i + 1) * h + grid - 1) / grid;
            int left = j * w / grid, right = ((j + 1) * w + grid - 1) / grid;
            float count = (float)((bottom - top) * (right - left));
            for (int c = 0; c < channels; c++) {
                float sum = 0;
                for (int r = top; r < bottom; r++)
                    for (int s = left; s < right; s++)
                        sum += x[((size_t)r * (size_t)w + (size_t)s) * (size_t)channels + (size_t)c];
                y[c] = sum / count;
            }
        }
}

static bool is_averaged(const engine_sweep *sweep, int l)
{
    return sweep->average && l == sweep->engine->net->n_conv - 1;
}

float *sweep_output_place(engine_sweep *sweep, int l, int i, float *to)
{
    return is_averaged(sweep, l) ? sweep->map + (size_t)i * sweep->layers[l].out_floats : to;
}

void sweep_finish_output(engine_sweep *sweep, int l, int i, float *to)
{
    if (is_averaged(sweep, l))
        sweep_average_pool(sweep, sweep->engine->net->layers[l].filters,
                           sweep->map + (size_t)i * sweep->layers[l].out_floats, to);
}
