#include "reference.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const isa_names[N_ISAS] = {"portable", "avx2", "avx512", "openblas"};

static const double unit = 0x1p-24;

bool openblas_is_out_of_place(void)
{
    const char *core = getenv("OPENBLAS_CORETYPE");
    if (core == NULL || lsn_isa_find("avx2") != NULL)
        return false;
    printf("skipped: this processor does not run OpenBLAS's kernels for %s\n", core);
    return true;
}

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    uint64_t x = *state;
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdU;
    return x ^ x >> 33;
}

float random_float(uint64_t *state)
{
    return (float)((double)(next(state) >> 40) * 0x1p-23 - 1.0);
}

int random_int(uint64_t *state, int n)
{
    return (int)((next(state) >> 32) % (uint64_t)n);
}

void random_floats(uint64_t *state, float *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = random_float(state);
}

void random_list(uint64_t *state, int *list, int n, int of)
{
    int taken = 0;
    for (int i = 0; i < of && taken < n; i++)
        if (random_int(state, of - i) < n - taken)
            list[taken++] = i;
}

/* The weight of tap t between computed filter f and present channel c. */
static double weight(const problem *p, int f, int c, int t)
{
    const lsn_conv *conv = &p->conv;
    size_t row = conv->rows == NULL ? c : conv->rows[c], column = conv->columns == NULL ? f : conv->columns[f];
    return p->w[(column * conv->w_channels + row) * 9 + t];
}

static double pixel(const lsn_conv *conv, const lsn_conv_image *image, int y, int x, int c)
{
    if (y < 0 || y >= conv->height || x < 0 || x >= conv->width)
        return 0;
    return image->in[((size_t)y * conv->width + x) * conv->channels + c];
}

/* Adds bias or base to a sum. */
static void complete(double sum, double error, const float *bias, const float *base, bool subtract, size_t f, size_t at,
                     double *z, double *bound)
{
    *z = base == NULL ? sum + (bias == NULL ? 0 : bias[f]) : subtract ? base[at] - sum : base[at] + sum;
    *bound = (1 + unit) * error + unit * fabs(*z);
}

/* |B'|, |G| and |A'| of the Winograd methods, without their signs. */
static const double b4[8][8] = {{4, 0, 5, 0, 1, 0}, {0, 4, 4, 1, 1, 0}, {0, 4, 4, 1, 1, 0},
                                {0, 2, 1, 2, 1, 0}, {0, 2, 1, 2, 1, 0}, {0, 4, 0, 5, 0, 1}};
static const double g4[8][3] = {{1. / 4, 0, 0},
                                {1. / 6, 1. / 6, 1. / 6},
                                {1. / 6, 1. / 6, 1. / 6},
                                {1. / 24, 1. / 12, 1. / 6},
                                {1. / 24, 1. / 12, 1. / 6},
                                {0, 0, 1}};
static const double a4[6][8] = {{1, 1, 1, 1, 1, 0}, {0, 1, 1, 2, 2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, 1, 8, 8, 1}};
static const double b6[8][8] = {{1, 0, 5.25, 0, 5.25, 0, 1, 0},   {0, 1, 1, 4.25, 4.25, 1, 1, 0},
                                {0, 1, 1, 4.25, 4.25, 1, 1, 0},   {0, .5, .25, 2.5, 1.25, 2, 1, 0},
                                {0, .5, .25, 2.5, 1.25, 2, 1, 0}, {0, 2, 4, 2.5, 5, .5, 1, 0},
                                {0, 2, 4, 2.5, 5, .5, 1, 0},      {0, 1, 0, 5.25, 0, 5.25, 0, 1}};
static const double g6[8][3] = {{1, 0, 0},
                                {2. / 9, 2. / 9, 2. / 9},
                                {2. / 9, 2. / 9, 2. / 9},
                                {1. / 90, 1. / 45, 2. / 45},
                                {1. / 90, 1. / 45, 2. / 45},
                                {32. / 45, 16. / 45, 8. / 45},
                                {32. / 45, 16. / 45, 8. / 45},
                                {0, 0, 1}};
static const double a6[6][8] = {{1, 1, 1, 1, 1, 1, 1, 0},           {0, 1, 1, 2, 2, .5, .5, 0},
                                {0, 1, 1, 4, 4, .25, .25, 0},       {0, 1, 1, 8, 8, .125, .125, 0},
                                {0, 1, 1, 16, 16, .0625, .0625, 0}, {0, 1, 1, 32, 32, .03125, .03125, 1}};

/* F7's rows of B' are products of polynomials (see winograd_template.h); these are those of the factors' absolute
 * values, since that is how they are computed. */
static const double b7[9][9] = {
    {1.6875, 0.5625, 9.1875, 3.0625, 10.5, 3.5, 3, 1, 0}, {0, 1.6875, 2.25, 8.0625, 10, 5.5, 4, 1, 0},
    {0, 1.6875, 2.25, 8.0625, 10, 5.5, 4, 1, 0},          {0, 3.375, 7.875, 7.125, 11.375, 4.75, 3.5, 1, 0},
    {0, 3.375, 7.875, 7.125, 11.375, 4.75, 3.5, 1, 0},    {0, 1.125, 1.125, 5.875, 5.625, 5.75, 4.5, 1, 0},
    {0, 1.125, 1.125, 5.875, 5.625, 5.75, 4.5, 1, 0},     {0, 0.5625, 0, 3.0625, 0, 3.5, 0, 1, 0},
    {0, 1.6875, 0.5625, 9.1875, 3.0625, 10.5, 3.5, 3, 1}};
static const double g7[9][3] = {{16. / 27, 0, 0},
                                {2. / 15, 2. / 15, 2. / 15},
                                {4. / 15, 4. / 15, 4. / 15},
                                {8. / 21, 4. / 21, 2. / 21},
                                {8. / 15, 4. / 15, 2. / 15},
                                {8. / 405, 4. / 135, 2. / 45},
                                {8. / 135, 4. / 45, 2. / 15},
                                {2. / 2835, 2. / 945, 2. / 315},
                                {0, 0, 1}};
static const double a7[7][9] = {{1, 1, 1, 1, 1, 1, 1, 1, 0},
                                {0, 1, 1, 0.5, 0.5, 1.5, 1.5, 3, 0},
                                {0, 1, 1, 0.25, 0.25, 2.25, 2.25, 9, 0},
                                {0, 1, 1, 0.125, 0.125, 3.375, 3.375, 27, 0},
                                {0, 1, 1, 0.0625, 0.0625, 5.0625, 5.0625, 81, 0},
                                {0, 1, 1, 0.03125, 0.03125, 7.59375, 7.59375, 243, 0},
                                {0, 1, 1, 0.015625, 0.015625, 11.390625, 11.390625, 729, 1}};

typedef struct transform {
    const double *b, *g, *a;
    int stride;    /* of the rows of b and a */
    int roundings; /* of an output besides the product's: weights 1, input, output, bias 2 */
} transform;

static transform transform_of(lsn_conv_method method)
{
    switch (method) {
    case LSN_CONV_F4:
        return (transform){b4[0], g4[0], a4[0], 8, 1 + 6 + 8 + 2};
    case LSN_CONV_F6:
        return (transform){b6[0], g6[0], a6[0], 8, 1 + 6 + 8 + 2};
    default:
        assert(method == LSN_CONV_F7);
        return (transform){b7[0], g7[0], a7[0], 9, 1 + 8 + 10 + 2};
    }
}

/* out[m][m] = t[m][n] in[n][n] t' */
static void sandwich(const double *t, int stride, int m, int n, const double *in, double *out)
{
    double half[9][9] = {{0}};
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            for (int k = 0; k < n; k++)
                half[i][j] += t[i * stride + k] * in[k * n + j];
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++) {
            out[i * m + j] = 0;
            for (int k = 0; k < n; k++)
                out[i * m + j] += half[i][k] * t[j * stride + k];
        }
}

/* The transforms of all weights' absolute values: u[filter][channel][element]. */
static double *absolute_weights(const problem *p, int points)
{
    const lsn_conv *conv = &p->conv;
    double *u = calloc((size_t)conv->filters * conv->channels * points * points, sizeof *u);
    for (int f = 0; f < conv->filters; f++)
        for (int c = 0; c < conv->channels; c++) {
            double w[9];
            for (int t = 0; t < 9; t++)
                w[t] = fabs(weight(p, f, c, t));
            sandwich(transform_of(conv->method).g, 3, points, 3, w,
                     u + ((size_t)f * conv->channels + c) * points * points);
        }
    return u;
}

static void tile_bound(const problem *p, const lsn_conv_image *image, const double *u, double *v, int ty, int tx,
                       int points, double *bound)
{
    const lsn_conv *conv = &p->conv;
    const transform t = transform_of(conv->method);
    int side = points - 2, elements = points * points;
    for (int c = 0; c < conv->channels; c++) {
        double d[81];
        for (int i = 0; i < elements; i++)
            d[i] = fabs(pixel(conv, image, ty + i / points - 1, tx + i % points - 1, c));
        sandwich(t.b, t.stride, points, points, d, v + (size_t)c * elements);
    }
    for (int f = 0; f < conv->filters; f++) {
        double sum[81] = {0}, y[49];
        for (int c = 0; c < conv->channels; c++)
            for (int e = 0; e < elements; e++)
                sum[e] += u[((size_t)f * conv->channels + c) * elements + e] * v[(size_t)c * elements + e];
        sandwich(t.a, t.stride, side, points, sum, y);
        for (int i = 0; i < side * side; i++) {
            int row = ty + i / side, column = tx + i % side;
            if (row < conv->height && column < conv->width)
                bound[((size_t)row * conv->width + column) * conv->filters + f] =
                    unit * (conv->channels + (p->split ? 2 : 1) * t.roundings) * y[i];
        }
    }
}

static void winograd_bounds(const problem *p, const lsn_conv_image *image, double *bound)
{
    const lsn_conv *conv = &p->conv;
    int points = conv->method == LSN_CONV_F4 ? 6 : conv->method == LSN_CONV_F6 ? 8 : 9;
    double *u = absolute_weights(p, points), *v = calloc((size_t)conv->channels * points * points, sizeof *v);
    for (int y = 0; y < conv->height; y += points - 2)
        for (int x = 0; x < conv->width; x += points - 2)
            tile_bound(p, image, u, v, y, x, points, bound);
    free(u);
    free(v);
}

void reference_conv(const problem *p, const lsn_conv_image *image, double *z, double *bound)
{
    const lsn_conv *conv = &p->conv;
    if (conv->method != LSN_CONV_DIRECT)
        winograd_bounds(p, image, bound);
    size_t at = 0;
    for (int i = 0; i < conv->height * conv->width; i++)
        for (int f = 0; f < conv->filters; f++, at++) {
            double sum = 0, most = 0;
            for (int t = 0; t < 9; t++)
                for (int c = 0; c < conv->channels; c++) {
                    double term = weight(p, f, c, t) *
                                  pixel(conv, image, i / conv->width + t / 3 - 1, i % conv->width + t % 3 - 1, c);
                    sum += term;
                    most += fabs(term);
                }
            double error =
                conv->method == LSN_CONV_DIRECT ? unit * (9 * conv->channels + 2 + p->split) * most : bound[at];
            complete(sum, error, conv->bias, image->base, conv->subtract, f, at, z + at, bound + at);
        }
}

void reference_dense(const lsn_dense *dense, const float *w, const lsn_dense_row *row, bool split, double *z,
                     double *bound)
{
    for (int f = 0; f < dense->filters; f++) {
        double sum = 0, most = 0;
        size_t column = dense->columns == NULL ? f : dense->columns[f];
        for (int k = 0; k < dense->terms; k++) {
            size_t term = dense->rows == NULL ? k : dense->rows[k];
            double product =
                (double)w[column * dense->w_terms + term] * row->in[dense->gather == NULL ? k : dense->gather[k]];
            sum += product;
            most += fabs(product);
        }
        complete(sum, unit * (dense->terms + 2 + split) * most, dense->bias, row->base, dense->subtract, f, f, z + f,
                 bound + f);
    }
}
