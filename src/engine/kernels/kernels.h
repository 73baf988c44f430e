/* Convolutions and fully connected layers near the machine's limit.
 *
 * Notation: N images, H x W map, C input channels, F filters (output channels), K terms of a dot product, p the side of
 * a Winograd output tile. Activations are channels last, float32, [H][W][C] for each image, any alignment. Convolutions
 * are 3x3, stride 1, padding 1.
 *
 * Reproducible to the bit. An output depends on the layer's description (struct below: shape, algorithm, lists) and on
 * its own image only. It does not depend on the instruction set (OpenBLAS's products excepted), on the images it is
 * stacked with, on their order, on the split into blocks, on the number of threads or on the workspace. This holds
 * because
 *   - every element of a product is a sum of chains of 128 terms, added in their order; a chain is one of fused
 *     multiply-adds, acc = fma(a[k], w[k], acc), over k ascending from acc = 0 (short chains round less than one of
 *     all terms: what is lost in a product's sum is what limits Winograd's precision);
 *   - transforms are additions and fused multiply-adds in an order fixed in the source; the compiler contracts nothing.
 * A ReLU is `0 > x ? 0 : x` and a maximum `a > b ? a : b` (a NaN passes a ReLU). Denormals are not flushed.
 *
 * Threads. Nothing here has global state but the choice of instruction set. A function may be called at the same time
 * from several threads, with a workspace each; the *_run functions take a range of blocks for that, and ranges that do
 * not overlap write different outputs.
 *
 * Memory. Nothing is allocated: the caller gives weights and workspace, aligned to LSN_KERNEL_ALIGN bytes, of the sizes
 * that the *_bytes functions return. Both are best backed by huge pages. Packed weights are plain floats, independent
 * of the instruction set, without pointers: they may live in memory shared by processes.
 *
 * Sizes are trusted: H, W, C, F, K, N >= 1, H*W*max(C, F) and K*F below 2^31. */
#ifndef LESION_KERNELS_H
#define LESION_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LSN_KERNEL_ALIGN = 64 };

/* ---- Instruction sets ---- */

typedef struct lsn_isa lsn_isa;

/* The set of that name ("avx512", "avx2", "portable", and "openblas", whose products are OpenBLAS's); NULL if there is
 * none or this processor lacks it. */
const lsn_isa *lsn_isa_find(const char *name);
/* What LESION_ISA in the environment names, or else the best this processor has. NULL where LESION_ISA names what is
 * unknown or lacking. Fixed by the first call of the process. */
const lsn_isa *lsn_isa_choose(void);
const char *lsn_isa_name(const lsn_isa *isa);
/* Whether its bits are those of the other own sets; OpenBLAS's differ. */
bool lsn_isa_is_own(const lsn_isa *isa);

/* ---- Convolution ---- */

typedef enum lsn_conv_method {
    LSN_CONV_DIRECT, /* 9*C terms a product; for few channels (1, 3, a linear step's) and for maps up to 2x2 */
    LSN_CONV_F4,     /* Winograd F(4x4,3x3): 36 products of C terms for each 4x4 outputs */
    LSN_CONV_F6,     /* Winograd F(6x6,3x3): 64 products of C terms for each 6x6 outputs */
    LSN_CONV_F7,     /* Winograd F(7x7,3x3): 81 products of C terms for each 7x7 outputs */
    LSN_N_CONV_METHODS
} lsn_conv_method;

/* Seconds spent in the phases of a Winograd convolution; lsn_conv_run adds to them. */
typedef struct lsn_conv_phases {
    double input, product, output;
} lsn_conv_phases;

/* A layer as it is to be computed. Let conv be the convolution of the image's `channels` channels. Then
 *   z = base == NULL ? bias + conv : subtract ? base - conv : base + conv,
 *   pre = z, out = pool2x2(relu(z)),
 * each step as far as asked for.
 *
 * Input subset (linear step, masked channels): the image holds only `channels` channels and `rows` says which of the
 * weights' input channels they stand for. Output subset (masked filters): `columns` says which filters are computed;
 * out, pre, base and bias then hold `filters` channels, those of the list, in its order. Gathering them costs about as
 * much as 25 more tiles or positions a block would. */
typedef struct lsn_conv {
    lsn_conv_method method;
    const lsn_isa *isa;
    int height, width;         /* of the input map and of z */
    int channels, filters;     /* computed */
    int w_channels, w_filters; /* of the packed weights */
    const int *rows;           /* [channels], ascending, 0 .. w_channels - 1; NULL: all (channels == w_channels) */
    const int *columns;        /* [filters], 0 .. w_filters - 1; NULL: all (filters == w_filters) */
    const float *weights;      /* by lsn_conv_pack with the same method */
    const float *bias;         /* [filters]; NULL: 0; not used where an image has a base */
    bool relu, pool, subtract; /* pool: maxima of 2x2 windows, an odd last row or column is dropped */
    lsn_conv_phases *phases;   /* NULL: not wanted; otherwise for one thread only */
} lsn_conv;

/* One image's data, or that of one (job, image) pair. Arrays may not overlap, except that base may be pre. */
typedef struct lsn_conv_image {
    const float *in;   /* [H][W][channels] */
    float *out;        /* [H][W][filters], or [H/2][W/2][filters] with pool; NULL: not wanted (then pre is) */
    const float *base; /* [H][W][filters] or NULL */
    float *pre;        /* [H][W][filters] or NULL */
} lsn_conv_image;

size_t lsn_conv_weights_bytes(lsn_conv_method method, int channels, int filters);
/* Packs w[filters][channels][3][3]; the transform is computed in double and rounded once. Panels of 32 filters; only
 * those from `first_panel` to before `end_panel` are written, so that threads or processes can share the work. */
int lsn_conv_panels(int filters);
void lsn_conv_pack(lsn_conv_method method, float *packed, const float *w, int channels, int filters, int first_panel,
                   int end_panel);

/* The work on N images is cut into blocks, which are the grain for threads. */
int lsn_conv_blocks(const lsn_conv *conv, int n_images);
/* Enough for up to that many images; fewer channels may need more. */
size_t lsn_conv_workspace_bytes(const lsn_conv *conv, int n_images);
/* Computes the blocks from `first_block` to before `end_block` of images[n_images]. */
void lsn_conv_run(const lsn_conv *conv, const lsn_conv_image *images, int n_images, int first_block, int end_block,
                  void *workspace);

/* Multiply-adds that lsn_conv_run executes in its products for one image (tiles' rims and padding of panels included).
 */
double lsn_conv_multiply_adds(const lsn_conv *conv);

/* ---- Fully connected layer ---- */

/* z and out as above, with the dot product over `terms` in place of conv. `rows` as above; `gather` says which elements
 * of an input row are read, so that a masked layer's output need not be compacted first. */
typedef struct lsn_dense {
    const lsn_isa *isa;
    int terms, filters;
    int w_terms, w_filters;
    const int *rows;    /* [terms], 0 .. w_terms - 1; NULL: all */
    const int *gather;  /* [terms], positions in an input row; NULL: 0 .. terms - 1 */
    const int *columns; /* [filters]; NULL: all */
    const float *weights;
    const float *bias; /* [filters] or NULL */
    bool relu, subtract;
    int block_panels; /* panels of 32 filters in a block; 0: all. Each block packs the rows anew */
} lsn_dense;

typedef struct lsn_dense_row {
    const float *in;   /* [terms], or what `gather` points into */
    float *out;        /* [filters] or NULL */
    const float *base; /* [filters] or NULL */
    float *pre;        /* [filters] or NULL */
} lsn_dense_row;

size_t lsn_dense_weights_bytes(int terms, int filters);
/* Packs w[filters][channels][pixels] for inputs [pixels][channels] (pixels = 1: w[filters][terms]). */
void lsn_dense_pack(float *packed, const float *w, int channels, int pixels, int filters, int first_panel,
                    int end_panel);
/* Blocks of filters: each reads its part of the weights once for up to 252 rows. */
int lsn_dense_blocks(const lsn_dense *dense, int n_rows);
size_t lsn_dense_workspace_bytes(const lsn_dense *dense, int n_rows);
void lsn_dense_run(const lsn_dense *dense, const lsn_dense_row *rows, int n_rows, int first_block, int end_block,
                   void *workspace);

/* ---- Sums in double precision ---- */

/* Of each channel of map[pixels][channels] (pixels up to 2^24): the sum of its values and that of their squares, added
 * in their order, and how many of them are 0. */
void lsn_channel_sums(const lsn_isa *isa, const float *map, size_t pixels, int channels, double *sum, double *square,
                      int32_t *zeros);
/* The sum over i < n of (a[i] - b[i])^2, the difference in single precision; of a[i]^2 where b is NULL. Lane i % 32 has
 * a sum of its own, in the order of i; lane j + k is added to lane j for k = 16, 8, 4, 2, 1. */
double lsn_distance(const lsn_isa *isa, const float *a, const float *b, size_t n);

/* ---- Helper ---- */

/* to[pixels][n] = from[pixels][list[0 .. n-1]], where from has `channels` channels. */
void lsn_gather_channels(float *to, const float *from, size_t pixels, int channels, const int *list, int n);

#endif
