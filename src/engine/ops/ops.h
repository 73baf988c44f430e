/* The operators that the engine computes, a file each: what it makes of a node, what that costs, its weights, its run.
 *
 *   convolution.c, winograd_choice.c    3x3 convolutions; by which method
 *   dense.c                             fully connected layers
 *   average.c                           adaptive average pooling
 *   max_pool.c                          2x2 max pooling of a map, where it is not fused into a convolution
 */
#ifndef LESION_ENGINE_OPS_H
#define LESION_ENGINE_OPS_H

#include "engine/program.h"
#include "lesion/engine.h"

/* Some channels of a value, ascending. */
typedef struct engine_channels {
    const int *list; /* NULL: all */
    int count;
} engine_channels;

/* A value for some images: [images][pixels][channels.count]. */
typedef struct engine_tensor {
    const float *data; /* NULL: it is not there */
    engine_channels channels;
} engine_tensor;

/* A step's work on n images. */
typedef struct engine_call {
    int n;
    const engine_tensor *in; /* [step->n_inputs] */
    float *out;              /* [n][pixels][outputs.count] */
    engine_channels outputs; /* filters that are computed; .count 0: all */
    float *pre;              /* [n][z_floats], or NULL */
    const float *base;       /* [n][z_floats] or NULL: what the product is subtracted from, in place of the bias */
    bool linear;             /* it is a linear step over the channels that `in` holds */
    bool unpooled;           /* without the pooling that is fused into the step */
} engine_call;

/* Weights as a kernel wants them: an array of panels of one size. */
typedef struct engine_weights {
    size_t bytes; /* a multiple of LSN_KERNEL_ALIGN for each panel; 0: there are none */
    int panels;
} engine_weights;

enum {
    ENGINE_FULL_TILES = 112, /* Winograd tiles, or pixels of tiny maps, that fill a kernel's block */
    ENGINE_MOST_STACK = 252, /* inputs stacked at most: rows for which a fully connected layer reads its weights once */
    ENGINE_MOST_WEIGHTS = 2  /* arrays of weights of a step */
};

typedef struct engine_operator {
    lsn_operator op;
    bool by_channel; /* it takes each channel by itself: of some channels it gives the same */
    /* Makes the step of a node, whose inputs are set: what is fused into it, and the kernel's view of it without
     * weights. LSN_INVALID where there is no kernel for it. */
    bool (*describe)(const lsn_net *net, engine_step *step, lsn_error *err);
    /* Inputs after which its kernel has full blocks. */
    int (*stack)(const engine_step *step);
    /* Predicted multiply-adds for one image, transforms counted as such; of a linear step what it takes besides that
     * for its channels. NULL: none. */
    double (*cost)(const engine_step *step);
    double (*linear_cost)(const engine_step *step);
    /* Multiply-adds that its kernel executes for one image, reading so many channels. NULL: none. */
    double (*madds)(const engine_step *step, int channels);
    /* Its arrays of weights 0 .. ENGINE_MOST_WEIGHTS-1; panels written to an array's begin; and the array used. NULL:
     * none. */
    engine_weights (*weights)(const engine_step *step, int which);
    void (*pack)(const engine_step *step, int which, float *to, int panel);
    void (*use)(engine_step *step, int which, const float *weights);
    /* Workspace of one thread for any call of it. NULL: none. */
    size_t (*workspace)(const engine_step *step);
    void (*run)(lsn_engine *engine, const engine_step *step, const engine_call *call);
} engine_operator;

/* By operators.c's table; NULL where there is none. */
const engine_operator *engine_operator_of(lsn_operator op);
extern const engine_operator engine_convolution, engine_dense, engine_average;

/* ---- winograd_choice.c --------------------------------------------------------------------------------------- */

/* How a convolution is computed, by its map and its weights' channels and filters; and a linear step over so many. */
lsn_conv_method engine_conv_method(const lsn_conv *conv);
lsn_conv_method engine_few_method(const lsn_conv *conv, int channels);
/* Predicted multiply-adds for one image, transforms included. */
double engine_conv_cost(const lsn_conv *conv);
/* What is done to an output beside its products, in multiply-adds. */
enum { ENGINE_OUTPUT_COST = 30 };
int engine_conv_stack(const lsn_conv *conv);

/* ---- pooling ------------------------------------------------------------------------------------------------- */

/* y[N][H/2][W/2][F] = 2x2 max pooling of x[N][H][W][F]. */
void engine_max_pool(const float *x, int n, int h, int w, int filters, float *y);
/* y[rows][columns][C] from x[H][W][C]: adaptive average pooling as PyTorch defines it. */
void engine_average_pool(const float *x, int h, int w, int channels, const int grid[2], float *y);

#endif
