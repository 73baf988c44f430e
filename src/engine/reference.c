/* The plain kernels: every sum is written out. A fast kernel is right where it agrees with these. */
#include "engine_internal.h"

#include <string.h>

static void prepare(void)
{
}

static size_t conv_floats(const engine_conv_shape *s)
{
    return (size_t)s->h * s->w * s->filters;
}

/* z[F] += x[C] * weights[C][F] */
static void add_product(const float *x, const float *weights, int channels, int filters, float *z)
{
    for (int c = 0; c < channels; c++)
        for (int f = 0; f < filters; f++)
            z[f] += x[c] * weights[(size_t)c * filters + f];
}

/* z[F]: the convolution at one position of x[H][W][C], without bias. */
static void conv_at(const float *x, const engine_conv_shape *s, int i, int j, const float *weights, float *z)
{
    memset(z, 0, sizeof(float) * s->filters);
    for (int ky = 0; ky < 3; ky++) {
        for (int kx = 0; kx < 3; kx++) {
            int row = i + ky - 1, column = j + kx - 1;
            if (row < 0 || row >= s->h || column < 0 || column >= s->w)
                continue;
            const float *in = x + ((size_t)row * s->w + column) * s->channels;
            add_product(in, weights + (size_t)(3 * ky + kx) * s->channels * s->filters, s->channels, s->filters, z);
        }
    }
}

static void conv(const float *x, int n, const engine_conv_shape *s, const float *weights, const float *bias, float *y,
                 float *workspace)
{
    size_t in = (size_t)s->h * s->w * s->channels, out = engine_conv_outputs(s);
    for (int image = 0; image < n; image++) {
        for (int i = 0; i < s->h; i++)
            for (int j = 0; j < s->w; j++)
                conv_at(x + image * in, s, i, j, weights, workspace + ((size_t)i * s->w + j) * s->filters);
        engine_finish_rows(workspace, s->h, s->w, s->filters, s->pool, bias, y + image * out);
    }
}

static size_t fc_floats(const engine_fc_shape *s)
{
    (void)s;
    return 0;
}

static void fc(const float *x, int n, const engine_fc_shape *s, const float *weights, const float *bias, float *y,
               float *workspace)
{
    (void)workspace;
    for (int image = 0; image < n; image++) {
        for (int f = 0; f < s->filters; f++) {
            const float *row = weights + (size_t)f * s->channels, *in = x + (size_t)image * s->channels;
            float z = 0.0f;
            for (int c = 0; c < s->channels; c++)
                z += in[c] * row[c];
            z += bias[f];
            y[(size_t)image * s->filters + f] = s->relu ? engine_relu(z) : z;
        }
    }
}

const engine_kernels engine_reference_kernels = {
    .prepare = prepare,
    .conv_floats = conv_floats,
    .conv = conv,
    .fc_floats = fc_floats,
    .fc = fc,
};
