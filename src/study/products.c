/* Products of filters, sum v w: what takes the time where groups are made, 2.1e11 multiply-adds for VGG-19's fc6.
 *
 * Each sum is of eight lanes, lane k of the weights k, k + 8, ..., added in that order; neither the width of the
 * processor's vectors nor how many pairs are at work at once changes it. A product of two floats is exact in double, so
 * that a fused multiply-add gives the same as a multiplication and an addition: this file alone is compiled with
 * contraction (meson.build). */
#include "study/cluster.h"

#include <stdlib.h>
#include <string.h>

enum {
    LANES = 8,
    PANEL = 4,  /* filters that are multiplied with as many others at once */
    BLOCK = 64, /* filters whose weights are converted to double at once ... */
    STEPS = 64, /* ... so many times LANES of them */
    PACKED = BLOCK * STEPS * LANES
};

/* sums[i][j] += the products of panels v[steps][PANEL][LANES] and w; i, j < PANEL, rows of BLOCK. */
typedef void multiply(const double *v, const double *w, size_t steps, double *sums);

/* GNU C's vectors: sums of ROWS x PANEL pairs stay in registers of WIDTH doubles. */
#define DEFINE_MULTIPLY(name, WIDTH, ROWS, TARGET)                                                 \
    typedef double name##_vector __attribute__((vector_size(8 * WIDTH)));                          \
    TARGET static void name(const double *v, const double *w, size_t steps, double *sums)          \
    {                                                                                              \
        for (size_t row = 0; row < PANEL; row += ROWS)                                             \
            for (size_t lane = 0; lane < LANES; lane += WIDTH) {                                   \
                name##_vector s[ROWS][PANEL], x[ROWS], y;                                          \
                for (size_t i = 0; i < ROWS; i++)                                                  \
                    for (size_t j = 0; j < PANEL; j++)                                             \
                        memcpy(&s[i][j], sums + ((row + i) * BLOCK + j) * LANES + lane, sizeof y); \
                for (size_t k = 0; k < steps * PANEL * LANES; k += PANEL * LANES) {                \
                    for (size_t i = 0; i < ROWS; i++)                                              \
                        memcpy(&x[i], v + k + (row + i) * LANES + lane, sizeof y);                 \
                    for (size_t j = 0; j < PANEL; j++) {                                           \
                        memcpy(&y, w + k + j * LANES + lane, sizeof y);                            \
                        for (size_t i = 0; i < ROWS; i++)                                          \
                            s[i][j] += x[i] * y;                                                   \
                    }                                                                              \
                }                                                                                  \
                for (size_t i = 0; i < ROWS; i++)                                                  \
                    for (size_t j = 0; j < PANEL; j++)                                             \
                        memcpy(sums + ((row + i) * BLOCK + j) * LANES + lane, &s[i][j], sizeof y); \
            }                                                                                      \
    }

DEFINE_MULTIPLY(multiply_portable, 2, 2, )
#if defined(__x86_64__)
DEFINE_MULTIPLY(multiply_avx2, 4, 2, __attribute__((target("avx2,fma"))))
DEFINE_MULTIPLY(multiply_avx512, 8, 4, __attribute__((target("avx512f"))))
#endif

int lsn_product_kernels(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return __builtin_cpu_supports("avx512f") ? 3 : 2;
#endif
    return 1;
}

static multiply *find_kernel(int kernel)
{
#if defined(__x86_64__)
    if (kernel > 0)
        return kernel == 1 ? multiply_avx2 : multiply_avx512;
#endif
    (void)kernel;
    return multiply_portable;
}

typedef struct multiplier {
    const lsn_layer *layer;
    size_t filters, weights;
    multiply *multiply;
    double *v, *w; /* [BLOCK / PANEL][STEPS][PANEL][LANES] */
    double *sums;  /* [BLOCK][BLOCK][LANES] */
} multiplier;

/* Converts weights k .. k + STEPS * LANES of the filters from `first` on; 0 where there are none. */
static void pack(const multiplier *of, size_t first, size_t k, double *packed)
{
    for (size_t panel = first; panel < first + BLOCK; panel += PANEL)
        for (size_t at = k; at < k + STEPS * LANES; at += LANES)
            for (size_t f = panel; f < panel + PANEL; f++, packed += LANES) {
                const float *w = of->layer->weights + f * of->weights + at;
                const size_t there = f >= of->filters || at >= of->weights ? 0 : of->weights - at;
                for (size_t i = 0; i < LANES; i++)
                    packed[i] = i < there ? (double)w[i] : 0;
            }
}

/* Fills the sums of the filters from `i` and from `j` on. */
static void multiply_blocks(const multiplier *of, size_t i, size_t j)
{
    memset(of->sums, 0, BLOCK * BLOCK * LANES * sizeof *of->sums);
    for (size_t k = 0; k < of->weights; k += STEPS * LANES) {
        const size_t left = (of->weights - k + LANES - 1) / LANES, steps = left < STEPS ? left : STEPS;
        pack(of, i, k, of->v);
        pack(of, j, k, of->w);
        for (size_t a = 0; a < BLOCK; a += PANEL)
            for (size_t b = 0; b < BLOCK; b += PANEL)
                of->multiply(of->v + a * STEPS * LANES, of->w + b * STEPS * LANES, steps,
                             of->sums + (a * BLOCK + b) * LANES);
    }
}

static double add_lanes(const double *sums)
{
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

static void keep_block(const multiplier *of, size_t i, size_t j, lsn_products *products)
{
    for (size_t a = i; a < i + BLOCK && a < of->filters; a++)
        for (size_t b = j > a ? j : a; b < j + BLOCK && b < of->filters; b++) {
            const double sum = add_lanes(of->sums + ((a - i) * BLOCK + b - j) * LANES);
            if (a == b)
                products->squares[a] = sum;
            else
                products->pairs[lsn_pair(of->filters, a, b)] = sum;
        }
}

bool lsn_products_init(lsn_products *products, const lsn_layer *layer, int kernel, lsn_error *err)
{
    multiplier of = {.layer = layer, .filters = (size_t)layer->filters, .multiply = find_kernel(kernel)};
    of.weights = (size_t)layer->channels * (size_t)layer->kernel * (size_t)layer->kernel;
    products->squares = lsn_array(of.filters, sizeof *products->squares, err);
    products->pairs = lsn_array(lsn_pairs(of.filters), sizeof *products->pairs, err);
    of.v = lsn_array(PACKED, sizeof *of.v, err);
    of.w = lsn_array(PACKED, sizeof *of.w, err);
    of.sums = lsn_array(BLOCK * BLOCK, LANES * sizeof *of.sums, err);
    const bool ok =
        products->squares != NULL && products->pairs != NULL && of.v != NULL && of.w != NULL && of.sums != NULL;
    for (size_t i = 0; ok && i < of.filters; i += BLOCK)
        for (size_t j = i; j < of.filters; j += BLOCK) {
            multiply_blocks(&of, i, j);
            keep_block(&of, i, j, products);
        }
    free(of.v);
    free(of.w);
    free(of.sums);
    if (!ok)
        lsn_products_finish(products);
    return ok;
}

void lsn_products_finish(lsn_products *products)
{
    free(products->squares);
    free(products->pairs);
    *products = (lsn_products){0};
}
