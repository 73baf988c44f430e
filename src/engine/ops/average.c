/* Adaptive average pooling, each channel by itself. */
#include "engine/engine_internal.h"

/* Cell i of a grid over `size` positions of so many takes floor(i size / cells) .. ceil((i + 1) size / cells) - 1:
 * cells overlap where the grid does not divide the size, and repeat positions where it is larger. */
static void average_cell(const float *x, int h, int w, int channels, const int grid[2], int gy, int gx, float *y)
{
    int top = gy * h / grid[0], bottom = ((gy + 1) * h + grid[0] - 1) / grid[0];
    int left = gx * w / grid[1], right = ((gx + 1) * w + grid[1] - 1) / grid[1];
    float area = (float)((bottom - top) * (right - left));
    for (int c = 0; c < channels; c++) {
        float sum = 0.0f;
        for (int i = top; i < bottom; i++)
            for (int j = left; j < right; j++)
                sum += x[((size_t)i * w + j) * channels + c];
        y[c] = sum / area;
    }
}

void engine_average_pool(const float *x, int h, int w, int channels, const int grid[2], float *y)
{
    for (int gy = 0; gy < grid[0]; gy++)
        for (int gx = 0; gx < grid[1]; gx++, y += channels)
            average_cell(x, h, w, channels, grid, gy, gx, y);
}

static bool describe(const lsn_net *net, engine_step *step, lsn_error *err)
{
    (void)net, (void)step, (void)err;
    return true;
}

static int stack(const engine_step *step)
{
    (void)step;
    return 1;
}

static void run(lsn_engine *engine, const engine_step *step, const engine_call *call)
{
    (void)engine;
    const int channels = call->in->channels.count;
    const size_t in = (size_t)step->in.h * (size_t)step->in.w * (size_t)channels;
    const size_t out = (size_t)step->map.h * (size_t)step->map.w * (size_t)channels;
    for (int i = 0; i < call->n; i++)
        engine_average_pool(call->in->data + (size_t)i * in, step->in.h, step->in.w, channels, step->source->grid,
                            call->out + (size_t)i * out);
}

const engine_operator engine_average = {
    .op = LSN_OP_AVERAGE_GRID, .by_channel = true, .describe = describe, .stack = stack, .run = run};
