/* Products by OpenBLAS, everything else in plain C whose multiply-adds round twice: for processors on which none of the
 * own sets is fast. Bits differ from theirs, and from processor to processor.
 *
 * OpenBLAS chooses its code by a product's sizes and, within a product, by the place of a row or column among the
 * others, and the order of additions changes with it. So that an image's bits do not depend on what it is stacked with,
 * every product is of one shape: a panel's LSN_PANEL filters times exactly GROUP rows put side by side as columns,
 * zeros where rows are missing. On all kernels of OpenBLAS 0.3.21 for x86-64 the columns of such a product take the
 * same path, while 16 rows, or 32 columns, do not on Haswell's. tests/engine/kernels checks it on the machine that it
 * runs on. */
#include "kernels_internal.h"
#include "vectors.h"

#include <cblas.h>

static inline vec v_fma(vec a, vec b, vec c)
{
    return a * b + c;
}

#include "sums_template.h"
#include "winograd_template.h"

enum {
    GROUP = 16,
    TERMS = 256 /* of one product: longer sums would round more */
};

/* to[GROUP][TERMS] = terms k .. k + n - 1 of `rows` packed rows, and zeros. */
static const float *pad(const lsn_rows *rows, const float *a, int count, int n, float *to)
{
    memset(to, 0, sizeof *to * GROUP * TERMS);
    for (int r = 0; r < count; r++)
        memcpy(to + (ptrdiff_t)r * TERMS, a + r * rows->group_stride, sizeof *to * (size_t)n);
    return to;
}

/* The panel's weights of terms k .. k + n - 1. */
static const float *panel_weights(const lsn_rows *rows, const float *panel, int k, int n, float *to)
{
    if (rows->index == NULL)
        return panel + (ptrdiff_t)k * LSN_PANEL;
    for (int i = 0; i < n; i++)
        memcpy(to + (ptrdiff_t)i * LSN_PANEL, panel + (ptrdiff_t)rows->index[k + i] * LSN_PANEL,
               sizeof *to * LSN_PANEL);
    return to;
}

/* c[count][LSN_PANEL] (+)= sums[LSN_PANEL][GROUP] */
static void put(const float *sums, int count, bool accumulate, float *c, ptrdiff_t c_stride)
{
    for (int r = 0; r < count; r++, c += c_stride)
        for (int f = 0; f < LSN_PANEL; f++)
            c[f] = accumulate ? c[f] + sums[f * GROUP + r] : sums[f * GROUP + r];
}

/* Packed rows lie one after another, group_stride floats apart: a group has one row. */
static void multiply(const lsn_rows *rows, const float *panel, bool accumulate, float *c, ptrdiff_t c_stride)
{
    float padded[GROUP * TERMS], gathered[TERMS * LSN_PANEL], sums[LSN_PANEL * GROUP];
    for (int k = 0; k < rows->terms; k += TERMS) {
        const int n = lsn_min_int(TERMS, rows->terms - k);
        const float *weights = panel_weights(rows, panel, k, n, gathered);
        for (int r = 0; r < rows->rows; r += GROUP) {
            const int count = lsn_min_int(GROUP, rows->rows - r);
            const float *a = rows->a + r * rows->group_stride + k;
            ptrdiff_t stride = rows->group_stride;
            if (count < GROUP) {
                a = pad(rows, a, count, n, padded);
                stride = TERMS;
            }
            cblas_sgemm(CblasRowMajor, CblasTrans, CblasTrans, LSN_PANEL, GROUP, n, 1.0F, weights, LSN_PANEL, a,
                        (int)stride, 0.0F, sums, GROUP);
            put(sums, count, accumulate || k > 0, c + r * c_stride, c_stride);
        }
    }
}

/* Ranks and OpenMP are the parallelism; and where a product is shared between threads, its bits depend on how. */
static void prepare(void)
{
    openblas_set_num_threads(1);
}

const lsn_isa lsn_isa_openblas = {
    .name = "openblas",
    .rows = 1,
    .columns = LSN_PANEL,
    .prepare = prepare,
    .multiply = multiply,
    .input = {input_f4, input_f6, input_f7},
    .output = {output_f4, output_f6, output_f7},
    .pixels = finish_pixels,
    .sums = sum_channels,
    .distance = distance,
};
