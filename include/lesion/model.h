/* Lesion: a network as data. The VGG family's layer table, inferred from the tensors of a weights file.
 *
 * Dimension letters, here and everywhere: N images, H rows, W columns, C channels (a layer's inputs), F filters (its
 * outputs), K kernel side. A network is a row of 3x3 convolutions (stride 1, padding 1, ReLU, some followed by 2x2 max
 * pooling), then torchvision's adaptive average pooling to grid x grid, then fully connected layers, all but the last
 * followed by ReLU. Functions are thread-safe for different models; a model is read-only once its input is set.
 */
#ifndef LESION_MODEL_H
#define LESION_MODEL_H

#include "lesion/base.h"

typedef enum lsn_layer_kind { LSN_CONV, LSN_FC } lsn_layer_kind;

#define LSN_LAYER_NAME_BYTES 16
#define LSN_MAX_LAYERS 256

typedef struct lsn_layer {
    char name[LSN_LAYER_NAME_BYTES]; /* conv1_1, fc6; conv1, fc1 where the network is not of five blocks */
    lsn_layer_kind kind;
    int filters;  /* F */
    int channels; /* C; for the first fully connected layer C of the last convolution x grid x grid */
    int kernel;   /* K: 3 for a convolution, 1 for a fully connected layer */
    bool pool;    /* 2x2 max pooling, stride 2, follows the ReLU (odd last row and column are dropped) */
    bool logits;  /* the last layer: no ReLU, not ablated */
    /* Set by lsn_model_set_input: the map's size (output size before pooling = input size; 1x1 if fully connected)
     * and what the next layer sees (after pooling). */
    int h, w, out_h, out_w;
    /* [F][C][K][K] as in the file; the first fully connected layer's C runs over [C][grid][grid]. All finite. */
    const float *weights;
    const float *bias;                  /* [F] */
    char *weights_tensor, *bias_tensor; /* their names in the file */
} lsn_layer;

typedef struct lsn_model {
    int n_layers, n_conv; /* layers[0 .. n_conv-1] are convolutions, the rest fully connected; n_layers > n_conv */
    lsn_layer *layers;
    int grid;    /* side of the average-pooled map that the first fully connected layer sees */
    int classes; /* logits */
    int input_channels;
    int input_h, input_w; /* 0 until set */
    char *path;
    char *dtype;       /* of the weights in the file: "F32", "F16", "BF16", or "mixed" */
    lsn_digest digest; /* SHA-256 of the file */
    struct lsn_model_storage *storage;
} lsn_model;

/* Reads a safetensors file (F32, F16, BF16; F32 stays mapped, so the file must not be overwritten while the model
 * lives, only replaced). Poolings follow from the numbers of the modules: features.N and the next convolution are 2
 * apart (ReLU between) or 3 (and pooling); the last convolution is always pooled. Names are VGG's where there are five
 * poolings. NULL and *err (LSN_INVALID, with the tensor's name) on anything that is not a whole, consistent network of
 * the family, batch normalisation included (it must be folded first); LSN_FAILED where memory is short. The caller
 * owns the model. */
LSN_API lsn_model *lsn_model_load(const char *path, lsn_error *err);
LSN_API void lsn_model_destroy(lsn_model *model);

/* Fixes the images' size and with it every layer's map. LSN_INVALID where the channels differ, or where the map would
 * become empty on the way. May be called again with another size. */
LSN_API bool lsn_model_set_input(lsn_model *model, int h, int w, int channels, lsn_error *err);

/* Multiply-adds of one layer for one image, with nothing removed. The input must be set. */
LSN_API double lsn_layer_madds(const lsn_layer *layer);
/* Weights and biases of one layer. */
LSN_API int64_t lsn_layer_parameters(const lsn_layer *layer);

/* Index of the layer of that name, -1 if there is none. */
LSN_API int lsn_model_find(const lsn_model *model, const char *name);
/* Filters of all layers but the logits; and those of the layers before `layer`: where its filters begin in an array
 * over all filters of the network. */
LSN_API int lsn_model_filters(const lsn_model *model);
LSN_API int lsn_model_filter_offset(const lsn_model *model, int layer);

/* ---- masks --------------------------------------------------------------------------------------------------- */

/* How a filter's post-ReLU output is removed. */
typedef enum lsn_mode {
    LSN_ZERO, /* a := 0 */
    LSN_MEAN, /* a := E[a], the channel's mean over the calibration images and positions */
    LSN_N_MODES
} lsn_mode;

/* "zero", "mean". */
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
} lsn_ablation;

#endif
