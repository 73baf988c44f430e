/* Micro-kernels of the matrix products. Included by isa_*.c after its vector type: see there. */

/* Every count but product->terms is a constant once this is inlined, so that `acc` lives in registers. */
ALWAYS void product(const lsn_product *q, const int rows, const int vectors, const int row_stride, const bool indexed)
{
    vec acc[ROWS][VECTORS];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            acc[r][v] = v_set(0.0F);
    }
    const float *a = q->a, *b = q->b;
    const int *index = q->index;
    const char *next = q->next;
    for (int left = q->terms; left > 0; left -= q->segment, a += q->segment_stride) {
        for (int i = 0; i < q->next_lines; i++, next += 64)
            __builtin_prefetch(next, 0, 2);
        int n = left < q->segment ? left : q->segment;
        for (int k = 0; k < n; k++) {
            const float *w = indexed ? b + (ptrdiff_t)LSN_PANEL * *index++ : b;
            if (!indexed)
                b += LSN_PANEL;
            vec weights[VECTORS];
#pragma GCC unroll 16
            for (int v = 0; v < vectors; v++)
                weights[v] = v_load(w + v * LANES);
#pragma GCC unroll 16
            for (int r = 0; r < rows; r++) {
                vec x = v_set(a[r * row_stride + k]);
#pragma GCC unroll 16
                for (int v = 0; v < vectors; v++)
                    acc[r][v] = v_fma(x, weights[v], acc[r][v]);
            }
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++) {
            float *c = q->c + r * q->c_stride + v * LANES;
            v_store(c, q->accumulate ? v_add(v_load(c), acc[r][v]) : acc[r][v]);
        }
    }
}

/* One function for each combination: product_STRIDE_INDEXED_COLUMNS_ROWS. */
#define PRODUCT(stride, row_stride, indexed, columns, rows)                             \
    static void product_##stride##_##indexed##_##columns##_##rows(const lsn_product *q) \
    {                                                                                   \
        product(q, rows, columns / LANES, row_stride, indexed);                         \
    }
#define PRODUCTS_OF(stride, row_stride, indexed, columns) EACH_ROWS(PRODUCT, stride, row_stride, indexed, columns)
#define ENTRY(stride, row_stride, indexed, columns, rows) product_##stride##_##indexed##_##columns##_##rows,
#define ENTRIES_OF(stride, row_stride, indexed, columns)       \
    {                                                          \
        EACH_ROWS(ENTRY, stride, row_stride, indexed, columns) \
    }

#if COLUMNS == 32
#define BOTH_WIDTHS(what, stride, row_stride, indexed) \
    what(stride, row_stride, indexed, 16) what(stride, row_stride, indexed, 32)
#define TABLE(stride, row_stride, indexed)                                                       \
    {                                                                                            \
        ENTRIES_OF(stride, row_stride, indexed, 16), ENTRIES_OF(stride, row_stride, indexed, 32) \
    }
#else
#define BOTH_WIDTHS(what, stride, row_stride, indexed) what(stride, row_stride, indexed, 16)
#define TABLE(stride, row_stride, indexed)           \
    {                                                \
        ENTRIES_OF(stride, row_stride, indexed, 16), \
        {                                            \
            0                                        \
        }                                            \
    }
#endif

BOTH_WIDTHS(PRODUCTS_OF, chunk, LSN_CHUNK, 0)
BOTH_WIDTHS(PRODUCTS_OF, chunk, LSN_CHUNK, 1)
BOTH_WIDTHS(PRODUCTS_OF, one, 1, 0)
BOTH_WIDTHS(PRODUCTS_OF, one, 1, 1)
BOTH_WIDTHS(PRODUCTS_OF, three, 3, 0)
BOTH_WIDTHS(PRODUCTS_OF, three, 3, 1)

static lsn_product_kernel *const product_table[LSN_N_STRIDES][2][2][LSN_MAX_ROWS] = {
    [LSN_STRIDE_CHUNK] = {TABLE(chunk, LSN_CHUNK, 0), TABLE(chunk, LSN_CHUNK, 1)},
    [LSN_STRIDE_1] = {TABLE(one, 1, 0), TABLE(one, 1, 1)},
    [LSN_STRIDE_3] = {TABLE(three, 3, 0), TABLE(three, 3, 1)},
};
