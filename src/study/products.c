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
    PANEL = 4,  /* filters that are multiplied with as many others at once */
    BLOCK = 64, /* filters whose weights are converted to double at once ... */
    STEPS = 64, /* ... so many times LSN_LANES of them */
    PACKED = BLOCK * STEPS * LSN_LANES
};

/* sums[i][j] += the products of panels v[steps][PANEL][LSN_LANES] and w; i, j < PANEL, rows of BLOCK. */
typedef void multiply(const double *v, const double *w, size_t steps, double *sums);

/* GNU C's vectors: sums of ROWS x PANEL pairs stay in registers of WIDTH doubles. */
#define DEFINE_MULTIPLY(name, WIDTH, ROWS, TARGET)                                                     \
    typedef double name##_vector __attribute__((vector_size(8 * WIDTH)));                              \
    TARGET static void name(const double *v, const double *w, size_t steps, double *sums)              \
    {                                                                                                  \
        for (size_t row = 0; row < PANEL; row += ROWS)                                                 \
            for (size_t lane = 0; lane < LSN_LANES; lane += WIDTH) {                                   \
                name##_vector s[ROWS][PANEL], x[ROWS], y;                                              \
                for (size_t i = 0; i < ROWS; i++)                                                      \
                    for (size_t j = 0; j < PANEL; j++)                                                 \
                        memcpy(&s[i][j], sums + ((row + i) * BLOCK + j) * LSN_LANES + lane, sizeof y); \
                for (size_t k = 0; k < steps * PANEL * LSN_LANES; k += PANEL * LSN_LANES) {            \
                    for (size_t i = 0; i < ROWS; i++)                                                  \
                        memcpy(&x[i], v + k + (row + i) * LSN_LANES + lane, sizeof y);                 \
                    for (size_t j = 0; j < PANEL; j++) {                                               \
                        memcpy(&y, w + k + j * LSN_LANES + lane, sizeof y);                            \
                        for (size_t i = 0; i < ROWS; i++)                                              \
                            s[i][j] += x[i] * y;                                                       \
                    }                                                                                  \
                }                                                                                      \
                for (size_t i = 0; i < ROWS; i++)                                                      \
                    for (size_t j = 0; j < PANEL; j++)                                                 \
                        memcpy(sums + ((row + i) * BLOCK + j) * LSN_LANES + lane, &s[i][j], sizeof y); \
            }                                                                                          \
    }

DEFINE_MULTIPLY(multiply_portable, 2, 2, )
#if defined(__x86_64__)
DEFINE_MULTIPLY(multiply_avx2, 4, 2, __attribute__((target("avx2,fma"))))
DEFINE_MULTIPLY(multiply_avx512, 8, 4, __attribute__((target("avx512f"))))
#endif

static multiply *const kernels[] = {
    multiply_portable,
#if defined(__x86_64__)
    multiply_avx2,
    multiply_avx512,
#endif
};

int lsn_product_kernels(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return __builtin_cpu_supports("avx512f") ? 3 : 2;
#endif
    return 1;
}

typedef struct multiplier {
    const lsn_net_node *node;
    size_t filters, weights;
    multiply *multiply;
    double *v, *w; /* [BLOCK / PANEL][STEPS][PANEL][LSN_LANES] */
    double *sums;  /* [BLOCK][BLOCK][LSN_LANES] */
} multiplier;

/* Converts weights k .. k + STEPS * LSN_LANES of the filters from `first` on; 0 where there are none. */
static void pack(const multiplier *m, size_t first, size_t k, double *packed)
{
    for (size_t panel = first; panel < first + BLOCK; panel += PANEL)
        for (size_t at = k; at < k + STEPS * LSN_LANES; at += LSN_LANES)
            for (size_t f = panel; f < panel + PANEL; f++, packed += LSN_LANES) {
                const float *w = m->node->weights.values + f * m->weights + at;
                const size_t there = f >= m->filters || at >= m->weights ? 0 : m->weights - at;
                for (size_t i = 0; i < LSN_LANES; i++)
                    packed[i] = i < there ? (double)w[i] : 0;
            }
}

/* Fills the sums of the filters from `i` and from `j` on. */
static void multiply_blocks(const multiplier *m, size_t i, size_t j)
{
    memset(m->sums, 0, BLOCK * BLOCK * LSN_LANES * sizeof *m->sums);
    for (size_t k = 0; k < m->weights; k += STEPS * LSN_LANES) {
        const size_t left = (m->weights - k + LSN_LANES - 1) / LSN_LANES, steps = left < STEPS ? left : STEPS;
        pack(m, i, k, m->v);
        pack(m, j, k, m->w);
        for (size_t a = 0; a < BLOCK; a += PANEL)
            for (size_t b = 0; b < BLOCK; b += PANEL)
                m->multiply(m->v + a * STEPS * LSN_LANES, m->w + b * STEPS * LSN_LANES, steps,
                            m->sums + (a * BLOCK + b) * LSN_LANES);
    }
}

static void keep_block(const multiplier *m, size_t i, size_t j, lsn_products *products)
{
    for (size_t a = i; a < i + BLOCK && a < m->filters; a++)
        for (size_t b = j > a ? j : a; b < j + BLOCK && b < m->filters; b++) {
            const double sum = lsn_add_lanes(m->sums + ((a - i) * BLOCK + b - j) * LSN_LANES);
            if (a == b)
                products->squares[a] = sum;
            else
                products->pairs[lsn_pair(m->filters, a, b)] = sum;
        }
}

bool lsn_products_init(lsn_products *products, const lsn_net_node *node, int kernel, lsn_error *err)
{
    multiplier m = {.node = node, .filters = (size_t)node->filters, .multiply = kernels[kernel]};
    m.weights = lsn_net_node_terms(node);
    products->squares = lsn_array(m.filters, sizeof *products->squares, err);
    products->pairs = lsn_array(lsn_pairs(m.filters), sizeof *products->pairs, err);
    m.v = lsn_array(PACKED, sizeof *m.v, err);
    m.w = lsn_array(PACKED, sizeof *m.w, err);
    m.sums = lsn_array(BLOCK * BLOCK, LSN_LANES * sizeof *m.sums, err);
    const bool ok =
        products->squares != NULL && products->pairs != NULL && m.v != NULL && m.w != NULL && m.sums != NULL;
    for (size_t i = 0; ok && i < m.filters; i += BLOCK)
        for (size_t j = i; j < m.filters; j += BLOCK) {
            multiply_blocks(&m, i, j);
            keep_block(&m, i, j, products);
        }
    free(m.v);
    free(m.w);
    free(m.sums);
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
