/* Matrix products of packed rows and one panel of weights, cut into micro-kernels. */
#include "kernels_internal.h"

#include <string.h>

/* Memory to be fetched while products run, a few lines for each segment of terms. */
typedef struct fetch {
    const char *at, *end;
    int lines; /* a segment */
} fetch;

int lsn_group_rows(const lsn_isa *isa, int rows)
{
    return lsn_ceil_div(rows, lsn_ceil_div(rows, isa->rows));
}

lsn_packing lsn_packing_of(const lsn_isa *isa, int rows, int terms)
{
    lsn_packing p = {.group = lsn_group_rows(isa, rows)};
    p.chunk_stride = (ptrdiff_t)p.group * LSN_CHUNK;
    p.group_stride = lsn_ceil_div(terms, LSN_CHUNK) * p.chunk_stride;
    p.floats = (size_t)lsn_ceil_div(rows, p.group) * (size_t)p.group_stride;
    return p;
}

lsn_rows lsn_packed_rows(const lsn_packing *packing, const float *packed, int rows, int terms, const int *index)
{
    return (lsn_rows){.a = packed,
                      .segment_stride = packing->chunk_stride,
                      .segment = LSN_CHUNK,
                      .group_stride = packing->group_stride,
                      .stride = LSN_STRIDE_CHUNK,
                      .rows = rows,
                      .terms = terms,
                      .index = index};
}

static void run_rows(const lsn_isa *isa, const lsn_rows *rows, lsn_product *product, int columns, fetch *ahead)
{
    lsn_product_kernel *const *kernels = isa->product[rows->stride][rows->index != NULL][columns / 16 - 1];
    int group = lsn_group_rows(isa, rows->rows), segments = lsn_ceil_div(product->terms, product->segment);
    for (int r = 0; r < rows->rows; r += group) {
        product->next = ahead->at;
        product->next_lines = ahead->at < ahead->end ? ahead->lines : 0;
        kernels[lsn_min_int(group, rows->rows - r) - 1](product);
        ahead->at += 64 * (ptrdiff_t)product->next_lines * segments;
        product->a += rows->group_stride;
        product->c += group * product->c_stride;
    }
}

void lsn_product_panel(const lsn_isa *isa, const lsn_rows *rows, const float *panel, int filters, bool accumulate,
                       float *c, ptrdiff_t c_stride, const void *next, size_t next_bytes)
{
    if (isa->multiply != NULL) {
        isa->multiply(rows, panel, accumulate, c, c_stride);
        return;
    }
    int groups = lsn_ceil_div(rows->rows, isa->rows), segments = lsn_ceil_div(rows->terms, rows->segment);
    int widths = lsn_ceil_div(filters, isa->columns);
    size_t lines = lsn_round_up(next_bytes, 64) / 64, calls = (size_t)groups * segments * widths;
    fetch ahead = {next, (const char *)next + next_bytes, next == NULL ? 0 : (int)((lines + calls - 1) / calls)};
    if (next == NULL)
        ahead.end = ahead.at;
    for (int k = 0; k < rows->terms; k += LSN_TERMS_BLOCK) {
        for (int f = 0; f < filters;) {
            int columns = filters - f > 16 && isa->columns == 32 ? 32 : 16;
            lsn_product product = {
                .a = rows->a + k / rows->segment * rows->segment_stride,
                .segment_stride = rows->segment_stride,
                .segment = rows->segment,
                .terms = lsn_min_int(LSN_TERMS_BLOCK, rows->terms - k),
                .b = panel + (rows->index == NULL ? (ptrdiff_t)k * LSN_PANEL : 0) + f,
                .index = rows->index == NULL ? NULL : rows->index + k,
                .c = c + f,
                .c_stride = c_stride,
                .accumulate = accumulate || k > 0,
            };
            run_rows(isa, rows, &product, columns, &ahead);
            f += columns;
        }
    }
}

void lsn_gather_panel(float *to, const float *panels, int w_terms, const int *index, int terms, const int *columns,
                      int filters)
{
    size_t at[LSN_PANEL];
    for (int f = 0; f < filters; f++)
        at[f] = (size_t)(columns[f] / LSN_PANEL) * w_terms * LSN_PANEL + columns[f] % LSN_PANEL;
    for (int k = 0; k < terms; k++) {
        const float *from = panels + (ptrdiff_t)LSN_PANEL * (index == NULL ? k : index[k]);
        for (int f = 0; f < filters; f++)
            to[(ptrdiff_t)k * LSN_PANEL + f] = from[at[f]];
        for (int f = filters; f < LSN_PANEL; f++)
            to[(ptrdiff_t)k * LSN_PANEL + f] = 0.0F;
    }
}

void lsn_pack_terms(float *row, ptrdiff_t chunk_stride, int first, const float *from, int n)
{
    while (n > 0) {
        int lane = first % LSN_CHUNK, count = lsn_min_int(n, LSN_CHUNK - lane);
        float *to = row + first / LSN_CHUNK * chunk_stride + lane;
        if (from == NULL) {
            memset(to, 0, (size_t)count * sizeof *to);
        } else {
            memcpy(to, from, (size_t)count * sizeof *to);
            from += count;
        }
        first += count;
        n -= count;
    }
}

void lsn_gather_channels(float *to, const float *from, size_t pixels, int channels, const int *list, int n)
{
    for (size_t x = 0; x < pixels; x++, from += channels, to += n)
        for (int i = 0; i < n; i++)
            to[i] = from[list[i]];
}
