/* What the files of the engine share. Letters as in lesion/net.h. */
#ifndef LESION_ENGINE_INTERNAL_H
#define LESION_ENGINE_INTERNAL_H

#include "lesion/engine.h"

/* ---- kernels ------------------------------------------------------------------------------------------------- */

/* A 3x3 convolution's sizes: stride 1, padding 1, map of h x w before pooling. */
typedef struct engine_conv_shape {
    int h, w, channels, filters;
    bool pool; /* 2x2 max pooling follows: the output is [h / 2][w / 2] */
} engine_conv_shape;

/* Floats of its output for one image. */
static inline size_t engine_conv_outputs(const engine_conv_shape *s)
{
    return (s->pool ? (size_t)(s->h / 2) * (s->w / 2) : (size_t)s->h * s->w) * s->filters;
}

/* A fully connected layer's sizes. */
typedef struct engine_fc_shape {
    int channels, filters;
    bool relu;
} engine_fc_shape;

/* The functions of one method. An image's output does not depend, to the bit, on n, on its place in x, or on the other
 * images. `workspace` has room for as many floats as the function above says; x, y and workspace do not overlap. */
typedef struct engine_kernels {
    void (*prepare)(void); /* before the first call of the others */
    /* y[N][H][W][F] (pooled: [N][H/2][W/2][F]) = pool(relu(x[N][H][W][C] * weights[3][3][C][F] + bias[F])) */
    size_t (*conv_floats)(const engine_conv_shape *shape);
    void (*conv)(const float *x, int n, const engine_conv_shape *shape, const float *weights, const float *bias,
                 float *y, float *workspace);
    /* y[N][F] = x[N][C] * weights[F][C] + bias[F], then ReLU where asked for */
    size_t (*fc_floats)(const engine_fc_shape *shape);
    void (*fc)(const float *x, int n, const engine_fc_shape *shape, const float *weights, const float *bias, float *y,
               float *workspace);
} engine_kernels;

extern const engine_kernels engine_reference_kernels, engine_blas_kernels;

const engine_kernels *engine_kernels_of(lsn_method method);

/* ---- parts of kernels, the same for every method ------------------------------------------------------------- */

/* ReLU that lets NaN through, as PyTorch's does. */
static inline float engine_relu(float z)
{
    return z < 0.0f ? 0.0f : z;
}

/* The end of a convolution for `rows` rows of one image, the first of them even: y = pool(relu(z[rows][W][F] + bias)).
 * Pooled, y is [rows / 2][W / 2][F]. */
void engine_finish_rows(const float *z, int rows, int w, int filters, bool pool, const float *bias, float *y);
/* y[N][H/2][W/2][F] = 2x2 max pooling of x[N][H][W][F]. */
void engine_max_pool(const float *x, int n, int h, int w, int filters, float *y);
/* Adaptive average pooling as PyTorch defines it, then flattening: y[N][C][grid][grid] from x[N][H][W][C]. */
void engine_average_pool(const float *x, int n, int h, int w, int channels, int grid, float *y);
/* packed[3][3][C][F] from weights[F][C][3][3]. */
void engine_pack_conv(const float *weights, int filters, int channels, float *packed);

/* ---- weights ------------------------------------------------------------------------------------------------- */

/* Sets the layers' weights: those of convolutions lie in `packed` as lsn_engine_pack made them, those of fully
 * connected layers in the model. For `kernels`. */
void engine_use_weights(lsn_engine *engine, const void *packed);

/* ---- noise --------------------------------------------------------------------------------------------------- */

enum { ENGINE_LANES = 64 };

/* Philox4x32-10 of n <= ENGINE_LANES counters, in their place. */
void engine_philox(uint64_t key, uint32_t counters[4][ENGINE_LANES], int n);
/* z[n]: the standard normal distribution's quantiles at (word + 1/2) / 2^32: -6.34 .. 6.34, each greater than that of
 * the word before; relative error below 1e-15. */
void engine_quantiles(const uint32_t *words, int n, double *z);

/* One filter's map for one image. */
typedef struct engine_noise {
    uint64_t seed;
    uint32_t image, layer, filter;
    float mean, deviation; /* deviation >= 0 */
} engine_noise;

/* Rows of 2x2 windows of a map. */
int engine_noise_rows(int h, bool pool);
/* One row of windows of the map of h x w positions, or of its maxima: to[stride p] at position p of the map. */
void engine_draw_noise(const engine_noise *noise, int h, int w, bool pool, int row, float *to, size_t stride);

/* ---- the engine ---------------------------------------------------------------------------------------------- */

/* A layer, ready to be computed. */
typedef struct engine_layer {
    bool fc, flatten; /* flatten: average pooling comes first */
    engine_conv_shape conv;
    engine_fc_shape dense;
    const float *weights, *bias;
    size_t map_floats; /* its output for one image, before pooling */
    size_t out_floats; /* and after it */
    int filter_offset; /* where its filters begin in an array over all filters */
    float *kept;   /* where drift is wanted, its intact output, pooled, [arena_images][out_floats]; not the logits' */
    double *norms; /* and the square of its norm, [arena_images]; see drift.c */
} engine_layer;

struct engine_sweep;

struct lsn_engine {
    const lsn_net *net;
    lsn_method method;
    const engine_kernels *kernels; /* NULL where `sweep` computes */
    struct engine_sweep *sweep;
    engine_layer *layers; /* [n_layers] */
    bool drift;           /* there is room for what it needs */
    size_t bytes;         /* of all that it takes, and its caller's; its sums' few are not counted */
    void *packed;         /* the weights as `kernels` want them, made here; NULL where the caller gave them */
    float *means;         /* NULL until set */
    float *deviations;    /* the same */
    bool resample;        /* there is room for donors */
    float *workspace;
    struct engine_sums *sums; /* of one image, by filter of a layer; see activations.c */

    /* Activations. A layer's output lives in the buffer of its parity: [parity] has room for sub-block x floats[parity]
     * floats. The intact network and the suffix of an ablation have a pair each, and with `resample` so have the
     * donors. All of it is one allocation. */
    size_t floats[2];
    size_t flat_floats;  /* what the first fully connected layer sees of one image */
    size_t kept_floats;  /* intact outputs of all layers, and the last map once more as it is flattened; 0: not kept */
    size_t image_floats; /* all buffers together, for one image */
    int sub_block;       /* images evaluated at a time, at most */
    int arena_images;    /* images that the allocation has room for */
    float *arena;
    float *intact[2], *suffix[2], *donor[2], *donor_suffix[2], *flat;
    float *kept_flat; /* the last map as it is flattened */
    double *norms;    /* [n_layers][arena_images] */

    int *order; /* [order_room] ablations by their first layer */
    size_t order_room;
};

/* Makes room for `images` images, at most a sub-block. */
bool engine_reserve(lsn_engine *engine, int images, lsn_error *err);

/* y = layer l of x, pooled; x holds n images. */
void engine_compute(lsn_engine *engine, int l, const float *x, int n, float *y);

/* ---- activations --------------------------------------------------------------------------------------------- */

/* What lsn_engine_add_activations is asked for. */
typedef struct engine_gathering {
    const float *images;   /* [n][H][W][C] */
    const int32_t *labels; /* [n] */
    int n;
    lsn_activations *sums;
    lsn_stop *stop;
    void *context;
} engine_gathering;

struct engine_sums *engine_sums_create(const lsn_net *net, lsn_error *err);
/* Adds layer l's map y[count][positions][F] of images begin .. begin+count-1, after ReLU, before pooling. */
bool engine_add_layer(lsn_engine *engine, int l, const float *y, int begin, int count, const engine_gathering *to,
                      lsn_error *err);

/* ---- drift --------------------------------------------------------------------------------------------------- */

/* What drift is, of the squares of ||a' - a|| and ||a||. */
double engine_drift(double distance, double norm);
/* Room for all layers' intact outputs of `images` images, norms apart: floats from `at` on. */
size_t engine_kept_floats(const lsn_engine *engine);
void engine_place_kept(lsn_engine *engine, int images, float *at);
/* Rolls the intact network over the images begin .. begin+n-1, at x, and keeps every layer's output. */
bool engine_keep(lsn_engine *engine, const lsn_engine_request *r, const float *x, int begin, int n, lsn_error *err);
/* Notes how far ablation a took layer l's output, y[n][out_floats], of those images. Nothing where drift is not wanted.
 */
void engine_note_drift(lsn_engine *engine, const lsn_engine_request *r, int a, int l, const float *y, int begin, int n);

/* ---- masks --------------------------------------------------------------------------------------------------- */

/* LSN_INVALID unless the ablations' parts are as lesion/net.h has them and name filters that the network has, and
 * what their modes need is there. */
bool engine_check_request(const lsn_engine *engine, const lsn_engine_request *r, lsn_error *err);
/* Removes the filters of `part` from its layer's output y[n][positions][F], pooled, of images begin .. begin+n-1, as
 * the ablation's mode has it; donors: the same of the intact network for the images' donors, where it is LSN_RESAMPLE.
 */
void engine_mask(const lsn_engine *engine, const lsn_engine_request *r, const lsn_ablation *ablation,
                 const lsn_mask_part *part, int begin, int n, const float *donors, float *y);
/* What LSN_NOISE puts in place of filters[n] of layer l for an image of the block: their maps, pooled, at position p
 * to[stride p + k] for filter k or, where `compact`, for the k-th of them. */
void engine_noise_maps(const lsn_engine *engine, const lsn_engine_request *r, const lsn_ablation *ablation, int image,
                       int l, const int32_t *filters, int n, bool compact, float *to, size_t stride);

/* False and *err (LSN_STOPPED) where `stop` says so. */
bool engine_go_on(lsn_stop *stop, void *context, lsn_error *err);

#endif
