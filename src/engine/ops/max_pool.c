/* 2x2 max pooling, stride 2: an odd last row or column is dropped. */
#include "engine/ops/ops.h"

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
