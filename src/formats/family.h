/* The layer table, inferred from a file's modules. Private to the model room. */
#ifndef LESION_FORMATS_FAMILY_H
#define LESION_FORMATS_FAMILY_H

#include "lesion/formats.h"
#include "formats/modules.h"

/* Sets model->layers (to be freed, on failure too) and all that follows from names and shapes: everything but the
 * maps' sizes and the weights themselves. tensors[LSN_MAX_LAYERS] gets each layer's tensors. LSN_INVALID with the
 * tensor's name where they are not a whole, consistent network. */
bool lsn_family_infer(lsn_net *net, const lsn_weights *weights, const lsn_modules *modules,
                      lsn_layer_tensors *tensors, lsn_error *err);

/* ---- what the kinds of network share (layers.c) -------------------------------------------------------------- */

/* A row of layers while it is read. */
typedef struct lsn_row {
    const lsn_weights *weights;
    lsn_layer *layers;          /* [LSN_MAX_LAYERS] */
    lsn_layer_tensors *tensors; /* [LSN_MAX_LAYERS] */
    int count;
} lsn_row;

/* Appends a layer of that module: checks its weights' shape (rank 4 for a convolution; a fully connected layer may be
 * written as one, as timm does) and its bias, and that it takes what the layer before gives, unless `first`. */
bool lsn_row_add(lsn_row *row, lsn_layer_kind kind, const lsn_module *module, bool first, lsn_error *err);

/* Takes the batch normalisation as following the last layer. */
bool lsn_row_add_norm(lsn_row *row, const lsn_module *norm, lsn_error *err);

/* ---- the kinds of network ------------------------------------------------------------------------------------ */

/* Convolutions (features.N), then fully connected layers. */
bool lsn_vgg_infer(lsn_net *net, lsn_row *row, const lsn_modules *modules, lsn_error *err);

/* Fully connected layers alone. */
bool lsn_chain_infer(lsn_net *net, lsn_row *row, const lsn_modules *modules, lsn_error *err);

#endif
