/* Lesion: a network as data: a graph of operators, the layers whose channels can be removed, shapes and costs.
 *
 * Dimension letters, here and everywhere: N images, H rows, W columns, C channels (inputs), F filters (outputs), K
 * kernel side. A network is a list of nodes in topological order: every node reads values of nodes before it. Node 0 is
 * the network's input (an image), the last node's value is its logits. A node's value for one image is a map of C x H x
 * W; a row of n values is n x 1 x 1.
 *
 * The channels of some nodes can be removed: these are the layers, in the order of the nodes. The last layer gives the
 * logits and is never ablated.
 *
 * Functions are thread-safe for different networks; a network is read-only once its input is set.
 */
#ifndef LESION_NET_H
#define LESION_NET_H

#include "lesion/base.h"

/* ---- the graph ----------------------------------------------------------------------------------------------- */

typedef enum lsn_operator {
    LSN_OP_INPUT,        /* the images: node 0, and no other */
    LSN_OP_CONV,         /* weights [F][C / groups][K][K], bias [F]; zeros around the map */
    LSN_OP_DENSE,        /* y = W x + b of a row: weights [F][C], bias [F] */
    LSN_OP_ADD,          /* the sum of two or more maps of one shape */
    LSN_OP_RELU,         /* max(0, x) */
    LSN_OP_MAX_POOL,     /* the largest value of a window; what lies outside the map is left out */
    LSN_OP_AVERAGE_GRID, /* PyTorch's adaptive average pooling to grid[0] x grid[1] */
    LSN_OP_FLATTEN,      /* a map as a row, as PyTorch does it: value [c][y][x] is number (c * H + y) * W + x */
    LSN_N_OPERATORS
} lsn_operator;

/* "Conv", "Gemm", ... as ONNX calls them. */
LSN_API const char *lsn_operator_name(lsn_operator op);

/* A value for one image. All 0 until the network's input is set. */
typedef struct lsn_net_shape {
    int channels, h, w;
} lsn_net_shape;

/* How a convolution or a pooling goes over a map: [0] rows, [1] columns. */
typedef struct lsn_net_window {
    int kernel[2], stride[2], dilation[2]; /* at least 1 */
    int padding[4];                        /* at least 0: above, left, below, right */
} lsn_net_window;

/* Values of a node's own. All finite. */
typedef struct lsn_constant {
    const float *values; /* NULL while they are not read yet */
    size_t count;        /* 0: the operator has none */
} lsn_constant;

typedef struct lsn_net_node {
    lsn_operator op;
    int n_inputs, n_consumers;
    int *inputs; /* nodes whose values it reads, each below its own index; in the operator's order, repeats allowed */
    int *consumers; /* nodes that read its value, ascending, each once */
    lsn_net_shape shape;
    int filters, channels; /* F and C of a convolution or fully connected layer; C of the input, 0: any; else 0 */
    int groups;            /* of a convolution, at least 1 */
    lsn_net_window window; /* of a convolution, of a fully connected layer (1 x 1), of a pooling */
    int grid[2];           /* of LSN_OP_AVERAGE_GRID */
    bool no_larger;        /* of LSN_OP_AVERAGE_GRID: maps larger than the grid are refused (timm's VGG networks) */
    lsn_constant weights;  /* in the file's order; a batch normalisation that follows is folded in */
    lsn_constant bias;     /* zeros where the file has none */
} lsn_net_node;

/* Nodes first .. last: what is computed between two values that stand alone. */
typedef struct lsn_segment {
    int first, last;
} lsn_segment;

typedef enum lsn_layer_kind { LSN_CONVOLUTION, LSN_CONNECTED } lsn_layer_kind;

typedef struct lsn_layer {
    char *name;  /* conv1_1, fc6; conv1, fc1 where the network is not of five blocks: what is stored */
    char *alias; /* a second name that finds it: its module's, features.0; NULL: none */
    lsn_layer_kind kind;
    int filters; /* F */
    bool logits; /* the last layer: not ablated */
    int node;    /* the node with its weights */
    int output;  /* the node whose value a mask replaces: behind the activation that directly follows */
    int seen;    /* that value as the next layer sees it: behind the poolings and the flattening that directly follow */
    int segment; /* the segment with its node */
    char *weights_tensor, *bias_tensor; /* their names in the file; bias_tensor is NULL where the file has none */
    char *norm; /* the module in the file of the batch normalisation that was folded in: "features.1"; NULL: none was */
} lsn_layer;

typedef struct lsn_net {
    int n_nodes, n_layers, n_cuts, n_segments;
    lsn_net_node *nodes;
    lsn_layer *layers;
    int *cuts;             /* ascending: the nodes behind which their value alone is still needed; the first is 0, the
                            * last n_nodes - 1 */
    lsn_segment *segments; /* nodes 1 .. n_nodes - 1, cut into pieces that end with cuts: as many as each can have a
                            * layer's node; what follows it (activation, pooling, flattening) belongs to it */
    int n_folded;          /* layers into which a batch normalisation was folded */
    int classes;           /* logits */
    char *path;
    char *dtype;       /* of the weights in the file: "F32", "F16", "BF16", "F64", or "mixed" */
    lsn_digest digest; /* SHA-256 of the file */
    struct lsn_net_storage *storage;
} lsn_net;

LSN_API void lsn_net_destroy(lsn_net *net);

/* ---- one copy of the weights for several processes ----------------------------------------------------------- */

/* Floats that all weights and biases take where lsn_net_move_weights puts them, and that. The network reads them there
 * from then on; what it read them from is released. `to` is aligned to 64 bytes, and must outlive the network. */
LSN_API size_t lsn_net_floats(const lsn_net *net);
LSN_API void lsn_net_move_weights(lsn_net *net, float *to);
/* Bytes of its weights that are this process's own: 0 where they are mapped, or were moved. */
LSN_API size_t lsn_net_private_bytes(const lsn_net *net);
/* Has the network read its weights where those of the same network were moved to. */
LSN_API void lsn_net_use_weights(lsn_net *net, const float *from);

/* All of a network but its weights, as bytes for another process of the same program, which the caller frees; and a
 * network of these and of weights that were moved, `floats` of them, which must outlive it. `path` stands for the
 * file's in messages. NULL and *err (LSN_FAILED) where memory is short, or the bytes are not whole. The caller owns the
 * network. */
LSN_API void *lsn_net_write(const lsn_net *net, size_t *bytes, lsn_error *err);
LSN_API lsn_net *lsn_net_read(const void *bytes, size_t size, const char *path, const float *weights, size_t floats,
                              lsn_error *err);

/* ---- shapes and costs ---------------------------------------------------------------------------------------- */

/* Fixes the images' size and with it every node's shape. LSN_INVALID where the channels differ, where a map would
 * become empty on the way, or would be larger than it may be; and where a row has not as many values as the fully
 * connected layer behind it takes. The network is then as it was. May be called again with another size. */
LSN_API bool lsn_net_set_input(lsn_net *net, int h, int w, int channels, lsn_error *err);

/* Multiply-adds of one node for one image, with nothing removed: those of convolutions and fully connected layers. The
 * input must be set. */
LSN_API double lsn_net_node_madds(const lsn_net_node *node);
/* Weights of one filter: C / groups x K x K. */
LSN_API size_t lsn_net_node_terms(const lsn_net_node *node);
/* Weights and biases, as they are computed (what was folded in adds none). */
LSN_API int64_t lsn_net_node_parameters(const lsn_net_node *node);

/* ---- layers -------------------------------------------------------------------------------------------------- */

/* The node with the layer's weights. */
LSN_API const lsn_net_node *lsn_layer_node(const lsn_net *net, int layer);
/* Index of the layer of that name, or of that second name; -1 if there is none. */
LSN_API int lsn_net_find(const lsn_net *net, const char *name);
/* The max pooling between the layer's output and what the next layer sees, a node; -1 where there is none. */
LSN_API int lsn_layer_pooling(const lsn_net *net, int layer);
/* Filters of all layers but the logits; and those of the layers before `layer`: where its filters begin in an array
 * over all filters of the network. */
LSN_API int lsn_net_filters(const lsn_net *net);
LSN_API int lsn_net_filter_offset(const lsn_net *net, int layer);

/* ---- masks --------------------------------------------------------------------------------------------------- */

/* How a filter's post-ReLU output is removed. */
typedef enum lsn_mode {
    LSN_ZERO,     /* a := 0 */
    LSN_MEAN,     /* a := E[a], the channel's mean over the calibration images and positions */
    LSN_RESAMPLE, /* a := a', the channel's map from a calibration image drawn by seed: the same for all filters */
    LSN_NOISE,    /* a := N(m, s), m and s the channel's mean and standard deviation over the calibration images and
                   * positions; drawn by seed for each position of the map before pooling */
    LSN_N_MODES
} lsn_mode;

/* "zero", "mean", ... */
LSN_API const char *lsn_mode_name(lsn_mode mode);
/* The mode of that name; LSN_N_MODES if there is none. */
LSN_API lsn_mode lsn_mode_find(const char *name);

/* Some filters of one layer: ascending, without repeats, at least one. */
typedef struct lsn_mask_part {
    int32_t layer, count;
    const int32_t *filters;
} lsn_mask_part;

/* What is removed: parts in ascending order of layer, each layer once. No part: the baseline. Owns nothing. */
typedef struct lsn_mask {
    int32_t count;
    const lsn_mask_part *parts;
} lsn_mask;

/* An ablation: a mask and how its filters are removed. */
typedef struct lsn_ablation {
    lsn_mask mask;
    lsn_mode mode;
    int64_t seed; /* of LSN_RESAMPLE and LSN_NOISE, at least 0; else 0 */
} lsn_ablation;

#endif
