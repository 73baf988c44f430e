/* Kernels on OpenBLAS's matrix product.
 *
 * A convolution is im2col and a product with weights[9 C][F]. OpenBLAS chooses its code by the product's sizes and,
 * within a product, by the place of a row or column among the others, and the order of additions changes with it. So
 * that an image's bits do not depend on its batch, a product is either of one image alone, cut into bands of rows by
 * the map's size alone; or, where one image would be too little (small maps, fully connected layers), of several images
 * put side by side as exactly GROUP columns, zeros where images are missing. On all kernels of OpenBLAS 0.3.21 for
 * x86-64 the columns of such a product take the same path, while 16 rows, or 32 columns, do not on Haswell's.
 * tests/engine/test_kernels.c checks it on the machine that it runs on.
 */
#include "engine_internal.h"

#include <cblas.h>
#include <string.h>

enum {
    BAND =
        256, /* rows of a product, about: enough to make up for packing the weights, and columns still in the cache */
    GROUP = 16,
};

/* Ranks are the parallelism; and where a product is shared between threads, its bits depend on how. */
static void prepare(void)
{
    openblas_set_num_threads(1);
}

/* Images in one product: 1 unless two or more fit into GROUP positions. */
static int images_of(const engine_conv_shape *s)
{
    return 2 * s->h * s->w <= GROUP ? GROUP / (s->h * s->w) : 1;
}

/* Map rows in one product of one image: an even number, or all. */
static int rows_of(const engine_conv_shape *s)
{
    int rows = (BAND + s->w - 1) / s->w;
    rows += rows % 2;
    return rows < s->h ? rows : s->h;
}

static size_t conv_floats(const engine_conv_shape *s)
{
    size_t k = 9 * (size_t)s->channels;
    if (images_of(s) > 1)
        return GROUP * (k + 2 * (size_t)s->filters);
    return (size_t)rows_of(s) * s->w * (k + s->filters);
}

/* columns[3 C]: x[C] at columns j-1, j, j+1 of one row (NULL: above or below the map), 0 outside. */
static void take_three(const float *row, int w, int channels, int j, float *columns)
{
    size_t c = channels;
    int from = j == 0 ? 1 : 0, to = j == w - 1 ? 2 : 3;
    if (row == NULL || from > 0)
        memset(columns, 0, sizeof(float) * c);
    if (row == NULL || to < 3)
        memset(columns + 2 * c, 0, sizeof(float) * c);
    if (row == NULL)
        memset(columns + c, 0, sizeof(float) * c);
    else
        memcpy(columns + from * c, row + (size_t)(j - 1 + from) * c, sizeof(float) * c * (to - from));
}

/* columns[rows][W][3][3][C] of rows i .. i+rows-1 of x[H][W][C]. */
static void im2col(const float *x, const engine_conv_shape *s, int i, int rows, float *columns)
{
    size_t stride = (size_t)s->w * s->channels;
    for (int r = i; r < i + rows; r++)
        for (int j = 0; j < s->w; j++)
            for (int ky = 0; ky < 3; ky++, columns += 3 * (size_t)s->channels) {
                int row = r + ky - 1;
                take_three(row < 0 || row >= s->h ? NULL : x + row * stride, s->w, s->channels, j, columns);
            }
}

/* One image, band by band. */
static void conv_bands(const float *x, const engine_conv_shape *s, const float *weights, const float *bias, float *y,
                       float *workspace)
{
    int band = rows_of(s), k = 9 * s->channels;
    float *z = workspace + (size_t)band * s->w * k;
    for (int i = 0; i < s->h; i += band) {
        int rows = band < s->h - i ? band : s->h - i;
        im2col(x, s, i, rows, workspace);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows * s->w, s->filters, k, 1.0f, workspace, k, weights,
                    s->filters, 0.0f, z, s->filters);
        size_t at = s->pool ? (size_t)(i / 2) * (s->w / 2) : (size_t)i * s->w;
        engine_finish_rows(z, rows, s->w, s->filters, s->pool, bias, y + at * s->filters);
    }
}

/* z[n][F] from columns[F][GROUP], n <= GROUP */
static void transpose(const float *columns, int n, int filters, float *z)
{
    for (int i = 0; i < n; i++)
        for (int f = 0; f < filters; f++)
            z[(size_t)i * filters + f] = columns[(size_t)f * GROUP + i];
}

/* n images of small maps, at most images_of(s), side by side. */
static void conv_group(const float *x, int n, const engine_conv_shape *s, const float *weights, const float *bias,
                       float *y, float *workspace)
{
    int k = 9 * s->channels, positions = s->h * s->w, used = n * positions;
    size_t in = (size_t)positions * s->channels, map = (size_t)positions * s->filters;
    float *sums = workspace + (size_t)GROUP * k, *z = sums + (size_t)GROUP * s->filters;
    for (int image = 0; image < n; image++)
        im2col(x + image * in, s, 0, s->h, workspace + 9 * image * in);
    memset(workspace + (size_t)used * k, 0, sizeof(float) * (GROUP - used) * k);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasTrans, s->filters, GROUP, k, 1.0f, weights, s->filters, workspace, k,
                0.0f, sums, GROUP);
    transpose(sums, used, s->filters, z);
    for (int image = 0; image < n; image++)
        engine_finish_rows(z + image * map, s->h, s->w, s->filters, s->pool, bias, y + image * engine_conv_outputs(s));
}

static void conv(const float *x, int n, const engine_conv_shape *s, const float *weights, const float *bias, float *y,
                 float *workspace)
{
    size_t in = (size_t)s->h * s->w * s->channels, out = engine_conv_outputs(s);
    int images = images_of(s);
    for (int image = 0; image < n; image += images) {
        int here = images < n - image ? images : n - image;
        if (images > 1)
            conv_group(x + image * in, here, s, weights, bias, y + image * out, workspace);
        else
            conv_bands(x + image * in, s, weights, bias, y + image * out, workspace);
    }
}

static size_t fc_floats(const engine_fc_shape *s)
{
    return GROUP * ((size_t)s->channels + s->filters);
}

static void fc(const float *x, int n, const engine_fc_shape *s, const float *weights, const float *bias, float *y,
               float *workspace)
{
    size_t channels = s->channels, filters = s->filters;
    float *sums = workspace + GROUP * channels;
    for (int image = 0; image < n; image += GROUP, x += GROUP * channels, y += GROUP * filters) {
        int here = GROUP < n - image ? GROUP : n - image;
        const float *group = x;
        if (here < GROUP) {
            memcpy(workspace, x, sizeof(float) * here * channels);
            memset(workspace + here * channels, 0, sizeof(float) * (GROUP - here) * channels);
            group = workspace;
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, s->filters, GROUP, s->channels, 1.0f, weights, s->channels,
                    group, s->channels, 0.0f, sums, GROUP);
        transpose(sums, here, s->filters, y);
        for (int i = 0; i < here; i++)
            for (size_t f = 0; f < filters; f++) {
                float z = y[i * filters + f] + bias[f];
                y[i * filters + f] = s->relu ? engine_relu(z) : z;
            }
    }
}

const engine_kernels engine_blas_kernels = {
    .prepare = prepare,
    .conv_floats = conv_floats,
    .conv = conv,
    .fc_floats = fc_floats,
    .fc = fc,
};
