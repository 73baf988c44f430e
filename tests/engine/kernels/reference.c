#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double unit = 0x1p-24;

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

/* |B'|, |G| and |A'| of both Winograd methods, without their signs. */
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

/* out[m][m] = t[m][n] in[n][n] t' */
static void sandwich(const double *t, int stride, int m, int n, const double *in, double *out)
{
    double half[8][8] = {{0}};
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
            sandwich(points == 6 ? g4[0] : g6[0], 3, points, 3, w,
                     u + ((size_t)f * conv->channels + c) * points * points);
        }
    return u;
}

static void tile_bound(const problem *p, const lsn_conv_image *image, const double *u, double *v, int ty, int tx,
                       int points, double *bound)
{
    const lsn_conv *conv = &p->conv;
    int side = points - 2, elements = points * points;
    for (int c = 0; c < conv->channels; c++) {
        double d[64];
        for (int i = 0; i < elements; i++)
            d[i] = fabs(pixel(conv, image, ty + i / points - 1, tx + i % points - 1, c));
        sandwich(points == 6 ? b4[0] : b6[0], 8, points, points, d, v + (size_t)c * elements);
    }
    for (int f = 0; f < conv->filters; f++) {
        double sum[64] = {0}, y[36];
        for (int c = 0; c < conv->channels; c++)
            for (int e = 0; e < elements; e++)
                sum[e] += u[((size_t)f * conv->channels + c) * elements + e] * v[(size_t)c * elements + e];
        sandwich(points == 6 ? a4[0] : a6[0], 8, side, points, sum, y);
        for (int i = 0; i < side * side; i++) {
            int row = ty + i / side, column = tx + i % side;
            if (row < conv->height && column < conv->width)
                bound[((size_t)row * conv->width + column) * conv->filters + f] =
                    unit * (conv->channels + 1 + 6 + 8 + 2) * y[i];
        }
    }
}

static void winograd_bounds(const problem *p, const lsn_conv_image *image, double *bound)
{
    const lsn_conv *conv = &p->conv;
    int points = conv->method == LSN_CONV_F4 ? 6 : 8;
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
            double error = conv->method == LSN_CONV_DIRECT ? unit * (9 * conv->channels + 2) * most : bound[at];
            complete(sum, error, conv->bias, image->base, conv->subtract, f, at, z + at, bound + at);
        }
}

void reference_dense(const lsn_dense *dense, const float *w, const lsn_dense_row *row, double *z, double *bound)
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
        complete(sum, unit * (dense->terms + 2) * most, dense->bias, row->base, dense->subtract, f, f, z + f,
                 bound + f);
    }
}
