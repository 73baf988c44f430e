/* Lesion: a network as data. The VGG family's layer table, inferred from the tensors of a weights file.
 *
 * Dimension letters, here and everywhere: N images, H rows, W columns, C channels (a layer's inputs), F filters (its
 * outputs), K kernel side. A network is a row of 3x3 convolutions (stride 1, padding 1, ReLU, some followed by 2x2 max
 * pooling), then torchvision's adaptive average pooling to grid x grid, then fully connected layers, all but the last
 * followed by ReLU. Or it is a chain: fully connected layers alone (n_conv == 0), of which the first sees the whole
 * preprocessed image, flattened as PyTorch does it: value [c][y][x] of the image is input (c * H + y) * W + x.
 * Functions are thread-safe for different models; a model is read-only once its input is set.
 */
#ifndef LESION_NET_H
#define LESION_NET_H

#include "lesion/base.h"

typedef enum lsn_layer_kind { LSN_CONV, LSN_FC } lsn_layer_kind;

#define LSN_LAYER_NAME_BYTES 16
#define LSN_MAX_LAYERS 256

typedef struct lsn_layer {
    char name[LSN_LAYER_NAME_BYTES]; /* conv1_1, fc6; conv1, fc1 where the network is not of five blocks */
    lsn_layer_kind kind;
    int filters;  /* F */
    int channels; /* C; for the first fully connected layer C of the last convolution x grid x grid, or H x W x C of
                   * the image where there is no convolution */
    int kernel;   /* K: 3 for a convolution, 1 for a fully connected layer */
    bool pool;    /* 2x2 max pooling, stride 2, follows the ReLU (odd last row and column are dropped) */
    bool logits;  /* the last layer: no ReLU, not ablated */
    /* Set by lsn_net_set_input: the map's size (output size before pooling = input size; 1x1 if fully connected)
     * and what the next layer sees (after pooling). */
    int h, w, out_h, out_w;
    /* [F][C][K][K] in the file's order; the first fully connected layer's C runs over [C][grid][grid] ([C][H][W] of the
     * image in a chain). A batch normalisation that follows is folded in. All finite. */
    const float *weights;
    const float *bias;                  /* [F]; zeros where the file has none */
    char *weights_tensor, *bias_tensor; /* their names in the file; bias_tensor is NULL where the file has none */
    char *norm; /* the module in the file of the batch normalisation that was folded in: "features.1"; NULL: none was */
} lsn_layer;

typedef struct lsn_net {
    int n_layers, n_conv; /* layers[0 .. n_conv-1] are convolutions, the rest fully connected; n_layers > n_conv */
    lsn_layer *layers;
    int n_folded;         /* layers into which a batch normalisation was folded */
    int grid;             /* side of the average-pooled map that the first fully connected layer sees; 0 in a chain */
    bool fixed_map;       /* the last map may not be larger than grid x grid: timm's networks, see below */
    int classes;          /* logits */
    int input_channels;   /* of a chain: 0 until the input is set */
    int input_h, input_w; /* 0 until set */
    char *path;
    char *dtype;       /* of the weights in the file: "F32", "F16", "BF16", "F64", or "mixed" */
    lsn_digest digest; /* SHA-256 of the file */
    struct lsn_net_storage *storage;
} lsn_net;

LSN_API void lsn_net_destroy(lsn_net *net);

/* ---- one copy of the weights for several processes ----------------------------------------------------------- */

/* Floats that all weights and biases take where lsn_net_move_weights puts them, and that. The model reads them there
 * from then on; what it read them from is released. `to` is aligned to 64 bytes, and must outlive the model. */
LSN_API size_t lsn_net_floats(const lsn_net *net);
LSN_API void lsn_net_move_weights(lsn_net *net, float *to);
/* Bytes of its weights that are this process's own: 0 where they are mapped, or were moved. */
LSN_API size_t lsn_net_private_bytes(const lsn_net *net);
/* Has the model read its weights where those of the same network were moved to. */
LSN_API void lsn_net_use_weights(lsn_net *net, const float *from);

/* All of a network but its weights, as plain bytes for a process of the same program; and a model of these and of
 * weights that were moved, which must outlive it. `path` stands for the file's in messages. NULL where memory is short.
 * The caller owns the model. */
LSN_API size_t lsn_net_table_bytes(void);
LSN_API void lsn_net_write_table(const lsn_net *net, void *table);
LSN_API lsn_net *lsn_net_read_table(const void *table, const char *path, const float *weights, lsn_error *err);

/* ---- shapes -------------------------------------------------------------------------------------------------- */

/* Fixes the images' size and with it every layer's map. LSN_INVALID where the channels differ, where the map would
 * become empty on the way, or where it would be larger than a fixed one; of a chain: where h x w x channels is not what
 * its first layer takes. May be called again with another size. */
LSN_API bool lsn_net_set_input(lsn_net *net, int h, int w, int channels, lsn_error *err);

/* Multiply-adds of one layer for one image, with nothing removed. The input must be set. */
LSN_API double lsn_layer_madds(const lsn_layer *layer);
/* Weights and biases of one layer, as it is computed (what was folded in adds none). */
LSN_API int64_t lsn_layer_parameters(const lsn_layer *layer);

/* Index of the layer of that name, -1 if there is none. */
LSN_API int lsn_net_find(const lsn_net *net, const char *name);
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
