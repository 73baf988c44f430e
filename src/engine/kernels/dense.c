/* Fully connected layers. A block is a group of panels; for up to BLOCK_ROWS rows at a time, each piece of
 * BLOCK_TERMS terms of the rows is packed and multiplied with the group's panels, whose weights so are read once.
 */
#include "kernels_internal.h"

enum { BLOCK_ROWS = 252, BLOCK_TERMS = 512 };

/* Panels of a block. */
static int block_panels(const lsn_dense *dense)
{
    int panels = lsn_conv_panels(dense->filters);
    return dense->block_panels > 0 ? lsn_min_int(dense->block_panels, panels) : panels;
}

typedef struct group {
    const lsn_dense *dense;
    int first_panel, end_panel;
    ptrdiff_t m_panel;
    lsn_packing packing;
    float *rows, *gathered, *m;
} group;

int lsn_dense_blocks(const lsn_dense *dense, int n_rows)
{
    (void)n_rows;
    return lsn_ceil_div(lsn_conv_panels(dense->filters), block_panels(dense));
}

static size_t lay_out(group *g, const lsn_dense *dense, int n_rows, void *workspace)
{
    lsn_layout at = {workspace, 0};
    *g = (group){.dense = dense};
    g->m_panel = (ptrdiff_t)n_rows * LSN_PANEL;
    g->packing = lsn_packing_of(dense->isa, n_rows, BLOCK_TERMS);
    g->rows = lsn_lay_out_floats(&at, g->packing.floats);
    g->gathered = lsn_lay_out_floats(&at, dense->columns != NULL ? BLOCK_TERMS * LSN_PANEL : 0);
    g->m = lsn_lay_out_floats(&at, (size_t)block_panels(dense) * (size_t)g->m_panel);
    return at.bytes;
}

size_t lsn_dense_workspace_bytes(const lsn_dense *dense, int n_rows)
{
    group g;
    return lay_out(&g, dense, lsn_min_int(n_rows, BLOCK_ROWS), NULL);
}

/* Packs terms k .. k + n - 1 of the rows. */
static void pack_rows(const group *g, const lsn_dense_row *rows, int n_rows, int k, int n)
{
    const int *gather = g->dense->gather;
    for (int r = 0; r < n_rows; r++) {
        float *to = lsn_packed_row(&g->packing, g->rows, r);
        if (gather == NULL) {
            lsn_pack_terms(to, g->packing.chunk_stride, 0, rows[r].in + k, n);
            continue;
        }
        for (int i = 0; i < n; i++)
            to[i / LSN_CHUNK * g->packing.chunk_stride + i % LSN_CHUNK] = rows[r].in[gather[k + i]];
    }
}

/* Adds the products of terms k .. k + n - 1. */
static void multiply(const group *g, int n_rows, int k, int n)
{
    const lsn_dense *dense = g->dense;
    lsn_rows rows = lsn_packed_rows(&g->packing, g->rows, n_rows, n, NULL);
    const int *index = dense->rows == NULL ? NULL : dense->rows + k;
    ptrdiff_t panel_floats = (ptrdiff_t)dense->w_terms * LSN_PANEL,
              first = index == NULL ? (ptrdiff_t)k * LSN_PANEL : 0;
    for (int panel = g->first_panel; panel < g->end_panel; panel++) {
        int filters = lsn_min_int(LSN_PANEL, dense->filters - panel * LSN_PANEL);
        const float *weights = dense->weights + panel * panel_floats + first, *next = NULL;
        size_t next_bytes = (size_t)n * LSN_PANEL * sizeof(float);
        rows.index = index;
        if (dense->columns != NULL) {
            lsn_gather_panel(g->gathered, dense->weights + first, dense->w_terms, index, n,
                             dense->columns + panel * LSN_PANEL, filters);
            weights = g->gathered;
            rows.index = NULL;
        } else if (index == NULL) {
            next = panel + 1 < g->end_panel ? weights + panel_floats : NULL;
        }
        lsn_product_panel(dense->isa, &rows, weights, filters, k > 0, g->m + (panel - g->first_panel) * g->m_panel,
                          LSN_PANEL, next, next_bytes);
    }
}

static void finish(const group *g, const lsn_dense_row *rows, int n_rows)
{
    const lsn_dense *dense = g->dense;
    ptrdiff_t f = (ptrdiff_t)g->first_panel * LSN_PANEL;
    int filters = lsn_min_int(g->end_panel * LSN_PANEL, dense->filters) - (int)f;
    lsn_target target = {.bias = dense->bias == NULL ? NULL : dense->bias + f,
                         .rows = 1,
                         .relu = dense->relu,
                         .subtract = dense->subtract};
    for (int r = 0; r < n_rows; r++) {
        target.out = rows[r].out == NULL ? NULL : rows[r].out + f;
        target.base = rows[r].base == NULL ? NULL : rows[r].base + f;
        target.pre = rows[r].pre == NULL ? NULL : rows[r].pre + f;
        dense->isa->pixels(g->m + (ptrdiff_t)r * LSN_PANEL, g->m_panel, 0, 0, 1, filters, &target);
    }
}

void lsn_dense_run(const lsn_dense *dense, const lsn_dense_row *rows, int n_rows, int first_block, int end_block,
                   void *workspace)
{
    assert((uintptr_t)workspace % LSN_KERNEL_ALIGN == 0);
    for (int block = first_block; block < end_block; block++) {
        for (int r = 0; r < n_rows; r += BLOCK_ROWS) {
            int n = lsn_min_int(BLOCK_ROWS, n_rows - r);
            group g;
            lay_out(&g, dense, n, workspace);
            g.first_panel = block * block_panels(dense);
            g.end_panel = lsn_min_int(g.first_panel + block_panels(dense), lsn_conv_panels(dense->filters));
            for (int k = 0; k < dense->terms; k += BLOCK_TERMS) {
                int terms = lsn_min_int(BLOCK_TERMS, dense->terms - k);
                pack_rows(&g, rows + r, n, k, terms);
                multiply(&g, n, k, terms);
            }
            finish(&g, rows + r, n);
        }
    }
}
