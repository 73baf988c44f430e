/* What the drivers (winograd.c, direct.c, dense.c) and the instruction sets' kernels (isa_*.c) share. */
#ifndef LESION_KERNELS_INTERNAL_H
#define LESION_KERNELS_INTERNAL_H

#include "kernels.h"

#include <assert.h>
#include <stdint.h>

enum {
    LSN_PANEL = 32,       /* filters of a panel: packed weights are [panel][k][LSN_PANEL] */
    LSN_CHUNK = 16,       /* terms of a chunk of packed rows */
    LSN_MAX_ROWS = 14,    /* rows of the largest micro-kernel of any instruction set */
    LSN_LINE = 16,        /* floats of a cache line */
    LSN_TERMS_BLOCK = 128 /* terms of one chain of multiply-adds; the chains' sums are added */
};

/* c[rows][columns] (+)= a * b, the product being one chain of terms from 0, then added. Term k of row r is a[(k /
 * segment) * segment_stride + r * row_stride + k % segment]; row_stride is a constant of the micro-kernel. Term k's
 * weights are b[LSN_PANEL * (index ? index[k] : k)]. */
typedef struct lsn_product {
    const float *a;
    ptrdiff_t segment_stride;
    int segment;
    int terms;
    const float *b;
    const int *index;
    float *c;
    ptrdiff_t c_stride;
    bool accumulate;
    const char *next; /* memory that is needed soon; NULL: none */
    int next_lines;   /* cache lines of it to fetch in each segment */
} lsn_product;

#define ALWAYS static inline __attribute__((always_inline))

typedef void lsn_product_kernel(const lsn_product *product);

/* Row strides for which there are micro-kernels: packed rows, and maps of 1 and 3 channels read in place. */
typedef enum lsn_row_stride { LSN_STRIDE_CHUNK, LSN_STRIDE_1, LSN_STRIDE_3, LSN_N_STRIDES } lsn_row_stride;

/* Where a tile's outputs go. Pointers are at the tile's first pixel and the panel's first channel. */
typedef struct lsn_target {
    float *out; /* or NULL */
    ptrdiff_t out_row, out_pixel;
    const float *base;    /* or NULL */
    float *pre;           /* or NULL */
    ptrdiff_t row, pixel; /* strides of base and pre */
    const float *bias;    /* or NULL */
    int rows, columns;    /* of the tile that lie in the map */
    bool relu, pool, subtract;
} lsn_target;

/* Transforms one tile of (p+2)^2 pixels, taps[i * (p+2) + j] being pixel (i, j)'s channels (or as many zeros), into
 * v[element * element_stride + (c / 16) * chunk_stride + c % 16]. */
typedef void lsn_input_kernel(const float *const *taps, int channels, float *v, ptrdiff_t element_stride,
                              ptrdiff_t chunk_stride);
/* Transforms m[element * LSN_PANEL + f], f < filters <= LSN_PANEL, back to p x p pixels. */
typedef void lsn_output_kernel(const float *m, int filters, const lsn_target *target);
/* Finishes `width` pixels of target->rows (1 or 2) rows; filter f of pixel (i, j) is at
 * m[(f / LSN_PANEL) * panel + i * row + j * pixel + f % LSN_PANEL]. */
typedef void lsn_pixel_kernel(const float *m, ptrdiff_t panel, ptrdiff_t row, ptrdiff_t pixel, int width, int filters,
                              const lsn_target *target);

/* As lsn_channel_sums and lsn_distance. */
typedef void lsn_sums_kernel(const float *map, size_t pixels, int channels, double *sum, double *square,
                             int32_t *zeros);
typedef double lsn_distance_kernel(const float *a, const float *b, size_t n);

typedef struct lsn_rows lsn_rows;

struct lsn_isa {
    const char *name;
    int rows;    /* of the largest micro-kernel */
    int columns; /* of the widest micro-kernel: 32 or 16 */
    /* [stride][index given][columns / 16 - 1][rows - 1] */
    lsn_product_kernel *const (*product)[2][2][LSN_MAX_ROWS];
    lsn_input_kernel *input[3]; /* F4, F6, F7 */
    lsn_output_kernel *output[3];
    lsn_pixel_kernel *pixels;
    lsn_sums_kernel *sums;
    lsn_distance_kernel *distance;
    /* Of a backend with products of its own, else NULL; rows are packed one to a group. */
    void (*prepare)(void); /* before anything else */
    void (*multiply)(const lsn_rows *rows, const float *panel, bool accumulate, float *c, ptrdiff_t c_stride);
};

extern const lsn_isa lsn_isa_portable, lsn_isa_openblas;
#ifdef LSN_ISA_X86
extern const lsn_isa lsn_isa_avx2, lsn_isa_avx512;
#endif

static inline size_t lsn_round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

static inline int lsn_min_int(int a, int b)
{
    return a < b ? a : b;
}

static inline int lsn_ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* A workspace that is being laid out; without memory (NULL), only the size is found. */
typedef struct lsn_layout {
    char *memory;
    size_t bytes;
} lsn_layout;

/* Takes the next `bytes` bytes, rounded up to whole cache lines. */
static inline void *lsn_lay_out(lsn_layout *layout, size_t bytes)
{
    void *taken = layout->memory == NULL ? NULL : layout->memory + layout->bytes;
    layout->bytes += lsn_round_up(bytes, LSN_KERNEL_ALIGN);
    return taken;
}

static inline float *lsn_lay_out_floats(lsn_layout *layout, size_t floats)
{
    return lsn_lay_out(layout, floats * sizeof(float));
}

/* ---- product.c ---- */

/* How rows are packed: [group][chunk][row of the group][LSN_CHUNK], a group being the rows of one run of a
 * micro-kernel, which so reads its memory from end to end. */
typedef struct lsn_packing {
    int group; /* rows of a group; the last may have fewer, not less room */
    ptrdiff_t chunk_stride, group_stride;
    size_t floats; /* no fewer for more rows */
} lsn_packing;

lsn_packing lsn_packing_of(const lsn_isa *isa, int rows, int terms);

static inline float *lsn_packed_row(const lsn_packing *packing, float *packed, int row)
{
    return packed + row / packing->group * packing->group_stride + row % packing->group * LSN_CHUNK;
}

/* Rows that one run of a micro-kernel takes: as many as there can be, evenly. */
int lsn_group_rows(const lsn_isa *isa, int rows);

/* A matrix product's operands: packed rows times panels. */
struct lsn_rows {
    const float *a; /* of the first row */
    ptrdiff_t segment_stride;
    int segment;
    ptrdiff_t group_stride; /* from the first row of one group, of lsn_group_rows, to that of the next */
    lsn_row_stride stride;
    int rows;
    int terms;
    const int *index; /* [terms] rows of the weights, or NULL */
};

/* c[rows][LSN_PANEL] (+)= rows * the panel's first `filters` columns; meanwhile fetches next[next_bytes]. */
void lsn_product_panel(const lsn_isa *isa, const lsn_rows *rows, const float *panel, int filters, bool accumulate,
                       float *c, ptrdiff_t c_stride, const void *next, size_t next_bytes);

/* The chosen columns' weights: to[terms][LSN_PANEL] from panels[..][w_terms][LSN_PANEL]. */
void lsn_gather_panel(float *to, const float *panels, int w_terms, const int *index, int terms, const int *columns,
                      int filters);

/* Packed rows as operands. */
lsn_rows lsn_packed_rows(const lsn_packing *packing, const float *packed, int rows, int terms, const int *index);
/* Writes terms first .. first + n - 1 of a packed row; from == NULL: zeros. */
void lsn_pack_terms(float *row, ptrdiff_t chunk_stride, int first, const float *from, int n);

/* ---- winograd.c, direct.c ---- */

/* p of a Winograd method. */
static inline int lsn_winograd_side(lsn_conv_method method)
{
    assert(method != LSN_CONV_DIRECT);
    return method == LSN_CONV_F4 ? 4 : method == LSN_CONV_F6 ? 6 : 7;
}

int lsn_winograd_blocks(const lsn_conv *conv, int n_images);
size_t lsn_winograd_workspace_bytes(const lsn_conv *conv, int n_images);
void lsn_winograd_run(const lsn_conv *conv, const lsn_conv_image *images, int n_images, int first_block, int end_block,
                      void *workspace);

int lsn_direct_blocks(const lsn_conv *conv, int n_images);
size_t lsn_direct_workspace_bytes(const lsn_conv *conv, int n_images);
void lsn_direct_run(const lsn_conv *conv, const lsn_conv_image *images, int n_images, int first_block, int end_block,
                    void *workspace);

#endif
