/* What the files of the engine share. Letters as in lesion/net.h.
 *
 *   engine.c        an engine's life, what it is told of means and deviations
 *   memory.c        how the memory is shared out; weights.c: packed weights; choose.c: how each convolution is computed
 *   layers.c        one layer on many images; mask.c, noise.c: what replaces removed filters; pool.c: pooling
 *   sweep/          many ablations on a block of images: sweep.c rolls the intact network, step.c branches off by the
 *                   linear step, queue.c stacks pairs, solo.c: ablations of several layers, drift.c
 *   activations.c   sums over what filters do; cost.c, measure.c: what work costs
 *   kernels/        convolutions and fully connected layers; its interface is kernels/kernels.h
 *
 * The sweep: many ablations on a block of images, sharing all that they can.
 *
 * The intact network is rolled forward over a sub-block of images, layer by layer. When layer n has been computed, each
 * ablation whose first layer is n - 1 branches off by the linear step: the pre-activation of layer n is linear in the
 * removed channels S, z' = z - W[:,S] * a[S], so that only they (or only the kept ones, whichever are fewer) are
 * computed. What comes out are pairs (ablation, image), which from layer n + 1 on need every layer in full.
 *
 * Pairs of all ablations are stacked: each layer has a queue of inputs, and runs when its stack is full. So a kernel
 * always has full blocks, and a fully connected layer reads its weights once for many pairs. Since an output of a
 * kernel depends on its own image only, a pair's logits do not depend on what it was stacked with.
 *
 * An ablation of several layers goes its way alone (solo.c) up to its last mask, for its later masks change what is
 * computed and read, and joins the queues behind it.
 *
 * What replaces a removed channel enters the linear step as the difference a[S] - a'[S]. Donors, whose maps are a' in
 * LSN_RESAMPLE, are rolled along with the images, up to the last layer where an ablation begins that wants them.
 *
 * Where drift is wanted (drift.c), the intact network goes through all layers of a sub-block before anything branches
 * off, and its outputs are kept until the sub-block's pairs are through: queues are flushed at its end. */
#ifndef LESION_ENGINE_INTERNAL_H
#define LESION_ENGINE_INTERNAL_H

#include "engine/kernels/kernels.h"
#include "lesion/engine.h"

enum { SWEEP_INTACT = -1 }; /* in an ablation's place */

/* (ablation, image) */
typedef struct sweep_pair {
    int ablation, image;
} sweep_pair;

/* Inputs that wait for a layer. Full means `stack`; there is room for a push of the layer before besides. */
typedef struct sweep_queue {
    float *in;         /* [room][in_floats] */
    sweep_pair *pairs; /* [room] */
    int count, stack, room;
} sweep_queue;

typedef struct sweep_layer {
    bool fc;
    lsn_conv conv;                /* the layer in full */
    lsn_conv step;                /* the linear step over few channels; not for layer 0 */
    lsn_dense dense;              /* where fc */
    size_t in_floats, out_floats; /* of one image; the first fully connected layer's input is [grid][grid][C] */
    size_t z_floats;              /* pre-activation */
    int filter_offset;            /* where its filters begin in an array over all filters */
    int in_pixels, channels;      /* in_floats = in_pixels * channels */
    float *kept; /* where drift is wanted: [sub_block][what the next layer sees], the intact output; not the logits' */
    double *norms; /* and the square of its norm, [sub_block] */
    sweep_queue queue;
} sweep_layer;

/* Lists of channels and terms in use at a time: a step's channels and terms, what a solo's input and output keep, its
 * terms. */
enum { STEP_CHANNELS, STEP_TERMS, SOLO_IN, SOLO_OUT, SOLO_TERMS, SWEEP_LISTS };

struct lsn_engine {
    const lsn_net *net;
    const lsn_isa *isa;
    int threads;
    sweep_layer *layers;
    int n_layers;
    bool drift;               /* there is room for what drift needs */
    size_t bytes;             /* of all that it takes, and its caller's; its sums' few are not counted */
    float *means;             /* of all filters; NULL until set */
    float *deviations;        /* the same */
    struct engine_sums *sums; /* of one image, by filter of a layer; see activations.c */
    void *weights;            /* packed here; NULL where the caller gave them */
    bool average;             /* the last map must be average-pooled before the first fully connected layer */
    int sub_block;            /* images rolled at a time */
    size_t workspace_bytes;   /* of one thread */
    char *workspace;          /* [threads][workspace_bytes] */
    float *intact[2];         /* [sub_block][largest output]: a layer's input and output in turn */
    float *z;                 /* [sub_block][largest pre-activation] */
    float *gathered;          /* [sub_block][largest input]: the channels of a linear step */
    float *map;               /* [map_images][last map]: before average pooling; NULL where there is none */
    int map_images;
    float *solo[3];         /* [sub_block][largest map]: for ablations of several layers */
    bool resample;          /* there is room for donors: */
    float *donor[3];        /* [sub_block][largest output]: a layer's input and output in turn, in [0] and [1]; where an
                             * ablation of several layers branches off, the output's and [2] are free, for its donors */
    lsn_conv_image *images; /* [stack or sub-block, whichever is the largest] */
    lsn_dense_row *rows;    /* the same */
    int *list[SWEEP_LISTS]; /* [most terms]: lists of channels or terms */
    float *bias;            /* [most filters] */
    lsn_conv_phases phases;
    lsn_engine_profile profile;

    /* What is asked for at present. */
    const lsn_engine_request *request;
    int first; /* of the images that are being rolled, in the block */
};

/* ---- choose.c ------------------------------------------------------------------------------------------------ */

enum {
    SWEEP_FULL_TILES = 112, /* Winograd tiles, or pixels of tiny maps, that fill a kernel's block */
    SWEEP_MOST_STACK = 252  /* inputs stacked at most: rows for which a fully connected layer reads its weights once */
};

/* Inputs after which a layer's kernel has full blocks. */
int sweep_full_stack(const lsn_layer *layer);

/* How a convolution is computed: by the size of its map and its channels. */
lsn_conv_method sweep_conv_method(const lsn_layer *layer);
/* And its linear step over `channels` channels. */
lsn_conv_method sweep_step_method(const lsn_layer *layer, int channels);

/* The kernel's view of a layer in full, or of its linear step over fewer channels. No weights. */
lsn_conv sweep_describe_conv(const lsn_layer *layer, int channels);
/* Predicted cost of a convolution in full, in multiply-adds, transforms included. */
double sweep_conv_cost(const lsn_layer *layer);
/* What is done to an output beside its products, in multiply-adds. */
enum { SWEEP_STEP_COST = 30 };

/* ---- weights.c ----------------------------------------------------------------------------------------------- */

/* Fills in engine->layers but for the weights. */
void sweep_describe_layers(lsn_engine *engine);
void sweep_use_weights(lsn_engine *engine, const void *packed);

/* ---- memory.c -------------------------------------------------------------------------------------------------- */

/* *(any pointer) = memory of that size: in huge pages where it is large, not zeroed; released with free(). */
bool sweep_allocate(void *pointer, size_t bytes, lsn_error *err);
/* Shares the memory out, and sets engine->bytes; takes none of it. */
bool engine_plan_memory(lsn_engine *engine, const lsn_engine_options *options, lsn_error *err);
/* Takes it, and packs the weights where `weights` is NULL. */
bool engine_take_memory(lsn_engine *engine, const void *weights, lsn_error *err);

/* ---- layers.c: one layer on many images ---------------------------------------------------------------------- */

/* Runs the convolution on engine->images[0 .. n-1], over the threads. */
void sweep_run_conv(lsn_engine *engine, const lsn_conv *conv, int n);
/* Runs the fully connected layer on engine->rows[0 .. n-1]. */
void sweep_run_dense(lsn_engine *engine, const lsn_dense *dense, int n);
/* y[grid][grid][C] from the last map's x[H][W][C], adaptive average pooling as PyTorch defines it. */
void sweep_average_pool(const lsn_engine *engine, int channels, const float *x, float *y);
/* Where layer l's output for image i of a run of n has to go so that `to` is layer l + 1's input: `to` itself, or
 * before average pooling a place of its own; and what then makes it that input. */
float *sweep_output_place(lsn_engine *engine, int l, int i, float *to);
void sweep_finish_output(lsn_engine *engine, int l, int i, float *to);

/* ---- queue.c ------------------------------------------------------------------------------------------------- */

/* Room for `n` (at most its stack) more inputs of layer l; written by the caller, then counted by sweep_pushed. */
float *sweep_push(lsn_engine *engine, int l, int n, sweep_pair **pairs);
bool sweep_pushed(lsn_engine *engine, int l, int n, lsn_error *err);
/* Runs all that waits, to the logits. */
bool sweep_flush(lsn_engine *engine, lsn_error *err);

float *sweep_logits(const lsn_engine *engine, sweep_pair pair);

/* ---- step.c -------------------------------------------------------------------------------------------------- */

/* What branches off: images begin .. begin+count-1 of the block under an ablation that begins at layer n - 1. Layer n's
 * intact pre-activations are in engine->z. */
typedef struct sweep_branch {
    int ablation, n, begin, count;
    const float *a;      /* [count][layer n's input], intact */
    const float *donors; /* the same for the images' donors; only where they are wanted */
} sweep_branch;

/* The linear step of an ablation of one layer, into layer n + 1's queue or the logits. */
bool sweep_step(lsn_engine *engine, const sweep_branch *branch, lsn_error *err);

/* The same for one of several layers, its first mask only: y[count][layer n's output], before average pooling. */
void sweep_step_raw(lsn_engine *engine, const sweep_branch *branch, float *y);

/* ---- drift.c: nothing is done where it is not wanted, sweep_find_norms excepted ------------------------------ */

/* The norms of layer l's intact outputs for the `count` rolled images. */
void sweep_find_norms(lsn_engine *engine, int l, int count);
/* What layer l gave for n pairs: y[n][what the next layer sees]; NULL: the logits, in their place. */
void sweep_drift_pairs(lsn_engine *engine, int l, const sweep_pair *pairs, int n, const float *y);
/* What a branch's first mask did to its layer's output, after the step: engine->gathered is what was removed less what
 * replaced it. */
void sweep_drift_masked(lsn_engine *engine, const sweep_branch *branch);
/* What layer l gave for a branch: y[count][pixels][n_kept], all channels or those listed; the others are 0. Overwrites
 * engine->gathered. */
void sweep_drift_alone(lsn_engine *engine, const sweep_branch *branch, int l, const int *kept, int n_kept,
                       const float *y);

/* ---- solo.c -------------------------------------------------------------------------------------------------- */

/* The same for an ablation of several layers, into the queue behind its last mask or to its logits. */
bool sweep_solo(lsn_engine *engine, const sweep_branch *branch, lsn_error *err);

/* ---- activations.c ----------------------------------------------------------------------------------------------- */

struct engine_sums *engine_sums_create(const lsn_net *net, lsn_error *err);

/* ---- pool.c -------------------------------------------------------------------------------------------------- */

/* y[N][H/2][W/2][F] = 2x2 max pooling of x[N][H][W][F]. */
void engine_max_pool(const float *x, int n, int h, int w, int filters, float *y);
/* y[grid][grid][C] from x[H][W][C]: adaptive average pooling as PyTorch defines it. */
void engine_average_pool(const float *x, int h, int w, int channels, int grid, float *y);

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
