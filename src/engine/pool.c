/* Pooling. */
#include "engine/engine_internal.h"

/* The greater of two; NaN where one of them is, as PyTorch's max pooling has it. */
static inline float greater(float a, float b)
{
    return b > a || b != b ? b : a;
}

/* y[F]: the maximum over 2x2 positions, `row` floats from one row of the map to the next. */
static void max_of_four(const float *x, size_t row, int filters, float *restrict y)
{
    for (int f = 0; f < filters; f++) {
        float top = greater(x[f], x[filters + f]);
        float bottom = greater(x[row + f], x[row + filters + f]);
        y[f] = greater(top, bottom);
    }
}

static void max_pool_rows(const float *x, int rows, int w, int filters, float *y)
{
    size_t row = (size_t)w * filters;
    for (int i = 0; i < rows / 2; i++)
        for (int j = 0; j < w / 2; j++, y += filters)
            max_of_four(x + 2 * i * row + 2 * (size_t)j * filters, row, filters, y);
}

void engine_max_pool(const float *x, int n, int h, int w, int filters, float *y)
{
    size_t in = (size_t)h * w * filters, out = (size_t)(h / 2) * (w / 2) * filters;
    for (int image = 0; image < n; image++)
        max_pool_rows(x + image * in, h, w, filters, y + image * out);
}

/* Cell i of `grid` over `size` positions takes floor(i size / grid) .. ceil((i + 1) size / grid) - 1: cells overlap
 * where the grid does not divide the size, and repeat positions where it is larger. */
static void average_cell(const float *x, int h, int w, int channels, int grid, int gy, int gx, float *y)
{
    int top = gy * h / grid, bottom = ((gy + 1) * h + grid - 1) / grid;
    int left = gx * w / grid, right = ((gx + 1) * w + grid - 1) / grid;
    float area = (float)((bottom - top) * (right - left));
    for (int c = 0; c < channels; c++) {
        float sum = 0.0f;
        for (int i = top; i < bottom; i++)
            for (int j = left; j < right; j++)
                sum += x[((size_t)i * w + j) * channels + c];
        y[c] = sum / area;
    }
}

void engine_average_pool(const float *x, int h, int w, int channels, int grid, float *y)
{
    for (int gy = 0; gy < grid; gy++)
        for (int gx = 0; gx < grid; gx++, y += channels)
            average_cell(x, h, w, channels, grid, gy, gx, y);
}
